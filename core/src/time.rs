//! Moments as microseconds since 1970, from the forms that users and messages write.

use crate::json::Decimal;

/// Microseconds in a second.
const SECOND: i64 = 1_000_000;
/// Seconds in a day.
const DAY: i64 = 86_400;
/// Numbers above this are milliseconds.
const MILLISECONDS_FROM: &[u8] = b"100000000000";
/// 0001-01-01T00:00:00Z and 10000-01-01T00:00:00Z: what ISO-8601 and Python's datetime can say.
pub(crate) const RANGE: std::ops::Range<i64> = -62_135_596_800 * SECOND..253_402_300_800 * SECOND;

/// Reads an operand: any form of [`parse`], or `now[+-]N[s|m|h|d]` (seconds if no unit is given).
pub(super) fn operand(text: &[u8], now_ms: i64) -> Option<i64> {
    let Some((_, offset)) = text.split_at_checked(3).filter(|(now, _)| now.eq_ignore_ascii_case(b"now"))
    else {
        return parse(text);
    };
    let now = now_ms.checked_mul(1_000)?;
    let (sign, rest) = match offset.split_first() {
        None => return in_range(now),
        Some((b'+', rest)) => (1, rest),
        Some((b'-', rest)) => (-1, rest),
        Some(_) => return None,
    };
    let (digits, unit) = match rest.split_last()? {
        (b's' | b'S', digits) => (digits, 1),
        (b'm' | b'M', digits) => (digits, 60),
        (b'h' | b'H', digits) => (digits, 3_600),
        (b'd' | b'D', digits) => (digits, DAY),
        _ => (rest, 1),
    };
    let count = i64::try_from(crate::args::parse_u64(digits)?).ok()?;
    in_range(now.checked_add(count.checked_mul(sign * unit * SECOND)?)?)
}

/// Reads ISO-8601, Unix seconds, or Unix milliseconds above 10^11, each with an optional fraction; what is below a
/// microsecond is dropped. `None` for anything else, or outside of the years 1 to 9999.
///
/// Sidekiq 7 writes seconds and Sidekiq 8 milliseconds, both of them into one queue during an upgrade; 10^11 seconds
/// are in the year 5138, 10^11 milliseconds in 1973.
pub(super) fn parse(text: &[u8]) -> Option<i64> {
    // A plain number is a number of seconds, even `20240101`, which ISO-8601 would allow as a date.
    match Decimal::parse(text) {
        Some(number) => of_number(&number),
        None => iso(text).map(|iso| iso.micros),
    }
}

fn of_number(number: &Decimal<'_>) -> Option<i64> {
    let is_milliseconds = Decimal::parse(MILLISECONDS_FROM).is_some_and(|from| number.compare(&from).is_gt());
    let number = if is_milliseconds { number.shifted(-3) } else { *number };
    in_range(number.micros()?)
}

/// A moment in ISO-8601.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Iso {
    /// Microseconds since 1970. A text without an offset is read as UTC.
    pub(crate) micros: i64,
    /// The text has a time of day and an offset, so it determines a moment.
    pub(crate) is_exact: bool,
}

fn in_range(micros: i64) -> Option<i64> {
    RANGE.contains(&micros).then_some(micros)
}

