//! Queues of Dramatiq: a list of ids, and a hash with the message of each id. A clear removes both together, whatever
//! happens to the server meanwhile.

mod library;
mod times;
mod units;

use std::collections::HashMap;

use qadmin_harness::{Cluster, Fields as _, Server};
use redis::{Commands as _, Connection, pipe};

use crate::durability::{assert_no_mismatch, digest, slow, tell, until_caught_up};
use crate::ids::restore;
use crate::support::{Reply, ask, run, wait_for_job};

/// The queue of these tests, and the hash of its messages.
const QUEUE: &str = "dramatiq:uploads";
const HASH: &str = "dramatiq:uploads.msgs";

/// The id in the list, the text of its message, and whether it matches `TASK bad`.
fn message(n: usize, queue: &str) -> (String, String, bool) {
    let (id, is_bad) = (format!("00000000-0000-4000-8000-{n:012}"), n.is_multiple_of(3));
    let actor = if is_bad { "bad" } else { "good" };
    let text = format!(
        r#"{{"queue_name":"{queue}","actor_name":"{actor}","args":[{n}],"kwargs":{{"group":{}}},"options":{{"redis_message_id":"{id}"}},"message_id":"m-{n}","message_timestamp":1795868819209}}"#,
        n % 7
    );
    (id, text, is_bad)
}

/// Adds messages as Dramatiq's script `enqueue` does: at the tail, both keys at once.
fn enqueue(conn: &mut Connection, numbers: std::ops::Range<usize>) {
    let mut batch = pipe();
    batch.atomic();
    for n in numbers {
        let (id, text, _) = message(n, "uploads");
        batch.hset(HASH, &id, text).ignore().rpush(QUEUE, id).ignore();
    }
    let () = batch.query(conn).expect("HSET and RPUSH");
}

/// The ids and the messages.
fn content(conn: &mut Connection) -> (Vec<String>, HashMap<String, String>) {
    let (ids, messages) =
        pipe().atomic().lrange(QUEUE, 0, -1).hgetall(HASH).query(conn).expect("LRANGE and HGETALL");
    (ids, messages)
}

/// Checks that each id has its message and each message its id, that the order is that in which they were added, and
/// that only matches are missing. Returns the number of missing messages.
fn missing(conn: &mut Connection, added: usize) -> usize {
    let (ids, messages) = content(conn);
    assert_eq!(ids.len(), messages.len(), "ids and messages");
    let mut left = ids.iter().peekable();
    let mut missing = 0;
    for n in 0..added {
        let (id, text, is_bad) = message(n, "uploads");
        if left.next_if(|next| **next == id).is_some() {
            assert_eq!(messages.get(&id), Some(&text), "the message of an id that stays");
        } else {
            assert!(is_bad, "lost: {text}");
            assert_eq!(messages.get(&id), None, "the message of an id that was removed");
            missing += 1;
        }
    }
    assert_eq!(left.next(), None, "the queue holds what nobody sent, or another order");
    missing
}

/// The number of matches among the first messages.
fn bad(added: usize) -> usize {
    added.div_ceil(3)
}

fn clear(conn: &mut Connection, words: &str) -> Reply {
    let job = ask(conn, &format!("QADMIN.CLEARJOB {QUEUE} {words} CONFIRM {QUEUE} AS dramatiq"));
    assert_eq!(
        (job.text("container").as_str(), job.text("message_kind").as_str()),
        ("list_of_ids", "dramatiq")
    );
    wait_for_job(conn, &job.text("job_id"))
}

