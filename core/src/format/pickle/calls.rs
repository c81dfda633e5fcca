//! Classes and functions that a pickle names, and what calling them would return.
//!
//! Nothing is called. The few that are known by name return what kombu's JSON has a form for, or a dict;
//! the result of every other one is opaque. The forms are those in which CPython 2.7 and 3.6 to 3.14 pickle
//! objects of the class itself: `Lib/uuid.py`, `Lib/collections`, `Modules/_datetimemodule.c`
//! (`datetime_reduce`, `datetime_getstate`), `Modules/_decimal/_decimal.c` (`dec_reduce`). Arguments in
//! another form make the result opaque. Subclasses have other names and are opaque.

use super::machine::Machine;
use super::text::latin;
use super::value::{Class, Kind, Known, Moment, Named, Span, Value};
use crate::time::iso;

/// Returns what is known of a class or function. Python 2 has other names for some modules, which Python 3
/// writes in protocols below 3.
fn known(module: &[u8], name: &[u8]) -> Known {
    match (module, name) {
        (b"datetime", b"datetime") => Known::DateTime,
        (b"datetime", b"date") => Known::Date,
        (b"datetime", b"time") => Known::Time,
        (b"datetime", b"timedelta") => Known::Delta,
        (b"datetime", b"timezone") => Known::Zone,
        (b"pytz", b"_UTC") | (b"dateutil.tz.tz", b"tzutc") => Known::Utc,
        (b"zoneinfo", b"ZoneInfo") => Known::ZoneInfo,
        (b"zoneinfo", b"ZoneInfo._unpickle") => Known::ZoneOfKey,
        (b"decimal", b"Decimal") => Known::Decimal,
        (b"uuid", b"UUID") => Known::Uuid,
        (b"collections", b"OrderedDict" | b"defaultdict") => Known::Dict,
        (b"celery.canvas", b"signature" | b"subtask" | b"maybe_signature") => Known::Signature,
        (b"_codecs", b"encode") => Known::Encode,
        (b"builtins" | b"__builtin__", b"bytes") => Known::Bytes,
        (b"builtins" | b"__builtin__", b"getattr") => Known::GetAttr,
        (b"builtins" | b"__builtin__", b"tuple") => Known::Tuple,
        (b"huey.registry", b"Message") => Known::Message,
        (b"copyreg" | b"copy_reg", b"__newobj__") => Known::NewObject,
        (b"copyreg" | b"copy_reg", b"_reconstructor") => Known::Reconstructor,
        _ => Known::Nothing,
    }
}

/// Precedes a time of day while the time is checked.
const ANY_DATE: &[u8] = b"2000-01-01T";
/// The bit of a byte in the state of a `datetime` or `time` that says which of two equal times is meant
/// when a clock is set back. It has no meaning for a zone with one offset.
const FOLD: u8 = 0x80;
const SECOND_US: i64 = 1_000_000;
const MINUTE_US: i64 = 60 * SECOND_US;
const DAY_US: i64 = 24 * 60 * MINUTE_US;

impl Machine<'_, '_> {
    /// Returns the class or function with this name.
    pub(super) fn name(&mut self, module: Span, name: Span) -> Option<Value> {
        let is_text = |span: Span| std::str::from_utf8(span.of(self.pickle)).is_ok();
        if !is_text(module) || !is_text(name) {
            return None;
        }
        let known = known(module.of(self.pickle), name.of(self.pickle));
        self.add(Named { module, name, member: None, known })
    }

    fn add(&mut self, named: Named) -> Option<Value> {
        let at = u32::try_from(self.of.named.len()).ok()?;
        self.of.named.push(named);
        Some(Value::Named(at))
    }

    fn known(&self, value: Value) -> Known {
        match value {
            Value::Named(at) => self.of.named.get(at as usize).map_or(Known::Nothing, |named| named.known),
            _ => Known::Nothing,
        }
    }

