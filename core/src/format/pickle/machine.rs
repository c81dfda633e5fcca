//! Runs the opcodes of a pickle.
//!
//! Every function returns `None` where Python refuses the pickle (an empty stack, an entry that the memo
//! does not have, a length beyond the end) or a bound is exceeded. As in Python, values below the last mark
//! cannot be popped.

use super::layouts::{Hole, Traced};
use super::number::{number_of, signed};
use super::text::characters;
use super::value::{BYTEARRAY, EXTENSION, FROZENSET, Kind, PERSISTENT, SET, Span, Value};
use super::{INTEGER_MAX, Unpickler, VALUE_STEPS, VALUES_MAX};
use crate::json::number_end;

/// The newest version of the format that is known.
const PROTOCOL_MAX: u8 = 5;

/// Returns the value that the pickle describes. With `traced` it notes the holes of the pickle there; then
/// it returns `None` for a pickle that names classes or functions as well.
pub(super) fn run(pickle: &[u8], of: &mut Unpickler, traced: Option<&mut Traced>) -> Option<Value> {
    let mut machine = Machine { pickle, at: 0, fence: 0, values: 0, entries: 0, of, traced };
    loop {
        let op = machine.byte()?;
        machine.of.work(VALUE_STEPS)?;
        if op == b'.' {
            return machine.pop();
        }
        machine.step(op)?;
    }
}

/// The state of the machine; its memory is in the [`Unpickler`].
pub(super) struct Machine<'p, 'u> {
    pub(super) pickle: &'p [u8],
    at: usize,
    /// The length of the stack at the last mark.
    fence: usize,
    /// The number of values and marks that were pushed.
    values: usize,
    /// The number of entries of the memo that are set.
    entries: usize,
    pub(super) of: &'u mut Unpickler,
    traced: Option<&'u mut Traced>,
}

impl Machine<'_, '_> {
    /// Runs one opcode other than the one that ends the pickle. The usual ones come first.
    fn step(&mut self, op: u8) -> Option<()> {
        if self.traced.is_some()
            && let Some(hole) = Hole::learned(op)
            && let Some((_, len)) = hole.read(self.pickle.get(self.at - 1..)?)
        {
            return self.trace(hole, len);
        }
        match op {
            // MEMOIZE
            0x94 => self.remember(self.entries),
            // SHORT_BINUNICODE, BINUNICODE, BINUNICODE8
            0x8c => self.text(1),
            b'X' => self.text(4),
            0x8d => self.text(8),
            // BININT1, BININT2, BININT, NONE, NEWTRUE, NEWFALSE
            b'K' => self.unsigned(1),
            b'M' => self.unsigned(2),
            b'J' => {
                let number = i32::from_le_bytes(self.array()?);
                self.push(Value::Int(i64::from(number)))
            }
            b'N' => self.push(Value::None),
            0x88 => self.push(Value::Bool(true)),
            0x89 => self.push(Value::Bool(false)),
            // BINGET, LONG_BINGET, BINPUT, LONG_BINPUT
            b'h' => self.get_at(1),
            b'j' => self.get_at(4),
            b'q' => self.put_at(1),
            b'r' => self.put_at(4),
            // BINFLOAT
            b'G' => {
                let number = f64::from_be_bytes(self.array()?);
                self.push(Value::Float(number))
            }
            // LONG1, LONG4
            0x8a => self.long(1),
            0x8b => self.long(4),
            b'(' | b'0' | b'1' | b'2' => self.stack(op),
            b'}' | b']' | b')' | b'd' | b'l' | b't' | 0x85..=0x87 | 0x8f | 0x91 => self.make(op),
            b'a' | b'e' | b's' | b'u' | 0x90 => self.fill(op),
            b'B' | b'C' | 0x8e | 0x96 | b'U' | b'T' => self.binary(op),
            b'I' | b'L' | b'F' | b'S' | b'V' | b'g' | b'p' => self.line_op(op),
            b'b' | b'c' | b'i' | b'o' | b'P' | b'Q' | b'R' | 0x81..=0x84 | 0x92 | 0x93 => self.object(op),
            // PROTO
            0x80 => (self.byte()? <= PROTOCOL_MAX).then_some(()),
            // FRAME
            0x95 => {
                let length = u64::from_le_bytes(self.array()?);
                (length <= (self.pickle.len() - self.at) as u64).then_some(())
            }
            // NEXT_BUFFER, READONLY_BUFFER: data that is elsewhere. And bytes that are no opcodes.
            _ => None,
        }
    }

