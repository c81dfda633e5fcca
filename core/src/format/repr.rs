//! The text in which Python shows the arguments of a call, read as far as its meaning is certain.
//!
//! Celery writes it into the headers `argsrepr` and `kwargsrepr` (`celery/utils/saferepr.py`). It resembles
//! Python's `repr` but differs from it: strings are enclosed in `'`, with a backslash before each `'` and
//! nothing else escaped, so a backslash is part of the string; bytes are not escaped at all; a text that is
//! too long is cut and ends in `...`, in a string before its end quote; a value that is nested too deep is
//! shown as `[...]`, `{...}` or `(...)`. A sender can provide a text of its own, which is then probably
//! Python's `repr`. So a text counts only if it has the same meaning in both forms, and only as a whole: a
//! text that is cut, that contains bytes or an object whose end is not known, or that does not follow the
//! grammar gives no argument (docs/decisions/0015-arguments-as-their-sender-shows-them.md).
//!
//! ```text
//! args     = tuple | list                               the whole text, no space around it
//! kwargs   = "{}" | "{" string ": " value {", " string ": " value} "}"
//! value    = string | number | "None" | "True" | "False" | "nan" | "inf" | "-inf" | "set()" | "frozenset()"
//!          | tuple | list | dict | set | "(...)" | "(...,)" | "[...]" | "{...}" | shown
//! shown    = one of the types of the standard library whose form is fixed: "UUID('...')"; see `shown`
//! ```

mod shown;

use std::io::Write as _;

use crate::json::number_end;
use shown::Iso;
pub(super) use shown::is_decimal;

/// The longest text that is read, in bytes. Celery cuts at 1,024 characters, which are at most 4 KB, and adds
/// closing brackets.
pub(super) const REPR_MAX: usize = 16 * 1024;
/// The deepest nesting that is read. Celery shows three levels.
const REPR_DEPTH_MAX: usize = 32;

/// Which of the two texts is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Positional arguments.
    Args,
    /// Keyword arguments.
    Kwargs,
}

/// The position or the name of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key<'t> {
    At(usize),
    Name(&'t [u8]),
}

