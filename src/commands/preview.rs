//! QADMIN.PREVIEW: the four tiers of a count, and the sample.

use qadmin_core::container::Container;
use qadmin_core::error::{EndReason, Error, ServerError, TargetError};
use qadmin_core::ids::Library;
use qadmin_core::job::{Cached, Found, Job, Kind, Member, Origin, Record, Start, Status, Terms};
use qadmin_core::kind::MessageKind;
use qadmin_core::priorities::{List as Listed, Priority};
use qadmin_core::reply::Reply;
use qadmin_core::request::{Preview, commands};
use qadmin_core::scan::Effect;
use qadmin_core::settings::Settings;
use uuid::Uuid;

use super::Answer;
use super::lists::{Over, depth_now, others_depth};
use super::looks::looks_like;
use super::sample::{Looked, Sampling, projection};
use super::unacked::{Unacked, Words};
use crate::engine::Newcomer;
use crate::entry;
use crate::library::Looks;
use crate::redis::acl::Access;
use crate::redis::clock::{now_ms, now_ns};
use crate::redis::{Ctx, block};
use crate::settings;
use crate::state::State;
use crate::waiters::{For, PreviewWait};
use crate::zero;

/// How a count came about.
#[derive(Debug, Clone, Copy)]
pub(super) enum How {
    Synchronous,
    Job,
    Skipped,
    Failed,
}

impl How {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Synchronous => "synchronous",
            Self::Job => "job",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

/// What is known of the count when the reply is made.
#[derive(Debug, Default)]
struct Count {
    match_count: Option<i64>,
    matched_bytes: Option<i64>,
    undecodable: Option<i64>,
    unreadable: Option<i64>,
    drifted: Option<i64>,
    concerns: [Option<i64>; 4],
    inexact: Option<i64>,
    notice: Option<String>,
    cached_at: Option<i64>,
    job_id: Option<Uuid>,
    deduplicated: bool,
    error: Option<String>,
}

impl Count {
    fn of_record(record: &Record) -> Self {
        let get = |member| Some(record.int(member));
        Self {
            match_count: get(Member::Matched),
            matched_bytes: get(Member::MatchedBytes),
            undecodable: get(Member::Undecodable),
            unreadable: get(Member::Unreadable),
            drifted: get(Member::Drifted),
            concerns: Member::CONCERNS.map(get),
            inexact: get(Member::Inexact),
            notice: text(record.text(Member::Notice)),
            ..Self::default()
        }
    }

