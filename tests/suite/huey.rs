//! Queues of Huey, with the real library: its workers run exactly what a clear left.

use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use qadmin_harness::{Fields as _, Server, eventually, spawn};
use redis::{Commands as _, Connection};

use crate::durability::until_caught_up;
use crate::stage::set;
use crate::support::celery::script;
use crate::support::{Reply, ask, run, wait_for_job};

/// Elements that Huey 2.6.0 and 3.5.4 wrote, the oldest first.
const RECORDED: &str = include_str!("../../core/src/format/huey/recorded.jsonl");
const QUEUE: &str = "huey.redis.uploads";

/// Pushes the recorded elements as Huey does, and returns them.
fn recorded(conn: &mut Connection) -> Vec<Vec<u8>> {
    let element = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).expect("JSON");
        BASE64.decode(row["element"].as_str().expect("a text")).expect("base64")
    };
    let all: Vec<Vec<u8>> = RECORDED.lines().map(element).collect();
    for element in &all {
        let _: i64 = conn.lpush(QUEUE, element).expect("LPUSH");
    }
    all
}

/// Sends messages, and returns their numbers, each with whether `TASK __main__.bad` matches it.
fn send(server: &Server, how: &str, first: usize, count: usize) -> Vec<(usize, bool)> {
    let (first, count) = (first.to_string(), count.to_string());
    let out =
        script(server).args(["huey_app.py", how, "send", &first, &count]).output().expect("Python starts");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let lines = String::from_utf8(out.stdout).expect("a text");
    let line = |line: &str| {
        line.split_once(' ').map(|(number, task)| (number.parse().expect("a number"), task == "bad"))
    };
    lines.lines().filter_map(line).collect()
}

/// Runs a clear of the queue and returns its end.
fn clear(conn: &mut Connection, words: &str) -> Reply {
    let line = format!("QADMIN.CLEARJOB {QUEUE} {words} AS huey CONFIRM {QUEUE}");
    let job = ask(conn, &line).text("job_id");
    wait_for_job(conn, &job)
}

/// Returns the first arguments of the messages in a list, from the one that runs next to the newest.
fn numbers(conn: &mut Connection, key: &str) -> Vec<i64> {
    let line = format!("QADMIN.PREVIEW {key} WHERE bytes > 0 AS huey SAMPLE 100 FIELDS 1 args.0 BUST");
    let preview = ask(conn, &line);
    assert_eq!(preview.int("match_count"), preview.int("depth"));
    preview.rows("sample").iter().map(|row| row.int("args.0")).collect()
}

fn elements(conn: &mut Connection, key: &str) -> Vec<Vec<u8>> {
    conn.lrange(key, 0, -1).expect("LRANGE")
}