    /// Returns an object of the class, of which nothing else is known. Python refuses values that cannot be
    /// called.
    pub(super) fn opaque(&self, class: Value) -> Option<Value> {
        match class {
            Value::Named(at) => Some(Value::Opaque(Class::Named(at))),
            Value::Opaque(class) => Some(Value::Opaque(class)),
            _ => None,
        }
    }

    /// Returns what a call with the arguments returns.
    pub(super) fn call(&mut self, callee: Value, args: Value) -> Option<Value> {
        let opaque = self.opaque(callee)?;
        let known = self.known(callee);
        let mut three = [Value::None; 3];
        let count = match self.of.tuple(args) {
            Some(args) => {
                three.iter_mut().zip(args).for_each(|(place, arg)| *place = *arg);
                args.len()
            }
            // Python refuses arguments that are no tuple; those of an opaque call may be anything.
            None if matches!(args, Value::Opaque(_)) => return Some(opaque),
            None => return None,
        };
        let Some(args) = three.get(..count) else { return Some(opaque) };
        let result = match (known, args) {
            (Known::DateTime, [state, zone @ ..]) => self.moment(*state, zone, datetime),
            (Known::Date, [state]) => self.moment(*state, &[], date),
            (Known::Time, [state, zone @ ..]) => self.moment(*state, zone, time),
            (Known::Delta, [Value::Int(days), Value::Int(seconds), Value::Int(micros)]) => {
                delta(*days, *seconds, *micros).map(Value::Delta)
            }
            (Known::Zone, [Value::Delta(micros)] | [Value::Delta(micros), Value::Text(_)]) => zone(*micros),
            (Known::Utc, []) => Some(Value::Zone(0)),
            (Known::ZoneOfKey, [Value::Text(key), _]) => {
                (key.of(self.pickle) == b"UTC").then_some(Value::Zone(0))
            }
            (Known::Decimal, [Value::Text(text)]) => {
                super::super::repr::is_decimal(text.of(self.pickle)).then_some(Value::Decimal(*text))
            }
            (Known::Dict, [] | [Value::Named(_) | Value::Opaque(_) | Value::None]) => {
                self.of.create(Kind::Dict)
            }
            (Known::Signature, [Value::Container(at)]) => match self.of.container(*at)?.kind {
                Kind::Dict | Kind::Copy => self.of.copy(*at, Kind::Copy),
                _ => None,
            },
            (Known::Encode, [Value::Text(text), Value::Text(encoding)]) => {
                let is_latin = matches!(encoding.of(self.pickle), b"latin1" | b"latin-1");
                (is_latin && latin(text.of(self.pickle)).is_some()).then_some(Value::Latin(*text))
            }
            (Known::Bytes, []) => Span::new(0, 0).map(Value::Bytes),
            (Known::GetAttr, [object, Value::Text(member)]) => self.member(*object, *member),
            (Known::NewObject, [class]) if self.known(*class) == Known::Uuid => {
                self.of.create(Kind::Uuid(None))
            }
            (Known::Reconstructor, [class, _, Value::None]) if self.known(*class) == Known::Uuid => {
                self.of.create(Kind::Uuid(None))
            }
            (Known::Reconstructor, [class, base, fields]) if self.known(*base) == Known::Tuple => {
                let class = *class;
                self.message(class, *fields).or_else(|| self.opaque(class))
            }
            (Known::NewObject | Known::Reconstructor, [class, ..]) => self.opaque(*class),
            _ => None,
        };
        Some(result.unwrap_or(opaque))
    }

    /// Returns a new object of the class.
    pub(super) fn instance(&mut self, class: Value, args: Value) -> Option<Value> {
        if self.known(class) == Known::Uuid && self.of.tuple(args).is_some_and(<[Value]>::is_empty) {
            return self.of.create(Kind::Uuid(None));
        }
        self.message(class, args).or_else(|| self.opaque(class))
    }

    /// Returns a message of Huey with these fields, if such messages are read and the class is theirs. The class is a
    /// tuple, so nothing can change the fields.
    fn message(&mut self, class: Value, fields: Value) -> Option<Value> {
        let Value::Container(at) = fields else { return None };
        let is_tuple = self.of.container(at)?.kind == Kind::Tuple;
        (is_tuple && self.of.reads_messages && self.known(class) == Known::Message)
            .then(|| self.of.copy(at, Kind::Message))?
    }

