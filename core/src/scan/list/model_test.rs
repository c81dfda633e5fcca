//! The scan against naive lists that remember the history of every message.
//!
//! The model knows nothing of marks: it tags each message with what each job may do with it, and predicts
//! what a slice examines, counts and clears from the tags alone.

use proptest::prelude::*;

use super::ListOutcome as Outcome;
use super::ListScan as Scan;
use super::*;
use crate::match_notices::MatchNotices;
use crate::queue::End;
use crate::reply::Reply;
use crate::scan::{
    Budget, Clock, CountedUnread, Examine as _, Guide, Judge, Judgement, JumpCosts, Reached, Route,
    SAMPLE_MAX, ScanState as _, SliceEnd, Time, Toward,
};

#[derive(Debug, Clone)]
enum Op {
    /// The ops that follow are about this list.
    On(usize),
    Push(End, usize, u8),
    Pop(End, usize),
    Rotate {
        from: End,
        to: End,
    },
    Slice {
        job: usize,
        messages: u64,
        window: u64,
    },
    Refused {
        job: usize,
        messages: u64,
        window: u64,
    },
    /// A job finds its position between its slices.
    FindPlace(usize),
    /// Over all lists, or over the one that ops are about.
    Accept(Plan, bool),
    Lrem(usize, usize),
    Clean(usize, usize),
    Linsert(usize, bool),
    Lset(usize, bool),
    Ltrim(usize, usize),
    /// LTRIM that takes nothing.
    LtrimNothing,
    Silent(usize),
    Del,
}

/// One message: its identity is the model's secret, its bytes are the same for many.
#[derive(Debug, Clone)]
struct Msg {
    id: usize,
    matches: bool,
    /// No other message has the same bytes.
    unique: bool,
}

impl Msg {
    /// By what matches are told apart, from the identity: more values than a job can tell apart, and some that
    /// cannot be read.
    fn value(&self) -> Option<u128> {
        Some(self.id as u128 * 5 % 23 % 7).filter(|value| *value < 6)
    }

    /// It counts as an element that is not a JSON object.
    fn is_undecodable(&self) -> bool {
        !self.matches && self.value().is_none()
    }

    fn bytes(&self) -> [u8; 5] {
        let [.., a, b, c] = if self.unique { self.id.to_be_bytes() } else { [0; 8] };
        let value = self.value().map_or(b'?', |value| b'0' + u8::try_from(value).expect("small"));
        [if self.matches { b'm' } else { b'o' }, value, a, b, c]
    }
}

struct ModelJob {
    scan: Scan,
    /// The lists that it goes over, in this order.
    over: Vec<usize>,
    /// Ids of the snapshot that the job has not examined and nobody took.
    open: Vec<usize>,
    /// Ids pushed after the job was accepted.
    later: Vec<usize>,
    /// Ids that were in the queue when the job was accepted.
    snapshot: Vec<usize>,
    /// In the first of two passes.
    counting: bool,
    /// Values met in this pass, each with the match that stays for it, unless that was taken by other hands than a
    /// worker's: then the next one stays.
    seen: Vec<(u128, Option<usize>)>,
    /// Expected counters, while no edit in place has made positions unknown.
    expect: Counters,
    edited: bool,
    /// Those of its lists that are gone.
    gone: Vec<bool>,
    /// The match that KEEPONE keeps.
    kept: Option<usize>,
    /// A worker took the match that was kept: it ran, and no other stays in its place.
    ran: bool,
    /// Matches that the last counting pass found, and how many of them have left.
    pass_found: Vec<usize>,
    pass_lost: usize,
    /// Starts of the scan that the model knows of.
    starts: u64,
    /// Ids of the matches found, in order, which a sample must show while they are in the queue.
    found: Vec<usize>,
    /// How many matches were ever found, in each list.
    all_found: Vec<usize>,
    /// The rest of a window that was walked back in part, from its far side.
    window: Option<Vec<usize>>,
}

struct World {
    lists: Vec<Vec<Msg>>,
    /// The one that ops are about.
    on: usize,
    jobs: Vec<ModelJob>,
    ids: usize,
    unique: bool,
    hints: Option<Hints>,
    /// Jobs that use what a count has learned.
    recalled: usize,
}

/// A queue that keeps the rules of the server's iterator: after a deletion, and for a deletion, only walks
/// away from the head.
struct Memory {
    list: Vec<Msg>,
    at: Option<usize>,
    turned: bool,
    deleted: bool,
    /// Messages that can still be read: lets a slice end after a number of messages, as the clock would.
    left: u64,
    /// What was taken out, in order.
    out: Vec<Msg>,
    /// The indexes of what the first walk said that the second one deletes.
    planned: Vec<usize>,
    /// The second walk has begun.
    reopened: bool,
    stayed: Vec<[u8; 5]>,
    /// Times that it went to a message without stepping.
    seeks: usize,
}

impl Memory {
    fn new(list: Vec<Msg>, left: u64) -> Self {
        let (out, planned, stayed) = (Vec::new(), Vec::new(), Vec::new());
        let (turned, deleted, reopened) = (false, false, false);
        Self { list, at: None, turned, deleted, left, out, planned, reopened, stayed, seeks: 0 }
    }
}

impl Queue for Memory {
    fn len(&self) -> u64 {
        (self.list.len() + self.out.len()) as u64
    }
    fn read<R>(&mut self, index: u64, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        self.left = self.left.checked_sub(1)?;
        self.peek(index, f)
    }
    /// Of every other message a part is read first, which says as much.
    fn examine<R>(&mut self, index: u64, mut f: impl FnMut(&[u8], bool) -> Option<R>) -> Option<R> {
        self.left = self.left.checked_sub(1)?;
        if index.is_multiple_of(2)
            && let Some(result) = self.peek(index, |part| f(part, false)).flatten()
        {
            return Some(result);
        }
        self.peek(index, |message| f(message, true)).flatten()
    }
    fn keep(&mut self, _: usize) {
        self.stayed.push(self.at.and_then(|at| self.list.get(at)).expect("was just read").bytes());
    }
    fn plan(&mut self) {
        self.planned.push(self.at.expect("was just read"));
    }
    fn stayed(&mut self, most: usize, mut f: impl FnMut(&[u8])) {
        self.stayed.drain(..).rev().take(most).for_each(|message| f(&message));
    }
    fn peek<R>(&mut self, index: u64, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let index = usize::try_from(index).ok()?;
        let msg = self.list.get(index)?;
        let back = self.at.is_some_and(|at| index < at);
        assert!(!(back && self.deleted), "a walk towards the head after a deletion reads other messages");
        self.turned |= back;
        self.at = Some(index);
        Some(f(&msg.bytes()))
    }
    fn delete(&mut self, index: u64) -> bool {
        let index = usize::try_from(index).expect("small");
        assert_eq!(self.at, Some(index), "deletes what was just read");
        assert!(!self.turned, "a deletion on a walk towards the head deletes another message");
        let is_planned = !self.reopened || self.planned.contains(&(index + self.out.len()));
        assert!(is_planned, "a second walk deletes what the first one has planned");
        self.deleted = true;
        self.out.push(self.list.remove(index));
        true
    }
    fn reseek(&mut self) -> bool {
        self.seeks += 1;
        (self.at, self.turned) = (None, false);
        true
    }
    fn reopen(&mut self) -> bool {
        assert!(!self.deleted, "what was taken out is told before the queue is opened again");
        // What was noted is taken out, whatever the time.
        (self.at, self.turned, self.left, self.reopened) = (None, false, u64::MAX, true);
        true
    }
}

