//! Records that say a job lives although nothing runs any more: left by a process that ended, or by the
//! primary before this one. A server that may write rewrites them as interrupted, with an audit entry.

use qadmin_core::error::EndReason;

use crate::audit::Entry;
use crate::record;
use crate::redis::clock::now_ms;
use crate::redis::{Ctx, event_loop, log};
use crate::state::State;

/// Records that are looked at in one turn: most have ended and cost a few microseconds.
const PER_TURN: usize = 16;

impl State {
    /// This server became the one that may write, or loaded other data: every record that it knows is to be
    /// looked at.
    pub(crate) fn reconcile_later(&mut self, ctx: Ctx<'_>) {
        self.orphaned = self.records.all().into();
        if !self.orphaned.is_empty() {
            event_loop::hook(ctx);
            self.wake();
        }
    }

    /// Looks at some. The caller has asked the gate. Says whether it did something.
    pub(crate) fn reconcile(&mut self, ctx: Ctx<'_>) -> bool {
        for done in 0..PER_TURN {
            // Taken out first: one that panics must not stand in the way of others.
            let Some((id, db, key)) = self.orphaned.pop_front() else { return done > 0 };
            let stored = record::read_as_it_stands(ctx, db, &key);
            self.records.learn(id, stored.as_ref().map(|stored| &stored.record));
            if self.registry.find_live(id).is_none()
                && let Some(mut stored) = stored
                && !stored.record.status().has_ended()
            {
                let entry = match self.registry.find_ended(id, now_ms()) {
                    // It ended here, and its record could not be written then.
                    Some(ended) => {
                        stored.record = ended.record.clone();
                        Entry::End
                    }
                    None => {
                        stored.record.interrupt(&EndReason::ServerGone);
                        Entry::Interrupted
                    }
                };
                let pending = stored.rewritten(id, db, entry);
                if !pending.lies_under(&key, ctx) {
                    log::notice(&format!(
                        "the record of job {id} lies under a key of another kind of server"
                    ));
                } else if let Err(refusal) = pending.write(ctx) {
                    if refusal.may_pass() {
                        self.orphaned.push_front((id, db, key));
                        return done > 0;
                    }
                    log::warning(&format!("the record of job {id} stays as it is: {refusal}"));
                }
            }
        }
        true
    }
}
