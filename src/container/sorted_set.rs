//! Sorted sets whose members are messages. The server's own commands read them and remove messages, so that
//! replicas and the append-only file need no command of this module.

use qadmin_core::job::{Destination, Job};
use qadmin_core::moved::digest;
use qadmin_core::scan::{Budget, IndexKeys, IndexOutcome, IndexPosition, SliceOutcome as _, SortedScan};
use qadmin_core::settings::Settings;
use uuid::Uuid;

use super::index;
use super::{OpenedKeys, Prepared, Storage, Target};
use crate::measures::Measures;
use crate::probe;
use crate::redis::call::{CallMode, call};
use crate::redis::clock::Steady;
use crate::redis::guard::AbortOnUnwind;
use crate::redis::key::{Type, type_of};
use crate::redis::list::Mode;
use crate::redis::zset_reader::Reader;
use crate::redis::{Ctx, RString, fault, zset};
use crate::refusal::Refusal;
use crate::state::{State, tell_own};

/// The type that the destination of a move must have.
pub(crate) const WANTED: &str = "a sorted set";

/// A sorted set of messages, opened for one callback. It must be dropped before anything is written to it.
pub(crate) struct Messages<'c> {
    ctx: Ctx<'c>,
    key: &'c RString,
    reader: Reader<'c>,
}

impl<'c> Messages<'c> {
    /// Opens a sorted set that exists.
    pub(crate) fn open(ctx: Ctx<'c>, key: &'c RString) -> OpenedKeys<Self> {
        match index::open(ctx, key) {
            // The server does not keep empty sorted sets.
            OpenedKeys::Keys(reader) if reader.entries() == 0 => OpenedKeys::Missing,
            OpenedKeys::Keys(reader) => OpenedKeys::Keys(Self { ctx, key, reader }),
            OpenedKeys::Missing => OpenedKeys::Missing,
            OpenedKeys::Other => OpenedKeys::Other,
            OpenedKeys::Refused(line) => OpenedKeys::Refused(line),
        }
    }
}

impl IndexKeys for Messages<'_> {
    fn seek(&mut self, after: Option<&IndexPosition>) {
        self.reader.seek(after);
    }

    fn next<R>(&mut self, f: impl FnOnce(f64, &[u8], Option<&[u8]>) -> R) -> Option<R> {
        let (message, score) = self.reader.next_entry()?;
        fault::point("reading a message");
        Some(f(score, &message, Some(&message)))
    }

    fn seek_back(&mut self, place: Option<&IndexPosition>) {
        self.reader.seek_back(place);
    }

    fn previous(&mut self) -> Option<IndexPosition> {
        self.reader.previous()
    }

    fn rank(&mut self, place: Option<&IndexPosition>) -> Option<u64> {
        self.reader.rank(place)
    }

    fn at(&mut self, rank: u64) -> Option<IndexPosition> {
        self.reader.at(rank)
    }

    fn up_to(&mut self, score: f64) -> Option<u64> {
        self.reader.up_to(score)
    }

    fn is_refused(&self) -> bool {
        self.reader.is_refused()
    }
}

