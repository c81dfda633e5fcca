//! QADMIN.PREVIEW: counts the matches of a filter, and shows some of them.

use qadmin_core::container::Container;
use qadmin_core::error::Error;
use qadmin_core::reply::Reply;
use qadmin_core::request::Preview;

use super::Answer;
use super::queue::reply::{Count, Pending, Source};
use super::queue::sample::{Sample, Sampler};
use super::queue::target::nothing_there;
use super::queue::tiers::{self, CountCommand};
use crate::library::Recognised;
use crate::redis::Ctx;
use crate::settings;
use crate::waiters::{CountWait, WaitFor};

pub(super) fn run(ctx: Ctx<'_>, request: &Preview) -> Result<Answer, Error> {
    tiers::run(ctx, request)
}

impl CountCommand for Preview {
    const IS_CACHED: bool = true;

    fn reply(&self, pending: &Pending<'_>, mut count: Count, source: &Source<'_>) -> Reply {
        if matches!(source, Source::Empty) && pending.target.storage.is_listed() {
            count.notice = Some(nothing_there(pending.ctx, pending.target));
        }
        let Sample { rows, looks_like } = sample(self, pending, &count, source);
        let (rows, sample_error) = match rows {
            Ok(rows) => (rows, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let looks_like = pending.looks_like(looks_like);
        let is_sorted_set = matches!(pending.container(), Some(Container::SortedSet | Container::SetOfIds));
        let messages = pending.target.messages;
        let is_read = |looks: &Recognised| looks.kind == messages && messages.spec().place.is_elsewhere();
        let ids = looks_like.filter(|looks| !is_read(looks)).and_then(|looks| looks.library);
        let ids = ids.map(|library| library.notice(is_sorted_set));
        let notices: Vec<String> = [ids, pending.notice(&count)].into_iter().flatten().collect();
        let [in_chord, in_group, with_eta, redelivered] = count.match_notices;
        let map = pending
            .head(count.mode)
            .with("match_count", count.matched)
            .with("matched_bytes", count.matched_bytes)
            .with("undecodable", count.undecodable)
            .with("unreadable", count.unreadable)
            .with("drifted", count.drifted)
            .with("sample", rows)
            .with("sample_error", sample_error);
        pending
            .with_origin(map, &count)
            .with("in_chord", in_chord)
            .with("in_group", in_group)
            .with("with_eta", with_eta)
            .with("redelivered", redelivered)
            .with("notice", (!notices.is_empty()).then(|| notices.join("; ")))
            .with("message_kind", pending.message_kind())
            .with("looks_like", looks_like.and_then(|looks| looks.unlike(messages)))
            .with("inexact", count.inexact)
            .with("priority", pending.priority())
            .with("queue_of_list", queue_of_list(self))
            .with("container", pending.container())
            .with("source", Pending::counted_by(&count))
            .with("ages", pending.ages())
            .build()
    }

    fn wait(wait: Box<CountWait<Self>>) -> WaitFor {
        WaitFor::Preview(wait)
    }
}

/// Returns the rows of the sample, and what the messages look like if finding the rows showed that.
fn sample(request: &Preview, pending: &Pending<'_>, count: &Count, source: &Source<'_>) -> Sample {
    let found_by_scan = |rows: &Reply| match rows {
        Reply::List(rows) => rows.iter().take(request.sample).cloned().collect(),
        _ => Vec::new(),
    };
    let known = |rows| Sample { rows: Ok(rows), looks_like: None };
    let sampler = Sampler { ctx: pending.ctx, request, target: pending.target };
    match source {
        Source::NoCount { rows: Some(rows) } => known(found_by_scan(rows)),
        Source::NoCount { rows: None } | Source::Empty => sampler.sample(),
        Source::Before { found, .. } => {
            let matches = count.matched.and_then(|matched| usize::try_from(matched).ok()).unwrap_or(0);
            sampler.sample_beyond(*found, matches)
        }
        Source::Waited(job) => known(found_by_scan(&job.sample)),
        Source::Indexes(indexed) => sampler.sample_at(&indexed.found),
    }
}

/// Returns the queue, if the preview is about one of its priority lists.
fn queue_of_list(request: &Preview) -> Option<&[u8]> {
    settings::now().priorities().step_of(&request.target.queue).map(|(queue, _)| queue)
}
