//! Counts by group, with the positions of each group's first and last match, which are followed while the queue
//! moves.
//!
//! A group is a number that the judge gives to a match; only the judge knows what it stands for. Positions are
//! kept as *marks* that do not move when messages are pushed or popped at the consumer end: the distance from the
//! consumer end is `mark - base`, and such an event changes only `base`. Messages that left at either end are
//! outside of `floor..cut`. So a push or a pop costs the same however many groups there are; only a removal inside
//! the list moves every mark.

use super::shift::Shift;
use super::unread::GroupCount;

/// What is known of one group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    count: u64,
    bytes: u64,
    next: Place,
    last: Place,
}

impl Tally {
    /// Whether a match at this place changes only which one runs last, or there is none yet.
    fn is_before(&self, place: Place, edges: Edges) -> bool {
        self.count == 0 || (place.mark > self.last.mark && edges.fate(self.last) != Fate::Popped)
    }
}

/// The position of a message, or the position that it had when it left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Place {
    mark: i64,
    fate: Fate,
}

/// The fate of a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Fate {
    /// It is in the queue.
    #[default]
    Here,
    /// It left at the consumer end.
    Popped,
    /// It left at the head.
    Cut,
    /// It was removed from the inside: the message after it has moved up to its mark.
    Taken,
}

/// One match that was found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grouped {
    pub(crate) group: u32,
    pub(crate) distance: u64,
    pub(crate) bytes: u64,
}

/// The present position of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// Its list, by its number in the order in which workers read the lists.
    pub list: usize,
    /// Its distance from the consumer end.
    pub distance: u64,
}

/// The present state of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// Its number.
    pub group: u32,
    /// Matches.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The match that runs next. `None` if that match has left and it is unknown which one is next now.
    pub next: Option<Spot>,
    /// The match that runs last; `None` as above.
    pub last: Option<Spot>,
}

/// Adds up the groups of several lists, by number.
pub(super) fn over_all<'a>(lists: impl Iterator<Item = &'a Tallies>) -> Vec<Group> {
    let mut all: Vec<Option<Group>> = Vec::new();
    for (list, tallies) in lists.enumerate() {
        for here in tallies.groups(list) {
            let at = here.group as usize;
            if at >= all.len() {
                all.resize(at + 1, None);
            }
            all[at] = Some(match all[at] {
                None => here,
                Some(before) => Group {
                    count: before.count + here.count,
                    bytes: before.bytes + here.bytes,
                    last: here.last,
                    ..before
                },
            });
        }
    }
    all.into_iter().flatten().collect()
}

/// Counts by group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tallies {
    all: Vec<Tally>,
    base: i64,
    /// Marks below this left at the consumer end.
    floor: i64,
    /// Marks from here on left at the producer end.
    cut: Option<i64>,
    /// The queue is gone, with every match.
    gone: bool,
}

