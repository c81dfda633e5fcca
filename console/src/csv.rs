//! The audit stream as CSV (RFC 4180) that is safe to open in a spreadsheet: users choose the bytes of names and reasons.

use crate::audit::Entry;
use crate::text::escape;

/// The members of an entry, in the order of the columns of CSV.
const MEMBERS: [&str; 19] = [
    "event",
    "job_id",
    "user",
    "actor",
    "client",
    "db",
    "queue",
    "filter",
    "mode",
    "reason",
    "status",
    "total_estimated",
    "processed",
    "matched",
    "deleted",
    "drifted",
    "options",
    "duration_ms",
    "message_id",
];

/// What a spreadsheet takes for the beginning of a formula, also in full-width forms, which some of them read as the same.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// Lines of RFC 4180 without the last line break. Names are escaped as everywhere, so each entry is one line.
pub(crate) fn csv(entries: &[Entry]) -> String {
    let heads = ["id", "time"].into_iter().chain(MEMBERS).map(str::to_owned);
    let mut lines = vec![heads.collect::<Vec<_>>().join(",")];
    for entry in entries {
        let ms = i64::try_from(entry.id.0).unwrap_or(i64::MAX);
        let time = jiff::Timestamp::from_millisecond(ms).map(|time| time.to_string()).unwrap_or_default();
        let members = MEMBERS.iter().map(|name| field(&escape(entry.get(name))));
        lines.push([field(&entry.id()), time].into_iter().chain(members).collect::<Vec<_>>().join(","));
    }
    // The line break that follows completes the last line.
    lines.join("\r\n") + "\r"
}

/// A field, in quotation marks where it has to be. A text that looks like a formula gets an apostrophe before it.
fn field(text: &str) -> String {
    let text = if text.trim_start().starts_with(FORMULA) { format!("'{text}") } else { text.to_owned() };
    // In some countries a semicolon separates fields.
    if text.contains(['"', ',', ';', '\r', '\n', '\'', ' ']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn a_field_is_one_text_and_no_formula() {
        assert_eq!(field("celery"), "celery");
        assert_eq!(field(""), "");
        assert_eq!(field("a,b"), "\"a,b\"");
        assert_eq!(field("say \"no\""), "\"say \"\"no\"\"\"");
        assert_eq!(field("a;=cmd|x"), "\"a;=cmd|x\"");
        for formula in ["=cmd|' /C calc'!A0", "+1", "-1+2", "@SUM(A1)", "  =1", "\u{ff1d}1"] {
            assert_eq!(field(formula), format!("\"'{formula}\""));
        }
    }
}
