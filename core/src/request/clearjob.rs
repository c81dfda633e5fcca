//! `QADMIN.CLEARJOB queue filter [ALL|KEEPONE] [KEEP OLDEST|NEWEST] [BY [n] field...] [LIMIT n] [RATE n]
//! [EXPECT n] [TOLERANCE percent] [TO key | PARK] [FRONT] [INEXACT] [DRYRUN] [CONFIRM queue] [ID uuid] [ACTOR name] [REASON text]
//! [PRIORITY ALL|step] [INDEX key] [AS kind] [FORMAT RESP|JSON]`

use uuid::Uuid;

use super::digest::Digest;
use super::job_options::RATE_MAX;
use super::options::{Options, key_name, parse_uuid, queue_name};
use super::spec::CommandSpec;
use super::{Format, Request, commands};
use crate::args::{Args, parse_u64};
use crate::error::{Error, FilterError, RequestError};
use crate::field::Field;
use crate::filter::{BY_MAX, Filter, FilterBuilder, parse_by};
use crate::job::{Destination, Expect, Keep, Terms};
use crate::kind::MessageKind;
use crate::priorities::Priority;

/// Longest ACTOR, in bytes: a name, an address or a token's id.
pub const ACTOR_MAX: usize = 256;
/// Longest REASON, in bytes: a sentence or two, in every record and twice in the audit.
pub const REASON_MAX: usize = 1024;
/// Highest LIMIT and EXPECT: more messages than a list holds.
const MATCHES_MAX: u64 = 1_000_000_000_000;
/// Highest TOLERANCE, percent.
const TOLERANCE_MAX: u64 = 1_000;

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
    /// The key of the list, or of the hash of what workers hold. Any bytes.
    pub queue: Vec<u8>,
    /// What to remove.
    pub filter: Filter,
    /// Which of the matches.
    pub mode: Mode,
    /// What else is to be kept to.
    pub terms: Terms,
    /// Only compute it.
    pub dry_run: bool,
    /// The id that the caller chose for the job.
    pub id: Option<Uuid>,
    /// Who acts, as the caller says; 1 to [`ACTOR_MAX`] bytes, any.
    pub actor: Option<Vec<u8>>,
    /// Why, as the caller says; 1 to [`REASON_MAX`] bytes, any.
    pub reason: Option<Vec<u8>>,
    /// Which lists of a queue with priorities; `None` for the one that has the queue's name.
    pub priority: Option<Priority>,
    /// The key of the index, where the queue is a hash of what workers hold; `None` for the hash's name and `_index`.
    pub index: Option<Vec<u8>>,
    /// What the messages are; `None` for the setting `default-kind`, where they look like it.
    pub kind: Option<MessageKind>,
    /// How the reply is written.
    pub format: Format,
    // The filter's canonical text as if the command had come at `FILTER_IDENTITY_NOW_MS`; `None` where that is the
    // filter's own.
    pub(super) filter_identity: Option<Vec<u8>>,
}

/// A client that sends a command again sends the same words at another time. For `now` to be the same
/// argument both times, identity reads it as one fixed moment: an odd one, so that nobody means it.
pub(super) const FILTER_IDENTITY_NOW_MS: i64 = 1_234_567_890_123;

impl ClearJob {
    /// What "the same arguments" means when an ID comes again: equal exactly where the logical database,
    /// the queue, the filter (in any spelling), the mode and its terms, DRYRUN, ACTOR and REASON are. CONFIRM and FORMAT
    /// change nothing about the job.
    #[must_use]
    pub fn fingerprint(&self, db: i32) -> [u8; 32] {
        let terms = &self.terms;
        let digest = Digest::new("clear")
            .int(db)
            .bytes(&self.queue)
            .bytes(self.filter_identity.as_deref().unwrap_or(self.filter.text()))
            .flag(self.mode == Mode::KeepOne)
            .flag(self.dry_run)
            .optional(self.actor.as_deref())
            .optional(self.reason.as_deref())
            .optional(self.kind.map(|kind| kind.spec().name.as_bytes()))
            .flag(terms.keep == Keep::Newest)
            .number(terms.limit)
            .number(terms.rate)
            .number(terms.expect.map(|expect| expect.matches))
            .number(terms.expect.map(|expect| expect.tolerance))
            .optional(terms.to.as_ref().map(|to| to.key.as_slice()))
            .flag(terms.to.as_ref().is_some_and(|to| to.front))
            .flag(terms.to.as_ref().is_some_and(|to| to.own))
            .flag(terms.inexact)
            .optional(self.priority.map(Priority::word).as_deref().map(str::as_bytes))
            .optional(self.index.as_deref());
        terms.by.iter().fold(digest, |digest, field| digest.bytes(field.name.as_bytes())).finish()
    }
}

