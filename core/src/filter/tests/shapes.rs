//! Messages of unusual shapes, with what a real worker of Celery 5.7.0 did with each: tests/python/shapes.py
//! recorded it.

mod mixed;

use serde_json::Value;

use super::filter;
use crate::filter::{Matcher, Projection, Verdict};
use crate::kind::MessageKind;
use crate::reply::Reply;

const RECORDED: &str = include_str!("shapes.jsonl");

/// The fields that the worker itself reports about a task.
const TOLD: [&str; 9] =
    ["id", "retries", "eta", "expires", "group", "root_id", "parent_id", "origin", "lang"];

/// Shapes that a worker runs although only their headers can be read here.
const CLOSED: [&str; 2] = ["bzip2", "lzma"];

/// Shapes that no worker runs although their arguments can be read here.
const REFUSED_AND_READ: [&str; 7] = [
    "protocol 1 without a name",
    "protocol 1 of a task that nobody knows",
    "an array without a name",
    "an array without a name but with headers",
    "an array under PHP's empty headers",
    "a name that is null",
    "protocol 2 without id",
];

struct Shape {
    name: String,
    element: String,
    view: Value,
}

fn shapes() -> Vec<Shape> {
    let shape = |line: &str| {
        let row: Value = serde_json::from_str(line).expect("a recorded line");
        let text = |name: &str| row[name].as_str().expect("text").to_owned();
        Shape { name: text("name"), element: text("element"), view: row["view"].clone() }
    };
    RECORDED.lines().map(shape).collect()
}

fn examine(words: &str, message: &str) -> Verdict {
    let verdict = Matcher::new(&filter(words)).examine(message.as_bytes());
    // The same message gets the same verdict while it is unacknowledged.
    let held = format!("[{message}, \"\", \"celery\"]");
    let of_worker = Matcher::of(MessageKind::Unacked, &filter(words), None).examine(held.as_bytes());
    assert_eq!(verdict, of_worker, "{words} on {message}");
    verdict
}

fn shown(value: &Value) -> Reply {
    match value {
        Value::Null => Reply::Null,
        Value::Number(number) => Reply::Int(number.as_i64().expect("an integer")),
        Value::String(text) => Reply::Text(text.clone().into_bytes()),
        // These fields have no values of other types.
        other => Reply::Text(other.to_string().into_bytes()),
    }
}

#[test]
fn messages_that_a_worker_runs_are_read_as_it_reads_them() {
    let mut ran = 0;
    for Shape { name, element, view } in shapes().iter().filter(|shape| shape.view["outcome"] == "ran") {
        ran += 1;
        let closed = CLOSED.contains(&name.as_str());
        let task = view["task"].as_str().expect("a name");
        assert!(examine(&format!("TASK {task}"), element).matched, "{name}");
        let mut projection = Projection::new(&TOLD.map(str::as_bytes)).expect("fields");
        for (field, value) in projection.row(element.as_bytes()) {
            // A worker reads a missing number of retries as 0.
            let none = *field == *"retries" && value == Reply::Null && view["retries"] == 0;
            assert!(none || value == shown(&view[&*field]), "{name}: {field} is {value:?}, {view}");
        }
        let repoid = examine("REPOID 7", element);
        assert_eq!(repoid.unreadable, closed, "{name}");
        assert_eq!(repoid.matched, !closed && view["kwargs"]["repoid"] == 7, "{name}");
        let args = examine("WHERE args.0 = 1 WHERE args.1 = it's WHERE args.2 MISSING", element);
        assert_eq!(args.matched, !closed && view["args"] == serde_json::json!([1, "it's"]), "{name}");
        let missing = examine("WHERE kwargs.repoid MISSING", element);
        assert_eq!(missing.matched, view["kwargs"] == serde_json::json!({}), "{name}");
    }
    assert!(ran > 35, "{ran}");
}

#[test]
fn messages_no_worker_runs_have_unknown_fields() {
    let all = shapes();
    for Shape { name, element, .. } in all.iter().filter(|shape| shape.view["outcome"] != "ran") {
        let repoid = examine("REPOID 7", element);
        let read = REFUSED_AND_READ.contains(&name.as_str());
        assert_eq!((repoid.matched, repoid.unreadable), (read, !read), "{name}");
        assert!(!examine("WHERE kwargs.repoid MISSING", element).matched, "{name}");
        assert!(!examine("WHERE kwargs.repoid != 7", element).matched, "{name}");
    }
    for name in REFUSED_AND_READ.iter().chain(&CLOSED) {
        assert!(all.iter().any(|shape| shape.name == *name), "{name}");
    }
    // The array decides about the arguments, and the header decides about the other fields.
    let array = all.iter().find(|shape| shape.name == REFUSED_AND_READ[3]).expect("an array");
    assert!(
        examine("WHERE task MISSING WHERE retries = 3 WHERE id EXISTS WHERE eta MISSING", &array.element)
            .matched
    );
}

#[test]
fn no_state_is_kept_between_shapes() {
    let all = shapes();
    let filter = filter("WHERE kwargs.repoid = 7 WHERE retries >= 4 WHERE group EXISTS");
    let mut one = Matcher::new(&filter);
    // The second round uses the layouts that were learned in the first one.
    for Shape { name, element, .. } in all.iter().chain(all.iter().rev()) {
        assert_eq!(
            one.examine(element.as_bytes()),
            Matcher::new(&filter).examine(element.as_bytes()),
            "{name}"
        );
    }
}

#[test]
fn the_body_is_not_opened_for_values_in_the_headers() {
    let usual = &shapes()[0].element;
    for field in TOLD.iter().chain(&["task"]) {
        let mut matcher = Matcher::new(&filter(&format!("WHERE {field} EXISTS")));
        assert!(matcher.examine(usual.as_bytes()).matched, "{field}");
        assert_eq!(matcher.decoded(), 0, "{field}");
    }
}

#[test]
fn a_priority_is_read_where_old_senders_put_it() {
    let message =
        |properties: &str| format!(r#"{{"headers": {{"task": "t"}}, "properties": {{{properties}}}}}"#);
    for (properties, is) in [
        (r#""priority": 3"#, 3),
        (r#""delivery_info": {"priority": 5}"#, 5),
        (r#""priority": null, "delivery_info": {"priority": 5}"#, 5),
        (r#""priority": 0, "delivery_info": {"priority": 5}"#, 0),
    ] {
        assert!(examine(&format!("WHERE priority = {is}"), &message(properties)).matched, "{properties}");
    }
    assert!(examine("WHERE priority MISSING", &message(r#""delivery_info": {}"#)).matched);
}
