//! Queues and jobs that are set up so that a test can act while a job runs.

use std::thread::{self, JoinHandle};

use qadmin_harness::{
    Builder, Factory, Fields as _, Server, Size, TARGET_REPOID, TARGET_TASK, eventually, fill, map,
};
use redis::{Connection, RedisResult, Value};

use crate::support::{Reply, ask, run};

/// The length of a queue on which a slow job (see [`Slow`]) works for several seconds.
pub(crate) const LONG: u64 = 30_000;

/// Returns the filter for the messages whose share [`Factory::share`] sets.
pub(crate) fn target() -> String {
    format!("TASK {TARGET_TASK} REPOID {TARGET_REPOID}")
}

/// Fills a queue with `n` slim messages, 1 % of which match [`target`]; returns how many do.
pub(crate) fn filled(server: &Server, queue: &str, n: u64) -> i64 {
    let mut factory = Factory::new(7).size(Size::Slim);
    fill(server.port(), queue, 0..n, &mut factory).expect("the queue is filled");
    i64::try_from(factory.count(0..n)).expect("small")
}

/// Makes jobs slow: with the shortest slices and the longest pauses that `duty` allows while other clients
/// are active, on a server whose own cron ends a wait in each of these pauses. When it is dropped, jobs run
/// at full speed.
///
/// How slow a job is depends on no other process, so the distribution of the machine's time among them does
/// not matter. A test that does more to a job than a few commands stops it with [`Slow::hold`]. Clients wait
/// for a count for the maximum time, unless the test sets that itself afterwards.
pub(crate) struct Slow {
    server_port: u16,
    held: Vec<String>,
}

/// Returns settings for the shortest slices and the longest pauses. If everything runs this many times slower
/// than usual (QADMIN_SLOWDOWN: under valgrind), a slow job runs at the same speed and takes the same number
/// of slices.
pub(crate) fn slowly() -> String {
    let times = std::env::var("QADMIN_SLOWDOWN").ok().and_then(|text| text.parse::<u64>().ok()).unwrap_or(1);
    format!("slice-us {} duty {}", 50 * times, times.min(100))
}

/// Returns a server on which jobs are slow from its start on, as with [`Slow`].
pub(crate) fn slow_server() -> Builder {
    Server::builder().module_args(&slowly()).config("hz 500")
}

/// The server's cron wakes the event loop this many times per second, which is the maximum that a server
/// allows. To a job, each of these iterations is activity of others, so it keeps to `duty`.
const TURNS: &str = "CONFIG SET hz 500";

impl Slow {
    pub(crate) fn start(server: &Server) -> Self {
        let mut conn = server.conn();
        set(&mut conn, &format!("{} inline-wait 60000", slowly()));
        run(&mut conn, TURNS).expect("CONFIG SET hz");
        // The cron's next run was planned while it ran ten times per second: after this command it is due,
        // and so are all later ones.
        run(&mut conn, "DEBUG SLEEP 0.1").expect("DEBUG SLEEP");
        Self { server_port: server.port(), held: Vec::new() }
    }

    /// Pauses all live jobs until this is dropped, however long the test takes.
    pub(crate) fn hold(&mut self, conn: &mut Connection) {
        for job in qadmin_harness::maps(&run(conn, "QADMIN.JOBS").expect("JOBS answers")) {
            if job.is_null("completed_at") {
                let id = job.text("job_id");
                let held = ask(conn, &format!("QADMIN.PAUSE {id}"));
                assert_eq!(held.text("status"), "paused", "the job ended before it could be held: {held:?}");
                self.held.push(id);
            }
        }
        assert!(!self.held.is_empty(), "there is no live job to hold");
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        // Errors are ignored: the server can be gone or busy, which a destructor must not judge.
        if let Ok(client) = redis::Client::open(format!("redis://127.0.0.1:{}", self.server_port))
            && let Ok(mut conn) = client.get_connection()
        {
            let _ = run(&mut conn, "CONFIG SET qadmin.slice-us 500 qadmin.duty 100 hz 10");
            for id in &self.held {
                let _ = run(&mut conn, &format!("QADMIN.RESUME {id}"));
            }
        }
    }
}

/// Runs `CONFIG SET` of settings of the module: names and values in pairs.
pub(crate) fn set(conn: &mut Connection, pairs: &str) {
    let words: Vec<&str> = pairs.split(' ').collect();
    let named: Vec<String> = words.chunks(2).map(|pair| format!("qadmin.{} {}", pair[0], pair[1])).collect();
    run(conn, &format!("CONFIG SET {}", named.join(" "))).expect("CONFIG SET");
}

/// Sends a command from its own connection and keeps its reply.
pub(crate) fn later(server: &Server, line: impl Into<String>) -> JoinHandle<RedisResult<Value>> {
    let (mut conn, line) = (server.conn(), line.into());
    thread::spawn(move || run(&mut conn, &line))
}

/// Returns the map reply of a command that was sent with [`later`].
pub(crate) fn joined(handle: JoinHandle<RedisResult<Value>>) -> Reply {
    map(&handle.join().expect("the client's thread ends well").expect("a reply"))
}

/// Returns a counter of the module's INFO section.
pub(crate) fn info(server: &Server, name: &str) -> i64 {
    let field = server.info(&format!("qadmin_{name}"));
    field.unwrap_or_else(|| panic!("INFO has no qadmin_{name}")).parse().expect("a number")
}

/// Waits until this many clients wait for jobs.
pub(crate) fn until_waiting(server: &Server, clients: i64) {
    eventually("clients wait for a job", || info(server, "clients_waiting") == clients);
}

/// Starts an inline preview in the background and waits until its client waits.
pub(crate) fn inline_preview(server: &Server, queue: &str) -> JoinHandle<RedisResult<Value>> {
    let waiting = info(server, "clients_waiting");
    let client = later(server, format!("QADMIN.PREVIEW {queue} {}", target()));
    until_waiting(server, waiting + 1);
    client
}

/// Starts a clear of everything that matches [`target`] and returns its id.
pub(crate) fn start_clear(conn: &mut Connection, queue: &str) -> String {
    let reply = ask(conn, &format!("QADMIN.CLEARJOB {queue} {} ALL CONFIRM {queue}", target()));
    reply.text("job_id")
}

/// Waits until a job has done a slice.
pub(crate) fn until_running(conn: &mut Connection, job: &str) {
    eventually("the job is at work", || {
        ask(conn, &format!("QADMIN.STATUS {job}")).text("status") == "running"
    });
}

/// Returns the newest job as JOBS lists it.
pub(crate) fn newest_job(server: &Server) -> Reply {
    let jobs = run(&mut server.conn(), "QADMIN.JOBS").expect("JOBS answers");
    qadmin_harness::maps(&jobs).swap_remove(0)
}
