//! QADMIN.PREVIEW: the four tiers of a count, and the sample.

use qadmin_core::concerns::{ConcernCounts, chord_notice, inexact_notice};
use qadmin_core::error::Error;
use qadmin_core::filter::{Matcher, Projection};
use qadmin_core::job::{Cached, Job, Kind, Origin, Record, Start, Status, Terms, sample_row};
use qadmin_core::kind::{LOOK_AT, MessageKind, Recogniser};
use qadmin_core::priorities::{List as Listed, Priority};
use qadmin_core::reply::Reply;
use qadmin_core::request::Preview;
use qadmin_core::scan::{Effect, Queue, shown_index};
use qadmin_core::settings::Settings;
use uuid::Uuid;

use super::lists::{Over, depth_now, others_depth};
use super::looks::{LookTime, disagrees, looks_like};
use super::unacked::{self, Access, Unacked, Words};
use super::{Answer, may_read};
use crate::engine::Newcomer;
use crate::redis::clock::{now_ms, now_ns};
use crate::redis::list::{List, Mode, Opened};
use crate::redis::{Ctx, RString, block};
use crate::settings;
use crate::state::{self, State};
use crate::waiters::{For, PreviewWait};

/// Longest look for an immediate sample, in slices: the 2,000 messages of the default window take no longer, as far
/// as they are of usual size.
const SAMPLE_SLICES: u64 = 4;

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
    cached_at: Option<i64>,
    job_id: Option<Uuid>,
    deduplicated: bool,
    error: Option<String>,
}

impl Count {
    fn of_record(record: &Record) -> Self {
        let get = |name| Some(record.int(name));
        Self {
            match_count: get("matched"),
            matched_bytes: get("matched_bytes"),
            undecodable: get("undecodable"),
            unreadable: get("unreadable"),
            drifted: get("drifted"),
            concerns: ConcernCounts::NAMES.map(get),
            inexact: get("inexact"),
            ..Self::default()
        }
    }

    fn of_cache(count: &Cached) -> Self {
        let int = |n: u64| Some(qadmin_core::job::int(n));
        Self {
            match_count: int(count.match_count),
            matched_bytes: int(count.matched_bytes),
            undecodable: int(count.undecodable),
            unreadable: int(count.unreadable),
            drifted: int(count.drifted),
            concerns: count.concerns.values().map(int),
            inexact: int(count.concerns.inexact),
            cached_at: Some(count.cached_ms),
            ..Self::default()
        }
    }
}

