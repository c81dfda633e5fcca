//! The server under test, its queue, and functions to send commands.

use std::process::{Command, Stdio};
use std::time::Instant;

use qadmin_harness::{
    Factory, Fields as _, Series, Server, TARGET_REPOID, TARGET_TASK, c_module, fill, grouped, map,
    module_path, python, spawn, text, workspace_root,
};
use redis::{Connection, Value};

use crate::targets::Targets;

/// The queue of every measurement.
pub(crate) const QUEUE: &str = "celery";

/// The original of the queue; filling the queue again would take longer than the measurement.
const ORIGINAL: &str = "original";

/// The limit of the repetitions of a row, in seconds in total; the table shows how many runs there were.
const BUDGET_S: f64 = 20.0;

/// Everything that a section needs.
pub(crate) struct Bed {
    pub(crate) server: Server,
    pub(crate) conn: Connection,
    /// The depth of the queue in most measurements.
    pub(crate) messages: u64,
    /// The measured targets.
    pub(crate) targets: Targets,
    /// The number of times that a row is measured.
    pub(crate) repetitions: usize,
    /// The content of the original: the number of messages and the share of matches.
    original: Option<(u64, f64)>,
    /// Whether the queue is an untouched copy of the original.
    fresh: bool,
}

/// A reply, or a job's status.
pub(crate) type Reply = Vec<(String, Value)>;

impl Bed {
    /// Starts a server with the module.
    pub(crate) fn new(messages: u64, repetitions: usize) -> Result<Self, String> {
        module_path()?;
        python()?;
        let server = Server::builder().module().try_start()?;
        load_floors(&server)?;
        let conn = server.conn();
        let targets = Targets::default();
        Ok(Self { server, conn, messages, targets, repetitions, original: None, fresh: false })
    }

