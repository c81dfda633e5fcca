//! One unit of a clear: the deletions, what replicas and the append-only file hear of them, and the record.

use qadmin_core::job::Destination;
use qadmin_core::queue::End;
use qadmin_core::scan::{Hit, Look, Queue, fingerprint};
use qadmin_core::unit::{pack, unpack};

use crate::moved;
use crate::redis::call::{How, call, replicate};
use crate::redis::guard::{AbortOnUnwind, guard};
use crate::redis::key::{Type, type_of};
use crate::redis::list::{List, Mode, Opened, put};
use crate::redis::{Ctx, RString, fault, keyspace};
use crate::refusal::{Refusal, reason};
use crate::state::{State, tell_own};

/// Asks the server whether a write on this record's slot would be refused now, by a write that changes
/// nothing and notifies nobody: removing a field that no record has. It is refused for all the reasons for
/// which the real write would be, and may be asked while the queue is open.
pub(crate) fn probe(ctx: Ctx<'_>, record_key: &RString) -> Result<(), Refusal> {
    if !matches!(type_of(ctx, record_key), Type::Hash | Type::Missing) {
        return Err(Refusal::RecordKey);
    }
    let field = RString::new("");
    let args = [RString::new(record_key.bytes()), field];
    match call(ctx, c"HDEL", How::Write, &args) {
        Ok(_) => Ok(()),
        Err(line) => Err(reason(&line)),
    }
}

/// Whether messages may be put into this list, in as far as that is about its key; asked behind [`probe`], in the
/// same slot.
pub(crate) fn probe_destination(ctx: Ctx<'_>, key: &RString) -> Result<(), Refusal> {
    match List::open(ctx, key, Mode::Read) {
        Opened::List(_) => Ok(()),
        // On its way to another node it may be there already.
        Opened::Missing if ctx.flags().cluster() && has_moved(ctx, key) => Err(Refusal::Moved),
        Opened::Missing => Ok(()),
        Opened::Other => Err(Refusal::NoList),
    }
}

/// Whether the key's slot is served by another node now, or the key is on its way there. Asked when a queue
/// is gone: MIGRATE and the loss of a slot delete keys as DEL does, and tell nothing else.
pub(crate) fn has_moved(ctx: Ctx<'_>, key: &RString) -> bool {
    // While its slot migrates, a key that is not here counts as one of the other node's.
    let asked = call(ctx, c"EXISTS", How::Read, &[RString::new(key.bytes())]);
    asked.is_err_and(|line| reason(&line) == Refusal::Moved)
}

/// Puts what a look took out of the list where it goes, tells replicas, the append-only file and everybody else, and
/// closes it. Answers the digests of what was put into another list.
pub(crate) fn tell(
    ctx: Ctx<'_>,
    list: List<'_>,
    name: &RString,
    look: &Look,
    to: Option<(&Destination, End)>,
) -> Vec<u64> {
    if list.deleted() != look.removed() {
        // A panic right behind a deletion: nobody knows which message it was, so nobody could be told.
        std::process::abort();
    }
    if look.hits.is_empty() {
        list.close();
        return Vec::new();
    }
    // From the first deletion until the unit is in the replication buffer nothing may unwind.
    let no_return = AbortOnUnwind;
    fault::point("telling a unit");
    let (indexes, fingerprints) = pack(&look.hits);
    let mut args = vec![
        RString::new(name.bytes()),
        RString::new(list.len().to_string()),
        RString::new(indexes),
        RString::new(fingerprints),
    ];
    let to = to.map(|(to, end)| (RString::new(&to.key), end));
    if let Some((key, end)) = &to {
        let len = put_taken(ctx, &list, key, *end);
        args.extend([RString::new(key.bytes()), RString::new(end.word()), RString::new(len.to_string())]);
    }
    if !replicate(ctx, c"QADMIN.APPLY", &args) {
        // Our own command is not there: replicas cannot be told, and would diverge.
        std::process::abort();
    }
    drop(no_return);
    let emptied = list.is_emptied();
    let moved = if to.is_some() { moved::digests(list.taken()) } else { Vec::new() };
    list.close();
    notify(ctx, name, emptied);
    if let Some((key, end)) = &to {
        notify_put(ctx, key, *end);
    }
    moved
}

