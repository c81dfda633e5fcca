//! The arguments of the program. Help, completions and man pages are generated from them.

mod audit;
mod live;
mod server;
mod top;

pub(crate) use audit::{Audit, since};
pub(crate) use live::{Cancel, LiveJob, Throttle};
pub(crate) use server::Redis;
pub(crate) use top::Top;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::failure::{Exit, Failure};
use crate::job_id::JobId;
use crate::kind::MessageKind;

/// Previews and clears messages of live job queues, inside a Redis or Valkey server with the module qadmin.
#[derive(Debug, Parser)]
#[command(name = "qadmin", version, max_term_width = 100, disable_help_flag = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) redis: Redis,
    #[command(flatten)]
    pub(crate) output: Output,
    /// Print help. -h is the host, as in redis-cli.
    #[arg(long, action = clap::ArgAction::Help, global = true)]
    pub(crate) help: Option<bool>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Output {
    /// Print the server's reply as JSON, for scripts. Integers beyond 2^53-1 are strings; bytes that are not UTF-8 are
    /// complete in NAME_b64.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Show lists whole, however narrow the terminal is. Where the output is not a terminal, they always are.
    #[arg(long, global = true)]
    pub(crate) wide: bool,
    /// Print nothing while a job runs.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Count the messages that match and show some of them.
    Preview(Preview),
    /// Clear the messages that match: show how many and which, ask, clear.
    Clear(Clear),
    /// Move back what a job moved to another list, and nothing else: count, ask, move.
    Undo(Undo),
    /// Count the messages of a queue by task or other fields.
    Stats(Stats),
    /// Show which fields the messages that run next have: names for filters, types, examples.
    Fields(Fields),
    /// Show one message whole, with its arguments. The Redis user needs the permission for QADMIN.SHOW.
    Show(Show),
    /// List live and remembered jobs, newest first.
    Jobs(Jobs),
    /// Show the status of a job.
    Status(Job),
    /// Follow a job until it ends.
    Watch(LiveJob),
    /// Cancel a job, or all jobs that you may cancel. Messages that were cleared stay cleared.
    Cancel(Cancel),
    /// Pause a job.
    Pause(LiveJob),
    /// Resume a paused job, or continue a clear that a restart or a failover interrupted.
    Resume(LiveJob),
    /// Change the speed of a job.
    Throttle(Throttle),
    /// List the queues of the database, the deepest first.
    Queues(Queues),
    /// Watch the queues live: depths, rates, who fills them, and the jobs that run.
    Top(Top),
    /// Follow lists, so that it is known since when their messages wait: create, drop and show indexes.
    Index {
        #[command(subcommand)]
        command: IndexCommand,
    },
    /// Show who cleared what, when and why: the entries of the audit stream, newest first.
    Audit(Audit),
    /// Check the server, the module and what else concerns them: one line for each check, and what to type next. It changes
    /// nothing.
    Doctor(Doctor),
    /// Serve a web UI. It is reachable from this machine only, unless --token-file protects it with a login.
    Serve(Serve),
    /// Print the completions for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the man page, or write the pages of all commands into a folder.
    Man {
        /// The folder.
        folder: Option<PathBuf>,
    },
}

/// Heading of the filter's options.
const FILTER: &str = "Which messages";

#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Name of the task.
    #[arg(long, value_name = "NAME", help_heading = FILTER)]
    pub(crate) task: Option<OsString>,
    /// kwargs.repoid.
    #[arg(long, value_name = "ID", allow_hyphen_values = true, help_heading = FILTER)]
    pub(crate) repoid: Option<String>,
    /// kwargs.commitid.
    #[arg(long, value_name = "SHA", help_heading = FILTER)]
    pub(crate) commitid: Option<OsString>,
    /// Another condition, such as 'kwargs.pullid = 7', 'task GLOB app.*', 'kwargs.repoid IN 2 147107 147108',
    /// 'eta EXISTS', 'retries >= 3'. Can be given several times; all conditions must be true.
    #[arg(id = "conditions_where", long = "where", value_name = "CONDITION", value_parser = condition, help_heading = FILTER)]
    pub(crate) conditions: Vec<Condition>,
}

/// The words of one `--where`.
#[derive(Debug, Clone)]
pub(crate) struct Condition(Vec<Vec<u8>>);