    /// Notes a hole of this length, and pushes its value, if it has one.
    fn trace(&mut self, hole: Hole, len: usize) -> Option<()> {
        // The opcode was read already.
        let place = Span::new(self.at - 1, len)?;
        self.at += len - 1;
        let holes = &mut self.traced.as_mut()?.holes;
        let number = u32::try_from(holes.len()).ok()?;
        holes.push((hole, place));
        if hole == Hole::Frame { Some(()) } else { self.push(Value::Hole(number)) }
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.pickle.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let array = *self.pickle.get(self.at..)?.first_chunk()?;
        self.at += N;
        Some(array)
    }

    /// Reads an unsigned number of `bytes` bytes, at most eight, the lowest first.
    fn number(&mut self, bytes: usize) -> Option<u64> {
        let digits = self.pickle.get(self.at..)?.get(..bytes)?;
        self.at += bytes;
        Some(number_of(digits))
    }

    /// Reads the length of some data in `bytes` bytes, and takes the data.
    fn data(&mut self, bytes: usize) -> Option<Span> {
        let length = usize::try_from(self.number(bytes)?).ok()?;
        if length > self.pickle.len() - self.at {
            return None;
        }
        let span = Span::new(self.at, length);
        self.at += length;
        span
    }

    /// Takes a line, without the character that ends it.
    fn line(&mut self) -> Option<Span> {
        let len = memchr::memchr(b'\n', self.pickle.get(self.at..)?)?;
        let span = Span::new(self.at, len);
        self.at += len + 1;
        span
    }

    pub(super) fn push(&mut self, value: Value) -> Option<()> {
        self.values += 1;
        if self.values > VALUES_MAX {
            return None;
        }
        self.of.stack.push(value);
        Some(())
    }

    pub(super) fn pop(&mut self) -> Option<Value> {
        if self.of.stack.len() <= self.fence { None } else { self.of.stack.pop() }
    }

    fn top(&self) -> Option<Value> {
        self.of.stack.last().copied().filter(|_| self.of.stack.len() > self.fence)
    }

    /// Removes the last mark. Returns the length that the stack had there.
    fn unmark(&mut self) -> Option<usize> {
        let from = self.of.marks.pop()?;
        self.fence = self.of.marks.last().copied().unwrap_or(0);
        Some(from)
    }

    fn unsigned(&mut self, bytes: usize) -> Option<()> {
        let number = self.number(bytes)?;
        self.push(Value::Int(number.cast_signed()))
    }

    fn text(&mut self, bytes: usize) -> Option<()> {
        let span = self.data(bytes)?;
        let value = self.text_of(span)?;
        self.push(value)
    }

    /// Returns the text of UTF-8, in which Python accepts lone surrogates.
    pub(super) fn text_of(&self, span: Span) -> Option<Value> {
        let bytes = span.of(self.pickle);
        if crate::json::is_ascii(bytes) || std::str::from_utf8(bytes).is_ok() {
            return Some(Value::Text(span));
        }
        characters(bytes).all(|part| part.is_some()).then_some(Value::Surrogates(span))
    }

    /// A long integer whose length takes `bytes` bytes.
    fn long(&mut self, bytes: usize) -> Option<()> {
        let span = self.data(bytes)?;
        let digits = span.of(self.pickle);
        if digits.len() > size_of::<i64>() {
            return self.push(Value::Long(span));
        }
        let number = signed(digits);
        self.push(Value::Int(number))
    }

    /// Sets an entry of the memo to the value on top of the stack. Python counts entries up, so that their
    /// numbers are below the positions of the opcodes; a memo with larger numbers would be mostly holes.
    fn remember(&mut self, entry: usize) -> Option<()> {
        let top = self.top()?;
        if entry > self.at || entry >= VALUES_MAX {
            return None;
        }
        let memo = &mut self.of.memo;
        if entry >= memo.len() {
            memo.resize(entry + 1, Value::Unset);
        }
        let place = memo.get_mut(entry)?;
        self.entries += usize::from(*place == Value::Unset);
        *place = top;
        Some(())
    }

    fn put_at(&mut self, bytes: usize) -> Option<()> {
        let entry = usize::try_from(self.number(bytes)?).ok()?;
        self.remember(entry)
    }

