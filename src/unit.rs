//! Repeats a unit of a clear: what the primary removed from a list is removed here, or nothing is.

use qadmin_core::queue::End;
use qadmin_core::scan::{Deletion, Queue, fingerprint};
use qadmin_core::unit::unpack;

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

fn try_apply(state: &mut State, ctx: Ctx<'_>, args: &[&[u8]]) -> Applied {
    let (key, len, indexes, prints, hash, to) = match args {
        [key, len, indexes, prints] => (key, len, indexes, prints, None, None),
        [key, len, indexes, prints, hash] => (key, len, indexes, prints, Some(hash), None),
        [key, len, indexes, prints, to, end, its_len] => {
            let (end, its_len) = (End::parse(end), qadmin_core::args::parse_u64(its_len));
            let (Some(end), Some(its_len)) = (end, its_len) else { return Applied::Mismatch };
            (key, len, indexes, prints, None, Some((RString::new(to), end, its_len)))
        }
        _ => return Applied::Mismatch,
    };
    let Some(len) = qadmin_core::args::parse_u64(len) else { return Applied::Mismatch };
    let Some(deletions) = unpack(len, indexes, prints) else { return Applied::Mismatch };
    // The list, and the hash of its messages if its elements are ids.
    let names: Vec<RString> = std::iter::once(key).chain(hash).map(RString::new).collect();
    let name = &names[0];
    // The list is walked twice: nothing may be changed before everything was compared.
    let Some(mut list) = open(ctx, &names, Mode::Read) else { return Applied::Mismatch };
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
        if len != *its_len || to.bytes() == *key {
            return Applied::Mismatch;
        }
    }
    let mode = if to.is_some() { Mode::Take } else { Mode::Erase };
    let Some(mut list) = open(ctx, &names, mode) else { return Applied::Mismatch };
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
    index::took_out(ctx.db(), key, &ascending);
    notify(ctx, name, emptied);
    notify_messages(ctx, names.get(1), closed);
    if let Some((to, end, _)) = &to {
        notify_put(ctx, to, *end);
        state.forget_counts(ctx.db(), to.bytes());
    }
    let db = ctx.db();
    for job in state.registry.live_mut() {
        job.follow_deletion(db, key, &ascending);
    }
    state.forget_counts(db, key);
    Applied::Done(no_return)
}

/// Opens the keys of a unit; `None` if the list is missing, or a key holds something else.
fn open<'c>(ctx: Ctx<'c>, names: &'c [RString], mode: Mode) -> Option<List<'c>> {
    match <List<'c> as Storage<'c>>::open(ctx, names, mode) {
        OpenedKeys::Keys(list) => Some(list),
        _ => None,
    }
}

fn holds(list: &mut List<'_>, deletion: &Deletion) -> bool {
    list.read(deletion.index, |message| fingerprint(message) == deletion.fingerprint) == Some(true)
}
