//! The scan against a naive list that remembers the history of every message.
//!
//! The model knows nothing of marks: it tags each message with what each job may do with it, and predicts
//! what a slice examines, counts and clears from the tags alone.

use proptest::prelude::*;

use super::*;
use crate::concerns::Concerns;
use crate::queue::End;
use crate::reply::Reply;

#[derive(Debug, Clone)]
enum Op {
    Push(End, usize, u8),
    Pop(End, usize),
    Rotate { from: End, to: End },
    Slice { job: usize, messages: u64, window: u64 },
    Refused { job: usize, messages: u64, window: u64 },
    Accept(Effect, bool),
    Lrem(usize),
    Linsert(usize, bool),
    Lset(usize, bool),
    Ltrim(usize, usize),
    Silent(usize),
    Del,
}

/// One message: its identity is the model's secret, its bytes are the same for many.
#[derive(Debug, Clone)]
struct Msg {
    id: usize,
    matches: bool,
}

struct ModelJob {
    scan: Scan,
    /// Ids of the snapshot that the job has not examined and nobody took.
    open: Vec<usize>,
    /// Ids pushed after the job was accepted.
    later: Vec<usize>,
    /// Expected counters, while no edit in place has made positions unknown.
    expect: Counters,
    edited: bool,
    gone: bool,
    kept: Option<usize>,
    has_kept: bool,
    /// Ids of the matches found, in order, which a sample must show while they are in the queue.
    found: Vec<usize>,
    /// How many matches were ever found.
    all_found: usize,
    /// The rest of a window that was walked back in part, from its far side.
    window: Option<Vec<usize>>,
}

#[derive(Default)]
struct World {
    list: Vec<Msg>,
    jobs: Vec<ModelJob>,
    ids: usize,
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
}

impl Memory {
    fn new(list: Vec<Msg>, left: u64) -> Self {
        Self { list, at: None, turned: false, deleted: false, left, out: Vec::new() }
    }
}

impl Queue for Memory {
    fn len(&self) -> u64 {
        (self.list.len() + self.out.len()) as u64
    }
    fn read<R>(&mut self, index: u64, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        self.left = self.left.checked_sub(1)?;
        let index = usize::try_from(index).ok()?;
        let msg = self.list.get(index)?;
        let back = self.at.is_some_and(|at| index < at);
        assert!(!(back && self.deleted), "a walk towards the head after a deletion reads other messages");
        self.turned |= back;
        self.at = Some(index);
        Some(f(if msg.matches { b"match" } else { b"other" }))
    }
    fn delete(&mut self, index: u64) -> bool {
        let index = usize::try_from(index).expect("small");
        assert_eq!(self.at, Some(index), "deletes what was just read");
        assert!(!self.turned, "a deletion on a walk towards the head deletes another message");
        self.deleted = true;
        self.out.push(self.list.remove(index));
        true
    }
}

struct FirstByte;

impl Judge for FirstByte {
    fn judge(&mut self, message: &[u8]) -> Judgement {
        let matched = message[0] == b'm';
        let concerns = Concerns { in_chord: matched, with_eta: matched, ..Concerns::default() };
        Judgement { matched, concerns, ..Judgement::default() }
    }
    fn describe(&mut self, _: &[u8]) -> Vec<(Box<str>, Reply)> {
        Vec::new()
    }
}

/// Time stands still: the number of messages of a slice comes from `Budget::max_hits` or the model.
struct Frozen;

impl Clock for Frozen {
    fn now_ns(&self) -> u64 {
        0
    }
}

impl World {
    fn push(&mut self, end: End, matches: &[bool]) {
        for &m in matches {
            self.ids += 1;
            let msg = Msg { id: self.ids, matches: m };
            match end {
                End::Head => self.list.insert(0, msg),
                End::Tail => self.list.push(msg),
            }
            for job in self.jobs.iter_mut().filter(|job| !job.gone) {
                job.later.push(self.ids);
                job.expect.arrived += 1;
            }
        }
    }

    fn take(&mut self, end: End) -> Option<Msg> {
        let msg = match end {
            End::Head if self.list.is_empty() => return None,
            End::Head => self.list.remove(0),
            End::Tail => self.list.pop()?,
        };
        self.forget(msg.id);
        Some(msg)
    }

