//! The audit stream: one entry when a clear is accepted, and one when it ends.

use qadmin_core::excerpt::excerpt;
use qadmin_core::job::{Member, Record};
use qadmin_core::reply::Reply;
use qadmin_core::slot;

use crate::redis::call::{CallMode, call};
use crate::redis::{Ctx, RString, fault, log};
use crate::settings;

/// Bytes of each text in an entry. A longer text is cut and identified by its digest. The record of the job has
/// more.
const AUDIT_TEXT_MAX: usize = 1_024;

/// Number of entries that may be added even while the server uses more memory than `maxmemory` allows.
const KEPT_AT_LEAST: u64 = 100;

/// What an entry reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// The job was accepted.
    Start,
    /// The job ended.
    End,
    /// The job was found to have ended with the server that ran it.
    Interrupted,
}

/// The members of the record that an entry repeats, in this order.
const MEMBERS: [Member; 15] = [
    Member::JobId,
    Member::User,
    Member::Actor,
    Member::Client,
    Member::Db,
    Member::Queue,
    Member::Filter,
    Member::Mode,
    Member::Reason,
    Member::Status,
    Member::TotalEstimated,
    Member::Processed,
    Member::Matched,
    Member::Deleted,
    Member::Drifted,
];

fn key(queue: &[u8], cluster: bool) -> String {
    if cluster { format!("qadmin:audit:{{{}}}", slot::tag(slot::of(queue))) } else { "qadmin:audit".into() }
}

/// Appends an entry. If the stream cannot be written, for example because its key holds another type, that is
/// logged and no job stops.
pub(crate) fn write(ctx: Ctx<'_>, entry: &Entry, queue: &[u8], record: &Record, cluster: bool) {
    fault::point("writing the audit");
    let key = RString::new(key(queue, cluster));
    let mut keep = settings::now().audit_maxlen();
    if keep == 0 {
        return;
    }
    if ctx.flags().out_of_memory() {
        // Lack of memory does not stop a clear: its entries replace the oldest ones.
        let there =
            call(ctx, c"XLEN", CallMode::Read, &[RString::new(key.bytes())]).ok().and_then(|len| len.int());
        keep = keep.min(u64::try_from(there.unwrap_or(0)).unwrap_or(0).max(KEPT_AT_LEAST));
    }
    let event = match entry {
        Entry::Start => "start",
        Entry::End => "end",
        Entry::Interrupted => "interrupted",
    };
    let mut args = vec![
        key,
        RString::new("MAXLEN"),
        RString::new("="),
        RString::new(keep.to_string()),
        RString::new("*"),
        RString::new("event"),
        RString::new(event),
    ];
    for member in MEMBERS {
        args.push(RString::new(member.name()));
        args.push(match record.get(member) {
            Reply::Int(n) => RString::new(n.to_string()),
            Reply::Text(bytes) => RString::new(excerpt(bytes, AUDIT_TEXT_MAX)),
            _ => RString::new(""),
        });
    }
    args.push(RString::new("options"));
    args.push(RString::new(excerpt(record.options().as_bytes(), AUDIT_TEXT_MAX)));
    let ended = record.int(Member::CompletedAt);
    let duration = if ended > 0 { ended - record.int(Member::StartedAt) } else { 0 };
    args.push(RString::new("duration_ms"));
    args.push(RString::new(duration.to_string()));
    if let Err(refusal) = call(ctx, c"XADD", CallMode::Write, &args) {
        log::warning(&format!("no audit entry: {}", String::from_utf8_lossy(&refusal)));
    }
}
