mod arrival;
mod golden;
mod grammar;
mod groups;
mod inexact;
mod laravel;
pub(crate) mod model;
mod pickle;
mod round_trip;
mod rows;
mod ruby;
mod shapes;
mod templates;
mod truth;
mod unacked;

use super::*;
use crate::args::Args;
use crate::error::Error;

/// 2024-03-01T00:00:00Z.
const NOW_MS: i64 = 1_709_251_200_000;

pub(crate) fn parse(words: &[&[u8]]) -> Result<Filter, Error> {
    let mut args = Args::new(words);
    let mut builder = FilterBuilder::default();
    while builder.accept(&mut args, NOW_MS)? {}
    assert_eq!(args.remaining(), 0, "left: {:?}", args.peek().map(String::from_utf8_lossy));
    builder.finish()
}

/// Returns the filter of words that are separated by spaces.
pub(crate) fn filter(words: &str) -> Filter {
    let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
    parse(&words).expect("a filter")
}

fn examine(words: &str, message: &[u8]) -> Verdict {
    Matcher::new(&filter(words)).examine(message)
}

/// Returns a protocol 2 message with a plain body.
pub(crate) fn plain(body: &str, headers: &str) -> String {
    let body = serde_json::to_string(body).expect("a string");
    format!(
        r#"{{"body": {body}, "content-type": "application/json", "headers": {{{headers}}}, "properties": {{"priority": 0}}}}"#
    )
}