/// How an index guides the slices of all jobs.
#[derive(Debug, Clone, Copy)]
struct Hints {
    /// It is certain of a message that does not match: of one in this many, but for 0.
    lies: usize,
    /// It lists a message that does not match: of one in this many, but for 0.
    unsure: usize,
    /// How many messages it finds, and how many it goes through, in one slice.
    most: usize,
    rows: u64,
    costs: JumpCosts,
    /// It counts messages that are not read.
    counts: bool,
}

/// An index of a list: it knows which messages match.
struct Index<'l> {
    /// In the order in which they run.
    order: Vec<&'l Msg>,
    hints: Hints,
}

impl Guide for Index<'_> {
    fn lead(
        &mut self,
        range: std::ops::Range<u64>,
        toward: Toward,
        _: usize,
        goes_on: &mut dyn FnMut() -> bool,
        route: &mut Route,
    ) -> bool {
        let Hints { lies, unsure, most, rows, .. } = self.hints;
        assert!(goes_on() || range.is_empty() || rows > 0, "time does not pass");
        let mut distances: Vec<u64> = range.clone().collect();
        if toward == Toward::ConsumerEnd {
            distances.reverse();
        }
        let one_in = |n: usize, id: usize| n > 0 && id.is_multiple_of(n);
        for distance in distances.into_iter().take(usize::try_from(rows).expect("small")) {
            let msg = self.order[usize::try_from(distance).expect("small")];
            let is_sure = msg.matches || one_in(lies, msg.id);
            if is_sure || one_in(unsure, msg.id) {
                route.add(distance, is_sure);
            } else {
                route.pass_undecodable(u64::from(msg.is_undecodable()));
            }
            route.reach(if toward == Toward::ProducerEnd { distance + 1 } else { distance });
            if route.candidates().len() == most {
                break;
            }
        }
        true
    }

    fn count(
        &mut self,
        range: std::ops::Range<u64>,
        reads_matches: bool,
        goes_on: &mut dyn FnMut(u64) -> bool,
        counted: &mut CountedUnread,
    ) -> Option<Reached> {
        let Hints { unsure, rows, counts, .. } = self.hints;
        if !counts {
            return None;
        }
        let end = range.end.min(range.start + rows);
        for at in range.start..end {
            let msg = self.order[usize::try_from(at).expect("small")];
            if (reads_matches && msg.matches) || (unsure > 0 && msg.id.is_multiple_of(unsure)) {
                return Some(Reached { at, has_to_be_read: true });
            }
            counted.messages += 1;
            counted.matched += u64::from(msg.matches);
            counted.matched_bytes += if msg.matches { 5 } else { 0 };
            counted.undecodable += u64::from(msg.is_undecodable());
        }
        assert!(goes_on(0), "time does not pass");
        (end > range.start).then_some(Reached { at: end, has_to_be_read: false })
    }

    fn costs(&mut self) -> &mut JumpCosts {
        &mut self.hints.costs
    }
}

struct FirstByte;

impl Judge for FirstByte {
    fn judge(&mut self, message: &[u8]) -> Option<Judgement> {
        let matched = message[0] == b'm';
        let match_notices = MatchNotices { in_chord: matched, with_eta: matched, ..MatchNotices::default() };
        let undecodable = !matched && message[1] == b'?';
        (matched || undecodable).then(|| Judgement {
            matched,
            undecodable,
            match_notices,
            ..Judgement::default()
        })
    }
    fn describe(&mut self, _: &[u8]) -> Vec<(Box<str>, Reply)> {
        Vec::new()
    }
    fn values(&mut self, message: &[u8]) -> Option<u128> {
        (message[1] != b'?').then(|| u128::from(message[1] - b'0') + 1)
    }
}

/// Time does not pass: the number of messages of a slice comes from `Budget::max_deletions` or the model.
struct Frozen;

impl Clock for Frozen {
    fn now_ns(&self) -> u64 {
        0
    }
}

/// The messages in the order in which they run.
fn in_order(list: &[Msg], consumer_end: End) -> Vec<&Msg> {
    match consumer_end {
        End::Tail => list.iter().rev().collect(),
        End::Head => list.iter().collect(),
    }
}

impl ModelJob {
    fn plan(&self) -> Plan {
        *self.scan.plan()
    }

    fn clears(&self) -> bool {
        self.plan().effect != Effect::Count && !self.plan().dry_run
    }

    /// The place of a list among its own.
    fn place(&self, list: usize) -> Option<usize> {
        self.over.iter().position(|over| *over == list)
    }

    fn is_gone(&self) -> bool {
        self.gone.iter().all(|gone| *gone)
    }