    /// A message left the queue by other hands than the job's own.
    fn forget(&mut self, id: usize) {
        for job in &mut self.jobs {
            if let Some(at) = job.open.iter().position(|o| *o == id) {
                job.open.remove(at);
                job.expect.drifted += 1;
            }
            job.kept = job.kept.filter(|k| *k != id);
        }
    }

    fn tell(&mut self, event: Event<'_>) {
        for job in &mut self.jobs {
            job.scan.follow(event);
        }
    }

    fn len(&self) -> u64 {
        self.list.len() as u64
    }

    fn tell_edit(&mut self) {
        let len = self.len();
        self.jobs.iter_mut().for_each(|job| job.edited = true);
        if len == 0 { self.gone() } else { self.tell(Event::Edited { len }) }
    }

    fn gone(&mut self) {
        self.list.clear();
        for job in &mut self.jobs {
            job.expect.drifted += job.open.len() as u64;
            job.open.clear();
            job.kept = None;
            job.gone = true;
        }
        self.tell(Event::Gone);
    }

    fn slice(&mut self, n: usize, messages: u64, window: u64, write: bool) {
        let Some(at) = n.checked_rem(self.jobs.len()) else { return };
        let len = self.len();
        let job = &mut self.jobs[at];
        if job.gone {
            return;
        }
        let silent = job.scan.len() != len;
        job.scan.observe_len(len);
        job.edited |= silent;
        if job.scan.progress() != Progress::Unfinished {
            return;
        }
        let mut look = Look::default();
        let budget = Budget { time: Time::AfterSeek { slice_ns: 1, last_seek_ns: 0 }, window, max_hits: 7 };
        let mut queue = Memory::new(self.list.clone(), messages);
        let looked = job.scan.look(&mut queue, &mut FirstByte, &Frozen, &budget, || write, &mut look);
        assert_ne!(looked, Looked::Stuck);
        if looked == Looked::Refused {
            assert!(!write && queue.out.is_empty());
            return;
        }
        let walked_back = look.top.is_some();
        let window = job.window.take();
        let examined: Vec<usize> = if job.edited {
            Vec::new()
        } else {
            // Whatever the marks say: a walk towards the head examines the open messages that run next, a walk
            // back those of a window of them, from its far side.
            let expected = usize::try_from(look.examined).expect("small");
            let open: Vec<usize> =
                self.list.iter().rev().map(|m| m.id).filter(|id| job.open.contains(id)).collect();
            if walked_back {
                // The window that was left open before, as far as its messages are still there.
                let mut window: Vec<usize> =
                    window.unwrap_or_default().into_iter().filter(|id| open.contains(id)).collect();
                if window.is_empty() {
                    let size = usize::try_from(budget.window).expect("small");
                    window = open.iter().copied().take(size).collect();
                    window.reverse();
                }
                job.window = Some(window[expected..].to_vec());
                window[..expected].to_vec()
            } else {
                open[..expected].to_vec()
            }
        };
        let mut expected_hits = Vec::new();
        for id in &examined {
            let (index, msg) = self.list.iter().enumerate().find(|(_, m)| m.id == *id).expect("is there");
            job.open.retain(|o| o != id);
            job.expect.processed += 1;
            job.expect.examined_total += 1;
            if msg.matches {
                job.expect.matched += 1;
                job.expect.matched_bytes += 5;
                job.expect.concerns.in_chord += 1;
                job.expect.concerns.with_eta += 1;
                job.found.push(*id);
                job.all_found += 1;
                match job.scan.effect() {
                    Effect::Count | Effect::Group => {}
                    Effect::KeepOne if !job.has_kept => {
                        job.has_kept = true;
                        job.kept = Some(*id);
                    }
                    Effect::KeepOne | Effect::ClearAll => {
                        job.expect.would_delete += 1;
                        if !job.scan.is_dry_run() {
                            expected_hits.push(index as u64);
                        }
                    }
                }
            }
        }
        let hits: Vec<u64> = look.hits.iter().map(|h| h.index).collect();
        if !job.edited {
            assert_eq!(hits, expected_hits);
        }
        for hit in &look.hits {
            let msg = &self.list[usize::try_from(hit.index).expect("small")];
            assert!(msg.matches, "a message that does not match is never cleared");
            assert!(!job.later.contains(&msg.id), "nothing pushed later is cleared");
        }
        for (hit, out) in look.hits.iter().zip(&queue.out) {
            assert_eq!(self.list[usize::try_from(hit.index).expect("small")].id, out.id);
        }
        job.expect.deleted += hits.len() as u64;
        job.scan.commit(&mut look);
        if !hits.is_empty() {
            let mut own = self.jobs.remove(at);
            for msg in &queue.out {
                self.forget(msg.id);
            }
            self.list = queue.list;
            self.tell(Event::Deleted { indexes: &hits });
            own.found.retain(|id| self.list.iter().any(|m| m.id == *id));
            self.jobs.insert(at, own);
        }
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Push(end, n, pattern) => {
                let matches: Vec<bool> = (0..n).map(|i| pattern >> (i % 8) & 1 == 1).collect();
                self.push(end, &matches);
                self.tell(Event::Pushed { end, len: self.len() });
            }
            Op::Pop(end, n) => {
                let taken = (0..n).map_while(|_| self.take(end)).count();
                if taken > 0 {
                    self.tell(Event::Popped { end, len: self.len() });
                    if self.list.is_empty() {
                        self.gone();
                    }
                }
            }
            Op::Rotate { from, to } => {
                if let Some(msg) = self.take(from) {
                    self.push(to, &[msg.matches]);
                    self.tell(Event::Pushed { end: to, len: self.len() });
                    self.tell(Event::Popped { end: from, len: self.len() });
                }
            }
            Op::Slice { job, messages, window } => self.slice(job, messages, window, true),
            Op::Refused { job, messages, window } => self.slice(job, messages, window, false),
            Op::Accept(effect, dry_run) => {
                if self.jobs.len() < 4 {
                    let len = self.len();
                    self.jobs.push(ModelJob {
                        scan: Scan::new(effect, dry_run, len),
                        open: self.list.iter().map(|m| m.id).collect(),
                        later: Vec::new(),
                        expect: Counters { total: len, passes_run: 1, ..Counters::default() },
                        edited: false,
                        gone: false,
                        kept: None,
                        has_kept: false,
                        found: Vec::new(),
                        all_found: 0,
                        window: None,
                    });
                }
            }
            Op::Lrem(at) => self.edit(at, |list, at| _ = list.remove(at)),
            Op::Linsert(at, matches) => {
                let id = self.ids + 1;
                self.ids = id;
                self.edit(at, |list, at| list.insert(at, Msg { id, matches }));
            }
            Op::Lset(at, matches) => {
                let id = self.ids + 1;
                self.ids = id;
                self.edit(at, |list, at| list[at] = Msg { id, matches });
            }
            Op::Ltrim(head, tail) => {
                if !self.list.is_empty() {
                    let keep = self.list.len().saturating_sub(tail);
                    self.list.truncate(keep);
                    self.list.drain(..head.min(keep));
                    self.tell_edit();
                }
            }
            Op::Silent(at) => {
                // Another module takes one out and tells nobody; the next slice sees the length. (A push
                // between the two cannot be told from what was there: a documented limit.)
                if self.list.len() > 1 {
                    self.list.remove(at % self.list.len());
                    let len = self.len();
                    for job in &mut self.jobs {
                        job.edited = true;
                        job.scan.observe_len(len);
                    }
                }
            }
            Op::Del => {
                if !self.list.is_empty() {
                    self.gone();
                }
            }
        }
        self.check();
    }

    fn edit(&mut self, at: usize, f: impl FnOnce(&mut Vec<Msg>, usize)) {
        if !self.list.is_empty() {
            let at = at % self.list.len();
            f(&mut self.list, at);
            self.tell_edit();
        }
    }

    fn check(&self) {
        for job in &self.jobs {
            let c = job.scan.counters();
            assert!(c.passes_run <= MAX_PASSES);
            if job.edited {
                continue;
            }
            assert_eq!(*c, job.expect);
            assert_eq!(c.total, c.processed + c.drifted + job.open.len() as u64);
            if job.gone {
                continue;
            }
            let place = |id: usize| {
                self.list.iter().rev().position(|m| m.id == id).map(|d| -1 - i64::try_from(d).expect("small"))
            };
            assert_eq!(job.scan.kept_index(), job.kept.and_then(place));
            if job.scan.effect() == Effect::Count || job.scan.is_dry_run() {
                let rows: Vec<i64> =
                    job.scan.sample().rows().iter().map(|r| index_from_tail(r.distance)).collect();
                let mut expected: Vec<i64> = job.found.iter().filter_map(|id| place(*id)).collect();
                expected.sort_by_key(|index| -index);
                // Up to its size a sample shows every match; beyond, those that run next, without a gap.
                if job.all_found > SAMPLE_MAX {
                    expected.truncate(rows.len());
                }
                assert_eq!(rows, expected);
            }
        }
    }

    fn finish(&mut self) {
        for at in 0..self.jobs.len() {
            for _ in 0..2_000 {
                if self.jobs[at].gone || self.jobs[at].scan.progress() != Progress::Unfinished {
                    break;
                }
                self.slice(at, 3, 5, true);
                self.check();
            }
            let job = &self.jobs[at];
            let c = job.scan.counters();
            if !job.edited {
                assert_eq!(c.total, c.processed + c.drifted);
                assert!(job.open.is_empty());
            }
        }
    }
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Head), Just(End::Tail)]
}

