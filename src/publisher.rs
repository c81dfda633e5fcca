//! Events of jobs for subscribers of the channel `qadmin:events`.
//!
//! An event is queued where it happens and published in the hook before the poll, nowhere else. What happens to a
//! job may happen inside a notification, a flush, a transaction or a command of a client, where no subscriber's
//! connection may be written to. When the server calls the hook it has already sent its replies, so one more turn
//! of the event loop is needed to send the events.
//!
//! If there are no subscribers, no event is made or published: the server is asked first (PUBSUB NUMSUB and
//! NUMPAT, about 2 us together). A node of a cluster does not know the subscribers of other nodes, so there every
//! event is published.

use std::collections::VecDeque;

use qadmin_core::job::{CHANNEL, Job, JobEvent, event};

use crate::redis::call::{CallMode, call, publish};
use crate::redis::clock::{now_ms, now_ns};
use crate::redis::guard::guard;
use crate::redis::{Ctx, RString};

/// How often the progress of a job is published.
const PROGRESS_EVERY_NS: u64 = 250_000_000;
/// Events that may wait to be published. Beyond it the oldest is given up.
const EVENTS_MAX: usize = 1_000;
/// Bytes that these events may take: the name of a queue can be long.
const EVENTS_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Events that are published in one turn of the event loop.
const EVENTS_PER_TURN: usize = 32;

/// Events that wait to be published.
#[derive(Debug, Default)]
pub(crate) struct Publisher {
    events: VecDeque<Vec<u8>>,
    bytes: usize,
    /// The last turn published some, which the next turn sends.
    published: bool,
}

impl Publisher {
    /// Returns whether a further turn of the event loop is needed.
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

    /// Publishes some events. It may be called only from the hook before the poll.
    pub(crate) fn publish(&mut self, ctx: Ctx<'_>) {
        self.published = false;
        for _ in 0..EVENTS_PER_TURN {
            // Events are removed first, so that one that panics does not block the others.
            let Some(event) = self.events.pop_front() else { break };
            self.bytes -= event.len();
            self.published = true;
            guard("publishing an event", || publish(ctx, CHANNEL, &event));
        }
    }

    /// Queues an event of a job, if there may be subscribers. Whatever fails here, the job continues.
    pub(crate) fn tell(&mut self, job: &mut Job, what: JobEvent) {
        let told =
            guard("an event of a job", || anybody_listens().then(|| event(what, &job.record(), now_ms())));
        job.told(now_ns());
        if let Some(event) = told.flatten() {
            self.add(event);
        }
    }

    /// Publishes the progress of a job, if that was not done lately.
    pub(crate) fn tell_progress(&mut self, job: &mut Job) {
        if job.was_told_before(now_ns(), PROGRESS_EVERY_NS) {
            self.tell(job, JobEvent::Progress);
        }
    }
}

/// Returns whether anybody could receive an event. If that is unknown, the answer is yes.
fn anybody_listens() -> bool {
    let Some(ctx) = Ctx::detached() else { return false };
    let ask =
        |args: &[RString]| call(ctx, c"PUBSUB", CallMode::Read, args).ok().and_then(|answer| answer.int());
    ctx.flags().cluster()
        || ask(&[RString::new("NUMSUB"), RString::new(CHANNEL)]) != Some(0)
        || ask(&[RString::new("NUMPAT")]) != Some(0)
}
