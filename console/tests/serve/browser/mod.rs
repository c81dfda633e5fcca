//! Tests in a real Chromium, with clicks and keys. If it is not available, one line says so and nothing fails.

mod accessible;
mod actions;
mod filter;
mod index;
mod job;
mod live;
mod look;
mod preview;
mod trouble;

use std::fmt::Write as _;

use qadmin_harness::{Server, fill_examples};

use super::TARGET;
use crate::support::browser::Browser;
use crate::support::page::Page;

/// The preview of the examples' matches.
fn preview_of_target() -> String {
    format!("/preview?{TARGET}")
}

/// Opens that preview in a browser and waits for its count.
fn at_preview() -> Option<(Server, Page, Browser)> {
    let browser = Browser::take()?;
    let (server, page) = super::examples();
    browser.go(&page, &preview_of_target());
    browser.reads("#count-line", "61 of 1,051 messages match (5.8 %)");
    Some((server, page, browser))
}

/// A message as Celery sends it, with this name, id and commit.
fn message(task: &str, id: &str, commitid: &str) -> String {
    use base64::Engine as _;
    let body = serde_json::json!([[], {"commitid": commitid}, {}]).to_string();
    serde_json::json!({
        "body": base64::engine::general_purpose::STANDARD.encode(body), "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"task": task, "id": id, "lang": "py", "retries": 0},
        "properties": {"body_encoding": "base64", "delivery_tag": "x"}
    })
    .to_string()
}

fn push(server: &Server, queue: &str, message: &str) {
    let _: i64 = redis::cmd("LPUSH").arg(queue).arg(message).query(&mut server.conn()).expect("LPUSH");
}

/// Any bytes as a value in a URL.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, b| {
        // Writing to a String cannot fail.
        let _ = write!(out, "%{b:02x}");
        out
    })
}

/// The list to which a job has parked messages of this queue; empty if there is none.
pub(crate) fn parked_list(server: &qadmin_harness::Server, queue: &str) -> String {
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut server.conn()).expect("KEYS");
    let prefix = format!("{queue}:parked:");
    keys.into_iter().find(|key| key.starts_with(&prefix)).unwrap_or_default()
}
