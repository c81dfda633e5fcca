//! Replicas and the append-only file repeat a clear by the server's own commands.

use qadmin_harness::{Fields as _, Server};

use super::{FAMILIES, Family, bad, int};
use crate::durability::{digest, recorded, slow, status, transactions, until_caught_up, until_deleted, word};
use crate::stage::{set, slowly};
use crate::support::{ask, run};

#[test]
fn a_slice_is_replicated_as_one_unit_of_native_commands() {
    for family in FAMILIES {
        let mut primary = slow().start();
        // It has no module.
        let replica = Server::plain();
        replica.replica_of(&primary);
        let mut conn = primary.conn();
        family.add(&mut conn, 0..1_200);
        until_caught_up(&primary, &replica);
        let end = family.clear(&mut conn, "TASK bad ALL");
        assert_eq!(
            (end.text("status"), end.int("deleted")),
            ("completed".into(), int(bad(1_200))),
            "{end:?}"
        );
        until_caught_up(&primary, &replica);
        let (mut taken, mut units) = (0, 0);
        for unit in transactions(&primary) {
            let words: Vec<String> = unit.iter().map(|command| word(command, 0)).collect();
            let Some(at) = words.iter().position(|name| name == "ZREM") else { continue };
            units += 1;
            let first = if family == Family::Dramatiq { "HDEL" } else { "UNLINK" };
            let ids = unit[at].len() - 2;
            let events = if family == Family::BullMq { ids } else { 0 };
            assert_eq!((words[0].as_str(), at), (first, 1), "a unit: {words:?}");
            assert!(words[2..2 + events].iter().all(|name| name == "XADD"), "{words:?}");
            assert_eq!(words[2 + events..4 + events], ["HSET", "PEXPIREAT"], "a unit");
            let keys = unit[0].len() - if family == Family::Dramatiq { 2 } else { 1 };
            assert_eq!(keys, ids * family.names("x").len(), "as many messages as ids");
            taken += ids;
        }
        assert!(units > 1, "there was more than one slice");
        assert_eq!(taken, bad(1_200));
        assert_eq!(family.missing(&mut conn, 1_200), bad(1_200));
        let before = digest(&mut conn);
        assert_eq!(before, digest(&mut replica.conn()), "a replica without the module differs");
        primary.restart();
        assert_eq!(digest(&mut primary.conn()), before, "the append-only file differs");
    }
}

#[test]
fn after_kill_9_each_id_has_its_message_and_the_record_agrees() {
    for family in FAMILIES {
        let mut server = slow().start();
        let mut conn = server.conn();
        family.add(&mut conn, 0..1_500);
        let id = ask(&mut conn, &family.line("TASK bad ALL")).text("job_id");
        until_deleted(&mut conn, &id, 100);
        server.kill9();
        server.start_again();
        let mut conn = server.conn();
        let missing = family.missing(&mut conn, 1_500);
        assert!(missing >= 100, "{missing}");
        assert_eq!(status(&mut conn, &id).text("status"), "interrupted");
        assert_eq!(recorded(&mut conn, &id, "deleted"), missing.to_string());
        set(&mut conn, "slice-us 500 duty 100");
        assert_eq!(family.clear(&mut conn, "TASK bad ALL").text("status"), "completed");
        assert_eq!(family.missing(&mut conn, 1_500), bad(1_500));
    }
}

#[test]
fn a_panic_between_messages_and_ids_aborts_and_changes_neither_alone() {
    for family in FAMILIES {
        let aof = Server::builder().config("appendonly yes").config("appendfsync always");
        let mut server = aof.may_crash().faults().start();
        let mut conn = server.conn();
        family.add(&mut conn, 0..1_000);
        set(&mut conn, &slowly());
        let place = "between messages and ids";
        let _: i32 = redis::cmd("QADMIN.FAULT").arg(place).arg(3).query(&mut conn).expect("armed");
        // The server can end before it replies.
        let _ = run(&mut conn, &family.line("TASK bad ALL"));
        server.wait_for_exit();
        server.start_again();
        let missing = family.missing(&mut server.conn(), 1_000);
        assert!(missing > 0 && missing < bad(1_000), "units before it stand: {missing}");
    }
}
