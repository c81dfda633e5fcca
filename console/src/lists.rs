//! Lists of messages and of jobs.

use comfy_table::Cell;

use crate::grid::Grid;
use crate::reply::{Map, Status};
use crate::table::{cell, coloured};
use crate::text::{escape, grouped, place, time};

/// Sampled messages. `runs` is the position in the queue: 1 runs next.
pub(crate) fn sample(rows: &[Map]) -> String {
    let names: Vec<&str> = rows.first().map(|row| row.names().collect()).unwrap_or_default();
    let is_shown = |name: &&str| *name != "index" && rows.iter().any(|row| row.bytes(name).is_some());
    // Numbers come first, so that texts, whose headings are fields, can follow.
    let (numbers, texts): (Vec<&str>, Vec<&str>) =
        names.into_iter().filter(is_shown).partition(|name| *name == "bytes");
    let mut grid = Grid::new(if numbers.is_empty() { &[">runs"] } else { &[">runs", ">bytes"] });
    for name in &texts {
        grid.text(escape(name.as_bytes()));
    }
    for row in rows {
        let runs = row.int("index").map_or_else(|| "-".to_owned(), |index| grouped(place(index)));
        let cells = numbers.iter().chain(&texts).map(|name| match row.time(name) {
            Some(time) => Cell::new(time),
            None => cell(row.bytes(name).as_deref()),
        });
        grid.add(std::iter::once(Cell::new(runs)).chain(cells));
    }
    grid.show()
}

/// Jobs, one on each line. What matters least is at the right.
pub(crate) fn jobs(jobs: &[Status]) -> String {
    let mut grid = Grid::new(&[
        "@started", "#job", "what", "status", "queue", ">cleared", "filter", "by", ">matched", "reason",
    ]);
    for job in jobs {
        grid.add([
            Cell::new(time(job.started_at)),
            cell(Some(job.job_id.as_bytes())),
            Cell::new(escape(job.what().as_bytes())),
            progress(job),
            cell(Some(&job.queue)),
            Cell::new(cleared(job)),
            cell(Some(job.filter.as_bytes())),
            cell(job.actor.as_deref().or(job.user.as_deref())),
            Cell::new(grouped(job.matched)),
            cell(job.reason.as_deref()),
        ]);
    }
    grid.show()
}

/// The status, and of a live job how far it is.
fn progress(job: &Status) -> Cell {
    let text =
        if job.has_ended() { job.status.clone() } else { format!("{} {} %", job.status, job.progress) };
    coloured(&text, &job.status)
}

fn cleared(job: &Status) -> String {
    if job.dry_run || job.kind != "clear" { "-".to_owned() } else { grouped(job.deleted) }
}