impl Request for ClearJob {
    const COMMAND: &'static CommandSpec = &commands::CLEARJOB;

    fn parse(args: &[&[u8]], now_ms: i64) -> Result<Self, Error> {
        let mut options = Options::new(Self::COMMAND, args);
        let queue = queue_name(options.fixed()?)?;
        let (mut filter, mut filter_terms) = (FilterBuilder::default(), Vec::new());
        let (mut all, mut keep_one, mut dry_run) = (false, false, false);
        let (mut keep, mut by, mut limit, mut rate) = (None, Vec::new(), None, None);
        let (mut expect, mut tolerance) = (None, None);
        let (mut to, mut park, mut front, mut inexact) = (None, false, false, false);
        let (mut confirm, mut id, mut actor, mut reason) = (None, None, None, None);
        let (mut priority, mut index, mut kind, mut format) = (None, None, None, Format::default());
        loop {
            let term = options.args.clone();
            if filter.accept(&mut options.args, now_ms)? {
                filter_terms.push(term);
                continue;
            }
            let Some(keyword) = options.keyword()? else { break };
            match keyword {
                "ALL" => all = true,
                "KEEPONE" => keep_one = true,
                "KEEP" => keep = Some(parse_keep(options.args.value("KEEP")?)?),
                "BY" => by = parse_fields(&mut options)?,
                "LIMIT" => limit = Some(options.args.number("LIMIT", 1, MATCHES_MAX)?),
                "RATE" => rate = Some(options.args.number("RATE", 0, RATE_MAX)?),
                "EXPECT" => expect = Some(options.args.number("EXPECT", 0, MATCHES_MAX)?),
                "TOLERANCE" => tolerance = Some(options.args.number("TOLERANCE", 0, TOLERANCE_MAX)?),
                "TO" => to = Some(parse_to(options.args.value("TO")?)?),
                "PARK" => park = true,
                "FRONT" => front = true,
                "INEXACT" => inexact = true,
                "DRYRUN" => dry_run = true,
                "CONFIRM" => confirm = Some(options.args.value("CONFIRM")?),
                "ID" => id = Some(parse_id(options.args.value("ID")?)?),
                "ACTOR" => actor = Some(parse_text("ACTOR", options.args.value("ACTOR")?, ACTOR_MAX)?),
                "REASON" => reason = Some(parse_text("REASON", options.args.value("REASON")?, REASON_MAX)?),
                "PRIORITY" => priority = Some(Priority::parse(options.args.value("PRIORITY")?)?),
                "INDEX" => index = Some(key_name("INDEX", options.args.value("INDEX")?)?),
                "AS" => kind = Some(MessageKind::parse(options.args.value("AS")?)?),
                "FORMAT" => format = Format::parse(&mut options.args)?,
                other => return Err(options.unknown(other.as_bytes())),
            }
        }
        let filter_identity = if filter.says_now() { Some(identity_of(filter_terms)?) } else { None };
        let filter = filter.finish()?;
        let mode = match (all, keep_one) {
            (true, true) => return Err(RequestError::TwoModes.into()),
            (false, true) => Mode::KeepOne,
            (true, false) => Mode::All,
            (false, false) if dry_run => Mode::All,
            (false, false) => return Err(RequestError::NoMode.into()),
        };
        if tolerance.is_some() && expect.is_none() {
            return Err(RequestError::Needs { keyword: "TOLERANCE", other: "EXPECT" }.into());
        }
        let expect = expect.map(|matches| Expect { matches, tolerance: tolerance.unwrap_or(0) });
        if mode == Mode::All && (keep.is_some() || !by.is_empty()) {
            let keyword = if keep.is_some() { "KEEP" } else { "BY" };
            return Err(RequestError::Needs { keyword, other: "KEEPONE" }.into());
        }
        if park && to.is_some() {
            let why = "PARK moves to a list of the job's own, and TO to the list that it names";
            return Err(RequestError::Excludes { keyword: "PARK", other: "TO", why }.into());
        }
        if front && to.is_none() && !park {
            return Err(RequestError::Needs { keyword: "FRONT", other: "TO or PARK" }.into());
        }
        // With a step it may be another list of the queue: which lists those are is a setting.
        if priority.is_none() && to.as_ref() == Some(&queue) {
            return Err(RequestError::ToItself.into());
        }
        let to = match park {
            true => Some(Destination { key: Vec::new(), front, own: true }),
            false => to.map(|key| Destination { key, front, own: false }),
        };
        let keep = keep.unwrap_or_default();
        let terms = Terms { keep, by, limit, rate, expect, to, inexact, undo: None };
        check_newest(&terms)?;
        check_front(&terms)?;
        if priority == Some(Priority::All) && terms.to.is_some() {
            let why =
                "a single list does not keep which step each message came from; move one step at a time";
            let keyword = if park { "PARK" } else { "TO" };
            return Err(RequestError::Excludes { keyword, other: "PRIORITY ALL", why }.into());
        }
        // Last, so that who is asked to confirm confirms a command that would otherwise run.
        check_confirm(&queue, confirm, dry_run)?;
        Ok(Self {
            queue,
            filter,
            mode,
            terms,
            dry_run,
            id,
            actor,
            reason,
            priority,
            index,
            kind,
            format,
            filter_identity,
        })
    }
}

