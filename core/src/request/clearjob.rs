//! `QADMIN.CLEARJOB queue filter [ALL|KEEPONE] [KEEP OLDEST|NEWEST] [BY [n] field...] [LIMIT n] [RATE n]
//! [EXPECT n] [TOLERANCE percent] [TO key | PARK] [FRONT] [INEXACT] [DRYRUN] [CONFIRM queue] [ID uuid] [ACTOR name] [REASON text]
//! [PRIORITY ALL|step] [INDEX key] [AS kind] [FORMAT RESP|JSON] [VERBOSE]`

use uuid::Uuid;

use super::digest::{Digest, preview_key};
use super::job_options::RATE_MAX;
use super::options::{Options, parse_uuid, queue_name};
use super::preview::SAMPLE_DEFAULT;
use super::spec::CommandSpec;
use super::{Request, TargetOptions, commands};
use crate::args::{Args, parse_u64};
use crate::error::{Error, FilterError, RequestError};
use crate::field::Field;
use crate::filter::{BY_MAX, Filter, FilterBuilder, parse_by};
use crate::job::{Accepted, ClearOptions, Continued, Destination, Expect, JobKind, JobTarget, Keep, Start};
use crate::priorities::Priority;
use crate::scan::Effect;

/// Longest ACTOR, in bytes: a name, an address or a token's id.
pub const ACTOR_MAX: usize = 256;
/// Longest REASON, in bytes: a sentence or two, in every record and twice in the audit.
pub const REASON_MAX: usize = 1024;
/// Highest LIMIT and EXPECT: more messages than a list can hold.
const MATCHES_MAX: u64 = 1_000_000_000_000;
/// Highest TOLERANCE, percent.
const TOLERANCE_MAX: u64 = 1_000;

/// Which matches a clear removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// All matches.
    All,
    /// All but the oldest, the one that runs next.
    KeepOne,
}

/// Removes the matches, or reports which would be removed.
#[derive(Debug, Clone, PartialEq)]
pub struct ClearJob {
    /// The queue, and its messages. Without AS the command clears only messages that look like the setting
    /// `default-kind`.
    pub target: TargetOptions,
    /// What to remove.
    pub filter: Filter,
    /// Which of the matches it removes.
    pub mode: Mode,
    /// The other options.
    pub clear_options: ClearOptions,
    /// Whether to compute everything and remove nothing.
    pub dry_run: bool,
    /// The id that the caller chose for the job.
    pub id: Option<Uuid>,
    /// The person or service, as the caller says; 1 to [`ACTOR_MAX`] bytes, any.
    pub actor: Option<Vec<u8>>,
    /// The reason, as the caller says; 1 to [`REASON_MAX`] bytes, any.
    pub reason: Option<Vec<u8>>,
    /// The interrupted job that it continues.
    pub continues: Option<Continued>,
    // The filter's canonical text as if the command had come at `FILTER_IDENTITY_NOW_MS`; `None` if that is the
    // canonical text itself.
    pub(super) filter_identity: Option<Vec<u8>>,
}

/// A client that repeats a command sends the same words at another time. To make `now` the same argument both
/// times, it is read as one fixed moment for identity: an odd one, so that nobody means it.
pub(super) const FILTER_IDENTITY_NOW_MS: i64 = 1_234_567_890_123;

impl ClearJob {
    /// The digest that defines "the same arguments" when an ID is used again: it is equal exactly if the logical
    /// database, the queue, the filter (in any spelling), the mode and its options, DRYRUN, ACTOR and REASON are
    /// equal. CONFIRM and FORMAT change nothing about the job.
    #[must_use]
    pub fn fingerprint(&self, db: i32) -> [u8; 32] {
        let Self { target, clear_options, .. } = self;
        let digest = Digest::new("clear")
            .int(db)
            .bytes(&target.queue)
            .bytes(self.filter_identity.as_deref().unwrap_or(self.filter.text()))
            .flag(self.mode == Mode::KeepOne)
            .flag(self.dry_run)
            .optional(self.actor.as_deref())
            .optional(self.reason.as_deref())
            .optional(target.kind.map(|kind| kind.spec().name.as_bytes()))
            .flag(clear_options.keep == Keep::Newest)
            .number(clear_options.limit)
            .number(clear_options.rate)
            .number(clear_options.expect.map(|expect| expect.matches))
            .number(clear_options.expect.map(|expect| expect.tolerance))
            .optional(clear_options.to.as_ref().map(|to| to.key.as_slice()))
            .flag(clear_options.to.as_ref().is_some_and(|to| to.front))
            .flag(clear_options.to.as_ref().is_some_and(|to| to.own))
            .flag(clear_options.inexact)
            .optional(target.priority.map(Priority::word).as_deref().map(str::as_bytes))
            .optional(target.index.as_deref());
        clear_options.by.iter().fold(digest, |digest, field| digest.bytes(field.name.as_bytes())).finish()
    }

