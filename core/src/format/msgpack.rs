//! Converts bodies in MessagePack to JSON text.
//!
//! They are read as kombu reads them (`kombu/serialization.py`, 5.7.0: `unpackb(s, raw=False)` of msgpack
//! 1.x): strings are UTF-8, the whole body is one value, the extension -1 is a timestamp, and other
//! extensions have codes from 0 to 127. Types that JSON lacks are written as kombu's JSON writes them
//! (`kombu/utils/json.py`), so that a condition has the same result for both serializers: binary data as
//! `bytes` if it is UTF-8 and as `base64` otherwise; a timestamp as `datetime`; another extension as Python's
//! `ExtType`, which is a tuple of code and data.
//!
//! Floats of 32 bits become the number that Python makes of them. NaN and the infinities become the words
//! that Python's JSON uses for them. The format: `github.com/msgpack/msgpack/blob/master/spec.md`, 2017.

use std::fmt::Display;
use std::io::{Error, ErrorKind, Result, Write};

use rmp::Marker;

use crate::time;

/// The deepest nesting of a body that is read. Celery's own bodies nest only a few levels.
const DEPTH_MAX: usize = 128;
/// The maximum number of values in a body, including those inside other values. Each becomes a piece of JSON
/// text, which takes about 30 ns. A body of the maximum size can contain one value in each byte.
const VALUES_MAX: usize = 64 * 1024;
/// The longest JSON text that is made of a body, in bytes.
const JSON_MAX: usize = 1024 * 1024;
/// The number of nanoseconds in a second.
const SECOND_NS: u32 = 1_000_000_000;

/// Writes one MessagePack value as JSON text. Returns false for bodies that Python does not read either
/// (broken strings, keys that are containers and the like), for keys that are neither strings nor integers,
/// for bytes that are not exactly one value, and for values that are nested deeper than [`DEPTH_MAX`],
/// contain more than [`VALUES_MAX`] values or become more than [`JSON_MAX`] bytes.
pub(super) fn json_of_msgpack(msgpack: &[u8], json: &mut Vec<u8>) -> bool {
    json.clear();
    let mut writer = Writer { rest: msgpack, out: Bounded(json), levels: Vec::new(), values: 0 };
    writer.all().is_some() && writer.rest.is_empty()
}

/// Text of at most [`JSON_MAX`] bytes.
struct Bounded<'t>(&'t mut Vec<u8>);

impl Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        if self.0.len() + bytes.len() > JSON_MAX {
            return Err(Error::from(ErrorKind::FileTooLarge));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// A container that is not complete yet.
struct Level {
    is_map: bool,
    /// The number of its values, keys included, and how many of them were written.
    count: u64,
    written: u64,
}

impl Level {
    fn wants_key(&self) -> bool {
        self.is_map && self.written.is_multiple_of(2)
    }
}

/// The result of reading: a whole value, or the head of a container.
enum Read {
    Value,
    Open(Level),
}

/// One pass over a body. Every function returns `None` if the body cannot be read.
struct Writer<'m, 't> {
    rest: &'m [u8],
    out: Bounded<'t>,
    levels: Vec<Level>,
    values: usize,
}

impl Writer<'_, '_> {
    fn all(&mut self) -> Option<()> {
        loop {
            self.values += 1;
            if self.values > VALUES_MAX {
                return None;
            }
            let read = if self.levels.last().is_some_and(Level::wants_key) {
                self.key()?;
                Read::Value
            } else {
                self.value()?
            };
            match read {
                Read::Open(level) => {
                    if self.levels.len() >= DEPTH_MAX {
                        return None;
                    }
                    self.put(if level.is_map { b"{" } else { b"[" })?;
                    self.levels.push(level);
                }
                Read::Value => self.count(),
            }
            // Every container that is now complete is closed, and is then one value of the container around
            // it.
            while let Some(level) = self.levels.last().filter(|level| level.written == level.count) {
                let closer: &[u8] = if level.is_map { b"}" } else { b"]" };
                self.put(closer)?;
                self.levels.pop();
                self.count();
            }
            let Some(level) = self.levels.last() else { return Some(()) };
            let mark: &[u8] = match level.written {
                0 => b"",
                written if level.is_map && written % 2 == 1 => b":",
                _ => b",",
            };
            self.put(mark)?;
        }
    }