fn condition(text: &str) -> Result<Condition, String> {
    crate::filter_syntax::condition(text).map(Condition)
}

impl Filter {
    /// The filter as the server's commands take it; an error if it is empty.
    pub(crate) fn some_words(&self) -> Result<Vec<Vec<u8>>, Failure> {
        let words = self.words();
        if words.is_empty() {
            return Err(Failure::new(
                Exit::Usage,
                "a filter is required: at least one of --task, --repoid, --commitid and --where",
            ));
        }
        Ok(words)
    }

    /// The filter as the server's commands take it.
    pub(crate) fn words(&self) -> Vec<Vec<u8>> {
        let mut words: Vec<Vec<u8>> = Vec::new();
        let mut keyword = |keyword: &str, value: Option<Vec<u8>>| {
            if let Some(value) = value {
                words.extend([keyword.as_bytes().to_vec(), value]);
            }
        };
        keyword("TASK", self.task.as_ref().map(|name| name.as_encoded_bytes().to_vec()));
        keyword("REPOID", self.repoid.as_ref().map(|id| id.as_bytes().to_vec()));
        keyword("COMMITID", self.commitid.as_ref().map(|sha| sha.as_encoded_bytes().to_vec()));
        words.extend(self.conditions.iter().flat_map(|condition| condition.0.iter().cloned()));
        words
    }
}

/// The queue, the filter and how messages are read.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// The key of the list, or of the hash of unacknowledged messages.
    pub(crate) queue: OsString,
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// The kind of the queue's messages. Default: the server's setting default-kind.
    #[arg(id = "kind", long = "as", value_enum, value_name = "KIND")]
    pub(crate) kind: Option<MessageKind>,
    /// For a queue with priorities: all its lists as one queue, or the list of one step. Default: the list with that name.
    #[arg(long, value_name = "all|STEP")]
    pub(crate) priority: Option<String>,
}

