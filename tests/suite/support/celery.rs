//! The real Celery: a worker, a sender, and the content of the queue as Celery itself reads it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use qadmin_harness::{Server, eventually, python, spawn, workspace_root};
use redis::Commands as _;
use serde_json::Value;

/// A message that was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) id: String,
    pub(crate) task: String,
    pub(crate) repoid: u64,
    /// Protocol, serializer and compression, such as `p2-json-gzip`.
    pub(crate) kind: String,
}

/// Creates a Python process of the tests, with the address of the server in its environment.
pub(crate) fn script(server: &Server) -> Command {
    let mut command = Command::new(python().unwrap_or_else(|sentence| panic!("{sentence}")));
    command
        .current_dir(workspace_root().join("tests/python"))
        .env("QADMIN_TEST_URL", format!("redis://127.0.0.1:{}", server.port()))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null());
    command
}

/// A sender that runs at the same time as the test.
pub(crate) struct Sender {
    child: Child,
    out: PathBuf,
}

impl Sender {
    /// Starts sending `count` messages of all kinds.
    pub(crate) fn start(server: &Server, count: usize, seed: u32) -> Self {
        let out = server.dir().join(format!("sent-{seed}.jsonl"));
        let file = File::create(&out).expect("a file in the server's folder");
        let mut command = script(server);
        command.args(["celery_app.py", "send", &count.to_string(), &seed.to_string()]).stdout(file);
        Self { child: spawn(command).expect("Python starts"), out }
    }

    /// Waits until all messages are sent and returns them.
    pub(crate) fn finish(mut self) -> Vec<Sent> {
        let status = self.child.wait().expect("a child of ours can be waited for");
        assert!(status.success(), "the sender failed: {status}");
        let lines = fs::read_to_string(&self.out).expect("what the sender printed");
        lines.lines().map(sent).collect()
    }
}

/// Sends messages that belong together (groups, chords, chains), messages that wait for a time and messages
/// that were returned; returns the expected notices of a count.
pub(crate) fn send_workflows(server: &Server) -> Value {
    let mut command = script(server);
    command.args(["celery_app.py", "workflows"]).stdout(Stdio::piped());
    let child = spawn(command).expect("Python starts");
    let output = child.wait_with_output().expect("a child of ours can be waited for");
    assert!(output.status.success(), "the sender failed: {}", output.status);
    serde_json::from_slice(&output.stdout).expect("the sender prints JSON")
}

/// A message that was sent, in most cases with a body that is not read.
#[derive(Debug, Clone)]
pub(crate) struct Closed {
    pub(crate) id: String,
    pub(crate) repoid: i64,
    /// Whether its body is not read.
    pub(crate) closed: bool,
    /// Whether its headers show its arguments.
    pub(crate) known: bool,
}

/// Sends messages whose bodies are not read, and some whose bodies are; returns them.
pub(crate) fn send_closed(server: &Server) -> Vec<Closed> {
    let mut command = script(server);
    command.args(["celery_app.py", "closed"]).stdout(Stdio::piped());
    let output = spawn(command).expect("Python starts").wait_with_output().expect("a child of ours");
    assert!(output.status.success(), "the sender failed: {}", output.status);
    let lines = String::from_utf8(output.stdout).expect("the sender prints text");
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).expect("the sender prints JSON");
        Closed {
            id: row["id"].as_str().expect("text").to_string(),
            repoid: row["repoid"].as_i64().expect("a number"),
            closed: row["closed"].as_bool().expect("a flag"),
            known: row["known"].as_bool().expect("a flag"),
        }
    };
    lines.lines().map(row).collect()
}

/// Parses one line of the sender's output.
fn sent(line: &str) -> Sent {
    let row: Value = serde_json::from_str(line).expect("the sender prints JSON");
    let text = |name: &str| row[name].as_str().expect("the sender prints text").to_string();
    Sent {
        id: text("id"),
        task: text("task"),
        repoid: row["repoid"].as_u64().expect("the sender prints numbers"),
        kind: text("kind"),
    }
}

/// A worker that consumes the queue `celery`.
pub(crate) struct Worker {
    child: Child,
    log: PathBuf,
}