    /// Sets the state of an object. That of a UUID is a dict with the number; `is_safe`, which says how it
    /// was made, is no part of its value.
    pub(super) fn set_state(&mut self, object: Value, state: Value) -> Option<()> {
        let Value::Container(at) = object else {
            return matches!(object, Value::Opaque(_) | Value::Named(_)).then_some(());
        };
        match self.of.container(at)?.kind {
            Kind::Uuid(_) => {
                let number = self.uuid_of(state);
                self.of.containers.get_mut(at as usize)?.kind = Kind::Uuid(number);
                Some(())
            }
            // Attributes of a dict of a class of its own are not items.
            Kind::Dict | Kind::Copy => Some(()),
            Kind::List | Kind::Tuple | Kind::Message => None,
        }
    }

    fn uuid_of(&self, state: Value) -> Option<u128> {
        let Value::Container(at) = state else { return None };
        let state = self.of.container(at).filter(|state| state.kind == Kind::Dict)?;
        let (mut number, mut key) = (None, None);
        for item in self.of.items(state) {
            match key.take() {
                None => key = Some(item),
                Some(Value::Text(name)) if name.of(self.pickle) == b"int" => number = Some(item),
                Some(_) => {}
            }
        }
        match number? {
            Value::Int(number) => u128::try_from(number).ok(),
            Value::Long(span) => {
                let digits = span.of(self.pickle);
                let (low, high) = digits.split_at(digits.len().min(16));
                // The sign takes one more byte where the highest bit is set.
                let is_unsigned = matches!(high, [0]) || (high.is_empty() && low.last()? & 0x80 == 0);
                let sum = || low.iter().rev().fold(0, |sum: u128, byte| sum << 8 | u128::from(*byte));
                is_unsigned.then(sum)
            }
            Value::Digits(span) => std::str::from_utf8(span.of(self.pickle)).ok()?.parse().ok(),
            _ => None,
        }
    }

    /// Returns a member of a class.
    fn member(&mut self, object: Value, member: Span) -> Option<Value> {
        let Value::Named(at) = object else { return None };
        let named = *self.of.named.get(at as usize)?;
        let is_zone = named.known == Known::ZoneInfo && member.of(self.pickle) == b"_unpickle";
        let known = if is_zone { Known::ZoneOfKey } else { Known::Nothing };
        // Only one step is noted: the name is for people.
        self.add(Named { member: Some(member), known, ..named })
    }

    /// Returns the date or time of a state, with a time zone if there is one.
    fn moment(
        &mut self,
        state: Value,
        zone: &[Value],
        read: fn(&[u8], &mut Vec<u8>) -> Option<Written>,
    ) -> Option<Value> {
        let mut state_bytes = [0; 10];
        let state = self.state(state, &mut state_bytes)?;
        let mut text = Vec::with_capacity(48);
        let Written { of, from } = read(state, &mut text)?;
        match zone {
            [] => {}
            [Value::Zone(minutes)] => {
                let sign = if *minutes < 0 { b'-' } else { b'+' };
                text.push(sign);
                let minutes = minutes.unsigned_abs();
                two(minutes / 60, &mut text);
                text.push(b':');
                two(minutes % 60, &mut text);
            }
            // None is no time zone; the offset of every other one is not known.
            [Value::None] => {}
            _ => return None,
        }
        iso(&text)?;
        let at = u32::try_from(self.of.moments.len()).ok()?;
        self.of.moments.push(Moment::new(of, text.get(from..)?)?);
        Some(Value::Moment(at))
    }