/// The value of one argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'t> {
    None,
    Bool(bool),
    /// A number, written as in JSON.
    Number(&'t [u8]),
    /// The bytes between the quotes of a string whose meaning is certain: a backslash occurs only before `'`.
    Text(&'t [u8]),
    /// A UUID in lower case, with dashes.
    Uuid(&'t [u8]),
    /// A `Decimal`, as its `str` writes it.
    Decimal(&'t [u8]),
    /// A date, a time, or both: kombu's name of the type, and the ISO text.
    Time(&'static str, Iso),
    /// Any other value, which is skipped.
    Other,
}

impl Value<'_> {
    /// Appends the value as JSON, in kombu's form for types that JSON lacks. Appends nothing for None and for
    /// a value that is not plain.
    pub(super) fn json(self, out: &mut Vec<u8>) {
        match self {
            Self::Bool(true) => out.extend_from_slice(b"true"),
            Self::Bool(false) => out.extend_from_slice(b"false"),
            Self::Number(digits) => out.extend_from_slice(digits),
            Self::Text(content) => {
                out.push(b'"');
                for &byte in content {
                    match byte {
                        b'\\' => {}
                        b'"' => out.extend_from_slice(b"\\\""),
                        // Writing to memory does not fail.
                        0..=0x1f => drop(write!(out, "\\u{byte:04x}")),
                        _ => out.push(byte),
                    }
                }
                out.push(b'"');
            }
            Self::Uuid(text) => {
                out.extend_from_slice(br#"{"__type__":"uuid","__value__":{"hex":""#);
                out.extend(text.iter().filter(|byte| **byte != b'-'));
                out.extend_from_slice(br#""}}"#);
            }
            Self::Decimal(text) => wrap("decimal", text, out),
            Self::Time(of, iso) => wrap(of, iso.text(), out),
            Self::None | Self::Other => {}
        }
    }
}

/// Appends a text without quotes and backslashes in the form in which kombu wraps it.
fn wrap(of: &str, text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"__type__":""#);
    out.extend_from_slice(of.as_bytes());
    out.extend_from_slice(br#"","__value__":""#);
    out.extend_from_slice(text);
    out.extend_from_slice(br#""}"#);
}

/// Passes the arguments that `text` (UTF-8) shows to `each`, in their order. Returns false if the meaning of
/// the text is not certain; the arguments that were passed then have no meaning.
pub(super) fn arguments<'t>(text: &'t [u8], form: Form, mut each: impl FnMut(Key<'t>, Value<'t>)) -> bool {
    text.len() <= REPR_MAX && Reading::new(text).all(form, &mut each).is_some()
}

/// What comes next in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// An item of a tuple or list.
    Item,
    /// The first value of a dict or set.
    First,
    /// A member of a set.
    Member,
    /// A key of a dict.
    Key,
    /// A value of a dict.
    Value,
}

/// A container that is not closed yet.
#[derive(Debug, Clone, Copy)]
struct Level {
    closer: u8,
    role: Role,
    /// The number of items before the one that comes next.
    items: usize,
}

/// One pass over a text. Every function returns `None` if the text does not follow the grammar.
struct Reading<'t> {
    text: &'t [u8],
    at: usize,
    levels: [Level; REPR_DEPTH_MAX],
    depth: usize,
}

/// Values that are one word.
const WORDS: [(&[u8], Value<'static>); 8] = [
    (b"None", Value::None),
    (b"True", Value::Bool(true)),
    (b"False", Value::Bool(false)),
    (b"nan", Value::Other),
    (b"inf", Value::Other),
    (b"-inf", Value::Other),
    (b"set()", Value::Other),
    (b"frozenset()", Value::Other),
];

impl<'t> Reading<'t> {
    fn new(text: &'t [u8]) -> Self {
        let level = Level { closer: 0, role: Role::Item, items: 0 };
        Self { text, at: 0, levels: [level; REPR_DEPTH_MAX], depth: 0 }
    }

    fn rest(&self) -> &'t [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn byte(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip(&mut self, what: &[u8]) -> Option<()> {
        self.rest().starts_with(what).then(|| self.at += what.len())
    }

    fn all(&mut self, form: Form, each: &mut impl FnMut(Key<'t>, Value<'t>)) -> Option<()> {
        match (form, self.byte()?) {
            (Form::Args, b'(' | b'[') => {
                if self.open()? {
                    return self.end();
                }
            }
            (Form::Kwargs, b'{') => {
                if self.open()? {
                    return self.end();
                }
                // Keyword arguments are not a set.
                self.levels[0].role = Role::Key;
            }
            _ => return None,
        }
        let mut name: &[u8] = &[];
        loop {
            let mut value = match self.byte()? {
                b'(' | b'[' | b'{' if !self.open()? => continue,
                b'(' | b'[' | b'{' => Value::Other,
                _ => self.scalar()?,
            };
            loop {
                if self.depth == 1 {
                    let level = self.levels[0];
                    match (level.role, value) {
                        (Role::Key, Value::Text(key)) if !key.contains(&b'\\') => name = key,
                        (Role::Value, value) => each(Key::Name(name), value),
                        (Role::Item, value) => each(Key::At(level.items), value),
                        _ => return None,
                    }
                }
                if !self.follow()? {
                    break;
                }
                if self.depth == 0 {
                    return self.end();
                }
                value = Value::Other;
            }
        }
    }

    fn end(&self) -> Option<()> {
        (self.at == self.text.len()).then_some(())
    }

    /// Enters a container. Returns true if the container ends at once because it is empty or its content is
    /// hidden.
    fn open(&mut self) -> Option<bool> {
        let (closer, role) = match self.byte()? {
            b'(' => (b')', Role::Item),
            b'[' => (b']', Role::Item),
            _ => (b'}', Role::First),
        };
        self.at += 1;
        // The outermost container is always shown, unless it is cut.
        let hidden: &[&[u8]] = match closer {
            _ if self.depth == 0 => &[],
            b')' => &[b"...)", b"...,)"],
            b']' => &[b"...]"],
            _ => &[b"...}"],
        };
        if self.skip(&[closer]).is_some() || hidden.iter().any(|hidden| self.skip(hidden).is_some()) {
            return Some(true);
        }
        *self.levels.get_mut(self.depth)? = Level { closer, role, items: 0 };
        self.depth += 1;
        Some(false)
    }

    /// Continues after a value. Returns true if the container around the value ends there.
    fn follow(&mut self) -> Option<bool> {
        let Level { closer, role, items } = self.levels[self.depth.checked_sub(1)?];
        let is_tuple = closer == b')';
        let next = match (self.byte()?, role) {
            (b':', Role::Key | Role::First) => {
                self.skip(b": ")?;
                Role::Value
            }
            // A tuple of one item has a comma after the item; brackets without a comma are not a tuple.
            (b',', _) if is_tuple && items == 0 && self.skip(b",)").is_some() => {
                self.depth -= 1;
                return Some(true);
            }
            (_, Role::Key) => return None,
            (b',', _) => {
                self.skip(b", ")?;
                match role {
                    Role::Item => Role::Item,
                    Role::Value | Role::Key => Role::Key,
                    Role::First | Role::Member => Role::Member,
                }
            }
            (byte, _) if byte == closer && !(is_tuple && items == 0) => {
                self.at += 1;
                self.depth -= 1;
                return Some(true);
            }
            _ => return None,
        };
        let level = &mut self.levels[self.depth - 1];
        level.items += usize::from(next != Role::Value);
        level.role = next;
        Some(false)
    }

    /// Reads a value that is not a container. The bytes after it show whether it ends there.
    fn scalar(&mut self) -> Option<Value<'t>> {
        for (word, value) in WORDS {
            if self.skip(word).is_some() {
                return Some(value);
            }
        }
        match self.byte()? {
            b'\'' | b'"' => self.string(),
            b'-' | b'0'..=b'9' => {
                let (start, end) = (self.at, number_end(self.text, self.at)?);
                self.at = end;
                Some(Value::Number(&self.text[start..end]))
            }
            _ => self.shown(),
        }
    }

    /// Reads a string. If a backslash stands before a quote, the two writers can mean different ends of the
    /// string; the text then has no certain meaning.
    fn string(&mut self) -> Option<Value<'t>> {
        let quote = self.byte()?;
        let start = self.at + 1;
        let (mut at, mut certain) = (start, true);
        loop {
            at += memchr::memchr2(quote, b'\\', self.text.get(at..)?)?;
            if self.text[at] == quote {
                break;
            }
            let end = at + self.text[at..].iter().take_while(|byte| **byte == b'\\').count();
            let next = *self.text.get(end)?;
            if next != quote {
                // One writer means a backslash by it, the other the start of an escape.
                certain = false;
                at = end;
            } else if quote == b'"' || end - at > 1 {
                return None;
            } else {
                // Only a few bytes can follow the end of a string. If none of them follows, the quote is
                // escaped.
                match self.text.get(end + 1)? {
                    b',' | b':' | b')' | b']' | b'}' => return None,
                    _ => at = end + 1,
                }
            }
        }
        let content = &self.text[start..at];
        self.at = at + 1;
        // The string is cut, or looks as if it were. Writers other than Celery cut in the middle.
        let whole = memchr::memmem::find(content, b"...").is_none();
        whole.then_some(if certain { Value::Text(content) } else { Value::Other })
    }

    fn shown(&mut self) -> Option<Value<'t>> {
        let (value, len) = shown::read(self.rest())?;
        self.at += len;
        Some(value)
    }
}

#[cfg(test)]
mod tests;
