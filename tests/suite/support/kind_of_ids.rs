//! What holds for every kind whose messages are elsewhere than their ids: an id and its message leave together, whenever a
//! server dies. Each kind fills a queue in its own way.

use std::ops::Range;

use qadmin_harness::Fields as _;
use redis::Connection;

use super::{Reply, ask, run, wait_for_job};
use crate::durability::{
    assert_no_mismatch, hurry, recorded, slow, status, tell, until_caught_up, until_deleted,
};

/// Messages in the queue: enough for several slices of a slow server.
const MESSAGES: usize = 4_000;

/// A kind, and how its tests fill and read a queue.
pub(crate) struct KindOfIds {
    /// The key of the ids.
    pub(crate) queue: &'static str,
    /// The word after AS.
    pub(crate) kind: &'static str,
    /// Adds the messages with these numbers. Some have the task `bad`.
    pub(crate) enqueue: fn(&mut Connection, Range<usize>),
    /// Returns how many of the first messages are missing, and checks that they are those with the task `bad`, and that each
    /// id has its message and each message its id.
    pub(crate) missing: fn(&mut Connection, usize) -> usize,
    /// Returns how many of the first messages have the task `bad`.
    pub(crate) bad: fn(usize) -> usize,
}

impl KindOfIds {
    fn line(&self) -> String {
        format!("QADMIN.CLEARJOB {0} TASK bad ALL CONFIRM {0} AS {1}", self.queue, self.kind)
    }

    /// Starts a clear of the messages with the task `bad`, and returns its id.
    pub(crate) fn start(&self, conn: &mut Connection) -> String {
        ask(conn, &self.line()).text("job_id")
    }

    /// Clears what is left.
    fn finish(&self, conn: &mut Connection) {
        hurry(conn);
        let id = self.start(conn);
        let end: Reply = wait_for_job(conn, &id);
        assert_eq!(end.text("status"), "completed", "{end:?}");
        assert_eq!((self.missing)(conn, MESSAGES), (self.bad)(MESSAGES));
    }

    /// The server is killed after this many deletions. `check` is told how many messages are gone.
    pub(crate) fn survives_kill_9(&self, at: i64, check: impl Fn(&mut Connection, i64)) {
        let mut server = slow().start();
        let mut conn = server.conn();
        (self.enqueue)(&mut conn, 0..MESSAGES);
        let id = self.start(&mut conn);
        let reported = until_deleted(&mut conn, &id, at);
        server.kill9();
        server.start_again();
        let mut conn = server.conn();
        let gone = (self.missing)(&mut conn, MESSAGES) as i64;
        assert!(gone >= reported, "{reported} were reported as cleared, {gone} are gone");
        assert_eq!(recorded(&mut conn, &id, "deleted"), gone.to_string(), "the record against the queue");
        assert_eq!(status(&mut conn, &id).text("status"), "interrupted");
        check(&mut conn, gone);
        assert_no_mismatch(&server);
        self.finish(&mut conn);
    }

    /// The module panics after it has removed ids from the list, and before it removes their messages.
    pub(crate) fn aborts_at_a_panic_between_ids_and_messages(&self) {
        let mut server = slow().may_crash().faults().start();
        let mut conn = server.conn();
        (self.enqueue)(&mut conn, 0..MESSAGES);
        let place = "between list and hash";
        let _: i32 = redis::cmd("QADMIN.FAULT").arg(place).arg(3).query(&mut conn).expect("armed");
        let id = "3b1d7c52-9c1e-4b53-8f0e-6a7c1d2e4f5b";
        // The server can end before it replies.
        let _ = run(&mut conn, &format!("{} ID {id}", self.line()));
        server.wait_for_exit();
        server.start_again();
        let mut conn = server.conn();
        // Some units stand; ids and messages agree.
        let gone = (self.missing)(&mut conn, MESSAGES);
        assert!((1..(self.bad)(MESSAGES)).contains(&gone), "{gone}");
        assert_eq!(recorded(&mut conn, id, "deleted"), gone.to_string(), "the record against the queue");
        assert_no_mismatch(&server);
    }

    /// The primary dies in the middle of a clear, and its replica goes on.
    pub(crate) fn survives_a_promotion(&self) {
        let (mut primary, replica) = (slow().start(), slow().start());
        replica.replica_of(&primary);
        let mut conn = primary.conn();
        (self.enqueue)(&mut conn, 0..MESSAGES);
        until_caught_up(&primary, &replica);
        let id = self.start(&mut conn);
        until_deleted(&mut conn, &id, 200);
        primary.kill9();
        let mut conn = replica.conn();
        tell(&mut conn, "REPLICAOF NO ONE");
        let gone = (self.missing)(&mut conn, MESSAGES);
        assert!(gone > 0 && gone <= (self.bad)(MESSAGES), "{gone}");
        assert_no_mismatch(&replica);
        self.finish(&mut conn);
    }
}
