//! One slice of one job: gates, open, examine, remove, book, notify. It is the same for every container.

use qadmin_core::error::EndReason;
use qadmin_core::index::ListGuide;
use qadmin_core::job::{Job, JobKind, JobStatus, PAUSED, PlacedJudge};
use qadmin_core::scan::{AnyScan, Budget, ContainerScan, Event, Examine, Judge, SliceEnd, SliceOutcome as _};
use qadmin_core::settings::Settings;
use qadmin_core::tokens::TokenKeys;

use super::after_slice::{AfterSlice, conclude, end, refused};
use super::gate;
use crate::container::set_of_ids;
use crate::container::sorted_set::Messages;
use crate::container::unacked::Keys;
use crate::container::{OpenedKeys, OutcomeOf, Prepared, Storage, tokens};
use crate::entry::lose_track;
use crate::index::{self, Lent, LentFields, Moment};
use crate::moved;
use crate::probe;
use crate::record;
use crate::redis::acl::{self, Right};
use crate::redis::clock::{Steady, now_ns};
use crate::redis::guard::guard;
use crate::redis::list::{List, Mode};
use crate::redis::{Ctx, RString, log};
use crate::refusal::Refusal;
use crate::refusal::reason;
use crate::rights::{needs_of, starter};
use crate::settings;
use crate::state::State;

/// How often the permission of the user who started a clear is checked.
const RIGHT_EVERY_NS: u64 = 900_000_000;

/// The part of a slice that reading the last messages for an index may take, and likewise evaluating
/// conditions for new values: a quarter.
const INDEX_PART: u64 = 4;

/// The notice of a job whose moves are not all in the journal.
const JOURNAL_REFUSED: &str =
    "the journal lacks some of the moved messages, so a later undo cannot move them back";

/// Runs the next slice of a job.
pub(super) fn slice(state: &mut State, ctx: Ctx<'_>, job: &mut Job) -> AfterSlice {
    state.seek_ns = 0;
    let most = match pass_gates(state, ctx, job) {
        Ok(most) => most,
        Err(step) => return step,
    };
    ctx.select(job.start().db);
    let settings = settings::now();
    if job.journal_read().is_some() {
        job.runs();
        return match moved::read(ctx, job, settings.slice_us() * 1_000) {
            true => AfterSlice::Worked,
            false => AfterSlice::Ends(JobStatus::Failed, Some(EndReason::JournalLost)),
        };
    }
    let names: Vec<RString> = job.keys_here().into_iter().map(RString::new).collect();
    let slice = Slice { ctx, settings: &settings, names: &names, most };
    match &job.scan {
        AnyScan::Lists(_) => slice.over::<List<'_>>(state, job),
        AnyScan::Unacked(_) => slice.over::<Keys<'_>>(state, job),
        AnyScan::SortedSet(_) => slice.over::<Messages<'_>>(state, job),
        AnyScan::SetOfIds(_) => slice.over::<set_of_ids::Keys<'_>>(state, job),
    }
}

/// Checks everything that can forbid a slice now. Returns the number of messages that it may remove.
fn pass_gates(state: &mut State, ctx: Ctx<'_>, job: &mut Job) -> Result<usize, AfterSlice> {
    if let Some((status, error)) = job.verdict() {
        return Err(end(ctx, job, status, error));
    }
    if job.is_paused() {
        return Err(AfterSlice::Waits(PAUSED));
    }
    let mut most = usize::MAX;
    if job.writes() {
        if let Some(reason) = gate(ctx) {
            return Err(AfterSlice::Waits(reason));
        }
        if let Some(at) = state.measures.unit_not_before(ctx) {
            return Err(AfterSlice::Later(at));
        }
        most = job.allowance(now_ns()).map_err(AfterSlice::Later)?;
    }
    if job.clears() && !still_may(job) {
        let user = job.start().origin.user.clone().unwrap_or_default();
        return Err(AfterSlice::Ends(JobStatus::Failed, Some(EndReason::RightLost { user })));
    }
    Ok(most)
}