    fn of_cache(count: &Cached) -> Self {
        let int = |n: u64| Some(qadmin_core::reply::int(n));
        Self {
            match_count: int(count.match_count),
            matched_bytes: int(count.matched_bytes),
            undecodable: int(count.undecodable),
            unreadable: int(count.unreadable),
            drifted: int(count.drifted),
            concerns: count.concerns.values().map(int),
            inexact: int(count.concerns.inexact),
            notice: count.notice.clone(),
            cached_at: Some(count.cached_ms),
            ..Self::default()
        }
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    (!bytes.is_empty()).then(|| String::from_utf8_lossy(bytes).into_owned())
}

pub(super) fn run(ctx: Ctx<'_>, request: &Preview) -> Result<Answer, Error> {
    let accepted_ns = now_ns();
    let settings = settings::now();
    let db = ctx.db();
    let words = Words::new(&request.queue, request.index.as_deref(), request.kind, request.priority);
    let over = Over::find(ctx, &words, &commands::PREVIEW, Access::Read)?;
    // From here on it says which index it means.
    let request = &Preview { index: over.index(), ..request.clone() };
    let (depth, container) = (over.depth(), over.container(request.priority));
    let Over { held, kind, lists: over } = over;
    let lists: Vec<Listed> = over.iter().map(|(list, _)| list.clone()).collect();
    let digest = request.key(db, kind, &lists);
    let asked = Asked {
        ctx,
        request,
        kind,
        lists: &lists,
        container,
        held: held.as_ref(),
        depth,
        digest,
        accepted_ns,
    };
    let now = now_ms();
    entry::with(|state| {
        if request.nocount {
            return Ok(asked.at_once(How::Skipped, Count::default()));
        }
        if !request.bust {
            let ttl = i64::try_from(settings.cache_ttl_ms()).unwrap_or(i64::MAX);
            if let Some(count) = state.caches.get(&digest, now, ttl) {
                let count = Count::of_cache(count);
                state.totals.cache_hits += 1;
                return Ok(asked.counted_before(state, How::Synchronous, count));
            }
        }
        if depth == 0 {
            // Nothing to scan, so nothing to wait for, wherever the command comes from.
            let zero = Some(0);
            let count = Count {
                match_count: zero,
                matched_bytes: zero,
                undecodable: zero,
                unreadable: zero,
                drifted: zero,
                concerns: [zero; 4],
                inexact: zero,
                notice: asked.held.is_none().then(|| nothing_there(ctx, &request.queue, &lists)),
                ..Count::default()
            };
            return Ok(asked.at_once(How::Synchronous, count));
        }
        let inline = depth <= settings.inline_limit()
            && settings.inline_wait_ms() > 0
            && !ctx.flags().cannot_block()
            && state.waiters.has_room_for(PreviewWait::bytes(request, &lists));
        let fields = request.fields.as_deref();
        if let Some(job) = state.registry.equal_live(&digest, fields) {
            job.want_sample(request.sample);
            let id = job.id();
            if !inline {
                job.hand_out();
            }
            state.totals.joins += 1;
            return asked.go(state, id, inline, true, &over, &settings);
        }
        if !request.bust {
            let lock = i64::try_from(settings.job_lock_ttl_ms()).unwrap_or(i64::MAX);
            if let Some(job) = state.registry.equal_completed(&digest, now.saturating_sub(lock)) {
                let count =
                    Count { job_id: Some(job.id), deduplicated: true, ..Count::of_record(&job.record) };
                state.totals.joins += 1;
                return Ok(asked.counted_before(state, How::Job, count));
            }
        }
        state.totals.cache_misses += 1;
        if let Err(error) = state.room_for(ctx, Newcomer::Look) {
            return Ok(asked.at_once(How::Failed, failed(&error.to_string())));
        }
        if request.bust {
            // Renews: what was counted before this is not given to anybody any more.
            state.caches.forget(&digest);
            state.registry.make_stale(|job| job.digest == digest);
        }
        let mut job = new_job(ctx, request, kind, db, digest, (over.clone(), held.as_ref()))?;
        let id = job.id();
        if !inline {
            job.hand_out();
        }
        state.start(ctx, job);
        asked.go(state, id, inline, false, &over, &settings)
    })?
}

/// Why a count that was made before has no sample.
const HAVE_LEFT: &str = "the matches that were counted have left the queue since";
const NOT_KNOWN: &str = "where the counted matches are is no longer known, or unknown for these fields";

/// Why there is nothing in the lists: the other lists of a queue with priorities may hold its messages, or another key was
/// meant.
pub(super) fn nothing_there(ctx: Ctx<'_>, queue: &[u8], lists: &[Listed]) -> String {
    match others_depth(ctx, &commands::PREVIEW, lists.iter().map(|list| list.key.as_slice())) {
        Reply::Int(n @ 1..) => {
            format!(
                "this list is empty; messages in the other priority lists of the queue: {n} (PRIORITY ALL)"
            )
        }
        _ => zero::no_such_key(ctx, queue),
    }
}

fn new_job(
    ctx: Ctx<'_>,
    request: &Preview,
    kind: MessageKind,
    db: i32,
    digest: [u8; 32],
    (lists, held): (Vec<(Listed, u64)>, Option<&Unacked>),
) -> Result<Job, Error> {
    let caller = ctx.caller();
    Ok(Job::new(Start {
        id: Uuid::new_v4(),
        kind: Kind::Preview,
        db,
        queue: request.queue.clone(),
        priority: request.priority,
        lists,
        messages: kind,
        filter: request.filter.clone(),
        projection: projection(request, kind)?,
        fields: request.fields.clone(),
        sample: request.sample,
        grouping: None,
        top: 0,
        effect: Effect::Count,
        terms: Terms { inexact: request.inexact, ..Terms::default() },
        dry_run: false,
        origin: Origin { user: caller.user, client: caller.client, ..Origin::default() },
        digest,
        unacked: held.map(|held| held.start.clone()),
        now_ms: now_ms(),
        now_ns: now_ns(),
    }))
}

fn failed(error: &str) -> Count {
    Count { error: Some(error.to_owned()), ..Count::default() }
}

/// One preview on its way to a reply.
struct Asked<'a> {
    ctx: Ctx<'a>,
    request: &'a Preview,
    /// What the messages are taken for.
    kind: MessageKind,
    /// Where they are, in the order in which workers look into the lists.
    lists: &'a [Listed],
    /// What kind of storage that is; `None` where nothing tells.
    container: Option<Container>,
    /// Where workers hold them.
    held: Option<&'a Unacked>,
    depth: u64,
    /// Digest that equal requests share.
    digest: [u8; 32],
    accepted_ns: u64,
}

impl Asked<'_> {
    /// Looks at the messages that run next.
    fn look_for_sample(&self) -> Looked {
        self.sampling().look()
    }

