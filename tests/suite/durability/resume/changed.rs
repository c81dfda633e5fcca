//! What has changed since a clear was interrupted is not taken for what was there: the database, the queue, the record.

use qadmin_harness::{Fields as _, Server, eventually};
use redis::{Commands as _, Connection};

use super::{end, interrupted, refusal, resume};
use crate::durability::{
    Filled, QUEUE, clear_line, filter, queue, record_key, recorded, slow, status, tell, until_deleted,
};
use crate::support::ask;

/// A server with a clear that was interrupted after 60 messages or a few more, with these options.
fn server_with(options: &str) -> (Server, Filled, String, i64) {
    let mut server = slow().start();
    let filled = Filled::new(&server, 1_000, 50.0);
    let (id, deleted) = interrupted(&mut server, options, 60);
    (server, filled, id, deleted)
}

fn depth(conn: &mut Connection) -> u64 {
    conn.llen(QUEUE).expect("LLEN")
}

#[test]
fn after_swapdb_no_other_queue_is_cleared() {
    let (server, filled, id, _) = server_with("LIMIT 200");
    let mut conn = server.conn();
    tell(&mut conn, "SWAPDB 0 1");
    // Another queue has the name now, with the same messages.
    Filled::new(&server, 1_000, 50.0);
    let why = refusal(&mut conn, &id);
    assert!(why.contains("another database"), "{why}");
    assert_eq!(depth(&mut conn), 1_000);
    tell(&mut conn, "SELECT 1");
    refusal(&mut conn, &id);
    tell(&mut conn, "SWAPDB 0 1");
    tell(&mut conn, "SELECT 0");
    let next = resume(&mut conn, &id).text("job_id");
    end(&mut conn, &next);
    assert_eq!(filled.missing(&queue(&mut conn)), 200);
}

#[test]
fn a_job_whose_record_is_gone_is_not_continued_from_memory() {
    let server = slow().start();
    let mut conn = server.conn();
    let filled = Filled::new(&server, 1_000, 50.0);
    let id = ask(&mut conn, &format!("{} LIMIT 200", clear_line())).text("job_id");
    until_deleted(&mut conn, &id, 60);
    // The job ends, and is remembered, when the server becomes a replica; it is the primary again at once. Nobody listens there: a
    // server that answers could send its own data before.
    tell(&mut conn, "REPLICAOF 127.0.0.1 1");
    tell(&mut conn, "REPLICAOF NO ONE");
    eventually("it is interrupted", || status(&mut conn, &id).text("status") == "interrupted");
    eventually("the record says so", || recorded(&mut conn, &id, "status") == "interrupted");
    let stands = filled.missing(&queue(&mut conn));
    tell(&mut conn, &format!("DEL {}", record_key(&id)));
    let why = refusal(&mut conn, &id);
    assert!(why.contains("record is gone"), "{why}");
    assert_eq!(filled.missing(&queue(&mut conn)), stands);
}

#[test]
fn a_queue_that_holds_other_messages_by_now_is_refused() {
    let (server, _, id, _) = server_with("");
    let mut conn = server.conn();
    tell(&mut conn, &format!("DEL {QUEUE}"));
    // A hash of unacknowledged messages, and its index.
    tell(&mut conn, &format!("HSET {QUEUE} tag [{{}},\"\",\"{QUEUE}\"]"));
    tell(&mut conn, &format!("ZADD {QUEUE}_index 1 tag"));
    assert!(refusal(&mut conn, &id).starts_with("WRONGTYPE"));
    tell(&mut conn, &format!("DEL {QUEUE}"));
    let jobs: Vec<String> = (0..9)
        .map(|n| format!(r#"{{"class":"A","args":[{n}],"jid":"{n:024}","queue":"x","created_at":1.5,"enqueued_at":1.5}}"#))
        .collect();
    conn.lpush::<_, _, ()>(QUEUE, jobs).expect("LPUSH");
    let why = refusal(&mut conn, &id);
    assert!(why.contains("look like those of sidekiq"), "{why}");
    assert_eq!(depth(&mut conn), 9);
}

#[test]
fn expect_allows_what_its_tolerance_leaves() {
    // 500 matches; at most 600.
    let (server, filled, id, deleted) = server_with("EXPECT 400 TOLERANCE 50");
    let mut conn = server.conn();
    let next = resume(&mut conn, &id);
    assert_eq!((next.int("expect"), next.int("tolerance")), (600 - deleted, 0), "{next:?}");
    end(&mut conn, &next.text("job_id"));
    assert_eq!(queue(&mut conn), filled.survivors());
}

#[test]
fn messages_that_were_moved_before_others_or_moved_back_are_not_mixed() {
    let (server, filled, id, deleted) = server_with("TO other FRONT");
    let mut conn = server.conn();
    assert!(refusal(&mut conn, &id).contains("FRONT"));
    let (undone, _, parked, _) = server_with("PARK");
    let mut there = undone.conn();
    let list = status(&mut there, &parked).text("to");
    let undo = ask(&mut there, &format!("QADMIN.UNDO {parked} CONFIRM {list}")).text("job_id");
    end(&mut there, &undo);
    assert!(refusal(&mut there, &parked).contains("moved back since"));
    assert_eq!(filled.missing(&queue(&mut conn)), deleted);
}

#[test]
fn records_that_somebody_edited_give_no_rights_and_no_endless_search() {
    let (server, filled, id, deleted) = server_with("");
    let mut conn = server.conn();
    tell(&mut conn, "ACL SETUSER reader on nopass %R~celery +qadmin.resume +qadmin.preview +qadmin.clearjob");
    tell(&mut conn, &format!("HSET {} kind preview", record_key(&id)));
    tell(&mut conn, "AUTH reader any");
    refusal(&mut conn, &id);
    tell(&mut conn, "AUTH default any");
    assert!(refusal(&mut conn, &id).contains("not a clear"));
    tell(&mut conn, &format!("HSET {} kind clear continued_by {id}", record_key(&id)));
    assert!(refusal(&mut conn, &id).contains("circle"));
    tell(&mut conn, &format!("HSET {} filter {}x", record_key(&id), filter().replace(' ', "_")));
    tell(&mut conn, &format!("HDEL {} continued_by", record_key(&id)));
    assert!(refusal(&mut conn, &id).contains("does not say exactly"));
    assert_eq!(filled.missing(&queue(&mut conn)), deleted);
    assert_eq!(status(&mut conn, &id).text("status"), "interrupted");
}