/// Returns whether the user who started the job still has permission, by one selector for all keys of the job, and
/// is not disabled. It is checked before the first slice and then about once per second.
fn still_may(job: &mut Job) -> bool {
    let now = now_ns();
    if !job.right_is_older_than(now, RIGHT_EVERY_NS) {
        return true;
    }
    job.right_checked(now);
    let start = job.start();
    let Some(user) = &start.origin.user else { return true };
    let tokens = TokenKeys::of(start);
    let needs = needs_of(job, &tokens);
    acl::may(user, starter(start.kind), &needs) == Right::Granted && !acl::is_off(user)
}

/// A slice that has passed its gates.
struct Slice<'c> {
    ctx: Ctx<'c>,
    settings: &'c Settings,
    /// The names of the keys that it opens.
    names: &'c [RString],
    /// The largest number of messages that it may remove.
    most: usize,
}

impl<'c> Slice<'c> {
    /// Opens the keys and runs the slice.
    fn over<S: Storage<'c>>(&self, state: &mut State, job: &mut Job) -> AfterSlice {
        let asked = self.ask_index(job);
        let step = self.open_and_run::<S>(state, job, asked);
        if let (Some(_), true, Some(name)) = (asked, job.scan.was_misled(), self.names.first()) {
            index::doubt(job.start().db, name.bytes());
        }
        step
    }

    /// Looks whether an index of the list can guide the job: before the list is opened for the slice, because
    /// looking opens it, too. `None` if there is no index to ask.
    fn ask_index(&self, job: &Job) -> Option<Asked> {
        if !job.may_be_guided() {
            return None;
        }
        let (start, began_ns) = (job.start(), now_ns());
        let key = self.names.first()?.bytes();
        let is_ready =
            index::is_ready(self.ctx, start.db, key, (start.messages, start.reads_pickle), self.part_ns())?;
        Some(Asked { began_ns, is_ready })
    }

    /// The part of a slice that an index may use beside the walk, nanoseconds.
    fn part_ns(&self) -> u64 {
        self.settings.slice_us() * 1_000 / INDEX_PART
    }

    fn open_and_run<S: Storage<'c>>(
        &self,
        state: &mut State,
        job: &mut Job,
        asked: Option<Asked>,
    ) -> AfterSlice {
        let Self { ctx, names, .. } = *self;
        let (writes, moves) = (job.writes(), job.start().clear_options.to.is_some());
        let mode = match (writes, moves) {
            (false, _) => Mode::Read,
            (true, false) => Mode::Erase,
            (true, true) => Mode::Take,
        };
        if job.start().storage.message_keys().is_some_and(|keys| probe::are_moving(ctx, keys)) {
            return refused(&Refusal::Moved, &self.record_key(job), None);
        }
        let mut keys = match S::open(ctx, names, mode) {
            OpenedKeys::Keys(keys) => keys,
            OpenedKeys::Refused(line) => return self.unread(job, &line),
            OpenedKeys::Other if job.start().storage.message_keys().is_some() => {
                // The ids may all still be there, so they are not counted as taken by workers.
                return AfterSlice::Ends(JobStatus::Failed, Some(EndReason::MessagesReplaced));
            }
            OpenedKeys::Other => return self.gone(job, true),
            OpenedKeys::Missing => return self.gone(job, false),
        };
        if let Some(skim) = job.skim() {
            keys.skims(skim);
        }
        let budget = S::budget(&state.measures, self.settings, self.most, writes && has_more_to_do(job));
        let Some((scan, _)) = job.parts::<S::Scan>() else { return broken() };
        match keys.prepare(scan, &budget) {
            Prepared::Ready => {}
            Prepared::Broken => return broken(),
            Prepared::Spent { seek_ns } => {
                state.seek_ns = seek_ns;
                let unread = keys.refused();
                drop(keys);
                job.runs();
                return match unread {
                    Some(line) => self.unread(job, &line),
                    None => conclude(ctx, job, Some(SliceEnd::Done), false),
                };
            }
        }
        if let Some((status, error)) = job.verdict() {
            return AfterSlice::Ends(status, error);
        }
        if names.first().is_none_or(|name| job.key_here() != name.bytes()) || job.writes() != writes {
            // Another pass begins, perhaps on another list: because another module changed this list without an
            // event, or because everything that was left to count has left. The next slice passes the gates and
            // opens the keys for it.
            return AfterSlice::Worked;
        }
        let mut outcome = S::borrow_outcome(state);
        // What the slice before removed must never be booked again for this one.
        outcome.reset();
        let step = match writes {
            true => self.clear(state, job, keys, asked, &mut outcome),
            false => self.count(state, job, keys, asked, &mut outcome),
        };
        S::return_outcome(state, outcome);
        step
    }

    /// Handles that the first key of the job is missing or was replaced.
    fn gone(&self, job: &mut Job, is_replaced: bool) -> AfterSlice {
        let Self { ctx, names, .. } = *self;
        if is_replaced {
            job.note(job.container().spec().replaced.into());
        }
        let db = job.start().db;
        if let Some(name) = names.first() {
            job.follow(db, name.bytes(), Event::Gone);
        }
        // If the queue has priorities, its next list may hold more messages.
        match job.verdict() {
            Some((status, error)) => end(ctx, job, status, error),
            None => AfterSlice::Worked,
        }
    }

    /// Handles that the server refused to read.
    fn unread(&self, job: &Job, line: &[u8]) -> AfterSlice {
        refused(&reason(line), &self.record_key(job), None)
    }

    fn record_key(&self, job: &Job) -> RString {
        let start = job.start();
        RString::new(record::key(&start.queue, start.id, self.ctx.flags().cluster()))
    }

    /// Borrows the index of the list, where the job asks when messages arrived.
    fn lend<S: Storage<'c>>(&self, job: &mut Job, keys: &S) -> Option<Lent> {
        let (_, judge) = job.parts::<S::Scan>()?;
        if !judge.asks_arrivals() {
            return None;
        }
        index::lend(job.start().db, self.names.first()?.bytes(), keys.list_len()?)
    }

    /// Borrows the values that the index of the list keeps, if they guide the job.
    fn lend_fields<S: Storage<'c>>(&self, job: &Job, keys: &S, asked: Option<Asked>) -> Option<LentFields> {
        asked.filter(|asked| asked.is_ready)?;
        index::lend_fields(job.start().db, self.names.first()?.bytes(), keys.list_len()?)
    }

    /// Runs the scan over one window with the judge of the job; `None` if it panicked, or its container is
    /// another one. Arrivals are looked up for each message only if the job asks for them.
    fn examine<S: Storage<'c>>(
        &self,
        job: &mut Job,
        known: &Known<'_>,
        keys: &mut S,
        budget: &Budget,
        permit: impl FnOnce() -> bool,
        outcome: &mut OutcomeOf<'c, S>,
    ) -> Option<SliceEnd> {
        let accepted = Moment::of(job.start().now_ms, job.start().now_ns);
        let steps = usize::try_from(self.part_ns()).unwrap_or(usize::MAX);
        let (scan, judge, mut guide) = match known.fields.and_then(LentFields::get) {
            Some(fields) => job.guided_parts::<S::Scan>(fields, steps)?,
            None => {
                let (scan, judge) = job.parts::<S::Scan>()?;
                (scan, judge, None)
            }
        };
        let budget = known.asked.map_or(*budget, |asked| budget.since(asked.began_ns, now_ns()));
        guard("judging", || {
            if !judge.asks_arrivals() {
                return walk(scan, judge, guide.as_mut(), keys, &budget, permit, outcome);
            }
            let cursor = known.lent.and_then(Lent::cursor).map(|cursor| (cursor, accepted.ahead_ms));
            let mut judge = PlacedJudge::new(judge, cursor, accepted.wall_ms());
            walk(scan, &mut judge, guide.as_mut(), keys, &budget, permit, outcome)
        })
    }

    /// Examines and books window after window until the time of the slice is over. Without deletions, a further
    /// window continues where the one before ended and needs no seek.
    fn count<S: Storage<'c>>(
        &self,
        state: &mut State,
        job: &mut Job,
        mut keys: S,
        asked: Option<Asked>,
        outcome: &mut OutcomeOf<'c, S>,
    ) -> AfterSlice {
        let mut budget = S::budget(&state.measures, self.settings, self.most, false);
        let (mut first, at) = (None, job.scan.at());
        let (lent, fields) = (self.lend(job, &keys), self.lend_fields(job, &keys, asked));
        let known = Known { lent: lent.as_ref(), fields: fields.as_ref(), asked };
        let slice_end = loop {
            outcome.reset();
            let slice_end = self.examine(job, &known, &mut keys, &budget, || true, outcome);
            if let Some(line) = keys.refused() {
                return self.unread(job, &line);
            }
            let now = book::<S>(state, job, outcome, None);
            let (_, over_ns) = *first.get_or_insert((outcome.seek_ns(), outcome.over_ns()));
            // A job that has counted clears in its next slice, and a job that is done with this list continues
            // with the next one then, because that list has to be opened first.
            let here = job.scan.at() == at && !job.writes();
            let examined = outcome.counts().examined > 0;
            let more = job.verdict().is_none() && here && slice_end == Some(SliceEnd::Done) && examined;
            match state.measures.rest(now, over_ns, self.settings).filter(|_| more) {
                Some(rest) => budget = rest,
                None => break slice_end,
            }
        };
        drop(keys);
        let (seek_ns, _) = first.unwrap_or_default();
        state.seek_ns = seek_ns;
        S::sought(&mut state.measures, seek_ns);
        conclude(self.ctx, job, slice_end, false)
    }

    /// Examines, removes, notifies, books.
    fn clear<S: Storage<'c>>(
        &self,
        state: &mut State,
        job: &mut Job,
        mut keys: S,
        asked: Option<Asked>,
        outcome: &mut OutcomeOf<'c, S>,
    ) -> AfterSlice {
        let Self { ctx, names, .. } = *self;
        let record_key = self.record_key(job);
        let to = job.start().destination().map(|(to, end)| (to.clone(), end));
        let budget = S::budget(&state.measures, self.settings, self.most, has_more_to_do(job));
        let to_key = to.as_ref().map(|(to, _)| RString::new(&to.key));
        let mut refusal = None;
        let probe = || {
            probe::probe(ctx, &record_key)?;
            to_key.as_ref().map_or(Ok(()), |key| S::probe_destination(ctx, key))
        };
        let permit = || match probe() {
            Ok(()) => true,
            Err(why) => {
                refusal = Some(why);
                false
            }
        };
        let (lent, fields) = (self.lend(job, &keys), self.lend_fields(job, &keys, asked));
        let known = Known { lent: lent.as_ref(), fields: fields.as_ref(), asked };
        // If the judge panics, replicas must still receive what was removed before.
        let slice_end = self.examine(job, &known, &mut keys, &budget, permit, outcome);
        // Next the index learns which messages were removed.
        drop((lent, fields));
        let unread = keys.refused();
        let began = now_ns();
        let taken = keys.remove_matches(ctx, names, outcome, to.as_ref().map(|(to, end)| (to, *end)));
        let took_ns = now_ns() - began;
        // This comes before everything that can panic: whatever happens to the job, its record has the number of
        // removed messages.
        job.count_deleted::<S::Scan>(outcome);
        state.totals.cleared += outcome.removed();
        match taken {
            Ok(moved) => {
                keep_journal(ctx, job, &moved);
                guard("the tokens of jobs", || tokens::settle(ctx, job.start(), outcome.removed()));
            }
            Err(line) => {
                let line = String::from_utf8_lossy(&line).into_owned();
                log::warning(&format!("the server refused a deletion of job {}: {line}", job.id()));
                return broken();
            }
        }
        if let Some(line) = unread {
            return self.unread(job, &line);
        }
        if let Some(refusal) = refusal {
            return refused(&refusal, &record_key, to.as_ref().map(|(to, _)| to));
        }
        S::sought(&mut state.measures, outcome.seek_ns());
        state.seek_ns = outcome.all_seeks_ns();
        let booked = guard("booking a unit", || {
            if outcome.removed() > 0 {
                S::tell_jobs(state, ctx, job, names, outcome);
                if let Some((to, _)) = &to {
                    state.forget_counts(job.start().db, &to.key);
                }
            }
            let more = has_more_to_do(job);
            book::<S>(state, job, outcome, Some((took_ns, more)));
        });
        if booked.is_none() {
            // The positions of other jobs on this queue may be wrong now.
            lose_track();
            return broken();
        }
        conclude(ctx, job, slice_end, outcome.removed() > 0)
    }
}

