//! `QADMIN.UNDO job-id [QUEUE queue] [CONFIRM list] [FRONT] [DRYRUN] [ID uuid] [ACTOR name] [REASON text]
//! [FORMAT RESP|JSON] [VERBOSE]`

use uuid::Uuid;

use super::clearjob::{ACTOR_MAX, REASON_MAX, parse_id, parse_text};
use super::digest::Digest;
use super::options::{Options, job_name, queue_name};
use super::preview::SAMPLE_DEFAULT;
use super::spec::CommandSpec;
use super::{Format, JobName, Request, commands};
use crate::error::{Error, UndoError};
use crate::filter::Filter;
use crate::job::{Accepted, ClearOptions, Destination, JobKind, Start, Undoing};
use crate::scan::Effect;

/// Moves back what a job moved to another list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undo {
    /// The job.
    pub job: JobName,
    /// The queue of the job, which leads to the cluster node that knows it.
    pub queue: Option<Vec<u8>>,
    /// The name of the list from which messages are moved back, typed again. Only the job's record says which list
    /// that is.
    pub confirm: Option<Vec<u8>>,
    /// Moves to the consumer end, before the messages in the queue; otherwise to the producer end.
    pub front: bool,
    /// Only counts what would be moved.
    pub dry_run: bool,
    /// The id that the caller chose for the undo.
    pub id: Option<Uuid>,
    /// The person or service, as the caller says; 1 to [`ACTOR_MAX`] bytes, any.
    pub actor: Option<Vec<u8>>,
    /// The reason, as the caller says; 1 to [`REASON_MAX`] bytes, any.
    pub reason: Option<Vec<u8>>,
    /// The format of the reply.
    pub format: Format,
}

impl Undo {
    /// The digest that defines "the same arguments" when an ID is used again: as for a clear, QUEUE, CONFIRM and
    /// FORMAT change nothing about the job. `job` is the id of the job, however the command named it.
    #[must_use]
    pub fn fingerprint(&self, db: i32, job: Uuid) -> [u8; 32] {
        Digest::new("undo")
            .int(db)
            .bytes(job.as_bytes())
            .flag(self.front)
            .flag(self.dry_run)
            .optional(self.actor.as_deref())
            .optional(self.reason.as_deref())
            .finish()
    }

    /// Checks whether CONFIRM names the list from which messages are moved back. A dry run needs no CONFIRM;
    /// naming another list is a mistake there, too.
    ///
    /// # Errors
    /// [`UndoError::Confirm`].
    pub fn check_confirm(&self, list: &[u8]) -> Result<(), Error> {
        match &self.confirm {
            Some(name) if name == list => Ok(()),
            None if self.dry_run => Ok(()),
            got => Err(UndoError::Confirm { list: list.to_vec(), got: got.clone() }.into()),
        }
    }
}

impl Undo {
    /// Returns what its job starts with. The job moves all messages of another job's journal that are still in the
    /// list.
    ///
    /// # Errors
    /// No error that a caller can cause: the fields of the sample are those of the kind.
    pub fn start(&self, accepted: Accepted, queue: Vec<u8>, undoing: Undoing) -> Result<Start, Error> {
        let projection = accepted.target.default_projection()?;
        let mut start = Start::counting(JobKind::Undo, accepted, Filter::all(), projection);
        start.sample = SAMPLE_DEFAULT;
        start.effect = Effect::ClearAll;
        start.clear_options = ClearOptions {
            to: Some(Destination { key: queue, front: self.front, own: false }),
            undo: Some(undoing),
            ..ClearOptions::default()
        };
        start.dry_run = self.dry_run;
        start.origin.actor.clone_from(&self.actor);
        start.origin.reason.clone_from(&self.reason);
        Ok(start)
    }
}

impl Request for Undo {
    const COMMAND: &'static CommandSpec = &commands::UNDO;

    fn parse(args: &[&[u8]], _now_ms: i64) -> Result<Self, Error> {
        let mut options = Options::new(Self::COMMAND, args);
        let job = options.fixed()?;
        let (mut queue, mut confirm, mut front, mut dry_run) = (None, None, false, false);
        let (mut id, mut actor, mut reason, mut format) = (None, None, None, Format::default());
        while let Some(keyword) = options.keyword()? {
            match keyword {
                "QUEUE" => queue = Some(queue_name(options.args.value("QUEUE")?)?),
                "CONFIRM" => confirm = Some(options.args.value("CONFIRM")?.to_vec()),
                "FRONT" => front = true,
                "DRYRUN" => dry_run = true,
                "ID" => id = Some(parse_id(options.args.value("ID")?)?),
                "ACTOR" => actor = Some(parse_text("ACTOR", options.args.value("ACTOR")?, ACTOR_MAX)?),
                "REASON" => reason = Some(parse_text("REASON", options.args.value("REASON")?, REASON_MAX)?),
                other => {
                    if !format.accept(other, &mut options.args)? {
                        return Err(options.unknown(other.as_bytes()));
                    }
                }
            }
        }
        let job = job_name(job)?;
        Ok(Self { job, queue, confirm, front, dry_run, id, actor, reason, format })
    }
}

/// Returns the position of the value of QUEUE in the command line (the command's name is 0), given the arguments
/// after the name.
pub(super) fn queue_at(args: &[&[u8]]) -> Option<usize> {
    Undo::parse(args, 0).ok()?.queue?;
    let mut at = 1;
    // The words parse: what follows a keyword with a value is that value.
    while let Some(word) = args.get(at) {
        let keyword = commands::UNDO.keyword(word)?;
        if keyword == "QUEUE" {
            return Some(at + 2);
        }
        at += if commands::UNDO.is_alone(keyword) { 1 } else { 2 };
    }
    None
}