    /// Returns the key of a preview of the same messages with the same filter.
    #[must_use]
    pub fn preview_key(&self, target: &JobTarget) -> [u8; 32] {
        preview_key(target, self.filter.text(), self.clear_options.inexact)
    }

    /// Returns the effect on matches.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match (self.mode, self.clear_options.keep) {
            (Mode::All, _) => Effect::ClearAll,
            (Mode::KeepOne, _) if !self.clear_options.by.is_empty() => Effect::KeepEach,
            (Mode::KeepOne, Keep::Oldest) => Effect::KeepOne,
            (Mode::KeepOne, Keep::Newest) => Effect::KeepNewest,
        }
    }

    /// Returns what its job starts with. `to` is the destination, with the name of the list that PARK makes.
    ///
    /// # Errors
    /// No error that a caller can cause: the fields of the sample are those of the kind.
    pub fn start(&self, accepted: Accepted, to: Option<Destination>) -> Result<Start, Error> {
        let projection = accepted.target.default_projection()?;
        let mut start = Start::counting(JobKind::Clear, accepted, self.filter.clone(), projection);
        start.sample = SAMPLE_DEFAULT;
        start.effect = self.effect();
        start.clear_options = ClearOptions { to, ..self.clear_options.clone() };
        start.dry_run = self.dry_run;
        start.continues = self.continues;
        start.origin.actor.clone_from(&self.actor);
        start.origin.reason.clone_from(&self.reason);
        Ok(start)
    }
}

/// The keywords of a clear as they were given, before they are compared with each other.
#[derive(Default)]
struct Given<'a> {
    all: bool,
    keep_one: bool,
    dry_run: bool,
    keep: Option<Keep>,
    by: Vec<Field>,
    limit: Option<u64>,
    rate: Option<u64>,
    expect: Option<u64>,
    tolerance: Option<u64>,
    to: Option<Vec<u8>>,
    park: bool,
    front: bool,
    inexact: bool,
    confirm: Option<&'a [u8]>,
    id: Option<Uuid>,
    actor: Option<Vec<u8>>,
    reason: Option<Vec<u8>>,
}

impl<'a> Given<'a> {
    /// Takes the value of `keyword`, which was just read.
    fn accept(
        &mut self,
        keyword: &str,
        options: &mut Options<'a>,
        target: &mut TargetOptions,
    ) -> Result<(), Error> {
        let args = &mut options.args;
        match keyword {
            "ALL" => self.all = true,
            "KEEPONE" => self.keep_one = true,
            "KEEP" => self.keep = Some(parse_keep(args.value("KEEP")?)?),
            "BY" => self.by = parse_fields(options)?,
            "LIMIT" => self.limit = Some(args.number("LIMIT", 1, MATCHES_MAX)?),
            "RATE" => self.rate = Some(args.number("RATE", 0, RATE_MAX)?),
            "EXPECT" => self.expect = Some(args.number("EXPECT", 0, MATCHES_MAX)?),
            "TOLERANCE" => self.tolerance = Some(args.number("TOLERANCE", 0, TOLERANCE_MAX)?),
            "TO" => self.to = Some(parse_to(args.value("TO")?)?),
            "PARK" => self.park = true,
            "FRONT" => self.front = true,
            "INEXACT" => self.inexact = true,
            "DRYRUN" => self.dry_run = true,
            "CONFIRM" => self.confirm = Some(args.value("CONFIRM")?),
            "ID" => self.id = Some(parse_id(args.value("ID")?)?),
            "ACTOR" => self.actor = Some(parse_text("ACTOR", args.value("ACTOR")?, ACTOR_MAX)?),
            "REASON" => self.reason = Some(parse_text("REASON", args.value("REASON")?, REASON_MAX)?),
            other => target.accept(other, options)?,
        }
        Ok(())
    }

    /// Returns which matches are removed.
    fn mode(&self) -> Result<Mode, Error> {
        match (self.all, self.keep_one) {
            (true, true) => Err(RequestError::TwoModes.into()),
            (false, true) => Ok(Mode::KeepOne),
            (true, false) => Ok(Mode::All),
            (false, false) if self.dry_run => Ok(Mode::All),
            (false, false) => Err(RequestError::NoMode.into()),
        }
    }