impl<'c> Storage<'c> for Messages<'c> {
    type Scan = SortedScan;

    fn open(ctx: Ctx<'c>, names: &'c [RString], _: Mode) -> OpenedKeys<Self> {
        let [key, ..] = names else { return OpenedKeys::Missing };
        Self::open(ctx, key)
    }

    fn prepare(&mut self, scan: &mut SortedScan, budget: &Budget) -> Prepared {
        let entries = self.reader.entries();
        scan.observe(entries, entries);
        // Modules can change sorted sets without an event.
        scan.count(self);
        if let Some(kept) = scan.kept()
            && zset::score(self.ctx, self.key, kept) == Ok(None)
        {
            scan.lose_kept();
        }
        match scan.is_reading() {
            true => Prepared::Spent { seek_ns: scan.read(self, &Steady, budget) },
            false => Prepared::Ready,
        }
    }

    fn refused(&mut self) -> Option<Vec<u8>> {
        self.reader.refused()
    }

    fn budget(measures: &Measures, settings: &Settings, most: usize, moves: bool) -> Budget {
        measures.sorted_set(settings, most, moves)
    }

    fn probe_destination(ctx: Ctx<'_>, key: &RString) -> Result<(), Refusal> {
        match type_of(ctx, key) {
            Type::SortedSet => Ok(()),
            // While its slot migrates, the key can already be on the other node.
            Type::Missing if ctx.flags().cluster() && probe::has_moved(ctx, key) => Err(Refusal::Moved),
            Type::Missing => Ok(()),
            _ => Err(Refusal::Destination { wanted: WANTED }),
        }
    }

    fn remove_matches(
        self,
        ctx: Ctx<'c>,
        names: &'c [RString],
        outcome: &mut IndexOutcome,
        to: Option<Target<'_>>,
    ) -> Result<Vec<u64>, Vec<u8>> {
        // The key must not be open while it is written to.
        drop(self);
        let [key, ..] = names else { return Ok(Vec::new()) };
        if outcome.to_remove().is_empty() {
            return Ok(Vec::new());
        }
        let taken = match to {
            None => remove(ctx, key, outcome.to_remove()).map(|()| Vec::new()),
            Some((to, _)) => move_out(ctx, key, outcome, to),
        };
        if taken.is_err() {
            outcome.removed_nothing();
        }
        taken
    }

    fn learn(measures: &mut Measures, outcome: &IndexOutcome, took_ns: u64, moves: bool, now: u64) {
        if outcome.removed() > 0 {
            measures.took_members(outcome.removed(), took_ns, moves, now);
        }
    }

    fn tell_jobs(state: &mut State, ctx: Ctx<'_>, job: &mut Job, names: &[RString], _: &IndexOutcome) {
        let [key, ..] = names else { return };
        let to = job.start().destination().map(|(to, _)| to.key.clone());
        index::tell_jobs(state, ctx, job, key.bytes(), key.bytes());
        if let Some(to) = to {
            index::count_index(state, ctx, &to);
        }
    }
}

/// Removes members.
///
/// # Errors
/// Returns the server's error line; nothing was removed then.
fn remove(ctx: Ctx<'_>, key: &RString, places: &[IndexPosition]) -> Result<(), Vec<u8>> {
    let mut args = vec![RString::new(key.bytes())];
    args.extend(places.iter().map(|place| RString::new(&place.tag)));
    // The caller counts the sorted set for all jobs afterwards.
    let mut taken = None;
    tell_own(ctx, key.bytes(), b"zrem", || taken = Some(call(ctx, c"ZREM", CallMode::Write, &args)));
    taken.map_or(Ok(()), |answer| answer.map(drop))
}

/// Moves members to another sorted set with their scores, and returns their digests. A member that the
/// destination already has is kept where it is: a sorted set contains each member once, so one of the two
/// messages would be lost.
///
/// # Errors
/// Returns the server's error line; nothing was moved then.
fn move_out(
    ctx: Ctx<'_>,
    key: &RString,
    outcome: &mut IndexOutcome,
    to: &Destination,
) -> Result<Vec<u64>, Vec<u8>> {
    let to = RString::new(&to.key);
    let members = outcome.to_remove().iter().map(|place| place.tag.as_slice());
    let mut there = zset::has(ctx, &to, members)?.into_iter();
    outcome.keep_back(|_| there.next().unwrap_or(true));
    let places = outcome.to_remove();
    if places.is_empty() {
        return Ok(Vec::new());
    }
    // This member does not exist, so the command changes nothing, but it is refused for the same reasons as
    // the real one.
    call(
        ctx,
        c"ZREM",
        CallMode::Write,
        &[RString::new(key.bytes()), RString::new(Uuid::new_v4().to_string())],
    )?;
    // Nothing may unwind between the two writes.
    let no_return = AbortOnUnwind;
    let mut args = vec![RString::new(to.bytes())];
    for place in places {
        args.extend([RString::new(format!("{:e}", place.score)), RString::new(&place.tag)]);
    }
    let mut added = None;
    tell_own(ctx, to.bytes(), b"zadd", || added = Some(call(ctx, c"ZADD", CallMode::Write, &args)));
    if let Some(Err(line)) = added {
        drop(no_return);
        return Err(line);
    }
    fault::point("between the two sorted sets");
    remove(ctx, key, places)?;
    drop(no_return);
    Ok(places.iter().map(|place| digest(&place.tag)).collect())
}
