//! `QADMIN.CLEARJOB queue filter [ALL|KEEPONE] [DRYRUN] [CONFIRM queue] [ID uuid] [ACTOR name]
//! [REASON text] [FORMAT RESP|JSON]`

use uuid::Uuid;

use super::digest::Digest;
use super::options::{Options, parse_uuid, queue_name};
use super::spec::CommandSpec;
use super::{Format, Request, commands};
use crate::error::Error;
use crate::filter::{Filter, FilterBuilder};
use crate::kind::MessageKind;

/// Longest ACTOR, in bytes: a name, an address or a token's id.
pub const ACTOR_MAX: usize = 256;
/// Longest REASON, in bytes: a sentence or two, in every record and twice in the audit.
pub const REASON_MAX: usize = 1024;

/// Which matches a clear removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Every one.
    All,
    /// All but the oldest, the one that runs next.
    KeepOne,
}

/// Remove what matches, or say what would go.
#[derive(Debug, Clone, PartialEq)]
pub struct ClearJob {
    /// The list's key. Any bytes.
    pub queue: Vec<u8>,
    /// What to remove.
    pub filter: Filter,
    /// Which of the matches.
    pub mode: Mode,
    /// Only compute it.
    pub dry_run: bool,
    /// The id that the caller chose for the job.
    pub id: Option<Uuid>,
    /// Who acts, as the caller says; 1 to [`ACTOR_MAX`] bytes, any.
    pub actor: Option<Vec<u8>>,
    /// Why, as the caller says; 1 to [`REASON_MAX`] bytes, any.
    pub reason: Option<Vec<u8>>,
    /// What the messages are; `None` for the setting `default-kind`, where they look like it.
    pub kind: Option<MessageKind>,
    /// How the reply is written.
    pub format: Format,
    // The filter's canonical text as if the command had come at `FILTER_IDENTITY_NOW_MS`.
    filter_identity: Vec<u8>,
}

/// A client that sends a command again sends the same words at another time. For `now` to be the same
/// argument both times, identity reads it as one fixed moment: an odd one, so that nobody means it.
const FILTER_IDENTITY_NOW_MS: i64 = 1_234_567_890_123;

impl ClearJob {
    /// What "the same arguments" means when an ID comes again: equal exactly where the logical database,
    /// the queue, the filter (in any spelling), the mode, DRYRUN, ACTOR and REASON are. CONFIRM and FORMAT
    /// change nothing about the job.
    #[must_use]
    pub fn fingerprint(&self, db: i32) -> [u8; 32] {
        Digest::new("clear")
            .int(db)
            .bytes(&self.queue)
            .bytes(&self.filter_identity)
            .flag(self.mode == Mode::KeepOne)
            .flag(self.dry_run)
            .optional(self.actor.as_deref())
            .optional(self.reason.as_deref())
            .optional(self.kind.map(|kind| kind.spec().name.as_bytes()))
            .finish()
    }
}

impl Request for ClearJob {
    const COMMAND: &'static CommandSpec = &commands::CLEARJOB;

    fn parse(args: &[&[u8]], now_ms: i64) -> Result<Self, Error> {
        let mut options = Options::new(Self::COMMAND, args);
        let queue = queue_name(options.fixed()?)?;
        let (mut filter, mut identity) = (FilterBuilder::default(), FilterBuilder::default());
        let (mut all, mut keep_one, mut dry_run) = (false, false, false);
        let (mut confirm, mut id, mut actor, mut reason) = (None, None, None, None);
        let (mut kind, mut format) = (None, Format::default());
        loop {
            let mut term = options.args.clone();
            if filter.accept(&mut options.args, now_ms)? {
                identity.accept(&mut term, FILTER_IDENTITY_NOW_MS)?;
                continue;
            }
            let Some(keyword) = options.keyword()? else { break };
            match keyword {
                "ALL" => all = true,
                "KEEPONE" => keep_one = true,
                "DRYRUN" => dry_run = true,
                "CONFIRM" => confirm = Some(options.args.value("CONFIRM")?),
                "ID" => id = Some(parse_id(options.args.value("ID")?)?),
                "ACTOR" => actor = Some(parse_text("ACTOR", options.args.value("ACTOR")?, ACTOR_MAX)?),
                "REASON" => reason = Some(parse_text("REASON", options.args.value("REASON")?, REASON_MAX)?),
                "AS" => kind = Some(MessageKind::parse(options.args.value("AS")?)?),
                "FORMAT" => format = Format::parse(&mut options.args)?,
                other => return Err(options.unknown(other.as_bytes())),
            }
        }
        let filter = filter.finish()?;
        let filter_identity = identity.finish()?.canonical();
        let mode = match (all, keep_one) {
            (true, true) => return Err(Error::TwoModes),
            (false, true) => Mode::KeepOne,
            (true, false) => Mode::All,
            (false, false) if dry_run => Mode::All,
            (false, false) => return Err(Error::NoMode),
        };
        // Last, so that who is asked to confirm confirms a command that would otherwise run.
        check_confirm(&queue, confirm, dry_run)?;
        Ok(Self { queue, filter, mode, dry_run, id, actor, reason, kind, format, filter_identity })
    }
}

// A dry run needs no CONFIRM; one that names another queue shows a mistake there too.
fn check_confirm(queue: &[u8], confirm: Option<&[u8]>, dry_run: bool) -> Result<(), Error> {
    match confirm {
        Some(name) if name == queue => Ok(()),
        Some(name) => Err(Error::ConfirmOther { queue: queue.to_vec(), got: name.to_vec() }),
        None if dry_run => Ok(()),
        None => Err(Error::ConfirmMissing { queue: queue.to_vec() }),
    }
}

fn parse_id(text: &[u8]) -> Result<Uuid, Error> {
    parse_uuid(text).ok_or_else(|| Error::NotUuid { keyword: "ID", got: text.to_vec() })
}

fn parse_text(keyword: &'static str, text: &[u8], max: usize) -> Result<Vec<u8>, Error> {
    match text.len() {
        0 => Err(Error::EmptyText { keyword }),
        got if got > max => Err(Error::TooLong { keyword, max, got }),
        _ => Ok(text.to_vec()),
    }
}
