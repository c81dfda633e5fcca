//! Questions to the server before a write: would it be refused, and where is the key?

use qadmin_core::message_place::MessageKeys;

use crate::redis::call::{CallMode, call};
use crate::redis::key::{Type, type_of};
use crate::redis::{Ctx, RString};
use crate::refusal::{Refusal, reason};

/// Asks the server whether it would refuse a write in this record's slot now, by a write that changes nothing and
/// notifies nobody: it removes a field that no record has. It is refused for all reasons for which the real write
/// would be refused, and can be used while the queue is open.
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

/// Returns whether some of these keys can be on another node already, although the key of the ids is here: their slot is
/// being migrated, key by key. Nothing is known of a message then whose keys are missing here.
pub(crate) fn are_moving(ctx: Ctx<'_>, keys: &MessageKeys) -> bool {
    ctx.flags().cluster() && keys.examples().iter().any(|key| has_moved(ctx, &RString::new(key)))
}

/// Returns whether another node serves the key's slot now, or the key is being migrated. It is asked when a queue
/// is missing: MIGRATE and the loss of a slot delete keys as DEL does, with no other event.
pub(crate) fn has_moved(ctx: Ctx<'_>, key: &RString) -> bool {
    // While its slot migrates, a key that is missing here counts as one of the other node.
    let asked = call(ctx, c"EXISTS", CallMode::Read, &[RString::new(key.bytes())]);
    asked.is_err_and(|line| reason(&line) == Refusal::Moved)
}
