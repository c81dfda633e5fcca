//! Walks over the keys, between the slices of jobs.

use crate::redis::{Ctx, event_loop, events};
use crate::state::State;
use crate::walk::Walk;

impl State {
    /// Starts a walk that continues in slices.
    pub(crate) fn go_on(&mut self, ctx: Ctx<'_>, walk: Walk) {
        self.walks.add(walk);
        events::follow(ctx);
        event_loop::hook(ctx);
        self.wake();
    }

    /// Runs a slice of a walk, if it is a walk's turn.
    pub(crate) fn walk(&mut self, ctx: Ctx<'_>) -> bool {
        let Some(ended) = self.walks.turn(ctx, !self.registry.live().is_empty()) else { return false };
        if let Some(id) = ended {
            self.waiters.release(id);
        }
        true
    }
}
