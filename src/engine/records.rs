//! Room for the newest records: the oldest are deleted.

use uuid::Uuid;

use crate::record::{PendingWrite, key, read_as_it_stands};
use crate::redis::call::{CallMode, call};
use crate::redis::{Ctx, RString};
use crate::refusal::{Refusal, reason};
use crate::state::State;

/// Records that are deleted in one turn, so that the newest find room.
const TRIMMED_PER_TURN: usize = 8;

impl State {
    /// Deletes the oldest records while all together take too much, some in each turn. The record of a live job stays.
    /// The caller has asked the gate.
    pub(crate) fn trim_records(&mut self, ctx: Ctx<'_>) {
        // How much it takes, and how old it is, is known of what was read.
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
            // What somebody else has put under such a name is not deleted.
            if read_as_it_stands(ctx, db, &key).is_some() {
                ctx.select(db);
                match call(ctx, c"UNLINK", CallMode::Write, &[RString::new(&key)]) {
                    // One whose slot moved to another node is that node's.
                    Err(line) if reason(&line) != Refusal::Moved => return,
                    _ => {}
                }
            }
            // The server tells of it, too, and is heard when this callback is over.
            self.records.gone(db, &key);
        }
    }

    /// Knows the record of a job that starts, and what it takes.
    pub(crate) fn know_record(&mut self, ctx: Ctx<'_>, pending: &PendingWrite) {
        self.records.seen(pending.db, &key(&pending.queue, pending.id, ctx.flags().cluster()));
        self.records.learn(pending.id, Some(&pending.record));
    }
}