    /// The messages of its lists in the order in which they run.
    fn order<'l>(&self, lists: &'l [Vec<Msg>]) -> Vec<&'l Msg> {
        self.over.iter().flat_map(|list| in_order(&lists[*list], self.plan().consumer_end)).collect()
    }

    /// The place of its list and the index of a message.
    fn spot(&self, lists: &[Vec<Msg>], id: usize) -> Option<(usize, i64)> {
        let consumer_end = self.plan().consumer_end;
        self.over.iter().enumerate().find_map(|(place, list)| {
            let at = in_order(&lists[*list], consumer_end).iter().position(|m| m.id == id)?;
            let at = i64::try_from(at).expect("small");
            Some((place, if consumer_end == End::Tail { -1 - at } else { at }))
        })
    }

    /// The newest match in the queue, of those that the last counting pass found.
    fn newest(&self, lists: &[Vec<Msg>]) -> Option<usize> {
        self.order(lists).iter().rfind(|m| self.pass_found.contains(&m.id)).map(|m| m.id)
    }

    /// The match that the job shows as kept.
    fn shown(&self, lists: &[Vec<Msg>]) -> Option<usize> {
        if self.plan().effect == Effect::KeepNewest { self.newest(lists) } else { self.kept }
    }

    /// Where the scan could not find its place, it began again: positions are not predicted any more.
    fn see_edits(&mut self) {
        self.edited |= self.scan.edits > 0;
    }

    /// The scan knows where it is.
    fn is_sure(&self) -> bool {
        self.scan.lists.iter().all(|list| list.marks.missing() == marks::Missing::default())
    }

    /// A message left the queue, by other hands than the job's own: a worker of its own took it, or somebody else.
    fn forget(&mut self, id: usize, by_worker: bool) {
        if let Some(at) = self.open.iter().position(|o| *o == id) {
            self.open.remove(at);
            self.expect.drifted += 1;
        }
        self.lose(id, by_worker);
    }

    fn lose(&mut self, id: usize, by_worker: bool) {
        if self.kept == Some(id) {
            (self.kept, self.ran) = (None, by_worker);
        }
        let counting = self.counting;
        self.pass_lost += usize::from(self.pass_found.contains(&id));
        for (_, holder) in
            self.seen.iter_mut().filter(|(_, holder)| *holder == Some(id) && !by_worker && !counting)
        {
            *holder = None;
        }
    }

    /// Whether a match that is examined now goes, by the history alone.
    fn decide(&mut self, msg: &Msg, lists: &[Vec<Msg>]) -> bool {
        let first = self.expect.matched == 1;
        let acts = self.clears() && !self.counting;
        let goes = match self.plan().effect {
            Effect::Count | Effect::Group => false,
            Effect::ClearAll => true,
            Effect::KeepOne if self.counting => !first,
            Effect::KeepOne => {
                let goes = self.kept.is_some() || self.ran;
                if !goes {
                    let order = self.order(lists);
                    let mut before = order.iter().take_while(|m| m.id != msg.id);
                    assert!(before.all(|m| !m.matches || !self.open.contains(&m.id)), "an older one is open");
                    self.kept = Some(msg.id);
                }
                goes
            }
            Effect::KeepNewest if acts => self.newest(lists) != Some(msg.id),
            Effect::KeepNewest => {
                self.pass_found.push(msg.id);
                !first
            }
            Effect::KeepEach => match msg.value() {
                Some(value) => {
                    let known = self.seen.iter_mut().find(|(seen, _)| *seen == value);
                    match known {
                        Some((_, Some(_))) => true,
                        Some((_, holder)) => {
                            *holder = Some(msg.id);
                            false
                        }
                        None => {
                            self.seen.push((value, Some(msg.id)));
                            assert!(self.seen.len() <= crate::scan::values::MOST, "the scan stops before it");
                            false
                        }
                    }
                }
                None => {
                    self.expect.unkeyed += 1;
                    false
                }
            },
        };
        let gone = if acts { self.expect.deleted } else { self.expect.would_delete };
        let goes = goes && self.plan().limit.is_none_or(|limit| gone < limit);
        self.expect.would_delete += u64::from(goes);
        self.expect.deleted += u64::from(goes && acts);
        goes && acts
    }

    /// The newest match is not known any more: too many have left. The scan counts those that are left.
    fn recount(&mut self, lists: &[Vec<Msg>]) {
        if self.edited || self.scan.starts == self.starts {
            return;
        }
        assert_eq!(self.plan().effect, Effect::KeepNewest);
        let lost = self.pass_lost >= newest::MOST || self.scan.refound > 0;
        assert!(lost, "the newest is known while one of the last few is there");
        self.starts = self.scan.starts;
        self.counting = true;
        self.pass_found.clear();
        self.pass_lost = 0;
        self.begin(lists, self.expect.deleted);
    }

    /// Another pass over what is left of the snapshot.
    fn begin(&mut self, lists: &[Vec<Msg>], deleted: u64) {
        let all = self.order(lists);
        self.open = all.iter().map(|m| m.id).filter(|id| self.snapshot.contains(id)).collect();
        self.window = None;
        self.seen.clear();
        self.expect = Counters {
            total: self.open.len() as u64,
            deleted,
            passes_run: self.expect.passes_run + 1,
            examined_total: self.expect.examined_total,
            ..Counters::default()
        };
    }

    /// The second pass, where the first is done and found something.
    fn turn(&mut self, lists: &[Vec<Msg>]) {
        self.recount(lists);
        let surprised = self.plan().most.is_some_and(|most| self.expect.matched > most);
        let overflowed = self.scan.progress() == Progress::TooManyValues;
        if !self.counting || self.is_gone() || self.edited || !self.open.is_empty() || surprised || overflowed
        {
            return;
        }
        if self.scan.is_newest_unknown() || self.scan.is_astray() {
            return;
        }
        self.counting = false;
        if self.expect.would_delete > 0 {
            (self.kept, self.ran) = (None, false);
            self.begin(lists, self.expect.deleted);
        }
    }
}

impl World {
    fn new(lists: usize) -> Self {
        Self {
            lists: vec![Vec::new(); lists],
            on: 0,
            jobs: Vec::new(),
            ids: 0,
            unique: false,
            hints: None,
            recalled: 0,
        }
    }

    fn list(&mut self) -> &mut Vec<Msg> {
        &mut self.lists[self.on]
    }

    fn push(&mut self, end: End, matches: &[bool]) {
        for &m in matches {
            self.ids += 1;
            let msg = Msg { id: self.ids, matches: m, unique: self.unique };
            match end {
                End::Head => self.list().insert(0, msg),
                End::Tail => self.list().push(msg),
            }
            for job in &mut self.jobs {
                if let Some(place) = job.place(self.on) {
                    job.later.push(self.ids);
                    job.expect.arrived += u64::from(!job.gone[place]);
                }
            }
        }
    }

    fn take(&mut self, end: End) -> Option<Msg> {
        let msg = match end {
            End::Head if self.list().is_empty() => return None,
            End::Head => self.list().remove(0),
            End::Tail => self.list().pop()?,
        };
        for job in &mut self.jobs {
            job.forget(msg.id, job.plan().consumer_end == end);
        }
        Some(msg)
    }

    fn tell(&mut self, event: Event<'_>) {
        self.tell_half(event);
        self.jobs.iter_mut().for_each(ModelJob::see_edits);
        let on = self.on;
        self.jobs.iter_mut().filter(|job| job.place(on).is_some()).for_each(|job| job.turn(&self.lists));
    }

    /// Tells an event behind which another one comes, before what happened is told completely.
    fn tell_half(&mut self, event: Event<'_>) {
        for job in &mut self.jobs {
            if let Some(place) = job.place(self.on) {
                job.scan.follow(place, event);
            }
        }
    }

    fn len(&self) -> u64 {
        self.lists[self.on].len() as u64
    }

