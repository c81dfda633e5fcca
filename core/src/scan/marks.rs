//! The four marks in the queue and how events move them. Pure arithmetic; see the module's essay.

use super::sample::Shift;
use crate::queue::End;

/// Passes after which a queue that is edited in place again and again is given up.
pub const MAX_PASSES: u64 = 10;

/// Something that happened to the queue, told in the order in which it happened.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// Messages were pushed at `end`; the queue then held `len`.
    Pushed {
        /// The side.
        end: End,
        /// Length after the push.
        len: u64,
    },
    /// Messages were popped from `end`; the queue then held `len`.
    Popped {
        /// The side.
        end: End,
        /// Length after the pop.
        len: u64,
    },
    /// Another job cleared messages at these list indexes (0 = head, ascending, as before the deletion).
    Deleted {
        /// Indexes before the deletion.
        indexes: &'a [u64],
    },
    /// The list was changed inside, positions unknown; it then held `len`.
    Edited {
        /// Length after the edit.
        len: u64,
    },
    /// The queue was deleted, expired, renamed away or replaced by another key.
    Gone,
}

impl<'a> Event<'a> {
    /// The same seen from the other end of a list of `len` messages; `indexes` is where the others lie then.
    pub(super) fn mirrored(self, len: u64, indexes: &'a mut Vec<u64>) -> Event<'a> {
        match self {
            Self::Pushed { end, len } => Event::Pushed { end: end.other(), len },
            Self::Popped { end, len } => Event::Popped { end: end.other(), len },
            Self::Deleted { indexes: seen } if seen.last().is_none_or(|last| *last < len) => {
                indexes.extend(seen.iter().rev().map(|index| len - 1 - index));
                Event::Deleted { indexes }
            }
            // What does not add up does not in a mirror either.
            other => other,
        }
    }
}

/// What one event adds to the counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) arrived: u64,
    pub(super) drifted: u64,
}

/// Marks by distance from the next end: `foreign <= next <= cursor <= top <= end <= len`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    /// Messages at the next end that were pushed there after the job began.
    foreign: u64,
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
    /// The match that stays, of those that would go.
    kept: Option<u64>,
    /// A push event without a change of length: the first half of a rotation (LMOVE of a list onto
    /// itself notifies the push, then the pop: `lmoveGenericCommand`, Redis 7.0 to 8.0).
    rotating: Option<End>,
}