#[test]
fn what_is_left_runs_exactly_once_and_what_was_cleared_never() {
    for how in ["plain", "packed"] {
        let server = Server::builder().module_args("slice-us 100 duty 5").start();
        let mut conn = server.conn();
        let mut sent = send(&server, how, 0, 1_500);
        let mut worker = script(&server);
        worker.args(["huey_app.py", how, "work"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let worker = spawn(worker).expect("Python starts");
        let ran = |conn: &mut Connection| -> Vec<usize> { conn.lrange("ran", 0, -1).expect("LRANGE") };
        eventually("the worker runs messages", || ran(&mut conn).len() > 20);
        let end = clear(&mut conn, "TASK __main__.bad ALL");
        assert_eq!((end.text("status"), end.int("unreadable")), ("completed".into(), 0), "{how}: {end:?}");
        assert!(end.int("deleted") > 0, "{how}: {end:?}");
        // These are not part of the snapshot.
        sent.extend(send(&server, how, 1_500, 30));
        let () = conn.set("finish", 1).expect("SET");
        let out = worker.wait_with_output().expect("a child of ours can be waited for");
        let log = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success() && out.stdout == b"done\n", "{how}: {log}");
        let mut ran = ran(&mut conn);
        ran.sort_unstable();
        assert_eq!(ran.windows(2).find(|pair| pair[0] == pair[1]), None, "{how}: a message ran twice");
        let never: Vec<&(usize, bool)> =
            sent.iter().filter(|(number, _)| ran.binary_search(number).is_err()).collect();
        assert!(never.iter().all(|(number, is_bad)| *is_bad && *number < 1_500), "{how}: lost: {never:?}");
        assert_eq!(i64::try_from(never.len()).expect("a count"), end.int("deleted"), "{how}");
        assert_eq!(conn.llen::<_, i64>(QUEUE).expect("LLEN"), 0, "{how}");
    }
}

#[test]
fn messages_are_counted_shown_kept_moved_and_moved_back() {
    let server = Server::start();
    let replica = Server::start();
    replica.replica_of(&server);
    let mut conn = server.conn();
    set(&mut conn, "cache-ttl 0");
    assert_eq!(send(&server, "packed", 0, 30).len(), 30);
    let before = elements(&mut conn, QUEUE);
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} TASK __main__.bad AS huey SAMPLE 2"));
    assert_eq!((preview.int("match_count"), preview.text("message_kind")), (10, "huey".into()));
    assert!(preview.is_null("looks_like") && preview.int("undecodable") == 0, "{preview:?}");
    let rows = preview.rows("sample");
    let shown = |row: &Reply| (row.int("index"), row.text("task"), row.text("args"), row.text("kwargs"));
    // The message at the tail runs next.
    assert_eq!(
        rows.iter().map(shown).collect::<Vec<_>>(),
        [
            (-1, "__main__.bad".into(), "[0]".into(), r#"{"commitid":"c0","group":0}"#.into()),
            (-4, "__main__.bad".into(), "[3]".into(), r#"{"commitid":"c3","group":3}"#.into()),
        ]
    );
    let stats = ask(&mut conn, &format!("QADMIN.STATS {QUEUE} GROUPBY 1 task AS huey"));
    let groups: Vec<(String, i64)> =
        stats.rows("groups").iter().map(|row| (row.text("task"), row.int("count"))).collect();
    assert_eq!(groups, [("__main__.good".to_owned(), 20), ("__main__.bad".to_owned(), 10)]);
    // A parked match comes back by UNDO.
    let end = clear(&mut conn, "COMMITID c3 ALL PARK");
    assert_eq!(end.int("deleted"), 1, "{end:?}");
    let parked = end.text("to");
    assert_eq!(numbers(&mut conn, &parked), [3]);
    let undo = ask(&mut conn, &format!("QADMIN.UNDO {} FRONT CONFIRM {parked}", end.text("job_id")));
    assert_eq!(wait_for_job(&mut conn, &undo.text("job_id")).int("deleted"), 1);
    assert_eq!(numbers(&mut conn, QUEUE)[..2], [3, 0]);
    // The oldest of each group is kept, where the group is a value of the messages.
    let end = clear(&mut conn, "TASK __main__.good KEEPONE BY 1 kwargs.group");
    assert_eq!(end.int("deleted"), 10, "{end:?}");
    let end = clear(&mut conn, "TASK __main__.bad WHERE args.0 >= 6 ALL LIMIT 2 TO moved");
    assert_eq!(end.int("deleted"), 2, "{end:?}");
    assert_eq!(numbers(&mut conn, "moved"), [6, 9]);
    assert_eq!(clear(&mut conn, "WHERE args.0 = 12 KEEPONE").int("deleted"), 0);
    assert_eq!(clear(&mut conn, "WHERE args.0 = 12 ALL").int("deleted"), 1);
    assert_eq!(numbers(&mut conn, QUEUE), [3, 0, 1, 2, 4, 5, 7, 8, 10, 13, 15, 16, 18, 19, 21, 24, 27]);
    let left = elements(&mut conn, QUEUE);
    assert!(left.iter().all(|message| before.contains(message)), "no byte of a kept message changed");
    until_caught_up(&server, &replica);
    assert_eq!(elements(&mut replica.conn(), QUEUE), left);
}

#[test]
fn elements_of_every_version_and_serializer_are_read_and_recognised() {
    let server = Server::start();
    let mut conn = server.conn();
    let all = recorded(&mut conn);
    let count = i64::try_from(all.len()).expect("few");
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} TASK app.upload AS huey"));
    assert_eq!((preview.int("match_count"), preview.int("unreadable")), (count, 0), "{preview:?}");
    let notice = preview.text("notice");
    assert!(
        notice.contains("pipeline continues after (options.pipe_target, on_complete of Huey): 2"),
        "{notice}"
    );
    assert_eq!(preview.int("in_chord"), 2, "{preview:?}");
    let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} TASK app.upload"));
    assert_eq!(
        (preview.int("match_count"), preview.int("undecodable"), preview.text("looks_like")),
        (0, count, "huey".into())
    );
    let queues = ask(&mut conn, "QADMIN.QUEUES");
    let rows = queues.rows("queues");
    assert_eq!(
        (rows[0].text("queue"), rows[0].int("depth"), rows[0].text("looks_like")),
        (QUEUE.into(), count, "huey".into())
    );
    // As messages of Celery all of them would be undecodable, and go.
    let wrong = format!("QADMIN.CLEARJOB {QUEUE} WHERE undecodable = 1 ALL CONFIRM {QUEUE}");
    let error = run(&mut conn, &wrong).expect_err(&wrong).to_string();
    assert!(error.contains("look like those of huey but would be read as those of celery"), "{error}");
    let error = run(&mut conn, "QADMIN.PREVIEW uploads TASK t").map(|_| ());
    assert_eq!(error, Ok(()), "a queue that does not exist is empty");
    let missing = ask(&mut conn, "QADMIN.PREVIEW uploads TASK t");
    assert!(missing.text("notice").contains(&format!("there is \"{QUEUE}\" (AS huey)")), "{missing:?}");
    set(&mut conn, "default-kind huey");
    assert_eq!(ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} REPOID 22")).int("match_count"), 18);
    assert_eq!(elements(&mut conn, QUEUE).len(), all.len());
}

