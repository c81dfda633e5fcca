//! Reading the messages of a list into the rows of its index: all that are unread, in slices or before an answer, or those that
//! were pushed just now. The checks are those of `list_fields.rs`.

use super::columns::Side;
use super::list_fields::ListFields;
use super::pending::{CaughtUp, Work};
use super::reasons::UNTOLD;
use crate::queue::End;
use crate::scan::{Queue, fingerprint};

impl ListFields {
    /// Checks that the list is the one that is known, and reads what is unread. `goes_on` is asked after each
    /// message that was read whether there is time for another one.
    pub fn catch_up<Q: Queue>(&mut self, list: &mut Q, mut goes_on: impl FnMut(Work) -> bool) -> CaughtUp {
        if self.is_suspended {
            return CaughtUp::More;
        }
        self.settle(list.len());
        if self.pending.is_some() && !(self.search(list, &mut goes_on) && list.reopen()) {
            return CaughtUp::More;
        }
        for side in [Side::Producer, Side::Consumer] {
            // Each side is reached on a handle of its own: a handle that has read steps from there.
            if side == Side::Consumer && !list.reopen() {
                self.doubt(UNTOLD);
                return CaughtUp::More;
            }
            if self.read_side(side, list, &mut goes_on) == CaughtUp::More {
                return CaughtUp::More;
            }
        }
        self.reason = None;
        CaughtUp::All
    }

    /// Reads messages as [`Self::catch_up`] does, at one end: where they were pushed just now. Nothing is checked at the other end, so
    /// this does not make an index one that may answer.
    pub fn read_pushed<Q: Queue>(&mut self, list: &mut Q, goes_on: impl FnMut(Work) -> bool) {
        if self.is_suspended || self.pending.is_some() {
            return;
        }
        self.settle(list.len());
        let is_at = |side: Side| self.index.as_ref().is_some_and(|index| index.unread(side) > 0);
        let side = if is_at(Side::Producer) { Side::Producer } else { Side::Consumer };
        self.read_side(side, list, goes_on);
    }

    /// Checks the border of what was read on one side, and reads what is unread there.
    fn read_side<Q: Queue>(
        &mut self,
        side: Side,
        list: &mut Q,
        mut goes_on: impl FnMut(Work) -> bool,
    ) -> CaughtUp {
        let consumer_end = self.kind().spec().consumer_end;
        let Some(index) = &mut self.index else { return CaughtUp::More };
        let len = index.len();
        // Positions count from the producer end.
        let place = |position: u64| match consumer_end {
            End::Tail => position,
            End::Head => len - 1 - position,
        };
        let [first, last] = index.borders();
        let border = if side == Side::Producer { first } else { last };
        if let Some((position, wanted)) = border
            && list.peek(place(position), fingerprint) != Some(wanted)
        {
            self.contradict(len, UNTOLD);
            return CaughtUp::More;
        }
        while let Some(position) = index.next_unread(side) {
            let read = list.peek(place(position), |message| {
                index.read(side, message);
                message.len()
            });
            let Some(bytes) = read else {
                self.doubt(UNTOLD);
                return CaughtUp::More;
            };
            if !goes_on(Work::Message(bytes)) {
                return CaughtUp::More;
            }
        }
        CaughtUp::All
    }
}