/// Reads `YYYY-MM-DD[(T| )hh:mm[:ss[(.|,)fraction]][Z|+-hh[[:]mm]]]`; without an offset it is UTC, as Celery sends.
pub(crate) fn iso(text: &[u8]) -> Option<Iso> {
    let mut rest = text;
    let year = number(&mut rest, 4)?;
    mark(&mut rest, b"-")?;
    let month = number(&mut rest, 2)?;
    mark(&mut rest, b"-")?;
    let day = number(&mut rest, 2)?;
    if year < 1 || !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let mut micros = days_since_1970(year, month, day) * DAY * SECOND;
    if rest.is_empty() {
        return Some(Iso { micros: in_range(micros)?, is_exact: false });
    }
    mark(&mut rest, b"Tt ")?;
    let hour = number(&mut rest, 2)?;
    mark(&mut rest, b":")?;
    let minute = number(&mut rest, 2)?;
    let mut second = 0;
    if mark(&mut rest, b":").is_some() {
        second = number(&mut rest, 2)?;
        if mark(&mut rest, b".,").is_some() {
            micros += fraction(&mut rest)?;
        }
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let is_exact = !rest.is_empty();
    micros += (hour * 3_600 + minute * 60 + second - offset(&mut rest)?) * SECOND;
    if rest.is_empty() { Some(Iso { micros: in_range(micros)?, is_exact }) } else { None }
}

/// Seconds east of UTC.
fn offset(rest: &mut &[u8]) -> Option<i64> {
    if rest.is_empty() || mark(rest, b"Zz").is_some() {
        return Some(0);
    }
    let sign = if mark(rest, b"+").is_some() { 1 } else { mark(rest, b"-").map(|()| -1)? };
    let hours = number(rest, 2)?;
    let colon = mark(rest, b":").is_some();
    let minutes = if rest.is_empty() && !colon { 0 } else { number(rest, 2)? };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// Exactly `count` digits.
fn number(rest: &mut &[u8], count: usize) -> Option<i64> {
    let (digits, after) = rest.split_at_checked(count)?;
    *rest = after;
    i64::try_from(crate::args::parse_u64(digits)?).ok()
}

/// One byte of `any`.
fn mark(rest: &mut &[u8], any: &[u8]) -> Option<()> {
    let (first, after) = rest.split_first()?;
    any.contains(first).then(|| *rest = after)
}

/// Reads the digits after the point, one or more, as microseconds.
fn fraction(rest: &mut &[u8]) -> Option<i64> {
    let count = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, after) = rest.split_at_checked(count).filter(|_| count > 0)?;
    *rest = after;
    let padded = digits.iter().chain(std::iter::repeat(&b'0')).take(6);
    Some(padded.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days in 400 years, after which the calendar repeats.
const ERA_DAYS: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01. Years that start in March have their odd day at the end.
const MARCH_0_TO_1970: i64 = 719_468;

fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year = year.rem_euclid(400);
    // Months from March are 31 30 31 30 31 days long, and again: 153 days in five.
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * ERA_DAYS + year * 365 + year / 4 - year / 100 + day_of_year - MARCH_0_TO_1970
}

/// Writes ISO-8601 in UTC, without a fraction if it is zero: each moment has one text.
pub(crate) fn canonical(micros: i64) -> String {
    let (seconds, fraction) = (micros.div_euclid(SECOND), micros.rem_euclid(SECOND));
    let (days, clock) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (era, day) =
        ((days + MARCH_0_TO_1970).div_euclid(ERA_DAYS), (days + MARCH_0_TO_1970).rem_euclid(ERA_DAYS));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * day + 2) / 153;
    let day = day - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12 + 1;
    let year = era * 400 + year + i64::from(month <= 2);
    let (hour, minute, second) = (clock / 3_600, clock / 60 % 60, clock % 60);
    // An IN can have thousands of them: `format!` would be most of the work.
    let mut text = String::with_capacity("9999-12-31T23:59:59.999999Z".len());
    push_digits(&mut text, "", year, 4);
    for (mark, part) in [("-", month), ("-", day), ("T", hour), (":", minute), (":", second)] {
        push_digits(&mut text, mark, part, 2);
    }
    if fraction != 0 {
        push_digits(&mut text, ".", fraction, 6);
        text.truncate(text.trim_end_matches('0').len());
    }
    text.push('Z');
    text
}

/// Appends `mark` and the last `count` digits of a number that is not negative.
fn push_digits(text: &mut String, mark: &str, number: i64, count: u32) {
    text.push_str(mark);
    for place in (0..count).rev() {
        let digit = number / 10_i64.pow(place) % 10;
        text.push(char::from(b'0' + u8::try_from(digit).unwrap_or(0)));
    }
}
