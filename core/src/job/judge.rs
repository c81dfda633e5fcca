//! What a job examines in each message.

use super::groups::Names;
use super::rows::marked;
use super::start::Start;
use crate::arrival::Placed;
use crate::filter::{Distinct, Matcher, Projection};
use crate::format::Skim;
use crate::index::Cursor;
use crate::match_notices::MatchNotices;
use crate::moved::{self, Claims};
use crate::reply::Reply;
use crate::scan::{Judge, Judgement};

/// The filter, the fields of the sample and the names of groups, as the scan uses them.
#[derive(Debug)]
pub struct FilterJudge {
    matcher: Matcher,
    /// The same filter for texts of a few fields, if messages can be read so first.
    skims: Option<Skims>,
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
            skims: Skims::new(start, &matcher),
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

    /// Returns the fields that are read of each message of a slice first; `None` if whole messages are read: see
    /// [`Skims`].
    pub fn skim(&mut self) -> Option<Skim> {
        self.skims.as_mut().and_then(Skims::choose)
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
        let skimming = self.skims.as_mut().map(|skims| &mut skims.matcher);
        for other in self.exact.iter_mut().chain(skimming) {
            other.place(placed);
        }
    }
}

/// A filter for texts of a few fields, and whether they pay: where most messages match, each would be read twice. The verdicts
/// are the same either way.
#[derive(Debug)]
struct Skims {
    skim: Skim,
    matcher: Matcher,
    /// The messages that were judged of late, and how many of them a few fields ruled out or would have ruled out.
    judged: u32,
    excluded: u32,
    /// The present slice reads a few fields first.
    is_on: bool,
}

/// After as many messages, those before them count half.
const LATE: u32 = 1024;
/// Fewer messages say nothing.
const FEW: u32 = 32;

impl Skims {
    /// Returns this for a job whose filter is that of `matcher`; `None` if it needs whole messages.
    fn new(start: &Start, matcher: &Matcher) -> Option<Self> {
        let is_undo = start.clear_options.undo.is_some();
        let skim = start.filter.skim(start.messages).filter(|_| !is_undo)?;
        Some(Self { skim, matcher: matcher.clone(), judged: 0, excluded: 0, is_on: false })
    }

    /// Begins a slice. Reading a few fields costs about two fifths of reading all of them.
    fn choose(&mut self) -> Option<Skim> {
        self.is_on = self.judged < FEW || self.excluded * 5 >= self.judged * 2;
        Some(self.skim).filter(|_| self.is_on)
    }

    fn learn(&mut self, is_excluded: bool) {
        self.judged += 1;
        self.excluded += u32::from(is_excluded);
        if self.judged >= LATE {
            (self.judged, self.excluded) = (self.judged / 2, self.excluded / 2);
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

    fn excludes(&mut self, part: &[u8]) -> bool {
        self.judge.excludes(part)
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
        if let Some(skims) = self.skims.as_mut().filter(|skims| !skims.is_on) {
            skims.learn(verdict.is_plain());
        }
        if verdict.is_plain() && !self.matcher.used_texts() {
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

    fn excludes(&mut self, part: &[u8]) -> bool {
        let Some(skims) = &mut self.skims else { return false };
        let is_excluded = skims.matcher.examine(part).is_plain();
        self.work += skims.matcher.work();
        skims.learn(is_excluded);
        is_excluded
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::filter_of as filter;
    use crate::kind::MessageKind;

    #[test]
    fn a_few_fields_are_read_first_where_that_rules_out_enough_messages() {
        let words = filter("TASK a");
        let skim = words.skim(MessageKind::BullMq).expect("one field");
        let matcher = Matcher::of(MessageKind::BullMq, &words, None);
        let mut skims = Skims { skim, matcher, judged: 0, excluded: 0, is_on: false };
        assert_eq!(skims.choose(), Some(skim), "nothing is known yet");
        let mut after = |messages: u32, excluded: u32| {
            (0..messages).for_each(|at| skims.learn(at % 10 < excluded));
            skims.choose().is_some()
        };
        assert!(after(1_000, 10));
        assert!(!after(2_000, 0), "all of them match");
        assert!(after(3_000, 9), "they do no more");
        assert!(!after(3_000, 3) && after(3_000, 5));
    }
}
