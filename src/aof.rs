//! Whether the append-only file can contain QADMIN.APPLY, with which a server without the module does not start.
//!
//! The server counts the rewrites that began. A rewrite replaces all that was written before it began, so the file is free of
//! units if one that began after the last unit has succeeded. When the last unit was written is not noted, because that would cost
//! each slice something: whoever asks learns whether there were units since the question before, and then one more rewrite is
//! needed.

use crate::redis::main_cell::MainCell;
use crate::redis::{Ctx, server};
use crate::totals::Totals;

/// What was known at the last question.
#[derive(Clone, Copy)]
struct Known {
    /// Rewrites that had begun when there may have been units last.
    rewrites: u64,
    /// Messages and units that had been removed.
    removed: u64,
}

static KNOWN: MainCell<Known> = MainCell::new(Known { rewrites: u64::MAX, removed: 0 });

/// The module was loaded: the file can contain what another life of it wrote.
pub(crate) fn begin(ctx: Ctx<'_>) {
    if let Some(mut known) = KNOWN.try_borrow_mut() {
        *known = Known { rewrites: begun(ctx), removed: 0 };
    }
}

/// Returns whether the server has an append-only file that can contain units.
pub(crate) fn can_hold_units(ctx: Ctx<'_>, totals: &Totals) -> bool {
    if !ctx.flags().aof() {
        return false;
    }
    let (begun, removed) = (begun(ctx), totals.cleared.saturating_add(totals.applied));
    let Some(mut known) = KNOWN.try_borrow_mut() else { return true };
    if removed != known.removed {
        *known = Known { rewrites: begun, removed };
    }
    let is_rewriting = server::persistence(ctx, c"aof_rewrite_in_progress") != Some(0);
    begun <= known.rewrites || is_rewriting || !server::last_rewrite_succeeded(ctx)
}

/// Returns how many rewrites have begun; as many as possible if the server does not say so, so that none seems to come later.
fn begun(ctx: Ctx<'_>) -> u64 {
    server::persistence(ctx, c"aof_rewrites").unwrap_or(u64::MAX)
}
