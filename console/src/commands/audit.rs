//! `qadmin audit`

use comfy_table::Cell;
use serde_json::Value;

use super::session::bytes;
use crate::audit::{Entry, Wanted, read};
use crate::cli;
use crate::connection::Server;
use crate::csv::csv;
use crate::failure::{Exit, Failure};
use crate::grid::Grid;
use crate::table::state;
use crate::terminal;
use crate::text::{escape, grouped, time};

pub(crate) fn run(server: &mut Server, args: &cli::Audit, json: bool) -> Result<Exit, Failure> {
    if json && args.csv {
        return Err(Failure::new(Exit::Usage, "--json and --csv are two forms of output; give one of them"));
    }
    let equal = [("queue", &args.queue), ("user", &args.user), ("actor", &args.actor)];
    let wanted = Wanted {
        equal: equal.into_iter().filter_map(|(name, value)| Some((name, bytes(value.as_deref()?)))).collect(),
        events: args.event.clone(),
        since: args.since.map_or(0, |since| since.0),
        count: usize::try_from(args.count).unwrap_or(usize::MAX),
        ..Wanted::default()
    };
    let found = read(server, &wanted)?;
    if json {
        terminal::print_json(&Value::Array(found.entries.iter().map(Entry::json).collect()));
    } else if args.csv {
        terminal::print(&csv(&found.entries));
    } else if found.entries.is_empty() {
        terminal::print("There are no such entries.");
    } else {
        terminal::print(&people(&found.entries));
    }
    if !found.complete {
        eprintln!(
            "! The list is not complete: a node of the cluster has too many keys to find all of its streams."
        );
    }
    Ok(Exit::Done)
}

fn people(entries: &[Entry]) -> String {
    let mut grid = Grid::new(&[
        "@when", "event", "#job", "queue", "status", ">cleared", "actor", "filter", "reason", "user",
        ">matched", "options", "message",
    ]);
    for entry in entries {
        let text = |name: &str| {
            Cell::new(if entry.get(name).is_empty() { "-".to_owned() } else { escape(entry.get(name)) })
        };
        let number =
            |name: &str| entry.number(name).map_or_else(|| text(name), |number| Cell::new(grouped(number)));
        grid.add([
            Cell::new(time(i64::try_from(entry.id.0).unwrap_or(i64::MAX))),
            text("event"),
            text("job_id"),
            text("queue"),
            state(&String::from_utf8_lossy(entry.get("status"))),
            number("deleted"),
            text("actor"),
            text("filter"),
            text("reason"),
            text("user"),
            number("matched"),
            text("options"),
            text("message_id"),
        ]);
    }
    grid.show()
}
