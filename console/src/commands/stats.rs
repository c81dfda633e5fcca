//! `qadmin stats`

use comfy_table::Cell;
use serde_json::Value;

use super::render;
use super::session::{Session, bytes};
use crate::cli;
use crate::client::{JobRef, StatsRequest};
use crate::failure::{Exit, Failure};
use crate::grid::Grid;
use crate::progress::{self, End};
use crate::reply::{Map, Stats};
use crate::table::{cell, pairs, show};
use crate::text::{self, counted, escape, grouped, time};

/// Characters of the longest bar.
const BAR: u64 = 20;

pub(crate) fn run(session: &mut Session, args: &cli::Stats) -> Result<Exit, Failure> {
    let request = StatsRequest {
        queue: bytes(&args.target.queue),
        filter: args.target.filter.words(),
        by: args.by.clone(),
        top: args.top,
        index: args.index.key.as_deref().map(bytes),
        bust: args.bust,
        inexact: args.inexact,
        kind: args.target.kind,
        priority: args.target.priority.clone(),
    };
    let mut stats = session.client.stats(&request)?;
    if stats.mode == "job" && stats.matched.is_none() && !args.no_wait {
        let id = stats.job_id.clone().unwrap_or_default();
        let job = JobRef { id, queue: Some(request.queue) };
        match progress::follow(&mut session.client, &job, session.quiet)? {
            End::Ended(status) => stats = stats.with_job(&status),
            End::Left => return Ok(Exit::Interrupted),
        }
    }
    session.show(&Value::Object(stats.map.0.clone()), || people(&stats, &args.by));
    Ok(if stats.count_error.is_some() { Exit::JobFailed } else { Exit::Done })
}

fn people(stats: &Stats, by: &[String]) -> String {
    let counts = match (&stats.count_error, stats.matched) {
        (Some(error), _) => format!("unknown, the count failed: {}", escape(error.as_bytes())),
        (None, Some(n)) => counted(n, "message"),
        (None, None) => {
            format!("still counting, job {}", escape(stats.job_id.as_deref().unwrap_or_default().as_bytes()))
        }
    };
    let mut rows = vec![("queue", cell(Some(&stats.queue)))];
    if !stats.filter.is_empty() {
        rows.push(("filter", cell(Some(stats.filter.as_bytes()))));
    }
    rows.push(("depth", Cell::new(counted(stats.depth, "message"))));
    rows.push(("counted", Cell::new(counts)));
    if let Some(n) = stats.groups_total {
        rows.push(("groups", Cell::new(grouped(n))));
    }
    rows.extend(render::source(&stats.map));
    rows.extend(render::ages(&stats.map));
    if let Some(at) = stats.cached_at {
        rows.push(("when", Cell::new(format!("{} (--bust counts again)", time(at)))));
    }
    let mut parts = vec![show(&pairs(rows))];
    parts.extend(render::notes(&stats.doubts));
    parts.extend(render::other_lists(stats.other_priorities_depth));
    if !stats.groups.is_empty() {
        parts.push(String::new());
        parts.push(groups(stats, by));
    }
    parts.join("\n")
}

fn groups(stats: &Stats, by: &[String]) -> String {
    let with_ages = stats.groups.iter().any(|group| group.count("oldest_age").is_some());
    let mut grid = Grid::new(&[]);
    for field in by {
        grid.text(escape(field.as_bytes()));
    }
    grid.more(&[">messages", ">share", ">size", ">next", ">last"]);
    if with_ages {
        grid.more(&[">next waits", ">oldest waits"]);
    }
    grid.more(&[""]);
    let largest = stats.groups.iter().map(|group| group.sum("count")).max().unwrap_or(0).max(1);
    // For groups by `bytes`, the member of that name is the size of one message.
    let by_size = by.iter().any(|field| field == "bytes");
    let size = |group: &Map| if by_size { "-".to_owned() } else { text::bytes(group.sum("bytes")) };
    for group in &stats.groups {
        let count = group.sum("count");
        let mut cells: Vec<Cell> = by.iter().map(|field| cell(group.bytes(field).as_deref())).collect();
        cells.push(Cell::new(grouped(count)));
        cells.push(Cell::new(share(group.sum("share"))));
        cells.push(Cell::new(size(group)));
        cells.push(Cell::new(group.runs("next").unwrap_or_else(|| "-".to_owned())));
        cells.push(Cell::new(group.runs("last").unwrap_or_else(|| "-".to_owned())));
        if with_ages {
            cells.push(Cell::new(text::age(group.count("next_age"), group.flag("next_at_least"))));
            cells.push(Cell::new(text::age(group.count("oldest_age"), group.flag("oldest_at_least"))));
        }
        cells.push(Cell::new("#".repeat(usize::try_from((count * BAR).div_ceil(largest)).unwrap_or(0))));
        grid.add(cells);
    }
    if stats.other.sum("count") > 0 {
        let groups = stats
            .other
            .count("groups")
            .map_or_else(|| "others".to_owned(), |n| format!("{} others", grouped(n)));
        let mut cells = vec![Cell::new(groups)];
        cells.extend(by.iter().skip(1).map(|_| Cell::new("")));
        cells.push(Cell::new(grouped(stats.other.sum("count"))));
        cells.push(Cell::new(share(stats.other.sum("share"))));
        cells.push(Cell::new(text::bytes(stats.other.sum("bytes"))));
        grid.add(cells);
    }
    grid.show()
}

/// Per mille as percent.
fn share(per_mille: u64) -> String {
    format!("{}.{} %", per_mille / 10, per_mille % 10)
}