    fn tell_edit(&mut self) {
        let len = self.len();
        let on = self.on;
        self.jobs.iter_mut().for_each(|job| {
            // What has a gone list's name now is not its business.
            job.edited |= job.place(on).is_some_and(|place| !job.gone[place]);
        });
        if len == 0 { self.gone() } else { self.tell(Event::Edited { len }) }
    }

    fn gone(&mut self) {
        let was = std::mem::take(self.list());
        for job in &mut self.jobs {
            let Some(place) = job.place(self.on) else { continue };
            let here = |id: &usize| was.iter().any(|m| m.id == *id);
            let before = job.open.len();
            job.open.retain(|id| !here(id));
            job.expect.drifted += (before - job.open.len()) as u64;
            was.iter().for_each(|m| job.lose(m.id, false));
            job.gone[place] = true;
        }
        self.tell(Event::Gone);
    }

    fn find_place(&mut self, n: usize) {
        let Some(at) = n.checked_rem(self.jobs.len()) else { return };
        let job = &mut self.jobs[at];
        if job.is_gone() || job.scan.lost() == Lost::No {
            return;
        }
        let list = self.lists[job.over[job.scan.at()]].clone();
        job.scan.take_bearings(&mut Memory::new(list, u64::MAX));
        job.see_edits();
        job.turn(&self.lists);
    }

