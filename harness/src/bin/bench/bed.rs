//! The server under test, its queue, and the ways to ask it.

use std::process::{Command, Stdio};
use std::time::Instant;

use qadmin_harness::{
    Factory, Fields as _, Series, Server, TARGET_REPOID, TARGET_TASK, fill, grouped, map, module_path,
    python, spawn, workspace_root,
};
use redis::{Connection, Value};

/// The queue of every measurement.
pub(crate) const QUEUE: &str = "celery";

/// A row that takes longer is not repeated beyond this many seconds in total; the table says how many runs
/// there were.
const BUDGET_S: f64 = 60.0;

/// Everything a section needs.
pub(crate) struct Bed {
    pub(crate) server: Server,
    pub(crate) conn: Connection,
    /// Depth of the queue in most measurements.
    pub(crate) messages: u64,
    repetitions: usize,
    /// What the queue holds now: messages and share of matches.
    holds: Option<(u64, f64)>,
}

/// A reply, or a job's status.
pub(crate) type Reply = Vec<(String, Value)>;

impl Bed {
    /// Starts a server with the module.
    pub(crate) fn new(messages: u64, repetitions: usize) -> Result<Self, String> {
        module_path()?;
        python()?;
        let server = Server::builder().module().try_start()?;
        let conn = server.conn();
        Ok(Self { server, conn, messages, repetitions, holds: None })
    }

