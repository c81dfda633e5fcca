//! Questions to the server before something is written: would it be refused, and where is the key?

use crate::redis::call::{CallMode, call};
use crate::redis::key::{Type, type_of};
use crate::redis::{Ctx, RString};
use crate::refusal::{Refusal, reason};

/// Asks the server whether a write on this record's slot would be refused now, by a write that changes
/// nothing and notifies nobody: removing a field that no record has. It is refused for all the reasons for
/// which the real write would be, and may be asked while the queue is open.
pub(crate) fn probe(ctx: Ctx<'_>, record_key: &RString) -> Result<(), Refusal> {
    if !matches!(type_of(ctx, record_key), Type::Hash | Type::Missing) {
        return Err(Refusal::RecordKey);
    }
    let field = RString::new("");
    let args = [RString::new(record_key.bytes()), field];
    match call(ctx, c"HDEL", CallMode::Write, &args) {
        Ok(_) => Ok(()),
        Err(line) => Err(reason(&line)),
    }
}

/// Whether the key's slot is served by another node now, or the key is on its way there. Asked when a queue
/// is gone: MIGRATE and the loss of a slot delete keys as DEL does, and tell nothing else.
pub(crate) fn has_moved(ctx: Ctx<'_>, key: &RString) -> bool {
    // While its slot migrates, a key that is not here counts as one of the other node's.
    let asked = call(ctx, c"EXISTS", CallMode::Read, &[RString::new(key.bytes())]);
    asked.is_err_and(|line| reason(&line) == Refusal::Moved)
}
