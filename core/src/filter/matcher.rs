//! A filter at work on messages.

use super::Filter;
use super::condition::Test;
use super::shapes::{Because, Shapes};
use crate::field::Kind;
use crate::format::{Celery, Found, Reader};
use crate::json::Shape;

/// What a filter says about one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verdict {
    /// All conditions are true.
    pub matched: bool,
    /// The message is no JSON object. It can still match: conditions on `undecodable` and `bytes` see it.
    pub undecodable: bool,
    /// No condition is false and one is unknown, because the body cannot be read. Never with `matched`.
    pub unreadable: bool,
}

/// Decides about messages, one after another, with buffers that are reused.
#[derive(Debug, Clone)]
pub struct Matcher {
    tests: Vec<(Kind, Test)>,
    reader: Reader<Celery>,
    shapes: Shapes,
    scratch: Vec<u8>,
}

impl Matcher {
    /// A matcher for `filter`.
    #[must_use]
    pub fn new(filter: &Filter) -> Self {
        let tests = filter.conditions.iter().map(|c| (c.field.kind, c.test.clone())).collect();
        let reader = Reader::new(filter.conditions.iter().map(|c| &c.field));
        Self { tests, reader, shapes: Shapes::default(), scratch: Vec::new() }
    }

    /// Decides about one message. The body is decoded only if the rest of the filter leaves it open.
    pub fn examine(&mut self, message: &[u8]) -> Verdict {
        if self.shapes.reject(message, self.reader.look(message)) {
            return Verdict::default();
        }
        if !self.reader.envelope(message) {
            let matched = self.decide(message, |_, _| true) == Some(true);
            return Verdict { matched, undecodable: true, unreadable: false };
        }
        let outside = self.decide(message, |reader, at| !reader.in_body(at));
        if outside == Some(false)
            && let Some(because) = self.why(message)
        {
            self.shapes.learn(message, self.reader.seen(), &because);
        }
        let all = match outside {
            Some(false) => Some(false),
            _ if !self.tests.iter().enumerate().any(|(at, _)| self.reader.in_body(at)) => outside,
            _ if !self.reader.open_body(message) => None,
            _ => self.decide(message, Reader::in_body),
        };
        Verdict { matched: all == Some(true), undecodable: false, unreadable: all.is_none() }
    }

    /// The message would be rejected without being parsed.
    #[cfg(test)]
    pub(super) fn knows(&mut self, message: &[u8]) -> bool {
        self.shapes.reject(message, self.reader.look(message))
    }

    /// What outside of the body makes the message false, if it is something that other messages share.
    fn why(&mut self, message: &[u8]) -> Option<Because> {
        for (at, (kind, test)) in self.tests.iter().enumerate() {
            if self.reader.in_body(at) {
                continue;
            }
            let found = self.reader.get(at, message);
            if test.decide(found, *kind, &mut self.scratch) != Some(false) {
                continue;
            }
            return match found {
                Found::Absent => Some(Because::Absent),
                Found::Value(raw) => {
                    // `raw` is a part of `message`: what stands outside of the body is not copied.
                    let start = raw.as_ptr().addr().checked_sub(message.as_ptr().addr())?;
                    match Shape::of(raw) {
                        Shape::Text => Some(Because::Value(start + 1..start + raw.len() - 1)),
                        Shape::Number | Shape::Bool => Some(Because::Value(start..start + raw.len())),
                        Shape::Null | Shape::Compound => None,
                    }
                }
                Found::Number(_) | Found::Unknown => None,
            };
        }
        None
    }

    /// The conditions on the fields that `of` chooses, ANDed: false beats unknown beats true.
    fn decide(&mut self, message: &[u8], of: impl Fn(&Reader<Celery>, usize) -> bool) -> Option<bool> {
        let mut all = Some(true);
        for (at, (kind, test)) in self.tests.iter().enumerate() {
            if !of(&self.reader, at) {
                continue;
            }
            match test.decide(self.reader.get(at, message), *kind, &mut self.scratch) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => all = None,
            }
        }
        all
    }
}
