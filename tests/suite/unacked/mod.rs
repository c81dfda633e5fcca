//! Unacknowledged messages: PREVIEW, STATS and CLEARJOB on kombu's hash `unacked`.

mod celery;
mod durability;
mod fields;
mod late;
mod live;
mod odd;
mod refusals;

use std::collections::BTreeMap;

use qadmin_harness::{Factory, Fields as _, Server, Size, TARGET_REPOID, TARGET_TASK};
use redis::{Commands as _, Connection, Value};

use crate::durability::{in_memory, tell};
use crate::stage::{info, set, target};
use crate::support::{Reply, ask, run, wait_for_job};

const HASH: &str = "unacked";
const INDEX: &str = "unacked_index";

/// One unacknowledged message.
#[derive(Debug, Clone, PartialEq)]
struct UnackedMessage {
    tag: String,
    score: f64,
    value: Vec<u8>,
    matches: bool,
}

/// Returns the `i`th message as kombu writes it, delivered a millisecond after the one before. Tags have no
/// order.
fn unacked(factory: &mut Factory, i: u64) -> UnackedMessage {
    let message = factory.message(i);
    let value = [b"[", message.as_slice(), br#", "", "celery"]"#].concat();
    let tag = factory.facts(i).delivery_tag;
    UnackedMessage {
        tag,
        score: 1_700_000_000.0 + f64::from(u32::try_from(i).expect("few")) / 1_000.0,
        value,
        matches: factory.matches(i),
    }
}

/// Returns this many messages, of which this percentage match [`target`].
fn many(from: u64, n: u64, percent: f64) -> Vec<UnackedMessage> {
    let mut factory = Factory::new(11).size(Size::Slim).share(percent);
    (from..from + n).map(|i| unacked(&mut factory, i)).collect()
}

/// Adds messages as `QoS.append` does.
fn append(conn: &mut Connection, all: &[UnackedMessage]) {
    for some in all.chunks(500) {
        let mut pipe = redis::pipe();
        pipe.atomic();
        for one in some {
            pipe.zadd(INDEX, &one.tag, one.score).ignore();
            pipe.hset(HASH, &one.tag, &one.value).ignore();
        }
        pipe.exec(conn).expect("EXEC");
    }
}

/// Reads both keys at one moment and checks that every tag of one is in the other. Returns the messages.
fn both(conn: &mut Connection) -> BTreeMap<String, Vec<u8>> {
    let mut pipe = redis::pipe();
    pipe.atomic().hgetall(HASH).zrange(INDEX, 0, -1);
    let (hash, index): (BTreeMap<String, Vec<u8>>, Vec<String>) = pipe.query(conn).expect("EXEC");
    let mut index = index;
    index.sort();
    assert_eq!(hash.keys().cloned().collect::<Vec<_>>(), index, "hash and index differ");
    hash
}

fn of(all: &[UnackedMessage]) -> BTreeMap<String, Vec<u8>> {
    all.iter().map(|one| (one.tag.clone(), one.value.clone())).collect()
}

fn clear(conn: &mut Connection, options: &str) -> Reply {
    let job = ask(conn, &format!("QADMIN.CLEARJOB {HASH} {} {options} CONFIRM {HASH}", target()));
    assert!(job.text("notice").starts_with("running tasks are not stopped"), "{job:?}");
    wait_for_job(conn, &job.text("job_id"))
}

#[test]
fn unacked_is_counted_shown_and_grouped_by_time() {
    let server = Server::start();
    let mut conn = server.conn();
    let all = many(0, 3_000, 30.0);
    append(&mut conn, &all);
    let matches: Vec<&UnackedMessage> = all.iter().filter(|one| one.matches).collect();
    let count = i64::try_from(matches.len()).expect("few");
    for inline in ["200000", "0"] {
        // An immediate sample finds three, however slow reading is.
        set(&mut conn, &format!("inline-limit {inline} cache-ttl 0 slice-us 20000"));
        let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {HASH} {} SAMPLE 3 BUST", target()));
        assert_eq!(
            (preview.int("depth"), preview.text("message_kind")),
            (3_000, "celery".into()),
            "{preview:?}"
        );
        assert!(preview.is_null("looks_like"), "{preview:?}");
        assert!(preview.text("notice").starts_with("running tasks are not stopped"), "{preview:?}");
        let rows = preview.rows("sample");
        assert_eq!(rows.len(), 3);
        for (row, one) in rows.iter().zip(&matches) {
            let names: Vec<&str> = row.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names[..3], ["bytes", "delivered_at", "task"], "{row:?}");
            assert!(row.is_null("index"));
            assert_eq!(row.int("bytes"), one.value.len() as i64);
            let at = all.iter().position(|unacked| unacked == *one).expect("it is one of them");
            assert_eq!(row.int("delivered_at"), 1_700_000_000_000 + at as i64);
            assert_eq!((row.text("task"), row.text("routing_key")), (TARGET_TASK.into(), "celery".into()));
        }
        let counted = if inline == "0" {
            assert_eq!(preview.text("mode"), "job");
            let end = wait_for_job(&mut conn, &preview.text("job_id"));
            assert_eq!(end.rows("sample")[..3], rows[..]);
            assert_eq!((end.text("index_key"), end.int("total_estimated")), (INDEX.into(), 3_000));
            assert!(end.text("notice").starts_with("running tasks are not stopped"), "{end:?}");
            end.int("matched")
        } else {
            preview.int("match_count")
        };
        assert_eq!(counted, count);
    }
    set(&mut conn, "inline-limit 200000");
    let fields = ask(&mut conn, &format!("QADMIN.PREVIEW {HASH} {} FIELDS 2 bytes id", target()));
    let names: Vec<String> = fields.rows("sample")[0].iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names, ["bytes", "delivered_at", "id"]);
    // Filters can use the values beside the message.
    for (condition, expected) in [
        ("routing_key = celery", 3_000),
        ("routing_key = other", 0),
        ("undecodable = 1", 0),
        ("kwargs.repoid EXISTS", 3_000),
        ("exchange MISSING", 0),
    ] {
        let reply = ask(&mut conn, &format!("QADMIN.PREVIEW {HASH} WHERE {condition}"));
        assert_eq!(reply.int("match_count"), expected, "{condition}: {reply:?}");
    }
    let stats = ask(
        &mut conn,
        &format!("QADMIN.STATS {HASH} REPOID {TARGET_REPOID} GROUPBY 2 task routing_key TOP 1"),
    );
    let first = &stats.rows("groups")[0];
    assert_eq!((first.text("task"), first.text("routing_key")), (TARGET_TASK.into(), "celery".into()));
    assert!(
        first.int("count") >= count && first.is_null("next_index") && first.is_null("last_index"),
        "{stats:?}"
    );
    assert!(stats.text("notice").starts_with("running tasks are not stopped"), "{stats:?}");
    assert_eq!(both(&mut conn), of(&all), "nothing was touched");
}