fn effect() -> impl Strategy<Value = Effect> {
    prop_oneof![Just(Effect::Count), Just(Effect::ClearAll), Just(Effect::KeepOne)]
}

fn at_the_ends() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (end(), 1..6_usize, any::<u8>()).prop_map(|(e, n, p)| Op::Push(e, n, p)),
        4 => (end(), 1..6_usize).prop_map(|(e, n)| Op::Pop(e, n)),
        2 => (end(), end()).prop_map(|(from, to)| Op::Rotate { from, to }),
        8 => (0..4_usize, 1..9_u64, 1..14_u64)
            .prop_map(|(job, messages, window)| Op::Slice { job, messages, window }),
        1 => (0..4_usize, 1..9_u64, 1..14_u64)
            .prop_map(|(job, messages, window)| Op::Refused { job, messages, window }),
        2 => (effect(), any::<bool>()).prop_map(|(e, dry)| Op::Accept(e, dry)),
    ]
}

fn anything() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => at_the_ends(),
        1 => any::<usize>().prop_map(Op::Lrem),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(at, m)| Op::Linsert(at, m)),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(at, m)| Op::Lset(at, m)),
        1 => (0..4_usize, 0..4_usize).prop_map(|(h, t)| Op::Ltrim(h, t)),
        1 => any::<usize>().prop_map(Op::Silent),
        1 => Just(Op::Del),
    ]
}