    fn slice(&mut self, n: usize, messages: u64, window: u64, write: bool) {
        let Some(at) = n.checked_rem(self.jobs.len()) else { return };
        let alone = self.lists.len() == 1;
        let job = &mut self.jobs[at];
        if job.is_gone() {
            return;
        }
        let here = job.over[job.scan.at()];
        let len = self.lists[here].len() as u64;
        let silent = alone && job.scan.len() != len;
        job.scan.observe_len(len);
        job.edited |= silent;
        job.scan.take_bearings(&mut Memory::new(self.lists[here].clone(), u64::MAX));
        job.see_edits();
        job.turn(&self.lists);
        if job.scan.progress() != Progress::Unfinished {
            return;
        }
        let here = job.over[job.scan.at()];
        if !job.edited {
            let open = |list: &&usize| self.lists[**list].iter().any(|m| job.open.contains(&m.id));
            assert_eq!(Some(here), job.over.iter().find(open).copied(), "one list after the other");
        }
        let list = self.lists[here].clone();
        let mut outcome = Outcome::default();
        // Messages are of 5 bytes.
        let max_bytes = if job.plan().to.is_some() { 11 } else { u64::MAX };
        let budget = Budget {
            // Time does not pass, and no jump is too long.
            time: Time::AfterSeek { slice_ns: 1 << 60, last_seek_ns: 0 },
            window,
            max_deletions: 7,
            deletion_ns: 0,
            put_ns: 0,
            max_bytes,
        };
        let mut queue = Memory::new(list.clone(), messages);
        let was_misled = job.scan.was_misled();
        let slice_end = match self.hints {
            Some(hints) => {
                let mut index = Index { order: in_order(&list, job.plan().consumer_end), hints };
                let (scan, queue) = (&job.scan, &mut queue);
                scan.run_guided(queue, &mut FirstByte, &mut index, &Frozen, &budget, || write, &mut outcome)
            }
            None => job.scan.examine(&mut queue, &mut FirstByte, &Frozen, &budget, || write, &mut outcome),
        };
        assert_ne!(slice_end, SliceEnd::Stuck);
        assert!(!(was_misled && outcome.is_guided), "an index that was wrong does not guide");
        let is_truthful = self.hints.is_none_or(|hints| hints.lies == 0);
        assert!(!(is_truthful && outcome.contradicted), "what it is certain of matches");
        if slice_end == SliceEnd::Refused {
            assert!(!write && queue.out.is_empty());
            return;
        }
        let walked_back = outcome.top.is_some();
        let window = job.window.take();
        let examined: Vec<usize> = if job.edited {
            Vec::new()
        } else {
            // Whatever the marks say: a walk towards the head examines the open messages that run next, a walk
            // back those of a window of them, from its far side.
            let expected = usize::try_from(outcome.counts.examined).expect("small");
            let open: Vec<usize> = in_order(&list, job.plan().consumer_end)
                .iter()
                .map(|m| m.id)
                .filter(|id| job.open.contains(id))
                .collect();
            if walked_back {
                // The window that was left open before, as far as its messages are still there.
                let mut window: Vec<usize> =
                    window.unwrap_or_default().into_iter().filter(|id| open.contains(id)).collect();
                if window.is_empty() {
                    let whole =
                        job.clears() && !job.counting && job.plan().to == Some(job.plan().consumer_end);
                    // A guided window is as large as the index says.
                    let top = outcome.top.filter(|_| outcome.is_guided && !whole).map(|top| {
                        let order = in_order(&list, job.plan().consumer_end);
                        let near = order.iter().take(usize::try_from(top).expect("small"));
                        near.filter(|msg| open.contains(&msg.id)).count()
                    });
                    let usual = usize::try_from(budget.window).expect("small");
                    let size = if whole { open.len() } else { top.unwrap_or(usual) };
                    window = open.iter().copied().take(size).collect();
                    window.reverse();
                }
                job.window = Some(window[expected..].to_vec());
                window[..expected].to_vec()
            } else {
                // On the way to another match to keep, the window stays open.
                let done = &open[..expected];
                job.window = window.map(|window| {
                    window.into_iter().filter(|id| open.contains(id) && !done.contains(id)).collect()
                });
                done.to_vec()
            }
        };
        let mut expected_deletions = Vec::new();
        for id in &examined {
            let (index, msg) = list.iter().enumerate().find(|(_, m)| m.id == *id).expect("is there");
            job.open.retain(|o| o != id);
            job.expect.processed += 1;
            job.expect.examined_total += 1;
            job.expect.undecodable += u64::from(msg.is_undecodable());
            if msg.matches {
                job.expect.matched += 1;
                job.expect.matched_bytes += 5;
                job.expect.match_notices.in_chord += 1;
                job.expect.match_notices.with_eta += 1;
                job.found.push(*id);
                let place = job.place(here).expect("its own");
                job.all_found[place] += 1;
                if job.decide(msg, &self.lists) {
                    expected_deletions.push(index as u64);
                }
            }
        }
        expected_deletions.sort_unstable();
        let deletions: Vec<u64> = outcome.deletions.iter().map(|h| h.index).collect();
        if !job.edited {
            assert_eq!(deletions, expected_deletions);
        }
        let spared = job.newest(&self.lists).filter(|_| job.plan().effect == Effect::KeepNewest);
        for deletion in &outcome.deletions {
            let msg = &list[usize::try_from(deletion.index).expect("small")];
            assert!(msg.matches, "a message that does not match is never cleared");
            assert!(!job.later.contains(&msg.id), "nothing pushed later is cleared");
            assert!(job.edited || spared != Some(msg.id), "the newest that is left stays");
        }
        for (deletion, out) in outcome.deletions.iter().zip(&queue.out) {
            assert_eq!(list[usize::try_from(deletion.index).expect("small")].id, out.id);
        }
        job.scan.commit(&mut outcome);
        if job.plan().effect == Effect::Count && job.scan.progress() == Progress::Finished {
            job.scan.complete();
        }
        if job.scan.progress() == Progress::TooManyValues && !walked_back && !job.edited {
            let order = job.order(&self.lists);
            // What an index excludes before it may not be counted.
            let is_read = |m: &&Msg| job.open.contains(&m.id) && (m.matches || !outcome.is_guided);
            let next = order.into_iter().find(is_read);
            let value = next.filter(|m| m.matches).and_then(Msg::value);
            let met = |value| job.seen.iter().any(|(seen, _)| *seen == value);
            assert!(value.is_some_and(|value| !met(value)), "there was no room for it");
        }
        if !deletions.is_empty() {
            let mut own = self.jobs.remove(at);
            for msg in &queue.out {
                self.jobs.iter_mut().for_each(|job| job.forget(msg.id, false));
            }
            self.lists[here] = queue.list;
            let on = std::mem::replace(&mut self.on, here);
            let len = self.lists[here].len() as u64;
            self.tell(Event::Deleted { indexes: &deletions, len });
            self.on = on;
            own.turn(&self.lists);
            own.pass_lost += queue.out.iter().filter(|msg| own.pass_found.contains(&msg.id)).count();
            own.found.retain(|id| self.lists.iter().flatten().any(|m| m.id == *id));
            self.jobs.insert(at, own);
        } else {
            self.jobs[at].turn(&self.lists);
        }
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::On(list) => self.on = list % self.lists.len(),
            Op::Push(end, n, pattern) => {
                let matches: Vec<bool> = (0..n).map(|i| pattern >> (i % 8) & 1 == 1).collect();
                self.push(end, &matches);
                self.tell(Event::Pushed { end, len: self.len() });
            }
            Op::Pop(end, n) => {
                let taken = (0..n).map_while(|_| self.take(end)).count();
                if taken > 0 {
                    self.tell(Event::Popped { end, len: self.len() });
                    if self.list().is_empty() {
                        self.gone();
                    }
                }
            }
            Op::Rotate { from, to } => {
                if let Some(msg) = self.take(from) {
                    self.push(to, &[msg.matches]);
                    self.tell_half(Event::Pushed { end: to, len: self.len() });
                    self.tell(Event::Popped { end: from, len: self.len() });
                }
            }
            Op::Slice { job, messages, window } => self.slice(job, messages, window, true),
            Op::Refused { job, messages, window } => self.slice(job, messages, window, false),
            Op::FindPlace(job) => self.find_place(job),
            Op::Accept(plan, all) => self.accept(plan, all),
            Op::Lrem(at, n) => {
                let len = self.list().len();
                if n < len {
                    // It looks as if LREM took out what LSET put in. What LSET put in is then judged in its place.
                    for job in &mut self.jobs {
                        let set = |list: &Track| list.marks.missing().set == n as u64;
                        job.edited |= job.scan.lists.iter().any(set);
                    }
                    (0..n).for_each(|i| self.remove(at.wrapping_mul(i + 1) % (len - i)));
                    self.tell(Event::Removed { len: self.len() });
                }
            }
            Op::Linsert(at, matches) => {
                let id = self.ids + 1;
                self.ids = id;
                let unique = self.unique;
                self.edit(at, |list, at| list.insert(at, Msg { id, matches, unique }));
            }
            Op::Lset(at, matches) => self.lset(at, matches),
            Op::Clean(at, n) => {
                // What queues do that take out by index: LSET to a word, and LREM of that word.
                let len = self.list().len();
                if n < len {
                    let before = self.ids;
                    (0..n).for_each(|i| self.lset(at % len + i, false));
                    (0..len)
                        .rev()
                        .filter(|i| self.list()[*i].id > before)
                        .collect::<Vec<_>>()
                        .into_iter()
                        .for_each(|i| self.remove(i));
                    self.tell(Event::Removed { len: self.len() });
                }
            }
            Op::Ltrim(head, tail) => {
                let len = self.list().len();
                if head + tail < len {
                    (0..head).for_each(|_| self.remove(0));
                    (0..tail).for_each(|i| self.remove(len - head - 1 - i));
                    self.tell(Event::Trimmed { len: self.len() });
                }
            }
            Op::LtrimNothing => {
                if !self.list().is_empty() {
                    self.tell(Event::Trimmed { len: self.len() });
                }
            }
            Op::Silent(at) => {
                // Another module takes one out and tells nobody; the next slice sees the length. (A push
                // between the two cannot be told from what was there: a documented limit.)
                if self.lists.len() == 1 && self.list().len() > 1 {
                    let at = at % self.list().len();
                    self.list().remove(at);
                    let len = self.len();
                    for job in &mut self.jobs {
                        job.edited = true;
                        job.scan.observe_len(len);
                    }
                }
            }
            Op::Del => {
                if !self.list().is_empty() {
                    self.gone();
                }
            }
        }
        self.check();
    }

    fn accept(&mut self, plan: Plan, all: bool) {
        if self.jobs.len() >= 4 {
            return;
        }
        let over: Vec<usize> = if all { (0..self.lists.len()).collect() } else { vec![self.on] };
        // Where the newest goes first, nobody knows which of several lists comes first.
        let plan = if over.len() > 1 { plan.to(None) } else { plan };
        let lens: Vec<u64> = over.iter().map(|list| self.lists[*list].len() as u64).collect();
        let ids: Vec<usize> =
            over.iter().flat_map(|list| &self.lists[*list]).map(|message| message.id).collect();
        let mut scan = Scan::over(plan, &lens);
        let is_donor = |job: &&ModelJob| {
            let Plan { effect, consumer_end, .. } = job.plan();
            effect == Effect::Count && consumer_end == plan.consumer_end && job.over == over
        };
        let mut donors = self.jobs.iter().filter(is_donor);
        if let Some(recalled) = donors.find_map(|job| job.scan.recalled()) {
            self.recalled += 1;
            scan.recall(recalled);
        }
        let mut job = ModelJob {
            scan,
            snapshot: ids.clone(),
            counting: false,
            seen: Vec::new(),
            open: ids,
            later: Vec::new(),
            expect: Counters { total: lens.iter().sum(), passes_run: 1, ..Counters::default() },
            edited: false,
            gone: vec![false; over.len()],
            kept: None,
            ran: false,
            pass_found: Vec::new(),
            pass_lost: 0,
            starts: 1,
            found: Vec::new(),
            all_found: vec![0; over.len()],
            window: None,
            over,
        };
        job.counting = job.clears() && (plan.most.is_some() || plan.effect == Effect::KeepNewest);
        job.turn(&self.lists);
        self.jobs.push(job);
    }

    /// A message is taken out of the inside, by hands that are no worker's.
    fn remove(&mut self, at: usize) {
        let msg = self.list().remove(at);
        self.jobs.iter_mut().for_each(|job| job.forget(msg.id, false));
    }

    fn lset(&mut self, at: usize, matches: bool) {
        self.ids += 1;
        let (id, unique) = (self.ids, self.unique);
        if !self.list().is_empty() {
            let at = at % self.list().len();
            self.remove(at);
            self.list().insert(at, Msg { id, matches, unique });
            self.tell(Event::Set { len: self.len() });
        }
    }

    fn edit(&mut self, at: usize, f: impl FnOnce(&mut Vec<Msg>, usize)) {
        if !self.list().is_empty() {
            let at = at % self.list().len();
            f(self.list(), at);
            self.tell_edit();
        }
    }

    fn check(&self) {
        for job in &self.jobs {
            let c = job.scan.counters();
            assert!(c.passes_run <= MAX_PASSES * if job.scan.plan.counts_first() { 2 } else { 1 });
            if let (Some(limit), true) = (job.plan().limit, job.clears()) {
                assert!(c.deleted <= limit, "edits or not");
            }
            if job.edited || !job.is_sure() {
                continue;
            }
            let mut expect = job.expect.clone();
            // What was counted without being read is known of no match notice.
            expect.matched_unread = c.matched_unread;
            expect.match_notices.in_chord -= c.matched_unread;
            expect.match_notices.with_eta -= c.matched_unread;
            assert_eq!(*c, expect, "{:?}", job.scan);
            self.check_surroundings(job);
            assert_eq!(c.total, c.processed + c.drifted + job.open.len() as u64);
            if job.is_gone() {
                continue;
            }
            let shown = job.shown(&self.lists).and_then(|id| job.spot(&self.lists, id));
            let lost = job.pass_lost >= newest::MOST || job.scan.refound > 0;
            let lost = lost && job.plan().effect == Effect::KeepNewest;
            assert!(job.scan.kept() == shown || (lost && job.scan.kept().is_none()), "{shown:?}");
            if job.clears() {
                continue;
            }
            let rows = job.scan.sample().map(|(list, row)| (list, job.scan.shown_index(row.distance)));
            let rows: Vec<(usize, i64)> = rows.collect();
            let found: Vec<(usize, i64)> =
                job.found.iter().filter_map(|id| job.spot(&self.lists, *id)).collect();
            for (list, all_found) in job.all_found.iter().enumerate() {
                let of = |all: &[(usize, i64)]| {
                    all.iter().filter(|spot| spot.0 == list).map(|spot| spot.1).collect::<Vec<_>>()
                };
                let (rows, mut expected) = (of(&rows), of(&found));
                expected
                    .sort_by_key(|index| if job.plan().consumer_end == End::Tail { -index } else { *index });
                // Up to its size a sample shows every match; beyond, those that run next, without a gap.
                if *all_found > SAMPLE_MAX {
                    expected.truncate(rows.len());
                }
                assert_eq!(rows, expected);
            }
        }
    }

    /// The messages that a scan remembers next to a boundary stand next to it, without a gap.
    fn check_surroundings(&self, job: &ModelJob) {
        for (place, track) in job.scan.lists.iter().enumerate() {
            // Where nothing is left to examine, they are not used any more.
            if job.gone[place] || track.marks.unexamined() == 0 {
                continue;
            }
            let order = in_order(&self.lists[job.over[place]], job.plan().consumer_end);
            let marks: Vec<u64> = order.iter().map(|msg| surroundings::mark_of(&msg.bytes())).collect();
            let is_open = track.marks.rest().is_some();
            for (which, at) in track.boundaries().into_iter().enumerate() {
                // Those of a window that is not open, or of a kept match that is not known, are not used.
                let is_used = match which {
                    1 | 2 => is_open,
                    4 => at > 0 && !track.around[which].near.is_empty(),
                    _ => true,
                };
                if !is_used {
                    continue;
                }
                let (near, far) = marks.split_at(usize::try_from(at).expect("small").min(marks.len()));
                let near: Vec<u64> = near.iter().rev().copied().collect();
                let known = &track.around[which];
                assert!(near.starts_with(&known.near), "{which} {at} {known:?} near {near:?} {track:?}");
                assert!(far.starts_with(&known.far), "{which} {at} {known:?} far {far:?} {track:?}");
            }
        }
    }

    fn finish(&mut self) {
        for at in 0..self.jobs.len() {
            for _ in 0..2_000 {
                if self.jobs[at].is_gone() || self.jobs[at].scan.progress() != Progress::Unfinished {
                    break;
                }
                self.slice(at, 3, 5, true);
                self.check();
            }
            let job = &self.jobs[at];
            let c = job.scan.counters();
            // A job that ended before its last message may have ended before it found its place again.
            if !job.edited && job.is_sure() {
                assert_eq!(c.total, c.processed + c.drifted + job.open.len() as u64);
                match job.scan.progress() {
                    Progress::TooManyValues => assert_eq!(job.seen.len(), crate::scan::values::MOST),
                    Progress::Unexpected { matched } => {
                        assert_eq!((c.deleted, matched), (0, c.matched));
                        assert!(job.open.is_empty() && job.plan().most.is_some_and(|most| matched > most));
                    }
                    progress => {
                        assert_eq!(progress, Progress::Finished);
                        let gone = if job.clears() { c.deleted } else { c.would_delete };
                        let reached = job.plan().limit.is_some_and(|limit| gone == limit);
                        let unknown = job.scan.is_newest_unknown();
                        assert!(job.open.is_empty() || (reached && !job.counting) || unknown);
                    }
                }
            }
        }
    }
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Head), Just(End::Tail)]
}

