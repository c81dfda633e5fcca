//! The marks in the queue and how events move them, by arithmetic alone; see the essay of the module.

use crate::queue::End;
use crate::scan::event::Event;
use crate::scan::shift::Shift;

/// Passes after which the scan gives up a queue that is edited in place again and again.
pub const MAX_PASSES: u64 = 10;

/// What one event adds to the counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) arrived: u64,
    pub(super) drifted: u64,
}

/// Largest number of missing messages before the scan reads the surroundings.
pub(super) const MISSING_MAX: u64 = 16;

/// Messages that were removed at unknown positions. Until their positions are known, all marks but the length are
/// those from before the removal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Missing {
    /// How many.
    pub(super) removed: u64,
    /// Of these, how many are known to have been nearer than the end of the snapshot: all, or none.
    pub(super) of_end: u64,
    /// Messages that replaced others, and were not removed again.
    pub(super) set: u64,
}

impl Missing {
    /// No message had been pushed later that could be missing.
    pub(super) fn is_end_known(self) -> bool {
        self.of_end == self.removed
    }
}

/// Marks by distance from the consumer end: `late <= next <= cursor <= top <= end <= len`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    /// Messages at the consumer end that were pushed there after the job began.
    late: u64,
    /// The unexamined message that runs next.
    next: u64,
    /// One past the rest of the window; `next` while no window is open.
    cursor: u64,
    /// One past the window.
    top: u64,
    /// One past the last message of the snapshot.
    end: u64,
    /// The queue's length.
    len: u64,
    /// A push event without a change of length: the first half of a rotation (LMOVE of a list onto itself notifies
    /// the push, then the pop: `lmoveGenericCommand`, Redis 7.0 to 8.0).
    rotating: Option<End>,
    missing: Missing,
}

