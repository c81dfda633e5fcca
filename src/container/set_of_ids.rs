//! Sorted sets of ids whose messages are in other keys. The server's own commands remove ids and messages, so that replicas
//! and the append-only file need no command of this module.

use qadmin_core::format::Skim;
use qadmin_core::job::Job;
use qadmin_core::message_place::{JobKeys, MessageKeys, RqKeys};
use qadmin_core::scan::{Budget, IdSetScan, IndexKeys, IndexOutcome, IndexPosition, SliceOutcome as _};
use qadmin_core::settings::Settings;

use super::{OpenedKeys, Prepared, Storage, Target};
use super::{index, job_traces};
use crate::measures::Measures;
use crate::redis::call::{CallMode, call};
use crate::redis::clock::Steady;
use crate::redis::job_hashes::{Use, leaving, reserved};
use crate::redis::key::{Type, type_of};
use crate::redis::list::Mode;
use crate::redis::message_hash::Messages;
use crate::redis::zset_reader::Reader;
use crate::redis::{Ctx, RString, fault, zset};
use crate::state::State;

/// A sorted set of ids and the keys of the messages, opened for one callback. They must be dropped before anything is
/// written to them.
pub(crate) struct Keys<'c> {
    ctx: Ctx<'c>,
    name: &'c RString,
    set: Reader<'c>,
    messages: Messages<'c>,
}

impl<'c> Keys<'c> {
    /// Opens a sorted set that exists, and the keys that these words say, for reading.
    pub(crate) fn open(ctx: Ctx<'c>, name: &'c RString, words: &'c [RString], used: Use) -> OpenedKeys<Self> {
        let Some(messages) = Messages::open(ctx, name, words, used) else { return OpenedKeys::Other };
        match index::open(ctx, name) {
            // The server does not keep empty sorted sets.
            OpenedKeys::Keys(set) if set.entries() == 0 => OpenedKeys::Missing,
            OpenedKeys::Keys(set) => OpenedKeys::Keys(Self { ctx, name, set, messages }),
            OpenedKeys::Missing => OpenedKeys::Missing,
            OpenedKeys::Other => OpenedKeys::Other,
            OpenedKeys::Refused(line) => OpenedKeys::Refused(line),
        }
    }

    /// Reads the message whose id is at this position; returns `None` if the id has left or has no message.
    pub(crate) fn read_at<R>(&mut self, place: &IndexPosition, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        if !self.set.has(place) {
            return None;
        }
        let message = self.messages.message(&RString::new(&place.tag));
        (!message.bytes().is_empty()).then(|| f(message.bytes()))
    }
}

impl IndexKeys for Keys<'_> {
    fn seek(&mut self, after: Option<&IndexPosition>) {
        self.set.seek(after);
    }

    /// An id without a message has an empty one, which the judge counts as missing.
    fn next<R>(&mut self, f: impl FnOnce(f64, &[u8], Option<&[u8]>) -> R) -> Option<R> {
        let (id, score) = self.set.next_entry()?;
        let message = self.messages.message(&RString::new(&id));
        fault::point("reading a message");
        Some(f(score, &id, Some(message.bytes())))
    }

    fn examine_next<R>(
        &mut self,
        mut f: impl FnMut(f64, &[u8], Option<&[u8]>, bool) -> Option<R>,
    ) -> Option<R> {
        let (id, score) = self.set.next_entry()?;
        let name = RString::new(&id);
        let part = self.messages.skim(&name);
        fault::point("reading a message");
        if let Some(result) = part.and_then(|part| f(score, &id, Some(part), false)) {
            return Some(result);
        }
        let message = self.messages.message(&name);
        f(score, &id, Some(message.bytes()), true)
    }

    fn seek_back(&mut self, place: Option<&IndexPosition>) {
        self.set.seek_back(place);
    }

    fn previous(&mut self) -> Option<IndexPosition> {
        self.set.previous()
    }

    fn rank(&mut self, place: Option<&IndexPosition>) -> Option<u64> {
        self.set.rank(place)
    }

    fn at(&mut self, rank: u64) -> Option<IndexPosition> {
        self.set.at(rank)
    }

    fn up_to(&mut self, score: f64) -> Option<u64> {
        self.set.up_to(score)
    }

    fn is_refused(&self) -> bool {
        self.set.is_refused()
    }

    fn kept_message(&mut self, id: &[u8]) -> Option<Vec<u8>> {
        Some(self.messages.message(&RString::new(id)).bytes().to_vec())
    }
}

