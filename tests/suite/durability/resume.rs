//! A clear that a restart or a failover interrupted goes on by RESUME, with the same filter and options.

mod changed;

use qadmin_harness::{Fields as _, Server, eventually};
use redis::{Connection, Value};

use super::{
    Filled, QUEUE, assert_no_mismatch, audit, clear_line, digest, filter, hurry, in_memory, queue, recorded,
    slow, start_clear, status, tell, until_caught_up, until_deleted,
};
use crate::support::{Reply, ask, run, wait_for_job};

fn resume(conn: &mut Connection, id: &str) -> Reply {
    ask(conn, &format!("QADMIN.RESUME {id}"))
}

fn refusal(conn: &mut Connection, id: &str) -> String {
    match run(conn, &format!("QADMIN.RESUME {id}")) {
        Ok(reply) => panic!("it was accepted: {reply:?}"),
        Err(error) => format!("{} {}", error.code().unwrap_or_default(), error.detail().unwrap_or_default()),
    }
}

/// Starts a clear with these options, interrupts it after this many deletions, and returns its id and how many it removed.
fn interrupted(server: &mut Server, options: &str, at: i64) -> (String, i64) {
    let mut conn = server.conn();
    let id = ask(&mut conn, &format!("{} {options}", clear_line())).text("job_id");
    until_deleted(&mut conn, &id, at);
    server.kill9();
    server.start_again();
    let mut conn = server.conn();
    eventually("it is interrupted", || recorded(&mut conn, &id, "status") == "interrupted");
    let deleted = status(&mut conn, &id).int("deleted");
    assert!(deleted >= at);
    (id, deleted)
}

/// Hurries, waits for the end of a job, and returns its last status.
fn end(conn: &mut Connection, id: &str) -> Reply {
    hurry(conn);
    let job = wait_for_job(conn, id);
    assert_eq!(job.text("status"), "completed", "{job:?}");
    job
}

#[test]
fn a_clear_that_was_interrupted_twice_is_continued_to_its_end() {
    let mut server = slow().start();
    let filled = Filled::new(&server, 4_000, 50.0);
    let (first, deleted) = interrupted(&mut server, "REASON night RATE 900000", 200);
    let mut conn = server.conn();
    let second = resume(&mut conn, &first);
    assert_eq!((second.text("kind"), second.text("continues")), ("clear".into(), first.clone()));
    assert_eq!((second.int("deleted_before"), second.int("deleted")), (deleted, 0), "{second:?}");
    let same = [("filter", filter()), ("reason", "night".into()), ("rate", "900000".into())];
    for (member, value) in same {
        let shown = second.text(member);
        assert_eq!(shown, value, "{member}");
    }
    let second = second.text("job_id");
    let before = status(&mut conn, &first);
    assert_eq!((before.text("continued_by"), before.text("status")), (second.clone(), "interrupted".into()));
    // The command was sent again.
    assert_eq!(resume(&mut conn, &first).text("job_id"), second);
    assert_eq!(audit(&mut conn).len(), 3, "start, interrupted, start");
    let options = audit(&mut conn)[2].text("options");
    assert!(options.contains(&format!("RESUME {first}")), "{options}");

    let more = until_deleted(&mut conn, &second, 200);
    server.kill9();
    server.start_again();
    let mut conn = server.conn();
    eventually("it is interrupted", || recorded(&mut conn, &second, "status") == "interrupted");
    let more_deleted = status(&mut conn, &second).int("deleted");
    assert!(more_deleted >= more);
    // Either id means the last job.
    let third = resume(&mut conn, &first);
    assert_eq!((third.text("continues"), third.int("deleted_before")), (second, deleted + more_deleted));
    let third = end(&mut conn, &third.text("job_id"));
    assert_eq!(third.int("deleted") + third.int("deleted_before"), filled.matches());
    assert_eq!(queue(&mut conn), filled.survivors());
    assert_eq!(resume(&mut conn, &first).text("job_id"), third.text("job_id"), "it is over");
    assert_no_mismatch(&server);
}

