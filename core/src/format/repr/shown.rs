//! Values of Python's standard library whose text has a fixed form: where such a text ends and which value it
//! means.
//!
//! Sources, CPython 3.11: `UUID.__repr__` (`Lib/uuid.py`), `dec_repr` (`Modules/_decimal/_decimal.c`),
//! `datetime_repr`, `date_repr`, `time_repr` and `timezone_repr` (`Modules/_datetimemodule.c`). Subclasses of
//! `UUID` and of the types of `datetime` are shown with their own names and are not read here. A value
//! becomes the JSON that kombu writes for it (`kombu/utils/json.py`, 5.7.0), so that a condition has the same
//! result for both.

use std::io::{Cursor, Write as _};

use super::Value;
use crate::time::iso;

/// A type, known by the beginning of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Uuid,
    Decimal,
    DateTime,
    Date,
    Time,
    /// Neither JSON nor kombu has a form for it.
    Delta,
}

const TYPES: [(&[u8], Type); 6] = [
    (b"UUID(", Type::Uuid),
    (b"Decimal(", Type::Decimal),
    (b"datetime.datetime(", Type::DateTime),
    (b"datetime.date(", Type::Date),
    (b"datetime.time(", Type::Time),
    (b"datetime.timedelta(", Type::Delta),
];

/// The longest ISO text with a date: `9999-12-31T23:59:59.999999+23:59`.
const ISO_BYTES: usize = 32;
/// Precedes a time of day while the time is checked; it has the length of every date with the letter after
/// it.
const ANY_DATE: &str = "2000-01-01T";

/// The ISO-8601 text of a date, a time or both, as Python's `isoformat` writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Iso {
    bytes: [u8; ISO_BYTES],
    from: usize,
    to: usize,
}

impl Iso {
    /// Returns the text, which is ASCII.
    pub(super) fn text(&self) -> &[u8] {
        self.bytes.get(self.from..self.to).unwrap_or_default()
    }
}

/// Reads the value with which `text` begins, and returns it with the number of bytes that it takes. Returns
/// `None` if the value has none of these types or its end is not certain. A value of these types that is not
/// read itself is [`Value::Other`].
pub(super) fn read(text: &[u8]) -> Option<(Value<'_>, usize)> {
    let (name, of) = TYPES.iter().find(|(name, _)| text.starts_with(name))?;
    let end = end(text, name.len())?;
    let inside = &text[name.len()..end - 1];
    let value = match of {
        Type::Uuid => quoted(inside).filter(|text| is_uuid(text)).map(Value::Uuid),
        Type::Decimal => quoted(inside).filter(|text| is_decimal(text)).map(Value::Decimal),
        Type::DateTime => moment(inside, true, 5..=7).map(|iso| Value::Time("datetime", iso)),
        Type::Date => moment(inside, true, 3..=3).map(|iso| Value::Time("date", iso)),
        Type::Time => moment(inside, false, 2..=4).map(|iso| Value::Time("time", iso)),
        Type::Delta => None,
    };
    Some((value.unwrap_or(Value::Other), end))
}

/// Returns the position after the closing bracket of a call whose arguments begin at `from`. A sender can
/// choose a text in quotes, such as the name of a time zone; if such a text contains bytes that could be
/// taken for the end of the call, the end is uncertain.
fn end(text: &[u8], from: usize) -> Option<usize> {
    let (mut open, mut before, mut is_quoted) = (1, 0, false);
    for (at, &byte) in text.iter().enumerate().skip(from) {
        match byte {
            b'(' | b')' | b',' | b'=' if is_quoted => return None,
            b'(' => open += 1,
            b')' => open -= 1,
            b'\'' => is_quoted = !is_quoted,
            b'.' if before == b'.' => return None,
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {}
            b'.' | b',' | b'=' | b'+' | b'-' | b'_' | b'/' | b' ' => {}
            _ => return None,
        }
        if open == 0 {
            return Some(at + 1);
        }
        before = byte;
    }
    None
}

/// Returns the bytes between quotes.
fn quoted(text: &[u8]) -> Option<&[u8]> {
    text.strip_prefix(b"'")?.strip_suffix(b"'").filter(|inside| !inside.contains(&b'\''))
}

/// Returns whether the text has the form of `str(uuid)`: lower case, with dashes.
fn is_uuid(text: &[u8]) -> bool {
    let fits = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    };
    text.len() == 36 && text.iter().enumerate().all(fits)
}

