//! `qadmin index`

use comfy_table::Cell;
use serde_json::Value;

use super::session::{Session, bytes};
use crate::ages::Ages;
use crate::cli::{IndexCommand, IndexCreate};
use crate::failure::{Exit, Failure};
use crate::grid::Grid;
use crate::index::ListIndex;
use crate::reply::Map;
use crate::table::{cell, pairs, show};
use crate::text::{self, age, counted, escape, grouped};

/// Characters of the longest bar.
const BAR: u64 = 20;

pub(crate) fn run(session: &mut Session, command: &IndexCommand) -> Result<Exit, Failure> {
    match command {
        IndexCommand::Create(args) => create(session, args)?,
        IndexCommand::Drop(args) => {
            let dropped = session.client.drop_index(&bytes(&args.queue))?;
            session.show(&Value::Object(dropped.0), || {
                format!("Dropped the index of {}.", escape(&bytes(&args.queue)))
            });
        }
        IndexCommand::List => {
            let all = session.client.indexes()?;
            let json = all.iter().map(|index| Value::Object(index.map.0.clone())).collect();
            session.show(&Value::Array(json), || list(&all));
        }
        IndexCommand::Info(args) => {
            let index = session.client.index(&bytes(&args.queue))?;
            session.show(&Value::Object(index.map.0.clone()), || people(&index));
        }
    }
    Ok(Exit::Done)
}

fn create(session: &mut Session, args: &IndexCreate) -> Result<(), Failure> {
    let index = session.client.create_index(&bytes(&args.queue), &args.fields, args.kind)?;
    session.show(&Value::Object(index.map.0.clone()), || people(&index));
    session.say("The index belongs to this server. CONFIG REWRITE keeps it over a restart.");
    Ok(())
}

fn list(all: &[ListIndex]) -> String {
    if all.is_empty() {
        return "There are no indexes of lists that you may read.".to_owned();
    }
    let mut grid = Grid::new(&[
        "queue",
        ">db",
        "state",
        ">depth",
        ">next waits",
        ">oldest waits",
        ">in/min",
        ">out/min",
        ">mean wait",
        ">memory",
        "fields",
    ]);
    for index in all {
        let of =
            |value: fn(&Ages) -> String| Cell::new(index.ages.as_ref().map_or_else(|| "-".to_owned(), value));
        grid.add([
            cell(Some(&index.queue)),
            Cell::new(index.db),
            Cell::new(escape(index.state.as_bytes())),
            Cell::new(grouped(index.depth)),
            of(Ages::next),
            of(Ages::oldest),
            of(Ages::pushed),
            of(Ages::popped),
            of(Ages::mean),
            Cell::new(text::bytes(index.memory)),
            Cell::new(index.fields().join(", ")),
        ]);
    }
    grid.show()
}

fn people(index: &ListIndex) -> String {
    let mut rows = vec![("queue", cell(Some(&index.queue)))];
    if index.db > 0 {
        rows.push(("database", Cell::new(index.db)));
    }
    rows.extend(index.lines().into_iter().map(|(name, value)| (name, Cell::new(value))));
    let mut parts = vec![show(&pairs(rows))];
    let buckets = index.map.maps("wait_histogram");
    if !buckets.is_empty() {
        let largest = buckets.iter().map(|bucket| bucket.sum("messages")).max().unwrap_or(0).max(1);
        let mut grid = Grid::new(&[">waited less than", ">messages", ""]);
        for bucket in &buckets {
            let messages = bucket.sum("messages");
            let bar = (u128::from(messages) * u128::from(BAR)).div_ceil(u128::from(largest));
            grid.add([
                Cell::new(age(bucket.count("below_ms"), false)),
                Cell::new(grouped(messages)),
                Cell::new("#".repeat(usize::try_from(bar).unwrap_or(0))),
            ]);
        }
        parts.extend([String::new(), grid.show()]);
    }
    for field in index.map.maps("value_waits") {
        parts.extend(value_waits(&field));
    }
    parts.join("\n")
}

/// How long messages with each value of a field had waited; nothing where that is not known of any.
fn value_waits(field: &Map) -> Vec<String> {
    let name = escape(&field.bytes("field").unwrap_or_default());
    let mut grid = Grid::new(&[]);
    grid.text(name);
    grid.more(&[">messages", ">mean wait", ">longest wait"]);
    let mut rows = field.maps("values");
    let is_empty = rows.is_empty();
    let other = Map::new(field.0.get("other").cloned().unwrap_or_default());
    rows.extend((other.sum("waits") > 0).then_some(other));
    for row in &rows {
        let is_other = !row.0.contains_key("value");
        grid.add([
            if is_other { Cell::new("others") } else { cell(row.bytes("value").as_deref()) },
            Cell::new(grouped(row.sum("waits"))),
            Cell::new(age(row.count("wait_mean_ms"), false)),
            Cell::new(age(row.count("wait_max_ms"), false)),
        ]);
    }
    let unknown = field.sum("unread") + field.sum("skipped");
    let mut parts = Vec::new();
    if !is_empty || unknown > 0 {
        parts.extend([String::new(), grid.show()]);
    }
    if unknown > 0 {
        parts.push(format!(
            "! taken before they were read, so under no value: {}",
            counted(unknown, "message")
        ));
    }
    parts
}
