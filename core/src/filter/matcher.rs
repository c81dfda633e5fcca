//! A filter at work on messages.

use super::Filter;
use super::condition::Test;
use super::grouping::{Grouping, push_value};
use crate::concerns::Concerns;
use crate::field::{Field, Kind, Source};
use crate::format::{Found, Reader};
use crate::kind::MessageKind;

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

/// What [`Matcher::concerns`] looks at: name, kind and where it stands. The reader has them behind the fields of
/// the conditions.
const CONCERNS: [(&str, Kind, Source); 4] = [
    ("chord", Kind::Value, Source::Task("chord")),
    ("group", Kind::Value, Source::Task("group")),
    ("eta", Kind::Time, Source::Task("eta")),
    ("redelivered", Kind::Flag, Source::Delivery("redelivered")),
];

/// Decides about messages, one after another, with buffers that are reused.
#[derive(Debug, Clone)]
pub struct Matcher {
    tests: Vec<(Kind, Test)>,
    /// Of the fields behind those of the tests, by which what matches is grouped.
    grouped: Vec<Kind>,
    reader: Reader,
    scratch: Vec<u8>,
    inexact: bool,
}

impl Matcher {
    /// A matcher for `filter` over Celery's messages.
    #[must_use]
    pub fn new(filter: &Filter) -> Self {
        Self::of(MessageKind::Celery, filter, None)
    }

    /// A matcher for `filter` over messages of a kind that says in which group a match is, if there are groups, else
    /// what there is to know of it: both read a message once.
    #[must_use]
    pub fn of(kind: MessageKind, filter: &Filter, grouping: Option<&Grouping>) -> Self {
        let tests: Vec<_> = filter.conditions.iter().map(|c| (c.field.kind, c.test.clone())).collect();
        let concerns = CONCERNS.map(|(name, of, source)| Field {
            name: name.into(),
            kind: of,
            source,
            path: Vec::new(),
        });
        let behind = grouping.map_or(&concerns[..], |grouping| &grouping.fields);
        let grouped = grouping.iter().flat_map(|grouping| &grouping.fields).map(|field| field.kind).collect();
        let reader = Reader::new(kind, filter.conditions.iter().map(|c| &c.field).chain(behind)).learning();
        Self { tests, grouped, reader, scratch: Vec::new(), inexact: false }
    }

    /// The same, and where a body cannot be read the texts that stand in for it in the envelope count, or not.
    #[must_use]
    pub fn inexact(self, inexact: bool) -> Self {
        Self { reader: self.reader.inexact(inexact), ..self }
    }

    /// Decides about one message. The body is decoded only if the rest of the filter leaves it open.
    pub fn examine(&mut self, message: &[u8]) -> Verdict {
        self.inexact = false;
        if !self.reader.envelope(message) {
            let matched = self.decide(message, |_, _| true) == Some(true);
            return Verdict { matched, undecodable: true, unreadable: false };
        }
        let outside = self.decide(message, |reader, at| !reader.in_body(at));
        let all = match outside {
            Some(false) => Some(false),
            _ if !self.tests.iter().enumerate().any(|(at, _)| self.reader.in_body(at)) => outside,
            _ if self.reader.open_body(message) => self.decide(message, Reader::in_body),
            _ if self.reader.read_reprs(message) => {
                let all = self.decide(message, Reader::in_body);
                self.inexact = all == Some(true);
                all
            }
            _ => None,
        };
        Verdict { matched: all == Some(true), undecodable: false, unreadable: all.is_none() }
    }

    /// Writes the values by which the message examined last is grouped to `key`. False if one of them stands in
    /// a body that cannot be read, and nothing stands in for it: it is null then.
    pub fn group_key(&mut self, message: &[u8], key: &mut Vec<u8>) -> bool {
        key.clear();
        let first = self.tests.len();
        let places = first..first + self.grouped.len();
        let mut readable = !places.clone().any(|at| self.reader.in_body(at))
            || !self.reader.is_decodable()
            || self.reader.is_body_open()
            || self.reader.open_body(message);
        if !readable && self.reader.read_reprs(message) {
            let mut in_body = places.clone().filter(|at| self.reader.in_body(*at));
            let is_known = |at: usize| self.reader.get(at, message) != Found::Unknown;
            self.inexact |= in_body.clone().any(is_known);
            readable = in_body.all(is_known);
        }
        for (at, kind) in places.zip(&self.grouped) {
            push_value(key, self.reader.get(at, message), *kind, &mut self.scratch);
        }
        readable
    }

    /// What there is to know of the message that was examined last and matched. Opens its body if the filter did
    /// not. Only of a matcher without groups.
    pub fn concerns(&mut self, message: &[u8]) -> Concerns {
        debug_assert!(self.grouped.is_empty(), "behind the conditions stand the fields of the groups");
        if !self.reader.is_decodable() {
            return Concerns::default();
        }
        if !self.reader.is_body_open() {
            self.reader.open_body(message);
        }
        let get = |concern: usize| self.reader.get(self.tests.len() + concern, message);
        let is = |concern: usize, except: &[&[u8]]| match get(concern) {
            Found::Value(raw) => !except.contains(&raw),
            Found::Number(_) | Found::Absent | Found::Unknown => false,
        };
        Concerns {
            in_chord: is(0, &[b"false", b"{}"]),
            in_group: is(1, &[]),
            with_eta: is(2, &[]),
            redelivered: is(3, &[b"false", b"0"]),
            inexact: self.inexact,
        }
    }

    /// The message that was examined last matched, or its group has a value, by what stands in for its body.
    #[must_use]
    pub fn is_inexact(&self) -> bool {
        self.inexact
    }

    /// Bytes that the body of the message decided last was decoded to: a small message may be a large body.
    #[must_use]
    pub fn decoded(&self) -> usize {
        self.reader.decoded()
    }

    /// The envelope would be read without a scan.
    #[cfg(test)]
    pub(super) fn knows(&mut self, message: &[u8]) -> bool {
        self.reader.knows(message)
    }

    /// The conditions on the fields that `of` chooses, ANDed: false beats unknown beats true.
    fn decide(&mut self, message: &[u8], of: impl Fn(&Reader, usize) -> bool) -> Option<bool> {
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
