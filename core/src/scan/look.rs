//! One slice's work on the queue: walk, judge every message, take out what goes, stop on time.

use std::collections::HashMap;

use super::bearings::{BULKY, glance};
use super::deadline::Deadline;
use super::interface::{Budget, Clock, Judge, Queue};
use super::newest::Found;
use super::sample::SampleRow;
use super::surroundings::{Surroundings, mark_of};
use super::tallies::Grouped;
use super::{Effect, Scan};
use crate::concerns::ConcernCounts;
use crate::queue::End;

/// A message that was taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// List index before the slice, 0 = head.
    pub index: u64,
    /// Digest of the message, so that whoever repeats the deletion can see that it has the same one.
    pub fingerprint: u32,
}

/// How a look ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looked {
    /// It is to be committed.
    Done,
    /// It was not permitted to delete: nothing happened, and it must not be committed.
    Refused,
    /// The queue refused a deletion that it should have done, or is not the one that it was. What was done is to be committed.
    Stuck,
}

/// What one slice saw and did. Nothing is booked until [`Scan::commit`]. Reused from slice to slice.
#[derive(Debug, Default)]
pub struct Look {
    /// What was taken out, indexes ascending.
    pub hits: Vec<Hit>,
    /// Messages examined.
    pub examined: u64,
    /// Bytes examined.
    pub examined_bytes: u64,
    /// Time to the first message, in nanoseconds.
    pub seek_ns: u64,
    /// When its time is over, by the clock; 0 before the first message.
    pub over_ns: u64,
    /// Time from the first message to the last, in nanoseconds: reading, judging and deleting alone, without the
    /// question whether deleting is permitted, which costs the same for one message and for many, and without a
    /// second walk.
    pub walk_ns: u64,
    /// Time to the first message of the second walk, which takes out what the first met, in nanoseconds.
    pub reseek_ns: u64,
    /// What taking out took, of a second walk alone, in nanoseconds.
    pub taking_ns: u64,
    /// Messages that were examined last, in a row, of which none is too large to be read again.
    light: u64,
    /// Work of the judge on the way, in steps.
    work: u64,
    /// Bytes taken out, or to be taken out by the second walk.
    pub taken_bytes: u64,
    /// What the second walk is to take out, the farthest from the head first.
    planned: Vec<Hit>,
    /// Digests of values for which no match stayed before this look, each with the distance of the one that does now.
    pub(super) fresh: HashMap<u128, u64>,
    /// Of those, values that were never met before.
    unknown_values: usize,
    /// A match has one distinct value too many: the walk ended before it.
    pub(super) overflows: bool,
    pub(super) unkeyed: u64,
    /// Of the messages taken out, how many the scan has counted.
    pub(super) counted: u64,
    pub(super) matched: u64,
    pub(super) matched_bytes: u64,
    pub(super) undecodable: u64,
    pub(super) unreadable: u64,
    pub(super) uncompared: u64,
    pub(super) would_delete: u64,
    pub(super) concerns: ConcernCounts,
    /// The match that KEEPONE keeps from now on.
    pub(super) kept: Option<u64>,
    /// The matches of which KEEP NEWEST keeps one.
    pub(super) newest: Found,
    /// One past the window that was walked back; `None` for a walk towards the head.
    pub(super) top: Option<u64>,
    pub(super) rows: Vec<SampleRow>,
    pub(super) grouped: Vec<Grouped>,
    /// What stands around the far side of a window that this look began, and further away of where it ended; of nearer
    /// messages those that stayed.
    pub(super) around_top: Surroundings,
    /// What stands around the place where it ended.
    pub(super) around_end: Surroundings,
}

impl Look {
    /// Forgets the look before.
    pub fn reset(&mut self) {
        let mut hits = std::mem::take(&mut self.hits);
        let mut planned = std::mem::take(&mut self.planned);
        let mut fresh = std::mem::take(&mut self.fresh);
        let mut grouped = std::mem::take(&mut self.grouped);
        let mut newest = std::mem::take(&mut self.newest);
        hits.clear();
        planned.clear();
        fresh.clear();
        grouped.clear();
        newest.clear();
        *self = Self { hits, planned, fresh, grouped, newest, ..Self::default() };
    }

