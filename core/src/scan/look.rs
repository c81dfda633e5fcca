//! One slice's reading: walk from the cursor towards the head, judge every message, stop on time.

use super::sample::SampleRow;
use super::{Effect, Scan};
use crate::reply::Reply;

/// An opened queue. It does not change between opening and the end of the slice.
pub trait Queue {
    /// Messages in it.
    fn len(&self) -> u64;

    /// It holds nothing.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads the message at `index` (0 = head). `None` if it cannot be read.
    fn read<R>(&mut self, index: u64, f: impl FnOnce(&[u8]) -> R) -> Option<R>;
}

/// Time that only goes forward, in nanoseconds from an arbitrary start.
pub trait Clock {
    /// Now.
    fn now_ns(&self) -> u64;
}

/// What a filter says of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Judgement {
    /// Every condition is true.
    pub matched: bool,
    /// The element is no JSON object.
    pub undecodable: bool,
    /// No condition is false, and one is unknown because of the body.
    pub unreadable: bool,
}

/// Decides about messages and describes those that match.
pub trait Judge {
    /// The verdict.
    fn judge(&mut self, message: &[u8]) -> Judgement;
    /// The members of a sample row.
    fn describe(&mut self, message: &[u8]) -> Vec<(Box<str>, Reply)>;
}

/// How long a look may take.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Longest stretch after the seek, in nanoseconds. Where the seek took longer, as long as the seek.
    pub slice_ns: u64,
    /// Expected cost of taking one match out of the list, in nanoseconds: it is spent in the same slice.
    pub delete_ns: u64,
    /// The most hits that one look collects.
    pub max_hits: usize,
}

/// A match that is to be taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// List index, 0 = head.
    pub index: u64,
    /// Digest of the message, so that whoever repeats the deletion can see that it has the same one.
    pub fingerprint: u32,
}

/// What one slice saw. Nothing is booked until [`Scan::commit`]. Reused from slice to slice.
#[derive(Debug, Default)]
pub struct Look {
    /// Matches to take out, the one nearest to the next end first: indexes descend.
    pub hits: Vec<Hit>,
    /// Messages examined.
    pub examined: u64,
    /// Bytes examined.
    pub examined_bytes: u64,
    /// Time to the first message, in nanoseconds.
    pub seek_ns: u64,
    pub(super) matched: u64,
    pub(super) matched_bytes: u64,
    pub(super) undecodable: u64,
    pub(super) unreadable: u64,
    pub(super) kept: Option<u64>,
    pub(super) rows: Vec<SampleRow>,
}

impl Look {
    fn reset(&mut self) {
        let mut hits = std::mem::take(&mut self.hits);
        hits.clear();
        *self = Self { hits, ..Self::default() };
    }
}

/// The clock is read after this many messages ...
const CLOCK_EVERY_MESSAGES: u32 = 16;
/// ... or this many bytes, whichever comes first: a rate measured on small messages says nothing about
/// the large ones behind them.
const CLOCK_EVERY_BYTES: u64 = 64 * 1024;

impl Scan {
    /// Reads from the cursor towards the head until the budget is spent or the snapshot ends. Always
    /// examines at least one message if there is one. The queue must hold [`Scan::len`] messages.
    pub fn look(
        &self,
        queue: &mut impl Queue,
        judge: &mut impl Judge,
        clock: &impl Clock,
        budget: &Budget,
        look: &mut Look,
    ) {
        look.reset();
        debug_assert_eq!(queue.len(), self.marks.len(), "the caller observes the length first");
        let mut left = self.marks.unexamined();
        let mut distance = self.marks.next();
        let mut room = if self.effect == Effect::Count || self.dry_run { self.sample.room() } else { 0 };
        let has_kept = self.marks.kept().is_some() || self.counters.matched > 0;
        let opened = clock.now_ns();
        let mut deadline = 0;
        let (mut unclocked, mut unclocked_bytes, mut hits_clocked) = (0_u32, 0_u64, 0_usize);
        while left > 0 {
            let index = self.marks.len() - 1 - distance;
            let read = queue.read(index, |message| {
                if look.examined == 0 {
                    let now = clock.now_ns();
                    look.seek_ns = now - opened;
                    deadline = now + budget.slice_ns.max(look.seek_ns);
                }
                let verdict = judge.judge(message);
                let bytes = message.len() as u64;
                look.undecodable += u64::from(verdict.undecodable);
                look.unreadable += u64::from(verdict.unreadable);
                if verdict.matched {
                    look.matched += 1;
                    look.matched_bytes += bytes;
                    if room > 0 {
                        room -= 1;
                        look.rows.push(SampleRow { distance, bytes, members: judge.describe(message) });
                    }
                    match self.effect {
                        Effect::Count => {}
                        Effect::KeepOne if !has_kept && look.kept.is_none() => look.kept = Some(distance),
                        Effect::KeepOne | Effect::ClearAll => {
                            look.hits.push(Hit { index, fingerprint: fingerprint(message) });
                        }
                    }
                }
                bytes
            });
            // A message that cannot be read ends the slice; the next one sees the queue's true state.
            let Some(bytes) = read else { break };
            look.examined += 1;
            look.examined_bytes += bytes;
            distance += 1;
            left -= 1;
            unclocked += 1;
            unclocked_bytes += bytes;
            let to_delete = if self.dry_run { 0 } else { look.hits.len() };
            if to_delete >= budget.max_hits {
                break;
            }
            // A match costs far more than a look, so it does not wait for its turn to be counted.
            let hit = to_delete > hits_clocked;
            if hit || unclocked >= CLOCK_EVERY_MESSAGES || unclocked_bytes >= CLOCK_EVERY_BYTES {
                (unclocked, unclocked_bytes, hits_clocked) = (0, 0, to_delete);
                if clock.now_ns() + to_delete as u64 * budget.delete_ns >= deadline {
                    break;
                }
            }
        }
    }
}

/// Short digest of a message: the low half of XXH3-64. It guards against deleting another message than
/// the primary did, not against an adversary.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "the low half is the point")]
pub fn fingerprint(message: &[u8]) -> u32 {
    xxhash_rust::xxh3::xxh3_64(message) as u32
}
