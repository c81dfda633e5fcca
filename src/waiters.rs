//! Blocked clients that wait for a job.
//!
//! A client whose job has ended is unblocked in the hook before the poll and nowhere else, because there the
//! server sends the reply next. If it were unblocked earlier, its timeout or CLIENT UNBLOCK could come in between.
//! Redis 7.0 then drops the reply: it does not request one for a client that is already unblocked
//! (moduleBlockedClientTimedOut), and the client waits forever.

use std::collections::{HashMap, VecDeque};

use qadmin_core::job::JobTarget;
use qadmin_core::request::{CountRequest, Format, Preview, Show, Stats};
use uuid::Uuid;

use crate::library::Recognised;
use crate::redis::block::{Blocked, ClientId};

/// Clients that may wait at once.
pub(crate) const WAITERS_MAX: usize = 10_000;
/// Bytes of the requests of waiting previews and stats that are kept at once: a filter can be long.
pub(crate) const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Clients that are unblocked in one turn of the event loop: each reply takes some microseconds, and a thousand
/// clients may wait for one job.
pub(crate) const RELEASED_PER_TURN: usize = 32;

/// Immediate samples that are taken in one turn for previews whose time is up or whose count failed: each may take
/// some slices, and the time of a thousand clients may be up at once. The others show what the scan has found.
pub(crate) const SAMPLES_PER_TURN: usize = 1;

/// What a client waits for.
#[derive(Debug)]
pub(crate) enum WaitFor {
    /// The count of an inline preview.
    Preview(Box<CountWait<Preview>>),
    /// The groups of inline stats.
    Stats(Box<CountWait<Stats>>),
    /// The message that a job searches for.
    Show(Box<ShowWait>),
    /// The end of a job, to see its status.
    Status(Format),
    /// The end of a walk over the keys.
    Queues(Format),
}

/// A command that waits for the message that its job searches for.
#[derive(Debug)]
pub(crate) struct ShowWait {
    /// The request.
    pub(crate) request: Show,
    /// The messages that are searched, as they were when the command was accepted.
    pub(crate) target: JobTarget,
}

impl ShowWait {
    /// Returns approximately how many bytes a kept request takes.
    pub(crate) fn bytes_of(request: &Show, target: &JobTarget) -> usize {
        2 * target.bytes() + 4 * request.id.len()
    }
}

/// A command that waits for the count of a job.
#[derive(Debug)]
pub(crate) struct CountWait<R> {
    /// The request.
    pub(crate) request: R,
    /// The messages that are counted, as they were when the command was accepted.
    pub(crate) target: JobTarget,
    /// What the messages looked like then, if the reply shows that.
    pub(crate) looks_like: Option<Recognised>,
    /// When the command arrived: steady clock, nanoseconds.
    pub(crate) accepted_ns: u64,
    /// It joined the scan of another client.
    pub(crate) deduplicated: bool,
    /// The memory that it takes, see [`CountWait::bytes_of`].
    pub(crate) bytes: usize,
}

impl<R: CountRequest> CountWait<R> {
    /// Returns approximately how many bytes a kept request takes: the names of its keys and the filter, which is
    /// kept as conditions and as text.
    pub(crate) fn bytes_of(request: &R, target: &JobTarget) -> usize {
        2 * target.bytes() + 3 * request.filter().text_len()
    }
}

/// A blocked client.
#[derive(Debug)]
pub(crate) struct Waiter {
    /// The job or walk that it waits for.
    pub(crate) job: Uuid,
    /// For what.
    pub(crate) what: WaitFor,
    /// Its stage.
    stage: Stage,
    /// Unblocks the client; `None` after that was done.
    pub(crate) token: Option<Blocked>,
}

/// The stage of a blocked client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Its job is live.
    Waits,
    /// Its job has ended: it is one of the next to unblock.
    Due,
    /// It was unblocked, and gets its reply next.
    LetGo,
}

impl Waiter {
    fn bytes(&self) -> usize {
        match &self.what {
            WaitFor::Preview(wait) => wait.bytes,
            WaitFor::Stats(wait) => wait.bytes,
            WaitFor::Show(wait) => ShowWait::bytes_of(&wait.request, &wait.target),
            WaitFor::Status(_) | WaitFor::Queues(_) => 0,
        }
    }
}

/// All blocked clients.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    all: HashMap<ClientId, Waiter>,
    /// Clients to unblock. Some may have disconnected by then, and a handle may have been used again for another
    /// client.
    due: VecDeque<ClientId>,
    /// Bytes of all requests.
    bytes: usize,
    /// Immediate samples that were taken in this turn.
    samples: usize,
}

impl Waiters {
    /// Returns the number of clients that wait.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns whether another client with a request of this many bytes may be blocked.
    pub(crate) fn has_room_for(&self, bytes: usize) -> bool {
        self.all.len() < WAITERS_MAX && self.bytes + bytes <= WAITING_BYTES_MAX
    }

    /// Adds a blocked client.
    pub(crate) fn add(&mut self, client: Blocked, job: Uuid, what: WaitFor) {
        let id = client.id();
        let waiter = Waiter { job, what, stage: Stage::Waits, token: Some(client) };
        self.bytes += waiter.bytes();
        self.all.insert(id, waiter);
    }

    /// Marks all clients that wait for this job to be unblocked, in turns.
    pub(crate) fn release(&mut self, job: Uuid) {
        let waits = |waiter: &Waiter| waiter.job == job && waiter.stage == Stage::Waits;
        for (client, waiter) in self.all.iter_mut().filter(|(_, waiter)| waits(waiter)) {
            waiter.stage = Stage::Due;
            self.due.push_back(*client);
        }
    }

    /// Returns whether there is no client to unblock.
    pub(crate) fn none_due(&self) -> bool {
        self.due.is_empty()
    }

    /// Unblocks some clients whose job has ended. It may be called only from the hook before the poll.
    pub(crate) fn let_go(&mut self) {
        self.samples = 0;
        for client in self.due.drain(..self.due.len().min(RELEASED_PER_TURN)) {
            if let Some(waiter) = self.all.get_mut(&client).filter(|waiter| waiter.stage == Stage::Due) {
                waiter.stage = Stage::LetGo;
                if let Some(token) = waiter.token.take() {
                    token.unblock();
                }
            }
        }
    }

    /// Returns whether one more immediate sample may be taken in this turn, and counts it.
    pub(crate) fn may_sample(&mut self) -> bool {
        self.samples += 1;
        self.samples <= SAMPLES_PER_TURN
    }

    /// Returns whether a client waits for this job.
    pub(crate) fn any(&self, job: Uuid) -> bool {
        self.all.values().any(|waiter| waiter.job == job)
    }

    /// Removes a client: it gets its reply, or it has disconnected.
    pub(crate) fn take(&mut self, client: ClientId) -> Option<Waiter> {
        let waiter = self.all.remove(&client)?;
        self.bytes -= waiter.bytes();
        Some(waiter)
    }
}