    /// Messages taken out.
    #[must_use]
    pub fn removed(&self) -> u64 {
        self.hits.len() as u64
    }

    /// Judges one message at `distance` and counts what that took; says whether it is to go.
    fn take_in(&mut self, scan: &Scan, judge: &mut impl Judge, distance: u64, message: &[u8]) -> bool {
        let goes = self.judge(scan, judge, distance, message);
        self.work += judge.work();
        goes
    }

    /// How many of the messages that were examined last, at most `reach`, are read again to know the place.
    fn again(&self, reach: usize) -> usize {
        usize::try_from(self.light).map_or(reach, |light| light.min(reach))
    }

    /// Bytes read and steps of work so far: what time is measured by between two looks at the clock.
    fn done(&self) -> u64 {
        self.examined_bytes + self.work
    }

    fn judge(&mut self, scan: &Scan, judge: &mut impl Judge, distance: u64, message: &[u8]) -> bool {
        let verdict = judge.judge(message);
        let bytes = message.len() as u64;
        let goes = verdict.matched && self.decides(scan, judge, distance, message);
        if self.overflows {
            return false;
        }
        self.examined += 1;
        self.examined_bytes += bytes;
        self.light = if message.len() > BULKY { 0 } else { self.light + 1 };
        self.undecodable += u64::from(verdict.undecodable);
        self.unreadable += u64::from(verdict.unreadable);
        self.uncompared += u64::from(verdict.uncompared);
        if !verdict.matched {
            self.concerns.count_spared(verdict.concerns);
            return false;
        }
        if scan.plan.effect == Effect::Group {
            self.grouped.push(Grouped { group: verdict.group, distance, bytes });
        }
        if scan.samples() && scan.here().sample.wants(distance) {
            self.rows.push(SampleRow { distance, bytes, members: judge.describe(message) });
        }
        self.matched += 1;
        self.matched_bytes += bytes;
        self.concerns.count(verdict.concerns);
        self.concerns.count_left(verdict.left);
        self.would_delete += u64::from(goes);
        goes
    }

    /// What becomes of a match.
    fn decides(&mut self, scan: &Scan, judge: &mut impl Judge, distance: u64, message: &[u8]) -> bool {
        let goes = match scan.plan.effect {
            Effect::Count | Effect::Group => false,
            Effect::ClearAll => true,
            // All but one go, whichever it is.
            Effect::KeepOne if scan.counting => scan.has_matched() || self.matched > 0,
            Effect::KeepOne => {
                let keeps = !scan.spared && self.kept.is_none();
                if keeps {
                    self.kept = Some(distance);
                }
                !keeps
            }
            // Whatever has happened meanwhile: no match goes before a newer one is known to be in the queue.
            Effect::KeepNewest if scan.deletes() => scan.has_newer(distance),
            Effect::KeepNewest => {
                self.newest.add(distance);
                scan.has_matched() || self.matched > 0
            }
            Effect::KeepEach => match judge.values(message) {
                None => {
                    self.unkeyed += 1;
                    false
                }
                Some(digest) if scan.values.contains(digest) || self.fresh.contains_key(&digest) => true,
                Some(digest) if !scan.values.knows(digest) && !scan.values.has_room(self.unknown_values) => {
                    self.overflows = true;
                    false
                }
                Some(digest) => {
                    self.unknown_values += usize::from(!scan.values.knows(digest));
                    self.fresh.insert(digest, distance);
                    false
                }
            },
        };
        goes && scan.room().is_none_or(|room| self.would_delete < room)
    }
}

