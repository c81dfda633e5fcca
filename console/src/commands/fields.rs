//! `qadmin fields`

use comfy_table::Cell;
use serde_json::Value;

use super::session::{Session, bytes};
use crate::cli;
use crate::failure::{Exit, Failure};
use crate::grid::Grid;
use crate::messages::{self, QueueOf};
use crate::reply::Map;
use crate::table::{cell, pairs, show};
use crate::text::{counted, escape, grouped};

/// Characters of an example.
const EXAMPLE_MAX: usize = 24;

pub(crate) fn run(session: &mut Session, args: &cli::Fields) -> Result<Exit, Failure> {
    let of = QueueOf {
        queue: bytes(&args.target.queue),
        index: args.index.key.as_deref().map(bytes),
        kind: args.target.kind,
        priority: args.target.priority.clone(),
    };
    let reply = messages::fields(&mut session.client, &of, &args.target.filter.words())?;
    session.show(&Value::Object(reply.0.clone()), || people(&reply));
    Ok(Exit::Done)
}

fn people(reply: &Map) -> String {
    let (looked_at, matched) = (reply.sum("looked_at"), reply.sum("matched"));
    let mut rows = vec![("queue", cell(reply.bytes("queue").as_deref()))];
    if let Some(filter) = reply.bytes("filter") {
        rows.push(("filter", cell(Some(&filter))));
    }
    rows.push(("depth", Cell::new(counted(reply.sum("depth"), "message"))));
    let read = format!("{} that run next", counted(looked_at, "message"));
    rows.push((
        "read",
        Cell::new(if matched == looked_at { read } else { format!("{read}, {} match", grouped(matched)) }),
    ));
    let mut parts = vec![show(&pairs(rows))];
    let notes = [
        reply.bytes("notice").map(|notice| escape(&notice)),
        reply.word("looks_like").map(|kind| {
            format!("the messages look like {}; --as {0} reads them so", escape(kind.as_bytes()))
        }),
        (reply.sum("unreadable") > 0)
            .then(|| format!("{} arguments that cannot be read", have(reply.sum("unreadable")))),
        (reply.sum("undecodable") > 0)
            .then(|| format!("{} not read as messages", are(reply.sum("undecodable")))),
        (reply.sum("unnamed") > 0)
            .then(|| "some arguments or headers have names that no filter can type".to_owned()),
    ];
    parts.extend(notes.into_iter().flatten().map(|note| format!("! {note}.")));
    let fields = reply.maps("fields");
    if !fields.is_empty() {
        parts.push(String::new());
        parts.push(listed(&fields));
    }
    let total = reply.count("fields_total");
    let more = total.map(|total| total.saturating_sub(fields.len() as u64));
    match more {
        Some(0) => {}
        Some(n) => parts.push(format!("and {} that fewer messages have", counted(n, "field"))),
        None => parts.push("and very many fields that fewer messages have".to_owned()),
    }
    parts.join("\n")
}

fn have(n: u64) -> String {
    format!("{} {}", counted(n, "message"), if n == 1 { "has" } else { "have" })
}

fn are(n: u64) -> String {
    format!("{} {}", counted(n, "element"), if n == 1 { "is" } else { "are" })
}

fn listed(fields: &[Map]) -> String {
    let mut grid = Grid::new(&["field", "type", ">messages", "examples"]);
    for field in fields {
        let examples: Vec<String> =
            items(field, "examples").iter().map(|example| cut(example, EXAMPLE_MAX)).collect();
        grid.add([
            cell(field.bytes("name").as_deref()),
            Cell::new(items(field, "types").join(", ")),
            Cell::new(grouped(field.sum("count"))),
            Cell::new(examples.join(" | ")),
        ]);
    }
    grid.show()
}

/// Returns the values of a list, safe to print.
fn items(field: &Map, name: &str) -> Vec<String> {
    let values = field.0.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = |value: &Value| match value {
        Value::String(text) => escape(text.as_bytes()),
        other => escape(other.to_string().as_bytes()),
    };
    values.iter().map(text).collect()
}

/// Returns the text, cut to this many characters.
fn cut(text: &str, most: usize) -> String {
    match text.chars().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most - 3).chain("...".chars()).collect(),
    }
}