impl Worker {
    /// Starts the worker; tasks run as soon as it is ready.
    pub(crate) fn start(server: &Server) -> Self {
        let log = server.dir().join("worker.log");
        let file = File::create(&log).expect("a file in the server's folder");
        let mut command = script(server);
        command
            .args([
                "-m",
                "celery",
                "-A",
                "celery_app",
                "worker",
                "--queues",
                "celery",
                "--loglevel",
                "WARNING",
            ])
            .args(["--concurrency", "2", "--without-gossip", "--without-mingle", "--without-heartbeat"])
            // Celery warns that nobody should unpickle as root; these messages are the tests' own.
            .env("C_FORCE_ROOT", "1")
            .stdout(file.try_clone().expect("a second handle of the log"))
            .stderr(file);
        Self { child: spawn(command).expect("Python starts"), log }
    }

    /// Returns whether its process still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Returns its output.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the worker's log:\n{}", self.log());
        }
        if !self.is_alive() {
            return;
        }
        let pid = i32::try_from(self.child.id()).expect("process ids fit in pid_t");
        // SAFETY: the process is a child of ours that has not been waited for, so its id is still its own.
        // SIGQUIT is Celery's cold shutdown, which takes its pool processes along.
        unsafe { libc::kill(pid, libc::SIGQUIT) };
        // An error means that there is no process to wait for.
        let _ = self.child.wait();
    }
}

/// Returns how often each task id was run.
pub(crate) fn executed(server: &Server) -> HashMap<String, u64> {
    let client = redis::Client::open(server.url(1)).expect("an address");
    let mut conn = client.get_connection().expect("the server accepts connections");
    conn.hgetall("executed").expect("HGETALL")
}

/// Waits until the worker has run this task.
pub(crate) fn wait_until_executed(server: &Server, worker: &mut Worker, what: &str, ids: &[String]) {
    eventually(what, || {
        assert!(worker.is_alive(), "the worker ended: {}", worker.log());
        let executed = executed(server);
        ids.iter().all(|id| executed.contains_key(id))
    });
}

/// Returns the task ids that are in the queue and those that are unacknowledged, as Celery itself would read
/// them.
pub(crate) fn queued(server: &Server) -> Vec<String> {
    let mut conn = server.conn();
    let mut messages: Vec<Value> = Vec::new();
    for element in conn.lrange::<_, Vec<Vec<u8>>>("celery", 0, -1).expect("LRANGE") {
        messages.push(serde_json::from_slice(&element).expect("every element of a queue is JSON"));
    }
    for held in conn.hvals::<_, Vec<Vec<u8>>>("unacked").expect("HVALS") {
        let row: Value = serde_json::from_slice(&held).expect("every held message is JSON");
        messages.push(row[0].clone());
    }
    messages.iter().map(task_id).collect()
}

/// Returns the task id of a message: in the headers (protocol 2), or in the body (protocol 1), where kombu
/// repeats it as the correlation id that needs no decoding.
fn task_id(message: &Value) -> String {
    let id = message.pointer("/headers/id").or_else(|| message.pointer("/properties/correlation_id"));
    id.and_then(Value::as_str).expect("every message has an id").to_string()
}

/// Returns the content of a JSON message without compression, of either protocol; None for others.
pub(crate) fn readable(element: &[u8]) -> Option<Sent> {
    let message: Value = serde_json::from_slice(element).expect("every element of a queue is JSON");
    let headers = &message["headers"];
    if message["content-type"] != "application/json" || !headers["compression"].is_null() {
        return None;
    }
    let body = BASE64.decode(message["body"].as_str()?).ok()?;
    let body: Value = serde_json::from_slice(&body).ok()?;
    let (task, kwargs, kind) = match headers["task"].as_str() {
        Some(task) => (task, &body[1], "p2-json"),
        None => (body["task"].as_str()?, &body["kwargs"], "p1-json"),
    };
    let (id, repoid) = (task_id(&message), kwargs["repoid"].as_u64()?);
    Some(Sent { id, task: task.to_string(), repoid, kind: kind.to_string() })
}