    fn sampling(&self) -> Sampling<'_> {
        let Self { ctx, request, kind, lists, held, .. } = *self;
        Sampling { ctx, request, kind, lists, held }
    }

    /// Waits for a job, or answers with its id.
    fn go(
        &self,
        state: &mut State,
        id: Uuid,
        inline: bool,
        deduplicated: bool,
        over: &[(Listed, u64)],
        settings: &Settings,
    ) -> Result<Answer, Error> {
        if !inline {
            return Ok(self.at_once(How::Job, Count { job_id: Some(id), deduplicated, ..Count::default() }));
        }
        let looks_like = looks_like(self.ctx, over, self.kind);
        let client = block::block(self.ctx, settings.inline_wait_ms()).ok_or(ServerError::Internal)?;
        let wait = PreviewWait {
            request: self.request.clone(),
            kind: self.kind,
            lists: self.lists.to_vec(),
            looks_like,
            db: self.ctx.db(),
            accepted_ns: self.accepted_ns,
            deduplicated,
        };
        state.waiters.add(client, id, For::Preview(Box::new(wait)));
        Ok(Answer::Later)
    }

    /// A reply whose sample is looked for now, at the next end.
    fn at_once(&self, how: How, count: Count) -> Answer {
        let looked = self.look_for_sample();
        Answer::Reply(
            self.reply(how, count, looked.rows.map(Reply::List), looked.looks_like),
            self.request.format,
        )
    }

    /// A reply with a count that was made before: its sample is looked for now, and goes on with the matches that the
    /// scan found, where it is known which messages these are by now.
    fn counted_before(&self, state: &State, how: How, count: Count) -> Answer {
        let wants = self.request.sample.min(usize::try_from(count.match_count.unwrap_or(0)).unwrap_or(0));
        let found = state.registry.found(&self.digest, self.request.fields.as_deref());
        if let Some(held) = self.held {
            let rows = self.held_counted_before(held, found, wants).map(Reply::List);
            return Answer::Reply(self.reply(how, count, rows, None), self.request.format);
        }
        let mut looked = self.look_for_sample();
        if let Ok(rows) = &mut looked.rows
            && rows.len() < wants
        {
            let known = match found {
                Some(Found::Lists(found)) => found.rows(self.depth, &looked.distances),
                _ => None,
            };
            let is_known = known.is_some();
            rows.extend(known.into_iter().flatten().take(self.request.sample - rows.len()));
            if rows.is_empty() {
                let why = if is_known { HAVE_LEFT } else { NOT_KNOWN };
                looked.rows = Err(TargetError::NoSample { why }.into());
            }
        }
        Answer::Reply(
            self.reply(how, count, looked.rows.map(Reply::List), looked.looks_like),
            self.request.format,
        )
    }

    /// The sample of a count of what workers hold that was made before, with at least one row if it wants any.
    fn held_counted_before(
        &self,
        held: &Unacked,
        found: Option<&Found>,
        wants: usize,
    ) -> Result<Vec<Reply>, Error> {
        let sampling = self.sampling();
        let mut sample = sampling.look_at_held(held)?;
        let Some(Found::Held(places)) = found.filter(|_| sample.rows.len() < wants) else {
            let nothing = sample.rows.is_empty() && wants > 0;
            return if nothing {
                Err(TargetError::NoSample { why: NOT_KNOWN }.into())
            } else {
                Ok(sample.rows)
            };
        };
        sample.go_on(held, places);
        if sample.rows.is_empty() {
            Err(TargetError::NoSample { why: HAVE_LEFT }.into())
        } else {
            Ok(sample.rows)
        }
    }

    fn keys(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.lists.iter().map(|list| list.key.as_slice())
    }

    fn reply(
        &self,
        how: How,
        count: Count,
        sample: Result<Reply, Error>,
        looks_like: Option<Looks>,
    ) -> Reply {
        let (sample, sample_error) = match sample {
            Ok(rows) => (rows, None),
            Err(error) => (Reply::List(Vec::new()), Some(error.to_string())),
        };
        let [in_chord, in_group, with_eta, redelivered] = count.concerns;
        let notice = match (self.held, count.notice) {
            (Some(held), None) => Some(held.notice(None)),
            (_, notice) => notice,
        };
        let ids = looks_like.and_then(|looks| looks.library).map(Library::notice);
        let notices: Vec<String> = [ids, notice].into_iter().flatten().collect();
        let notice = (!notices.is_empty()).then(|| notices.join("; "));
        Reply::map()
            .with("mode", how.as_str())
            .with("queue", self.request.queue.as_slice())
            .with("filter", self.request.filter.canonical())
            .with("depth", self.depth)
            .with("match_count", count.match_count)
            .with("matched_bytes", count.matched_bytes)
            .with("undecodable", count.undecodable)
            .with("unreadable", count.unreadable)
            .with("drifted", count.drifted)
            .with("sample", sample)
            .with("sample_error", sample_error)
            .with("cached_at", count.cached_at)
            .with("job_id", count.job_id.map(|id| id.to_string()))
            .with("deduplicated", count.deduplicated)
            .with("count_error", count.error)
            .with("elapsed_us", now_ns().saturating_sub(self.accepted_ns) / 1_000)
            .with("other_priorities_depth", others_depth(self.ctx, &commands::PREVIEW, self.keys()))
            .with("in_chord", in_chord)
            .with("in_group", in_group)
            .with("with_eta", with_eta)
            .with("redelivered", redelivered)
            .with("notice", notice)
            .with("message_kind", self.kind.spec().name)
            .with("looks_like", looks_like.and_then(|looks| looks.unlike(self.kind)))
            .with("inexact", count.inexact)
            .with("priority", self.request.priority.map(Priority::word))
            .with(
                "queue_of_list",
                settings::now().priorities().step_of(&self.request.queue).map(|(queue, _)| queue),
            )
            .with("container", self.container)
            .build()
    }
}

