//! Running the program in scripts and at a terminal.

pub(crate) mod browser;
pub(crate) mod page;

use std::process::{Command, Stdio};

use qadmin_harness::{Factory, Server, Size, TARGET_REPOID, TARGET_TASK, eventually, fill, map};
use redis::{Connection, Value};
use rexpect::session::PtySession;

/// The queue of these tests.
pub(crate) const QUEUE: &str = "celery";

/// Messages in a queue that keeps a slow job busy for seconds.
pub(crate) const LONG: u64 = 30_000;

/// Maximum time to wait for an expected text at a terminal, milliseconds.
const PATIENCE: u64 = 60_000;

/// The result of one run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The run, after a check of its exit code.
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

/// The program without settings of this machine.
pub(crate) fn program(url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_qadmin"));
    for (name, _) in std::env::vars_os() {
        let others = ["CELERY_BROKER_URL", "REDIS_URL", "REDISCLI_AUTH", "COLUMNS", "COMPLETE"];
        if name.to_string_lossy().starts_with("QADMIN_") || others.iter().any(|other| name == *other) {
            command.env_remove(name);
        }
    }
    command.env("QADMIN_REDIS_URL", url).env("TZ", "UTC").env("TERM", "xterm").env_remove("NO_COLOR");
    command.stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub(crate) fn finish(mut command: Command) -> Run {
    let output = command.output().expect("the program starts");
    Run {
        code: output.status.code().expect("no signal"),
        out: String::from_utf8(output.stdout).expect("UTF-8"),
        err: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// Runs it with these arguments against a server.
pub(crate) fn qadmin(server: &Server, args: &[&str]) -> Run {
    at(&server.url(0), args)
}

/// Runs it with these arguments against an address.
pub(crate) fn at(url: &str, args: &[&str]) -> Run {
    let mut command = program(url);
    command.args(args);
    finish(command)
}

/// Runs it at a terminal of 200 columns.
pub(crate) fn terminal(server: &Server, args: &[&str]) -> PtySession {
    terminal_with(server, args, &[])
}

/// The same with variables of the environment.
pub(crate) fn terminal_with(server: &Server, args: &[&str], env: &[(&str, &str)]) -> PtySession {
    terminal_of(&server.url(0), 200, args, env)
}

/// Runs it at a terminal of 200 columns against an address.
pub(crate) fn terminal_at(url: &str, args: &[&str]) -> PtySession {
    terminal_of(url, 200, args, &[])
}

/// Runs it at a terminal of this width.
pub(crate) fn terminal_of(url: &str, columns: u16, args: &[&str], env: &[(&str, &str)]) -> PtySession {
    let tool = program(url);
    let mut shell = Command::new("sh");
    let size = format!("stty cols {columns} rows 40; exec \"$@\"");
    shell.args(["-c", &size, "sh", env!("CARGO_BIN_EXE_qadmin")]).args(args);
    for (name, value) in tool.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.envs(env.iter().copied());
    rexpect::session::spawn_command(shell, Some(PATIENCE)).expect("a terminal")
}

/// The remaining output, and the exit code of the program.
pub(crate) fn rest(mut session: PtySession) -> (String, i32) {
    let text = session.exp_eof().expect("the program ends");
    match session.process().wait().expect("a child of ours") {
        rexpect::process::WaitStatus::Exited(_, code) => (text, code),
        other => panic!("it ended by {other:?}: {text}"),
    }
}

/// The filter that matches the factory's share of messages.
pub(crate) fn target() -> [String; 4] {
    ["--task".to_owned(), TARGET_TASK.to_owned(), "--repoid".to_owned(), TARGET_REPOID.to_string()]
}

/// A command with this filter and further arguments.
pub(crate) fn about<'a>(command: &'a str, target: &'a [String; 4], more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec![command, QUEUE];
    args.extend(target.iter().map(String::as_str));
    args.extend(more);
    args
}

/// A server whose jobs take seconds, however fast the machine is: short slices, far apart because its own cron, 500 times
/// per second, counts as another client that is active, and with `appendfsync always` a hundred units a second at most.
/// Every preview is a job there.
pub(crate) fn slow() -> Server {
    Server::builder()
        .module_args("slice-us 50 duty 1 inline-limit 0")
        .config("hz 500")
        .config("appendonly yes")
        .config("appendfsync always")
        .config("auto-aof-rewrite-percentage 0")
        .start()
}

/// Fills the queue with small messages, of which every fifth matches, and returns the number of matches.
pub(crate) fn filled(server: &Server, messages: u64) -> u64 {
    let mut factory = Factory::new(7).size(Size::Slim).share(20.0);
    fill(server.port(), QUEUE, 0..messages, &mut factory).expect("the server takes messages");
    factory.count(0..messages)
}

/// Runs a command typed as one line of words.
pub(crate) fn tell(conn: &mut Connection, line: &str) -> Value {
    let mut words = line.split_ascii_whitespace();
    let mut command = redis::cmd(words.next().expect("a first word"));
    for word in words {
        command.arg(word);
    }
    command.query(conn).unwrap_or_else(|error| panic!("{line}: {error}"))
}

/// Waits for a live job and returns its id.
pub(crate) fn live_job(conn: &mut Connection) -> String {
    let mut id = String::new();
    eventually("a job runs", || {
        let Value::Array(jobs) = tell(conn, "QADMIN.JOBS COUNT 1") else { panic!("a list") };
        let Some(job) = jobs.first().map(map) else { return false };
        let text = |name: &str| {
            job.iter().find(|(member, _)| member == name).map(|(_, value)| qadmin_harness::text(value))
        };
        id = text("job_id").expect("an id");
        matches!(text("status").as_deref(), Some("pending" | "running"))
    });
    id
}

/// Members of a job from the module's own reply.
pub(crate) fn job(conn: &mut Connection, id: &str) -> Vec<(String, Value)> {
    map(&tell(conn, &format!("QADMIN.STATUS {id} WAIT 0")))
}
