//! A primary and several replicas: one with its own append-only file, one that replicates from that one, one
//! that saves nothing, and one without the module.

use std::collections::HashSet;

use qadmin_harness::{Factory, Fields as _, Server, Size, TARGET_TASK, Traffic, TrafficReport, eventually};
use redis::{Commands as _, Connection};

use super::{
    Filled, QUEUE, assert_no_mismatch, digest, filter, hurry, in_memory, queue, recorded, slow, start_clear,
    status, tell, until_caught_up, until_deleted,
};
use crate::model::Rng;
use crate::support::{ask, run, wait_for_job};

/// Returns the filter of the second of two clears.
fn second_clear() -> String {
    format!("QADMIN.CLEARJOB {QUEUE} ALL TASK {TARGET_TASK} CONFIRM {QUEUE}")
}

/// Servers that replicate from one another, each with a name and the name of its primary.
struct Fleet {
    primary: Server,
    /// It has an append-only file.
    keeper: Server,
    /// It replicates from the keeper.
    chained: Server,
    /// It saves nothing.
    plain: Server,
}

impl Fleet {
    fn start() -> Self {
        let (primary, keeper) = (slow().start(), slow().start());
        let (chained, plain) = (in_memory().start(), in_memory().start());
        keeper.replica_of(&primary);
        plain.replica_of(&primary);
        chained.replica_of(&keeper);
        Self { primary, keeper, chained, plain }
    }

    /// Checks that all have the same data now; no writes follow.
    fn stop_and_compare(&self, conn: &mut Connection) {
        tell(conn, "CLIENT PAUSE 60000 WRITE");
        let wanted = digest(conn);
        for (replica, name) in [(&self.keeper, "keeper"), (&self.plain, "plain"), (&self.chained, "chained")]
        {
            until_caught_up(&self.primary, replica);
            assert_eq!(digest(&mut replica.conn()), wanted, "{name} differs from the primary");
            assert_no_mismatch(replica);
        }
    }
}

#[test]
fn replicas_equal_the_primary_at_random_stops_of_two_clears() {
    let mut rng = Rng::new(3);
    let mut fleet = Fleet::start();
    let mut conn = fleet.primary.conn();
    let filled = Filled::new(&fleet.primary, 6_000, 30.0);
    let mut made = Factory::new(8).size(Size::Slim).share(0.0);
    let traffic = Traffic::start(fleet.primary.port(), QUEUE, made.clone(), 100);
    let (id, second) = (start_clear(&mut conn), ask(&mut conn, &second_clear()).text("job_id"));
    let mut place = 0;
    for _ in 0..3 {
        place += i64::try_from(rng.within(1, 300)).expect("small");
        until_deleted(&mut conn, &id, place);
        fleet.stop_and_compare(&mut conn);
        tell(&mut conn, "CLIENT UNPAUSE");
    }
    fleet.stop_and_compare(&mut conn);
    let live = run(&mut conn, &format!("DEBUG DIGEST-VALUE {QUEUE}")).expect("a digest");
    // The keeper starts alone from its own file, which names no primary; then it becomes a replica again, and
    // so does its own replica.
    fleet.keeper.kill9();
    fleet.keeper.start_again();
    let mut keeper = fleet.keeper.conn();
    let own = run(&mut keeper, &format!("DEBUG DIGEST-VALUE {QUEUE}")).expect("a digest");
    assert_eq!(own, live, "the replica's own append-only file differs");
    fleet.keeper.replica_of(&fleet.primary);
    fleet.chained.replica_of(&fleet.keeper);
    fleet.stop_and_compare(&mut conn);
    tell(&mut conn, "CLIENT UNPAUSE");

    let report = traffic.stop();
    let deleted = status(&mut conn, &id).int("deleted");
    until_deleted(&mut conn, &id, deleted + 1);
    // The replica that takes over has everything that was pushed and popped.
    tell(&mut conn, "WAIT 2 60000");
    fleet.primary.kill9();
    promoted(&fleet, &after_traffic(filled, &report, &mut made), [&id, &second]);
}

