//! The model's knowledge of one job, and the values of STATUS that it allows.
//!
//! The module decides when a slice runs and how far it gets, so the examined messages are only partly known.
//! What follows from the contract alone is exact: before the first slice (`processed` 0) every message of the
//! snapshot that leaves is drift; a match that a clear of ALL left in the queue was not examined; a count
//! whose sample is not full walks from the consumer end. Everything else is limited from both sides, and at
//! the end `processed + drifted` is the snapshot.

use std::collections::{HashSet, VecDeque};

use super::queue::{Kind, Msg};
use super::status::Status;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    All,
    KeepOne,
    Preview,
    /// ALL LIMIT n.
    Limit(i64),
    /// KEEPONE BY task.
    KeepEach,
    /// KEEPONE KEEP NEWEST.
    KeepNewest,
    /// ALL EXPECT n.
    Expect(i64),
}

impl Mode {
    /// Returns whether it counts in a first pass and clears in a second one, with counters of its own.
    fn counts_first(self) -> bool {
        matches!(self, Self::KeepNewest | Self::Expect(_))
    }
}

/// The number of matches of a snapshot up to which a sample is never full (it keeps 128).
const SAMPLE_NEVER_FULL: usize = 120;

#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) mode: Mode,
    pub(super) dry: bool,
    pub(super) kinds: Vec<Kind>,
    total: i64,
    /// The messages of the snapshot that are in the queue (after an edit: those that could be).
    snapshot: HashSet<u64>,
    /// Those of them that were examined, if that is known.
    examined: Option<HashSet<u64>>,
    matched: i64,
    arrived: i64,
    edited: bool,
    gone: bool,
    /// Words of the error with which it must end.
    pub(super) fails: Option<&'static str>,
    /// The numbers of messages of the snapshot that left since STATUS was compared: all, those certainly
    /// unexamined and those perhaps unexamined.
    left: i64,
    surely: i64,
    perhaps: i64,
    /// Matches that were popped, perhaps after they were examined.
    popped_matches: i64,
    /// The number of messages of the snapshot that other jobs cleared. If the message that this job keeps was
    /// among them, the job keeps the next one.
    cleared_by_others: i64,
    pub(super) seen: Status,
}

fn count(n: usize) -> i64 {
    i64::try_from(n).expect("small")
}

impl Job {
    pub(super) fn start(id: String, mode: Mode, dry: bool, kinds: Vec<Kind>, list: &VecDeque<Msg>) -> Self {
        let matches = list.iter().filter(|msg| kinds.contains(&msg.text.kind)).count();
        let follows = (mode == Mode::Preview || dry) && matches < SAMPLE_NEVER_FULL;
        Self {
            id,
            mode,
            dry,
            kinds,
            total: count(list.len()),
            snapshot: list.iter().map(|msg| msg.uid).collect(),
            examined: follows.then(HashSet::new),
            matched: 0,
            arrived: 0,
            edited: false,
            gone: false,
            fails: None,
            left: 0,
            surely: 0,
            perhaps: 0,
            popped_matches: 0,
            cleared_by_others: 0,
            seen: Status::default(),
        }
    }

    fn clears(&self) -> bool {
        self.mode != Mode::Preview && !self.dry
    }

    fn matches(&self, msg: &Msg) -> bool {
        self.kinds.contains(&msg.text.kind)
    }

    /// Returns whether the message can be missing because of this job.
    pub(super) fn may_clear(&self, msg: &Msg) -> bool {
        // A message whose value cannot be read is different from every other one.
        if self.mode == Mode::KeepEach && msg.text.kind == Kind::Undecodable {
            return false;
        }
        self.clears() && !self.gone && self.matches(msg) && self.snapshot.contains(&msg.uid)
    }

    pub(super) fn message_arrived(&mut self) {
        self.arrived += i64::from(!self.gone);
    }

    pub(super) fn message_left(&mut self, msg: &Msg) {
        if self.gone || !self.snapshot.remove(&msg.uid) {
            return;
        }
        self.left += 1;
        self.popped_matches += i64::from(self.matches(msg));
        let untouched = match &self.examined {
            Some(examined) => Some(!examined.contains(&msg.uid)),
            None if self.seen.processed == 0 => Some(true),
            // An examined match would be gone.
            None if self.clears() && self.mode == Mode::All && self.matches(msg) => Some(true),
            None => None,
        };
        self.surely += i64::from(untouched == Some(true));
        self.perhaps += i64::from(untouched != Some(false));
    }