/// Puts what was taken out of a list into another one, in its order. Answers how long that one was.
fn put_taken(ctx: Ctx<'_>, list: &List<'_>, key: &RString, end: End) -> u64 {
    let taken = list.taken().iter();
    let before = match end {
        End::Head => put(ctx, key, end, taken.rev()),
        End::Tail => put(ctx, key, end, taken),
    };
    // It was looked at in this callback. What was taken out has no other place to go.
    before.unwrap_or_else(|| std::process::abort())
}

/// As if a client had pushed: jobs on that list follow it as they follow any push.
fn notify_put(ctx: Ctx<'_>, key: &RString, end: End) {
    keyspace::notify_list(ctx, if end == End::Head { c"lpush" } else { c"rpush" }, key);
}

fn notify(ctx: Ctx<'_>, name: &RString, emptied: bool) {
    tell_own(ctx, name.bytes(), b"lrem", || keyspace::notify_list(ctx, c"lrem", name));
    if emptied {
        tell_own(ctx, name.bytes(), b"del", || keyspace::notify_generic(ctx, c"del", name));
    }
}

/// What became of a unit from a primary or an append-only file.
pub(crate) enum Applied {
    /// Done; it may not be left by a panic before it was passed on.
    Done(AbortOnUnwind),
    /// The list holds something else; nothing was touched.
    Mismatch,
}

/// Repeats a unit.
pub(crate) fn apply(state: &mut State, ctx: Ctx<'_>, args: &[&[u8]]) -> Applied {
    // A panic before the first deletion is a mismatch: nothing was touched.
    let done = guard("a unit of the primary", || try_apply(state, ctx, args)).unwrap_or(Applied::Mismatch);
    match done {
        Applied::Done(_) => state.totals.applied += 1,
        Applied::Mismatch => state.totals.apply_mismatches += 1,
    }
    done
}

fn try_apply(state: &mut State, ctx: Ctx<'_>, args: &[&[u8]]) -> Applied {
    let (key, len, indexes, prints, to) = match args {
        [key, len, indexes, prints] => (key, len, indexes, prints, None),
        [key, len, indexes, prints, to, end, its_len] => {
            let (end, its_len) = (End::parse(end), qadmin_core::args::parse_u64(its_len));
            let (Some(end), Some(its_len)) = (end, its_len) else { return Applied::Mismatch };
            (key, len, indexes, prints, Some((RString::new(to), end, its_len)))
        }
        _ => return Applied::Mismatch,
    };
    let Some(len) = qadmin_core::args::parse_u64(len) else { return Applied::Mismatch };
    let Some(hits) = unpack(len, indexes, prints) else { return Applied::Mismatch };
    let name = RString::new(key);
    // Twice: nothing may be touched before everything was compared.
    let Opened::List(mut list) = List::open(ctx, &name, Mode::Read) else { return Applied::Mismatch };
    if list.len() != len || !hits.iter().all(|hit| holds(&mut list, hit)) {
        return Applied::Mismatch;
    }
    drop(list);
    if let Some((to, _, its_len)) = &to {
        let len = match List::open(ctx, to, Mode::Read) {
            Opened::List(list) => list.len(),
            Opened::Missing => 0,
            Opened::Other => return Applied::Mismatch,
        };
        if len != *its_len || to.bytes() == *key {
            return Applied::Mismatch;
        }
    }
    let mode = if to.is_some() { Mode::Take } else { Mode::Erase };
    let Opened::List(mut list) = List::open(ctx, &name, mode) else { return Applied::Mismatch };
    let no_return = AbortOnUnwind;
    for (taken, hit) in hits.iter().enumerate() {
        let index = hit.index - taken as u64;
        if list.read(index, |_| ()).is_none() || !list.delete(index) {
            // It held all of them a moment ago: the list is broken, and going on would spread it.
            std::process::abort();
        }
    }
    let emptied = list.is_emptied();
    if let Some((to, end, _)) = &to {
        put_taken(ctx, &list, to, *end);
    }
    list.close();
    notify(ctx, &name, emptied);
    if let Some((to, end, _)) = &to {
        notify_put(ctx, to, *end);
        state.forget_counts(ctx.db(), to.bytes());
    }
    let ascending: Vec<u64> = hits.iter().map(|hit| hit.index).collect();
    let db = ctx.db();
    for job in state.registry.live_mut() {
        job.follow_deletion(db, key, &ascending);
    }
    state.forget_counts(db, key);
    Applied::Done(no_return)
}

fn holds(list: &mut List<'_>, hit: &Hit) -> bool {
    list.read(hit.index, |message| fingerprint(message) == hit.fingerprint) == Some(true)
}