    /// Date, machine and versions: without them figures mean nothing.
    pub(crate) fn circumstances(&self) -> String {
        let tool = |name: &str, args: &[&str]| {
            let out = Command::new(name).args(args).stdin(Stdio::null()).output();
            out.map_or_else(|_| "?".into(), |out| String::from_utf8_lossy(&out.stdout).trim().to_string())
        };
        let file = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let member = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_once(':'))
                .map_or_else(|| "?".into(), |(_, v)| v.trim().to_string())
        };
        let server = match self.server.info("valkey_version") {
            Some(version) => format!("Valkey {version}"),
            None => format!("Redis {}", self.server.info("redis_version").unwrap_or_default()),
        };
        let packages = ["redis", "orjson"].map(|name| {
            let show = format!("import importlib.metadata as m; print(m.version('{name}'))");
            let python = python().unwrap_or_default();
            format!("{name} {}", tool(&python.to_string_lossy(), &["-c", &show]))
        });
        let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
        format!(
            "{}, {} cores of {}, {} of memory; {server}, {}; Python packages: {}.\n\n\
             {} messages as Celery makes them (1.4 KB each, 21 tasks, 500 repositories), of which 1 % match\n\
             `TASK {TARGET_TASK} REPOID {TARGET_REPOID}` where nothing else is said. Server, module and clients share\n\
             the cores. Everything was measured in one run of `make bench`; medians, with the extremes beside them.",
            tool("date", &["-u", "+%F"]),
            cores,
            member(&file("/proc/cpuinfo"), "model name"),
            member(&file("/proc/meminfo"), "MemTotal"),
            tool("rustc", &["--version"]),
            packages.join(", "),
            grouped(self.messages),
        )
    }

    /// Makes sure that the queue holds so many messages of which so many percent match, all untouched.
    pub(crate) fn filled(&mut self, messages: u64, share: f64) -> Result<(), String> {
        if self.holds == Some((messages, share)) {
            return Ok(());
        }
        self.command(&["FLUSHALL", "SYNC"])?;
        fill(self.server.port(), QUEUE, 0..messages, &mut factory(share))
            .map_err(|e| format!("filling: {e}"))?;
        self.holds = Some((messages, share));
        Ok(())
    }

    /// Says that the queue is no longer as it was filled.
    pub(crate) fn spoiled(&mut self) {
        self.holds = None;
    }

    /// Measures again and again; `once` gives the seconds of one run.
    pub(crate) fn repeat(
        &mut self,
        mut once: impl FnMut(&mut Self) -> Result<f64, String>,
    ) -> Result<Series, String> {
        let mut seconds = Vec::new();
        while seconds.len() < self.repetitions && seconds.iter().sum::<f64>() < BUDGET_S {
            seconds.push(once(self)?);
        }
        Ok(Series::new(seconds))
    }

    /// Any command.
    pub(crate) fn command(&mut self, words: &[&str]) -> Result<Value, String> {
        let reply = redis::cmd(words[0]).arg(&words[1..]).query(&mut self.conn);
        reply.map_err(|error: redis::RedisError| format!("{}: {error}", words.join(" ")))
    }

    /// A command whose reply is a map.
    pub(crate) fn ask(&mut self, words: &[&str]) -> Result<Reply, String> {
        self.command(words).map(|value| map(&value))
    }

    /// Decides whether a preview counts while the client waits, or as a job.
    pub(crate) fn inline(&mut self, yes: bool) -> Result<(), String> {
        self.command(&["CONFIG", "SET", "qadmin.inline-limit", if yes { "100000000" } else { "0" }])?;
        if yes {
            self.command(&["CONFIG", "SET", "qadmin.inline-wait", "60000"])?;
        }
        Ok(())
    }

    /// Waits for a job's end and insists on its success.
    pub(crate) fn finished(&mut self, job: &Reply) -> Result<Reply, String> {
        let status = self.ask(&["QADMIN.STATUS", &job.text("job_id"), "WAIT", "0"])?;
        match status.text("status").as_str() {
            "completed" => Ok(status),
            other => Err(format!("a job ended as {other}: {status:?}")),
        }
    }

    /// Counts by a preview that never uses the cache, as a job: its status.
    pub(crate) fn count_job(&mut self, filter: &[&str]) -> Result<Reply, String> {
        self.inline(false)?;
        let job = self.ask(&[&["QADMIN.PREVIEW", QUEUE][..], filter, &["BUST"]].concat())?;
        self.finished(&job)
    }

    /// Clears all matches: the job's status.
    pub(crate) fn clear_job(&mut self, filter: &[&str]) -> Result<Reply, String> {
        self.spoiled();
        let job =
            self.ask(&[&["QADMIN.CLEARJOB", QUEUE][..], filter, &["ALL", "CONFIRM", QUEUE]].concat())?;
        self.finished(&job)
    }

    /// One of the Python scripts, with the usual arguments: what it printed.
    pub(crate) fn rival(&self, script: &str, chunk: u64) -> Result<serde_json::Value, String> {
        let mut command = Command::new(python()?);
        command
            .arg(workspace_root().join("tests/python").join(script))
            .args([&self.server.port().to_string(), QUEUE, TARGET_TASK])
            .args([TARGET_REPOID.to_string(), chunk.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let out = spawn(command).and_then(std::process::Child::wait_with_output);
        let out = out.map_err(|e| format!("{script}: {e}"))?;
        if !out.status.success() {
            return Err(format!("{script} failed: {}", out.status));
        }
        serde_json::from_slice(&out.stdout).map_err(|e| format!("{script}: {e}"))
    }
}

/// The factory of every measurement.
pub(crate) fn factory(share: f64) -> Factory {
    Factory::new(1).share(share).queue(QUEUE)
}

/// The filter of every measurement.
pub(crate) fn target() -> [String; 4] {
    ["TASK".into(), TARGET_TASK.into(), "REPOID".into(), TARGET_REPOID.to_string()]
}

/// Seconds that something took, and what it gave.
pub(crate) fn timed<T>(run: impl FnOnce() -> Result<T, String>) -> Result<(f64, T), String> {
    let start = Instant::now();
    let result = run()?;
    Ok((start.elapsed().as_secs_f64(), result))
}

/// A benchmark of wrong results is worth nothing: every count is compared with what was sent.
pub(crate) fn check(what: &str, got: u64, expected: u64) -> Result<(), String> {
    if got == expected { Ok(()) } else { Err(format!("{what}: {got} counted, {expected} were sent")) }
}

/// A count of a reply.
pub(crate) fn count(reply: &Reply, member: &str) -> u64 {
    u64::try_from(reply.int(member)).unwrap_or(0)
}
