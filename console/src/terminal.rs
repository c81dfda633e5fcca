//! What the terminal can show, and printing.

use std::env;
use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize as _;
use serde_json::Value;

use crate::text::SafeJson;

/// Whether standard output may be coloured: it is a terminal, and nobody set NO_COLOR (https://no-color.org).
pub(crate) fn colour() -> bool {
    io::stdout().is_terminal() && !has("NO_COLOR") && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Whether bars may be drawn: on standard error, so that what is piped stays clean.
pub(crate) fn bars() -> bool {
    io::stderr().is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Whether somebody is there to answer a question.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

fn has(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// One line or more on standard output. A closed pipe (`qadmin jobs | head`) ends the program without a word.
pub(crate) fn print(text: &str) {
    let mut out = io::stdout().lock();
    if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// A JSON document on standard output.
pub(crate) fn print_json(value: &Value) {
    let mut out = Vec::new();
    value
        .serialize(&mut serde_json::Serializer::with_formatter(&mut out, SafeJson::new()))
        .expect("a value has a JSON form and a Vec takes it");
    print(&String::from_utf8_lossy(&out));
}
