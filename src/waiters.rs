//! Clients that wait for a job.
//!
//! A client whose job has ended is let go in the hook before the poll and nowhere else: there the server
//! replies to it next. Earlier, its time-out or CLIENT UNBLOCK may come in between, and Redis 7.0 then drops
//! the reply: it asks nobody for one that is already let go (moduleBlockedClientTimedOut), and the client
//! waits for ever.

use qadmin_core::error::Error;
use qadmin_core::request::{Format, Preview};
use uuid::Uuid;

use crate::commands::{self, preview, status};
use crate::redis::block::{Blocked, unblock};
use crate::redis::{Ctx, reply};
use crate::state::{self, State};

/// Clients that may wait at once.
pub(crate) const WAITERS_MAX: usize = 10_000;

/// What a client waits for.
#[derive(Debug)]
pub(crate) enum For {
    /// The count of an inline preview.
    Preview(Box<PreviewWait>),
    /// The end of a job, to see its status.
    Status(Format),
}

/// A preview on its way.
#[derive(Debug)]
pub(crate) struct PreviewWait {
    /// What was asked.
    pub(crate) request: Preview,
    /// Logical database.
    pub(crate) db: i32,
    /// When, steady clock.
    pub(crate) accepted_ns: u64,
    /// It joined another client's scan.
    pub(crate) deduplicated: bool,
}

/// One waiting client.
#[derive(Debug)]
pub(crate) struct Waiter {
    client: Blocked,
    /// The job that it waits for.
    pub(crate) job: Uuid,
    /// For what.
    pub(crate) what: For,
    /// How far it is.
    stage: Stage,
}

/// How far a waiting client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Its job lives.
    Waits,
    /// Its job ended: it is let go before the next poll.
    Released,
    /// It was unblocked; its reply is the next thing that happens to it.
    LetGo,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Waiters(Vec<Waiter>);

impl Waiters {
    /// Clients that wait.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds a blocked client.
    pub(crate) fn add(&mut self, client: Blocked, job: Uuid, what: For) {
        self.0.push(Waiter { client, job, what, stage: Stage::Waits });
    }

    /// The job ended: everybody who waits for it goes before the next poll.
    pub(crate) fn release(&mut self, job: Uuid) {
        for waiter in self.0.iter_mut().filter(|waiter| waiter.job == job && waiter.stage == Stage::Waits) {
            waiter.stage = Stage::Released;
        }
    }

    /// Somebody is to be let go.
    pub(crate) fn any_released(&self) -> bool {
        self.0.iter().any(|waiter| waiter.stage == Stage::Released)
    }

    /// Lets those go whose jobs ended. Only from the hook before the poll.
    pub(crate) fn let_go(&mut self) {
        for waiter in self.0.iter_mut().filter(|waiter| waiter.stage == Stage::Released) {
            waiter.stage = Stage::LetGo;
            unblock(waiter.client);
        }
    }

    /// Somebody waits for this job.
    pub(crate) fn any(&self, job: Uuid) -> bool {
        self.0.iter().any(|waiter| waiter.job == job)
    }

    fn take(&mut self, client: Blocked) -> Option<Waiter> {
        let at = self.0.iter().position(|waiter| waiter.client == client)?;
        Some(self.0.swap_remove(at))
    }
}

/// The job ended: reply with its end.
pub(crate) fn ready(ctx: Ctx<'_>, client: Blocked) {
    answer(ctx, client);
}

/// The time is up: reply with the job as it stands.
pub(crate) fn timeout(ctx: Ctx<'_>, client: Blocked) {
    answer(ctx, client);
}

fn answer(ctx: Ctx<'_>, client: Blocked) {
    let answer = state::with(|state| {
        let waiter = state.waiters.take(client).ok_or(Error::Internal)?;
        match waiter.what {
            For::Preview(wait) => {
                let format = wait.request.format;
                preview::after_wait(state, ctx, waiter.job, &wait).map(|reply| (reply, format))
            }
            For::Status(format) => status::show(state, ctx, waiter.job, None).map(|reply| (reply, format)),
        }
    });
    match answer.and_then(|answer| answer) {
        Ok((reply, format)) => commands::send(ctx, &reply, format),
        Err(error) => reply::error(ctx, &error),
    }
}

/// The client is gone: nobody is left to wait for an inline preview that no one else asked for.
pub(crate) fn gone(client: Blocked) -> bool {
    state::with(|state| {
        let Some(waiter) = state.waiters.take(client) else { return false };
        abandon(state, waiter.job);
        waiter.stage != Stage::LetGo
    })
    .unwrap_or(false)
}

fn abandon(state: &mut State, id: Uuid) {
    if state.waiters.any(id) {
        return;
    }
    state.end_jobs(
        |job| job.id() == id && !job.is_handed_out(),
        |_| (qadmin_core::job::Status::Cancelled, Error::Cancelled),
    );
}
