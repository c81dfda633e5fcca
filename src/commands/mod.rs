//! The commands: guard, parse, run, reply. This is the only place where an error becomes a reply.
//!
//! There is one file per command. Each one reads its arguments with the typed request of `qadmin-core`, works on
//! the state, and returns a [`Reply`] or an [`Error`]. `queue` has what commands about a queue share, `recorded`
//! what commands share whose jobs have a record, and `waiting` replies to clients that waited.

mod apply;
mod cancel;
mod clearjob;
mod control;
mod fields;
mod help;
mod index;
mod jobs;
mod preview;
mod queue;
mod queues;
mod recorded;
mod resume;
mod short_id;
mod show;
mod stats;
mod status;
mod undo;
mod visible;
pub(crate) mod waiting;

use qadmin_core::error::{Error, RequestError, ServerError};
use qadmin_core::reply::Reply;
use qadmin_core::request::{CommandSpec, Format, Here, Request, commands, optional_queue};

use crate::redis::acl;
use crate::redis::caller::Caller;
use crate::redis::clock::now_ms;
use crate::redis::command::{HANDLERS_MAX, Handler, register as register_all};
use crate::redis::{Ctx, fault, reply, server};

/// The result of a command.
enum Answer {
    /// Reply with this now.
    Reply(Reply, Format),
    /// The client is blocked and gets its reply later.
    Later,
}

/// Registers all commands.
pub(super) fn register(ctx: Ctx<'_>) -> Result<(), &'static str> {
    register_all(ctx, &HANDLERS)
}

static HANDLERS: [Handler; 16] = [
    handler(&commands::PREVIEW, |ctx, args| answer(ctx, args, preview::run)),
    handler(&commands::CLEARJOB, |ctx, args| answer(ctx, args, clearjob::run)),
    with_queue(
        &commands::UNDO,
        |ctx, args| answer(ctx, args, undo::run),
        |args| optional_queue(&commands::UNDO, args),
    ),
    with_queue(
        &commands::STATUS,
        |ctx, args| answer(ctx, args, status::run),
        |args| optional_queue(&commands::STATUS, args),
    ),
    with_queue(
        &commands::CANCEL,
        |ctx, args| answer(ctx, args, cancel::run),
        |args| optional_queue(&commands::CANCEL, args),
    ),
    with_queue(
        &commands::PAUSE,
        |ctx, args| answer(ctx, args, control::pause),
        |args| optional_queue(&commands::PAUSE, args),
    ),
    with_queue(
        &commands::RESUME,
        |ctx, args| answer(ctx, args, resume::run),
        |args| optional_queue(&commands::RESUME, args),
    ),
    with_queue(
        &commands::THROTTLE,
        |ctx, args| answer(ctx, args, control::throttle),
        |args| optional_queue(&commands::THROTTLE, args),
    ),
    with_queue(
        &commands::JOBS,
        |ctx, args| answer(ctx, args, jobs::run),
        |args| optional_queue(&commands::JOBS, args),
    ),
    handler(&commands::QUEUES, |ctx, args| answer(ctx, args, queues::run)),
    handler(&commands::STATS, |ctx, args| answer(ctx, args, stats::run)),
    handler(&commands::FIELDS, |ctx, args| answer(ctx, args, fields::run)),
    handler(&commands::SHOW, |ctx, args| answer(ctx, args, show::run)),
    with_queue(
        &commands::INDEX,
        |ctx, args| answer(ctx, args, index::run),
        |args| optional_queue(&commands::INDEX, args),
    ),
    handler(&commands::HELP, |ctx, args| answer(ctx, args, help::run)),
    handler(&commands::APPLY, apply::run),
];

// The handlers of the commands, one entry point each: see `redis::command`.
const _: () = assert!(HANDLERS.len() <= HANDLERS_MAX, "a command would have no entry point");

const fn handler(spec: &'static CommandSpec, run: fn(Ctx<'_>, &[&[u8]])) -> Handler {
    Handler { spec, run, key_at: |_| None }
}

const fn with_queue(
    spec: &'static CommandSpec,
    run: fn(Ctx<'_>, &[&[u8]]),
    key_at: fn(&[&[u8]]) -> Option<usize>,
) -> Handler {
    Handler { spec, run, key_at }
}

/// Parses, runs, replies.
fn answer<R: Request>(ctx: Ctx<'_>, args: &[&[u8]], run: fn(Ctx<'_>, &R) -> Result<Answer, Error>) {
    let answer = R::parse(args, now_ms()).and_then(|request| run(ctx, &request));
    fault::point("replying");
    match answer {
        Ok(Answer::Reply(tree, format)) => send(ctx, tree, format),
        Ok(Answer::Later) => {}
        Err(error) => reply::error(ctx, &error),
    }
}

/// Sends a reply in the format that its client asked for.
pub(crate) fn send(ctx: Ctx<'_>, tree: Reply, format: Format) {
    reply::send(ctx, &format.write(tree));
}

/// Returns where a command that a notice names will run.
fn here(ctx: Ctx<'_>) -> Here {
    Here { cluster: ctx.flags().cluster(), db: ctx.db(), now_ms: now_ms() }
}

/// Checks that the server has these commands.
fn needs_commands(commands: server::Lines) -> Result<(), Error> {
    server::missing(commands).map_or(Ok(()), |command| Err(Error::Server(ServerError::NoCommand { command })))
}

/// Checks who starts a job that removes messages: a client whose user is known and not disabled, on a server that
/// can write the record of the job.
fn check_starter(ctx: Ctx<'_>, caller: &Caller, command: &CommandSpec) -> Result<(), Error> {
    let Some(user) = caller.user.as_deref().filter(|_| !ctx.flags().script()) else {
        return Err(RequestError::NotClient { command: command.name }.into());
    };
    if acl::is_off(user) {
        return Err(ServerError::UserOff { user: user.to_vec() }.into());
    }
    needs_commands(server::RECORD)
}
