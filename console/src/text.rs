//! Escaping of bytes that others chose, and numbers for people.
//!
//! A user who can push a message chooses the bytes of queue names, tasks, arguments and reasons. Some bytes are control
//! sequences for a terminal, so none is printed raw: all text for people passes [`escape`], and JSON passes
//! [`SafeJson`].

use std::io;

use serde_json::ser::{Formatter, PrettyFormatter};

/// Bytes as one line of visible text. Bytes that are not printable, and characters that change the direction of others,
/// are written as `\x1b` or `\u{202e}`, and a backslash is doubled. [`unescape`] is the inverse.
pub(crate) fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '\0'..='\x1f' | '\x7f' => out.push_str(&format!("\\x{:02x}", u32::from(c))),
                c if is_unsafe(c) => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

/// Control characters beyond ASCII (U+009B means ESC [ to a terminal), and invisible characters that move or hide
/// visible ones.
fn is_unsafe(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// The bytes that [`escape`] shows as this text. `None` if a backslash is followed by anything else.
pub(crate) fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('\\') {
            out.push(b'\\');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('x') {
            out.push(u8::from_str_radix(after.get(..2)?, 16).ok()?);
            rest = &after[2..];
        } else {
            let (digits, after) = rest.strip_prefix("u{")?.split_once('}')?;
            let c = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            rest = after;
        }
    }
    out.extend_from_slice(rest.as_bytes());
    Some(out)
}

/// A number with commas between thousands.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number with the word for it: `1 message`, `2 messages`.
pub(crate) fn counted(n: u64, one: &str) -> String {
    format!("{} {one}{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// How many elements of the queue are not JSON objects, as a sentence without its full stop.
pub(crate) fn not_json(n: u64) -> String {
    let verb = if n == 1 { "is not a JSON object" } else { "are not JSON objects" };
    format!("{} of the queue {verb}", counted(n, "element"))
}

/// The position for an index of a reply; 1 runs next. Indexes count from the consumer end: -1, -2 if it is the tail,
/// 0, 1 if it is the head.
pub(crate) fn place(index: i64) -> u64 {
    if index < 0 { index.unsigned_abs() } else { index.unsigned_abs() + 1 }
}

/// `part` of `whole` in percent, with one digit after the point; empty if `whole` is 0.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return String::new();
    }
    let tenths = u128::from(part) * 1_000 / u128::from(whole);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// A size in bytes for people.
pub(crate) fn bytes(n: u64) -> String {
    const STEPS: [(&str, u64); 4] =
        [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    for (unit, size) in STEPS {
        if n >= size {
            return format!("{}.{} {unit}", n / size, n % size * 10 / size);
        }
    }
    format!("{n} B")
}

/// How long a message has waited, for people; with a mark where it may have waited longer.
pub(crate) fn age(ms: Option<u64>, at_least: bool) -> String {
    let Some(ms) = ms else { return "-".to_owned() };
    format!("{}{}", if at_least { ">= " } else { "" }, duration(ms))
}

/// A duration in milliseconds for people.
pub(crate) fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
        _ => format!("{} h {} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

/// A time of the server (Unix milliseconds), in the time zone of the user.
pub(crate) fn time(unix_ms: i64) -> String {
    let Ok(time) = jiff::Timestamp::from_millisecond(unix_ms) else { return unix_ms.to_string() };
    time.to_zoned_datetime(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Formats JSON without characters that control a terminal: they are written as `\u009b`, which is the same string. (All
/// JSON escapes ASCII control characters except DEL.)
pub(crate) struct SafeJson(PrettyFormatter<'static>);

impl SafeJson {
    pub(crate) fn new() -> Self {
        Self(PrettyFormatter::with_indent(b"  "))
    }
}

impl Formatter for SafeJson {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut safe = fragment;
        while let Some(at) = safe.find(|c| c == '\x7f' || is_unsafe(c)) {
            out.write_all(&safe.as_bytes()[..at])?;
            let mut rest = safe[at..].chars();
            if let Some(c) = rest.next() {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            }
            safe = rest.as_str();
        }
        out.write_all(safe.as_bytes())
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }
    fn end_array<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }
    fn end_array_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }
    fn begin_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }
    fn end_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }
    fn begin_object_key<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }
    fn begin_object_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }
    fn end_object_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize as _;

    use super::*;

    #[test]
    fn escaped_text_contains_no_control_characters() {
        assert_eq!(escape(b"\x1b[2J\x07\r\n\x7f"), r"\x1b[2J\x07\x0d\x0a\x7f");
        assert_eq!(escape("a\u{9b}31m\u{202e}b\u{feff}".as_bytes()), r"a\u{9b}31m\u{202e}b\u{feff}");
        assert_eq!(escape(b"\xff\xc3 \\ ok"), r"\xff\xc3 \\ ok");
        assert_eq!(escape("Größe 日本 🎉".as_bytes()), "Größe 日本 🎉");
    }

    #[test]
    fn the_message_that_runs_next_is_number_one_at_either_end() {
        assert_eq!([-1, -12, 0, 4].map(place), [1, 12, 1, 5]);
    }

    #[test]
    fn what_is_shown_can_be_typed() {
        for bytes in [&b"celery"[..], b"q\x06\x163", b"\xff\\x00", "\u{202e}\u{9b}\u{e0041}é".as_bytes(), b""]
        {
            assert_eq!(unescape(&escape(bytes)).as_deref(), Some(bytes));
        }
        for wrong in ["\\", "\\q", "\\x1", "\\xzz", "\\u{}", "\\u{110000}", "\\u{41", "\\xé"] {
            assert_eq!(unescape(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn json_stays_the_same_and_shows_no_controls() {
        let value = serde_json::json!({"a\u{9b}": ["\u{7f}\u{1b}\u{e0041}", "\u{202e}x\\\""], "n": 3});
        let mut out = Vec::new();
        value
            .serialize(&mut serde_json::Serializer::with_formatter(&mut out, SafeJson::new()))
            .expect("a Vec takes it");
        let text = String::from_utf8(out).expect("UTF-8");
        assert!(!text.contains(|c: char| c != '\n' && (c.is_control() || is_unsafe(c))), "{text:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).expect("JSON"), value);
    }

    #[test]
    fn numbers_are_read_at_a_glance() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(counted(1, "message"), "1 message");
        assert_eq!(counted(1_000, "message"), "1,000 messages");
        assert_eq!(percent(61, 1_051), "5.8 %");
        assert_eq!(percent(0, 0), "");
        assert_eq!(percent(u64::MAX, u64::MAX), "100.0 %");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(83_866), "83.8 kB");
        assert_eq!(duration(1_250), "1.2 s");
        assert_eq!(duration(61_000), "1 min 1 s");
        assert_eq!(duration(7_260_000), "2 h 1 min");
    }
}