    fn count(&mut self) {
        if let Some(level) = self.levels.last_mut() {
            level.written += 1;
        }
    }

    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        self.out.write_all(bytes).ok()
    }

    fn show(&mut self, number: impl Display) -> Option<()> {
        write!(self.out, "{number}").ok()
    }

    fn string(&mut self, text: &str) -> Option<()> {
        serde_json::to_writer(&mut self.out, text).ok()
    }

    /// Takes the next `count` bytes.
    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    /// Reads an unsigned number of `bytes` bytes, at most eight.
    fn number(&mut self, bytes: usize) -> Option<u64> {
        Some(self.take(bytes)?.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    /// Reads a string or an integer as the name of a member.
    fn key(&mut self) -> Option<()> {
        let is_text = match Marker::from_u8(*self.rest.first()?) {
            Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => true,
            Marker::FixPos(_) | Marker::U8 | Marker::U16 | Marker::U32 | Marker::U64 => false,
            Marker::FixNeg(_) | Marker::I8 | Marker::I16 | Marker::I32 | Marker::I64 => false,
            _ => return None,
        };
        if is_text {
            return self.value().map(|_| ());
        }
        self.put(b"\"")?;
        self.value()?;
        self.put(b"\"")
    }

    fn value(&mut self) -> Option<Read> {
        match Marker::from_u8(self.take(1)?[0]) {
            Marker::FixMap(count) => return self.open(true, u64::from(count)),
            Marker::Map16 => return self.container(true, 2),
            Marker::Map32 => return self.container(true, 4),
            Marker::FixArray(count) => return self.open(false, u64::from(count)),
            Marker::Array16 => return self.container(false, 2),
            Marker::Array32 => return self.container(false, 4),
            Marker::Null => self.put(b"null")?,
            Marker::True => self.put(b"true")?,
            Marker::False => self.put(b"false")?,
            Marker::FixPos(number) => self.show(number)?,
            Marker::FixNeg(number) => self.show(number)?,
            Marker::U8 => self.unsigned(1)?,
            Marker::U16 => self.unsigned(2)?,
            Marker::U32 => self.unsigned(4)?,
            Marker::U64 => self.unsigned(8)?,
            Marker::I8 => self.signed(1)?,
            Marker::I16 => self.signed(2)?,
            Marker::I32 => self.signed(4)?,
            Marker::I64 => self.signed(8)?,
            Marker::F32 => self.float(4)?,
            Marker::F64 => self.float(8)?,
            Marker::FixStr(length) => self.text(usize::from(length))?,
            Marker::Str8 => self.long(1, Self::text)?,
            Marker::Str16 => self.long(2, Self::text)?,
            Marker::Str32 => self.long(4, Self::text)?,
            Marker::Bin8 => self.long(1, Self::binary)?,
            Marker::Bin16 => self.long(2, Self::binary)?,
            Marker::Bin32 => self.long(4, Self::binary)?,
            Marker::FixExt1 => self.extension(1)?,
            Marker::FixExt2 => self.extension(2)?,
            Marker::FixExt4 => self.extension(4)?,
            Marker::FixExt8 => self.extension(8)?,
            Marker::FixExt16 => self.extension(16)?,
            Marker::Ext8 => self.long(1, Self::extension)?,
            Marker::Ext16 => self.long(2, Self::extension)?,
            Marker::Ext32 => self.long(4, Self::extension)?,
            Marker::Reserved => return None,
        }
        Some(Read::Value)
    }

    /// Reads a length of `bytes` bytes and lets `write` write the data of that length.
    fn long(&mut self, bytes: usize, write: impl FnOnce(&mut Self, usize) -> Option<()>) -> Option<()> {
        let length = usize::try_from(self.number(bytes)?).ok()?;
        write(self, length)
    }

    fn unsigned(&mut self, bytes: usize) -> Option<()> {
        let number = self.number(bytes)?;
        self.show(number)
    }

    fn signed(&mut self, bytes: usize) -> Option<()> {
        // The sign is the first bit of the number.
        let unused = 64 - 8 * bytes;
        let number = (self.number(bytes)? << unused).cast_signed() >> unused;
        self.show(number)
    }

    /// Reads a container whose count takes `bytes` bytes.
    fn container(&mut self, is_map: bool, bytes: usize) -> Option<Read> {
        let count = self.number(bytes)?;
        self.open(is_map, count)
    }

    fn open(&self, is_map: bool, items: u64) -> Option<Read> {
        let count = if is_map { items * 2 } else { items };
        // Each value takes at least one byte.
        (count <= self.rest.len() as u64).then_some(Read::Open(Level { is_map, count, written: 0 }))
    }

    fn text(&mut self, length: usize) -> Option<()> {
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        self.string(std::str::from_utf8(text).ok()?)
    }

    fn float(&mut self, bytes: usize) -> Option<()> {
        let bits = self.number(bytes)?;
        let number = match u32::try_from(bits) {
            Ok(bits) if bytes == 4 => f64::from(f32::from_bits(bits)),
            _ => f64::from_bits(bits),
        };
        match number {
            _ if number.is_nan() => self.put(b"NaN"),
            f64::INFINITY => self.put(b"Infinity"),
            f64::NEG_INFINITY => self.put(b"-Infinity"),
            // This writes the shortest digits that mean this number, in a form that JSON has as well.
            _ => write!(self.out, "{number:?}").ok(),
        }
    }

    /// Writes binary data as kombu's JSON wraps Python's `bytes`.
    fn binary(&mut self, length: usize) -> Option<()> {
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        match std::str::from_utf8(bytes) {
            Ok(text) => self.wrapped("bytes", text),
            Err(_) => self.wrapped("base64", &base64_simd::STANDARD.encode_to_string(bytes)),
        }
    }

    fn wrapped(&mut self, of: &str, text: &str) -> Option<()> {
        write!(self.out, "{{\"__type__\":\"{of}\",\"__value__\":").ok()?;
        self.string(text)?;
        self.put(b"}")
    }

    fn extension(&mut self, length: usize) -> Option<()> {
        let code = self.take(1)?[0].cast_signed();
        match code {
            -1 => self.timestamp(length),
            0.. => {
                write!(self.out, "[{code},").ok()?;
                self.binary(length)?;
                self.put(b"]")
            }
            // These codes are reserved for later versions of the format; Python refuses them.
            _ => None,
        }
    }

    fn timestamp(&mut self, length: usize) -> Option<()> {
        let (seconds, nanos) = match length {
            4 => (self.number(4)?.cast_signed(), 0),
            8 => {
                let both = self.number(8)?;
                ((both & 0x3_ffff_ffff).cast_signed(), both >> 34)
            }
            12 => {
                let nanos = self.number(4)?;
                (self.number(8)?.cast_signed(), nanos)
            }
            _ => return None,
        };
        let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < SECOND_NS)?;
        match iso(seconds, nanos / 1_000) {
            Some(text) => self.wrapped("datetime", &text),
            // Neither Python's datetime nor ISO-8601 can express this moment.
            None => write!(self.out, "{{\"__type__\":\"timestamp\",\"__value__\":[{seconds},{nanos}]}}").ok(),
        }
    }
}

/// Returns the moment as Python's `isoformat` writes it in UTC; `None` outside the years 1 to 9999.
fn iso(seconds: i64, micros: u32) -> Option<String> {
    let micros_of_second = seconds.checked_mul(1_000_000)?;
    if !time::RANGE.contains(&micros_of_second) {
        return None;
    }
    let mut text = time::canonical(micros_of_second);
    text.pop();
    if micros > 0 {
        text.push_str(&format!(".{micros:06}"));
    }
    text.push_str("+00:00");
    Some(text)
}

#[cfg(test)]
mod tests;
