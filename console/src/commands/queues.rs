//! `qadmin queues`

use comfy_table::Cell;
use serde_json::Value;

use super::session::Session;
use crate::ages::Ages;
use crate::cli;
use crate::failure::{Exit, Failure};
use crate::grid::Grid;
use crate::reply::Queues;
use crate::table::cell;
use crate::text::{bytes, counted, grouped};

pub(crate) fn run(session: &mut Session, args: &cli::Queues) -> Result<Exit, Failure> {
    let queues = session.client.queues(args.glob.as_deref())?;
    session.show(&Value::Object(queues.map.0.clone()), || people(&queues));
    Ok(Exit::Done)
}

fn people(queues: &Queues) -> String {
    let with_ages = queues.know_ages();
    let mut grid = Grid::new(&["queue", ">depth"]);
    if with_ages {
        grid.more(&[">next waits", ">oldest waits", ">in/min", ">out/min", ">mean wait"]);
    }
    grid.more(&["next task", ">size", "priorities"]);
    for row in &queues.queues {
        let size = row.sum("bytes_estimate");
        let mut cells = vec![cell(row.bytes("queue").as_deref()), Cell::new(grouped(row.sum("depth")))];
        if with_ages {
            let ages = Ages::of(row);
            let of =
                |value: fn(&Ages) -> String| Cell::new(ages.as_ref().map_or_else(|| "-".to_owned(), value));
            cells.extend([Ages::next, Ages::oldest, Ages::pushed, Ages::popped, Ages::mean].map(of));
        }
        cells.push(cell(row.bytes("next_task").as_deref()));
        cells.push(Cell::new(if size == 0 { "-".to_owned() } else { format!("~{}", bytes(size)) }));
        cells.push(Cell::new(priorities(row)));
        grid.add(cells);
    }
    let mut lines = if queues.queues.is_empty() {
        vec!["There are no queues that you may read.".to_owned()]
    } else {
        vec![grid.show()]
    };
    if let Some(held) = queues.unacked.filter(|n| *n > 0) {
        lines.push(format!("\n{} not acknowledged yet by workers.", counted(held, "message")));
    }
    if !queues.complete {
        lines.push(
            "! The list is not complete: the walk over the keys was cut short, or there are too many queues."
                .to_owned(),
        );
    }
    lines.join("\n")
}

/// Depths of the lists of a queue with priorities: `0:12 3:4`.
fn priorities(row: &crate::reply::Map) -> String {
    let steps = row.maps("priorities");
    if steps.is_empty() {
        return "-".to_owned();
    }
    let own = format!("0:{}", grouped(row.sum("own_depth")));
    let others = steps.iter().map(|step| format!("{}:{}", step.sum("step"), grouped(step.sum("depth"))));
    std::iter::once(own).chain(others).collect::<Vec<_>>().join(" ")
}
