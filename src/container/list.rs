//! Lists: messages are removed while the list is walked, and replicas repeat the removal by QADMIN.APPLY.

use qadmin_core::format::Skim;
use qadmin_core::job::{self, Destination, Job};
use qadmin_core::message_place::MessageKeys;
use qadmin_core::queue::End;
use qadmin_core::scan::{Budget, ListOutcome, ListScan, Queue};
use qadmin_core::settings::Settings;
use qadmin_core::unit::{pack, pack_seen};

use super::{OpenedKeys, Prepared, Storage, Target, job_traces};
use crate::index;
use crate::measures::Measures;
use crate::moved;
use crate::probe;
use crate::redis::call::replicate;
use crate::redis::guard::AbortOnUnwind;
use crate::redis::job_hashes::Use;
use crate::redis::list::{self, List, Mode, put};
use crate::redis::message_hash::{ClosedMessages, Messages};
use crate::redis::{Ctx, RString, fault, keyspace};
use crate::refusal::Refusal;
use crate::state::{State, tell_own};

/// Returns the names by which one list or sorted set of a job or a command is opened ([`Storage::open`]): the key, and the
/// words for the keys of its messages if its elements are ids.
pub(crate) fn names_of(storage: &job::Storage, key: &[u8]) -> Vec<RString> {
    let words = storage.message_keys().into_iter().flat_map(MessageKeys::words);
    std::iter::once(key).chain(words).map(RString::new).collect()
}

impl<'c> Storage<'c> for List<'c> {
    type Scan = ListScan;

    fn open(ctx: Ctx<'c>, names: &'c [RString], mode: Mode) -> OpenedKeys<Self> {
        let [name, words @ ..] = names else { return OpenedKeys::Missing };
        // The hash is opened first. If its time is over, that deletes it, which must come before a removal.
        let messages = match words {
            [] => None,
            _ => match Messages::open(ctx, name, words, used(mode)) {
                None => return OpenedKeys::Other,
                messages => messages,
            },
        };
        match (List::open(ctx, name, mode), messages) {
            (list::OpenedList::List(list), Some(messages)) => OpenedKeys::Keys(list.with_messages(messages)),
            (list::OpenedList::List(list), None) => OpenedKeys::Keys(list),
            (list::OpenedList::Missing, _) => OpenedKeys::Missing,
            (list::OpenedList::Other, _) => OpenedKeys::Other,
        }
    }

    fn list_len(&self) -> Option<u64> {
        Some(self.len())
    }

    fn skims(&mut self, skim: Skim) {
        List::skims(self, skim);
    }

    fn prepare(&mut self, scan: &mut ListScan, _: &Budget) -> Prepared {
        scan.observe_len(self.len());
        if scan.take_bearings(self) && !self.reopen() {
            return Prepared::Broken;
        }
        Prepared::Ready
    }

    fn budget(measures: &Measures, settings: &Settings, most: usize, moves: bool) -> Budget {
        let mut budget = measures.budget(settings);
        budget.max_deletions = budget.max_deletions.min(most);
        if moves { measures.with_put(budget) } else { budget }
    }

    fn borrow_outcome(state: &mut State) -> ListOutcome {
        std::mem::take(&mut state.outcome)
    }

    fn return_outcome(state: &mut State, outcome: ListOutcome) {
        state.outcome = outcome;
    }

    fn probe_destination(ctx: Ctx<'_>, key: &RString) -> Result<(), Refusal> {
        probe_destination(ctx, key)
    }

    fn remove_matches(
        self,
        ctx: Ctx<'c>,
        names: &'c [RString],
        outcome: &mut ListOutcome,
        to: Option<Target<'_>>,
    ) -> Result<Vec<u64>, Vec<u8>> {
        let [name, words @ ..] = names else { return Ok(Vec::new()) };
        outcome.left = self.len() - outcome.removed();
        Ok(tell(ctx, self, (name, words), outcome, to))
    }

    fn learn(measures: &mut Measures, outcome: &ListOutcome, took_ns: u64, moves: bool, now: u64) {
        if moves {
            measures.put(outcome.removed(), took_ns);
        }
        measures.learn(outcome, now);
    }

    fn sought(measures: &mut Measures, seek_ns: u64) {
        measures.sought(seek_ns);
    }

    fn tell_jobs(state: &mut State, _: Ctx<'_>, job: &mut Job, names: &[RString], outcome: &ListOutcome) {
        let ([name, ..], db) = (names, job.start().db) else { return };
        let indexes: Vec<u64> = outcome.deletions.iter().map(|deletion| deletion.index).collect();
        for other in state.registry.live_mut() {
            other.follow_deletion(db, name.bytes(), &indexes, outcome.left);
        }
        state.forget_counts(db, name.bytes());
    }
}

/// Returns what the messages of ids are read for if their list is opened in this mode.
fn used(mode: Mode) -> Use {
    if mode == Mode::Read { Use::Show } else { Use::Remove }
}

