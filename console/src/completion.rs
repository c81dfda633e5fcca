//! Completion of live names in a shell: queues, tasks, fields and jobs of the server that the typed line names.
//!
//! The shell runs the program while the user types, so it must neither wait long nor print an error, and no name that others
//! chose may mean anything to a shell. Names that a shell would have to quote are therefore not offered. Only commands that
//! read are sent, and none that counts.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clap::{ArgMatches, Command, CommandFactory as _, FromArgMatches as _};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{Bash, CompleteEnv, Elvish, EnvCompleter, Fish, Powershell, Shells, Zsh};

use crate::cli::{Cli, Redis};
use crate::client::{Client, PreviewRequest};
use crate::connection::{Address, Server};
use crate::filter_syntax::FIELDS;
use crate::kind::MessageKind;
use crate::messages::{self, QueueOf};

/// The variable in which a shell names itself when it asks for completions.
const VARIABLE: &str = "COMPLETE";
/// Longest time for the answers of the server.
const PATIENCE: Duration = Duration::from_secs(1);
/// Messages whose tasks and fields are offered.
const SAMPLE: u32 = 100;
/// Most names that are offered.
const NAMES: usize = 500;
/// A condition that is true of every message.
const ALL: [&str; 4] = ["WHERE", "bytes", ">=", "0"];
/// Commands about jobs that have not ended.
const LIVE: [&str; 5] = ["cancel", "pause", "resume", "throttle", "watch"];
/// Answers a shell, and ends the program, if a shell asks.
pub(crate) fn answer() {
    let shells: [&dyn EnvCompleter; 5] = [&Colons, &Elvish, &Fish, &Powershell, &Zsh];
    // A variable of this name that means something else does not disturb the program.
    let asking = std::env::var(VARIABLE).is_ok_and(|name| shells.iter().any(|shell| shell.is(&name)));
    if !asking {
        return;
    }
    let env = CompleteEnv::with_factory(command).var(VARIABLE).bin("qadmin").completer("qadmin");
    env.shells(Shells(&shells)).complete();
}

/// The arguments, with what completes them.
fn command() -> Command {
    with_completers(Cli::command())
}

/// Adds what completes the arguments of all commands inside a command.
fn with_completers(command: Command) -> Command {
    command.mut_subcommands(|inner| {
        let lists_live = LIVE.contains(&inner.get_name());
        let inner = inner.mut_args(|arg| {
            let is_job = arg.get_value_names().is_some_and(|names| names.iter().any(|name| name == "JOB"));
            match arg.get_id().as_str() {
                "queue" => arg.add(ArgValueCompleter::new(queues)),
                "task" => arg.add(ArgValueCompleter::new(tasks)),
                "fields" | "by" => arg.add(ArgValueCompleter::new(fields)),
                _ if is_job && lists_live => arg.add(ArgValueCompleter::new(live_jobs)),
                _ if is_job => arg.add(ArgValueCompleter::new(all_jobs)),
                _ => arg,
            }
        });
        with_completers(inner)
    })
}

/// Writes the lines that tell a shell how to ask.
pub(crate) fn registration(shell: clap_complete::Shell, out: &mut Vec<u8>) -> io::Result<()> {
    let shell: &dyn EnvCompleter = match shell {
        clap_complete::Shell::Elvish => &Elvish,
        clap_complete::Shell::Fish => &Fish,
        clap_complete::Shell::PowerShell => &Powershell,
        clap_complete::Shell::Zsh => &Zsh,
        _ => &Colons,
    };
    shell.write_registration(VARIABLE, "qadmin", "qadmin", "qadmin", out)
}

/// Bash, with lines of our own that do not break words at colons, and expand nothing.
struct Colons;

impl EnvCompleter for Colons {
    fn name(&self) -> &'static str {
        Bash.name()
    }

    fn is(&self, name: &str) -> bool {
        Bash.is(name)
    }

    fn write_registration(
        &self,
        _var: &str,
        _name: &str,
        _bin: &str,
        _completer: &str,
        buf: &mut dyn io::Write,
    ) -> io::Result<()> {
        buf.write_all(include_bytes!("completion/qadmin.bash"))
    }

    fn write_complete(
        &self,
        command: &mut Command,
        words: Vec<OsString>,
        folder: Option<&Path>,
        buf: &mut dyn io::Write,
    ) -> io::Result<()> {
        Bash.write_complete(command, words, folder, buf)
    }
}

/// Names of queues that begin with `typed`.
fn queues(typed: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = typed.to_str().filter(|typed| is_safe(typed.as_bytes()) || typed.is_empty()) else {
        return Vec::new();
    };
    // No safe character means anything in a pattern.
    let glob = format!("{typed}*");
    offered(typed, move |client, _| {
        let queues = client.queues(Some(&glob)).ok()?;
        Some(queues.queues.iter().filter_map(|row| row.bytes("queue")).collect())
    })
}

/// Ids of jobs that have not ended.
fn live_jobs(typed: &OsStr) -> Vec<CompletionCandidate> {
    jobs(typed, true)
}

/// Ids of all jobs.
fn all_jobs(typed: &OsStr) -> Vec<CompletionCandidate> {
    jobs(typed, false)
}

fn jobs(typed: &OsStr, only_live: bool) -> Vec<CompletionCandidate> {
    let Some(typed) = typed.to_str() else { return Vec::new() };
    offered(typed, move |client, _| {
        let jobs = if only_live { client.live_jobs(None) } else { client.all_jobs(None) };
        let fitting = jobs.ok()?.into_iter().filter(|job| !only_live || !job.has_ended());
        Some(fitting.map(|job| job.job_id.into_bytes()).collect())
    })
}