    fn get(&mut self, entry: usize) -> Option<()> {
        let value = self.of.memo.get(entry).copied().filter(|value| *value != Value::Unset)?;
        self.push(value)
    }

    fn get_at(&mut self, bytes: usize) -> Option<()> {
        let entry = usize::try_from(self.number(bytes)?).ok()?;
        self.get(entry)
    }

    /// MARK, POP, POP_MARK, DUP.
    fn stack(&mut self, op: u8) -> Option<()> {
        match op {
            b'(' => {
                self.values += 1;
                if self.values > VALUES_MAX {
                    return None;
                }
                self.fence = self.of.stack.len();
                self.of.marks.push(self.fence);
            }
            // A mark on top of the stack is popped like a value.
            b'0' if self.of.marks.last() == Some(&self.of.stack.len()) => drop(self.unmark()?),
            b'0' => drop(self.pop()?),
            b'1' => {
                let from = self.unmark()?;
                self.of.stack.truncate(from);
            }
            _ => {
                let top = self.top()?;
                self.push(top)?;
            }
        }
        Some(())
    }

    /// Opcodes that make a container, of the values since the last mark or of none.
    fn make(&mut self, op: u8) -> Option<()> {
        let len = self.of.stack.len();
        let last =
            |machine: &Self, count: usize| len.checked_sub(count).filter(|from| *from >= machine.fence);
        let made = match op {
            b'}' => self.of.create(Kind::Dict)?,
            b']' => self.of.create(Kind::List)?,
            b')' => self.of.create(Kind::Tuple)?,
            0x85..=0x87 => {
                let from = last(self, usize::from(op - 0x84))?;
                self.of.create_of(Kind::Tuple, from)?
            }
            0x8f => Value::Opaque(SET),
            _ => {
                let from = self.unmark()?;
                match op {
                    b't' => self.of.create_of(Kind::Tuple, from)?,
                    b'l' => self.of.create_of(Kind::List, from)?,
                    b'd' if (len - from).is_multiple_of(2) => self.of.create_of(Kind::Dict, from)?,
                    b'd' => return None,
                    _ => {
                        self.of.stack.truncate(from);
                        Value::Opaque(FROZENSET)
                    }
                }
            }
        };
        self.push(made)
    }

    /// APPEND, APPENDS, SETITEM, SETITEMS, ADDITEMS: adds values to the container below them.
    fn fill(&mut self, op: u8) -> Option<()> {
        let from = match op {
            b'a' => self.of.stack.len().checked_sub(1)?,
            b's' => self.of.stack.len().checked_sub(2)?,
            _ => self.unmark()?,
        };
        if from <= self.fence {
            return None;
        }
        let is_dict = matches!(op, b's' | b'u');
        let count = self.of.stack.len() - from;
        let into = self.of.stack.get(from - 1).copied()?;
        match into {
            _ if count == 0 => Some(()),
            _ if is_dict && !count.is_multiple_of(2) => None,
            // Whatever an object does with them, it stays opaque.
            Value::Opaque(_) => {
                self.of.stack.truncate(from);
                Some(())
            }
            Value::Container(at) => match (self.of.container(at)?.kind, op) {
                (Kind::List, b'a' | b'e') | (Kind::Dict, b's' | b'u') => self.of.extend(at, from),
                _ => None,
            },
            _ => None,
        }
    }

    /// Opcodes of binary data, and of texts of Python 2.
    fn binary(&mut self, op: u8) -> Option<()> {
        let value = match op {
            b'C' => Value::Bytes(self.data(1)?),
            b'B' => Value::Bytes(self.data(4)?),
            0x8e => Value::Bytes(self.data(8)?),
            0x96 => {
                self.data(8)?;
                Value::Opaque(BYTEARRAY)
            }
            _ => {
                // The second length has a sign in Python. No pickle is as long as a length with the sign bit.
                let span = self.data(if op == b'U' { 1 } else { 4 })?;
                if span.of(self.pickle).is_ascii() { Value::Text(span) } else { Value::OldText(span) }
            }
        };
        self.push(value)
    }

