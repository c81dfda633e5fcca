//! Shapes of messages that are known not to match.
//!
//! Producers write the same message over and over: same keys, same order, same spacing, and between them a
//! handful of strings that differ. Once one such message was examined and found false because of a value that
//! is part of what repeats (its task, say), the next one need not be parsed: compare what repeats byte for
//! byte, and make sure that each string between is a plain one.
//!
//! # Why that is exact
//! Let `M` be a valid message and `M'` be `M` with the contents of some string *values* replaced by other bytes,
//! at least one each, without quotes, backslashes and control characters. A JSON parser takes the same steps
//! over both: `M'` is valid, has the same keys with the same kinds of values, and the same values outside the
//! replaced strings. A condition whose field was found outside of them, or not at all, therefore decides the
//! same; and one false condition decides a message. Empty strings are never replaced nor put in: a format may
//! take them for "not set". Anything else than such an `M'` goes to the parser, which decides as always.
//!
//! # What it learns
//! Which strings differ is learned from the messages themselves: a shape starts with none, and opens those in
//! which a further message of the same skeleton differs. Messages that never repeat cost little: learning has
//! a credit that hits earn, and sleeps when it is used up.

use std::collections::HashMap;
use std::ops::Range;

use memchr::memmem::Finder;

use crate::json::Map;

/// Longest message that is learned from, bytes.
const MESSAGE_MAX: usize = 16 * 1024;
/// Most bytes of examples that are kept; beyond it everything is learned anew.
const KEPT_MAX: usize = 512 * 1024;
/// Most shapes that one value is tried against.
const TRIED_MAX: usize = 8;
/// Bytes before a deciding value by which it is found in the next message: `task": "`.
const LEAD: usize = 8;
/// Messages that may be learned from before there is a hit, and after a sleep.
const CREDIT: u32 = 64;
/// Most credit.
const CREDIT_MAX: u32 = 1_024;
/// Messages without learning once the credit is used up.
const SLEEP: u32 = 4_096;

/// An example, and the strings of it that may differ.
#[derive(Debug, Clone)]
struct Shape {
    example: Box<[u8]>,
    /// Contents of all string values, in order.
    values: Vec<Range<usize>>,
    /// Those of them that may differ. Never the one that decided.
    open: Vec<Range<usize>>,
    /// Which of the values decided; `None` if something did that is no string value, and so never differs.
    decided: Option<usize>,
}

impl Shape {
    /// The message is the example but for the contents of open strings.
    fn fits(&self, message: &[u8], map: &Map) -> bool {
        let (mut at, mut from) = (0, 0);
        for open in &self.open {
            let same = &self.example[from..open.start];
            if message.get(at..at + same.len()) != Some(same) {
                return false;
            }
            at += same.len();
            let end = map.next(at).filter(|end| message[*end] == b'"' && *end > at);
            let Some(end) = end else { return false };
            at = end;
            from = open.end;
        }
        message[at..] == self.example[from..]
    }

    /// Opens the strings in which the message differs; false if it differs in anything else, or if nothing
    /// differs that could be opened.
    fn widen(&mut self, message: &[u8], values: &[Range<usize>], decided: Option<usize>) -> bool {
        if values.len() != self.values.len() || decided != self.decided {
            return false;
        }
        let (mut at, mut from) = (0, 0);
        let mut open = Vec::new();
        for (n, (own, other)) in self.values.iter().zip(values).enumerate() {
            if self.example[from..own.start] != message[at..other.start] {
                return false;
            }
            let differs = self.example[own.clone()] != message[other.clone()];
            if differs && (own.is_empty() || other.is_empty() || Some(n) == decided) {
                return false;
            }
            if differs || self.open.contains(own) {
                open.push(own.clone());
            }
            (at, from) = (other.end, own.end);
        }
        if self.example[from..] != message[at..] {
            return false;
        }
        self.open = open;
        true
    }
}

/// What a message was found false by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Because {
    /// By the content of this string, or by this whole number.
    Value(Range<usize>),
    /// By a field that it does not have.
    Absent,
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Shapes {
    /// Finds the deciding value in a message.
    lead: Option<Finder<'static>>,
    /// Shapes by deciding value.
    by_value: HashMap<Box<[u8]>, Vec<Shape>>,
    /// Shapes without one, or with one that the lead does not find.
    others: Vec<Shape>,
    kept: usize,
    credit: u32,
    sleep: u32,
}

impl Default for Shapes {
    fn default() -> Self {
        Self { lead: None, by_value: HashMap::new(), others: Vec::new(), kept: 0, credit: CREDIT, sleep: 0 }
    }
}

impl Shapes {
    /// The message is decodable and does not match, whatever its open strings say. `map` is that of `message`.
    pub(super) fn reject(&mut self, message: &[u8], map: &Map) -> bool {
        if self.sleep > 0 {
            self.sleep -= 1;
            return false;
        }
        let hit = self.leading(message, map) || front(&mut self.others, message, map);
        if hit && self.credit < CREDIT_MAX {
            self.credit += 1;
        }
        hit
    }

    fn leading(&mut self, message: &[u8], map: &Map) -> bool {
        let Some(lead) = &self.lead else { return false };
        let Some(start) = lead.find(message).map(|at| at + LEAD) else { return false };
        let value = map.next(start).and_then(|end| message.get(start..end));
        let shapes = value.and_then(|value| self.by_value.get_mut(value));
        shapes.is_some_and(|shapes| front(shapes, message, map))
    }

    /// Learns from a decodable message that was found false.
    pub(super) fn learn(&mut self, message: &[u8], map: &Map, because: &Because) {
        if self.sleep > 0 || message.len() > MESSAGE_MAX {
            return;
        }
        if self.credit == 0 {
            self.sleep = SLEEP;
            self.credit = CREDIT;
            return;
        }
        self.credit -= 1;
        if self.kept > KEPT_MAX {
            *self = Self { credit: self.credit, ..Self::default() };
        }
        let values = crate::json::string_values(message, map);
        let pin = match because {
            Because::Value(span) => Some(span),
            Because::Absent => None,
        };
        let decided = pin.and_then(|pin| values.iter().position(|value| value == pin));
        let shapes = match pin.filter(|pin| decided.is_some() && self.is_led(message, pin)) {
            Some(pin) => self.by_value.entry(message[pin.clone()].into()).or_default(),
            None => &mut self.others,
        };
        if shapes.iter_mut().any(|shape| shape.widen(message, &values, decided)) {
            return;
        }
        // The last is the one that fitted the longest ago, or never.
        if shapes.len() >= TRIED_MAX
            && let Some(last) = shapes.pop()
        {
            self.kept -= last.example.len();
        }
        self.kept += message.len();
        shapes.push(Shape { example: message.into(), values, open: Vec::new(), decided });
    }

    /// The lead finds this value; the first value that there is makes the lead.
    fn is_led(&mut self, message: &[u8], pin: &Range<usize>) -> bool {
        let Some(before) = pin.start.checked_sub(LEAD).map(|from| &message[from..pin.start]) else {
            return false;
        };
        let lead = self.lead.get_or_insert_with(|| Finder::new(before).into_owned());
        lead.needle() == before
    }
}

/// One of the shapes fits; it is tried first the next time.
fn front(shapes: &mut [Shape], message: &[u8], map: &Map) -> bool {
    let Some(at) = shapes.iter().position(|shape| shape.fits(message, map)) else { return false };
    shapes[..=at].rotate_right(1);
    true
}
