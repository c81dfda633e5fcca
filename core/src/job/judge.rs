//! What a job examines in each message.

use super::groups::Names;
use super::rows::marked;
use super::start::Start;
use crate::arrival::Placed;
use crate::filter::{Distinct, Matcher, Projection};
use crate::index::Cursor;
use crate::match_notices::MatchNotices;
use crate::moved::{self, Claims};
use crate::reply::Reply;
use crate::scan::{Judge, Judgement};

/// The filter, the fields of the sample and the names of groups, as the scan uses them.
#[derive(Debug)]
pub struct FilterJudge {
    matcher: Matcher,
    /// The same filter without the texts of senders, if matches by these texts alone are counted separately:
    /// it says whether a message also matches without them.
    exact: Option<Matcher>,
    /// Sample rows say whether they match by the sender's texts alone.
    marks_inexact: bool,
    projection: Projection,
    distinct: Option<Distinct>,
    /// Set if matches are grouped.
    pub(super) names: Option<Names>,
    key: Vec<u8>,
    /// Work that was not reported yet, in steps.
    pub(super) work: usize,
    /// For an undo: a match is a message that it may move back, whatever it contains.
    pub(super) claims: Option<Claims>,
    /// See [`FilterJudge::asks_arrivals`].
    asks_arrivals: bool,
}

impl FilterJudge {
    /// Returns the judge of a job that starts.
    pub(super) fn new(start: &Start) -> Self {
        let (clear_options, texts) = (&start.clear_options, start.reads_texts());
        let matcher = Matcher::of(start.messages, &start.filter, start.grouping.as_ref());
        let matcher = matcher.pickle(start.reads_pickle);
        Self {
            exact: (texts && !clear_options.inexact).then(|| matcher.clone()),
            marks_inexact: clear_options.inexact,
            matcher: matcher.inexact(texts),
            projection: start.projection.clone().inexact(texts).pickle(start.reads_pickle),
            distinct: (!clear_options.by.is_empty())
                .then(|| Distinct::new(start.messages, &clear_options.by).pickle(start.reads_pickle)),
            // Ids of jobs are random.
            names: start.grouping.is_some().then(|| Names::new(start.id.as_u64_pair().0)),
            key: Vec::new(),
            work: 0,
            claims: clear_options.undo.map(|undo| Claims::new(undo.moved)),
            asks_arrivals: start.filter.arrival_field().is_some()
                || start.projection.arrival_field().is_some(),
        }
    }

    /// Returns whether conditions or rows of the sample depend on when messages arrived.
    #[must_use]
    pub fn asks_arrivals(&self) -> bool {
        self.asks_arrivals
    }

    /// Sets when the message that is judged next arrived; `None` if that is not known.
    fn place(&mut self, placed: Option<Placed>) {
        self.matcher.place(placed);
        self.projection.place(placed);
        if let Some(exact) = &mut self.exact {
            exact.place(placed);
        }
    }
}

/// The judge of a job whose messages have positions in a list with an index.
#[derive(Debug)]
pub struct PlacedJudge<'a> {
    judge: &'a mut FilterJudge,
    /// The arrivals in the index, and how much the wall clock was ahead of the clock of the index when the
    /// job was accepted, milliseconds; `None` if there is no index that can answer.
    arrivals: Option<(Cursor<'a>, i64)>,
    /// When the job was accepted by the wall clock, Unix milliseconds. Ages are measured at this moment, so
    /// that they do not change while the job runs.
    now_ms: i64,
}

impl<'a> PlacedJudge<'a> {
    /// Creates the judge of one slice; the members explain the arguments.
    pub fn new(judge: &'a mut FilterJudge, arrivals: Option<(Cursor<'a>, i64)>, now_ms: i64) -> Self {
        judge.place(None);
        Self { judge, arrivals, now_ms }
    }

    /// Sets when the message at this index arrived.
    fn place(&mut self, index: u64) {
        let Some((cursor, ahead_ms)) = &mut self.arrivals else { return };
        let arrival = cursor.at(index).map(|arrival| arrival.shifted(*ahead_ms));
        self.judge.place(arrival.map(|arrival| Placed { arrival, now_ms: self.now_ms }));
    }
}

impl Judge for PlacedJudge<'_> {
    /// Without arrivals this costs no more than a test: a slice asks for each of its messages.
    #[inline]
    fn at(&mut self, index: u64) {
        if self.arrivals.is_some() {
            self.place(index);
        }
    }

    fn judge(&mut self, message: &[u8]) -> Option<Judgement> {
        self.judge.judge(message)
    }

    fn describe(&mut self, message: &[u8]) -> Vec<(Box<str>, Reply)> {
        self.judge.describe(message)
    }

    fn values(&mut self, message: &[u8]) -> Option<u128> {
        self.judge.values(message)
    }

    fn group(&mut self, values: &[u8]) -> u32 {
        self.judge.group(values)
    }

    fn work(&mut self) -> u64 {
        Judge::work(self.judge)
    }
}

impl Judge for FilterJudge {
    fn judge(&mut self, message: &[u8]) -> Option<Judgement> {
        if let Some(claims) = &mut self.claims {
            let matched = claims.claim(moved::digest(message));
            return matched.then(|| Judgement { matched, ..Judgement::default() });
        }
        let verdict = self.matcher.examine(message);
        self.work += self.matcher.work();
        let is_plain =
            !(verdict.matched | verdict.undecodable | verdict.missing | verdict.kept | verdict.unreadable);
        if is_plain && !self.matcher.used_texts() {
            return None;
        }
        let mut judgement = Judgement {
            matched: verdict.matched,
            undecodable: verdict.undecodable,
            missing: verdict.missing,
            kept: verdict.kept,
            unreadable: verdict.unreadable,
            uncompared: verdict.uncompared,
            ..Judgement::default()
        };
        if !verdict.matched {
            return Some(judgement);
        }
        if self.exact.is_some() && self.matcher.is_inexact() {
            // A clear with the same filter would keep it.
            judgement.matched = false;
            judgement.match_notices.inexact = true;
            return Some(judgement);
        }
        match &mut self.names {
            None => {
                let before = self.matcher.work();
                judgement.match_notices = self.matcher.match_notices(message);
                judgement.left = self.matcher.left_behind(message);
                self.work += self.matcher.work().saturating_sub(before);
            }
            Some(names) => {
                let readable = self.matcher.group_key(message, &mut self.key);
                let inexact = self.matcher.is_inexact();
                if let Some(exact) = self.exact.as_mut().filter(|_| inexact) {
                    // Its group is the one in which a preview with the same filter finds it.
                    exact.examine(message);
                    exact.group_key(message, &mut self.key);
                }
                judgement.group = names.number(&self.key);
                judgement.match_notices = MatchNotices { inexact, ..MatchNotices::default() };
                judgement.unreadable |= !readable;
            }
        }
        Some(judgement)
    }

    fn describe(&mut self, message: &[u8]) -> Vec<(Box<str>, Reply)> {
        let row = self.projection.row(message);
        self.work += self.projection.work(message);
        marked(self.marks_inexact.then(|| self.matcher.is_inexact()), row)
    }

    fn values(&mut self, message: &[u8]) -> Option<u128> {
        let distinct = self.distinct.as_mut()?;
        let digest = distinct.digest(message);
        self.work += distinct.work(message);
        digest
    }

    fn group(&mut self, values: &[u8]) -> u32 {
        self.names.as_mut().map_or(0, |names| names.number(values))
    }

    fn work(&mut self) -> u64 {
        std::mem::take(&mut self.work) as u64
    }
}
