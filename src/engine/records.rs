//! Room for the newest records: the oldest ones are deleted.

use uuid::Uuid;

use crate::record::{PendingWrite, key, read_as_it_stands};
use crate::redis::call::{CallMode, call};
use crate::redis::{Ctx, RString};
use crate::refusal::{Refusal, reason};
use crate::state::State;

/// Records that are deleted in one turn to make room for the newest.
const TRIMMED_PER_TURN: usize = 8;

impl State {
    /// Deletes the oldest records while all records together take too much memory, some in each turn. The records
    /// of live jobs are kept. The caller has checked the gate.
    pub(crate) fn trim_records(&mut self, ctx: Ctx<'_>) {
        // The size and the age of a record are known once it was read.
        if let Some((id, db, key)) = self.records.some_unread() {
            let stored = read_as_it_stands(ctx, db, &key);
            self.records.learn(id, stored.as_ref().map(|stored| &stored.record));
        }
        for _ in 0..TRIMMED_PER_TURN {
            if !self.records.takes_too_much() {
                return;
            }
            let is_live = |id: &Uuid| self.registry.live().iter().any(|job| job.id() == *id);
            let Some(oldest) = self.records.oldest().find(|id| !is_live(id)) else { return };
            let Some((db, key)) = self.records.find(oldest) else { return };
            // A key of that name that somebody else created is not deleted.
            if read_as_it_stands(ctx, db, &key).is_some() {
                ctx.select(db);
                match call(ctx, c"UNLINK", CallMode::Write, &[RString::new(&key)]) {
                    // If its slot moved to another node, the record is the business of that node.
                    Err(line) if reason(&line) != Refusal::Moved => return,
                    _ => {}
                }
            }
            // The server notifies the module of it, too, and that event is followed after this callback.
            self.records.gone(db, &key);
        }
    }

    /// Indexes the record of a job that starts, with its size.
    pub(crate) fn know_record(&mut self, ctx: Ctx<'_>, pending: &PendingWrite) {
        self.records.seen(pending.db, &key(&pending.queue, pending.id, ctx.flags().cluster()));
        self.records.learn(pending.id, Some(&pending.record));
    }
}