/// The reply to a client that waited: its job ended, or its time is up and the scan goes on without it.
pub(crate) fn after_wait(
    state: &mut State,
    ctx: Ctx<'_>,
    id: Uuid,
    wait: &PreviewWait,
) -> Result<Reply, Error> {
    ctx.select(wait.db);
    let held = wait.request.index.as_ref().map(|index| Unacked::again(ctx, &wait.request.queue, index));
    // The queue may hold something else by now; that is no reason to keep the count back.
    let depth = match &held {
        Some(held) => held.len,
        None => depth_now(ctx, wait.lists.iter().map(|list| list.key.as_slice())),
    };
    // A client waits only for a queue that held messages when its command was accepted.
    let asked = Asked {
        ctx,
        request: &wait.request,
        kind: wait.kind,
        lists: &wait.lists,
        container: Container::of(held.is_some(), wait.request.priority, true),
        held: held.as_ref(),
        depth,
        digest: wait.request.key(wait.db, wait.kind, &wait.lists),
        accepted_ns: wait.accepted_ns,
    };
    let deduplicated = wait.deduplicated;
    let may_look = state.waiters.may_look();
    // Found by the scan so far, where others' samples took this turn's time.
    let sample = |found: Reply| match may_look {
        true => asked.look_for_sample().rows.map(Reply::List),
        false => Ok(first_rows(&found, wait.request.sample)),
    };
    if let Some(job) = state.registry.find_live(id) {
        job.hand_out();
        let count = Count { job_id: Some(id), deduplicated, ..Count::default() };
        let found = job.sample();
        return Ok(asked.reply(How::Job, count, sample(found), wait.looks_like));
    }
    let Some(job) = state.registry.find_ended(id, now_ms()) else {
        let count = Count { deduplicated, ..failed(&EndReason::Internal.to_string()) };
        return Ok(asked.reply(How::Failed, count, sample(Reply::List(Vec::new())), wait.looks_like));
    };
    if job.record.status() == Status::Completed {
        // The sample stands as the job left it, and commands may have run since (servers differ in when they
        // let clients go): index and depth must be of one moment.
        let asked = Asked { depth: u64::try_from(job.record.int(Member::QueueDepth)).unwrap_or(0), ..asked };
        let count = Count { deduplicated, ..Count::of_record(&job.record) };
        let sample = first_rows(&job.sample, wait.request.sample);
        return Ok(asked.reply(How::Synchronous, count, Ok(sample), wait.looks_like));
    }
    let error = String::from_utf8_lossy(job.record.text(Member::Error)).into_owned();
    let count = Count { deduplicated, ..failed(&error) };
    Ok(asked.reply(How::Failed, count, sample(job.sample.clone()), wait.looks_like))
}

fn first_rows(sample: &Reply, n: usize) -> Reply {
    match sample {
        Reply::List(rows) => Reply::List(rows.iter().take(n).cloned().collect()),
        _ => Reply::List(Vec::new()),
    }
}