fn plan() -> impl Strategy<Value = Plan> {
    let effect = prop_oneof![
        2 => Just(Effect::Count),
        2 => Just(Effect::ClearAll),
        2 => Just(Effect::KeepOne),
        3 => Just(Effect::KeepNewest),
        4 => Just(Effect::KeepEach),
    ];
    let bound = || proptest::option::weighted(0.3, 1..20_u64);
    let to = proptest::option::weighted(0.3, end());
    (effect, any::<bool>(), bound(), bound(), to, end()).prop_map(
        |(effect, dry_run, limit, most, to, consumer_end)| {
            // Nothing goes before what is there from a queue whose workers pop from the head.
            let to = to.filter(|to| consumer_end == End::Tail || *to == End::Tail);
            let plan = Plan::new(effect, dry_run).to(to).consumer_end(consumer_end);
            match effect {
                // Before what is there goes the newest first: nobody knows then which run next.
                Effect::KeepEach if to == Some(consumer_end) => plan.to(None).limit(limit).most(most),
                _ if to == Some(consumer_end) => plan.most(most),
                Effect::Count => plan,
                // With a limit the request is refused: the newest is not known before all were looked at.
                Effect::KeepNewest => plan.most(most),
                _ => plan.limit(limit).most(most),
            }
        },
    )
}

