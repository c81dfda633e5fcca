//! Events of jobs for those who listen on the channel `qadmin:events`.
//!
//! An event is put into the publisher where it happens and published in the hook before the poll, nowhere else: what
//! happens to a job may happen inside a notification, a flush, a transaction or somebody's command, and no
//! subscriber's connection is written to from there. The server has sent its replies when it calls the hook, so one
//! more turn of the event loop has to come that sends these.
//!
//! Where nobody could listen nothing is made and nothing published: the server is asked first (PUBSUB NUMSUB and
//! NUMPAT, about 2 us together). A node of a cluster does not know the subscribers of the others, so there every
//! event is published.

use std::collections::VecDeque;

use qadmin_core::job::{CHANNEL, Job, JobEvent, event};

use crate::redis::call::{CallMode, call, publish};
use crate::redis::clock::{now_ms, now_ns};
use crate::redis::guard::guard;
use crate::redis::{Ctx, RString};

/// How often the progress of one job is told.
const PROGRESS_EVERY_NS: u64 = 250_000_000;
/// Events that may wait to be published; beyond it the oldest is given up.
const EVENTS_MAX: usize = 1_000;
/// Bytes that those may take: a queue's name may be long.
const EVENTS_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Events that are published in one turn of the event loop.
const EVENTS_PER_TURN: usize = 32;

/// Events on their way.
#[derive(Debug, Default)]
pub(crate) struct Publisher {
    events: VecDeque<Vec<u8>>,
    bytes: usize,
    /// The last turn published some: the next one sends them.
    published: bool,
}

impl Publisher {
    /// A further turn of the event loop is needed.
    pub(crate) fn wants_turn(&self) -> bool {
        self.published || !self.events.is_empty()
    }

    fn add(&mut self, event: Vec<u8>) {
        self.bytes += event.len();
        self.events.push_back(event);
        while self.events.len() > EVENTS_MAX || self.bytes > EVENTS_BYTES_MAX {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes -= oldest.len();
        }
    }

    /// Publishes some. Only from the hook before the poll.
    pub(crate) fn publish(&mut self, ctx: Ctx<'_>) {
        self.published = false;
        for _ in 0..EVENTS_PER_TURN {
            // Taken out first: one that panics must not stand in the way of others.
            let Some(event) = self.events.pop_front() else { break };
            self.bytes -= event.len();
            self.published = true;
            guard("publishing an event", || publish(ctx, CHANNEL, &event));
        }
    }

    /// Puts what happened to a job into the publisher, if anybody may listen. Whatever goes wrong there: the job goes on.
    pub(crate) fn tell(&mut self, job: &mut Job, what: JobEvent) {
        let told =
            guard("an event of a job", || anybody_listens().then(|| event(what, &job.record(), now_ms())));
        job.told(now_ns());
        if let Some(event) = told.flatten() {
            self.add(event);
        }
    }

    /// Tells of a job's progress, if it was not told lately.
    pub(crate) fn tell_progress(&mut self, job: &mut Job) {
        if job.was_told_before(now_ns(), PROGRESS_EVERY_NS) {
            self.tell(job, JobEvent::Progress);
        }
    }
}

/// Whether anybody could hear an event. What cannot be asked counts as yes.
fn anybody_listens() -> bool {
    let Some(ctx) = Ctx::detached() else { return false };
    let ask =
        |args: &[RString]| call(ctx, c"PUBSUB", CallMode::Read, args).ok().and_then(|answer| answer.int());
    ctx.flags().cluster()
        || ask(&[RString::new("NUMSUB"), RString::new(CHANNEL)]) != Some(0)
        || ask(&[RString::new("NUMPAT")]) != Some(0)
}