impl Scan {
    /// Works until the budget is spent, the window or the snapshot ends. Always examines at least one message
    /// if there is one. The queue must be the list at [`Scan::at`], with as many messages as its events add up to.
    ///
    /// `permit` is asked once before the first deletion.
    pub fn look(
        &self,
        queue: &mut impl Queue,
        judge: &mut impl Judge,
        clock: &impl Clock,
        budget: &Budget,
        permit: impl FnOnce() -> bool,
        look: &mut Look,
    ) -> Looked {
        look.reset();
        // The caller observes the length first. Another list than the one that is to be looked at is not touched.
        if queue.len() != self.here().marks.len() {
            return Looked::Stuck;
        }
        let mut deadline = Deadline::new(clock, budget);
        let walks_on = self.oldest_first() && self.here().marks.rest().is_none();
        let looked = if walks_on || self.seeks_kept() {
            self.walk_on(queue, judge, &mut deadline, budget, look);
            self.take_out(queue, &mut deadline, permit, look)
        } else {
            self.walk_back(queue, judge, &mut deadline, budget, permit, look)
        };
        look.walk_ns = deadline.walked(look.seek_ns);
        looked
    }

    /// From the next end towards the head; deletes nothing, and notes what is to go. KEEPONE stops where it met its
    /// match: from there on it deletes.
    fn walk_on<C: Clock>(
        &self,
        queue: &mut impl Queue,
        judge: &mut impl Judge,
        deadline: &mut Deadline<'_, C>,
        budget: &Budget,
        look: &mut Look,
    ) {
        let room = self.room().unwrap_or(u64::MAX);
        let max_hits = budget.max_hits.min(usize::try_from(room).unwrap_or(usize::MAX));
        let next = self.here().marks.next();
        // A window may be open where the match that was kept has left.
        let end =
            self.here().marks.rest().map_or(next + self.here().marks.unexamined(), |(cursor, _)| cursor);
        let (reach, deletes) = (self.reach(), self.deletes());
        for distance in next..end {
            let index = self.index(distance);
            let read = queue.read(index, |message| {
                if look.examined == 0 {
                    (look.seek_ns, look.over_ns) = deadline.begin();
                }
                let goes = look.take_in(self, judge, distance, message);
                (goes && deletes).then(|| (fingerprint(message), message.len() as u64))
            });
            // A message that cannot be read ends the slice; the next one sees the queue's true state.
            let Some(goes) = read else { break };
            if deletes && goes.is_none() && !look.overflows {
                queue.stays(reach);
            }
            if let Some((fingerprint, bytes)) = goes {
                look.planned.push(Hit { index, fingerprint });
                look.taken_bytes += bytes;
                deadline.reserved += budget.hit_ns + budget.put_ns;
            }
            let met = look.overflows
                || look.planned.len() >= max_hits
                || look.taken_bytes >= budget.max_bytes
                || self.ends_at(look.would_delete)
                || (deletes && look.kept.is_some() && !self.takes_oldest());
            if met || deadline.is_over(look.done(), goes.is_some()) {
                break;
            }
        }
        let at = next + look.examined;
        self.glance_ahead(queue, at, &mut look.around_end.far);
        if deletes {
            queue.stayed(reach, |message| look.around_end.near.push(mark_of(message)));
        } else {
            let nearer = (next..at).rev().take(look.again(reach));
            look.around_end.near.extend(nearer.map_while(|distance| glance(queue, self.index(distance))));
        }
    }

    /// What stands from this distance on, further away from the next end.
    fn glance_ahead(&self, queue: &mut impl Queue, from: u64, far: &mut Vec<u64>) {
        let to = (from + self.reach() as u64).min(self.here().marks.len());
        far.extend((from..to).map_while(|distance| glance(queue, self.index(distance))));
    }

    /// Takes out what the walk towards the head noted, on an iterator that never took that way. All of it,
    /// whatever the clock says: it goes from the farthest to the nearest, and to stop in between would leave
    /// those behind that run first.
    fn take_out<C: Clock>(
        &self,
        queue: &mut impl Queue,
        deadline: &mut Deadline<'_, C>,
        permit: impl FnOnce() -> bool,
        look: &mut Look,
    ) -> Looked {
        if look.planned.is_empty() {
            return Looked::Done;
        }
        if !deadline.beside(permit) {
            return Looked::Refused;
        }
        let reopened = deadline.clock.now_ns();
        let mut began = reopened;
        if !queue.reopen() {
            return Looked::Stuck;
        }
        if self.plan.next_end == End::Head {
            // Noted in the order in which they are taken out.
            look.planned.reverse();
        }
        while let Some(hit) = look.planned.pop() {
            let index = hit.index - look.removed();
            // Nobody changed the queue in between; if the server thinks otherwise it is not touched.
            let same = queue.read(index, |message| fingerprint(message) == hit.fingerprint);
            if look.hits.is_empty() {
                began = deadline.clock.now_ns();
            }
            if same != Some(true) || !queue.delete(index) {
                return Looked::Stuck;
            }
            look.hits.push(hit);
        }
        look.reseek_ns = began - reopened;
        look.taking_ns = deadline.clock.now_ns() - began;
        deadline.beside_ns += look.reseek_ns + look.taking_ns;
        Looked::Done
    }

