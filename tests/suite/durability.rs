//! What survives a crash, a restart and a failover: no message is cleared that is not reported as cleared, no
//! message that was not cleared is lost, and no server has a different queue from its primary.

mod aof;
mod earlier;
mod fleet;
mod kill;
mod pace;
mod random;
mod record;
mod refused;
mod replica;
mod resume;
mod roles;
mod units;
mod upgrade;

pub(crate) use units::{transactions, word};

use std::collections::HashSet;

use qadmin_harness::{
    Builder, Factory, Fields as _, Server, Size, TARGET_REPOID, TARGET_TASK, eventually, fill,
};
use redis::{Commands as _, Connection, Value};

use crate::support::{Reply, ask, run};

/// The queue of these tests.
pub(crate) const QUEUE: &str = "celery";

/// Returns a server on which a clear takes seconds, however fast and idle the machine is: slices are short,
/// and with `appendfsync always` there are at most a hundred units a second.
pub(crate) fn slow() -> Builder {
    in_memory().config("appendonly yes").config("appendfsync always").config("auto-aof-rewrite-percentage 0")
}

/// Returns such a server without an append-only file.
pub(crate) fn in_memory() -> Builder {
    crate::stage::slow_server()
}

/// The content with which a queue was filled.
pub(crate) struct Filled {
    /// The queue as LRANGE shows it: the newest first.
    before: Vec<Vec<u8>>,
    matching: HashSet<Vec<u8>>,
}

impl Filled {
    /// Fills the queue with slim messages, of which this percentage match [`filter`].
    pub(crate) fn new(server: &Server, messages: u64, percent: f64) -> Self {
        let mut factory = Factory::new(7).size(Size::Slim).share(percent);
        fill(server.port(), QUEUE, 0..messages, &mut factory).expect("the server takes messages");
        let before = (0..messages).rev().map(|i| factory.message(i)).collect();
        let matching = (0..messages).filter(|i| factory.matches(*i)).collect::<Vec<_>>();
        Self { before, matching: matching.into_iter().map(|i| factory.message(i)).collect() }
    }

    /// Returns the number of matches.
    pub(crate) fn matches(&self) -> i64 {
        i64::try_from(self.matching.len()).expect("a count")
    }

    /// Returns the content of the queue after a complete clear.
    pub(crate) fn survivors(&self) -> Vec<Vec<u8>> {
        self.before.iter().filter(|message| !self.matching.contains(*message)).cloned().collect()
    }

    /// Checks that every missing message matches and that the rest is in its order. Returns how many are
    /// missing.
    pub(crate) fn missing(&self, now: &[Vec<u8>]) -> i64 {
        let mut left = now.iter().peekable();
        let mut missing = 0;
        for message in &self.before {
            if left.next_if(|next| *next == message).is_none() {
                assert!(self.matching.contains(message), "lost: {}", String::from_utf8_lossy(message));
                missing += 1;
            }
        }
        assert_eq!(left.next(), None, "the queue holds what nobody sent, or another order");
        missing
    }
}

/// Returns the filter of the clears.
pub(crate) fn filter() -> String {
    format!("TASK {TARGET_TASK} REPOID {TARGET_REPOID}")
}

/// Returns the command that clears the matches.
pub(crate) fn clear_line() -> String {
    format!("QADMIN.CLEARJOB {QUEUE} ALL {} CONFIRM {QUEUE}", filter())
}

/// Starts a clear; returns its id.
pub(crate) fn start_clear(conn: &mut Connection) -> String {
    ask(conn, &clear_line()).text("job_id")
}

/// Returns the present status of a job.
pub(crate) fn status(conn: &mut Connection, id: &str) -> Reply {
    ask(conn, &format!("QADMIN.STATUS {id}"))
}

/// Waits until a live job has deleted this many messages; it must not end before.
pub(crate) fn until_deleted(conn: &mut Connection, id: &str, count: i64) -> i64 {
    let mut deleted = 0;
    eventually("the job deletes", || {
        let job = status(conn, id);
        deleted = job.int("deleted");
        assert!(job.is_null("completed_at"), "the job ended before it was disturbed: {job:?}");
        deleted >= count
    });
    deleted
}

/// Waits until a job waits, and returns the reason.
pub(crate) fn until_waiting(conn: &mut Connection, id: &str) -> String {
    let mut waiting = String::new();
    eventually("the job waits", || {
        let job = status(conn, id);
        assert!(job.is_null("completed_at"), "the job ended where it was to wait: {job:?}");
        if !job.is_null("waiting") {
            waiting = job.text("waiting");
        }
        !waiting.is_empty()
    });
    waiting
}

/// Returns the queue, newest first.
pub(crate) fn queue(conn: &mut Connection) -> Vec<Vec<u8>> {
    conn.lrange(QUEUE, 0, -1).expect("LRANGE")
}

/// Returns the key of a job's record outside a cluster.
pub(crate) fn record_key(id: &str) -> String {
    format!("qadmin:job:{id}")
}

/// Returns one field of a job's record in the keyspace.
pub(crate) fn recorded(conn: &mut Connection, id: &str, field: &str) -> String {
    conn.hget(record_key(id), field).expect("the record has the field")
}

/// Returns the digest of everything on a server, in all databases.
pub(crate) fn digest(conn: &mut Connection) -> String {
    qadmin_harness::text(&run(conn, "DEBUG DIGEST").expect("DEBUG DIGEST"))
}

/// Checks that every unit could be applied.
pub(crate) fn assert_no_mismatch(server: &Server) {
    assert_eq!(server.info("qadmin_apply_mismatches").as_deref(), Some("0"), "units that did not fit");
}

/// Lets jobs run as fast as possible. Tests call this when nothing more has to happen in the middle of the
/// jobs.
pub(crate) fn hurry(conn: &mut Connection) {
    crate::stage::set(conn, "slice-us 500 duty 100");
}

/// Clears the remaining matches and compares the queue with the expected content.
pub(crate) fn finish_the_work(conn: &mut Connection, filled: &Filled) {
    hurry(conn);
    let id = start_clear(conn);
    let end = crate::support::wait_for_job(conn, &id);
    assert_eq!(end.text("status"), "completed", "{end:?}");
    assert_eq!(queue(conn), filled.survivors());
}

/// Runs a command whose reply does not matter.
pub(crate) fn tell(conn: &mut Connection, line: &str) {
    let _: Value = run(conn, line).unwrap_or_else(|error| panic!("{line}: {error}"));
}

/// Waits until the replica has everything that its primary wrote.
pub(crate) fn until_caught_up(primary: &Server, replica: &Server) {
    replica.wait_for_link();
    eventually("the replica has caught up", || {
        primary.info("master_repl_offset") == replica.info("master_repl_offset")
    });
}

/// Returns the entries of the audit stream, each with its members.
pub(crate) fn audit(conn: &mut Connection) -> Vec<Reply> {
    let Value::Array(entries) = run(conn, "XRANGE qadmin:audit - +").expect("XRANGE") else {
        panic!("XRANGE answers a list")
    };
    let members = |entry: Value| {
        let Value::Array(mut pair) = entry else { panic!("an entry is a pair") };
        qadmin_harness::map(&pair.pop().expect("members"))
    };
    entries.into_iter().map(members).collect()
}

/// Returns the events in the entries of the audit stream, in order.
pub(crate) fn events(conn: &mut Connection) -> Vec<String> {
    audit(conn).iter().map(|entry| entry.text("event")).collect()
}