#[test]
fn a_clear_removes_from_hash_and_index_and_keepone_keeps_the_earliest() {
    let server = in_memory().start();
    let mut conn = server.conn();
    set(&mut conn, "slice-us 50 duty 100 inline-wait 60000");
    for (options, keeps, limit) in [
        ("ALL", 0, usize::MAX),
        ("KEEPONE", 1, usize::MAX),
        ("ALL LIMIT 40", 0, 40),
        ("KEEPONE LIMIT 40", 1, 40),
        ("ALL RATE 100000", 0, usize::MAX),
    ] {
        tell(&mut conn, "FLUSHDB");
        let all = many(0, 4_000, 20.0);
        append(&mut conn, &all);
        let goes: Vec<&UnackedMessage> =
            all.iter().filter(|one| one.matches).skip(keeps).take(limit).collect();
        let count = goes.len() as i64;
        let dry = clear(&mut conn, &format!("{options} DRYRUN"));
        assert_eq!((dry.int("would_delete"), dry.int("deleted")), (count, 0), "{options}: {dry:?}");
        assert_eq!(both(&mut conn), of(&all), "{options}: a dry run touches nothing");
        let end = clear(&mut conn, options);
        assert_eq!(end.text("status"), "completed", "{options}: {end:?}");
        assert_eq!((end.int("deleted"), end.int("would_delete")), (count, count), "{options}: {end:?}");
        assert!(end.is_null("kept_index"), "{end:?}");
        assert!(end.int("slices") > 1 || limit < usize::MAX, "{options}: in more than one piece: {end:?}");
        let mut left = of(&all);
        goes.iter().for_each(|one| assert!(left.remove(&one.tag).is_some()));
        assert_eq!(both(&mut conn), left, "{options}");
        let entry = crate::durability::audit(&mut conn).pop().expect("an entry");
        assert!(entry.text("options").ends_with("INDEX unacked_index"), "{entry:?}");
        // The earlier count is not returned any more.
        let now = ask(&mut conn, &format!("QADMIN.PREVIEW {HASH} {}", target()));
        let matches = all.iter().filter(|one| one.matches).count() as i64;
        assert_eq!(now.int("match_count"), matches - count, "{options}");
    }
}