/// A condition that cannot be decided takes nothing, whatever it asks.
#[test]
fn elements_that_cannot_be_read_are_kept() {
    let server = Server::start();
    let mut conn = server.conn();
    set(&mut conn, "cache-ttl 0");
    let all = recorded(&mut conn);
    let count = i64::try_from(all.len()).expect("few");
    let everything = [
        "WHERE task != x ALL",
        "WHERE kwargs.x MISSING ALL",
        "WHERE args.0 MISSING ALL",
        "TASK app.upload ALL",
    ];
    set(&mut conn, "pickle no");
    for words in everything {
        let end = clear(&mut conn, words);
        assert_eq!((end.int("deleted"), end.int("unreadable")), (0, count), "{words}: {end:?}");
    }
    let row = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} WHERE bytes > 0 AS huey SAMPLE 1"));
    assert!(row.rows("sample")[0].is_null("task") && row.is_null("notice"), "{row:?}");
    set(&mut conn, "pickle yes");
    let broken: [&[u8]; 6] = [
        b"\x80\x05cut",
        b"\x80\x02capp\nMessage\n(X\x01\x00\x00\x00it\x81.",
        b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R.",
        b"\x1f\x8b\x08\x00garbage-garbage-garbage",
        b"\x78\x9cgarbage",
        b"\x80\x02chuey.registry\nMessage\n(X\x01\x00\x00\x00it\x81.",
    ];
    let undecodable: [&[u8]; 2] = [b"{\"id\":\"i\",\"name\":\"app.upload\"}", b"text"];
    let _: () = conn.del(QUEUE).expect("DEL");
    for element in broken.iter().chain(&undecodable) {
        let _: i64 = conn.lpush(QUEUE, *element).expect("LPUSH");
    }
    // The last of them is a message without the name of a task.
    for words in everything {
        let end = clear(&mut conn, words);
        let counts = (end.int("deleted"), end.int("unreadable"), end.int("undecodable"));
        assert_eq!(counts, (0, 6, 2), "{words}: {end:?}");
    }
    assert_eq!(clear(&mut conn, "WHERE undecodable = 1 ALL").int("deleted"), 2);
    let left = elements(&mut conn, QUEUE);
    assert_eq!(left, broken.iter().rev().map(|element| element.to_vec()).collect::<Vec<_>>());
}