    /// Returns the date, the machine and the versions: without them figures mean nothing.
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
             {} messages as Celery writes them (1.4 KB each, 21 tasks, 500 repositories), of which 1 % match\n\
             `TASK {TARGET_TASK} REPOID {TARGET_REPOID}` unless a table says otherwise. Server, module and clients share\n\
             the cores. The queue is a copy (COPY) of one that was filled by LPUSH. All figures are from one run of\n\
             `make bench`; they are medians, with the extremes beside them.",
            tool("date", &["-u", "+%F"]),
            cores,
            member(&file("/proc/cpuinfo"), "model name"),
            member(&file("/proc/meminfo"), "MemTotal"),
            tool("rustc", &["--version"]),
            packages.join(", "),
            grouped(self.messages),
        )
    }

    /// Ensures that the queue contains this number of unchanged messages, of which this percentage matches.
    pub(crate) fn filled(&mut self, messages: u64, share: f64) -> Result<(), String> {
        if self.original != Some((messages, share)) {
            self.emptied()?;
            fill(self.server.port(), ORIGINAL, 0..messages, &mut factory(share))
                .map_err(|e| format!("filling: {e}"))?;
            self.original = Some((messages, share));
        }
        if !self.fresh {
            self.command(&["DEL", QUEUE])?;
            self.command(&["COPY", ORIGINAL, QUEUE])?;
            self.fresh = true;
        }
        Ok(())
    }

    /// Restores the queue to its last filling if it was changed.
    pub(crate) fn refresh(&mut self) -> Result<(), String> {
        self.original.map_or(Ok(()), |(messages, share)| self.filled(messages, share))
    }

    /// Marks the queue as changed since it was filled.
    pub(crate) fn spoiled(&mut self) {
        self.fresh = false;
    }

    /// Returns the number of messages in the queue.
    pub(crate) fn depth(&mut self) -> Result<u64, String> {
        self.command(&["LLEN", QUEUE]).map(|depth| text(&depth).parse().unwrap_or(0))
    }

    /// Returns a counter of `INFO qadmin`.
    pub(crate) fn counter(&self, name: &str) -> u64 {
        let value = self.server.info(&format!("qadmin_{name}"));
        value.and_then(|digits| digits.parse().ok()).unwrap_or(0)
    }

    /// Returns the seconds that the server's main thread ran so far, and the seconds that it waited for a
    /// core because other threads had it; zeros if the kernel does not report them.
    pub(crate) fn main_thread(&self) -> (f64, f64) {
        let pid = self.server.pid();
        let line = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/schedstat")).unwrap_or_default();
        let mut seconds = line.split_ascii_whitespace().map(|ns| ns.parse::<f64>().unwrap_or(0.0) / 1e9);
        (seconds.next().unwrap_or(0.0), seconds.next().unwrap_or(0.0))
    }

    /// Measures repeatedly; `once` returns the seconds of one run.
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

    /// Frees the memory of all messages.
    pub(crate) fn emptied(&mut self) -> Result<(), String> {
        self.original = None;
        self.fresh = false;
        self.command(&["FLUSHALL", "SYNC"]).map(drop)
    }

    /// Sends any command.
    pub(crate) fn command(&mut self, words: &[&str]) -> Result<Value, String> {
        let reply = redis::cmd(words[0]).arg(&words[1..]).query(&mut self.conn);
        reply.map_err(|error: redis::RedisError| format!("{}: {error}", words.join(" ")))
    }

    /// Sends a command whose reply is a map.
    pub(crate) fn ask(&mut self, words: &[&str]) -> Result<Reply, String> {
        self.command(words).map(|value| map(&value))
    }

    /// Chooses whether a preview counts while the client waits, or as a job.
    pub(crate) fn inline(&mut self, yes: bool) -> Result<(), String> {
        self.command(&["CONFIG", "SET", "qadmin.inline-limit", if yes { "100000000" } else { "0" }])?;
        if yes {
            self.command(&["CONFIG", "SET", "qadmin.inline-wait", "60000"])?;
        }
        Ok(())
    }

    /// Returns the setting `slice-us`.
    pub(crate) fn slice_us(&mut self) -> Result<u64, String> {
        let reply = self.ask(&["CONFIG", "GET", "qadmin.slice-us"])?;
        reply.iter().find_map(|(_, value)| text(value).parse().ok()).ok_or_else(|| "no slice-us".to_string())
    }

    /// Waits for the end of a job, which must be completed.
    pub(crate) fn finished(&mut self, job: &Reply) -> Result<Reply, String> {
        let status = self.ask(&["QADMIN.STATUS", &job.text("job_id"), "WAIT", "0"])?;
        match status.text("status").as_str() {
            "completed" => Ok(status),
            other => Err(format!("a job ended as {other}: {status:?}")),
        }
    }

    /// Counts with a preview that does not use the cache, as a job, and returns its status.
    pub(crate) fn count_job(&mut self, filter: &[&str]) -> Result<Reply, String> {
        self.inline(false)?;
        let job = self.ask(&[&["QADMIN.PREVIEW", QUEUE][..], filter, &["BUST"]].concat())?;
        self.finished(&job)
    }

    /// Counts all messages by these fields in a job, and returns its status.
    pub(crate) fn stats_job(&mut self, fields: &[&str]) -> Result<Reply, String> {
        self.inline(false)?;
        let count = fields.len().to_string();
        let words =
            [&["QADMIN.STATS", QUEUE, "GROUPBY", &count][..], fields, &["TOP", "1000", "BUST"]].concat();
        let job = self.ask(&words)?;
        self.finished(&job)
    }

    /// Clears all matches, and returns the job's status.
    pub(crate) fn clear_job(&mut self, filter: &[&str]) -> Result<Reply, String> {
        self.job(filter, &["ALL"])
    }

    /// Clears with these options after the filter, and returns the job's status.
    pub(crate) fn job(&mut self, filter: &[&str], words: &[&str]) -> Result<Reply, String> {
        if !words.contains(&"DRYRUN") {
            self.spoiled();
        }
        let job =
            self.ask(&[&["QADMIN.CLEARJOB", QUEUE][..], filter, words, &["CONFIRM", QUEUE]].concat())?;
        self.finished(&job)
    }

    /// Runs one of the Python scripts with the usual arguments, and returns its output.
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

/// Builds the module whose commands measure the floors, and loads it into a server.
fn load_floors(server: &Server) -> Result<(), String> {
    let library = c_module("benchfloor", server.dir())?;
    let loaded =
        redis::cmd("MODULE").arg("LOAD").arg(library.to_string_lossy().as_ref()).exec(&mut server.conn());
    loaded.map_err(|e| format!("the module of floors: {e}"))
}

/// The factory of every measurement.
pub(crate) fn factory(share: f64) -> Factory {
    Factory::new(1).share(share).queue(QUEUE)
}

/// The filter of every measurement.
pub(crate) const TARGET: [&str; 4] = ["TASK", TARGET_TASK, "REPOID", REPOID];

/// [`TARGET_REPOID`] as a word of a command.
pub(crate) const REPOID: &str = "147107";
const _: () = assert!(TARGET_REPOID == 147_107);

/// Returns the seconds that a function took, and its result.
pub(crate) fn timed<T>(run: impl FnOnce() -> Result<T, String>) -> Result<(f64, T), String> {
    let start = Instant::now();
    let result = run()?;
    Ok((start.elapsed().as_secs_f64(), result))
}

/// Compares a count with the number that was sent, because a benchmark of wrong results is worthless.
pub(crate) fn check(what: &str, got: u64, expected: u64) -> Result<(), String> {
    if got == expected { Ok(()) } else { Err(format!("{what}: {got} counted, {expected} were sent")) }
}

/// Returns a count of a reply.
pub(crate) fn count(reply: &Reply, member: &str) -> u64 {
    u64::try_from(reply.int(member)).unwrap_or(0)
}
