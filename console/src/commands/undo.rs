//! `qadmin undo`: count what is left, ask for confirmation, move back, follow the job.

use serde_json::Value;
use uuid::Uuid;

use super::render;
use super::session::{Session, bytes, exit_of, job_ref, whole};
use crate::cli;
use crate::client::{JobRef, UndoRequest};
use crate::failure::{Exit, Failure};
use crate::progress::{self, End};
use crate::prompt;
use crate::reply::Status;
use crate::terminal;
use crate::text::{counted, escape, grouped};

pub(crate) fn run(session: &mut Session, args: &cli::Undo) -> Result<Exit, Failure> {
    let job = session.located(job_ref(&args.job))?;
    let mut request = UndoRequest {
        job,
        confirm: None,
        front: args.front,
        dry_run: args.dry_run,
        id: args.id.unwrap_or_else(Uuid::new_v4).to_string(),
        actor: args.actor.clone().or_else(cli::os_user),
        reason: args.reason.clone(),
    };
    if !args.dry_run {
        request.confirm = match &args.yes {
            Some(name) => Some(bytes(name)),
            None => match ask(session, &request)? {
                Some(name) => Some(name),
                None => return Ok(Exit::Unconfirmed),
            },
        };
    }
    let accepted = session.client.undo(&request)?;
    if args.no_wait {
        let id = escape(accepted.job_id.as_bytes());
        session.show(&Value::Object(accepted.map.0.clone()), || format!("job {id}"));
        return Ok(Exit::Done);
    }
    session.say(&format!("job {}", escape(accepted.job_id.as_bytes())));
    let undo = JobRef { id: accepted.job_id, queue: accepted.map.bytes("queue") };
    let End::Ended(status) = progress::follow(&mut session.client, &undo, session.quiet)? else {
        return Ok(Exit::Interrupted);
    };
    session.show(&whole(&status), || format!("{}\n\n{}", render::job(&status), render::outcome(&status)));
    Ok(exit_of(&status))
}

/// Shows how many messages the job moved and how many of them are left, and asks the user to type the list's name.
fn ask(session: &mut Session, request: &UndoRequest) -> Result<Option<Vec<u8>>, Failure> {
    if session.json || !terminal::can_ask() {
        return Err(Failure::new(
            Exit::Unconfirmed,
            "nothing was moved back: there is no terminal to ask for confirmation. In a script, confirm with --yes and the name \
             of the list to which the job moved messages",
        ));
    }
    let Some((moved, left)) = count(session, request)? else { return Ok(None) };
    eprintln!(
        "Job {} moved {} to {}. {} of them are still there.",
        escape(request.job.id.as_bytes()),
        counted(moved, "message"),
        escape(&left.queue),
        grouped(left.would_delete)
    );
    let place = match (left.is_of_sorted_set(), request.front) {
        (true, _) => "with their scores",
        (false, true) => "before the messages in it",
        (false, false) => "after the messages in it",
    };
    let queue = escape(left.to.as_deref().unwrap_or_default());
    eprintln!("This moves them back to {queue}, {place}, and moves no others.");
    match prompt::type_list(&left.queue) {
        Some(name) if name == left.queue => Ok(Some(name)),
        _ => {
            eprintln!("That is not the list's name. Nothing was moved back.");
            Ok(None)
        }
    }
}

/// The number of messages that the job moved, and the status of a completed dry run of its undo.
fn count(session: &mut Session, request: &UndoRequest) -> Result<Option<(u64, Box<Status>)>, Failure> {
    let rehearsal = UndoRequest { dry_run: true, id: Uuid::new_v4().to_string(), ..request.clone() };
    let accepted = session.client.undo(&rehearsal)?;
    let job = JobRef { id: accepted.job_id.clone(), queue: accepted.map.bytes("queue") };
    match progress::follow(&mut session.client, &job, session.quiet)? {
        End::Ended(status) if status.completed() => Ok(Some((accepted.map.sum("moved"), status))),
        End::Ended(status) => Err(Failure::new(
            Exit::JobFailed,
            format!(
                "the remaining messages could not be counted: {}",
                escape(status.error.as_deref().unwrap_or_default().as_bytes())
            ),
        )),
        End::Left => Ok(None),
    }
}
