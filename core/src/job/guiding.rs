//! How the indexes of its lists guide a job.

use super::{FilterJudge, Job, JobKind, Start, Storage};
use crate::index::verdicts::{Counts, GroupCounter, Verdicts};
use crate::index::{FieldIndex, ListFields, ListGuide};
use crate::scan::{Effect, JumpCosts, OneScan};

/// What a job knows of the indexes of its lists from one slice to the next.
#[derive(Debug, Default)]
pub(super) struct Guiding {
    /// By the number of the list.
    lists: Vec<Known>,
}

/// What was worked out for one list.
#[derive(Debug, Default)]
struct Known {
    /// The rows that it was worked out for: see [`ListFields::identity`].
    rows: Option<(u64, u64)>,
    /// `None` where nothing can be excluded.
    verdicts: Option<Verdicts>,
    /// `None` where the job does not group, or where the columns do not tell the groups.
    groups: Option<GroupCounter>,
    costs: JumpCosts,
}

impl Known {
    /// Begins with other rows.
    fn begin(&mut self, start: &Start, index: &FieldIndex) {
        self.verdicts = Verdicts::new(&start.filter, index);
        let grouping = start.grouping.as_ref();
        self.groups =
            grouping.and_then(|grouping| GroupCounter::new(grouping, index, start.clear_options.inexact));
        if start.filter.is_all() && start.effect == Effect::Group && self.groups.is_none() {
            // Every message has to be read to know its group.
            self.verdicts = None;
        }
    }

    /// Returns what the columns count, as far as `steps` suffice for values that are new.
    fn counts<'a>(
        groups: &'a mut Option<GroupCounter>,
        start: &Start,
        index: &FieldIndex,
        steps: usize,
    ) -> Counts<'a> {
        match (start.effect, &start.grouping) {
            (Effect::Count, _) => Counts::Matches,
            (Effect::Group, Some(grouping)) => {
                match groups.as_mut().map(|groups| groups.prepare(grouping, index, steps)) {
                    Some(Some(true)) => groups.as_mut().map_or(Counts::Nothing, Counts::Groups),
                    Some(Some(false)) => Counts::Nothing,
                    Some(None) | None => {
                        *groups = None;
                        Counts::Nothing
                    }
                }
            }
            _ => Counts::Nothing,
        }
    }
}

/// Scan, judge, and the guide if there is one.
pub type Guided<'a, S> = (&'a mut S, &'a mut FilterJudge, Option<ListGuide<'a>>);

impl Job {
    /// Returns whether an index could spare it messages: it has a filter or only counts, and works on lists,
    /// nobody wants all messages to be read, and no index has misled it.
    #[must_use]
    pub fn may_be_guided(&self) -> bool {
        let start = &self.start;
        let asks = start.kind.only_counts() || (start.kind != JobKind::Undo && !start.filter.is_all());
        let asks = asks && !start.reads_all;
        asks && matches!(start.storage, Storage::Lists) && !self.scan.was_misled()
    }

    /// Returns whether an index has spared it messages.
    #[must_use]
    pub fn was_guided(&self) -> bool {
        self.scan.passed() > 0
    }

    /// Makes it read every message from now on. Returns false if it has not read all messages so far.
    pub fn read_all(&mut self) -> bool {
        self.start.reads_all |= !self.was_guided();
        !self.was_guided()
    }

    /// Returns scan and judge for one window as [`Job::parts`] does, and a guide over the list that the scan
    /// works on now, whose index is `fields`. There is none where the index excludes nothing, or where
    /// conditions have to be evaluated for so many new values that `steps` do not suffice now: a step is
    /// about a nanosecond.
    pub fn guided_parts<'a, S: OneScan>(
        &'a mut self,
        fields: &'a ListFields,
        steps: usize,
    ) -> Option<Guided<'a, S>> {
        self.release_claims();
        let at = self.scan.at();
        if self.guiding.lists.len() <= at {
            self.guiding.lists.resize_with(at + 1, Known::default);
        }
        let known = self.guiding.lists.get_mut(at)?;
        let guide = fields.index().filter(|_| fields.unread() == Some(0)).and_then(|index| {
            let rows = Some(fields.identity());
            if known.rows != rows {
                known.rows = rows;
                known.begin(&self.start, index);
            }
            let verdicts = known.verdicts.as_mut()?;
            if !verdicts.prepare(index, steps) {
                return None;
            }
            let counts = Known::counts(&mut known.groups, &self.start, index, steps);
            let (costs, inexact) = (&mut known.costs, self.start.clear_options.inexact);
            Some(ListGuide { verdicts, index, costs, counts, inexact })
        });
        S::of(&mut self.scan).map(|scan| (scan, &mut self.judge, guide))
    }
}
