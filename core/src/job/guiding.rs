//! How the indexes of its lists guide a job.

use super::{FilterJudge, Job, JobKind, Storage};
use crate::index::verdicts::Verdicts;
use crate::index::{ListFields, ListGuide};
use crate::scan::{JumpCosts, OneScan};

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
    costs: JumpCosts,
}

/// Scan, judge, and the guide if there is one.
pub type Guided<'a, S> = (&'a mut S, &'a mut FilterJudge, Option<ListGuide<'a>>);

impl Job {
    /// Returns whether an index could spare it messages: it has a filter and works on lists, nobody wants all
    /// messages to be read, and no index has misled it.
    #[must_use]
    pub fn may_be_guided(&self) -> bool {
        let start = &self.start;
        let asks = start.kind != JobKind::Undo && !start.filter.is_all() && !start.reads_all;
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
                (known.rows, known.verdicts) = (rows, Verdicts::new(&self.start.filter, index));
            }
            let verdicts = known.verdicts.as_mut()?;
            verdicts.prepare(index, steps).then_some(ListGuide { verdicts, index, costs: &mut known.costs })
        });
        S::of(&mut self.scan).map(|scan| (scan, &mut self.judge, guide))
    }
}