    pub(super) fn queue_gone(&mut self) {
        self.gone = true;
        self.snapshot.clear();
    }

    pub(super) fn queue_edited(&mut self, fresh: &[u64]) {
        if !self.gone {
            self.edited = true;
            self.snapshot.extend(fresh);
        }
    }

    /// Slices ran since STATUS was last compared, and nothing else happened. `taken` left the queue, `others`
    /// of it by other jobs.
    pub(super) fn slices_ran(&mut self, now: &Status, taken: &[Msg], others: i64, list: &VecDeque<Msg>) {
        let before = self.seen.clone();
        self.cleared_by_others += others;
        for msg in taken {
            if self.snapshot.remove(&msg.uid) && others > 0 {
                self.popped_matches += i64::from(self.matches(msg));
            }
        }
        assert!(now.progress >= before.progress, "progress never falls: {now:?}");
        if !self.clears() {
            assert_eq!(now.deleted, 0, "{now:?}");
        }
        if !self.edited && !self.gone && !self.mode.counts_first() {
            assert!(now.processed >= before.processed && now.matched >= before.matched, "{now:?}");
            // A preview appears here for the first time: messages that left in the transaction that started
            // it count.
            let drifted = now.drifted - before.drifted;
            let possible = self.surely..=self.perhaps + others;
            assert!(possible.contains(&drifted), "{others} were cleared by others: {before:?} {now:?}");
            if others > 0 {
                self.examined = None;
            }
            self.walked(now.processed - before.processed, list);
            self.compare(now, others, list);
        }
        self.seen = now.clone();
        (self.left, self.surely, self.perhaps) = (0, 0, 0);
        if now.has_ended() {
            self.ended(now, others, list);
        }
    }

    /// A sample that is not full is filled from the consumer end.
    fn walked(&mut self, messages: i64, list: &VecDeque<Msg>) {
        let Some(examined) = &mut self.examined else { return };
        let open = |msg: &&Msg| self.snapshot.contains(&msg.uid) && !examined.contains(&msg.uid);
        let messages = usize::try_from(messages).expect("not negative");
        let walked: Vec<&Msg> = list.iter().rev().filter(open).take(messages).collect();
        assert_eq!(walked.len(), messages, "no more is examined than is left of the snapshot");
        self.matched += count(walked.iter().filter(|msg| self.kinds.contains(&msg.text.kind)).count());
        examined.extend(walked.iter().map(|msg| msg.uid));
    }

    /// Commands ran since STATUS was last compared, and no slice did.
    pub(super) fn commands_ran(&mut self, now: &Status, list: &VecDeque<Msg>) {
        let before = std::mem::replace(&mut self.seen, now.clone());
        let (left, surely, perhaps) = (self.left, self.surely, self.perhaps);
        (self.left, self.surely, self.perhaps) = (0, 0, 0);
        assert_eq!(now.deleted, before.deleted, "nothing is cleared inside a transaction");
        if let Some(words) = self.fails {
            assert_eq!(now.status, "failed", "{now:?}");
            assert!(now.error.contains(words), "{now:?}");
            return;
        }
        if self.edited || self.mode.counts_first() {
            return;
        }
        assert_eq!(now.processed, before.processed, "nothing is examined inside a transaction");
        assert_eq!(now.arrived, self.arrived, "{now:?}");
        if self.gone {
            assert_eq!(now.drifted, self.total - now.processed, "all the rest left: {now:?}");
            return;
        }
        let drifted = now.drifted - before.drifted;
        let unexamined = self.total - before.processed - before.drifted;
        let examined_and_there = before.processed - before.deleted;
        let least = surely.max(left - examined_and_there);
        let most = perhaps.min(unexamined);
        assert!(
            (least..=most).contains(&drifted),
            "drifted by {drifted}, expected {least} to {most}: {before:?} {now:?}"
        );
        self.compare(now, 0, list);
    }

