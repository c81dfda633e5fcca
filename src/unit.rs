//! Repeats a unit of a clear: what the primary removed from a list is removed here, or nothing is.

use qadmin_core::queue::End;
use qadmin_core::scan::{Deletion, Queue, fingerprint};
use qadmin_core::unit::{unpack, unpack_seen};

use crate::container::list::{notify, notify_messages, notify_put, push_moved};
use crate::container::{OpenedKeys, Storage};
use crate::index;
use crate::redis::guard::{AbortOnUnwind, guard};
use crate::redis::list::{List, Mode, OpenedList};
use crate::redis::{Ctx, RString};
use crate::state::State;

/// The result of applying a unit from a primary or an append-only file.
pub(crate) enum Applied {
    /// It was applied. A panic must not leave it before it was passed on.
    Done(AbortOnUnwind),
    /// The list holds something else; nothing was changed.
    Mismatch,
}

/// Repeats a unit.
pub(crate) fn apply(state: &mut State, ctx: Ctx<'_>, args: &[&[u8]]) -> Applied {
    // A panic before the first deletion is a mismatch: nothing was changed.
    let done = guard("a unit of the primary", || try_apply(state, ctx, args)).unwrap_or(Applied::Mismatch);
    match done {
        Applied::Done(_) => state.totals.applied += 1,
        Applied::Mismatch => state.totals.apply_mismatches += 1,
    }
    done
}

/// The arguments of a unit.
struct Parts<'a> {
    key: &'a [u8],
    /// The length of the list before the unit.
    len: u64,
    deletions: Vec<Deletion>,
    /// The words for the keys of the messages of a list of ids.
    words: &'a [&'a [u8]],
    /// Which fields the primary saw of each message, if messages have fields.
    seen: Option<Vec<u32>>,
    /// The list to which the messages were moved, the end at which they were pushed, and its length before.
    to: Option<(RString, End, u64)>,
}

impl<'a> Parts<'a> {
    /// Takes the arguments of a unit apart; `None` if they are no unit.
    fn of(args: &'a [&'a [u8]]) -> Option<Self> {
        let [key, len, indexes, prints, rest @ ..] = args else { return None };
        let len = qadmin_core::args::parse_u64(len)?;
        let deletions = unpack(len, indexes, prints)?;
        let mut parts = Self { key, len, deletions, words: rest, seen: None, to: None };
        if let [first, second, third] = rest {
            match End::parse(second) {
                Some(end) => {
                    let its_len = qadmin_core::args::parse_u64(third)?;
                    (parts.words, parts.to) = (&[], Some((RString::new(first), end, its_len)));
                }
                None => {
                    (parts.words, parts.seen) =
                        (&rest[..2], Some(unpack_seen(parts.deletions.len(), third)?));
                }
            }
        }
        Some(parts)
    }
}

fn try_apply(state: &mut State, ctx: Ctx<'_>, args: &[&[u8]]) -> Applied {
    let Some(Parts { key, len, deletions, words, seen, to }) = Parts::of(args) else {
        return Applied::Mismatch;
    };
    // The list, and the words for the keys of its messages if its elements are ids.
    let names: Vec<RString> = std::iter::once(&key).chain(words).map(RString::new).collect();
    let name = &names[0];
    // The list is walked twice: nothing may be changed before everything was compared.
    let Some(mut list) = open(ctx, &names, Mode::Read, seen.as_deref()) else { return Applied::Mismatch };
    if list.len() != len || !deletions.iter().all(|deletion| holds(&mut list, deletion)) {
        return Applied::Mismatch;
    }
    drop(list);
    if let Some((to, _, its_len)) = &to {
        let len = match List::open(ctx, to, Mode::Read) {
            OpenedList::List(list) => list.len(),
            OpenedList::Missing => 0,
            OpenedList::Other => return Applied::Mismatch,
        };
        if len != *its_len || to.bytes() == key {
            return Applied::Mismatch;
        }
    }
    let mode = if to.is_some() { Mode::Take } else { Mode::Erase };
    let Some(mut list) = open(ctx, &names, mode, seen.as_deref()) else { return Applied::Mismatch };
    let no_return = AbortOnUnwind;
    for (taken, deletion) in deletions.iter().enumerate() {
        let index = deletion.index - taken as u64;
        if list.read(index, |_| ()).is_none() || !list.delete(index) {
            // The list held all of them a moment ago, so it is broken, and continuing would spread the damage.
            std::process::abort();
        }
    }
    let emptied = list.is_emptied();
    if let Some((to, end, _)) = &to {
        push_moved(ctx, &list, to, *end);
    }
    list.remove_messages();
    let closed = list.close();
    let ascending: Vec<u64> = deletions.iter().map(|deletion| deletion.index).collect();
    let left = len - ascending.len() as u64;
    index::took_out(ctx.db(), key, &ascending, left);
    notify(ctx, name, emptied);
    notify_messages(ctx, names.get(1), closed);
    if let Some((to, end, _)) = &to {
        notify_put(ctx, to, *end);
        state.forget_counts(ctx.db(), to.bytes());
    }
    let db = ctx.db();
    for job in state.registry.live_mut() {
        job.follow_deletion(db, key, &ascending, left);
    }
    state.forget_counts(db, key);
    Applied::Done(no_return)
}

/// Opens the keys of a unit; `None` if the list is missing, a key holds something else, or the unit does not say which
/// fields were seen where messages have fields.
fn open<'c>(ctx: Ctx<'c>, names: &'c [RString], mode: Mode, seen: Option<&[u32]>) -> Option<List<'c>> {
    let OpenedKeys::Keys(mut list) = <List<'c> as Storage<'c>>::open(ctx, names, mode) else { return None };
    let fits = match seen {
        Some(seen) => list.sees(seen),
        None => list.seen().is_none(),
    };
    fits.then_some(list)
}

fn holds(list: &mut List<'_>, deletion: &Deletion) -> bool {
    list.read(deletion.index, |message| fingerprint(message) == deletion.fingerprint) == Some(true)
}
