//! The server is killed at any moment of a clear, whatever else it was doing.
//!
//! Chance decides how far the clear is and how many requests come before the end; a failure names its seed.
//! `QADMIN_KILL_ROUNDS=50` makes more rounds of each kind.

use qadmin_harness::{Fields as _, Server, eventually};
use redis::Connection;

use super::kill::agrees;
use super::{
    Filled, QUEUE, assert_no_mismatch, in_memory, queue, recorded, slow, start_clear, status, tell,
    until_deleted,
};
use crate::model::Rng;
use crate::stage::Slow;
use crate::support::run;

/// What the server also does when it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Besides {
    Nothing,
    /// The append-only file was rewritten in the middle of the job; its base has this format.
    Rewritten,
    /// The append-only file is being rewritten.
    Rewrites,
    /// A snapshot is being written.
    Snapshot,
}

use Besides::{Nothing, Rewrites, Rewritten, Snapshot};

/// The policy, whether a rewritten file begins with a snapshot, and the other activity.
const KINDS: [(&str, &str, Besides); 7] = [
    ("always", "yes", Nothing),
    ("everysec", "yes", Nothing),
    ("always", "yes", Rewritten),
    ("everysec", "no", Rewritten),
    ("always", "yes", Rewrites),
    ("everysec", "no", Rewrites),
    ("always", "yes", Snapshot),
];

/// Prints which round failed.
struct Round(String);

impl Drop for Round {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("it was {}", self.0);
        }
    }
}

fn rounds(first: u64, mut round: impl FnMut(&mut Rng, &str, &str, Besides)) {
    let rounds = std::env::var("QADMIN_KILL_ROUNDS").map_or(1, |n| n.parse().expect("a number of rounds"));
    for (at, (policy, preamble, besides)) in KINDS.into_iter().enumerate() {
        for seed in 0..rounds {
            let _round = Round(format!("round {seed}: {policy}, preamble {preamble}, {besides:?}"));
            round(&mut Rng::new(first + seed * 100 + at as u64), policy, preamble, besides);
        }
    }
}

/// Starts a server in the middle of a clear, at a random point; returns the job, and its last reported count.
fn in_the_middle(
    rng: &mut Rng,
    policy: &str,
    preamble: &str,
    besides: Besides,
) -> (Server, Filled, String, i64) {
    let server = slow()
        .config(format!("appendfsync {policy}"))
        .config(format!("aof-use-rdb-preamble {preamble}"))
        .start();
    let mut conn = server.conn();
    let filled = Filled::new(&server, 5_000, 50.0);
    // With `everysec` a server can hold back the pushes, too, while the disk is slow; a crash would lose them
    // with or without a clear.
    eventually("the file has all messages", || server.info("aof_buffer_length").as_deref() == Some("0"));
    let id = start_clear(&mut conn);
    let place = i64::try_from(rng.within(1, 300)).expect("small");
    until_deleted(&mut conn, &id, place);
    match besides {
        Nothing => {}
        Rewritten => {
            tell(&mut conn, "BGREWRITEAOF");
            eventually("the file is rewritten", || {
                status(&mut conn, &id);
                idle(&server)
            });
        }
        Rewrites | Snapshot => {
            // The child process pauses after each key, so that it is still running when the server is killed.
            tell(&mut conn, "CONFIG SET rdb-key-save-delay 100000");
            let (command, field) = match besides {
                Snapshot => ("BGSAVE", "rdb_bgsave_in_progress"),
                _ => ("BGREWRITEAOF", "aof_rewrite_in_progress"),
            };
            tell(&mut conn, command);
            eventually("the child is at work", || server.info(field).as_deref() == Some("1"));
        }
    }
    let mut reported = 0;
    for _ in 0..rng.within(1, 20) {
        reported = status(&mut conn, &id).int("deleted");
    }
    (server, filled, id, reported)
}

fn idle(server: &Server) -> bool {
    server.info("aof_rewrite_in_progress").as_deref() == Some("0")
        && server.info("aof_rewrite_scheduled").as_deref() == Some("0")
}

fn queue_digest(conn: &mut Connection) -> String {
    format!("{:?}", run(conn, &format!("DEBUG DIGEST-VALUE {QUEUE}")).expect("DEBUG DIGEST-VALUE"))
}

#[test]
fn a_server_killed_at_any_moment_restores_every_message_not_cleared() {
    rounds(1, |rng, policy, preamble, besides| {
        let (mut server, filled, id, reported) = in_the_middle(rng, policy, preamble, besides);
        server.kill9();
        server.start_again();
        // With `everysec` the server can hold back its last writes, so cleared messages can be back.
        agrees(&server, &filled, &id, if policy == "always" { reported } else { 0 });
    });
}

#[test]
fn a_killed_server_replays_the_state_of_any_stop_of_a_clear() {
    rounds(10_001, |rng, policy, preamble, besides| {
        let (mut server, filled, id, _) = in_the_middle(rng, policy, preamble, besides);
        let mut conn = server.conn();
        tell(&mut conn, "CLIENT PAUSE 60000 WRITE");
        // With `everysec`, too, everything has left the process when its buffer is empty.
        eventually("the file has everything", || server.info("aof_buffer_length").as_deref() == Some("0"));
        let (stood, live) = (queue(&mut conn), queue_digest(&mut conn));
        let deleted = recorded(&mut conn, &id, "deleted");
        server.kill9();
        server.start_again();
        let mut conn = server.conn();
        assert_eq!(queue_digest(&mut conn), live, "the queue that was replayed is another one");
        assert!(queue(&mut conn) == stood, "the same digest, another queue");
        let job = status(&mut conn, &id);
        assert_eq!(job.text("status"), "interrupted", "{job:?}");
        assert_eq!(
            (job.int("deleted").to_string(), filled.missing(&stood).to_string()),
            (deleted.clone(), deleted)
        );
        assert_no_mismatch(&server);
    });
}

/// Only a snapshot exists: later data is lost with any server, and the content of the snapshot is of one
/// moment.
#[test]
fn a_kill_while_saving_restores_the_previous_snapshot() {
    let mut server = in_memory().start();
    let mut conn = server.conn();
    let filled = Filled::new(&server, 20_000, 50.0);
    let slow = Slow::start(&server);
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 1);
    tell(&mut conn, "SAVE");
    let saved = status(&mut conn, &id).int("deleted");
    until_deleted(&mut conn, &id, saved + 1);
    // The child process pauses after each key, so that it is still running when the server is killed.
    tell(&mut conn, "CONFIG SET rdb-key-save-delay 100000");
    tell(&mut conn, "BGSAVE");
    eventually("the child is at work", || server.info("rdb_bgsave_in_progress").as_deref() == Some("1"));
    server.kill9();
    drop(slow);
    server.start_again();
    agrees(&server, &filled, &id, 1);
}
