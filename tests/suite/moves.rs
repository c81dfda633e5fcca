//! CLEARJOB ... TO: matches leave one list and enter another one, in their order, and at no moment are they
//! in both or in neither.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use qadmin_harness::{Fields as _, Server, eventually, map, text};
use redis::{Commands as _, Connection, Value};

use crate::durability::{
    assert_no_mismatch, audit, digest, in_memory, queue, slow, status, tell, until_caught_up, until_deleted,
};
use crate::options::{Case, Message, Stays, case, messages, push_to, without};
use crate::stage::set;
use crate::support::{ask, run, wait_for_job};

/// Options of a move that precede TO, and whether they can be combined with FRONT.
const CASES: [(Case, bool); 8] = [
    (case("ALL", Stays::None, usize::MAX), true),
    (case("KEEPONE", Stays::Oldest, usize::MAX), true),
    (case("KEEPONE KEEP NEWEST", Stays::Newest, usize::MAX), true),
    (case("ALL EXPECT 100000 TOLERANCE 3", Stays::None, usize::MAX), true),
    (case("ALL RATE 200000", Stays::None, usize::MAX), true),
    (case("ALL LIMIT 70", Stays::None, 70), false),
    (case("KEEPONE BY id", Stays::OfEachId, usize::MAX), false),
    (case("KEEPONE BY task args LIMIT 30", Stays::OfEachTaskAndArgs, 30), false),
];

/// The number of the next job id.
static STARTED: AtomicU64 = AtomicU64::new(1);

fn list(conn: &mut Connection, key: &str) -> Vec<Vec<u8>> {
    conn.lrange(key, 0, -1).expect("LRANGE")
}

/// Returns the content of the other list after these messages were added to it, as LRANGE shows it.
fn joined(there: &[Message], moved: &[&Message], front: bool) -> Vec<Vec<u8>> {
    // The order is from the consumer end on.
    let (first, then): (Vec<&Message>, Vec<&Message>) = match front {
        true => (moved.to_vec(), there.iter().collect()),
        false => (there.iter().collect(), moved.to_vec()),
    };
    first.into_iter().chain(then).map(|message| message.bytes.clone()).rev().collect()
}

/// Starts a clear of `count` messages at a rate at which no slice moves more than half of them. Returns its
/// id.
fn start_in_pieces(conn: &mut Connection, words: &str, count: i64) -> String {
    let id = format!("00000000-0000-4000-8000-{:012x}", STARTED.fetch_add(1, Ordering::Relaxed));
    // A tenth of a second's worth can be moved at once.
    let rate = count * 5;
    let mut both = redis::pipe();
    both.atomic();
    for line in [
        format!("QADMIN.CLEARJOB celery TASK m {words} CONFIRM celery ID {id}"),
        format!("QADMIN.THROTTLE {id} RATE {rate}"),
    ] {
        let mut line = line.split(' ');
        both.cmd(line.next().expect("a first word")).arg(line.collect::<Vec<_>>());
    }
    both.exec(conn).expect("EXEC");
    id
}