    /// Returns the bytes of the state of a date or time.
    fn state<'b>(&self, state: Value, bytes: &'b mut [u8; 10]) -> Option<&'b [u8]> {
        let mut len = 0;
        let mut put = |byte: u8| {
            *bytes.get_mut(len)? = byte;
            len += 1;
            Some(())
        };
        match state {
            Value::Bytes(span) | Value::OldText(span) => {
                span.of(self.pickle).iter().try_for_each(|byte| put(*byte))?;
            }
            // Python reads a text of Python 2 as the same bytes.
            Value::Latin(span) | Value::Text(span) => {
                let text = std::str::from_utf8(span.of(self.pickle)).ok()?;
                text.chars().try_for_each(|char| put(u8::try_from(char).ok()?))?;
            }
            _ => return None,
        }
        bytes.get(..len)
    }
}

/// A written date or time: the name of its type, and where its text begins.
#[derive(Debug, Clone, Copy)]
struct Written {
    of: &'static str,
    from: usize,
}

fn two(number: u32, out: &mut Vec<u8>) {
    let number = u8::try_from(number).unwrap_or(u8::MAX);
    out.extend([b'0' + number / 10 % 10, b'0' + number % 10]);
}

fn put_date([high, low, month, day]: [u8; 4], out: &mut Vec<u8>) {
    let year = u32::from(high) << 8 | u32::from(low);
    two(year / 100, out);
    two(year % 100, out);
    for part in [month, day] {
        out.push(b'-');
        two(u32::from(part), out);
    }
}

fn put_time([hour, minute, second, micros @ ..]: [u8; 6], out: &mut Vec<u8>) {
    two(u32::from(hour), out);
    for part in [minute, second] {
        out.push(b':');
        two(u32::from(part), out);
    }
    let micros = micros.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
    if micros > 0 {
        out.push(b'.');
        two(micros / 10_000, out);
        two(micros / 100 % 100, out);
        two(micros % 100, out);
    }
}

/// Whether all parts of a state have the number of digits in which they are written.
fn are_in_range(date: Option<&[u8]>, time: Option<&[u8]>) -> bool {
    let is_date = |date: &[u8]| matches!(date, [0..=39, _, 1..=12, 1..=31]);
    // The highest byte of the microseconds is at most 0x0f.
    let is_time = |time: &[u8]| matches!(time, [0..=23, 0..=59, 0..=59, 0..=0x0f, ..]);
    date.is_none_or(is_date) && time.is_none_or(is_time)
}

fn datetime(state: &[u8], out: &mut Vec<u8>) -> Option<Written> {
    let [year @ .., month, day, hour, minute, second, a, b, c]: [u8; 10] = state.try_into().ok()?;
    let date = [year[0], year[1], month & !FOLD, day];
    let time = [hour, minute, second, a, b, c];
    if !are_in_range(Some(&date), Some(&time)) {
        return None;
    }
    put_date(date, out);
    out.push(b'T');
    put_time(time, out);
    Some(Written { of: "datetime", from: 0 })
}

fn date(state: &[u8], out: &mut Vec<u8>) -> Option<Written> {
    let date: [u8; 4] = state.try_into().ok().filter(|date: &[u8; 4]| are_in_range(Some(date), None))?;
    put_date(date, out);
    Some(Written { of: "date", from: 0 })
}

fn time(state: &[u8], out: &mut Vec<u8>) -> Option<Written> {
    let mut time: [u8; 6] = state.try_into().ok()?;
    time[0] &= !FOLD;
    if !are_in_range(None, Some(&time)) {
        return None;
    }
    out.extend_from_slice(ANY_DATE);
    put_time(time, out);
    Some(Written { of: "time", from: ANY_DATE.len() })
}

/// Returns a duration in microseconds.
fn delta(days: i64, seconds: i64, micros: i64) -> Option<i64> {
    let all = days.checked_mul(DAY_US)?.checked_add(seconds.checked_mul(SECOND_US)?)?;
    all.checked_add(micros)
}

/// Returns the zone with this offset. ISO-8601 has no offsets with seconds.
fn zone(micros: i64) -> Option<Value> {
    let is_offset = micros.abs() < DAY_US && micros % MINUTE_US == 0;
    is_offset.then(|| i32::try_from(micros / MINUTE_US).ok().map(Value::Zone))?
}
