//! Clients that wait for a job.
//!
//! A client whose job has ended is let go in the hook before the poll and nowhere else: there the server
//! replies to it next. Earlier, its time-out or CLIENT UNBLOCK may come in between, and Redis 7.0 then drops
//! the reply: it asks nobody for one that is already let go (moduleBlockedClientTimedOut), and the client
//! waits for ever.

use std::collections::{HashMap, VecDeque};

use qadmin_core::job::JobTarget;
use qadmin_core::request::{CountRequest, Format, Preview, Stats};
use uuid::Uuid;

use crate::library::Recognised;
use crate::redis::block::{Blocked, ClientId};

/// Clients that may wait at once.
pub(crate) const WAITERS_MAX: usize = 10_000;
/// Bytes of the requests of waiting previews and stats that are kept at once: a filter may be long.
pub(crate) const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Clients that are let go in one turn of the event loop: each reply takes some microseconds, and a thousand
/// clients may wait for one job.
pub(crate) const RELEASED_PER_TURN: usize = 32;

/// Immediate samples that are looked for in one turn for previews whose time is up or whose count failed: each may
/// take some slices, and a thousand clients' time may be up at once. The others show what the scan has found.
pub(crate) const SAMPLES_PER_TURN: usize = 1;

/// What a client waits for.
#[derive(Debug)]
pub(crate) enum WaitFor {
    /// The count of an inline preview.
    Preview(Box<CountWait<Preview>>),
    /// The groups of inline stats.
    Stats(Box<CountWait<Stats>>),
    /// The end of a job, to see its status.
    Status(Format),
    /// The end of a walk over the keys.
    Queues(Format),
}

/// A command that waits for the count of a job.
#[derive(Debug)]
pub(crate) struct CountWait<R> {
    /// What was asked.
    pub(crate) request: R,
    /// The messages that are counted, as they were when the command was accepted.
    pub(crate) target: JobTarget,
    /// What the messages looked like then, where the reply shows that.
    pub(crate) looks_like: Option<Recognised>,
    /// When the command came: steady clock, nanoseconds.
    pub(crate) accepted_ns: u64,
    /// It joined another client's scan.
    pub(crate) deduplicated: bool,
    /// Memory that it takes, see [`CountWait::bytes_of`].
    pub(crate) bytes: usize,
}

impl<R: CountRequest> CountWait<R> {
    /// About how many bytes it takes to keep a request: the names of its keys and the filter, which is kept as conditions
    /// and as text.
    pub(crate) fn bytes_of(request: &R, target: &JobTarget) -> usize {
        2 * target.bytes() + 3 * request.filter().text_len()
    }
}

/// One waiting client.
#[derive(Debug)]
pub(crate) struct Waiter {
    /// The job or walk that it waits for.
    pub(crate) job: Uuid,
    /// For what.
    pub(crate) what: WaitFor,
    /// How far it is.
    stage: Stage,
    /// Lets the client go; `None` once that was done.
    pub(crate) token: Option<Blocked>,
}

/// How far a waiting client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Its job lives.
    Waits,
    /// Its job ended: it is among those to let go.
    Due,
    /// It was unblocked; its reply is the next thing that happens to it.
    LetGo,
}

impl Waiter {
    fn bytes(&self) -> usize {
        match &self.what {
            WaitFor::Preview(wait) => wait.bytes,
            WaitFor::Stats(wait) => wait.bytes,
            WaitFor::Status(_) | WaitFor::Queues(_) => 0,
        }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    all: HashMap<ClientId, Waiter>,
    /// Clients to let go. Some may be gone by then, and a handle may have come back as another client's.
    due: VecDeque<ClientId>,
    /// Bytes of all requests.
    bytes: usize,
    /// Immediate samples that were looked for in this turn.
    samples: usize,
}

impl Waiters {
    /// Clients that wait.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// One more client may wait whose request takes so many bytes.
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

    /// Everybody who waits for this job is to go, turn by turn.
    pub(crate) fn release(&mut self, job: Uuid) {
        let waits = |waiter: &Waiter| waiter.job == job && waiter.stage == Stage::Waits;
        for (client, waiter) in self.all.iter_mut().filter(|(_, waiter)| waits(waiter)) {
            waiter.stage = Stage::Due;
            self.due.push_back(*client);
        }
    }

    /// Nobody is to be let go.
    pub(crate) fn none_due(&self) -> bool {
        self.due.is_empty()
    }

    /// Lets some of those go whose job ended. Only from the hook before the poll.
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

    /// One more immediate sample may be looked for in this turn.
    pub(crate) fn may_sample(&mut self) -> bool {
        self.samples += 1;
        self.samples <= SAMPLES_PER_TURN
    }

    /// Somebody waits for this job.
    pub(crate) fn any(&self, job: Uuid) -> bool {
        self.all.values().any(|waiter| waiter.job == job)
    }

    /// Takes a client out: it is replied to, or it is gone.
    pub(crate) fn take(&mut self, client: ClientId) -> Option<Waiter> {
        let waiter = self.all.remove(&client)?;
        self.bytes -= waiter.bytes();
        Some(waiter)
    }
}