#[test]
fn limit_expect_and_keepone_hold_over_both_jobs() {
    for (options, stay) in [("LIMIT 700", None), ("EXPECT 2100", Some(0)), ("LIMIT 900 RATE 100000", None)] {
        let mut server = slow().start();
        let filled = Filled::new(&server, 4_000, 50.0);
        let (id, deleted) = interrupted(&mut server, options, 100);
        let mut conn = server.conn();
        let next = resume(&mut conn, &id).text("job_id");
        let next = end(&mut conn, &next);
        let left = filled.matches() - filled.missing(&queue(&mut conn));
        let limit =
            options.strip_prefix("LIMIT ").and_then(|rest| rest.split(' ').next()?.parse::<i64>().ok());
        let stays = limit.map_or(stay, |limit| Some(filled.matches() - limit));
        assert_eq!(Some(left), stays, "{options}");
        assert_eq!(next.int("deleted") + deleted, filled.matches() - left, "{options}");
    }
    // Of all matches, one stays.
    let mut server = slow().start();
    let filled = Filled::new(&server, 4_000, 50.0);
    let mut conn = server.conn();
    let line = format!("QADMIN.CLEARJOB {QUEUE} KEEPONE {} CONFIRM {QUEUE}", filter());
    let id = ask(&mut conn, &line).text("job_id");
    until_deleted(&mut conn, &id, 100);
    server.kill9();
    server.start_again();
    let mut conn = server.conn();
    let next = resume(&mut conn, &id).text("job_id");
    end(&mut conn, &next);
    assert_eq!(filled.missing(&queue(&mut conn)), filled.matches() - 1);
}

#[test]
fn a_park_goes_on_into_the_same_list_and_both_jobs_can_be_undone() {
    let mut server = slow().start();
    let filled = Filled::new(&server, 3_000, 50.0);
    let (id, deleted) = interrupted(&mut server, "PARK", 100);
    let mut conn = server.conn();
    let list = status(&mut conn, &id).text("to");
    let next = resume(&mut conn, &id);
    assert_eq!(next.text("to"), list);
    let next = end(&mut conn, &next.text("job_id"));
    let parked: i64 = redis::cmd("LLEN").arg(&list).query(&mut conn).expect("LLEN");
    assert_eq!((parked, next.int("deleted")), (filled.matches(), filled.matches() - deleted));
    assert_eq!(queue(&mut conn), filled.survivors());
    for (job, moved) in [(id, deleted), (next.text("job_id"), filled.matches() - deleted)] {
        let undo = ask(&mut conn, &format!("QADMIN.UNDO {job} CONFIRM {list}")).text("job_id");
        assert_eq!(end(&mut conn, &undo).int("deleted"), moved);
    }
    assert_eq!(queue(&mut conn).len(), 3_000);
}

#[test]
fn a_new_primary_continues_what_the_old_one_began() {
    let (primary, replica) = (slow().start(), slow().start());
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    let filled = Filled::new(&primary, 4_000, 50.0);
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 200);
    let mut there = replica.conn();
    until_deleted(&mut conn, &id, 300);
    eventually("the replica has the record", || run(&mut there, &format!("QADMIN.STATUS {id}")).is_ok());
    primary.freeze();
    tell(&mut there, "REPLICAOF NO ONE");
    eventually("it is interrupted", || recorded(&mut there, &id, "status") == "interrupted");
    let next = resume(&mut there, &id).text("job_id");
    end(&mut there, &next);
    assert_eq!(queue(&mut there), filled.survivors());
    primary.thaw();
    // Its own job goes on until it is a replica, and knows nothing of the other.
    primary.replica_of(&replica);
    until_caught_up(&replica, &primary);
    assert_eq!(digest(&mut conn), digest(&mut there));
    let before = status(&mut conn, &id);
    assert_eq!(before.text("continued_by"), next, "the record is that of the new primary");
    assert_no_mismatch(&primary);
}