/// Checks whether messages can be pushed to this list, as far as that depends on its key. It is called after
/// [`probe::probe`], in the same slot.
fn probe_destination(ctx: Ctx<'_>, key: &RString) -> Result<(), Refusal> {
    match List::open(ctx, key, Mode::Read) {
        list::OpenedList::List(_) => Ok(()),
        // While its slot migrates, the key can already be on the other node.
        list::OpenedList::Missing if ctx.flags().cluster() && probe::has_moved(ctx, key) => {
            Err(Refusal::Moved)
        }
        list::OpenedList::Missing => Ok(()),
        list::OpenedList::Other => Err(Refusal::Destination { wanted: "a list" }),
    }
}

/// Pushes the removed messages to the destination, if there is one, or deletes the messages of a list of ids;
/// replicates and announces the unit, and closes the keys. Returns the digests of the messages that were moved.
fn tell(
    ctx: Ctx<'_>,
    mut list: List<'_>,
    (name, words): (&RString, &[RString]),
    outcome: &ListOutcome,
    to: Option<(&Destination, End)>,
) -> Vec<u64> {
    if list.deleted() != outcome.removed() {
        // The callback panicked directly after a deletion. It is unknown which message was deleted, so the
        // deletion cannot be replicated.
        std::process::abort();
    }
    if outcome.deletions.is_empty() {
        list.close();
        return Vec::new();
    }
    // From the first deletion until the unit is in the replication buffer, nothing may unwind.
    let no_return = AbortOnUnwind;
    fault::point("replicating a unit");
    let (indexes, fingerprints) = pack(&outcome.deletions);
    let mut args = vec![
        RString::new(name.bytes()),
        RString::new(list.len().to_string()),
        RString::new(indexes),
        RString::new(fingerprints),
    ];
    list.remove_messages();
    fault::point("between list and hash");
    args.extend(words.iter().map(|word| RString::new(word.bytes())));
    args.extend(list.seen().map(|seen| RString::new(pack_seen(seen))));
    let to = to.map(|(to, end)| (RString::new(&to.key), end));
    if let Some((key, end)) = &to {
        let len = push_moved(ctx, &list, key, *end);
        args.extend([RString::new(key.bytes()), RString::new(end.word()), RString::new(len.to_string())]);
    }
    if !replicate(ctx, c"QADMIN.APPLY", &args) {
        // The module's own command is missing. Replicas would not receive the unit and would diverge.
        std::process::abort();
    }
    drop(no_return);
    let emptied = list.is_emptied();
    let taken: Vec<u64> = outcome.deletions.iter().map(|deletion| deletion.index).collect();
    index::took_out(ctx.db(), name.bytes(), &taken, outcome.left);
    let moved = if to.is_some() { moved::digests(list.taken()) } else { Vec::new() };
    let closed = list.close();
    notify(ctx, name, emptied);
    job_traces::remove_after(ctx, name, words, closed.as_ref());
    notify_messages(ctx, words.first(), closed);
    if let Some((key, end)) = &to {
        notify_put(ctx, key, *end);
    }
    moved
}

/// Pushes the removed messages to another list, in their order. Returns the length that the other list had before.
pub(crate) fn push_moved(ctx: Ctx<'_>, list: &List<'_>, key: &RString, end: End) -> u64 {
    let taken = list.taken().iter();
    let before = match end {
        End::Head => put(ctx, key, end, taken.rev()),
        End::Tail => put(ctx, key, end, taken),
    };
    // This callback has checked the key. The removed messages exist nowhere else.
    before.unwrap_or_else(|| std::process::abort())
}

/// Announces the push as if a client had pushed: jobs on that list handle it like any other push.
pub(crate) fn notify_put(ctx: Ctx<'_>, key: &RString, end: End) {
    keyspace::notify_list(ctx, if end == End::Head { c"lpush" } else { c"rpush" }, key);
}

pub(crate) fn notify(ctx: Ctx<'_>, name: &RString, emptied: bool) {
    tell_own(ctx, name.bytes(), b"lrem", || keyspace::notify_list(ctx, c"lrem", name));
    if emptied {
        tell_own(ctx, name.bytes(), b"del", || keyspace::notify_generic(ctx, c"del", name));
    }
}

/// Announces that messages of a list of ids were deleted. `hash` is the key of all of them, if there is one.
pub(crate) fn notify_messages(ctx: Ctx<'_>, hash: Option<&RString>, closed: Option<ClosedMessages>) {
    match (hash, closed) {
        (Some(hash), Some(ClosedMessages::Hash { is_changed, is_emptied })) => {
            if is_changed {
                keyspace::notify_hash(ctx, c"hdel", hash);
            }
            if is_emptied {
                keyspace::notify_generic(ctx, c"del", hash);
            }
        }
        (_, Some(ClosedMessages::Jobs(jobs))) => {
            jobs.deleted.iter().for_each(|name| keyspace::notify_generic(ctx, c"del", name));
            if let Some(left) = jobs.left {
                keyspace::notify_sorted_set(ctx, c"zrem", &left.name);
                if left.is_emptied {
                    keyspace::notify_generic(ctx, c"del", &left.name);
                }
            }
        }
        (None, _) | (_, None) => {}
    }
}