#[test]
fn recorded_messages_are_counted_shown_and_cleared_with_their_ids() {
    let server = Server::start();
    let mut conn = server.conn();
    restore(&mut conn, "dramatiq");
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} TASK upload"));
    assert_eq!((preview.int("match_count"), preview.text("looks_like").as_str()), (0, "dramatiq"));
    assert!(preview.text("notice").contains("add AS dramatiq"), "{preview:?}");

    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} TASK upload AS dramatiq"));
    assert_eq!((preview.int("match_count"), preview.int("depth"), preview.int("undecodable")), (4, 4, 0));
    assert_eq!(preview.text("container"), "list_of_ids");
    assert!(preview.is_null("looks_like"), "{preview:?}");
    let notice = preview.text("notice");
    assert!(
        notice.contains("pipeline continues after (options.pipe_target, on_complete of Huey): 1"),
        "{notice}"
    );
    assert!(!notice.contains("AS dramatiq"), "{notice}");
    let rows = preview.rows("sample");
    // The head runs next.
    assert_eq!((rows[0].text("args").as_str(), rows[0].int("index")), ("[147107]", 0));
    assert_eq!(rows[0].text("kwargs"), r#"{"commitid":"e0ca38f7"}"#);
    assert_eq!(rows[3].text("args"), "[4]");

    let stats = ask(&mut conn, &format!("QADMIN.STATS {QUEUE} GROUPBY 1 args.0 AS dramatiq"));
    assert_eq!((stats.int("matched"), stats.rows("groups").len()), (4, 4), "{stats:?}");

    let end = clear(&mut conn, "WHERE args.0 IN 2 3 4 ALL");
    assert_eq!((end.text("status").as_str(), end.int("deleted")), ("completed", 2), "{end:?}");
    let (ids, messages) = content(&mut conn);
    assert_eq!(ids, ["6053abfc-1f3f-41cd-8e6d-7e613637820f", "9654a354-85b0-4744-ba90-327438fe2a93"]);
    assert_eq!((messages.len(), ids.iter().all(|id| messages.contains_key(id))), (2, true));

    let queues = ask(&mut conn, "QADMIN.QUEUES");
    let row = queues.rows("queues").into_iter().find(|row| row.text("queue") == QUEUE).expect("it is listed");
    assert_eq!((row.text("looks_like").as_str(), row.int("depth")), ("dramatiq", 2));

    // Delayed messages have the same keys.
    let delayed = format!("{QUEUE}.DQ");
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {delayed} WHERE kwargs.kind = x AS dramatiq"));
    assert_eq!((preview.int("match_count"), preview.int("with_eta")), (1, 1));
    let line = format!("QADMIN.CLEARJOB {delayed} TASK upload ALL CONFIRM {delayed} AS dramatiq");
    let job = ask(&mut conn, &line);
    assert_eq!(wait_for_job(&mut conn, &job.text("job_id")).int("deleted"), 1);
    let left: i64 =
        redis::cmd("EXISTS").arg(&delayed).arg(format!("{delayed}.msgs")).query(&mut conn).expect("EXISTS");
    assert_eq!(left, 0, "both keys are gone with their last element");
}

#[test]
fn options_that_keep_some_matches_are_refused_and_the_others_work() {
    let server = Server::start();
    let mut conn = server.conn();
    let table: [(&str, usize); 4] = [
        ("TASK bad ALL DRYRUN", 0),
        ("TASK bad ALL EXPECT 1", 0),
        ("TASK bad ALL EXPECT 1000", bad(1_000)),
        ("TASK bad ALL RATE 100000", bad(1_000)),
    ];
    for (words, removed) in table {
        tell(&mut conn, "FLUSHALL");
        enqueue(&mut conn, 0..1_000);
        let end = clear(&mut conn, words);
        assert_eq!(missing(&mut conn, 1_000), removed, "{words}: {end:?}");
        assert_eq!(end.int("deleted"), i64::try_from(removed).expect("a count"), "{words}");
    }
    // An id that stands twice has one message: who keeps one of the two could lose the message of the other.
    for (mode, keyword) in [
        ("KEEPONE", "KEEPONE"),
        ("KEEPONE KEEP NEWEST", "KEEP NEWEST"),
        ("KEEPONE BY 1 kwargs.group", "BY"),
        ("ALL LIMIT 5", "LIMIT"),
        ("ALL TO other", "TO"),
        ("ALL PARK", "PARK"),
        ("ALL TO other FRONT", "TO"),
    ] {
        let line = format!("QADMIN.CLEARJOB {QUEUE} TASK bad {mode} CONFIRM {QUEUE} AS dramatiq");
        let error = run(&mut conn, &line).expect_err("refused").to_string();
        assert!(error.contains(&format!("{keyword} is not supported for a list of ids")), "{error}");
    }
    assert_eq!(missing(&mut conn, 1_000), bad(1_000), "nothing was cleared by a refused command");
}