/// The canonical text of a filter as if its command had come at [`FILTER_IDENTITY_NOW_MS`]. `terms`: where each of its
/// terms begins.
fn identity_of(terms: Vec<Args<'_>>) -> Result<Vec<u8>, Error> {
    let mut filter = FilterBuilder::default();
    for mut term in terms {
        filter.accept(&mut term, FILTER_IDENTITY_NOW_MS)?;
    }
    Ok(filter.finish()?.canonical())
}

/// Which match runs last is known only when all were looked at.
fn check_newest(terms: &Terms) -> Result<(), Error> {
    let exclude = |keyword, why| Err(RequestError::Excludes { keyword, other: "KEEP NEWEST", why }.into());
    if terms.keep != Keep::Newest {
        Ok(())
    } else if !terms.by.is_empty() {
        exclude("BY", "which message of each value is the newest is known only at the end of the scan")
    } else if terms.limit.is_some() {
        exclude(
            "LIMIT",
            "LIMIT clears the matches that run next, and which one to keep is known only at the end of the \
             scan",
        )
    } else {
        Ok(())
    }
}

/// The fields of BY: as many as a number before them says; without one, all names of fields that follow. In that form
/// a keyword in small letters that is a field's name, too, is taken for the field, which keeps more messages apart.
fn parse_fields(options: &mut Options<'_>) -> Result<Vec<Field>, Error> {
    let fields = read_fields(options)?;
    // Twice the same tells no more messages apart, and costs each of them twice.
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

/// What goes before the messages of another list goes there the newest first.
fn check_front(terms: &Terms) -> Result<(), Error> {
    let why = "FRONT moves the newest match first, before it is known which matches run next";
    let exclude = |keyword| Err(RequestError::Excludes { keyword, other: "FRONT", why }.into());
    match &terms.to {
        Some(Destination { front: true, .. }) if terms.limit.is_some() => exclude("LIMIT"),
        Some(Destination { front: true, .. }) if !terms.by.is_empty() => exclude("BY"),
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

// A dry run needs no CONFIRM; one that names another queue shows a mistake there too.
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
