//! `qadmin clear`: preview, ask for confirmation, clear, follow the job.

use serde_json::Value;
use uuid::Uuid;

use super::session::{Session, bytes, exit_of, whole};
use super::{preview, render};
use crate::cli;
use crate::client::{ClearRequest, JobRef, PreviewRequest};
use crate::failure::{Exit, Failure};
use crate::progress::{self, End};
use crate::prompt;
use crate::reply::Preview;
use crate::terminal;
use crate::text::{counted, escape, grouped};

/// Number of messages that are shown before the question.
const SAMPLE: u32 = 5;

pub(crate) fn run(session: &mut Session, args: &cli::Clear) -> Result<Exit, Failure> {
    let queue = bytes(&args.target.queue);
    let filter = args.target.filter.some_words()?;
    if args.front && args.to.is_none() && !args.park {
        return Err(Failure::new(Exit::Usage, "--front goes with --park or --to"));
    }
    let confirm = if args.dry_run {
        None
    } else if let Some(name) = &args.yes {
        Some(bytes(name))
    } else {
        match ask(session, args, &queue)? {
            Answer::Typed(name) => Some(name),
            Answer::Over(exit) => return Ok(exit),
        }
    };
    let request = ClearRequest {
        queue: queue.clone(),
        filter,
        keep_one: args.keep_one,
        keep_newest: args.keep == Some(cli::Keep::Newest),
        by: args.by.clone(),
        limit: args.limit,
        rate: args.rate,
        expect: args.expect,
        tolerance: args.tolerance,
        index: args.index.key.as_deref().map(bytes),
        to: args.to.as_deref().map(bytes),
        park: args.park,
        front: args.front,
        kind: args.target.kind,
        priority: args.target.priority.clone(),
        inexact: args.inexact,
        dry_run: args.dry_run,
        confirm,
        id: args.id.unwrap_or_else(Uuid::new_v4).to_string(),
        actor: args.actor.clone().or_else(cli::os_user),
        reason: args.reason.clone(),
    };
    let accepted = session.client.clear(&request)?;
    if args.no_wait {
        let id = escape(accepted.job_id.as_bytes());
        session.show(&Value::Object(accepted.map.0.clone()), || format!("job {id}"));
        return Ok(Exit::Done);
    }
    session.say(&format!("job {}", escape(accepted.job_id.as_bytes())));
    let job = JobRef { id: accepted.job_id, queue: Some(queue) };
    let End::Ended(mut status) = progress::follow(&mut session.client, &job, session.quiet)? else {
        return Ok(Exit::Interrupted);
    };
    let json = whole(&status);
    status.sample.truncate(SAMPLE as usize);
    session.show(&json, || format!("{}\n\n{}", render::job(&status), render::outcome(&status)));
    Ok(exit_of(&status))
}

/// The result of asking for confirmation.
enum Answer {
    /// The text that was typed as the queue's name. The server compares it.
    Typed(Vec<u8>),
    /// There is nothing to clear, or the clear was not confirmed.
    Over(Exit),
}

/// Shows count and sample, and asks the user to type the queue's name.
fn ask(session: &mut Session, args: &cli::Clear, queue: &[u8]) -> Result<Answer, Failure> {
    if session.json || !terminal::can_ask() {
        return Err(Failure::new(
            Exit::Unconfirmed,
            format!(
                "nothing was cleared: there is no terminal to ask for confirmation. In a script, confirm with --yes and the queue's \
                 name: --yes '{}'",
                escape(queue)
            ),
        ));
    }
    let request = PreviewRequest {
        queue: queue.to_vec(),
        filter: args.target.filter.words(),
        sample: Some(SAMPLE),
        index: args.index.key.as_deref().map(bytes),
        // A cached count is too old to decide about a clear.
        bust: !args.skip_count,
        no_count: args.skip_count,
        // The preview has the options of the clear, so that its count is the number of messages that are cleared.
        inexact: args.inexact,
        kind: args.target.kind,
        priority: args.target.priority.clone(),
        ..PreviewRequest::default()
    };
    let Some(preview) = preview::look(session, &request, true)? else {
        return Ok(Answer::Over(Exit::Interrupted));
    };
    eprintln!("{}\n", render::preview(&preview));
    if preview.match_count.is_some_and(|n| n <= u64::from(args.keep_one)) {
        eprintln!("There is nothing to clear.");
        return Ok(Answer::Over(Exit::Done));
    }
    eprintln!("{}", about_to(args, &preview));
    match prompt::type_name(queue) {
        Some(name) if name == queue => Ok(Answer::Typed(name)),
        _ => {
            eprintln!("That is not the queue's name. Nothing was cleared.");
            Ok(Answer::Over(Exit::Unconfirmed))
        }
    }
}

fn about_to(args: &cli::Clear, preview: &Preview) -> String {
    let (verb, whereto) = match &args.to {
        Some(key) => ("moves", format!(" to {}", escape(&bytes(key)))),
        None if args.park => ("moves", " to a list of the job's own".to_owned()),
        None => ("clears", String::new()),
    };
    let kept_runs = if args.keep == Some(cli::Keep::Newest) { "runs last" } else { "runs next" };
    let limit = args.limit.map(|n| format!(", {} at most", grouped(n))).unwrap_or_default();
    let gone = match (args.keep_one, preview.match_count) {
        (true, _) if !args.by.is_empty() => {
            format!(
                "all matches except, for each {}, the one that runs next",
                escape(args.by.join(", ").as_bytes())
            )
        }
        (keep_one, Some(matches)) => {
            let gone = matches - u64::from(keep_one);
            let gone = gone.min(args.limit.unwrap_or(gone));
            let kept =
                if keep_one { format!(" and keeps the match that {kept_runs}") } else { String::new() };
            return format!(
                "This {verb} {} of {}{whereto}{kept}.",
                grouped(gone),
                counted(preview.depth, "message")
            );
        }
        (true, None) => format!("all matches except the one that {kept_runs}"),
        (false, None) => "every match".to_owned(),
    };
    let unknown = if preview.match_count.is_none() { " Their number is not known." } else { "" };
    format!("This {verb} {gone}{limit}{whereto}.{unknown}")
}