#[test]
fn move_takes_a_clears_matches_and_keeps_order() {
    let mut server = slow().start();
    let replica = slow().start();
    replica.replica_of(&server);
    let mut conn = server.conn();
    set(&mut conn, "slice-us 100 duty 100");
    let mut seed = 100;
    for (case, with_front) in CASES {
        for front in [false, true] {
            if front && !with_front {
                continue;
            }
            seed += 1;
            let words = format!("{} TO parked{}", case.options, if front { " FRONT" } else { "" });
            tell(&mut conn, "DEL celery parked");
            let (all, there) = (messages(seed, 1_200), messages(seed + 1_000, 20));
            push_to(&mut conn, "celery", &all);
            push_to(&mut conn, "parked", &there);
            tell(&mut conn, "PEXPIRE celery 100000000");
            tell(&mut conn, "PEXPIRE parked 100000000");
            let gone = case.goes(&all);
            let moved: Vec<&Message> =
                (0..all.len()).filter(|at| gone.contains(at)).map(|at| &all[at]).collect();
            let count = i64::try_from(moved.len()).expect("small");

            let dry = ask(&mut conn, &format!("QADMIN.CLEARJOB celery TASK m {words} DRYRUN")).text("job_id");
            let dry = wait_for_job(&mut conn, &dry);
            assert_eq!((dry.int("would_delete"), dry.int("deleted")), (count, 0), "{words}: {dry:?}");
            assert!(
                list(&mut conn, "parked") == joined(&there, &[], front),
                "{words}: a dry run writes nothing"
            );

            let job = start_in_pieces(&mut conn, &words, count);
            let end = wait_for_job(&mut conn, &job);
            assert_eq!(end.text("status"), "completed", "{words}: {end:?}");
            assert_eq!((end.int("deleted"), end.int("would_delete")), (count, count), "{words}: {end:?}");
            assert_eq!((end.text("to"), end.int("front")), ("parked".into(), i64::from(front)), "{words}");
            assert!(end.int("slices") > 1, "{words}: in more than one piece: {end:?}");
            assert!(queue(&mut conn) == without(&all, &gone), "{words}: another queue than it should be");
            assert!(
                list(&mut conn, "parked") == joined(&there, &moved, front),
                "{words}: another order there"
            );
            for key in ["celery", "parked"] {
                let ttl: i64 = conn.pttl(key).expect("PTTL");
                assert!(ttl > 0, "{words}: the time to live of {key}");
            }
            let entry = audit(&mut conn).pop().expect("an entry");
            assert!(entry.text("options").ends_with(words.split_once(" TO").expect("TO").1), "{entry:?}");
            until_caught_up(&server, &replica);
            assert_eq!(digest(&mut conn), digest(&mut replica.conn()), "{words}: the replica differs");
        }
        if seed % 4 == 0 {
            let before = digest(&mut conn);
            server.restart();
            conn = server.conn();
            set(&mut conn, "slice-us 100 duty 100");
            assert_eq!(digest(&mut conn), before, "{}: the append-only file differs", case.options);
            replica.wait_for_link();
        }
    }
    assert_no_mismatch(&server);
    assert_no_mismatch(&replica);
}

#[test]
fn the_same_filter_moves_everything_back() {
    let server = Server::start();
    let mut conn = server.conn();
    let all = messages(3, 3_000);
    push_to(&mut conn, "celery", &all);
    let before = queue(&mut conn);
    let clear = |conn: &mut Connection, line: &str| {
        let job = ask(conn, line).text("job_id");
        wait_for_job(conn, &job)
    };
    let there = clear(&mut conn, "QADMIN.CLEARJOB celery TASK m ALL TO parked CONFIRM celery");
    assert_eq!(list(&mut conn, "parked").len() as i64, there.int("deleted"));
    let back = clear(&mut conn, "QADMIN.CLEARJOB parked TASK m ALL TO celery FRONT CONFIRM parked");
    assert_eq!(back.int("deleted"), there.int("deleted"));
    assert_eq!(text(&run(&mut conn, "EXISTS parked").expect("EXISTS")), "0");
    // The matches run next now, in their order, followed by the others.
    let (matches, others): (Vec<Message>, Vec<Message>) = all.into_iter().partition(Message::matches);
    let others: Vec<&Message> = others.iter().collect();
    assert!(queue(&mut conn) == joined(&matches, &others, false));
    let mut sorted = [before, queue(&mut conn)];
    sorted.iter_mut().for_each(|list| list.sort());
    assert_eq!(sorted[0], sorted[1]);
}

/// Returns every message with its list and its number of occurrences.
fn places(lists: &[Vec<Vec<u8>>]) -> HashMap<Vec<u8>, usize> {
    let mut found = HashMap::new();
    for message in lists.iter().flatten() {
        *found.entry(message.clone()).or_insert(0) += 1;
    }
    found
}