fn at_the_ends() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (end(), 1..6_usize, any::<u8>()).prop_map(|(e, n, p)| Op::Push(e, n, p)),
        4 => (end(), 1..6_usize).prop_map(|(e, n)| Op::Pop(e, n)),
        2 => (end(), end()).prop_map(|(from, to)| Op::Rotate { from, to }),
        1 => Just(Op::LtrimNothing),
        8 => (0..4_usize, 1..9_u64, 1..14_u64)
            .prop_map(|(job, messages, window)| Op::Slice { job, messages, window }),
        1 => (0..4_usize, 1..9_u64, 1..14_u64)
            .prop_map(|(job, messages, window)| Op::Refused { job, messages, window }),
        4 => (plan(), any::<bool>()).prop_map(|(plan, all)| Op::Accept(plan, all)),
        3 => (0..3_usize).prop_map(Op::On),
    ]
}

fn anything() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => at_the_ends(),
        1 => (any::<usize>(), 1..4_usize).prop_map(|(at, n)| Op::Lrem(at, n)),
        1 => (any::<usize>(), 1..3_usize).prop_map(|(at, n)| Op::Clean(at, n)),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(at, m)| Op::Linsert(at, m)),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(at, m)| Op::Lset(at, m)),
        1 => (0..4_usize, 0..4_usize).prop_map(|(h, t)| Op::Ltrim(h, t)),
        2 => (0..4_usize).prop_map(Op::FindPlace),
        1 => any::<usize>().prop_map(Op::Silent),
        1 => Just(Op::Del),
    ]
}

fn hints(lies: impl Strategy<Value = usize>) -> impl Strategy<Value = Option<Hints>> {
    let costs = prop_oneof![Just(JumpCosts::default()), Just(JumpCosts::that_seek())];
    let hints = (lies, 0..5_usize, 1..9_usize, 1..30_u64, costs, any::<bool>());
    let hints = hints.prop_map(|(lies, unsure, most, rows, costs, counts)| Hints {
        lies,
        unsure,
        most,
        rows,
        costs,
        counts,
    });
    proptest::option::weighted(0.6, hints)
}

fn run(lists: usize, start: usize, pattern: u8, ops: &[Op], unique: bool) {
    run_guided(lists, start, pattern, ops, unique, None);
}

