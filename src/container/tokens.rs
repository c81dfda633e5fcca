//! The tokens of Laravel's lists, which the server's own commands change in the unit that removes or moves jobs, so that replicas
//! and the append-only file need no command of this module. `qadmin_core::tokens` says how many.

use qadmin_core::job::Start;
use qadmin_core::scan::Queue as _;
use qadmin_core::slot;
use qadmin_core::tokens::{TOKEN, TokenKeys, coming, leaving};

use crate::redis::call::{CallMode, call};
use crate::redis::key::{Type, type_of};
use crate::redis::list::{List, Mode, OpenedList, len_of};
use crate::redis::{Ctx, RString};

/// Takes off the tokens of jobs that a slice removed, and adds those of jobs that it moved. What the server refuses is left
/// out: a worker that takes a token too many looks for a job and waits again.
pub(crate) fn settle(ctx: Ctx<'_>, start: &Start, removed: u64) {
    if removed == 0 {
        return;
    }
    let keys = TokenKeys::of(start);
    if let Some(key) = keys.from.filter(|key| is_here(ctx, key, &start.queue)) {
        take_off(ctx, &RString::new(key), len_of(ctx, &start.queue).unwrap_or(0), removed);
    }
    if let (Some(key), Some(to)) = (keys.to, &start.clear_options.to)
        && is_here(ctx, &key, &to.key)
    {
        add(ctx, &RString::new(key), len_of(ctx, &to.key).unwrap_or(0), removed);
    }
}

/// Returns whether the tokens of this list can be on this node. Laravel gives both keys one slot in a cluster.
fn is_here(ctx: Ctx<'_>, tokens: &[u8], list: &[u8]) -> bool {
    !ctx.flags().cluster() || slot::of(tokens) == slot::of(list)
}

/// Takes tokens from the end from which workers take them.
fn take_off(ctx: Ctx<'_>, key: &RString, jobs: u64, removed: u64) {
    let count = match List::open(ctx, key, Mode::Read) {
        OpenedList::List(mut tokens) => {
            let count = leaving(tokens.len(), jobs, removed);
            // A queue can have the name of these tokens.
            let are_tokens = (0..count).all(|at| tokens.read(at, |token| token == TOKEN) == Some(true));
            if are_tokens { count } else { 0 }
        }
        OpenedList::Missing | OpenedList::Other => 0,
    };
    if count > 0 {
        let args = [key.bytes().to_vec(), count.to_string().into(), b"-1".to_vec()].map(RString::new);
        let _ = call(ctx, c"LTRIM", CallMode::Write, &args);
    }
}

fn add(ctx: Ctx<'_>, key: &RString, jobs: u64, added: u64) {
    let tokens = match type_of(ctx, key) {
        Type::List => len_of(ctx, key.bytes()).unwrap_or(0),
        Type::Missing => 0,
        _ => return,
    };
    let new = usize::try_from(coming(tokens, jobs, added)).unwrap_or(0);
    if new > 0 {
        let all = std::iter::once(key.bytes()).chain(std::iter::repeat_n(TOKEN, new));
        let _ = call(ctx, c"RPUSH", CallMode::Write, &all.map(RString::new).collect::<Vec<_>>());
    }
}