#[test]
fn a_message_being_moved_is_always_in_exactly_one_list_under_traffic() {
    for front in ["", " FRONT"] {
        let primary = in_memory().start();
        let replica = in_memory().start();
        replica.replica_of(&primary);
        let mut conn = primary.conn();
        let all = messages(12, 2_000);
        push_to(&mut conn, "celery", &all);
        let late = messages(13, 400);
        let mut late = late.iter().map(|message| [message.bytes.as_slice(), b" "].concat());
        let mut sent: Vec<Vec<u8>> = all.iter().map(|message| message.bytes.clone()).collect();
        let mut popped = Vec::new();
        let line = format!("QADMIN.CLEARJOB celery TASK m ALL TO parked{front} CONFIRM celery");
        let id = ask(&mut conn, &line).text("job_id");
        let mut looks = 0;
        eventually("the job ends", || {
            for key in ["celery", "parked"] {
                popped.extend(conn.rpop::<_, Option<Vec<u8>>>(key, None).expect("RPOP"));
                if let Some(message) = late.next() {
                    conn.lpush::<_, _, ()>(key, &message).expect("LPUSH");
                    sent.push(message);
                }
            }
            looks += 1;
            if looks % 10 == 0 {
                let mut both = redis::pipe();
                both.atomic().lrange("celery", 0, -1).lrange("parked", 0, -1);
                let [queue, parked]: [Vec<Vec<u8>>; 2] = both.query(&mut conn).expect("EXEC");
                let places = places(&[queue, parked, popped.clone()]);
                assert_eq!(places.len(), sent.len(), "a message is nowhere");
                assert!(places.values().all(|places| *places == 1), "a message is in both");
            }
            if looks % 25 == 0 {
                tell(&mut conn, "CLIENT PAUSE 60000 WRITE");
                until_caught_up(&primary, &replica);
                assert_eq!(digest(&mut conn), digest(&mut replica.conn()), "primary and replica differ");
                tell(&mut conn, "CLIENT UNPAUSE");
            }
            !status(&mut conn, &id).is_null("completed_at")
        });
        let end = wait_for_job(&mut conn, &id);
        assert_eq!(end.text("status"), "completed", "{end:?}");
        assert_eq!((end.int("passes_run"), end.int("deleted")), (1, end.int("matched")), "{end:?}");
        assert_eq!(end.int("total_estimated"), end.int("processed") + end.int("drifted"), "{end:?}");
        // No message that was pushed to the queue meanwhile was moved, and no earlier match is left.
        let left = queue(&mut conn);
        assert!(!all.iter().any(|message| message.matches() && left.contains(&message.bytes)));
        until_caught_up(&primary, &replica);
        assert_eq!(digest(&mut conn), digest(&mut replica.conn()), "primary and replica differ");
        assert_no_mismatch(&replica);
    }
}

#[test]
fn a_worker_that_waits_for_the_other_list_gets_the_oldest_match() {
    let server = Server::start();
    let mut conn = server.conn();
    let all = messages(21, 600);
    push_to(&mut conn, "celery", &all);
    let mut worker = server.raw();
    worker
        .send(b"*4\r\n$5\r\nBRPOP\r\n$5\r\nother\r\n$6\r\nparked\r\n$1\r\n0\r\n")
        .expect("the server is there");
    eventually("the worker waits", || server.info("blocked_clients").as_deref() == Some("1"));
    let job = ask(&mut conn, "QADMIN.CLEARJOB celery TASK m ALL TO parked CONFIRM celery").text("job_id");
    let reply = worker.reply().expect("the worker is served");
    let oldest = all.iter().find(|message| message.matches()).expect("there are matches");
    assert!(reply.windows(oldest.bytes.len()).any(|part| part == oldest.bytes), "the one that runs next");
    let end = wait_for_job(&mut conn, &job);
    assert_eq!(conn.llen::<_, i64>("parked").expect("LLEN"), end.int("deleted") - 1);
}