/// Tasks of the messages that run next in the queue of the line.
fn tasks(typed: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = typed.to_str() else { return Vec::new() };
    offered(typed, |client, line| {
        let request = PreviewRequest { fields: vec!["task".to_owned()], ..line.preview()? };
        let preview = client.preview(&request).ok()?;
        Some(preview.sample.iter().filter_map(|row| row.bytes("task")).collect())
    })
}

/// Fields of messages: those of every message, and those that the messages in the queue of the line have.
fn fields(typed: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = typed.to_str() else { return Vec::new() };
    let mut known = offered(typed, |client, line| {
        let of = QueueOf { queue: line.queue()?, kind: line.kind(), ..QueueOf::default() };
        let seen = messages::fields(client, &of, &[]).ok()?;
        Some(seen.maps("fields").iter().filter_map(|field| field.bytes("name")).collect())
    });
    let fixed = FIELDS.into_iter().chain(["args", "kwargs"]).filter(|field| field.starts_with(typed));
    let has = |known: &[CompletionCandidate], name: &str| known.iter().any(|one| one.get_value() == name);
    for field in fixed {
        if !has(&known, field) {
            known.push(CompletionCandidate::new(field));
        }
    }
    known
}

/// Asks the server of the line in another thread, and offers the names that it finds in time.
fn offered(
    typed: &str,
    ask: impl FnOnce(&mut Client, &Line) -> Option<Vec<Vec<u8>>> + Send + 'static,
) -> Vec<CompletionCandidate> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let names = Line::typed().and_then(|line| {
            let server = Server::hurried(&Address::of(&line.redis).ok()?, PATIENCE).ok()?;
            ask(&mut Client::new(server), &line)
        });
        // An error means that it took too long.
        let _ = send.send(names.unwrap_or_default());
    });
    let names: BTreeSet<Vec<u8>> = receive.recv_timeout(PATIENCE).unwrap_or_default().into_iter().collect();
    let fitting = names.into_iter().filter(|name| is_safe(name) && name.starts_with(typed.as_bytes()));
    fitting
        .take(NAMES)
        .filter_map(|name| String::from_utf8(name).ok())
        .map(CompletionCandidate::new)
        .collect()
}

/// Whether no shell gives this name another meaning, so that it can be inserted into a line without quotation marks.
fn is_safe(name: &[u8]) -> bool {
    let is_plain = |b: &u8| b.is_ascii_alphanumeric() || b"_./:@+-".contains(b);
    !name.is_empty() && !name.starts_with(b"-") && name.iter().all(is_plain)
}

/// The line that the user types, as far as it can be understood.
struct Line {
    redis: Redis,
    matches: ArgMatches,
}

impl Line {
    fn typed() -> Option<Self> {
        Self::of(std::env::args_os().skip_while(|word| word != "--").skip(1).collect())
    }

    fn of(words: Vec<OsString>) -> Option<Self> {
        let command = Cli::command().ignore_errors(true);
        let matches = command.try_get_matches_from(words).ok()?;
        let (_, inner) = matches.subcommand()?;
        let redis = Redis::from_arg_matches(&matches).ok()?;
        Some(Self { redis, matches: inner.clone() })
    }

    fn queue(&self) -> Option<Vec<u8>> {
        let queue = self.matches.try_get_one::<OsString>("queue").ok()??;
        Some(queue.as_encoded_bytes().to_vec()).filter(|queue| !queue.is_empty())
    }

    fn kind(&self) -> Option<MessageKind> {
        self.matches.try_get_one("kind").ok().flatten().copied()
    }

    /// A preview of the queue that counts nothing.
    fn preview(&self) -> Option<PreviewRequest> {
        Some(PreviewRequest {
            queue: self.queue()?,
            filter: ALL.map(|word| word.as_bytes().to_vec()).to_vec(),
            sample: Some(SAMPLE),
            no_count: true,
            kind: self.kind(),
            ..PreviewRequest::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_meaning_for_a_shell_are_not_offered() {
        for safe in ["celery", "rq:queue:default", "a.b/c@d+e-f_1"] {
            assert!(is_safe(safe.as_bytes()), "{safe}");
        }
        for unsafe_name in [
            "", "-rf", "$(id)", "`id`", "a b", "a\nb", "a;b", "a|b", "~", "a*", "{a,b}", "a'b", "a\"b",
            "a\\b", "!x", "#x", "a\u{1b}", "é", "a%b", "a=b", "<a", "&a",
        ] {
            assert!(!is_safe(unsafe_name.as_bytes()), "{unsafe_name}");
        }
    }

    #[test]
    fn an_unfinished_line_names_server_and_queue() {
        let line = |text: &str| Line::of(text.split(' ').map(OsString::from).collect());
        let found = line("qadmin -h a preview celery -n 3 --task ").expect("a line");
        assert_eq!((found.redis.host.as_deref(), found.redis.db), (Some("a"), Some(3)));
        assert_eq!(found.queue().as_deref(), Some(&b"celery"[..]));
        assert!(line("qadmin --user jane stats celery --as rq --by ta").expect("a line").preview().is_some());
        assert!(line("qadmin jobs ").expect("a line").preview().is_none());
        assert!(line("qadmin ").is_none());
    }
}
