//! Following a job: a progress bar while it runs, and a question when Ctrl-C is pressed.

use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::client::{Client, Control, JobRef};
use crate::failure::{Exit, Failure};
use crate::interrupt::{Asking, Following};
use crate::prompt::{self, Fate};
use crate::reply::Status;
use crate::terminal;
use crate::text::{duration, escape, grouped};

/// Milliseconds between updates of the bar, and the maximum delay of Ctrl-C.
const STEP_MS: u64 = 200;
/// How long the program tries to reconnect: a restart with a large data set takes time.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(500);
/// Steps of the bar.
const STEPS: u64 = 100;

/// How following a job ended.
pub(crate) enum End {
    /// The job has ended.
    Ended(Box<Status>),
    /// The user left the job running.
    Left,
}

/// Follows a job until it ends or the user leaves it running.
pub(crate) fn follow(client: &mut Client, job: &JobRef, quiet: bool) -> Result<End, Failure> {
    let following = Following::begin();
    let bar = bar(quiet);
    bar.set_prefix(escape(job.queue.as_deref().unwrap_or_default()));
    let end = loop {
        let status = match patient(client, job, &bar) {
            Ok(status) => status,
            Err(failure) => break Err(failure),
        };
        if status.has_ended() {
            break Ok(End::Ended(Box::new(status)));
        }
        bar.set_position(status.progress.min(STEPS));
        bar.set_message(line(&status));
        if following.pressed() {
            let fate = bar.suspend(|| if terminal::can_ask() { ask() } else { Fate::Leave });
            match fate {
                Fate::Watch => {}
                Fate::Leave => break Ok(End::Left),
                Fate::Cancel => break client.control(job, Control::Cancel).map(Box::new).map(End::Ended),
            }
        }
    };
    bar.finish_and_clear();
    if matches!(end, Ok(End::Left)) {
        eprintln!("The job is still running. To follow it: qadmin watch {}", job.id);
    }
    end
}

/// Asks what to do with the job. Ctrl-C is an answer, too.
fn ask() -> Fate {
    let _asking = Asking::begin();
    prompt::fate()
}

/// Requests the job's status, and tries again while the server cannot be reached.
fn patient(client: &mut Client, job: &JobRef, bar: &ProgressBar) -> Result<Status, Failure> {
    let begin = Instant::now();
    loop {
        match client.status(job, Some(STEP_MS)) {
            Err(failure) if failure.disconnected && begin.elapsed() < PATIENCE => {
                bar.set_message(format!("connection lost, trying again ({})", failure.words));
                thread::sleep(PAUSE);
            }
            Err(mut failure) => {
                if failure.exit == Exit::Unreachable {
                    failure.words +=
                        &format!("\nThe job may still be running. To follow it: qadmin watch {}", job.id);
                }
                return Err(failure);
            }
            status => return status,
        }
    }
}

fn bar(quiet: bool) -> ProgressBar {
    if quiet || !terminal::bars() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{prefix} [{bar:30}] {pos:>3}% {wide_msg}")
        .expect("the template is well formed")
        .progress_chars("=> ");
    ProgressBar::new(STEPS).with_style(style)
}

/// The text beside the bar.
fn line(status: &Status) -> String {
    let mut parts = vec![format!("{}/{}", grouped(status.processed), grouped(status.total_estimated))];
    parts.push(format!("matched {}", grouped(status.matched)));
    if status.kind == "clear" && !status.dry_run {
        parts.push(format!("cleared {}", grouped(status.deleted)));
    }
    if status.doubts.drifted > 0 {
        parts.push(format!("drifted {}", grouped(status.doubts.drifted)));
    }
    if let Some(waiting) = &status.waiting {
        parts.push(format!("waiting: {}", escape(waiting.as_bytes())));
    } else {
        parts.push(format!("{}/s", grouped(status.per_second)));
        if let Some(eta) = status.eta_ms {
            parts.push(format!("ETA {}", duration(eta)));
        }
    }
    parts.join("  ")
}