impl Tallies {
    /// Returns every group that has matches, by number; `list` is the number of the list.
    pub(crate) fn groups(&self, list: usize) -> impl Iterator<Item = Group> + '_ {
        let counted = self.all.iter().enumerate().filter(|(_, tally)| tally.count > 0);
        let spot = move |place| self.distance(place).map(|distance| Spot { list, distance });
        counted.map(move |(at, tally)| Group {
            group: u32::try_from(at).unwrap_or(u32::MAX),
            count: tally.count,
            bytes: tally.bytes,
            next: spot(tally.next),
            last: spot(tally.last),
        })
    }

    fn distance(&self, place: Place) -> Option<u64> {
        if self.gone || self.edges().fate(place) != Fate::Here {
            return None;
        }
        u64::try_from(place.mark - self.base).ok()
    }

    fn edges(&self) -> Edges {
        Edges { floor: self.floor, cut: self.cut }
    }

    /// Books matches, in any order.
    pub(crate) fn extend(&mut self, found: &[Grouped]) {
        let edges = self.edges();
        for one in found {
            self.book(edges, one.group, one.distance, (1, one.bytes));
        }
    }

    /// Books the matches of several groups, each from its next to its last one.
    pub(crate) fn extend_counted(&mut self, counted: &[GroupCount]) {
        let (edges, base) = (self.edges(), self.base);
        for GroupCount { group, count, bytes, next, last } in counted {
            let place = |distance: u64| Place { mark: signed(distance) + base, fate: Fate::Here };
            let (first, end) = (place(*next), place(*last));
            // Nearly always they all stand beyond those that were found before.
            if let Some(tally) = self.all.get_mut(*group as usize)
                && edges.fate(first) != Fate::Popped
                && tally.is_before(first, edges)
            {
                tally.next = if tally.count == 0 { first } else { tally.next };
                tally.last = end;
                tally.count += count;
                tally.bytes += bytes;
                continue;
            }
            self.book(edges, *group, *next, (1, *bytes));
            if *count > 1 {
                self.book(edges, *group, *last, (count - 1, 0));
            }
        }
    }

    /// Books some matches of a group, of which the one at `distance` can be its next or its last one.
    #[inline]
    fn book(&mut self, edges: Edges, group: u32, distance: u64, (count, bytes): (u64, u64)) {
        let at = group as usize;
        if at >= self.all.len() {
            self.all.resize(at + 1, Tally::default());
        }
        let here = Place { mark: signed(distance) + self.base, fate: Fate::Here };
        let tally = &mut self.all[at];
        let (next, last) = (tally.next, tally.last);
        let (next_fate, last_fate) = (edges.fate(next), edges.fate(last));
        // If everything that was found before left at one end, this is the first of the rest.
        if tally.count == 0 || here.mark < next.mark || last_fate == Fate::Popped {
            tally.next = here;
        }
        let at_gap = here.mark == last.mark && matches!(last_fate, Fate::Taken | Fate::Popped);
        if tally.count == 0 || here.mark > last.mark || at_gap || next_fate == Fate::Cut {
            tally.last = here;
        }
        tally.count += count;
        tally.bytes += bytes;
    }

    /// Nothing was found, or its position was lost before.
    pub(super) fn is_empty(&self) -> bool {
        self.gone || self.all.is_empty()
    }

    /// Another pass begins.
    pub(super) fn clear(&mut self) {
        self.all.clear();
        (self.base, self.floor, self.cut, self.gone) = (0, 0, None, false);
    }

    /// The queue is gone: the counts are kept, the positions are not.
    pub(crate) fn lose_places(&mut self) {
        self.gone = true;
    }

    pub(super) fn follow(&mut self, shift: &Shift) {
        match shift {
            Shift::Away(n) => self.base -= signed(*n),
            Shift::Closer(n) => {
                self.base += signed(*n);
                self.floor = self.floor.max(self.base);
            }
            Shift::CutAt(len) => {
                let cut = signed(*len) + self.base;
                self.cut = Some(self.cut.map_or(cut, |before| before.min(cut)));
            }
            Shift::Without(gone) => self.without(gone),
        }
    }

    fn without(&mut self, gone: &[u64]) {
        let (base, edges) = (self.base, self.edges());
        let distance = |mark: i64| u64::try_from(mark - base);
        // Marks before the consumer end belong to popped messages: nothing is removed below them.
        let below = |mark| distance(mark).map_or(0, |end| signed(gone.partition_point(|d| *d < end) as u64));
        let is_gone = |mark| distance(mark).is_ok_and(|at| gone.binary_search(&at).is_ok());
        for tally in &mut self.all {
            for place in [&mut tally.next, &mut tally.last] {
                // Recorded now, because the marks of messages that left may later be equal to an edge.
                place.fate = match edges.fate(*place) {
                    Fate::Here if is_gone(place.mark) => Fate::Taken,
                    fate => fate,
                };
                place.mark -= below(place.mark);
            }
        }
        self.floor -= below(self.floor);
        self.cut = self.cut.map(|cut| cut - below(cut));
    }
}

/// Messages that left at either end.
#[derive(Debug, Clone, Copy)]
struct Edges {
    floor: i64,
    cut: Option<i64>,
}

impl Edges {
    /// Returns the fate of a message.
    fn fate(self, place: Place) -> Fate {
        match place.fate {
            Fate::Here | Fate::Taken if place.mark < self.floor => Fate::Popped,
            Fate::Here | Fate::Taken if self.cut.is_some_and(|cut| place.mark >= cut) => Fate::Cut,
            fate => fate,
        }
    }
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
