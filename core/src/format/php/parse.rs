//! Reads a serialized text into a list of values, each of which knows where the next one begins.
//!
//! There is no recursion: arrays and objects that have begun are on a stack of at most [`DEPTH_MAX`].

use super::{DEPTH_MAX, Unserializer, VALUE_STEPS, VALUES_MAX};

/// More bytes than a number has, with the byte after it. `var_export` and `serialize` write at most 25.
const NUMBER_LONGEST: usize = 512;

/// A part of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    len: u32,
}

impl Span {
    /// Returns the bytes of the part.
    pub(super) fn of(self, text: &[u8]) -> &[u8] {
        let start = self.start as usize;
        text.get(start..start + self.len as usize).unwrap_or_default()
    }
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// A string, which is UTF-8.
    Text(Span),
    /// A string with escapes, which is UTF-8 without them.
    Escaped(Span),
    /// An array with this number of entries. The nodes of each key and its value follow.
    Array(u32),
    /// An object with this number of properties, likewise.
    Object(Span, u32),
    /// A case of an enum: the class, then the name of the case.
    Case(Span, Span),
    /// An object of this class that is written in its own format.
    Custom(Span),
    /// The value of another node, which comes before and is no such reference.
    Same(u32),
    /// A reference to a value of which it is not known which one it is.
    Lost,
}

/// A value or a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// The position of the node after this one and what it contains.
    pub(super) next: u32,
}

/// An array or object that has begun.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open {
    /// Its position among the nodes.
    node: u32,
    /// The number of entries that have not begun.
    left: u32,
}

/// Reads one value and what it contains.
pub(super) fn run(text: &[u8], of: &mut Unserializer) -> Option<()> {
    u32::try_from(text.len()).ok()?;
    of.work(text.len() / 4)?;
    let mut parser = Parser { text, at: 0, of, custom: None };
    parser.value()?;
    while let Some(open) = parser.of.open.last_mut() {
        match open.left.checked_sub(1) {
            Some(left) => {
                open.left = left;
                parser.key()?;
                parser.value()?;
            }
            None => {
                let node = open.node as usize;
                parser.of.open.pop();
                parser.expect(b"}")?;
                let next = u32::try_from(parser.of.nodes.len()).ok()?;
                parser.of.nodes.get_mut(node)?.next = next;
            }
        }
    }
    Some(())
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    of: &'a mut Unserializer,
    /// How many values had a number when an object in its own format ended the numbers that are known.
    custom: Option<usize>,
}

