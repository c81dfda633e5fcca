//! The journal of a job that moves messages: a list `qadmin:moved:<id>` beside its record, to which each unit
//! appends what it moved. An undo reads it. `qadmin_core::moved` describes its elements.

use qadmin_core::job::Job;
use qadmin_core::moved::{digest, elements};
use qadmin_core::slot;
use uuid::Uuid;

use crate::redis::call::{CallMode, call};
use crate::redis::clock::now_ns;
use crate::redis::list::{List, Mode, OpenedList};
use crate::redis::{Ctx, RString, log};
use crate::settings;

/// Elements that one call reads: at most 32 KiB, which are 4,096 claims.
const READ_AT_ONCE: u64 = 8;

/// The key of a job's journal: in the queue's slot where slots exist.
pub(crate) fn key(queue: &[u8], id: Uuid, cluster: bool) -> Vec<u8> {
    if cluster {
        format!("qadmin:moved:{{{}}}:{id}", slot::tag(slot::of(queue))).into_bytes()
    } else {
        format!("qadmin:moved:{id}").into_bytes()
    }
}

/// The journal that a job writes or reads.
pub(crate) fn key_of(job: &Job, ctx: Ctx<'_>) -> RString {
    let (id, _) = job.journal();
    RString::new(key(&job.start().queue, id, ctx.flags().cluster()))
}

/// Returns whether there is a journal under this key.
pub(crate) fn exists(ctx: Ctx<'_>, key: &RString) -> bool {
    matches!(List::open(ctx, key, Mode::Read), OpenedList::List(_))
}

/// Deletes a journal that would be wrong: one that an earlier job with the same id left, or one that lacks
/// messages that were moved back.
pub(crate) fn forget(ctx: Ctx<'_>, key: &RString) {
    if let Err(refusal) = call(ctx, c"UNLINK", CallMode::Write, &[RString::new(key.bytes())]) {
        log::warning(&format!("a journal could not be removed: {}", String::from_utf8_lossy(&refusal)));
    }
}

/// Appends the digests of these messages, in the unit that moves them, and renews the time to live. Returns
/// whether it did. Without these digests an undo finds fewer messages than it could, and never others.
pub(crate) fn append(ctx: Ctx<'_>, job: &Job, messages: &[u64]) -> bool {
    let key = key_of(job, ctx);
    let (_, way) = job.journal();
    let mut args = vec![RString::new(key.bytes())];
    args.extend(elements(way, messages).map(RString::new));
    let written = call(ctx, c"RPUSH", CallMode::Write, &args).and_then(|_| renew(ctx, &key));
    if let Err(refusal) = &written {
        log::warning(&format!(
            "the journal of job {} was refused: {}",
            job.id(),
            String::from_utf8_lossy(refusal)
        ));
    }
    written.is_ok()
}

/// Renews the time to live of a journal, if there is one, to that of a record that is written now.
pub(crate) fn renew(ctx: Ctx<'_>, key: &RString) -> Result<(), Vec<u8>> {
    let ttl = settings::now().job_ttl_ms().to_string();
    call(ctx, c"PEXPIRE", CallMode::Write, &[RString::new(key.bytes()), RString::new(ttl)]).map(drop)
}

/// Reads what an undo may move back until the time is over or everything is read. Returns false if the journal is
/// missing or damaged.
pub(crate) fn read(ctx: Ctx<'_>, job: &mut Job, slice_ns: u64) -> bool {
    let key = key_of(job, ctx);
    let until = now_ns() + slice_ns;
    while let Some(from) = job.journal_read() {
        let to = from + READ_AT_ONCE - 1;
        let args = [key.bytes().to_vec(), from.to_string().into(), to.to_string().into()].map(RString::new);
        let Ok(answer) = call(ctx, c"LRANGE", CallMode::Read, &args) else { return false };
        let elements = answer.list();
        // It existed when the undo was accepted, and only its own job shortens it.
        if (from == 0 && elements.is_empty()) || !job.read_journal(&elements) {
            return false;
        }
        if now_ns() >= until {
            break;
        }
    }
    true
}

/// Returns the digests by which a journal identifies messages.
pub(crate) fn digests(messages: &[RString]) -> Vec<u64> {
    messages.iter().map(|message| digest(message.bytes())).collect()
}