/// The messages can change without an event of the list, so nothing that a count has learned of them is used again.
#[test]
fn a_message_that_is_written_again_is_counted_and_cleared_as_it_is_now() {
    let server = Server::start();
    let mut conn = server.conn();
    enqueue(&mut conn, 0..1_000);
    let preview = format!("QADMIN.PREVIEW {QUEUE} TASK bad AS dramatiq");
    assert_eq!(ask(&mut conn, &preview).int("match_count"), bad(1_000) as i64);
    let (id, _, is_bad) = message(1, "uploads");
    assert!(!is_bad);
    let (_, text, _) = message(0, "uploads");
    let _: i64 = conn.hset(HASH, &id, text).expect("HSET");
    assert_eq!(ask(&mut conn, &preview).int("match_count"), bad(1_000) as i64 + 1);
    for options in ["ALL", "ALL EXPECT 2000"] {
        let end = clear(&mut conn, &format!("TASK bad {options} DRYRUN"));
        assert_eq!(end.int("would_delete"), bad(1_000) as i64 + 1, "{options}: {end:?}");
    }
    assert_eq!(clear(&mut conn, "TASK bad ALL").int("deleted"), bad(1_000) as i64 + 1);
    tell(&mut conn, &format!("DEL {HASH}"));
    assert_eq!(ask(&mut conn, &preview).int("match_count"), 0);
}

#[test]
fn an_id_whose_message_is_missing_is_counted_apart_and_stays() {
    let server = Server::start();
    let mut conn = server.conn();
    enqueue(&mut conn, 0..30);
    let without = [message(3, "uploads").0, message(4, "uploads").0];
    let _: i64 = conn.hdel(HASH, &without).expect("HDEL");
    let _: i64 = conn.hset(HASH, message(5, "uploads").0, "").expect("HSET");
    for filter in ["WHERE undecodable = 1", "WHERE bytes < 3", "WHERE task MISSING", "WHERE task != x"] {
        let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} {filter} AS dramatiq"));
        let matches = if filter.ends_with("!= x") { 27 } else { 0 };
        assert_eq!((preview.int("match_count"), preview.int("undecodable")), (matches, 0), "{filter}");
        assert_eq!(preview.rows("sample").len(), usize::try_from(matches.min(20)).expect("a count"));
        assert!(preview.text("notice").contains("ids whose message is missing: 3"), "{preview:?}");
    }
    let end = clear(&mut conn, "WHERE task != x ALL");
    assert_eq!((end.int("deleted"), end.int("processed"), end.int("unreadable")), (27, 30, 0), "{end:?}");
    let (ids, messages) = content(&mut conn);
    assert_eq!((&ids[..2], ids.len(), messages.len()), (&without[..], 3, 1));
    // All messages are gone with their hash.
    let _: i64 = conn.del(HASH).expect("DEL");
    let end = clear(&mut conn, "WHERE bytes >= 0 ALL");
    assert_eq!((end.text("status").as_str(), end.int("deleted"), end.int("processed")), ("completed", 0, 3));
}