fn run_guided(lists: usize, start: usize, pattern: u8, ops: &[Op], unique: bool, hints: Option<Hints>) {
    let mut world = World::new(lists);
    (world.unique, world.hints) = (unique, hints);
    for list in 0..lists {
        world.apply(&Op::On(list));
        world.apply(&Op::Push(End::Head, start / (list + 1), pattern));
    }
    world.apply(&Op::Accept(Plan::new(Effect::ClearAll, false), true));
    for op in ops {
        world.apply(op);
    }
    world.finish();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn changes_at_the_ends_are_followed_exactly(
        start in 1..60_usize,
        pattern in any::<u8>(),
        unique in any::<bool>(),
        hints in hints(prop_oneof![2 => Just(0), 1 => 1..6_usize]),
        ops in proptest::collection::vec(at_the_ends(), 1..60),
    ) {
        run_guided(1, start, pattern, &ops, unique, hints);
    }

    #[test]
    fn changes_at_the_ends_of_several_lists_are_followed_exactly(
        start in 1..40_usize,
        pattern in any::<u8>(),
        unique in any::<bool>(),
        hints in hints(prop_oneof![2 => Just(0), 1 => 1..6_usize]),
        ops in proptest::collection::vec(at_the_ends(), 1..80),
    ) {
        run_guided(3, start, pattern, &ops, unique, hints);
    }

    #[test]
    fn edits_in_place_of_several_lists_never_clear_what_was_pushed_later(
        start in 1..40_usize,
        pattern in any::<u8>(),
        unique in any::<bool>(),
        hints in hints(prop_oneof![2 => Just(0), 1 => 1..6_usize]),
        ops in proptest::collection::vec(anything(), 1..80),
    ) {
        run_guided(3, start, pattern, &ops, unique, hints);
    }

    #[test]
    fn edits_in_place_never_clear_what_was_pushed_later(
        start in 1..60_usize,
        pattern in any::<u8>(),
        unique in any::<bool>(),
        hints in hints(prop_oneof![2 => Just(0), 1 => 1..6_usize]),
        ops in proptest::collection::vec(anything(), 1..80),
    ) {
        run_guided(1, start, pattern, &ops, unique, hints);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn clear_removes_what_its_dry_run_reported(
        start in 1..60_usize,
        pattern in any::<u8>(),
        plan in plan(),
        all in any::<bool>(),
        (messages, window) in (1..9_u64, 1..14_u64),
    ) {
        let ends = [true, false].map(|dry_run| {
            let mut world = World::new(2);
            world.apply(&Op::Push(End::Head, start, pattern));
            world.apply(&Op::On(1));
            world.apply(&Op::Push(End::Head, start / 2, pattern));
            world.apply(&Op::Accept(Plan { dry_run, ..plan }, all));
            while world.jobs[0].scan.progress() == Progress::Unfinished {
                world.apply(&Op::Slice { job: 0, messages, window });
            }
            let scan = &world.jobs[0].scan;
            let c = scan.counters();
            // A job that fails may have cleared something before it met one value too many.
            let went = match scan.progress() {
                Progress::TooManyValues => None,
                Progress::Unexpected { .. } => Some(0),
                _ => Some(if dry_run { c.would_delete } else { c.deleted }),
            };
            (scan.progress(), went)
        });
        prop_assert_eq!(ends[0], ends[1]);
    }
}

#[test]
fn scan_gives_up_after_ten_edited_passes() {
    let mut scan = Scan::new(Plan::new(Effect::Count, false), 20);
    let list: Vec<Msg> = (0..20).map(|id| Msg { id, matches: false, unique: false }).collect();
    for _ in 0..MAX_PASSES {
        assert_eq!(scan.progress(), Progress::Unfinished);
        let mut outcome = Outcome::default();
        let mut queue = Memory::new(list.clone(), 3);
        let budget = Budget {
            time: Time::AfterSeek { slice_ns: 1, last_seek_ns: 0 },
            window: 5,
            max_deletions: 7,
            deletion_ns: 0,
            put_ns: 0,
            max_bytes: u64::MAX,
        };
        scan.run_slice(&mut queue, &mut FirstByte, &Frozen, &budget, || true, &mut outcome);
        scan.commit(&mut outcome);
        scan.follow(0, Event::Edited { len: 20 });
    }
    assert_eq!(scan.progress(), Progress::EditedTooOften { edits: MAX_PASSES });
}

#[test]
fn messages_known_around_the_end_of_the_queue_are_forgotten_when_they_may_be_missing() {
    let count = Op::Accept(Plan::new(Effect::Count, false).consumer_end(End::Head), false);
    let ops = [
        Op::Slice { job: 0, messages: 3, window: 3 },
        Op::Push(End::Head, 1, 0),
        count.clone(),
        count.clone(),
        count,
        Op::Refused { job: 1, messages: 1, window: 1 },
        Op::On(0),
        Op::Lrem(0, 1),
        Op::Push(End::Tail, 2, 0),
        Op::Lrem(0, 2),
        Op::LtrimNothing,
    ];
    run(3, 5, 7, &ops, false);
}

/// The oldest match was kept. LSET replaced it with another message before workers popped that: no match ran.
#[test]
fn a_kept_match_that_was_replaced_and_then_popped_did_not_run() {
    let keep_one = Plan::new(Effect::KeepOne, false).consumer_end(End::Tail);
    let ops = [
        Op::On(0),
        Op::Del,
        Op::Accept(keep_one, true),
        Op::Slice { job: 1, messages: 1, window: 1 },
        Op::On(1),
        Op::Lset(usize::MAX, false),
        Op::Pop(End::Tail, 2),
        Op::Slice { job: 1, messages: 1, window: 1 },
    ];
    for at in 0..3 {
        let ops = ops.clone().map(|op| if matches!(op, Op::Lset(..)) { Op::Lset(at, false) } else { op });
        run(3, 5, 133, &ops, false);
    }
}

/// LREM takes the match of a value that was kept, and a worker pops the next message.
#[test]
fn the_kept_match_of_a_value_that_was_removed_before_a_pop_did_not_run() {
    let keep_each = Plan::new(Effect::KeepEach, true).consumer_end(End::Head);
    for at in 0..16 {
        let ops = [
            Op::On(0),
            Op::Accept(keep_each, true),
            Op::Slice { job: 1, messages: 7, window: 1 },
            Op::Lrem(at, 1),
            Op::Pop(End::Head, 4),
            Op::Del,
            Op::Slice { job: 1, messages: 5, window: 1 },
        ];
        run(3, 35, 212, &ops, false);
    }
}

/// The list was edited where it is done. The scan begins anew, but not between the two halves of a rotation.
#[test]
fn a_message_that_was_rotated_in_an_edited_list_is_new() {
    let ops = [
        Op::On(0),
        Op::Del,
        Op::Slice { job: 0, messages: 4, window: 1 },
        Op::On(1),
        Op::Slice { job: 0, messages: 4, window: 1 },
        Op::Lset(5, true),
        Op::Pop(End::Head, 5),
        Op::Rotate { from: End::Head, to: End::Head },
    ];
    let costs = JumpCosts::that_seek();
    run_guided(
        3,
        32,
        87,
        &ops,
        false,
        Some(Hints { lies: 0, unsure: 0, most: 4, rows: 6, costs, counts: false }),
    );
}

/// The last list is done while it is unknown where messages were replaced in the one before.
#[test]
fn a_count_ends_although_a_list_was_edited_before_workers_emptied_it() {
    let most = Plan::new(Effect::ClearAll, false).most(Some(20)).consumer_end(End::Head);
    let mut world = World::new(3);
    for list in 0..2 {
        world.apply(&Op::On(list));
        world.apply(&Op::Push(End::Head, 4, 255));
    }
    world.apply(&Op::Accept(most, true));
    world.apply(&Op::Slice { job: 0, messages: 4, window: 4 });
    assert_eq!(world.jobs[0].scan.at(), 1);
    world.apply(&Op::Push(End::Tail, 1, 255));
    world.apply(&Op::Lset(0, true));
    world.apply(&Op::Pop(End::Head, 4));
    world.finish();
    assert_eq!(world.jobs[0].scan.counters().deleted, 4);
}

/// A pass that counts once more begins after the messages that were pushed at the consumer end.
#[test]
fn the_newest_is_counted_anew_only_if_it_is_known_where_to_begin() {
    let newest = Plan::new(Effect::KeepNewest, false).consumer_end(End::Head);
    let hints = Hints { lies: 0, unsure: 3, most: 5, rows: 9, costs: JumpCosts::that_seek(), counts: false };
    let count = Plan::new(Effect::Count, false).consumer_end(End::Head);
    let ops = [
        Op::Linsert(2_584_150_497_038_709_421, true),
        Op::Accept(count, false),
        Op::Ltrim(3, 0),
        Op::Accept(count, false),
        Op::Lrem(10_492_345_172_915_527_770, 1),
        Op::Slice { job: 3, messages: 4, window: 1 },
        Op::Accept(newest, false),
        Op::Clean(3_356_425_541_738_130_073, 2),
        Op::Lrem(9_470_386_750_138_988_683, 1),
        Op::Push(End::Head, 5, 0),
        Op::Slice { job: 3, messages: 4, window: 1 },
        Op::Slice { job: 3, messages: 3, window: 1 },
        Op::Slice { job: 3, messages: 5, window: 1 },
        Op::Lrem(8_371_996_203_159_430_263, 2),
        Op::Push(End::Head, 1, 0),
    ];
    run_guided(1, 26, 132, &ops, false, Some(hints));
}

/// The slice may remove seven messages, and leaves a window with two more: between them are others that it passes.
#[test]
fn a_guided_walk_is_found_again_where_it_leaves_a_window() {
    let mut world = World::new(1);
    world.unique = true;
    world.hints =
        Some(Hints { lies: 0, unsure: 0, most: 9, rows: 200, costs: JumpCosts::that_seek(), counts: false });
    world.apply(&Op::Push(End::Head, 100, 1));
    world.apply(&Op::Accept(Plan::new(Effect::ClearAll, false), true));
    world.apply(&Op::Slice { job: 0, messages: 100, window: 5 });
    let marks = &world.jobs[0].scan.lists[0].marks;
    assert!(marks.rest().is_some() && world.jobs[0].scan.counters().deleted == 7, "{marks:?}");
    world.apply(&Op::Lrem(5, 1));
    world.apply(&Op::Slice { job: 0, messages: 100, window: 5 });
    let scan = &world.jobs[0].scan;
    assert_eq!((scan.refound, scan.edits, scan.counters().passes_run), (1, 0, 1));
    world.finish();
    assert_eq!(world.jobs[0].scan.counters().deleted, 13);
}
