//! `qadmin preview`

use serde_json::Value;

use super::render;
use super::session::{Session, bytes};
use crate::cli;
use crate::client::{JobRef, PreviewRequest};
use crate::failure::{Exit, Failure};
use crate::progress::{self, End};
use crate::reply::Preview;

pub(crate) fn run(session: &mut Session, args: &cli::Preview) -> Result<Exit, Failure> {
    let request = PreviewRequest {
        queue: bytes(&args.target.queue),
        filter: args.target.filter.some_words()?,
        sample: Some(args.sample),
        fields: args.fields.clone(),
        index: args.index.key.as_deref().map(bytes),
        bust: args.bust,
        no_count: args.no_count,
        inexact: args.inexact,
        kind: args.target.kind,
        priority: args.target.priority.clone(),
    };
    let Some(preview) = look(session, &request, !args.no_wait)? else { return Ok(Exit::Interrupted) };
    session.show(&Value::Object(preview.map.0.clone()), || render::preview(&preview));
    Ok(if preview.count_error.is_some() { Exit::JobFailed } else { Exit::Done })
}

/// Requests a preview and, if it is counted by a job, waits for the count. `None`: the user left the job running.
pub(crate) fn look(
    session: &mut Session,
    request: &PreviewRequest,
    wait: bool,
) -> Result<Option<Preview>, Failure> {
    let preview = session.client.preview(request)?;
    let Some(id) =
        preview.job_id.clone().filter(|_| wait && preview.mode == "job" && preview.match_count.is_none())
    else {
        return Ok(Some(preview));
    };
    let job = JobRef { id, queue: Some(request.queue.clone()) };
    match progress::follow(&mut session.client, &job, session.quiet)? {
        End::Ended(status) => Ok(Some(preview.with_job(&status))),
        End::Left => Ok(None),
    }
}