impl<'a> Parser<'a> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.text.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, bytes: &[u8]) -> Option<()> {
        self.text.get(self.at..)?.starts_with(bytes).then(|| self.at += bytes.len())
    }

    /// Reads what is before `end`, which is one of the next bytes, and `end`.
    fn until(&mut self, end: u8) -> Option<&'a [u8]> {
        let rest = self.text.get(self.at..)?;
        let len = rest.iter().take(NUMBER_LONGEST).position(|byte| *byte == end)?;
        self.at += len + 1;
        rest.get(..len)
    }

    /// Reads an unsigned number and the byte after it.
    fn count(&mut self, end: u8) -> Option<u32> {
        let digits = self.until(end)?;
        (!digits.is_empty() && digits.iter().all(u8::is_ascii_digit)).then_some(())?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// Reads a signed number and the semicolon after it.
    fn integer(&mut self) -> Option<i64> {
        std::str::from_utf8(self.until(b';')?).ok()?.parse().ok()
    }

    /// Reads the length of a string and the string in its quotes. It is not checked to be UTF-8.
    fn quoted(&mut self) -> Option<Span> {
        let len = self.count(b':')?;
        self.expect(b"\"")?;
        let start = self.at;
        self.at = self.at.checked_add(len as usize).filter(|end| *end <= self.text.len())?;
        self.expect(b"\"")?;
        Some(Span { start: u32::try_from(start).ok()?, len })
    }

    fn utf8(&self, span: Span) -> Option<Span> {
        std::str::from_utf8(span.of(self.text)).is_ok().then_some(span)
    }

    fn string(&mut self) -> Option<Kind> {
        let span = self.quoted()?;
        self.expect(b";")?;
        Some(Kind::Text(self.utf8(span)?))
    }

    /// Reads a string whose bytes can be written as `\` and two hexadecimal digits. Its length is that without
    /// escapes.
    fn escaped(&mut self) -> Option<Kind> {
        let len = self.count(b':')?;
        self.expect(b"\"")?;
        let start = self.at;
        for _ in 0..len {
            if self.byte()? == b'\\' {
                let digits = [self.byte()?, self.byte()?];
                digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
            }
        }
        let span = Span { start: u32::try_from(start).ok()?, len: u32::try_from(self.at - start).ok()? };
        self.expect(b"\";")?;
        std::str::from_utf8(&unescape(span.of(self.text))).is_ok().then_some(Kind::Escaped(span))
    }

    fn push(&mut self, kind: Kind) -> Option<u32> {
        self.of.work(VALUE_STEPS)?;
        let at = self.of.nodes.len();
        (at < VALUES_MAX).then_some(())?;
        let at = u32::try_from(at).ok()?;
        self.of.nodes.push(Node { kind, next: at + 1 });
        Some(at)
    }

    /// Reads a key of an array or the name of a property.
    fn key(&mut self) -> Option<()> {
        let kind = match (self.byte()?, self.byte()?) {
            (b'i', b':') => Kind::Int(self.integer()?),
            (b's', b':') => self.string()?,
            (b'S', b':') => self.escaped()?,
            _ => return None,
        };
        self.push(kind).map(drop)
    }

    /// Reads a value, of an array or object only how it begins.
    fn value(&mut self) -> Option<()> {
        let tag = self.byte()?;
        if tag == b'N' {
            self.expect(b";")?;
            return self.numbered(Kind::Null).map(drop);
        }
        self.expect(b":")?;
        let kind = match tag {
            b'b' => match self.until(b';')? {
                b"0" => Kind::Bool(false),
                b"1" => Kind::Bool(true),
                _ => return None,
            },
            b'i' => Kind::Int(self.integer()?),
            b'd' => Kind::Float(float(self.until(b';')?)?),
            b's' => self.string()?,
            b'S' => self.escaped()?,
            b'a' => {
                let count = self.count(b':')?;
                return self.begin(Kind::Array(count), count);
            }
            b'O' => {
                let class = self.quoted()?;
                let class = self.utf8(class)?;
                self.expect(b":")?;
                let count = self.count(b':')?;
                return self.begin(Kind::Object(class, count), count);
            }
            b'E' => self.case()?,
            b'C' => self.custom()?,
            b'r' => {
                // The reference has a number itself, which no reference can name before it is read.
                let kind = self.reference()?;
                let of = match kind {
                    Kind::Same(at) => self.of.nodes.get(at as usize)?.kind,
                    other => other,
                };
                let is_object =
                    matches!(of, Kind::Object(..) | Kind::Case(..) | Kind::Custom(_) | Kind::Lost);
                is_object.then_some(kind)?
            }
            b'R' => {
                let kind = self.reference()?;
                return self.push(kind).map(drop);
            }
            _ => return None,
        };
        self.numbered(kind).map(drop)
    }

    /// Adds a value that has a number.
    fn numbered(&mut self, kind: Kind) -> Option<u32> {
        let at = self.push(kind)?;
        self.of.numbered.push(at);
        Some(at)
    }

    fn begin(&mut self, kind: Kind, left: u32) -> Option<()> {
        self.expect(b"{")?;
        (self.of.open.len() < DEPTH_MAX).then_some(())?;
        let node = self.numbered(kind)?;
        self.of.open.push(Open { node, left });
        Some(())
    }

    /// Reads `15:"App\Suit:Hearts";`.
    fn case(&mut self) -> Option<Kind> {
        let span = self.quoted()?;
        self.expect(b";")?;
        let name = self.utf8(span)?;
        let colon = u32::try_from(name.of(self.text).iter().rposition(|byte| *byte == b':')?).ok()?;
        let case = Span { start: name.start + colon + 1, len: name.len - colon - 1 };
        Some(Kind::Case(Span { start: name.start, len: colon }, case))
    }

    /// Reads `3:"App\Money":5:{bytes}`.
    fn custom(&mut self) -> Option<Kind> {
        let class = self.quoted()?;
        let class = self.utf8(class)?;
        self.expect(b":")?;
        let len = self.count(b':')?;
        self.expect(b"{")?;
        self.at = self.at.checked_add(len as usize).filter(|end| *end <= self.text.len())?;
        self.expect(b"}")?;
        // This object still has a number that is known.
        self.custom.get_or_insert(self.of.numbered.len() + 1);
        Some(Kind::Custom(class))
    }

    fn reference(&mut self) -> Option<Kind> {
        let number = usize::try_from(self.integer()?).ok()?;
        if self.custom.is_some_and(|last| number > last) {
            return Some(Kind::Lost);
        }
        let at = *self.of.numbered.get(number.checked_sub(1)?)?;
        Some(match self.of.nodes.get(at as usize)?.kind {
            earlier @ (Kind::Same(_) | Kind::Lost) => earlier,
            _ => Kind::Same(at),
        })
    }
}

/// Reads a float as PHP writes it, with or without a fraction or an exponent.
fn float(text: &[u8]) -> Option<f64> {
    match text {
        b"INF" => Some(f64::INFINITY),
        b"-INF" => Some(f64::NEG_INFINITY),
        b"NAN" => Some(f64::NAN),
        // Rust accepts names of numbers, too.
        _ if !text.iter().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte)) => None,
        _ => std::str::from_utf8(text).ok()?.parse().ok(),
    }
}

/// Returns a string without its escapes, which are `\` and two hexadecimal digits each.
pub(super) fn unescape(mut raw: &[u8]) -> Vec<u8> {
    let digit =
        |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap_or(0);
    let mut text = Vec::with_capacity(raw.len());
    loop {
        raw = match raw {
            [] => return text,
            [b'\\', high, low, rest @ ..] => {
                text.push(digit(*high) << 4 | digit(*low));
                rest
            }
            [byte, rest @ ..] => {
                text.push(*byte);
                rest
            }
        };
    }
}
