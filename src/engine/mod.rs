//! The slice scheduler: it decides which job works now, for how long, and when the next slice runs.
//!
//! Slices run on the main thread, in the hook before the event loop polls: one slice per turn, of one job. Jobs
//! take turns. A timer descriptor keeps the loop turning. It is set to now while the server is idle, to the end of
//! the pause while other clients are active (see `Pace`), and to the next attempt while every job waits for
//! something. If there are no live jobs, the module is not called at all.
//!
//! A slice of a clear works in an order that keeps the queue, replicas and records consistent:
//!
//! 1. Gates: it does not run on a replica, while data is loaded, or while the traffic to replicas is paused. The
//!    user who started the job must still have the permission.
//! 2. Open the list and compare its length with the length that follows from the events.
//! 3. Walk the window and judge every message.
//! 4. Before the first match is removed, ask whether the server would refuse a write now. If it would, nothing
//!    was changed, and a later slice examines the same messages.
//! 5. Remove the matches as the walk meets them; replicate; write the record. This is one callback, and one unit
//!    in the replication stream and in the append-only file.
//! 6. Update the positions of every other job on the queue.

mod after_slice;
mod lifecycle;
mod records;
mod room;
mod slice;
mod walks;

use qadmin_core::error::EndReason;
use qadmin_core::job::{JobStatus, Next};

use after_slice::AfterSlice;
pub(crate) use room::Newcomer;
use slice::slice;

use crate::entry;
use crate::index;
use crate::redis::clock::{Stopwatch, now_ns};
use crate::redis::guard::guard;
use crate::redis::{Ctx, event_loop};
use crate::settings;
use crate::state::State;

/// How often waiting jobs and pending records try again.
const RETRY_NS: u64 = 50_000_000;

/// The result of a turn.
enum Turn {
    /// A slice ran, of a job with this share of the main thread in percent.
    Worked(u64),
    /// Nothing can be done before this time of the steady clock.
    Stands(u64),
    /// There is nothing to do.
    Idle,
}

/// The hook before the event loop polls.
pub(crate) fn before_poll(ctx: Ctx<'_>) {
    if guard("a look at lists with an index", || index::look(ctx)).is_none() {
        index::lose_track();
    }
    let _ = entry::with(|state| {
        let due = state.wants_turn();
        let early = work(state, ctx) == Next::Wait;
        // Events are published and clients unblocked here and nowhere else, because the server sends its replies
        // next.
        state.waiters.let_go();
        state.publisher.publish(ctx);
        match (state.wants_turn(), due && early) {
            (true, _) => event_loop::arm(1),
            // The timer fired for them, and has to be set for the next slice again.
            (false, true) => event_loop::arm(state.pace.ready_ns()),
            (false, false) => {}
        }
    });
}

/// Runs a slice, if the pace allows one.
fn work(state: &mut State, ctx: Ctx<'_>) -> Next {
    let began = now_ns();
    let next = state.pace.turn(began, std::mem::take(&mut state.turn));
    if next == Next::Wait {
        return next;
    }
    match turn(state, ctx) {
        Turn::Worked(duty) => {
            let ended = now_ns();
            event_loop::arm(state.pace.spent(ended, ended - began, duty));
        }
        Turn::Stands(until) => {
            state.pace.idle_until(until);
            event_loop::arm(until);
        }
        // The hook cannot be removed here, so the timer's callback removes it.
        Turn::Idle => event_loop::arm(1),
    }
    next
}

/// The hook after the event loop polled.
pub(crate) fn after_poll() {
    let _ = entry::with(|state| state.turn.polled_ns = now_ns());
}

/// The timer fired. It only keeps the loop turning, or removes the hooks if nothing is left to do.
pub(crate) fn timer() {
    let began = now_ns();
    index::put_off();
    let _ = entry::with(|state| {
        let is_idle = state.is_idle();
        if is_idle {
            event_loop::unhook();
        }
        index::keep_due(is_idle);
        state.turn.own_ns += now_ns() - began;
    });
}

/// Lets an index read the messages whose push is just being reported, if a slice may run now: at the pace of all slices. While
/// there are jobs, whose turn it is is decided in the hook.
pub(crate) fn read_pushed(ctx: Ctx<'_>, key: &[u8]) {
    let is_read = entry::with(|state| {
        let began = now_ns();
        let is_alone = state.registry.live().is_empty() && !state.walks.any_live();
        let may_run = is_alone && !ctx.flags().loading() && state.pace.allows(began);
        if may_run {
            let settings = settings::now();
            index::read_pushed(ctx, key, settings.slice_us() * 1_000);
            let ended = now_ns();
            state.pace.spent(ended, ended - began, settings.duty_percent());
        }
        may_run
    });
    if !matches!(is_read, Ok(true)) {
        index::read_later(ctx.db(), key);
    }
}

fn turn(state: &mut State, ctx: Ctx<'_>) -> Turn {
    let mut until = now_ns() + RETRY_NS;
    let duty = || settings::now().duty_percent();
    let more = state.flush_pending(ctx);
    if state.walk(ctx) {
        return Turn::Worked(duty());
    }
    if index::turn(ctx, settings::now().slice_us() * 1_000, !state.registry.live().is_empty()) {
        return Turn::Worked(duty());
    }
    for _ in 0..state.registry.live().len() {
        let Some((at, mut job)) = state.registry.take_turn() else { break };
        let duty = job.duty().unwrap_or_else(duty);
        let watch = Stopwatch::start();
        let step = guard("a slice", || slice(state, ctx, &mut job))
            .unwrap_or(AfterSlice::Ends(JobStatus::Failed, Some(EndReason::Internal)));
        match step {
            AfterSlice::Worked => {
                guard("the account of a slice", || state.account(&mut job, watch.read()));
                state.mark_undone(&mut job);
                state.publisher.tell_progress(&mut job);
                state.registry.put_back(at, job);
                return Turn::Worked(duty);
            }
            AfterSlice::Ends(status, error) => {
                guard("the account of a slice", || state.account(&mut job, watch.read()));
                state.finish(ctx, job, status, error);
                return Turn::Worked(duty);
            }
            AfterSlice::Waits(reason) => {
                job.waits(reason);
                state.registry.put_back(at, job);
            }
            AfterSlice::Later(at_ns) => {
                until = until.min(at_ns);
                state.registry.put_back(at, job);
            }
        }
    }
    match (state.is_idle(), more) {
        (true, _) => Turn::Idle,
        (false, true) => Turn::Worked(duty()),
        (false, false) => Turn::Stands(index::not_before(until)),
    }
}

/// Returns what forbids any write: see the numbered list at the top.
fn gate(ctx: Ctx<'_>) -> Option<&'static str> {
    let flags = ctx.flags();
    if flags.loading() {
        Some("the server is loading its data")
    } else if !flags.primary() || flags.read_only() {
        Some("the server is a replica")
    } else if ctx.must_not_replicate() {
        Some("writes are paused (CLIENT PAUSE, FAILOVER or SHUTDOWN)")
    } else {
        None
    }
}
