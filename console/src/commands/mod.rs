//! One file per command: ask the server, show what it says, decide the exit code.

mod cancel;
pub(crate) mod clear;
mod hold;
mod jobs;
mod papers;
mod preview;
mod queues;
mod shown;
mod stats;
mod status;
mod undo;
mod watch;

use std::ffi::OsStr;

use serde_json::Value;

use crate::cli::{Cli, Command, Job};
use crate::client::{Client, JobRef};
use crate::connection::Server;
use crate::failure::{Exit, Failure};
use crate::look;
use crate::reply::Status;

/// What every command works with.
pub(crate) struct Session {
    client: Client,
    json: bool,
    quiet: bool,
}

/// Runs what was typed.
pub(crate) fn run(cli: &Cli) -> Result<Exit, Failure> {
    match &cli.command {
        Command::Completions { shell } => papers::completions(*shell),
        Command::Serve(args) => crate::serve::run(&cli.redis, args),
        Command::Man { folder } => papers::man(folder.as_deref()),
        command => {
            let server = Server::new(&cli.redis.url, cli.redis.cacert.as_deref())?;
            let session =
                Session { client: Client::new(server), json: cli.output.json, quiet: cli.output.quiet };
            with_server(session, command)
        }
    }
}

fn with_server(mut session: Session, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Preview(args) => preview::run(&mut session, args),
        Command::Clear(args) => clear::run(&mut session, args),
        Command::Undo(args) => undo::run(&mut session, args),
        Command::Stats(args) => stats::run(&mut session, args),
        Command::Jobs(args) => jobs::run(&mut session, args),
        Command::Status(args) => status::run(&mut session, args),
        Command::Watch(args) => watch::run(&mut session, args),
        Command::Cancel(args) => cancel::run(&mut session, args),
        Command::Pause(args) => hold::pause(&mut session, args),
        Command::Resume(args) => hold::resume(&mut session, args),
        Command::Throttle(args) => hold::throttle(&mut session, args),
        Command::Queues(args) => queues::run(&mut session, args),
        Command::Serve(_) | Command::Completions { .. } | Command::Man { .. } => Ok(Exit::Done),
    }
}

impl Session {
    /// Prints a reply: as it is for scripts, or as people read it.
    fn show(&self, json: &Value, people: impl FnOnce() -> String) {
        if self.json { look::print_json(json) } else { look::print(&people()) }
    }

    /// Says something beside the reply; never on standard output.
    fn say(&self, words: &str) {
        if !self.quiet && !self.json {
            eprintln!("{words}");
        }
    }
}

/// The bytes of an argument.
fn bytes(argument: &OsStr) -> Vec<u8> {
    argument.as_encoded_bytes().to_vec()
}

fn job_ref(job: &Job) -> JobRef {
    JobRef { id: job.id.to_string(), queue: job.queue.as_deref().map(bytes) }
}

/// The exit code of a job that is over, or may be.
fn exit_of(job: &Status) -> Exit {
    if job.has_ended() && !job.completed() { Exit::JobFailed } else { Exit::Done }
}

/// A list of replies as JSON.
fn list(jobs: &[Status]) -> Value {
    Value::Array(jobs.iter().map(|job| Value::Object(job.map.0.clone())).collect())
}

fn whole(status: &Status) -> Value {
    Value::Object(status.map.0.clone())
}
