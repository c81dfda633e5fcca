//! The scan against a naive list that remembers the history of every message.
//!
//! The model knows nothing of marks: it tags each message with what each job may do with it, and predicts
//! what a slice examines, counts and clears from the tags alone.

use proptest::prelude::*;

use super::*;
use crate::queue::End;
use crate::reply::Reply;

#[derive(Debug, Clone)]
enum Op {
    Push(End, usize, u8),
    Pop(End, usize),
    Rotate { from: End, to: End },
    Slice { job: usize, messages: u64 },
    Refused { job: usize, messages: u64 },
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
}

#[derive(Default)]
struct World {
    list: Vec<Msg>,
    jobs: Vec<ModelJob>,
    ids: usize,
}

struct Memory<'a>(&'a [Msg]);

impl Queue for Memory<'_> {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }
    fn read<R>(&mut self, index: u64, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let msg = self.0.get(usize::try_from(index).ok()?)?;
        Some(f(if msg.matches { b"match" } else { b"other" }))
    }
}

struct FirstByte;

impl Judge for FirstByte {
    fn judge(&mut self, message: &[u8]) -> Judgement {
        Judgement { matched: message[0] == b'm', ..Judgement::default() }
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

/// Lets a slice end after a number of messages, as the clock would.
struct Limited<'a> {
    queue: Memory<'a>,
    left: u64,
}

impl Queue for Limited<'_> {
    fn len(&self) -> u64 {
        self.queue.len()
    }
    fn read<R>(&mut self, index: u64, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        self.left = self.left.checked_sub(1)?;
        self.queue.read(index, f)
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

    fn slice(&mut self, n: usize, messages: u64, write: bool) {
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
        let budget = Budget { slice_ns: 1, delete_ns: 0, max_hits: 7 };
        let mut queue = Limited { queue: Memory(&self.list), left: messages };
        job.scan.look(&mut queue, &mut FirstByte, &Frozen, &budget, &mut look);
        if !write {
            return;
        }
        let examined: Vec<usize> = if job.edited {
            Vec::new()
        } else {
            // Whatever the marks say, the slice must have examined the open messages that run next.
            let expected = usize::try_from(look.examined).expect("small");
            let open: Vec<usize> =
                self.list.iter().rev().map(|m| m.id).filter(|id| job.open.contains(id)).collect();
            open[..expected].to_vec()
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
                job.found.push(*id);
                match job.scan.effect() {
                    Effect::Count => {}
                    Effect::KeepOne if !job.has_kept => {
                        job.has_kept = true;
                        job.kept = Some(*id);
                    }
                    Effect::KeepOne | Effect::ClearAll => expected_hits.push(index as u64),
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
        let delete = !job.scan.is_dry_run() && !hits.is_empty();
        job.expect.would_delete += hits.len() as u64;
        if delete {
            job.expect.deleted += hits.len() as u64;
        }
        job.scan.commit(&mut look, delete);
        if delete {
            let mut own = self.jobs.remove(at);
            for index in &hits {
                let msg = self.list.remove(usize::try_from(*index).expect("small"));
                self.forget(msg.id);
            }
            let mut ascending = hits;
            ascending.reverse();
            self.tell(Event::Deleted { indexes: &ascending });
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
            Op::Slice { job, messages } => self.slice(job, messages, true),
            Op::Refused { job, messages } => self.slice(job, messages, false),
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
                    });
                }
            }
            Op::Lrem(at) => self.edit(at, |list, at| drop(list.remove(at))),
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
                let expected: Vec<i64> = job.found.iter().filter_map(|id| place(*id)).collect();
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
                self.slice(at, 3, true);
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
        8 => (0..4_usize, 1..9_u64).prop_map(|(job, messages)| Op::Slice { job, messages }),
        1 => (0..4_usize, 1..9_u64).prop_map(|(job, messages)| Op::Refused { job, messages }),
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
        let mut queue = Limited { queue: Memory(&list), left: 3 };
        let budget = Budget { slice_ns: 1, delete_ns: 0, max_hits: 7 };
        scan.look(&mut queue, &mut FirstByte, &Frozen, &budget, &mut look);
        scan.commit(&mut look, false);
        scan.follow(Event::Edited { len: 20 });
    }
    assert_eq!(scan.progress(), Progress::EditedTooOften { edits: MAX_PASSES });
}