    /// Takes the options of the clear, if they can be combined.
    fn clear_options(&mut self, mode: Mode, target: &TargetOptions) -> Result<ClearOptions, Error> {
        let expect = match (self.expect, self.tolerance) {
            (None, Some(_)) => {
                return Err(RequestError::Needs { keyword: "TOLERANCE", other: "EXPECT" }.into());
            }
            (expect, tolerance) => {
                expect.map(|matches| Expect { matches, tolerance: tolerance.unwrap_or(0) })
            }
        };
        if mode == Mode::All && (self.keep.is_some() || !self.by.is_empty()) {
            let keyword = if self.keep.is_some() { "KEEP" } else { "BY" };
            return Err(RequestError::Needs { keyword, other: "KEEPONE" }.into());
        }
        let to = self.destination(target)?;
        let clear_options = ClearOptions {
            keep: self.keep.unwrap_or_default(),
            by: std::mem::take(&mut self.by),
            limit: self.limit,
            rate: self.rate,
            expect,
            to,
            inexact: self.inexact,
            undo: None,
        };
        check_newest(&clear_options)?;
        check_front(&clear_options)?;
        if target.priority == Some(Priority::All) && clear_options.to.is_some() {
            let why =
                "a single list does not keep which step each message came from; move one step at a time";
            let keyword = if self.park { "PARK" } else { "TO" };
            return Err(RequestError::Excludes { keyword, other: "PRIORITY ALL", why }.into());
        }
        Ok(clear_options)
    }

    /// Takes the destination of the matches.
    fn destination(&mut self, target: &TargetOptions) -> Result<Option<Destination>, Error> {
        let (to, park, front) = (self.to.take(), self.park, self.front);
        if park && to.is_some() {
            let why = "PARK moves to a list of the job's own, and TO to the list that it names";
            return Err(RequestError::Excludes { keyword: "PARK", other: "TO", why }.into());
        }
        if front && to.is_none() && !park {
            return Err(RequestError::Needs { keyword: "FRONT", other: "TO or PARK" }.into());
        }
        // With a step it may be another list of the queue: a setting decides which lists those are.
        if target.priority.is_none() && to.as_ref() == Some(&target.queue) {
            return Err(RequestError::ToItself.into());
        }
        Ok(match park {
            true => Some(Destination { key: Vec::new(), front, own: true }),
            false => to.map(|key| Destination { key, front, own: false }),
        })
    }
}

impl Request for ClearJob {
    const COMMAND: &'static CommandSpec = &commands::CLEARJOB;

    fn parse(args: &[&[u8]], now_ms: i64) -> Result<Self, Error> {
        let mut options = Options::new(Self::COMMAND, args);
        let mut target = TargetOptions::of_queue(&mut options)?;
        let (mut filter, mut filter_terms) = (FilterBuilder::default(), Vec::new());
        let mut given = Given::default();
        loop {
            let term = options.args.clone();
            if filter.accept(&mut options.args, now_ms)? {
                filter_terms.push(term);
                continue;
            }
            let Some(keyword) = options.keyword()? else { break };
            given.accept(keyword, &mut options, &mut target)?;
        }
        let filter_identity = if filter.says_now() { Some(identity_of(filter_terms)?) } else { None };
        let filter = filter.finish()?;
        let mode = given.mode()?;
        let clear_options = given.clear_options(mode, &target)?;
        // This check is the last one, so that a user is asked to confirm only a command that would otherwise run.
        check_confirm(&target.queue, given.confirm, given.dry_run)?;
        let Given { dry_run, id, actor, reason, .. } = given;
        let continues = None;
        Ok(Self {
            target,
            filter,
            mode,
            clear_options,
            dry_run,
            id,
            actor,
            reason,
            continues,
            filter_identity,
        })
    }
}

/// Returns the canonical text of a filter as if its command had come at [`FILTER_IDENTITY_NOW_MS`].
/// `filter_terms`: the beginning of each of its terms.
fn identity_of(filter_terms: Vec<Args<'_>>) -> Result<Vec<u8>, Error> {
    let mut filter = FilterBuilder::default();
    for mut term in filter_terms {
        filter.accept(&mut term, FILTER_IDENTITY_NOW_MS)?;
    }
    Ok(filter.finish()?.canonical())
}