    /// Opcodes of protocol 0, whose argument is a line of text. Texts with escapes are not read.
    fn line_op(&mut self, op: u8) -> Option<()> {
        let span = self.line()?;
        let line = span.of(self.pickle);
        let value = match op {
            b'I' if line == b"01" => Value::Bool(true),
            b'I' if line == b"00" => Value::Bool(false),
            b'I' => integer(span, line)?,
            b'L' => {
                let digits = line.strip_suffix(b"L").unwrap_or(line);
                integer(self.within(digits)?, digits)?
            }
            b'F' => Value::Float(float(line)?),
            b'S' => {
                let (first, last) = (*line.first()?, *line.last()?);
                let inside = line.get(1..line.len().checked_sub(1)?)?;
                let is_quoted = first == last && matches!(first, b'\'' | b'"');
                Value::Text(self.within(inside).filter(|_| is_quoted && is_plain(inside))?)
            }
            b'V' if is_plain(line) => Value::Text(span),
            b'V' => return None,
            _ => {
                let entry = std::str::from_utf8(line).ok()?.parse().ok()?;
                return if op == b'g' { self.get(entry) } else { self.remember(entry) };
            }
        };
        self.push(value)
    }

    /// Returns the place of a part of the line that was read last.
    fn within(&self, part: &[u8]) -> Option<Span> {
        Span::new(part.as_ptr().addr() - self.pickle.as_ptr().addr(), part.len())
    }

    /// Opcodes of classes, functions and objects.
    fn object(&mut self, op: u8) -> Option<()> {
        if self.traced.is_some() {
            return None;
        }
        let value = match op {
            // BUILD
            b'b' => {
                let state = self.pop()?;
                let object = self.top()?;
                return self.set_state(object, state);
            }
            // GLOBAL
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.name(module, name)?
            }
            // STACK_GLOBAL
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Value::Text(module), Value::Text(name)) = (module, name) else { return None };
                self.name(module, name)?
            }
            // REDUCE
            b'R' => {
                let (args, callee) = (self.pop()?, self.pop()?);
                self.call(callee, args)?
            }
            // NEWOBJ
            0x81 => {
                let (args, class) = (self.pop()?, self.pop()?);
                self.instance(class, args)?
            }
            // NEWOBJ_EX
            0x92 => {
                let (_, _, class) = (self.pop()?, self.pop()?, self.pop()?);
                self.opaque(class)?
            }
            // INST
            b'i' => {
                let (module, name) = (self.line()?, self.line()?);
                let from = self.unmark()?;
                self.of.stack.truncate(from);
                let class = self.name(module, name)?;
                self.opaque(class)?
            }
            // OBJ: the class is the first value after the mark.
            b'o' => {
                let from = self.unmark()?;
                let class = self.of.stack.get(from).copied()?;
                self.of.stack.truncate(from);
                self.opaque(class)?
            }
            // PERSID, BINPERSID
            b'P' => self.line().map(|_| Value::Opaque(PERSISTENT))?,
            b'Q' => self.pop().map(|_| Value::Opaque(PERSISTENT))?,
            // EXT1, EXT2, EXT4
            _ => self.number(1 << (op - 0x82)).map(|_| Value::Opaque(EXTENSION))?,
        };
        self.push(value)
    }
}

/// Returns whether a text of protocol 0 has no escapes, and the same characters in every encoding.
fn is_plain(text: &[u8]) -> bool {
    text.is_ascii() && !text.contains(&b'\\')
}

/// Returns an integer in decimal digits. Python accepts other notations, which its pickles do not have.
fn integer(span: Span, text: &[u8]) -> Option<Value> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let is_plain = matches!(digits, [b'0'] | [b'1'..=b'9', ..]) && digits.iter().all(u8::is_ascii_digit);
    if !is_plain {
        return None;
    }
    let small = std::str::from_utf8(text).ok()?.parse().map(Value::Int);
    // As many digits as bytes in the longest binary integer have.
    let long = if digits.len() > INTEGER_MAX * 2 { OPAQUE_INT } else { Value::Digits(span) };
    Some(small.unwrap_or(long))
}

const OPAQUE_INT: Value = Value::Opaque(super::value::INT);

/// Returns a float as Python's `repr` writes it.
fn float(text: &[u8]) -> Option<f64> {
    let number = text.strip_prefix(b"-").unwrap_or(text);
    let is_number = number_end(text, 0).is_some_and(|end| end == text.len());
    (is_number || matches!(number, b"inf" | b"nan")).then(|| std::str::from_utf8(text).ok()?.parse().ok())?
}