#[test]
fn another_index_is_named_by_index_and_status_and_resent_ids_know_it() {
    let server = Server::start();
    let mut conn = server.conn();
    let all = many(0, 200, 50.0);
    append(&mut conn, &all);
    tell(&mut conn, "RENAME unacked_index times");
    // The default index does not exist, so no message is found, and the reply says so.
    let lost = ask(&mut conn, &format!("QADMIN.PREVIEW {HASH} {}", target()));
    assert_eq!((lost.int("match_count"), lost.int("depth")), (0, 200));
    assert!(lost.text("notice").contains("which were skipped: 200 or more; check INDEX"), "{lost:?}");
    let matches = all.iter().filter(|one| one.matches).count() as i64;
    let found = ask(&mut conn, &format!("QADMIN.PREVIEW {HASH} {} INDEX times", target()));
    assert_eq!(found.int("match_count"), matches, "another question than that about the default index");
    assert!(!found.text("notice").contains("INDEX"), "{found:?}");
    let id = "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02";
    let line = format!("QADMIN.CLEARJOB {HASH} {} ALL CONFIRM {HASH} ID {id} INDEX times", target());
    for again in [0, 1] {
        assert_eq!(ask(&mut conn, &line).int("deduplicated"), again);
        let end = wait_for_job(&mut conn, id);
        assert_eq!((end.text("index_key"), end.int("deleted")), ("times".into(), matches), "{end:?}");
    }
    let other = run(&mut conn, &line.replace("times", "unacked_index")).expect_err("other arguments");
    assert!(other.to_string().contains("belongs to a job with other arguments"), "{other}");
    let left: (usize, usize) = (conn.hlen(HASH).expect("HLEN"), conn.zcard("times").expect("ZCARD"));
    assert_eq!(
        left,
        (200 - usize::try_from(matches).expect("few"), 200 - usize::try_from(matches).expect("few"))
    );
}

#[test]
fn orphaned_index_entries_and_messages_are_kept_and_counted() {
    let server = Server::start();
    let mut conn = server.conn();
    let all = many(0, 100, 100.0);
    append(&mut conn, &all);
    for one in &all[..7] {
        conn.hdel::<_, _, ()>(HASH, &one.tag).expect("HDEL");
    }
    for one in &all[90..] {
        conn.zrem::<_, _, ()>(INDEX, &one.tag).expect("ZREM");
    }
    let end = clear(&mut conn, "ALL");
    assert_eq!(
        (end.int("deleted"), end.int("processed"), end.int("total_estimated")),
        (83, 90, 90),
        "{end:?}"
    );
    let notice = end.text("notice");
    assert!(notice.contains("which were skipped: 3 or more"), "{notice}");
    assert!(notice.contains("without a message, which were kept: 7"), "{notice}");
    let left: (usize, usize) = (conn.hlen(HASH).expect("HLEN"), conn.zcard(INDEX).expect("ZCARD"));
    assert_eq!(left, (10, 7));
}

