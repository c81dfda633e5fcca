//! What the terminal can do, and printing to it.

use std::env;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize as _;
use serde_json::Value;

use crate::text::{SafeJson, escape};

/// Whether standard output may have colours: it is a terminal, and NO_COLOR is not set (https://no-color.org).
pub(crate) fn colour() -> bool {
    io::stdout().is_terminal() && !has("NO_COLOR") && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Whether progress bars can be drawn. They go to standard error, so that piped output contains only the reply.
pub(crate) fn bars() -> bool {
    io::stderr().is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Whether lists are to be shown whole (`--wide`).
static WIDE: AtomicBool = AtomicBool::new(false);
/// Columns of a terminal that does not know its size.
const COLUMNS: u16 = 80;

/// Shows lists whole from now on, however narrow the terminal is.
pub(crate) fn widen() {
    WIDE.store(true, Ordering::Relaxed);
}

/// Columns to which lists are shortened: those of the variable COLUMNS or of the terminal. `None`: they are shown whole,
/// because the output is not a terminal or the user wants it so.
pub(crate) fn width() -> Option<u16> {
    if WIDE.load(Ordering::Relaxed) || !io::stdout().is_terminal() {
        return None;
    }
    let is_known = |columns: &u16| *columns > 0;
    let given = env::var("COLUMNS").ok().and_then(|text| text.parse().ok()).filter(is_known);
    let mut probe = comfy_table::Table::new();
    probe.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    Some(given.or_else(|| probe.width().filter(is_known)).unwrap_or(COLUMNS))
}

/// Whether a person can answer a question.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

fn has(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// Prints one or more lines to standard output. A closed pipe (`qadmin jobs | head`) ends the program silently.
pub(crate) fn print(text: &str) {
    let mut out = io::stdout().lock();
    if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Prints a JSON document to standard output.
pub(crate) fn print_json(value: &Value) {
    let mut out = Vec::new();
    value
        .serialize(&mut serde_json::Serializer::with_formatter(&mut out, SafeJson::new()))
        .expect("a value has a JSON form and a Vec takes it");
    print(&String::from_utf8_lossy(&out));
}

/// Writes bytes to standard output as they are or, if that is a terminal, as visible text on one line.
pub(crate) fn print_raw(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    if out.is_terminal() {
        drop(out);
        return print(&escape(bytes));
    }
    if out.write_all(bytes).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}
