//! Reconciles records that say that a job is live although nothing runs it any more: those of a process that
//! ended, or of an earlier primary. A server that may write rewrites them as interrupted, with an audit entry.

use qadmin_core::error::EndReason;

use crate::audit::Entry;
use crate::record;
use crate::redis::clock::now_ms;
use crate::redis::{Ctx, event_loop, log};
use crate::state::State;

/// Records that are reconciled in one turn: most of them have ended and cost a few microseconds.
const PER_TURN: usize = 16;

impl State {
    /// This server became the primary, or loaded other data: every record that it knows is queued.
    pub(crate) fn reconcile_later(&mut self, ctx: Ctx<'_>) {
        self.orphaned = self.records.all().into();
        if !self.orphaned.is_empty() {
            event_loop::hook(ctx);
            self.wake();
        }
    }

    /// Reconciles some records. The caller has checked the gate. Returns whether it did something.
    pub(crate) fn reconcile(&mut self, ctx: Ctx<'_>) -> bool {
        for done in 0..PER_TURN {
            // Records are removed first, so that one that panics does not block the others.
            let Some((id, db, key)) = self.orphaned.pop_front() else { return done > 0 };
            let stored = record::read_as_it_stands(ctx, db, &key);
            self.records.learn(id, stored.as_ref().map(|stored| &stored.record));
            if self.registry.find_live(id).is_none()
                && let Some(mut stored) = stored
                && !stored.record.status().has_ended()
            {
                let entry = match self.registry.find_ended(id, now_ms()) {
                    // The job ended on this server, and its record could not be written then.
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
                        "the record of job {id} was not reconciled: its key is not the one that this server would use"
                    ));
                } else if let Err(refusal) = pending.write(ctx) {
                    if refusal.may_pass() {
                        self.orphaned.push_front((id, db, key));
                        return done > 0;
                    }
                    log::warning(&format!("the record of job {id} was not reconciled: {refusal}"));
                }
            }
        }
        true
    }
}