impl Marks {
    pub(super) fn new(len: u64) -> Self {
        Self {
            late: 0,
            next: 0,
            cursor: 0,
            top: 0,
            end: len,
            len,
            rotating: None,
            missing: Missing::default(),
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Returns the number of snapshot messages that are still to be examined.
    pub(super) fn unexamined(&self) -> u64 {
        (self.cursor - self.next) + (self.end - self.top)
    }

    /// Returns the rest of the open window, from its far side, if a window is open.
    pub(super) fn rest(&self) -> Option<(u64, u64)> {
        (self.cursor > self.next).then_some((self.cursor, self.top))
    }

    fn positions(&mut self) -> [&mut u64; 5] {
        [&mut self.late, &mut self.next, &mut self.cursor, &mut self.top, &mut self.end]
    }

    /// A window whose rest has left is done.
    fn settle(&mut self) {
        if self.cursor == self.next {
            self.next = self.top;
            self.cursor = self.top;
        }
        debug_assert!(
            self.late <= self.next
                && self.next <= self.cursor
                && self.cursor <= self.top
                && self.top <= self.end
                && self.end <= self.len + self.missing.removed,
            "{self:?}"
        );
    }

    /// The queue is gone.
    pub(super) fn clear(&mut self) {
        *self = Self::new(0);
    }

    /// Another list has its name now. None of its messages is examined: only its length is known.
    pub(super) fn stand_outside(&mut self, event: Event<'_>) {
        let len = event.len_after();
        *self = Self { end: 0, len, ..Self::new(0) };
    }

    /// Books that `examined` messages from `next` on were examined, towards the producer end, and `removed` of
    /// them were removed. If a window is open, they are part of its rest.
    pub(super) fn walked_on(&mut self, examined: u64, removed: u64) {
        let open = self.rest().is_some();
        self.next += examined - removed;
        self.end -= removed;
        self.len -= removed;
        if open {
            self.cursor -= removed;
            self.top -= removed;
        } else {
            (self.cursor, self.top) = (self.next, self.next);
        }
        self.settle();
    }

    /// Begins another pass over what is left of the snapshot.
    pub(super) fn again(&mut self) {
        self.next = self.late;
        self.cursor = self.next;
        self.top = self.next;
        self.settle();
    }

    /// Books that `examined` messages of the window that ends at `top` were examined, from its far side or from
    /// where it was left, towards the consumer end, and `removed` of them were removed.
    pub(super) fn walked_back(&mut self, top: u64, examined: u64, removed: u64) {
        if self.rest().is_none() {
            self.cursor = top;
        }
        self.cursor -= examined;
        self.top = top - removed;
        self.end -= removed;
        self.len -= removed;
        self.settle();
    }

    /// Begins another pass over a list of `len` messages whose inside was changed. It spares as many messages at
    /// either end as had been pushed there. An inserted message may be among those and have moved the innermost of
    /// them further in, so if the list grew inside, the growth is spared as well.
    pub(super) fn restart(&mut self, len: u64) {
        let growth = len.saturating_sub(self.len);
        let spared = |pushed: u64| if pushed == 0 { 0 } else { pushed + growth };
        // It is unknown whether missing messages were pushed later: the pass assumes that none of them were.
        let at_head = spared(self.len + self.missing.removed - self.end);
        self.late = spared(self.late).min(len);
        self.next = self.late;
        self.cursor = self.next;
        self.top = self.next;
        self.end = len.saturating_sub(at_head).max(self.next);
        self.len = len;
        self.rotating = None;
        self.missing = Missing::default();
        self.settle();
    }

    /// Follows a push, a pop or another job's deletion, and notes each shift for everything that keeps positions.
    /// `Err(len)` if the event contradicts the known length.
    pub(super) fn follow(&mut self, event: Event<'_>, shifts: &mut Vec<Shift>) -> Result<Tally, u64> {
        let mut tally = Tally::default();
        match event {
            Event::Pushed { end, len } => {
                if self.rotating.is_some() || len < self.len {
                    return Err(len);
                }
                if len == self.len {
                    self.rotating = Some(end);
                } else {
                    tally.arrived = len - self.len;
                    self.push(end, tally.arrived, shifts);
                }
            }
            Event::Popped { end, len } => match self.rotating {
                Some(pushed) if len == self.len && self.is_sure_of(end, 1) => {
                    tally.drifted = self.pop(end, 1, shifts);
                    self.push(pushed, 1, shifts);
                    self.rotating = None;
                    tally.arrived = 1;
                }
                None if len < self.len && self.is_sure_of(end, self.len - len) => {
                    tally.drifted = self.pop(end, self.len - len, shifts);
                }
                _ => return Err(self.lose_place(event)),
            },
            Event::Deleted { indexes, len }
                if indexes.last().is_none_or(|last| *last < self.len)
                    && len + indexes.len() as u64 == self.len
                    && self.missing.removed == 0 =>
            {
                tally.drifted = self.delete(indexes, shifts);
            }
            Event::Deleted { .. } => return Err(self.lose_place(event)),
            // The event of LTRIM says only that it ran, and not whether it removed something: producers that cap a
            // list run it each time.
            Event::Trimmed { len } if len == self.len && self.rotating.is_none() => {}
            Event::Trimmed { len } | Event::Removed { len } if len < self.len && self.rotating.is_none() => {
                let removed = self.len - len;
                let set = matches!(event, Event::Trimmed { .. }) || self.missing.set != removed;
                self.lose(removed, set).ok_or(len)?;
            }
            Event::Set { len } if len == self.len && self.rotating.is_none() => self.missing.set += 1,
            // The scan handles these events itself.
            Event::Trimmed { len } | Event::Removed { len } | Event::Set { len } | Event::Edited { len } => {
                return Err(len);
            }
            Event::Gone => return Err(0),
        }
        self.settle();
        Ok(tally)
    }

    /// Notes that messages were removed at unknown positions: see [`Missing`]. `None` if the positions can never
    /// be found. `set` says that the message which LSET wrote is not among the missing ones and may still be
    /// there.
    fn lose(&mut self, removed: u64, set: bool) -> Option<()> {
        let nothing_later = self.missing.is_end_known() && self.end == self.len + self.missing.removed;
        let missing = Missing {
            removed: self.missing.removed + removed,
            of_end: self.missing.of_end + if nothing_later { removed } else { 0 },
            // The message that LSET wrote was removed by LREM, and the message that it replaced with it.
            set: if set { self.missing.set } else { 0 },
        };
        if missing.removed > MISSING_MAX || missing.set > 0 {
            return None;
        }
        (self.missing, self.len) = (missing, self.len - removed);
        Some(())
    }

    /// All missing messages were unexamined: neither examined nor late messages were there.
    pub(super) fn all_were_unexamined(&self) -> bool {
        self.missing.removed > 0 && self.missing.set == 0 && self.top == 0 && self.missing.is_end_known()
    }

    /// The positions of the marks are not known any more, because of this event. Returns the length after it.
    pub(super) fn lose_place(&mut self, event: Event<'_>) -> u64 {
        // The first half of a rotation was notified before: the message that it pushed is spared like everything
        // pushed later.
        if let (Event::Popped { len, .. }, Some(pushed)) = (event, self.rotating)
            && len == self.len
        {
            self.push(pushed, 1, &mut Vec::new());
        }
        event.len_after()
    }

    /// The first half of a rotation was notified, and the second is the next event.
    pub(super) fn is_rotating(&self) -> bool {
        self.rotating.is_some()
    }

    /// Messages are missing, and their positions have to be found.
    pub(super) fn missing(&self) -> Missing {
        self.missing
    }

    /// Returns the marks that separate examined from unexamined messages, nearest first: next, cursor, top.
    pub(super) fn inner(&self) -> [u64; 3] {
        [self.next, self.cursor, self.top]
    }

    pub(super) fn late(&self) -> u64 {
        self.late
    }

    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Returns whether the marks would keep their order if this many of the missing messages had been nearer than
    /// each of them: between two marks no more can be missing than were there.
    pub(super) fn leaves_order(&self, inner: [u64; 3], end: u64) -> bool {
        let marks = [self.next, self.cursor, self.top, self.end];
        let nearer = [inner[0], inner[1], inner[2], end];
        let moved = marks.iter().zip(nearer).map(|(mark, nearer)| mark.checked_sub(nearer));
        moved.collect::<Option<Vec<_>>>().is_some_and(|moved| moved.is_sorted())
    }

    /// Moves the marks, given how many of the missing messages were nearer than each of the inner marks and than
    /// the end. Returns how many were unexamined.
    pub(super) fn found(&mut self, inner: [u64; 3], end: u64) -> u64 {
        let before = self.unexamined();
        for (mark, nearer) in [&mut self.next, &mut self.cursor, &mut self.top].into_iter().zip(inner) {
            *mark -= nearer;
        }
        self.end -= end;
        self.late = self.late.min(self.next);
        self.missing = Missing::default();
        let drifted = before - self.unexamined();
        self.settle();
        drifted
    }

    /// Nothing of the list will be examined any more, in any pass: the positions of its marks do not matter.
    pub(super) fn done_with(&mut self, len: u64) {
        // All messages that were pushed later may still be there: another pass spares them.
        let end = len.saturating_sub(self.len + self.missing.removed - self.end);
        let late = self.late.min(end);
        *self = Self { late, next: end, cursor: end, top: end, end, ..Self::new(len) };
    }

    /// Returns whether an event at the ends moves the marks in the same way, wherever the missing messages were.
    fn is_sure_of(&self, end: End, popped: u64) -> bool {
        let missing = self.missing;
        if missing.removed == 0 {
            return true;
        }
        match end {
            End::Tail => {
                let inner = self.top == 0 || popped + missing.removed <= self.next;
                inner && popped + missing.removed <= self.end
            }
            End::Head => {
                let left = self.len - popped;
                // Only late messages are popped, or messages that are certainly unexamined.
                left >= self.end || (missing.is_end_known() && left >= self.top)
            }
        }
    }

    fn push(&mut self, end: End, n: u64, shifts: &mut Vec<Shift>) {
        self.len += n;
        if end == End::Tail {
            self.positions().into_iter().for_each(|mark| *mark += n);
            shifts.push(Shift::Away(n));
        }
    }

    /// Removes `n` messages at `end`; returns how many of them were unexamined messages of the snapshot.
    fn pop(&mut self, end: End, n: u64, shifts: &mut Vec<Shift>) -> u64 {
        let left = self.len - n;
        let before = self.unexamined();
        match end {
            End::Tail => {
                self.positions().into_iter().for_each(|mark| *mark = mark.saturating_sub(n));
                shifts.push(Shift::Closer(n));
            }
            // The end before the missing messages were removed.
            End::Head if self.missing.removed > 0 => {
                let end = self.end - if self.missing.is_end_known() { self.missing.of_end } else { 0 };
                self.end -= end.saturating_sub(left);
                shifts.push(Shift::CutAt(left));
            }
            End::Head => {
                self.positions().into_iter().for_each(|mark| *mark = (*mark).min(left));
                shifts.push(Shift::CutAt(left));
            }
        }
        self.len = left;
        before - self.unexamined()
    }

    fn delete(&mut self, indexes: &[u64], shifts: &mut Vec<Shift>) -> u64 {
        // Distances, ascending: the indexes are ascending from the head.
        let gone: Vec<u64> = indexes.iter().rev().map(|i| self.len - 1 - i).collect();
        let before = self.unexamined();
        let below = |mark: u64| gone.partition_point(|d| *d < mark) as u64;
        self.positions().into_iter().for_each(|mark| *mark -= below(*mark));
        self.len -= gone.len() as u64;
        shifts.push(Shift::Without(gone));
        before - self.unexamined()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(marks: &mut Marks, event: Event<'_>) -> Tally {
        marks.follow(event, &mut Vec::new()).expect("consistent")
    }

    #[test]
    fn a_rotation_takes_the_message_out_of_the_snapshot_even_if_it_comes_back() {
        let mut marks = Marks::new(5);
        follow(&mut marks, Event::Pushed { end: End::Head, len: 5 });
        let tally = follow(&mut marks, Event::Popped { end: End::Tail, len: 5 });
        assert_eq!(tally, Tally { arrived: 1, drifted: 1 });
        assert_eq!(marks.unexamined(), 4);
    }

    #[test]
    fn a_pop_that_reaches_past_the_snapshot_drifts_only_what_was_unexamined() {
        let mut marks = Marks::new(10);
        marks.walked_on(4, 0);
        follow(&mut marks, Event::Pushed { end: End::Head, len: 12 });
        let tally = follow(&mut marks, Event::Popped { end: End::Tail, len: 1 });
        assert_eq!(tally.drifted, 6);
        assert_eq!(marks.unexamined(), 0);
    }

    #[test]
    fn a_pop_inside_a_window_drifts_its_rest_and_leaves_what_was_examined() {
        let mut marks = Marks::new(10);
        marks.walked_back(6, 2, 1);
        assert_eq!((marks.next, marks.cursor, marks.top, marks.end), (0, 4, 5, 9));
        let tally = follow(&mut marks, Event::Popped { end: End::Tail, len: 4 });
        assert_eq!(tally.drifted, 4);
        assert_eq!((marks.next, marks.cursor, marks.top, marks.end), (0, 0, 0, 4));
    }

    #[test]
    fn a_restart_spares_what_was_pushed_at_either_end() {
        let mut marks = Marks::new(10);
        follow(&mut marks, Event::Pushed { end: End::Head, len: 13 });
        follow(&mut marks, Event::Pushed { end: End::Tail, len: 15 });
        marks.restart(14);
        assert_eq!((marks.late, marks.next, marks.end, marks.len), (2, 2, 11, 14));
    }
}