/// Returns the expected messages after producers and workers have stopped; a message matches if one of the
/// two clears matches it.
fn after_traffic(filled: Filled, report: &TrafficReport, made: &mut Factory) -> Filled {
    let popped: HashSet<&[u8]> = report.popped.iter().map(Vec::as_slice).collect();
    let pushed = (0..report.pushed).rev().map(|i| made.message(i));
    let mut before: Vec<Vec<u8>> = pushed.chain(filled.before).collect();
    before.retain(|message| !popped.contains(message.as_slice()));
    let of_task = |message: &&Vec<u8>| {
        let message: serde_json::Value = serde_json::from_slice(message).expect("JSON");
        message["headers"]["task"] == TARGET_TASK
    };
    let matching = before.iter().filter(of_task).cloned().collect();
    Filled { before, matching }
}

fn promoted(fleet: &Fleet, filled: &Filled, jobs: [&str; 2]) {
    let mut conn = fleet.keeper.conn();
    tell(&mut conn, "REPLICAOF NO ONE");
    fleet.plain.replica_of(&fleet.keeper);
    filled.missing(&queue(&mut conn));
    for id in jobs {
        eventually("the record is corrected", || recorded(&mut conn, id, "status") == "interrupted");
    }
    tell(&mut conn, "CONFIG SET appendfsync no");
    hurry(&mut conn);
    let end = ask(&mut conn, &second_clear()).text("job_id");
    let end = wait_for_job(&mut conn, &end);
    assert_eq!(end.text("status"), "completed", "{end:?}");
    let left = queue(&mut conn);
    filled.missing(&left);
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} {} SAMPLE 0", filter()));
    let count = if preview.text("mode") == "job" {
        wait_for_job(&mut conn, &preview.text("job_id")).int("matched")
    } else {
        preview.int("match_count")
    };
    assert_eq!(count, 0);
    for replica in [&fleet.plain, &fleet.chained] {
        until_caught_up(&fleet.keeper, replica);
        assert_eq!(digest(&mut replica.conn()), digest(&mut conn));
        assert_no_mismatch(replica);
    }
    assert_no_mismatch(&fleet.keeper);
}

#[test]
fn a_replica_without_the_module_keeps_cleared_messages_until_a_full_sync() {
    let (primary, mut replica) = (slow().start(), Server::plain());
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    let filled = Filled::new(&primary, 1_000, 40.0);
    hurry(&mut conn);
    let id = start_clear(&mut conn);
    assert_eq!(wait_for_job(&mut conn, &id).text("status"), "completed");
    tell(&mut conn, "LPUSH later x");
    until_caught_up(&primary, &replica);
    let mut there = replica.conn();
    assert_eq!(filled.missing(&queue(&mut there)), 0, "it does not know the command");
    assert!(there.exists::<_, bool>("later").expect("EXISTS"), "the link goes on");
    assert!(replica.log().contains("QADMIN.APPLY"), "its log says what it did not understand");
    // A new full synchronization repairs it: it keeps no data over a restart.
    replica.restart();
    replica.replica_of(&primary);
    until_caught_up(&primary, &replica);
    assert_eq!(queue(&mut replica.conn()), filled.survivors());
    assert_eq!(digest(&mut replica.conn()), digest(&mut conn));
}

#[test]
fn a_server_without_the_module_loads_only_a_rewritten_append_only_file() {
    let mut server = slow().start();
    let mut conn = server.conn();
    let filled = Filled::new(&server, 1_000, 40.0);
    hurry(&mut conn);
    let id = start_clear(&mut conn);
    assert_eq!(wait_for_job(&mut conn, &id).text("status"), "completed");
    let conf = server.dir().join("redis.conf");
    let with = std::fs::read_to_string(&conf).expect("its configuration");
    let without: Vec<&str> = with.lines().filter(|line| !line.starts_with("loadmodule")).collect();
    server.stop();
    std::fs::write(&conf, without.join("\n")).expect("its configuration");
    let started = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| server.start_again()));
    assert!(started.is_err(), "it loaded a file with commands that it does not know");
    assert!(server.log().contains("QADMIN.APPLY"), "its log says what it did not understand");
    std::fs::write(&conf, &with).expect("its configuration");
    server.start_again();
    let mut conn = server.conn();
    tell(&mut conn, "BGREWRITEAOF");
    eventually("the file is rewritten", || {
        server.info("aof_rewrite_in_progress").as_deref() == Some("0")
            && server.info("aof_rewrite_scheduled").as_deref() == Some("0")
    });
    server.stop();
    std::fs::write(&conf, without.join("\n")).expect("its configuration");
    server.start_again();
    assert_eq!(queue(&mut server.conn()), filled.survivors());
}
