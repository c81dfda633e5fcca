//! Queues and jobs set up so that a test can meet a job at work.

use std::thread::{self, JoinHandle};

use qadmin_harness::{
    Builder, Factory, Fields as _, Server, Size, TARGET_REPOID, TARGET_TASK, eventually, fill, map,
};
use redis::{Connection, RedisResult, Value};

use crate::support::{Reply, ask, run};

/// A queue that a slow job (see [`Slow`]) works on for several seconds.
pub(crate) const LONG: u64 = 30_000;

/// The filter that [`Factory::share`] speaks of.
pub(crate) fn target() -> String {
    format!("TASK {TARGET_TASK} REPOID {TARGET_REPOID}")
}

/// Fills a queue with `n` slim messages, 1 % of which match [`target`]; answers how many do.
pub(crate) fn filled(server: &Server, queue: &str, n: u64) -> i64 {
    let mut factory = Factory::new(7).size(Size::Slim);
    fill(server.port(), queue, 0..n, &mut factory).expect("the queue is filled");
    i64::try_from(factory.count(0..n)).expect("small")
}

/// Makes jobs slow: the shortest slices, with the longest pauses that `duty` has while others are active, on a server
/// whose own cron ends a wait in each of these pauses. Dropped, jobs run at full speed.
///
/// How slow a job is depends on no other process, so it does not matter who of them gets how much of the machine.
/// A test that does more to a job than a few commands stops it with [`Slow::hold`]. Clients wait for a count for as long as
/// they may, unless the test sets that itself afterwards.
pub(crate) struct Slow {
    server_port: u16,
    held: Vec<String>,
}

/// The shortest slices and the longest pauses. If everything runs this many times slower than usual
/// (QADMIN_SLOWDOWN: under valgrind), what is called slow is as fast as ever, and takes as many slices.
pub(crate) fn slowly() -> String {
    let times = std::env::var("QADMIN_SLOWDOWN").ok().and_then(|text| text.parse::<u64>().ok()).unwrap_or(1);
    format!("slice-us {} duty {}", 50 * times, times.min(100))
}

/// A server that is slow from its start on, as [`Slow`] makes one.
pub(crate) fn slow_server() -> Builder {
    Server::builder().module_args(&slowly()).config("hz 500")
}

/// The server's cron turns the event loop this many times per second, which is as often as a server allows. For a job
/// every one of these turns is somebody else's: it keeps to `duty`.
const TURNS: &str = "CONFIG SET hz 500";

impl Slow {
    pub(crate) fn start(server: &Server) -> Self {
        let mut conn = server.conn();
        set(&mut conn, &format!("{} inline-wait 60000", slowly()));
        run(&mut conn, TURNS).expect("CONFIG SET hz");
        // The cron's next turn was planned when it came ten times per second: after this it is due, and so are all others.
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
        // Errors: the server may be gone or busy, which is not for a destructor to judge.
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

/// `CONFIG SET` of settings of the module: names and values in pairs.
pub(crate) fn set(conn: &mut Connection, pairs: &str) {
    let words: Vec<&str> = pairs.split(' ').collect();
    let named: Vec<String> = words.chunks(2).map(|pair| format!("qadmin.{} {}", pair[0], pair[1])).collect();
    run(conn, &format!("CONFIG SET {}", named.join(" "))).expect("CONFIG SET");
}

/// Sends a command from a connection of its own and keeps its reply.
pub(crate) fn later(server: &Server, line: impl Into<String>) -> JoinHandle<RedisResult<Value>> {
    let (mut conn, line) = (server.conn(), line.into());
    thread::spawn(move || run(&mut conn, &line))
}

/// The map that a command sent with [`later`] came to.
pub(crate) fn joined(handle: JoinHandle<RedisResult<Value>>) -> Reply {
    map(&handle.join().expect("the client's thread ends well").expect("a reply"))
}

/// A counter of the module's INFO section.
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

/// Starts a clear of everything that matches [`target`] and answers its id.
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

/// The newest job as JOBS lists it.
pub(crate) fn newest_job(server: &Server) -> Reply {
    let jobs = run(&mut server.conn(), "QADMIN.JOBS").expect("JOBS answers");
    qadmin_harness::maps(&jobs).swap_remove(0)
}