/// Returns whether the text has the form of `str(decimal)`, which includes `NaN`, `sNaN` (either can be
/// followed by digits) and `Infinity`.
pub(in super::super) fn is_decimal(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
    let number = |text: &[u8]| !text.is_empty() && digits(text);
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let payload = text.strip_prefix(b"NaN").or_else(|| text.strip_prefix(b"sNaN"));
    if text == b"Infinity" || payload.is_some_and(digits) {
        return true;
    }
    let (mantissa, exponent) = split(text, b"E");
    let (whole, fraction) = split(mantissa, b".");
    let exponent = exponent.map(|text| text.strip_prefix(b"+").or_else(|| text.strip_prefix(b"-")));
    number(whole) && fraction.is_none_or(number) && exponent.is_none_or(|text| text.is_some_and(number))
}

/// Returns the bytes before and after the first `mark`.
fn split<'t>(text: &'t [u8], mark: &[u8]) -> (&'t [u8], Option<&'t [u8]>) {
    match memchr::memmem::find(text, mark) {
        Some(at) => (&text[..at], Some(&text[at + mark.len()..])),
        None => (text, None),
    }
}

/// Returns the ISO text of the numbers in a call, whose number must be in `counts`: a date first if there is
/// one, then hours, minutes, seconds and microseconds, and after them the time zone. Returns `None` if they
/// are not a date or time, or if it is not certain which one: the text does not contain the rules of a time
/// zone, and `fold` has a meaning only with such rules.
fn moment(inside: &[u8], has_date: bool, counts: std::ops::RangeInclusive<usize>) -> Option<Iso> {
    let (parts, zone) = split(inside, b", tzinfo=");
    let mut numbers = [0; 7];
    let first = if has_date { 0 } else { 3 };
    let mut count = 0;
    for part in parts.split(|byte| *byte == b',') {
        let digits = if count == 0 { part } else { part.strip_prefix(b" ")? };
        *numbers.get_mut(first + count)? = number(digits)?;
        count += 1;
    }
    if !counts.contains(&count) {
        return None;
    }
    let has_time = counts != (3..=3);
    let mut bytes = [0; ISO_BYTES];
    let mut out = Cursor::new(&mut bytes[..]);
    let [year, month, day, hour, minute, second, micros] = numbers;
    match has_date {
        true => write!(out, "{year:04}-{month:02}-{day:02}").ok()?,
        false => write!(out, "{}", &ANY_DATE[..ANY_DATE.len() - 1]).ok()?,
    }
    if has_time {
        write!(out, "T{hour:02}:{minute:02}:{second:02}").ok()?;
        if micros > 0 {
            write!(out, ".{micros:06}").ok()?;
        }
        if let Some(zone) = zone {
            let minutes = offset(zone)?;
            let sign = if minutes < 0 { '-' } else { '+' };
            write!(out, "{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60).ok()?;
        }
    } else if zone.is_some() {
        return None;
    }
    let to = usize::try_from(out.position()).ok()?;
    iso(bytes.get(..to)?)?;
    Some(Iso { bytes, from: if has_date { 0 } else { ANY_DATE.len() }, to })
}

/// Reads at most six digits without a leading zero.
fn number(digits: &[u8]) -> Option<u32> {
    let is_plain = matches!(digits, [b'0'] | [b'1'..=b'9', ..]) && digits.len() <= 6;
    if is_plain && digits.iter().all(u8::is_ascii_digit) {
        Some(digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
    } else {
        None
    }
}

/// Returns the minutes east of UTC of a zone with one offset and no name of its own; `None` for every other
/// zone.
fn offset(zone: &[u8]) -> Option<i64> {
    const DAY: i64 = 24 * 60 * 60;
    if zone == b"datetime.timezone.utc" {
        return Some(0);
    }
    let delta = zone.strip_prefix(b"datetime.timezone(datetime.timedelta(")?.strip_suffix(b"))")?;
    let (days, seconds) = match delta.strip_prefix(b"days=-1, ") {
        Some(rest) => (-1, rest),
        None => (0, delta),
    };
    let seconds = i64::from(number(seconds.strip_prefix(b"seconds=")?)?) + days * DAY;
    // ISO-8601 has no offsets with seconds.
    (seconds.abs() < DAY && seconds % 60 == 0).then_some(seconds / 60)
}