fn run(start: usize, pattern: u8, ops: &[Op]) {
    let mut world = World::default();
    world.apply(&Op::Push(End::Head, start, pattern));
    world.apply(&Op::Accept(Effect::ClearAll, false));
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
        ops in proptest::collection::vec(at_the_ends(), 1..60),
    ) {
        run(start, pattern, &ops);
    }

    #[test]
    fn edits_in_place_never_clear_what_was_pushed_later(
        start in 1..60_usize,
        pattern in any::<u8>(),
        ops in proptest::collection::vec(anything(), 1..80),
    ) {
        run(start, pattern, &ops);
    }
}

#[test]
fn a_queue_that_is_edited_in_every_pass_is_given_up_after_ten() {
    let mut scan = Scan::new(Effect::Count, false, 20);
    let list: Vec<Msg> = (0..20).map(|id| Msg { id, matches: false }).collect();
    for _ in 0..MAX_PASSES {
        assert_eq!(scan.progress(), Progress::Unfinished);
        let mut look = Look::default();
        let mut queue = Memory::new(list.clone(), 3);
        let budget =
            Budget { time: Time::AfterSeek { slice_ns: 1, last_seek_ns: 0 }, window: 5, max_hits: 7 };
        scan.look(&mut queue, &mut FirstByte, &Frozen, &budget, || true, &mut look);
        scan.commit(&mut look);
        scan.follow(Event::Edited { len: 20 });
    }
    assert_eq!(scan.progress(), Progress::EditedTooOften { edits: MAX_PASSES });
}