/// The index of a queue that is a hash. It is separate from [`Target`] because help lists it further down.
#[derive(Debug, Args)]
pub(crate) struct Index {
    /// For the hash of unacknowledged messages: the key of its index. Default: the hash's name followed by _index.
    #[arg(id = "index", long = "index", value_name = "KEY")]
    pub(crate) key: Option<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct Preview {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Maximum number of messages to show, 0 to 100.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) sample: u32,
    /// Fields to show for each message, such as task,eta,kwargs.pullid.
    #[arg(long, value_name = "FIELD", value_delimiter = ',')]
    pub(crate) fields: Vec<String>,
    /// Also count messages that match only by the sender's texts argsrepr and kwargsrepr, as a clear with --inexact does.
    #[arg(long)]
    pub(crate) inexact: bool,
    /// Count again, whatever the server has counted before.
    #[arg(long)]
    pub(crate) bust: bool,
    #[command(flatten)]
    pub(crate) index: Index,
    /// Show depth and sample only, without a count.
    #[arg(long, conflicts_with = "bust")]
    pub(crate) no_count: bool,
    /// Do not wait for a count that needs a job: print the job's id.
    #[arg(long)]
    pub(crate) no_wait: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Clear {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Clear every match. --dry-run alone counts them.
    #[arg(long, required_unless_present_any = ["keep_one", "dry_run"], conflicts_with = "keep_one")]
    pub(crate) all: bool,
    /// Keep the match that runs next and clear the others.
    #[arg(long, visible_alias = "keepone")]
    pub(crate) keep_one: bool,
    /// With --keep-one: which match is kept. Default: the oldest, which runs next.
    #[arg(long, value_enum, requires = "keep_one", conflicts_with = "all")]
    pub(crate) keep: Option<Keep>,
    /// With --keep-one: keep one match of each value of these fields, such as kwargs.commitid.
    #[arg(long, value_name = "FIELD", value_delimiter = ',', requires = "keep_one", conflicts_with_all = ["all", "keep"])]
    pub(crate) by: Vec<String>,
    /// Clear at most N matches, those that run next.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Clear at most N messages per second.
    #[arg(long, value_name = "N")]
    pub(crate) rate: Option<u64>,
    /// Expected number of matches: if there are more, nothing is cleared and the job fails.
    #[arg(long, value_name = "N")]
    pub(crate) expect: Option<u64>,
    /// With --expect: allowed overshoot in percent.
    #[arg(long, value_name = "PERCENT", requires = "expect")]
    pub(crate) tolerance: Option<u64>,
    #[command(flatten)]
    pub(crate) index: Index,
    /// Move matches to a list of the job's own instead of deleting them, so that the clear can be undone.
    #[arg(long, visible_alias = "move", conflicts_with = "to")]
    pub(crate) park: bool,
    /// Move matches to this list, which others can use, too. In a cluster the key must be in the queue's slot:
    /// '{celery}:parked'.
    #[arg(long, value_name = "KEY")]
    pub(crate) to: Option<OsString>,
    /// With --to or --park: add them at the consumer end, before the messages of that list.
    #[arg(long)]
    pub(crate) front: bool,
    /// Where a body cannot be read (YAML), compare the sender's texts argsrepr and kwargsrepr.
    #[arg(long)]
    pub(crate) inexact: bool,
    /// Compute everything, clear nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Clear without a preview and a question. QUEUE is the queue's name again.
    #[arg(long, value_name = "QUEUE", conflicts_with = "dry_run")]
    pub(crate) yes: Option<OsString>,
    /// Trust the filter: ask without counting first.
    #[arg(long, conflicts_with_all = ["yes", "dry_run"])]
    pub(crate) skip_count: bool,
    /// Reason; kept in the job's record.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Who acts; kept in the job's record. Default: the user of the operating system.
    #[arg(long, value_name = "NAME", env = "QADMIN_ACTOR")]
    pub(crate) actor: Option<String>,
    /// Id of the job (a UUID): the same command with the same id starts nothing twice. Default: a new one.
    #[arg(long, value_name = "UUID")]
    pub(crate) id: Option<uuid::Uuid>,
    /// Do not wait for the job's end: print its id.
    #[arg(long)]
    pub(crate) no_wait: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Undo {
    #[command(flatten)]
    pub(crate) job: Job,
    /// Add the messages at the consumer end, before those of the queue. Default: after them.
    #[arg(long)]
    pub(crate) front: bool,
    /// Count what would be moved back; move nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Move back without a count and a question. LIST is the name of the list to which the job moved messages.
    #[arg(long, value_name = "LIST", conflicts_with = "dry_run")]
    pub(crate) yes: Option<OsString>,
    /// Reason; kept in the undo's record.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Who acts; kept in the undo's record. Default: the user of the operating system.
    #[arg(long, value_name = "NAME", env = "QADMIN_ACTOR")]
    pub(crate) actor: Option<String>,
    /// Id of the undo (a UUID): the same command with the same id starts nothing twice. Default: a new one.
    #[arg(id = "undo_id", long = "id", value_name = "UUID")]
    pub(crate) id: Option<uuid::Uuid>,
    /// Do not wait for the undo's end: print its id.
    #[arg(long)]
    pub(crate) no_wait: bool,
}

/// Which match is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Keep {
    /// The match that runs next.
    Oldest,
    /// The match that runs last.
    Newest,
}

#[derive(Debug, Args)]
pub(crate) struct Stats {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Fields by which messages are counted, 1 to 4, such as task,kwargs.account.
    #[arg(long, value_name = "FIELD", value_delimiter = ',', default_value = "task")]
    pub(crate) by: Vec<String>,
    #[command(flatten)]
    pub(crate) index: Index,
    /// Maximum number of groups to show, 0 to 1,000; one row sums up the others.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) top: u32,
    /// Also count messages that are known only by the sender's texts argsrepr and kwargsrepr.
    #[arg(long)]
    pub(crate) inexact: bool,
    /// Count again, whatever the server has counted before.
    #[arg(long)]
    pub(crate) bust: bool,
    /// Do not wait for a count that needs a job: print the job's id.
    #[arg(long)]
    pub(crate) no_wait: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Fields {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) index: Index,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The key of the list, or of the hash of unacknowledged messages.
    pub(crate) queue: OsString,
    /// The id of the task.
    pub(crate) id: OsString,
    /// The kind of the queue's messages. Default: the server's setting default-kind.
    #[arg(id = "show_kind", long = "as", value_enum, value_name = "KIND")]
    pub(crate) kind: Option<MessageKind>,
    /// For a queue with priorities: all its lists as one queue, or the list of one step. Default: the list with that name.
    #[arg(long, value_name = "all|STEP")]
    pub(crate) priority: Option<String>,
    #[command(flatten)]
    pub(crate) index: Index,
    /// Write the bytes of the message and nothing else. To a terminal they are escaped.
    #[arg(long)]
    pub(crate) raw: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Jobs {
    /// Only jobs of this queue.
    pub(crate) queue: Option<OsString>,
    /// Maximum number of jobs, 1 to 100.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) count: u32,
    /// Only jobs that this command started: clears apart from counts, for example.
    #[arg(long, value_name = "KIND", value_parser = ["preview", "clear", "stats", "undo"])]
    pub(crate) kind: Option<String>,
    /// Only jobs with this status; live are those that have not ended.
    #[arg(long, value_name = "STATUS", value_parser = ["live", "ended", "pending", "running", "paused", "completed", "cancelled", "failed", "interrupted"])]
    pub(crate) status: Option<String>,
    /// Only jobs that this Redis user started.
    #[arg(long = "started-by", value_name = "USER")]
    pub(crate) started_by: Option<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct Job {
    /// The job's id, or its first digits, 4 or more.
    #[arg(value_name = "JOB")]
    pub(crate) id: JobId,
    /// The job's queue. In a cluster it leads to the right node.
    #[arg(long, value_name = "QUEUE")]
    pub(crate) queue: Option<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct Queues {
    /// Only queues whose names match, such as 'celery*'.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) glob: Option<String>,
}

/// What to do with indexes.
#[derive(Debug, Subcommand)]
pub(crate) enum IndexCommand {
    /// Follow a list from now on. It can be empty or missing. CONFIG REWRITE keeps the index over a restart of the server.
    Create(IndexCreate),
    /// Follow a list no longer.
    Drop(IndexOf),
    /// List all indexes of the server whose lists you may read.
    List,
    /// Show what is known of a list: ages, waits, rates, and the state of its index.
    Info(IndexOf),
}

#[derive(Debug, Args)]
pub(crate) struct IndexCreate {
    /// The key of the list.
    pub(crate) queue: OsString,
    /// Also keep the values of these fields, 1 to 8, such as task,kwargs.repoid, so that counts and groups by them are
    /// answered at once.
    #[arg(long, value_name = "FIELD", value_delimiter = ',')]
    pub(crate) fields: Vec<String>,
    /// The kind of the queue's messages, which decides the end from which workers pop. Default: the server's setting
    /// default-kind.
    #[arg(long = "as", visible_alias = "kind", value_enum, value_name = "KIND")]
    pub(crate) kind: Option<MessageKind>,
}

#[derive(Debug, Args)]
pub(crate) struct IndexOf {
    /// The key of the list.
    pub(crate) queue: OsString,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// List the steps, in order, that come before the removal of the module from this server, and which of them are done.
    #[arg(long)]
    pub(crate) remove: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen: an address and port, or unix:/path. An address that is reachable from the network needs --token-file.
    #[arg(long, value_name = "ADDRESS", env = "QADMIN_LISTEN", default_value = "127.0.0.1:8379")]
    pub(crate) listen: String,
    /// File with the token for the login (16 characters or more), readable by its owner only.
    #[arg(long, value_name = "FILE", env = "QADMIN_TOKEN_FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Another host name (with :port unless it is 80 or 443) under which browsers reach the page, such as that of a proxy
    /// in front of it. Can be given several times.
    #[arg(long, value_name = "HOST")]
    pub(crate) allow_host: Vec<String>,
    /// Who acts, if the form does not say; kept in the records of jobs. Default: the user of the operating system.
    #[arg(long, value_name = "NAME", env = "QADMIN_ACTOR")]
    pub(crate) actor: Option<String>,
    /// Seconds between two samples of the depths of queues, for the plots of the last hour; 0 keeps no history.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=600))]
    pub(crate) history: u64,
}

/// The default of `--actor`: the user of the operating system, if the user has a name.
pub(crate) fn os_user() -> Option<String> {
    whoami::username().ok().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_description_of_the_arguments_is_sound() {
        super::Cli::command().debug_assert();
    }
}