/// What the index of a list knows, for one slice.
struct Known<'a> {
    /// When messages arrived.
    lent: Option<&'a Lent>,
    /// Their values.
    fields: Option<&'a LentFields>,
    asked: Option<Asked>,
}

/// A slice has asked whether an index can guide its job.
#[derive(Debug, Clone, Copy)]
struct Asked {
    /// When it began to, by the steady clock in nanoseconds: what the index does counts towards the slice.
    began_ns: u64,
    /// The index has read all messages and is of this list.
    is_ready: bool,
}

/// Runs the scan, guided if there is a guide.
fn walk<K, S: Examine<K> + ContainerScan>(
    scan: &S,
    judge: &mut impl Judge,
    guide: Option<&mut ListGuide<'_>>,
    keys: &mut K,
    budget: &Budget,
    permit: impl FnOnce() -> bool,
    outcome: &mut S::Outcome,
) -> SliceEnd {
    match guide {
        Some(guide) => scan.examine_guided(keys, judge, guide, &Steady, budget, permit, outcome),
        None => scan.examine(keys, judge, &Steady, budget, permit, outcome),
    }
}

/// Returns whether there is more to do with each removed message after the walk: it is moved to another key, or
/// deleted because its id was removed. A slice reserves time for that.
fn has_more_to_do(job: &Job) -> bool {
    job.start().clear_options.to.is_some() || job.start().storage.message_keys().is_some()
}