#[test]
fn non_kombu_values_are_undecodable() {
    let server = Server::start();
    let mut conn = server.conn();
    let values =
        ["", "x", "{}", r#"{"headers":{"task":"t"}}"#, r#"[{"headers":{"task":"t"}}]"#, r#"["t","e","k"]"#];
    for (score, value) in values.iter().chain(&[r#"[{"headers":{"task":"t"}},"e","k"]"#]).enumerate() {
        append(
            &mut conn,
            &[UnackedMessage {
                tag: format!("tag{score}"),
                score: score as f64,
                value: value.as_bytes().to_vec(),
                matches: false,
            }],
        );
    }
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {HASH} TASK t"));
    assert_eq!(
        (preview.int("match_count"), preview.int("undecodable")),
        (1, values.len() as i64),
        "{preview:?}"
    );
    assert_eq!(preview.rows("sample")[0].text("routing_key"), "k");
    let job = ask(&mut conn, &format!("QADMIN.CLEARJOB {HASH} WHERE undecodable = 1 ALL CONFIRM {HASH}"));
    assert_eq!(wait_for_job(&mut conn, &job.text("job_id")).int("deleted"), values.len() as i64);
    assert_eq!(both(&mut conn).len(), 1);
}

#[test]
fn entries_with_equal_or_extreme_scores_are_examined_in_order() {
    let server = in_memory().start();
    let mut conn = server.conn();
    set(&mut conn, "slice-us 50 duty 100");
    let mut all = many(0, 20_000, 50.0);
    let scores = [f64::NEG_INFINITY, -0.0, 1e-300, 1_700_000_000.123_456_7, f64::INFINITY];
    for (at, one) in all.iter_mut().enumerate() {
        // Most of them have the same score.
        one.score = if at < 10 { scores[at % scores.len()] } else { scores[3] };
    }
    append(&mut conn, &all);
    let end = clear(&mut conn, "ALL");
    let matches = all.iter().filter(|one| one.matches).count() as i64;
    assert_eq!(
        (end.int("processed"), end.int("drifted"), end.int("deleted")),
        (20_000, 0, matches),
        "{end:?}"
    );
    assert_eq!(info(&server, "messages_cleared"), matches);
    assert!(end.int("slices") > 1, "in more than one piece: {end:?}");
    let left: Vec<UnackedMessage> = all.into_iter().filter(|one| !one.matches).collect();
    assert_eq!(both(&mut conn), of(&left));
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {HASH} WHERE task EXISTS SAMPLE 100"));
    let deadlines: Vec<Value> =
        preview.rows("sample").iter().map(|row| row.get_field("delivered_at").clone()).collect();
    assert!(deadlines.is_sorted_by_key(|value| if let Value::Int(n) = value { *n } else { i64::MIN }));
}

#[test]
fn a_job_can_be_paused_throttled_and_cancelled() {
    // The rate alone makes the job last.
    let server = Server::start();
    let mut conn = server.conn();
    append(&mut conn, &many(0, 5_000, 50.0));
    let line = format!("QADMIN.CLEARJOB {HASH} {} ALL RATE 200 CONFIRM {HASH}", target());
    let id = ask(&mut conn, &line).text("job_id");
    crate::durability::until_deleted(&mut conn, &id, 1);
    let paused = ask(&mut conn, &format!("QADMIN.PAUSE {id}"));
    assert_eq!(paused.text("status"), "paused");
    let deleted = ask(&mut conn, &format!("QADMIN.STATUS {id} WAIT 100")).int("deleted");
    assert_eq!(ask(&mut conn, &format!("QADMIN.STATUS {id}")).int("deleted"), deleted);
    ask(&mut conn, &format!("QADMIN.RESUME {id}"));
    ask(&mut conn, &format!("QADMIN.THROTTLE {id} RATE 300"));
    crate::durability::until_deleted(&mut conn, &id, deleted + 1);
    let end = ask(&mut conn, &format!("QADMIN.CANCEL {id}"));
    assert_eq!(end.text("status"), "cancelled");
    let gone = 5_000 - both(&mut conn).len() as i64;
    assert_eq!(end.int("deleted"), gone);
    assert!(gone < 2_000, "{gone}");
}

#[test]
fn count_of_zero_reports_unacked_messages() {
    let server = in_memory().module_args("sample-window 50").start();
    let mut conn = server.conn();
    append(&mut conn, &many(0, 200, 100.0));
    let notice = |conn: &mut Connection, filter: &str| {
        ask(conn, &format!("QADMIN.PREVIEW {HASH} {filter}")).text("notice")
    };
    let says = notice(&mut conn, "TASK app.tasks.upload.Uplaod");
    assert!(
        says.contains(
            "of the 50 messages that were delivered first none has the task \"app.tasks.upload.Uplaod\", but one has \
             a similar name: \"app.tasks.upload.Upload\""
        ),
        "{says}"
    );
    assert!(notice(&mut conn, "TASK app.*").contains("use WHERE task GLOB app.*"));
    // A match gives no reason for advice, and neither does a number that no message has.
    assert!(!notice(&mut conn, "TASK app.tasks.upload.Upload").contains("delivered first"));
    assert!(notice(&mut conn, "WHERE retries > 1").contains(r#"none of them has "retries""#));
    assert!(!notice(&mut conn, "WHERE bytes > 1000000").contains("delivered first"));
}

#[test]
fn a_cached_count_shows_matches_that_are_still_unacknowledged() {
    const WINDOW: u64 = 50;
    let server = in_memory().module_args(&format!("sample-window {WINDOW}")).start();
    let mut conn = server.conn();
    // There is no match among the messages that are read first.
    let mut all = many(0, 2 * WINDOW, 0.0);
    let matches = many(2 * WINDOW, 5, 100.0);
    all.extend(many(2 * WINDOW, 5, 100.0));
    append(&mut conn, &all);
    let line = format!("QADMIN.PREVIEW {HASH} {}", target());
    let shown = |reply: &Reply| -> Vec<i64> {
        assert!(reply.is_null("sample_error"), "{reply:?}");
        reply.rows("sample").iter().map(|row| row.int("delivered_at")).collect()
    };
    let counted = ask(&mut conn, &line);
    let first = shown(&counted);
    assert_eq!((counted.int("match_count"), first.len()), (5, 5));
    let again = ask(&mut conn, &line);
    assert!(!again.is_null("cached_at"));
    assert_eq!(shown(&again), first);
    assert_eq!(shown(&ask(&mut conn, &format!("{line} SAMPLE 2"))), first[..2]);
    // This works with other fields, too, because the positions are known.
    let fields = ask(&mut conn, &format!("{line} FIELDS 1 retries"));
    assert!(!fields.is_null("cached_at"));
    assert_eq!(fields.rows("sample").len(), 5);
    // The first one was acknowledged, the second one was returned and delivered again.
    let mut pipe = redis::pipe();
    pipe.zrem(INDEX, &matches[0].tag).ignore().hdel(HASH, &matches[0].tag).ignore();
    pipe.zadd(INDEX, &matches[1].tag, matches[1].score + 1_000.0).ignore();
    pipe.exec(&mut conn).expect("a worker's commands");
    let left = ask(&mut conn, &line);
    assert!(!left.is_null("cached_at"));
    assert_eq!(shown(&left), first[2..]);
    for one in &matches[2..] {
        let _: i64 = redis::cmd("HDEL").arg(HASH).arg(&one.tag).query(&mut conn).expect("HDEL");
    }
    let gone = ask(&mut conn, &line);
    assert!(gone.rows("sample").is_empty() && !gone.is_null("cached_at"), "{gone:?}");
    assert!(gone.text("sample_error").contains("have left the queue since"), "{gone:?}");
}
