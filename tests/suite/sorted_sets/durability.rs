//! Replicas and the append-only file repeat a clear by the server's own commands.

use qadmin_harness::{Fields as _, Server};
use redis::Commands as _;

use super::{Entry, KEY, add, clear, count, entries, held, matching, of, others};
use crate::durability::{digest, recorded, slow, status, transactions, until_caught_up, until_deleted, word};
use crate::stage::{set, slowly};
use crate::support::{ask, run, wait_for_job};

#[test]
fn a_slice_is_replicated_as_one_unit_of_native_commands() {
    for (options, names) in [
        ("ALL", &["ZREM", "HSET", "PEXPIREAT"][..]),
        ("ALL TO spare", &["ZADD", "ZREM", "RPUSH", "PEXPIREAT", "HSET"]),
    ] {
        let mut primary = slow().start();
        // It has no module.
        let replica = Server::plain();
        replica.replica_of(&primary);
        let mut conn = primary.conn();
        let all = entries(0..1_200, 2);
        add(&mut conn, KEY, &all);
        until_caught_up(&primary, &replica);
        let end = clear(&mut conn, options);
        assert_eq!((end.text("status"), end.int("deleted")), ("completed".into(), 600), "{end:?}");
        until_caught_up(&primary, &replica);
        let mut taken = 0;
        let mut units = 0;
        for unit in transactions(&primary) {
            let words: Vec<String> = unit.iter().map(|command| word(command, 0)).collect();
            let Some(at) = words.iter().position(|name| name == "ZREM") else { continue };
            units += 1;
            assert_eq!(words[..names.len()], *names, "a unit of {options}");
            assert_eq!(word(&unit[at], 1), KEY);
            taken += unit[at].len() - 2;
            if at == 1 {
                assert_eq!(word(&unit[0], 1), "spare");
                assert_eq!((unit[0].len() - 2) / 2, unit[1].len() - 2, "as many are added as are taken out");
            }
        }
        assert!(units > 1, "there was more than one slice");
        assert_eq!(count(taken), 600);
        assert_eq!(held(&mut conn, KEY), of(others(&all)));
        let before = digest(&mut conn);
        assert_eq!(before, digest(&mut replica.conn()), "a replica without the module differs");
        primary.restart();
        assert_eq!(digest(&mut primary.conn()), before, "the append-only file differs");
    }
}

#[test]
fn after_kill_9_the_sorted_sets_and_the_record_agree() {
    for options in ["ALL", "ALL TO spare"] {
        let mut server = slow().start();
        let mut conn = server.conn();
        let all = entries(0..4_000, 2);
        add(&mut conn, KEY, &all);
        let id = ask(&mut conn, &format!("QADMIN.CLEARJOB {KEY} TASK Upload {options} CONFIRM {KEY}"))
            .text("job_id");
        until_deleted(&mut conn, &id, 100);
        server.kill9();
        server.start_again();
        let mut conn = server.conn();
        let left = held(&mut conn, KEY);
        let missing: Vec<&Entry> = all.iter().filter(|one| !left.contains_key(&one.member)).collect();
        assert!(missing.iter().all(|one| one.matches) && missing.len() >= 100, "{}", missing.len());
        assert_eq!(status(&mut conn, &id).text("status"), "interrupted");
        assert_eq!(recorded(&mut conn, &id, "deleted"), missing.len().to_string());
        if options != "ALL" {
            assert_eq!(
                held(&mut conn, "spare"),
                of(missing.iter().copied()),
                "what left is in the other one"
            );
        }
        set(&mut conn, "slice-us 500 duty 100");
        assert_eq!(clear(&mut conn, options).text("status"), "completed");
        assert_eq!(held(&mut conn, KEY), of(others(&all)));
    }
}

#[test]
fn an_undo_after_a_restart_moves_back_what_the_job_moved() {
    let mut server = slow().start();
    let mut conn = server.conn();
    let all = entries(0..600, 2);
    add(&mut conn, KEY, &all);
    let parked = clear(&mut conn, "ALL PARK");
    let (id, list) = (parked.text("job_id"), parked.text("to"));
    server.kill9();
    server.start_again();
    let mut conn = server.conn();
    assert_eq!(held(&mut conn, &list), of(matching(&all)));
    let undo = ask(&mut conn, &format!("QADMIN.UNDO {id} QUEUE {KEY} CONFIRM {list}")).text("job_id");
    let end = wait_for_job(&mut conn, &undo);
    assert_eq!((end.text("status"), end.int("deleted")), ("completed".into(), 300), "{end:?}");
    assert_eq!(held(&mut conn, KEY), of(&all));
    assert!(!conn.exists::<_, bool>(&list).expect("EXISTS"));
}

#[test]
fn a_panic_between_two_sorted_sets_aborts_and_changes_neither_alone() {
    let aof = Server::builder().config("appendonly yes").config("appendfsync always");
    let mut server = aof.may_crash().faults().start();
    let mut conn = server.conn();
    let all = entries(0..2_000, 2);
    add(&mut conn, KEY, &all);
    set(&mut conn, &slowly());
    let place = "between the two sorted sets";
    let _: i32 = redis::cmd("QADMIN.FAULT").arg(place).arg(3).query(&mut conn).expect("armed");
    // The server can end before it replies.
    let _ = run(&mut conn, &format!("QADMIN.CLEARJOB {KEY} TASK Upload ALL TO spare CONFIRM {KEY}"));
    server.wait_for_exit();
    server.start_again();
    let mut conn = server.conn();
    let (left, spare) = (held(&mut conn, KEY), held(&mut conn, "spare"));
    assert!(!spare.is_empty() && spare.len() < 1_000, "units before it stand: {}", spare.len());
    let missing: Vec<&Entry> = all.iter().filter(|one| !left.contains_key(&one.member)).collect();
    assert_eq!(spare, of(missing), "each job is in one of the two");
}
