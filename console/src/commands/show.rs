//! `qadmin show`

use comfy_table::Cell;
use serde_json::Value;

use super::session::{Session, bytes};
use crate::cli;
use crate::failure::{Exit, Failure};
use crate::json_text::pretty;
use crate::messages::{self, QueueOf};
use crate::reply::Map;
use crate::table::{cell, pairs, show};
use crate::terminal;
use crate::text::{self, escape, grouped, place};

/// The parts that are JSON, with their headings.
const PARTS: [(&str, &str); 4] = [
    ("headers", "headers"),
    ("properties", "properties"),
    ("args", "positional arguments"),
    ("kwargs", "keyword arguments"),
];

pub(crate) fn run(session: &mut Session, args: &cli::Show) -> Result<Exit, Failure> {
    let of = QueueOf {
        queue: bytes(&args.queue),
        index: args.index.key.as_deref().map(bytes),
        kind: args.kind,
        priority: args.priority.clone(),
    };
    let message = messages::show(&mut session.client, &of, &bytes(&args.id))?;
    if args.raw {
        terminal::print_raw(&message.bytes("raw").unwrap_or_default());
        return Ok(Exit::Done);
    }
    session.show(&Value::Object(message.0.clone()), || people(&message));
    Ok(Exit::Done)
}

fn people(message: &Map) -> String {
    let mut rows = vec![("queue", cell(message.bytes("queue").as_deref()))];
    if let Some(index) = message.int("index") {
        rows.push(("runs", Cell::new(grouped(place(index)))));
    }
    for (name, heading) in [("run_at", "runs at"), ("delivered_at", "delivered")] {
        if let Some(time) = message.time(name) {
            rows.push((heading, Cell::new(time)));
        }
    }
    if let Some(step) = message.int("priority") {
        rows.push(("step", Cell::new(step)));
    }
    rows.push(("size", Cell::new(text::bytes(message.sum("bytes")))));
    let fields = Map::new(message.0.get("fields").cloned().unwrap_or_default());
    let names: Vec<String> = fields.names().map(|name| escape(name.as_bytes())).collect();
    for (name, shown) in fields.names().zip(&names) {
        rows.push((shown, cell(fields.bytes(name).as_deref())));
    }
    let mut parts = vec![show(&pairs(rows))];
    for (name, heading) in PARTS {
        if let Some(json) = message.bytes(name) {
            parts.push(format!("\n{heading}\n{}", pretty(&json, 2)));
        }
    }
    if let Some(notice) = message.bytes("notice") {
        parts.push(format!(
            "\n! {}\n  {}",
            escape(&notice),
            escape(&message.bytes("raw").unwrap_or_default())
        ));
    }
    let cut = message.0.get("cut").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if !cut.is_empty() {
        let cut: Vec<&str> = cut.iter().filter_map(Value::as_str).collect();
        parts.push(format!("\n! Longer than a reply shows, and cut: {}.", escape(cut.join(", ").as_bytes())));
    }
    parts.join("\n")
}