    /// Checks what is true at any time as long as only the ends changed.
    fn compare(&self, now: &Status, others: i64, list: &VecDeque<Msg>) {
        let mine: Vec<(usize, &Msg)> = list
            .iter()
            .enumerate()
            .filter(|(_, msg)| self.snapshot.contains(&msg.uid) && self.matches(msg))
            .collect();
        let open = self.total - now.processed - now.drifted;
        assert_eq!(now.total, self.total, "{now:?}");
        assert_eq!(now.arrived, self.arrived, "{now:?}");
        assert_eq!(now.passes, 1, "{now:?}");
        assert!(open >= 0, "{now:?}");
        if !now.has_ended() {
            assert_eq!(now.depth, count(list.len()), "{now:?}");
        }
        let would_delete = match self.mode {
            Mode::Preview => 0,
            Mode::All | Mode::Expect(_) => now.matched,
            Mode::KeepOne | Mode::KeepNewest => (now.matched - 1).max(0),
            Mode::Limit(limit) => now.matched.min(limit),
            Mode::KeepEach => now.matched - now.distinct - now.unkeyed,
        };
        let kept_lost = match self.mode {
            Mode::KeepOne | Mode::KeepEach => self.cleared_by_others,
            _ => 0,
        };
        assert!((would_delete - kept_lost..=would_delete).contains(&now.would_delete), "{now:?}");
        assert_eq!(now.deleted, if self.clears() { now.would_delete } else { 0 }, "{now:?}");
        if self.examined.is_some() {
            assert_eq!(now.matched, self.matched, "{now:?}");
        }
        if self.clears() && self.mode == Mode::All {
            assert!(open >= count(mine.len()), "matches that are there are unexamined: {now:?}");
        }
        // The last status of a job that ended is as old as its end; another job can have continued since.
        let fresh = !now.has_ended() || others == 0;
        // In a dry run the matches that would have been cleared are all there, including those that run
        // before a later one that is kept.
        let fresh = fresh && (self.clears() || self.cleared_by_others == 0);
        if let Some(index) = now.kept_index.filter(|_| fresh) {
            let oldest = mine.last().map(|(at, _)| count(*at) - count(list.len()));
            assert_eq!(self.mode, Mode::KeepOne, "{now:?}");
            assert_eq!(Some(index), oldest, "KEEPONE keeps the match that runs next: {now:?}");
        }
    }

    /// Checks a job that has ended: every message of the snapshot is accounted for.
    fn ended(&self, now: &Status, others: i64, list: &VecDeque<Msg>) {
        if self.edited && now.status == "failed" {
            let edits = now.error.contains("queue was edited in place");
            assert!(edits || now.error.starts_with("EXPECT "), "{now:?}");
            assert!(!edits || now.passes == 10 || self.mode.counts_first(), "{now:?}");
            return;
        }
        if let (Mode::Expect(most), "failed") = (self.mode, now.status.as_str()) {
            assert!(now.error.starts_with("EXPECT ") && now.matched > most, "{now:?}");
            assert_eq!((now.deleted, now.would_delete), (0, 0), "{now:?}");
            return;
        }
        assert_eq!(now.status, "completed", "{now:?}");
        if let Mode::Limit(limit) = self.mode
            && limit == if self.clears() { now.deleted } else { now.would_delete }
        {
            assert!(now.total >= now.processed + now.drifted, "{now:?}");
            return;
        }
        assert_eq!(now.total, now.processed + now.drifted, "{now:?}");
        assert_eq!(now.progress, 100, "{now:?}");
        assert!(now.passes <= 10 || self.mode.counts_first(), "{now:?}");
        if self.edited {
            return;
        }
        if !self.mode.counts_first() {
            assert_eq!(now.total, self.total, "{now:?}");
            assert_eq!(now.arrived, self.arrived, "{now:?}");
        }
        let of = |kinds: &[Kind]| {
            let there = |msg: &&Msg| self.snapshot.contains(&msg.uid) && kinds.contains(&msg.text.kind);
            count(list.iter().filter(there).count())
        };
        let there = of(&self.kinds);
        match (self.clears(), self.mode) {
            (true, Mode::KeepEach) => {
                let readable = self.kinds.iter().filter(|kind| **kind != Kind::Undecodable);
                assert!(readable.into_iter().all(|kind| of(&[*kind]) <= 1), "one of each at most: {now:?}");
            }
            (true, Mode::KeepNewest) => assert!(there <= 1, "one at most is kept: {now:?}"),
            (true, Mode::All | Mode::Limit(_) | Mode::Expect(_)) => {
                assert_eq!(there, 0, "all matches are cleared: {now:?}");
            }
            (true, _) => {
                let kept = i64::from(now.kept_index.is_some());
                assert!(there == kept || (there < kept && others > 0), "one at most is kept: {now:?}");
            }
            (false, _) => {
                let possible = there..=there + self.popped_matches;
                assert!(self.gone || possible.contains(&now.matched), "{possible:?}: {now:?}");
            }
        }
    }
}