#[test]
fn what_cannot_be_continued_is_refused_and_starts_nothing() {
    let mut server = in_memory().config("save 3600 1").start();
    let mut conn = server.conn();
    let filled = Filled::new(&server, 3_000, 50.0);
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 100);
    let names: Vec<String> = (0..200).map(|n| format!("app.tasks.some.long.name{n}")).collect();
    let long = format!("WHERE task IN 200 {}", names.join(" "));
    let dry = ask(&mut conn, &format!("QADMIN.CLEARJOB {QUEUE} {} DRYRUN", filter())).text("job_id");
    let cut = ask(&mut conn, &format!("QADMIN.CLEARJOB {QUEUE} {long} ALL CONFIRM {QUEUE}")).text("job_id");
    for job in [&dry, &cut] {
        tell(&mut conn, &format!("QADMIN.PAUSE {job}"));
    }
    eventually("the records are written", || {
        [&dry, &cut].iter().all(|job| recorded(&mut conn, job, "status") == "paused")
    });
    tell(&mut conn, "SAVE");
    server.kill9();
    server.start_again();
    let mut conn = server.conn();
    let stands = filled.missing(&queue(&mut conn));
    assert!(refusal(&mut conn, &dry).contains("dry run"));
    assert!(refusal(&mut conn, &cut).contains("keeps 4096 bytes"));
    tell(&mut conn, "SELECT 1");
    let elsewhere = refusal(&mut conn, &id);
    assert!(elsewhere.contains("SELECT 0"), "{elsewhere}");
    tell(&mut conn, "SELECT 0");
    // Who may not clear the queue may not continue a clear.
    tell(&mut conn, "ACL SETUSER reader on nopass %R~* +@all -qadmin.clearjob");
    tell(&mut conn, "AUTH reader any");
    assert!(refusal(&mut conn, &id).starts_with("NOPERM"));
    tell(&mut conn, "ACL SETUSER reader on nopass %R~* +@all");
    assert!(refusal(&mut conn, &id).starts_with("NOPERM"), "it may not write the queue");
    tell(&mut conn, "AUTH default any");
    tell(&mut conn, "CLIENT PAUSE 60000 WRITE");
    assert!(refusal(&mut conn, &id).contains("writes are paused"));
    tell(&mut conn, "CLIENT UNPAUSE");
    tell(&mut conn, "CONFIG SET min-replicas-to-write 1");
    assert!(refusal(&mut conn, &id).contains("not enough good replicas"));
    tell(&mut conn, "CONFIG SET min-replicas-to-write 0");
    let script = redis::cmd("EVAL")
        .arg(format!("return redis.call('QADMIN.RESUME', '{id}')"))
        .arg(0)
        .query::<Value>(&mut conn);
    assert!(script.expect_err("a script").to_string().contains("client"));
    let replica = in_memory().start();
    replica.replica_of(&server);
    until_caught_up(&server, &replica);
    assert_eq!(
        run(&mut replica.conn(), &format!("QADMIN.RESUME {id}")).expect_err("a replica").code(),
        Some("READONLY")
    );
    assert_eq!(filled.missing(&queue(&mut conn)), stands, "nothing was removed");
    let records: Vec<String> = redis::cmd("KEYS").arg("qadmin:job:*").query(&mut conn).expect("KEYS");
    assert_eq!(records.len(), 3, "{records:?}");
    // After all this it goes on.
    let next = resume(&mut conn, &id).text("job_id");
    end(&mut conn, &next);
    assert_eq!(queue(&mut conn), filled.survivors());
}

#[test]
fn a_job_that_ended_is_not_started_again() {
    let server = in_memory().start();
    let mut conn = server.conn();
    let filled = Filled::new(&server, 500, 50.0);
    let id = start_clear(&mut conn);
    end(&mut conn, &id);
    let again = resume(&mut conn, &id);
    assert_eq!((again.text("job_id"), again.text("status")), (id, "completed".into()));
    assert!(again.is_null("continued_by") && again.is_null("continues"), "{again:?}");
    assert_eq!(queue(&mut conn), filled.survivors());
}