/// Which match runs last is known only after all were examined.
fn check_newest(clear_options: &ClearOptions) -> Result<(), Error> {
    let exclude = |keyword, why| Err(RequestError::Excludes { keyword, other: "KEEP NEWEST", why }.into());
    if clear_options.keep != Keep::Newest {
        Ok(())
    } else if !clear_options.by.is_empty() {
        exclude("BY", "which message of each value is the newest is known only at the end of the scan")
    } else if clear_options.limit.is_some() {
        exclude(
            "LIMIT",
            "LIMIT clears the matches that run next, and which one to keep is known only at the end of the \
             scan",
        )
    } else {
        Ok(())
    }
}

/// Reads the fields of BY: as many as a number before them says; without a number, all names of fields that
/// follow. In that form a keyword in small letters that is also the name of a field is read as the field, which
/// keeps more messages.
fn parse_fields(options: &mut Options<'_>) -> Result<Vec<Field>, Error> {
    let fields = read_fields(options)?;
    // A field that is named twice tells no more messages apart, and costs twice.
    let same = |a: &Field, b: &Field| a.source == b.source && a.path == b.path;
    let twice = fields.iter().enumerate().find(|(at, field)| fields[..*at].iter().any(|f| same(f, field)));
    match twice {
        Some((_, field)) => {
            Err(FilterError::FieldTwice { keyword: "BY", name: field.name.as_bytes().to_vec() }.into())
        }
        None => Ok(fields),
    }
}

fn read_fields(options: &mut Options<'_>) -> Result<Vec<Field>, Error> {
    if options.args.peek().is_some_and(|first| parse_u64(first).is_some()) {
        let count = options.count("BY", 1, BY_MAX)?;
        return options.values("BY", count)?.into_iter().map(parse_by).collect();
    }
    let mut fields = vec![parse_by(options.args.value("BY")?)?];
    while let Some(field) = options.args.peek().and_then(|name| parse_by(name).ok()) {
        if fields.len() >= BY_MAX {
            let why = "exceeds the limit of BY, which takes at most 16 fields";
            return Err(FilterError::FieldName { got: field.name.as_bytes().to_vec(), why }.into());
        }
        options.args.next();
        fields.push(field);
    }
    Ok(fields)
}

/// Messages that are moved before those of another list are moved newest first.
fn check_front(clear_options: &ClearOptions) -> Result<(), Error> {
    let why = "FRONT moves the newest match first, before it is known which matches run next";
    let exclude = |keyword| Err(RequestError::Excludes { keyword, other: "FRONT", why }.into());
    match &clear_options.to {
        Some(Destination { front: true, .. }) if clear_options.limit.is_some() => exclude("LIMIT"),
        Some(Destination { front: true, .. }) if !clear_options.by.is_empty() => exclude("BY"),
        _ => Ok(()),
    }
}

fn parse_to(key: &[u8]) -> Result<Vec<u8>, Error> {
    if key.is_empty() { Err(RequestError::EmptyText { keyword: "TO" }.into()) } else { queue_name(key) }
}

fn parse_keep(word: &[u8]) -> Result<Keep, Error> {
    match word {
        _ if word.eq_ignore_ascii_case(b"OLDEST") => Ok(Keep::Oldest),
        _ if word.eq_ignore_ascii_case(b"NEWEST") => Ok(Keep::Newest),
        _ => {
            Err(RequestError::UnknownChoice { keyword: "KEEP", choices: Keep::WORDS, got: word.to_vec() }
                .into())
        }
    }
}

// A dry run needs no CONFIRM; naming another queue is a mistake there too.
fn check_confirm(queue: &[u8], confirm: Option<&[u8]>, dry_run: bool) -> Result<(), Error> {
    match confirm {
        Some(name) if name == queue => Ok(()),
        Some(name) => Err(RequestError::ConfirmOther { queue: queue.to_vec(), got: name.to_vec() }.into()),
        None if dry_run => Ok(()),
        None => Err(RequestError::ConfirmMissing { queue: queue.to_vec() }.into()),
    }
}

pub(super) fn parse_id(text: &[u8]) -> Result<Uuid, Error> {
    parse_uuid(text)
        .ok_or_else(|| Error::Request(RequestError::NotUuid { keyword: "ID", got: text.to_vec() }))
}

pub(super) fn parse_text(keyword: &'static str, text: &[u8], max: usize) -> Result<Vec<u8>, Error> {
    match text.len() {
        0 => Err(RequestError::EmptyText { keyword }.into()),
        got if got > max => Err(RequestError::TooLong { keyword, max, got }.into()),
        _ => Ok(text.to_vec()),
    }
}