#[test]
fn a_job_on_the_destination_sees_pushes_and_takes_no_moved_message() {
    let server = in_memory().start();
    let mut conn = server.conn();
    let (all, there) = (messages(31, 800), messages(32, 800));
    push_to(&mut conn, "celery", &all);
    push_to(&mut conn, "parked", &there);
    let mut both = redis::pipe();
    both.atomic();
    for line in [
        "QADMIN.CLEARJOB parked TASK m ALL CONFIRM parked",
        "QADMIN.CLEARJOB celery TASK m ALL TO parked CONFIRM celery",
    ] {
        let mut words = line.split(' ');
        both.cmd(words.next().expect("a word")).arg(words.collect::<Vec<_>>());
    }
    let jobs: Vec<Value> = both.query(&mut conn).expect("EXEC");
    let [cleared, moved] = [0, 1].map(|at| wait_for_job(&mut conn, &map(&jobs[at]).text("job_id")));
    let matches = |of: &[Message]| of.iter().filter(|message| message.matches()).count() as i64;
    assert_eq!((cleared.int("deleted"), cleared.int("passes_run")), (matches(&there), 1), "{cleared:?}");
    assert_eq!(
        cleared.int("total_estimated"),
        cleared.int("processed") + cleared.int("drifted"),
        "{cleared:?}"
    );
    assert_eq!((moved.int("deleted"), moved.int("passes_run")), (matches(&all), 1), "{moved:?}");
    let others: Vec<Message> = there.into_iter().filter(|message| !message.matches()).collect();
    let came: Vec<&Message> = all.iter().filter(|message| message.matches()).collect();
    assert!(list(&mut conn, "parked") == joined(&others, &came, false));
    // A count of the other list that was made before the move is not used after it.
    let count = |conn: &mut Connection| ask(conn, "QADMIN.PREVIEW parked TASK m").int("match_count");
    let before = count(&mut conn);
    push_to(&mut conn, "celery", &messages(33, 50));
    let job = ask(&mut conn, "QADMIN.CLEARJOB celery TASK m ALL TO parked CONFIRM celery").text("job_id");
    let more = wait_for_job(&mut conn, &job).int("deleted");
    assert_eq!(count(&mut conn), before + more);
}

#[test]
fn a_destination_of_another_type_is_refused_or_ends_the_job() {
    let server = in_memory().start();
    let mut conn = server.conn();
    let all = messages(41, 6_000);
    push_to(&mut conn, "celery", &all);
    tell(&mut conn, "SET parked mine");
    let line = "QADMIN.CLEARJOB celery TASK m ALL TO parked CONFIRM celery";
    for more in ["", " DRYRUN"] {
        let refused = run(&mut conn, &format!("{line}{more}")).expect_err("no list");
        assert_eq!(refused.code(), Some("WRONGTYPE"), "{refused}");
    }
    assert_eq!(run(&mut conn, "KEYS qadmin:*").expect("KEYS"), Value::Array(Vec::new()));
    tell(&mut conn, "DEL parked");
    let id = ask(&mut conn, line).text("job_id");
    until_deleted(&mut conn, &id, 100);
    redis::pipe()
        .atomic()
        .cmd("RENAME")
        .arg("parked")
        .arg("moved")
        .set("parked", "mine")
        .exec(&mut conn)
        .expect("EXEC");
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(end.text("status"), "failed", "{end:?}");
    assert_eq!(end.text("error"), "WRONGTYPE the key \"parked\" no longer holds a list");
    let moved = list(&mut conn, "moved");
    assert_eq!(moved.len() as i64, end.int("deleted"));
    assert_eq!(queue(&mut conn).len() + moved.len(), all.len());
}