impl Marks {
    pub(super) fn new(len: u64) -> Self {
        Self { foreign: 0, next: 0, cursor: 0, top: 0, end: len, len, kept: None, rotating: None }
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn next(&self) -> u64 {
        self.next
    }

    pub(super) fn kept(&self) -> Option<u64> {
        self.kept
    }

    pub(super) fn set_kept(&mut self, distance: Option<u64>) {
        self.kept = distance;
    }

    /// Snapshot messages that are still to be examined.
    pub(super) fn unexamined(&self) -> u64 {
        (self.cursor - self.next) + (self.end - self.top)
    }

    /// A window is open: its rest, from its far side.
    pub(super) fn rest(&self) -> Option<(u64, u64)> {
        (self.cursor > self.next).then_some((self.cursor, self.top))
    }

    fn positions(&mut self) -> [&mut u64; 5] {
        [&mut self.foreign, &mut self.next, &mut self.cursor, &mut self.top, &mut self.end]
    }

    /// A window whose rest is gone is done.
    fn settle(&mut self) {
        if self.cursor == self.next {
            self.next = self.top;
            self.cursor = self.top;
        }
        debug_assert!(
            self.foreign <= self.next
                && self.next <= self.cursor
                && self.cursor <= self.top
                && self.top <= self.end
                && self.end <= self.len,
            "{self:?}"
        );
    }

    /// The queue is gone.
    pub(super) fn clear(&mut self) {
        *self = Self::new(0);
    }

    /// Another list has its name now, of which nothing is examined: only its length is known.
    pub(super) fn stand_outside(&mut self, event: Event<'_>) {
        let len = match event {
            Event::Pushed { len, .. } | Event::Popped { len, .. } | Event::Edited { len } => len,
            Event::Deleted { indexes } => self.len.saturating_sub(indexes.len() as u64),
            Event::Gone => 0,
        };
        *self = Self { end: 0, len, ..Self::new(0) };
    }

    /// `examined` messages from `next` on were examined, towards the head; `removed` of them were taken out.
    pub(super) fn walked_on(&mut self, examined: u64, removed: u64) {
        self.next += examined - removed;
        self.end -= removed;
        self.len -= removed;
        self.cursor = self.next;
        self.top = self.next;
        self.settle();
    }

    /// Another pass over what is left of the snapshot.
    pub(super) fn again(&mut self) {
        self.next = self.foreign;
        self.cursor = self.next;
        self.top = self.next;
        self.settle();
    }

    /// `examined` messages of the window that ends at `top` were examined, from its far side, or where it was
    /// left, towards the next end; `removed` of them were taken out.
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

    /// Another pass over a list of `len` messages whose inside was changed: spares as many messages at
    /// either end as had been pushed there. What was inserted may stand among them and have moved the
    /// innermost of them further in, so where there are any the growth is spared as well.
    pub(super) fn restart(&mut self, len: u64) {
        let growth = len.saturating_sub(self.len);
        let spared = |pushed: u64| if pushed == 0 { 0 } else { pushed + growth };
        let at_head = spared(self.len - self.end);
        self.foreign = spared(self.foreign).min(len);
        self.next = self.foreign;
        self.cursor = self.next;
        self.top = self.next;
        self.end = len.saturating_sub(at_head).max(self.next);
        self.len = len;
        self.kept = None;
        self.rotating = None;
        self.settle();
    }

    /// Follows a push, a pop or another job's deletion; notes each shift for whoever keeps positions.
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
            Event::Popped { end, len } => match self.rotating.take() {
                Some(pushed) if len == self.len => {
                    tally.drifted = self.pop(end, 1, shifts);
                    self.push(pushed, 1, shifts);
                    tally.arrived = 1;
                }
                None if len < self.len => tally.drifted = self.pop(end, self.len - len, shifts),
                _ => return Err(len),
            },
            Event::Deleted { indexes } if indexes.last().is_none_or(|last| *last < self.len) => {
                tally.drifted = self.delete(indexes, shifts);
            }
            Event::Deleted { .. } => return Err(self.len),
            // The scan handles these two itself.
            Event::Edited { len } => return Err(len),
            Event::Gone => return Err(0),
        }
        self.settle();
        Ok(tally)
    }

    fn push(&mut self, end: End, n: u64, shifts: &mut Vec<Shift>) {
        self.len += n;
        if end == End::Tail {
            self.positions().into_iter().for_each(|mark| *mark += n);
            self.kept = self.kept.map(|d| d + n);
            shifts.push(Shift::Away(n));
        }
    }

    /// Takes `n` messages off `end`; answers how many of them were unexamined snapshot.
    fn pop(&mut self, end: End, n: u64, shifts: &mut Vec<Shift>) -> u64 {
        let left = self.len - n;
        let before = self.unexamined();
        match end {
            End::Tail => {
                self.positions().into_iter().for_each(|mark| *mark = mark.saturating_sub(n));
                self.kept = self.kept.and_then(|d| d.checked_sub(n));
                shifts.push(Shift::Closer(n));
            }
            End::Head => {
                self.positions().into_iter().for_each(|mark| *mark = (*mark).min(left));
                self.kept = self.kept.filter(|d| *d < left);
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
        let kept = self.kept.filter(|d| gone.binary_search(d).is_err()).map(|d| d - below(d));
        self.positions().into_iter().for_each(|mark| *mark -= below(*mark));
        self.len -= gone.len() as u64;
        self.kept = kept;
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
        assert_eq!((marks.foreign, marks.next, marks.end, marks.len), (2, 2, 11, 14));
    }
}