    /// From the far side of a window towards the next end, deleting what goes.
    fn walk_back<C: Clock>(
        &self,
        queue: &mut impl Queue,
        judge: &mut impl Judge,
        deadline: &mut Deadline<'_, C>,
        budget: &Budget,
        permit: impl FnOnce() -> bool,
        look: &mut Look,
    ) -> Looked {
        let next = self.here().marks.next();
        let (from, top) = self.here().marks.rest().unwrap_or_else(|| {
            let window = if self.takes_newest() { u64::MAX } else { budget.window.max(1) };
            let top = next + self.here().marks.unexamined().min(window);
            (top, top)
        });
        look.top = Some(top);
        if from == top {
            let to = (top + self.reach() as u64).min(self.here().marks.len());
            let seen: Vec<_> = (top..to).rev().map(|distance| glance(queue, self.index(distance))).collect();
            look.around_top.far.extend(seen.into_iter().rev().map_while(|seen| seen));
        }
        let mut permit = Some(permit);
        let (reach, deletes) = (self.reach(), self.deletes());
        for distance in (next..from).rev() {
            let before = self.here().marks.len() - 1 - distance;
            let index = before - look.removed();
            let read = queue.read(index, |message| {
                if look.examined == 0 {
                    (look.seek_ns, look.over_ns) = deadline.begin();
                }
                let goes = look.take_in(self, judge, distance, message) && deletes;
                if !goes && look.around_top.near.len() < reach {
                    look.around_top.near.push(mark_of(message));
                }
                goes.then(|| (fingerprint(message), message.len() as u64))
            });
            let Some(goes) = read else { break };
            if deletes && goes.is_none() && !look.overflows {
                queue.stays(reach);
            }
            if let Some((fingerprint, bytes)) = goes {
                if permit.take().is_some_and(|permit| !deadline.beside(permit)) {
                    return Looked::Refused;
                }
                if !queue.delete(index) {
                    return Looked::Stuck;
                }
                look.hits.push(Hit { index: before, fingerprint });
                look.taken_bytes += bytes;
                deadline.reserved += budget.put_ns;
            }
            let full = look.hits.len() >= budget.max_hits || look.taken_bytes >= budget.max_bytes;
            if look.overflows || full || deadline.is_over(look.done(), goes.is_some()) {
                break;
            }
        }
        let cursor = from - look.examined;
        // Where the whole window was examined, what stands around its far side stands around the next message.
        if cursor > next {
            self.look_around_cursor(queue, cursor..from, look);
        }
        Looked::Done
    }

    /// Notes what stands around the place at which a window stays open: the nearer messages are examined next, the
    /// farther ones are what this look left standing at the distances `walked`.
    fn look_around_cursor(&self, queue: &mut impl Queue, walked: std::ops::Range<u64>, look: &mut Look) {
        let (cursor, reach) = (walked.start, self.reach());
        let before = self.here().marks.len() - 1 - look.removed();
        let nearer = (cursor.saturating_sub(reach as u64)..cursor).rev();
        look.around_end.near.extend(nearer.map_while(|distance| glance(queue, before - distance)));
        if self.deletes() {
            queue.stayed(reach, |message| look.around_end.far.push(mark_of(message)));
        } else {
            let farther = walked.take(look.again(reach));
            look.around_end.far.extend(farther.map_while(|distance| glance(queue, before - distance)));
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