#[test]
fn a_move_needs_the_right_to_write_to_the_destination() {
    let server = in_memory().start();
    let mut conn = server.conn();
    push_to(&mut conn, "celery", &messages(51, 6_000));
    let rule = "on >secret +@all resetkeys ~celery";
    let mut mover = server.conn();
    let line = "QADMIN.CLEARJOB celery TASK m ALL TO parked CONFIRM celery";
    for (keys, granted) in [("", false), (" %R~parked", false), (" %W~parked", false), (" %RW~parked", true)]
    {
        tell(&mut conn, &format!("ACL SETUSER mover reset {rule}{keys}"));
        run(&mut mover, "AUTH mover secret").expect("AUTH");
        let dry = run(&mut mover, &format!("{line} DRYRUN"));
        // A push requires permission to write.
        let granted = granted || keys.contains("%W~");
        match dry {
            Ok(_) => assert!(granted, "{keys}"),
            Err(refused) => {
                assert!(!granted && refused.code() == Some("NOPERM"), "{keys}: {refused}");
                let log = format!("{:?}", run(&mut conn, "ACL LOG 1").expect("ACL LOG"));
                assert!(log.contains("parked"), "{keys}: {log}");
            }
        }
    }
    // It is slow enough for the permission to be checked again, which happens once per second.
    let id = ask(&mut mover, &format!("{line} RATE 1000")).text("job_id");
    until_deleted(&mut conn, &id, 1);
    tell(&mut conn, &format!("ACL SETUSER mover reset {rule}"));
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(end.text("status"), "failed", "{end:?}");
    assert!(end.text("error").starts_with("NOPERM "), "{end:?}");
    assert_eq!(conn.llen::<_, i64>("parked").expect("LLEN"), end.int("deleted"));
}

#[test]
fn killed_at_any_moment_of_a_move_each_message_is_in_one_list() {
    for (at, front) in [(1, ""), (150, " FRONT"), (400, "")] {
        let mut server = slow().start();
        let mut conn = server.conn();
        let all = messages(61, 2_500);
        push_to(&mut conn, "celery", &all);
        let line = format!("QADMIN.CLEARJOB celery TASK m ALL TO parked{front} CONFIRM celery");
        let id = ask(&mut conn, &line).text("job_id");
        until_deleted(&mut conn, &id, at);
        server.kill9();
        server.start_again();
        let mut conn = server.conn();
        let (left, parked) = (queue(&mut conn), list(&mut conn, "parked"));
        let job = status(&mut conn, &id);
        assert_eq!(
            (job.text("status").as_str(), job.int("deleted")),
            ("interrupted", parked.len() as i64),
            "{job:?}"
        );
        let places = places(&[left, parked]);
        assert!(places.len() == all.len() && places.values().all(|places| *places == 1));
        assert_no_mismatch(&server);
        // Run it again for the rest.
        set(&mut conn, "slice-us 500 duty 100");
        let job = ask(&mut conn, &line).text("job_id");
        assert_eq!(wait_for_job(&mut conn, &job).text("status"), "completed");
        let matches = all.iter().filter(|message| message.matches()).count();
        assert_eq!(conn.llen::<_, usize>("parked").expect("LLEN"), matches);
    }
}

#[test]
fn a_move_works_at_maxmemory_and_with_messages_of_a_megabyte() {
    let server = Server::builder().module().config("maxmemory-policy noeviction").start();
    let mut conn = server.conn();
    let big = "x".repeat(1_500_000);
    let message = |n: usize| format!(r#"{{"headers":{{"task":"m","id":"{n}"}},"body":"{big}"}}"#);
    let all: Vec<String> = (0..12).map(message).collect();
    for message in &all {
        conn.lpush::<_, _, ()>("celery", message).expect("LPUSH");
    }
    tell(&mut conn, "CONFIG SET maxmemory 1mb");
    let refused = run(&mut conn, "LPUSH celery x").expect_err("no memory");
    assert_eq!(refused.code(), Some("OOM"), "{refused}");
    for (front, end) in [("", "parked"), (" FRONT", "again")] {
        let from = if end == "parked" { "celery" } else { "parked" };
        let line = format!("QADMIN.CLEARJOB {from} TASK m ALL TO {end}{front} CONFIRM {from}");
        let job = ask(&mut conn, &line).text("job_id");
        let job = wait_for_job(&mut conn, &job);
        assert_eq!((job.text("status").as_str(), job.int("deleted")), ("completed", 12), "{job:?}");
        assert!(job.int("slices") >= 12, "one of them at a time: {job:?}");
        let there: Vec<String> = conn.lrange(end, 0, -1).expect("LRANGE");
        assert!(there.iter().rev().eq(&all), "in their order");
    }
}
