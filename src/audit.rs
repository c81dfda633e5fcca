//! The audit stream: one entry when a clear is accepted, one when it ends, and one for each message that QADMIN.SHOW
//! showed.

use std::collections::VecDeque;

use qadmin_core::error::ShowError;
use qadmin_core::excerpt::excerpt;
use qadmin_core::job::{JobTarget, Member, Record};
use qadmin_core::reply::Reply;
use qadmin_core::request::Show;
use qadmin_core::slot;

use crate::redis::call::{CallMode, call};
use crate::redis::caller::Caller;
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

/// A message that was shown, of which an entry is to be written.
#[derive(Debug)]
pub(crate) struct Shown {
    /// Logical database.
    db: i32,
    queue: Vec<u8>,
    user: Option<Vec<u8>>,
    client: Option<Vec<u8>>,
    /// The id as the client wrote it.
    message_id: Vec<u8>,
}

/// Entries about shown messages that may wait to be written. Beyond it no further message is shown.
const SHOWN_MAX: usize = 1_000;

impl Shown {
    /// Returns the entry about a message of a queue that the caller of the present command gets.
    pub(crate) fn of(ctx: Ctx<'_>, request: &Show, target: &JobTarget) -> Self {
        let Caller { user, client, .. } = ctx.caller();
        let message_id = excerpt(&request.id, AUDIT_TEXT_MAX);
        Self { db: target.db, queue: target.queue.clone(), user, client, message_id }
    }

    /// Queues the entry until writes are possible: the command itself writes nothing.
    ///
    /// # Errors
    /// [`ShowError::TooManyUnaudited`] if too many wait already.
    pub(crate) fn queue(self, waiting: &mut VecDeque<Self>) -> Result<(), ShowError> {
        if waiting.len() >= SHOWN_MAX {
            return Err(ShowError::TooManyUnaudited { max: SHOWN_MAX });
        }
        waiting.push_back(self);
        Ok(())
    }

    /// Writes the entry. Returns whether nothing more is to be done about it: it is written, or no entries are kept, or the
    /// stream is a key of another type.
    pub(crate) fn write(&self, ctx: Ctx<'_>) -> bool {
        ctx.select(self.db);
        let Some(mut args) = begin(ctx, "show", &self.queue, ctx.flags().cluster()) else { return true };
        let db = self.db.to_string();
        let members: [(&str, &[u8]); 5] = [
            ("user", self.user.as_deref().unwrap_or_default()),
            ("client", self.client.as_deref().unwrap_or_default()),
            ("db", db.as_bytes()),
            ("queue", &excerpt(&self.queue, AUDIT_TEXT_MAX)),
            ("message_id", &self.message_id),
        ];
        args.extend(members.iter().flat_map(|(name, value)| [RString::new(name), RString::new(value)]));
        match append(ctx, &args) {
            Err(refusal) if refusal.starts_with(b"WRONGTYPE") => {
                tell(&refusal);
                true
            }
            written => written.is_ok(),
        }
    }
}

fn key(queue: &[u8], cluster: bool) -> String {
    if cluster { format!("qadmin:audit:{{{}}}", slot::tag(slot::of(queue))) } else { "qadmin:audit".into() }
}

/// Appends an entry. If the stream cannot be written, for example because its key holds another type, that is
/// logged and no job stops.
pub(crate) fn write(ctx: Ctx<'_>, entry: &Entry, queue: &[u8], record: &Record, cluster: bool) {
    fault::point("writing the audit");
    let event = match entry {
        Entry::Start => "start",
        Entry::End => "end",
        Entry::Interrupted => "interrupted",
    };
    let Some(mut args) = begin(ctx, event, queue, cluster) else { return };
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
    if let Err(refusal) = append(ctx, &args) {
        tell(&refusal);
    }
}

/// Returns the first arguments of XADD; `None` if no entries are kept.
fn begin(ctx: Ctx<'_>, event: &str, queue: &[u8], cluster: bool) -> Option<Vec<RString>> {
    let key = RString::new(key(queue, cluster));
    let mut keep = settings::now().audit_maxlen();
    if keep == 0 {
        return None;
    }
    if ctx.flags().out_of_memory() {
        // Lack of memory does not stop a clear: its entries replace the oldest ones.
        let there =
            call(ctx, c"XLEN", CallMode::Read, &[RString::new(key.bytes())]).ok().and_then(|len| len.int());
        keep = keep.min(u64::try_from(there.unwrap_or(0)).unwrap_or(0).max(KEPT_AT_LEAST));
    }
    Some(vec![
        key,
        RString::new("MAXLEN"),
        RString::new("="),
        RString::new(keep.to_string()),
        RString::new("*"),
        RString::new("event"),
        RString::new(event),
    ])
}

/// Adds an entry; the error is the server's refusal.
fn append(ctx: Ctx<'_>, args: &[RString]) -> Result<(), Vec<u8>> {
    call(ctx, c"XADD", CallMode::Write, args).map(drop)
}

fn tell(refusal: &[u8]) {
    log::warning(&format!("no audit entry: {}", String::from_utf8_lossy(refusal)));
}