impl<'c> Storage<'c> for Keys<'c> {
    type Scan = IdSetScan;

    fn open(ctx: Ctx<'c>, names: &'c [RString], mode: Mode) -> OpenedKeys<Self> {
        let [name, words @ ..] = names else { return OpenedKeys::Missing };
        Self::open(ctx, name, words, if mode == Mode::Read { Use::Show } else { Use::Judge })
    }

    fn skims(&mut self, skim: Skim) {
        self.messages.skims(skim);
    }

    fn prepare(&mut self, scan: &mut IdSetScan, budget: &Budget) -> Prepared {
        let entries = self.set.entries();
        scan.observe(entries, entries);
        // Modules can change sorted sets without an event.
        scan.count(self);
        if let Some(kept) = scan.kept()
            && zset::score(self.ctx, self.name, kept) == Ok(None)
        {
            scan.lose_kept();
        }
        match scan.is_reading() {
            true => Prepared::Spent { seek_ns: scan.read(self, &Steady, budget) },
            false => Prepared::Ready,
        }
    }

    fn refused(&mut self) -> Option<Vec<u8>> {
        self.set.refused()
    }

    fn budget(measures: &Measures, settings: &Settings, most: usize, _: bool) -> Budget {
        measures.set_of_ids(settings, most)
    }

    fn remove_matches(
        self,
        ctx: Ctx<'c>,
        names: &'c [RString],
        outcome: &mut IndexOutcome,
        _: Option<Target<'_>>,
    ) -> Result<Vec<u64>, Vec<u8>> {
        // The keys must not be open while they are written to.
        drop(self);
        let [name, words @ ..] = names else { return Ok(Vec::new()) };
        if outcome.to_remove().is_empty() {
            return Ok(Vec::new());
        }
        let taken = remove(ctx, name, words, outcome.to_remove());
        if taken.is_err() {
            outcome.removed_nothing();
        }
        taken.map(|()| Vec::new())
    }

    fn learn(measures: &mut Measures, outcome: &IndexOutcome, took_ns: u64, _: bool, now: u64) {
        if outcome.removed() > 0 {
            measures.took_ids(outcome.removed(), took_ns, now);
        }
    }

    fn tell_jobs(state: &mut State, ctx: Ctx<'_>, job: &mut Job, names: &[RString], _: &IndexOutcome) {
        let [name, ..] = names else { return };
        index::tell_jobs(state, ctx, job, name.bytes(), name.bytes());
    }
}

/// Removes ids and their messages, as one unit of replication with everything else that the callback writes.
///
/// # Errors
/// Returns the server's error line; nothing was removed then.
fn remove(ctx: Ctx<'_>, name: &RString, words: &[RString], places: &[IndexPosition]) -> Result<(), Vec<u8>> {
    let ids: Vec<&[u8]> = places.iter().map(|place| place.tag.as_slice()).collect();
    let texts: Vec<&[u8]> = words.iter().map(RString::bytes).collect();
    let keys = MessageKeys::of_words(name.bytes(), &texts);
    let (command, messages) = match &keys {
        Some(MessageKeys::Hash(hash)) => (c"HDEL", index::args(&RString::new(hash), ids.iter().copied())),
        Some(MessageKeys::Jobs(jobs)) => (c"UNLINK", keys_of_jobs(ctx, jobs, &ids)),
        // Such a set cannot be opened.
        None => return Err(b"ERR the keys of the messages are not known".to_vec()),
    };
    let forgotten = match &keys {
        Some(MessageKeys::Jobs(JobKeys::Rq(jobs))) => dependencies(ctx, jobs, &ids),
        _ => Vec::new(),
    };
    index::remove(ctx, name, places, || {
        call(ctx, command, CallMode::Write, &messages)?;
        for words in &forgotten {
            // The key was a set a moment ago.
            let _ = call(ctx, c"SREM", CallMode::Write, words);
        }
        fault::point("between messages and ids");
        Ok(())
    })?;
    if let Some(MessageKeys::Jobs(JobKeys::Bull(keys))) = &keys {
        job_traces::remove(ctx, keys, &ids);
    }
    Ok(())
}

/// Returns the words of SREM for each set in which another job names one of these as waiting for it. A worker of RQ that
/// has finished that job watches the set while it moves the waiting jobs to their queues, and begins anew if the set changed
/// (`Queue.move_dependents_to_ready` of RQ 3.0.0). Otherwise it would write the status of a job that is gone.
fn dependencies(ctx: Ctx<'_>, jobs: &RqKeys, ids: &[&[u8]]) -> Vec<[RString; 2]> {
    let mut all = Vec::new();
    for id in ids {
        let own = RString::new(jobs.dependencies(id));
        if type_of(ctx, &own) != Type::Set {
            continue;
        }
        let others = call(ctx, c"SMEMBERS", CallMode::Read, &[own]).map(|others| others.list());
        for other in others.unwrap_or_default() {
            let waiting = RString::new(jobs.dependents(&other));
            if type_of(ctx, &waiting) == Type::Set {
                all.push([waiting, RString::new(id)]);
            }
        }
    }
    all
}

/// Returns the keys that leave with these jobs: the jobs themselves, and of their other keys those that exist and have the
/// type that the library gives to them.
fn keys_of_jobs(ctx: Ctx<'_>, jobs: &JobKeys, ids: &[&[u8]]) -> Vec<RString> {
    let mut keys = Vec::with_capacity(ids.len());
    for id in ids {
        let others = leaving(ctx, jobs, id).into_iter().chain(reserved(ctx, jobs, id));
        keys.extend(jobs.job(id).into_iter().chain(others).map(RString::new));
    }
    keys
}