/// Both are sorted sets: what waits for its time, and a queue with priorities.
#[test]
fn sorted_sets_are_counted_cleared_parked_and_listed_and_what_is_left_runs() {
    for (how, key) in [("plain", "huey.schedule.uploads"), ("priority", QUEUE)] {
        let server = Server::start();
        let mut conn = server.conn();
        let app = |words: &[&str]| {
            let out = script(&server).args(["huey_app.py", how]).args(words).output().expect("Python starts");
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        };
        app(if how == "plain" { &["schedule", "60"] } else { &["send", "0", "60"] });
        let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {key} TASK __main__.bad"));
        assert_eq!((preview.int("match_count"), preview.int("depth")), (20, 60), "{how}: {preview:?}");
        assert_eq!(
            (preview.text("message_kind"), preview.text("container")),
            ("huey".into(), "sorted_set".into())
        );
        let row = &preview.rows("sample")[0];
        assert_eq!(row.is_null("run_at"), how == "priority", "{row:?}");
        if how == "priority" {
            assert_eq!(row.text("args"), "[9]", "the first one of the highest priority, which is 4: {row:?}");
        }
        let rows = ask(&mut conn, "QADMIN.QUEUES").rows("queues");
        assert_eq!(
            (rows[0].text("queue"), rows[0].text("looks_like"), rows[0].text("container")),
            (key.into(), "huey".into(), "sorted_set".into())
        );
        let before: Vec<(Vec<u8>, f64)> = conn.zrange_withscores(key, 0, -1).expect("ZRANGE");
        let parked =
            ask(&mut conn, &format!("QADMIN.CLEARJOB {key} TASK __main__.bad ALL PARK CONFIRM {key}"));
        let (id, list) = (parked.text("job_id"), parked.text("to"));
        assert_eq!(wait_for_job(&mut conn, &id).int("deleted"), 20);
        let undo = ask(&mut conn, &format!("QADMIN.UNDO {id} QUEUE {key} CONFIRM {list}")).text("job_id");
        assert_eq!(wait_for_job(&mut conn, &undo).int("deleted"), 20);
        let after: Vec<(Vec<u8>, f64)> = conn.zrange_withscores(key, 0, -1).expect("ZRANGE");
        assert_eq!(after, before, "{how}: each is back with its score");
        let line =
            format!("QADMIN.CLEARJOB {key} TASK __main__.bad WHERE args.0 >= 0 ALL CONFIRM {key} AS huey");
        let job = ask(&mut conn, &line).text("job_id");
        assert_eq!(wait_for_job(&mut conn, &job).int("deleted"), 20);
        let mut worker = script(&server);
        worker.args(["huey_app.py", how, "work"]).stdout(Stdio::null()).stderr(Stdio::null());
        let worker = spawn(worker).expect("Python starts");
        let ran = |conn: &mut Connection| -> Vec<usize> { conn.lrange("ran", 0, -1).expect("LRANGE") };
        eventually("the others run", || ran(&mut conn).len() == 40);
        let () = conn.set("finish", 1).expect("SET");
        assert!(worker.wait_with_output().expect("a child of ours can be waited for").status.success());
        let mut ran = ran(&mut conn);
        ran.sort_unstable();
        assert_eq!(ran, (0..60).filter(|n| n % 3 != 0).collect::<Vec<_>>(), "{how}");
    }
}

/// An index keeps values of messages, and answers as the messages do.
#[test]
fn an_index_answers_for_messages_of_huey() {
    let server = Server::start();
    let mut conn = server.conn();
    let all = recorded(&mut conn);
    run(&mut conn, &format!("QADMIN.INDEX CREATE {QUEUE} FIELDS 2 task kwargs.repoid AS huey"))
        .expect("CREATE");
    eventually("the index has read the list", || {
        ask(&mut conn, &format!("QADMIN.INDEX INFO {QUEUE}")).text("state") == "ready"
    });
    for (filter, matches) in [("REPOID 22", 18), ("WHERE kwargs.repoid MISSING", all.len() - 18)] {
        let [with, without] = ["", "BUST"].map(|how| {
            let line = format!("QADMIN.PREVIEW {QUEUE} {filter} AS huey {how}");
            ask(&mut conn, &line).int("match_count")
        });
        assert_eq!((with, without), (i64::try_from(matches).expect("few"), with), "{filter}");
    }
    assert_eq!(clear(&mut conn, "REPOID 22 ALL").int("deleted"), 18);
    assert_eq!(elements(&mut conn, QUEUE).len(), all.len() - 18);
}
