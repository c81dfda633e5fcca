//! A slice of a count in which an index counts the messages, and those are read that it cannot decide.
//!
//! Nobody changes the list or the index during a slice, so what the index counts are the messages at these
//! distances now, and the marks move as on a walk towards the producer end. What happens between two slices
//! moves the marks by the same arithmetic as for a scan. So the messages that are counted, that have drifted
//! and that arrived later are those of a scan that would have been as fast.
//!
//! Where there are many groups, giving and booking them takes a part of each slice. As long as nothing happens to the
//! messages, the index keeps what it counted, and the scan books it later as if one slice had counted all of it. Where something
//! happens meanwhile, what was not booked is counted again.
//!
//! Nothing is known of the messages next to the place where such a slice ends. After an edit inside the list
//! the scan begins another pass.

use super::ListScan;
use super::outcome::ListOutcome;
use super::queue::Queue;
use crate::scan::budget::{Budget, Clock};
use crate::scan::guide::Guide;
use crate::scan::judge::Judge;
use crate::scan::plan::Effect;
use crate::scan::sample::SAMPLE_MAX;
use crate::scan::unread::{CountedUnread, Kept};

impl ListScan {
    /// Returns whether messages can be counted without reading them, because they are only counted.
    pub(super) fn counts_unread(&self) -> bool {
        matches!(self.plan.effect, Effect::Count | Effect::Group)
    }

    /// Lets the index count from the message that runs next on, and reads those messages that it cannot
    /// decide. Returns false if it did nothing, because the index cannot tell.
    pub(super) fn count_unread(
        &self,
        queue: &mut impl Queue,
        judge: &mut impl Judge,
        guide: &mut dyn Guide,
        clock: &impl Clock,
        budget: &Budget,
        outcome: &mut ListOutcome,
    ) -> bool {
        let began = clock.now_ns();
        let slice_ns = budget.ns(began);
        let until = began.saturating_add(slice_ns);
        let way = self.way_on();
        // Matches of which the sample may show a row are read.
        let reads_matches = self.samples() && self.here().sample.wants(way.start);
        let mut number = |values: &[u8]| judge.group(values);
        let resumed = guide.resume(way.clone());
        let mut keeps = guide.should_keep(slice_ns);
        if let (Some(kept), false) = (resumed, keeps)
            && !guide.name(&mut number, &mut |reserved| clock.now_ns().saturating_add(reserved) < until)
        {
            guide.keep(way.start, kept);
            outcome.guided_by(guide, until);
            return true;
        }
        let begin = resumed.unwrap_or(Kept { at: way.start, counted: CountedUnread::default() });
        let Kept { mut at, mut counted } = begin;
        let mut last = None;
        while at < way.end {
            let mut goes_on =
                |reserved: u64| clock.now_ns().saturating_add(if keeps { 0 } else { reserved }) < until;
            let Some(reached) = guide.count(at..way.end, reads_matches, &mut goes_on, &mut counted) else {
                break;
            };
            at = reached.at;
            if !reached.has_to_be_read {
                break;
            }
            if keeps {
                guide.stop_keeping();
                if at > way.start {
                    break;
                }
                keeps = false;
            }
            let (ns, seeks) = self.way_to(queue, guide, at, last);
            if at > way.start && clock.now_ns().saturating_add(ns) >= until {
                break;
            }
            // Where the list cannot be opened anew, it is stepped over.
            let _ = last.is_some() && seeks && queue.reseek();
            let index = self.index(at);
            if queue.read(index, |message| outcome.take_in(self, judge, at, message)).is_none() {
                break;
            }
            (last, at) = (Some(at), at + 1);
            if reads_matches && self.here().sample.rows().len() + outcome.rows.len() >= SAMPLE_MAX {
                // Which rows the sample shows is known once these are booked.
                break;
            }
        }
        if at == way.start {
            return false;
        }
        let mut number = |values: &[u8]| judge.group(values);
        let mut goes_on = |reserved: u64| clock.now_ns().saturating_add(reserved) < until;
        let counts_on = at > begin.at && at < way.end;
        if keeps && (counts_on || !guide.name(&mut number, &mut goes_on)) {
            guide.keep(way.start, Kept { at, counted });
            outcome.guided_by(guide, until);
            return true;
        }
        guide.groups(&mut number, &mut outcome.groups_unread);
        outcome.counts.add_unread(&counted);
        outcome.passed += counted.messages;
        outcome.guided_by(guide, until);
        true
    }

    /// Returns how long it takes to get to the message at a distance, in nanoseconds, and whether opening the
    /// list anew is the faster way; `last` is the distance of the message that was read before it in this
    /// slice.
    fn way_to(
        &self,
        queue: &impl Queue,
        guide: &mut dyn Guide,
        distance: u64,
        last: Option<u64>,
    ) -> (u64, bool) {
        let index = self.index(distance);
        let from_end = index.min(queue.len().saturating_sub(index + 1));
        // The first one is found from the nearer end.
        let gap = last.map_or(u64::MAX, |last| distance - last - 1);
        guide.costs().of(gap, from_end)
    }
}