#[test]
fn a_message_that_cannot_be_read_is_undecodable_and_leaves_with_its_id() {
    let server = Server::start();
    let mut conn = server.conn();
    enqueue(&mut conn, 0..9);
    let _: i64 = conn.hset(HASH, message(1, "uploads").0, &b"\x80\x05\x95pickled"[..]).expect("HSET");
    let _: i64 = conn.hset(HASH, message(2, "uploads").0, r#"{"task":"x"}"#).expect("HSET");
    let end = clear(&mut conn, "WHERE task != bad ALL");
    // Neither of the two has a name that could be compared.
    assert_eq!((end.int("deleted"), end.int("undecodable"), end.int("unreadable")), (4, 1, 1), "{end:?}");
    let end = clear(&mut conn, "WHERE undecodable = 1 ALL");
    assert_eq!(end.int("deleted"), 1);
    let (ids, messages) = content(&mut conn);
    assert_eq!((ids.len(), messages.len()), (4, 4));
    assert!(ids.iter().all(|id| messages.contains_key(id)));
}

#[test]
fn keys_of_another_type_and_missing_rights_are_refused() {
    let server = Server::start();
    let mut conn = server.conn();
    enqueue(&mut conn, 0..9);
    let user = "ACL SETUSER ops on >secret +@all -@dangerous +qadmin.clearjob +qadmin.preview +qadmin.status";
    tell(&mut conn, &format!("{user} ~{QUEUE} %R~{HASH}"));
    let mut ops = server.conn();
    tell(&mut ops, "AUTH ops secret");
    let preview = format!("QADMIN.PREVIEW {QUEUE} TASK bad AS dramatiq");
    let clear = format!("QADMIN.CLEARJOB {QUEUE} TASK bad ALL CONFIRM {QUEUE} AS dramatiq");
    assert_eq!(ask(&mut ops, &preview).int("match_count"), 3);
    let error = run(&mut ops, &clear).expect_err("the messages may only be read").to_string();
    assert!(error.contains("no permissions to access one of the keys"), "{error}");
    tell(&mut conn, &format!("ACL SETUSER ops resetkeys ~{QUEUE}"));
    let error = run(&mut ops, &preview).expect_err("the messages may not be read").to_string();
    assert!(error.contains("no permissions to access one of the keys"), "{error}");
    // Nor can a user without this right see rows of a job, or the job at all.
    let dry = ask(&mut conn, &format!("QADMIN.CLEARJOB {QUEUE} TASK bad DRYRUN AS dramatiq")).text("job_id");
    assert_eq!(wait_for_job(&mut conn, &dry).rows("sample").len(), 3);
    let error =
        run(&mut ops, &format!("QADMIN.STATUS {dry}")).expect_err("the sample has messages").to_string();
    assert!(error.contains("no permissions to access one of the keys"), "{error}");
    tell(&mut conn, &format!("ACL SETUSER ops ~{QUEUE} %R~{HASH} +qadmin.jobs"));
    assert_eq!(ask(&mut ops, &format!("QADMIN.STATUS {dry}")).int("matched"), 3);
    assert_eq!(missing(&mut conn, 9), 0);

    tell(&mut conn, &format!("DEL {HASH}"));
    tell(&mut conn, &format!("SET {HASH} x"));
    for line in [&preview, &clear] {
        let error = run(&mut conn, line).expect_err("refused").to_string();
        assert!(error.contains("wrong kind of value"), "{error}");
    }
    let line = format!("QADMIN.INDEX CREATE {QUEUE} FIELDS 1 task AS dramatiq");
    let error = run(&mut conn, &line).expect_err("refused").to_string();
    assert!(error.contains("the list holds ids"), "{error}");
}

#[test]
fn in_a_cluster_both_keys_must_be_in_one_slot() {
    let cluster = Cluster::start(2, slow);
    let mut conn = cluster.node(cluster.home(QUEUE.as_bytes(), 2)).conn();
    let line = format!("QADMIN.PREVIEW {QUEUE} TASK bad AS dramatiq");
    let error = run(&mut conn, &line).expect_err("two slots").to_string();
    assert!(error.contains("give both names the same hash tag"), "{error}");
    let (tagged, hash) = ("{dramatiq}:uploads", "{dramatiq}:uploads.msgs");
    let mut conn = cluster.node(cluster.home(tagged.as_bytes(), 2)).conn();
    for n in 0..9 {
        let (id, text, _) = message(n, "uploads");
        let _: i64 = conn.hset(hash, &id, text).expect("HSET");
        let _: i64 = conn.rpush(tagged, id).expect("RPUSH");
    }
    let job = ask(&mut conn, &format!("QADMIN.CLEARJOB {tagged} TASK bad ALL CONFIRM {tagged} AS dramatiq"));
    let end = ask(&mut conn, &format!("QADMIN.STATUS {} QUEUE {tagged} WAIT 0", job.text("job_id")));
    assert_eq!((end.text("status").as_str(), end.int("deleted")), ("completed", 3), "{end:?}");
    let sizes: (i64, i64) = pipe().llen(tagged).hlen(hash).query(&mut conn).expect("LLEN and HLEN");
    assert_eq!(sizes, (6, 6));
}

/// Compares a replica with its primary after everything was written.
pub(crate) fn is_equal(primary: &Server, replica: &Server) {
    until_caught_up(primary, replica);
    assert_eq!(digest(&mut primary.conn()), digest(&mut replica.conn()), "the replica differs");
    assert_no_mismatch(replica);
}
