//! QADMIN.STATS: counts by the values of fields.

use qadmin_core::error::Error;
use qadmin_core::job::{Groups, Member};
use qadmin_core::reply::Reply;
use qadmin_core::request::Stats;

use super::Answer;
use super::queue::reply::{Count, Pending, Source};
use super::queue::tiers::{self, CountCommand};
use crate::redis::Ctx;
use crate::waiters::{CountWait, WaitFor};

pub(super) fn run(ctx: Ctx<'_>, request: &Stats) -> Result<Answer, Error> {
    tiers::run(ctx, request)
}

impl CountCommand for Stats {
    // There can be many groups, so they are kept with the job that counted them, and nowhere else.
    const IS_CACHED: bool = false;

    fn reply(&self, pending: &Pending<'_>, mut count: Count, source: &Source<'_>) -> Reply {
        let groups = match source {
            Source::NoCount { .. } | Source::Before { job: None, .. } => Groups::NONE,
            Source::Empty => Groups::empty(),
            Source::Before { job: Some(job), .. } => {
                count.cached_at = Some(job.record.int(Member::CompletedAt));
                job.groups.clone()
            }
            Source::Waited(job) => job.groups.clone(),
            Source::Indexes(indexed) => indexed.groups.clone(),
        };
        let map = pending
            .head(count.mode)
            .with("total", count.processed)
            .with("matched", count.matched)
            .with("matched_bytes", count.matched_bytes)
            .with("groups", groups.groups)
            .with("other", groups.other)
            .with("groups_total", groups.total)
            .with("undecodable", count.undecodable)
            .with("unreadable", count.unreadable)
            .with("drifted", count.drifted);
        pending
            .with_origin(map, &count)
            .with("notice", pending.notice(&count))
            .with("message_kind", pending.message_kind())
            .with("inexact", count.inexact)
            .with("priority", pending.priority())
            .with("container", pending.container())
            .with("source", Pending::counted_by(&count))
            .with("ages", pending.ages())
            .build()
    }

    fn wait(wait: Box<CountWait<Self>>) -> WaitFor {
        WaitFor::Stats(wait)
    }
}
