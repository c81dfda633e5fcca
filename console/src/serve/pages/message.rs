//! One message whole: its fields, arguments, headers and raw text.

use maud::{Markup, html};
use serde_json::Value;

use super::layout::{self, Frame, facts, text};
use crate::failure::{Exit, Failure};
use crate::json_text::pretty;
use crate::kind::MessageKind;
use crate::reply::Map;
use crate::serve::params::{Params, Target, encode};
use crate::text::{bytes, escape, grouped, place};

/// The parts that are JSON, with their headings.
const PARTS: [(&str, &str); 5] = [
    ("args", "Positional arguments"),
    ("kwargs", "Keyword arguments"),
    ("headers", "Headers"),
    ("properties", "Properties"),
    ("body", "Body"),
];

/// The page. `Err`: why the message cannot be shown.
pub(super) fn page(frame: &Frame, params: &Params, message: &Result<Map, Failure>) -> Markup {
    let target = Target::new(params);
    let id = escape(&params.bytes("id").unwrap_or_default());
    let body = html! {
        h1 { "Message " (id) }
        p { "In " a href={ "/queue?" (target.queue_query()) } { (escape(&target.queue)) } }
        @match message {
            Ok(message) => (whole(&target, message)),
            Err(failure) => {
                @for line in failure.words.lines() { p.error role="alert" { (line) } }
                @if failure.exit == Exit::NoRight { p { "To be shown messages with their bodies, the Redis user needs +qadmin.show." } }
                @if failure.exit == Exit::NoJob { p { "A worker has probably taken it. " a href={ "/queue?" (target.queue_query()) } { "What is in this queue?" } } }
            }
        }
    };
    layout::page(&format!("Message {id}"), frame, &body)
}

fn whole(target: &Target, message: &Map) -> Markup {
    let raw = message.bytes("raw").unwrap_or_default();
    let cut: Vec<String> = match message.0.get("cut") {
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).map(|name| escape(name.as_bytes())).collect()
        }
        _ => Vec::new(),
    };
    html! {
        section.card { (facts(&about(message).iter().map(|(name, value)| (name.as_str(), text(value))).collect::<Vec<_>>())) }
        @if let Some(notice) = message.bytes("notice") { p.note { (escape(&notice)) } }
        @if !cut.is_empty() { p.note { "Longer than a reply shows, and cut: " (cut.join(", ")) "." } }
        @for (name, heading) in PARTS {
            @if let Some(json) = message.bytes(name).filter(|json| !json.is_empty()) {
                section {
                    h2 id={ "part-" (name) } { (heading) }
                    pre.scroll tabindex="0" role="region" aria-labelledby={ "part-" (name) } { (pretty(&json, 0)) }
                }
            }
        }
        section {
            h2 #part-raw { "Raw text" }
            pre.scroll.raw tabindex="0" role="region" aria-labelledby="part-raw" { (escape(&raw)) }
        }
        p {
            @let condition = format!("id = {}", crate::filter_syntax::word(&message.bytes("id").unwrap_or_default()));
            a href={ "/preview?" (target.queue_query()) "&where=" (encode(condition.as_bytes())) } { "Move or delete this message" }
        }
        p.quiet { "That this message was shown is in the " a href="/audit?event=show" { "audit" } " stream." }
    }
}

/// Where the message is, and its fields.
fn about(message: &Map) -> Vec<(String, String)> {
    let mut rows: Vec<(String, String)> = Vec::new();
    if let Some(index) = message.int("index") {
        rows.push(("Runs as number".to_owned(), grouped(place(index))));
    }
    for (name, heading) in [("run_at", "Runs at"), ("delivered_at", "Delivered")] {
        rows.extend(message.time(name).map(|time| (heading.to_owned(), time)));
    }
    rows.extend(message.int("priority").map(|step| ("Step".to_owned(), step.to_string())));
    rows.push(("Size".to_owned(), bytes(message.sum("bytes"))));
    let kind = message.word("message_kind");
    let kind = kind.map(|word| MessageKind::parse(&word).map_or(word.clone(), |kind| kind.name().to_owned()));
    rows.extend(kind.map(|kind| ("Message format".to_owned(), escape(kind.as_bytes()))));
    let fields = Map::new(message.0.get("fields").cloned().unwrap_or_default());
    rows.extend(
        fields.names().map(|name| (escape(name.as_bytes()), escape(&fields.bytes(name).unwrap_or_default()))),
    );
    rows
}