pub(super) fn run(ctx: Ctx<'_>, request: &Preview) -> Result<Answer, Error> {
    let accepted_ns = now_ns();
    let settings = settings::now();
    let db = ctx.db();
    let words = Words::new(&request.queue, request.index.as_deref(), request.kind, request.priority);
    let over = Over::find(ctx, &words, Access::Read, may_read)?;
    // From here on it says which index it means.
    let request = &Preview { index: over.index(), ..request.clone() };
    let depth = over.depth();
    let Over { held, kind, lists: over } = over;
    let lists: Vec<Listed> = over.iter().map(|(list, _)| list.clone()).collect();
    let digest = request.key(db, kind, &lists);
    let asked = Asked { ctx, request, kind, lists: &lists, held: held.as_ref(), depth, accepted_ns };
    let now = now_ms();
    state::with(|state| {
        if request.nocount {
            return Ok(asked.at_once(How::Skipped, Count::default()));
        }
        if !request.bust {
            let ttl = i64::try_from(settings.cache_ttl_ms()).unwrap_or(i64::MAX);
            if let Some(count) = state.caches.get(&digest, now, ttl) {
                let count = Count::of_cache(count);
                state.totals.cache_hits += 1;
                return Ok(asked.at_once(How::Synchronous, count));
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
                return Ok(asked.at_once(How::Job, count));
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
        terms: Terms::default(),
        dry_run: false,
        origin: Origin { user: caller.user, client: caller.client, ..Origin::default() },
        digest,
        unacked: held.map(|held| held.start.clone()),
        now_ms: now_ms(),
        now_ns: now_ns(),
    }))
}

fn projection(request: &Preview, kind: MessageKind) -> Result<Projection, Error> {
    match &request.fields {
        None => Projection::of(kind, kind.spec().sample),
        Some(fields) => Projection::of(kind, &fields.iter().map(Vec::as_slice).collect::<Vec<_>>()),
    }
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
    /// Where workers hold them.
    held: Option<&'a Unacked>,
    depth: u64,
    accepted_ns: u64,
}

impl Asked<'_> {
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
        let client = block::block(self.ctx, settings.inline_wait_ms()).ok_or(Error::Internal)?;
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
        let (sample, looks_like) = self.look_for_sample();
        Answer::Reply(self.reply(how, count, sample, looks_like), self.request.format)
    }

    /// Looks at the messages that run next: until the sample is full, `sample-window` of them at most, and no
    /// longer than a slice may take, for everybody waits meanwhile. What kind they are of shows on the way.
    fn look_for_sample(&self) -> (Result<Reply, Error>, Option<MessageKind>) {
        let settings = settings::now();
        let window = settings.sample_window();
        let mut projection = match projection(self.request, self.kind) {
            Ok(projection) => projection.inexact(true),
            Err(error) => return (Err(error), None),
        };
        let mut matcher = Matcher::of(self.kind, &self.request.filter, None).inexact(true);
        let longest = settings.slice_us() * 1_000 * SAMPLE_SLICES;
        if let Some(held) = self.held {
            let rows = (self.request.sample, longest);
            let found = unacked::sample(self.ctx, &self.request.queue, held, matcher, projection, rows);
            return (Ok(found), None);
        }
        let mut recogniser = Recogniser::new();
        let mut rows = Vec::new();
        let mut time = LookTime::begin(longest);
        let next_end = self.kind.spec().next_end;
        // Messages that run before those of the list.
        let mut before = 0;
        'lists: for listed in self.lists {
            let name = RString::new(&listed.key);
            let Opened::List(mut list) = List::open(self.ctx, &name, Mode::Read) else { continue };
            let len = list.len();
            for distance in 0..len {
                let samples = rows.len() < self.request.sample && before + distance < window;
                let looks = !recogniser.is_done() && before + distance < LOOK_AT;
                if (!samples && !looks) || time.is_over() {
                    break 'lists;
                }
                list.read(next_end.index(distance, len), |message| {
                    let mut work = message.len();
                    if looks {
                        recogniser.look(message);
                    }
                    if samples {
                        let matched = matcher.examine(message).matched;
                        work += matcher.work();
                        if matched {
                            let members = projection.row(message);
                            work += projection.work(message);
                            let index = shown_index(next_end, distance);
                            rows.push(sample_row(index, listed.step, message.len() as u64, &members));
                        }
                    }
                    time.took(work);
                });
            }
            before += len;
        }
        (Ok(Reply::List(rows)), disagrees(&recogniser, self.kind))
    }

    fn keys(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.lists.iter().map(|list| list.key.as_slice())
    }

    fn reply(
        &self,
        how: How,
        count: Count,
        sample: Result<Reply, Error>,
        looks_like: Option<MessageKind>,
    ) -> Reply {
        let (sample, sample_error) = match sample {
            Ok(rows) => (rows, None),
            Err(error) => (Reply::List(Vec::new()), Some(error.to_string())),
        };
        let [in_chord, in_group, with_eta, redelivered] = count.concerns;
        let number = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        let notices = [chord_notice(number(in_chord)), inexact_notice(number(count.inexact))];
        let notices: Vec<String> = notices.into_iter().flatten().collect();
        let notice = (!notices.is_empty()).then(|| notices.join("; "));
        let notice = match self.held {
            Some(held) => Some(held.notice(notice)),
            None => notice,
        };
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
            .with("other_priorities_depth", others_depth(self.ctx, self.keys()))
            .with("in_chord", in_chord)
            .with("in_group", in_group)
            .with("with_eta", with_eta)
            .with("redelivered", redelivered)
            .with("notice", notice)
            .with("message_kind", self.kind.spec().name)
            .with("looks_like", looks_like.map(|kind| kind.spec().name))
            .with("inexact", count.inexact)
            .with("priority", self.request.priority.map(Priority::word))
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
    let asked = Asked {
        ctx,
        request: &wait.request,
        kind: wait.kind,
        lists: &wait.lists,
        held: held.as_ref(),
        depth,
        accepted_ns: wait.accepted_ns,
    };
    let deduplicated = wait.deduplicated;
    let may_look = state.waiters.may_look();
    // Found by the scan so far, where others' samples took this turn's time.
    let sample = |found: Reply| match may_look {
        true => asked.look_for_sample().0,
        false => Ok(first_rows(&found, wait.request.sample)),
    };
    if let Some(job) = state.registry.find_live(id) {
        job.hand_out();
        let count = Count { job_id: Some(id), deduplicated, ..Count::default() };
        let found = job.sample();
        return Ok(asked.reply(How::Job, count, sample(found), wait.looks_like));
    }
    let Some(job) = state.registry.find_ended(id, now_ms()) else {
        let count = Count { deduplicated, ..failed(&Error::Internal.to_string()) };
        return Ok(asked.reply(How::Failed, count, sample(Reply::List(Vec::new())), wait.looks_like));
    };
    if job.record.status() == Status::Completed {
        // The sample stands as the job left it, and commands may have run since (servers differ in when they
        // let clients go): index and depth must be of one moment.
        let asked = Asked { depth: u64::try_from(job.record.int("queue_depth")).unwrap_or(0), ..asked };
        let count = Count { deduplicated, ..Count::of_record(&job.record) };
        let sample = first_rows(&job.sample, wait.request.sample);
        return Ok(asked.reply(How::Synchronous, count, Ok(sample), wait.looks_like));
    }
    let error = String::from_utf8_lossy(job.record.text("error")).into_owned();
    let count = Count { deduplicated, ..failed(&error) };
    Ok(asked.reply(How::Failed, count, sample(job.sample.clone()), wait.looks_like))
}

fn first_rows(sample: &Reply, n: usize) -> Reply {
    match sample {
        Reply::List(rows) => Reply::List(rows.iter().take(n).cloned().collect()),
        _ => Reply::List(Vec::new()),
    }
}