fn broken() -> AfterSlice {
    AfterSlice::Ends(JobStatus::Failed, Some(EndReason::Internal))
}

/// Appends what a slice moved to the journal, in the unit that moves it.
fn keep_journal(ctx: Ctx<'_>, job: &mut Job, moved: &[u64]) {
    if moved.is_empty() || guard("writing the journal", || moved::append(ctx, job, moved)) == Some(true) {
        return;
    }
    if job.start().kind == JobKind::Undo {
        // Otherwise another undo of the same job would claim messages that are already back.
        moved::forget(ctx, &moved::key_of(job, ctx));
    }
    job.note(JOURNAL_REFUSED.into());
}

/// Books the outcome of one window; returns the time at its end. `taking` has the time that removing took, in
/// nanoseconds, and whether it was more than removing them from their key.
fn book<'c, S: Storage<'c>>(
    state: &mut State,
    job: &mut Job,
    outcome: &mut OutcomeOf<'c, S>,
    taking: Option<(u64, bool)>,
) -> u64 {
    let now = now_ns();
    let (took_ns, moves) = taking.unwrap_or_default();
    S::learn(&mut state.measures, outcome, took_ns, moves, now);
    state.totals.examined += outcome.counts().examined;
    job.runs();
    job.took(outcome.removed(), now);
    job.commit::<S::Scan>(outcome, now);
    now
}
