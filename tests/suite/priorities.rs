//! PRIORITY: the lists of a queue with priorities are the single queue that workers see.

use std::collections::{HashMap, HashSet};
use std::process::Stdio;
use std::thread;

use qadmin_harness::{Cluster, Fields as _, Server, c_module, eventually, maps, spawn};
use redis::{Commands as _, Connection, cmd};
use serde_json::Value as Json;

use crate::durability::{
    assert_no_mismatch, audit, in_memory, slow, status, tell, until_caught_up, until_deleted,
};
use crate::options::{Case, Message, Stays, case, messages, push_to, without};
use crate::stage::{Slow, set};
use crate::support::celery::script;
use crate::support::{Reply, ask, run, wait_for_job};

/// The lists of `celery`, in the order in which workers read them.
const LISTS: [&str; 4] = ["celery", "celery\x06\x163", "celery\x06\x166", "celery\x06\x169"];

const CASES: [Case; 11] = [
    case("ALL", Stays::None, usize::MAX),
    case("ALL LIMIT 1", Stays::None, 1),
    case("ALL LIMIT 400", Stays::None, 400),
    case("ALL RATE 100000", Stays::None, usize::MAX),
    case("KEEPONE", Stays::Oldest, usize::MAX),
    case("KEEPONE KEEP NEWEST", Stays::Newest, usize::MAX),
    case("KEEPONE BY id", Stays::OfEachId, usize::MAX),
    case("KEEPONE BY task args LIMIT 90", Stays::OfEachTaskAndArgs, 90),
    case("ALL EXPECT 100000 LIMIT 350", Stays::None, 350),
    case("KEEPONE KEEP NEWEST EXPECT 100000", Stays::Newest, usize::MAX),
    case("KEEPONE EXPECT 100000", Stays::Oldest, usize::MAX),
];

fn list(conn: &mut Connection, key: &str) -> Vec<Vec<u8>> {
    conn.lrange(key, 0, -1).expect("LRANGE")
}

/// Pushes messages, the one that runs next of all first, to the lists: this many to each.
fn spread(conn: &mut Connection, all: &[Message], lens: &[usize]) {
    let mut rest = all;
    for (key, len) in LISTS.iter().zip(lens) {
        let (here, others) = rest.split_at(*len);
        push_to(conn, key, here);
        rest = others;
    }
    assert!(rest.is_empty());
}

/// Returns the content of the lists after these messages were removed.
fn left(all: &[Message], lens: &[usize], gone: &HashSet<usize>) -> Vec<Vec<Vec<u8>>> {
    let mut from = 0;
    let mut lists = Vec::new();
    for len in lens {
        let here = gone.iter().filter(|at| (from..from + len).contains(*at)).map(|at| at - from).collect();
        lists.push(without(&all[from..from + len], &here));
        from += len;
    }
    lists
}

#[test]
fn priority_all_clears_in_the_order_of_workers_as_one_queue() {
    let mut server = slow().start();
    let replica = slow().start();
    replica.replica_of(&server);
    let mut conn = server.conn();
    set(&mut conn, "slice-us 100 duty 100");
    // Sometimes the third list does not exist, and sometimes the first one does not either.
    let shapes = [[500, 400, 0, 300], [0, 700, 200, 300], [900, 0, 0, 300]];
    for (at, case) in CASES.iter().enumerate() {
        let lens = shapes[at % shapes.len()];
        let words = format!("{} PRIORITY ALL", case.options);
        tell(&mut conn, &format!("DEL {}", LISTS.join(" ")));
        let all = messages(at as u64 + 40, 1_200);
        spread(&mut conn, &all, &lens);
        let gone = case.goes(&all);
        let count = i64::try_from(gone.len()).expect("small");
        let dry = ask(&mut conn, &format!("QADMIN.CLEARJOB celery TASK m {words} DRYRUN")).text("job_id");
        let dry = wait_for_job(&mut conn, &dry);
        assert_eq!((dry.int("would_delete"), dry.int("deleted")), (count, 0), "{words}: {dry:?}");
        let before: Vec<_> = LISTS.iter().map(|key| list(&mut conn, key)).collect();
        assert!(before == left(&all, &lens, &HashSet::new()), "{words}: a dry run writes nothing");

        let line = format!("QADMIN.CLEARJOB celery TASK m {words} CONFIRM celery");
        let job = ask(&mut conn, &line);
        assert_eq!((job.int("total_estimated"), job.text("priority")), (1_200, "all".into()), "{words}");
        assert_eq!(job.int("other_priorities_depth"), 0, "{words}");
        let end = wait_for_job(&mut conn, &job.text("job_id"));
        assert_eq!(end.text("status"), "completed", "{words}: {end:?}");
        assert_eq!((end.int("deleted"), end.int("would_delete")), (count, count), "{words}: {end:?}");
        let now: Vec<_> = LISTS.iter().map(|key| list(&mut conn, key)).collect();
        assert!(now == left(&all, &lens, &gone), "{words}: other lists than they should be");
        assert_eq!(end.int("queue_depth"), 1_200 - count, "{words}");
        if !words.contains("LIMIT") {
            assert_eq!(end.int("processed"), end.int("total_estimated"), "{words}: {end:?}");
        }
        let kept = match case.options {
            _ if words.contains("BY") || !words.starts_with("KEEPONE") => None,
            options if options.contains("NEWEST") => all.iter().rfind(|message| message.matches()),
            _ => all.iter().find(|message| message.matches()),
        };
        match kept {
            None => assert!(end.is_null("kept_priority"), "{words}: {end:?}"),
            Some(kept) => {
                let step = usize::try_from(end.int("kept_priority") / 3).expect("a step");
                let at = isize::try_from(end.int("kept_index")).expect("an index");
                let message: Vec<u8> = conn.lindex(LISTS[step], at).expect("LINDEX");
                assert!(message == kept.bytes, "{words}: {end:?}");
            }
        }
        let entry = audit(&mut conn).pop().expect("an entry");
        assert!(entry.text("options").contains("PRIORITY ALL"), "{entry:?}");
        until_caught_up(&server, &replica);
        let digests = |conn: &mut Connection| -> Vec<String> {
            cmd("DEBUG").arg("DIGEST-VALUE").arg(&LISTS).query(conn).expect("DEBUG DIGEST-VALUE")
        };
        let here = digests(&mut conn);
        assert_eq!(here, digests(&mut replica.conn()), "{words}: the replica differs");
        if at % 4 == 3 {
            server.restart();
            conn = server.conn();
            set(&mut conn, "slice-us 100 duty 100");
            assert_eq!(digests(&mut conn), here, "{words}: the append-only file differs");
            replica.wait_for_link();
        }
    }
    assert_no_mismatch(&server);
    assert_no_mismatch(&replica);
}

fn message(task: &str, id: usize) -> String {
    format!(r#"{{"headers":{{"task":"{task}","id":"{id}"}},"body":"","properties":{{"priority":7}}}}"#)
}

/// Fills four lists with `each` messages, of which every second one matches. Ids count from the one that runs
/// next of all.
fn filled(conn: &mut Connection, each: usize) {
    for (at, key) in LISTS.iter().enumerate() {
        let ids = at * each..(at + 1) * each;
        let all: Vec<String> = ids.map(|id| message(if id % 2 == 0 { "m" } else { "o" }, id)).collect();
        conn.lpush::<_, _, ()>(key, all).expect("LPUSH");
    }
}

fn id_of(message: &str) -> usize {
    let (_, rest) = message.split_once("\"id\":\"").expect("an id");
    rest.split_once('"').expect("its end").0.parse().expect("a number")
}

/// Workers, producers and a clear of all lists run at full speed: workers receive the messages that the clear
/// leaves, each once.
#[test]
fn workers_and_producers_beside_a_clear_of_all_lists_lose_nothing() {
    const EACH: usize = 12_000;
    let server = in_memory().start();
    let mut conn = server.conn();
    set(&mut conn, "slice-us 50 duty 1");
    filled(&mut conn, EACH);
    let workers: Vec<_> = (0..3)
        .map(|_| {
            let mut conn = server.conn();
            thread::spawn(move || {
                let mut got = Vec::new();
                // As in kombu, the first list that has a message is used.
                while let Some((_, message)) =
                    conn.brpop::<_, Option<(String, String)>>(&LISTS[..], 2.0).expect("BRPOP")
                {
                    if message == "stop" {
                        break;
                    }
                    got.push(message);
                }
                got
            })
        })
        .collect();
    let job = ask(&mut conn, "QADMIN.CLEARJOB celery TASK m ALL PRIORITY ALL RATE 500 CONFIRM celery");
    let (total, job) = (job.int("total_estimated"), job.text("job_id"));
    // All messages that they push are pushed later.
    let producers: Vec<_> = (0..2)
        .map(|producer| {
            let mut conn = server.conn();
            thread::spawn(move || {
                for n in 0..1_500 {
                    let id = 1_000_000 * (producer + 1) + n;
                    let key = LISTS[n % LISTS.len()];
                    conn.lpush::<_, _, ()>(key, message(if n % 2 == 0 { "m" } else { "o" }, id))
                        .expect("LPUSH");
                }
            })
        })
        .collect();
    until_deleted(&mut conn, &job, 1);
    // This waits until workers were faster than the job.
    eventually("drift", || status(&mut conn, &job).int("drifted") > 0);
    tell(&mut conn, &format!("QADMIN.THROTTLE {job} RATE 0"));
    let end = wait_for_job(&mut conn, &job);
    producers.into_iter().for_each(|producer| producer.join().expect("a producer"));
    assert_eq!(end.text("status"), "completed", "{end:?}");
    assert_eq!(total, end.int("processed") + end.int("drifted"), "{end:?}");
    for _ in 0..3 {
        // Workers read this list last, so they receive the message after all others.
        conn.lpush::<_, _, ()>(LISTS[3], "stop").expect("LPUSH");
    }
    let mut got: Vec<String> =
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker")).collect();
    // If the disk is slow, workers can have stopped before producers were done.
    for key in LISTS {
        got.extend(conn.lrange::<_, Vec<String>>(key, 0, -1).expect("LRANGE"));
    }
    let got: Vec<usize> =
        got.iter().filter(|message| *message != "stop").map(|message| id_of(message)).collect();
    let once: HashSet<usize> = got.iter().copied().collect();
    assert_eq!(once.len(), got.len(), "nothing is there twice");
    let pushed =
        (0..EACH * 4).chain((1..=2).flat_map(|producer| (0..1_500).map(move |n| 1_000_000 * producer + n)));
    let missing: Vec<usize> = pushed.filter(|id| !once.contains(id)).collect();
    let odd: Vec<&usize> = missing.iter().filter(|id| *id % 2 == 1 || **id >= EACH * 4).collect();
    assert!(odd.is_empty(), "nothing else is gone: {odd:?} {end:?}");
    assert_eq!(missing.len() as i64, end.int("deleted"), "{end:?}");
    assert!(end.int("deleted") > 0 && end.int("drifted") > 0, "there was something for both: {end:?}");
}

#[test]
fn rows_and_groups_name_their_list_in_the_order_of_workers() {
    let server = Server::start();
    let mut conn = server.conn();
    for key in LISTS {
        conn.lpush::<_, _, ()>(key, vec![message("m", 1), message("o", 2), message("m", 3)]).expect("LPUSH");
    }
    let line = "QADMIN.PREVIEW celery TASK m PRIORITY ALL SAMPLE 5 FIELDS 3 id priority properties.priority";
    // The count is new, then from the cache, then absent.
    for options in ["", "", " NOCOUNT"] {
        let preview = ask(&mut conn, &format!("{line}{options}"));
        assert_eq!(preview.int("depth"), 12);
        let rows = preview.rows("sample");
        let shown: Vec<_> = rows
            .iter()
            .map(|row| {
                (row.int("index"), row.int("priority"), row.text("id"), row.int("properties.priority"))
            })
            .collect();
        let expected = [(-1, 0, "1"), (-3, 0, "3"), (-1, 3, "1"), (-3, 3, "3"), (-1, 6, "1")];
        let expected: Vec<_> = expected.map(|(index, step, id)| (index, step, id.to_owned(), 7)).into();
        assert_eq!(shown, expected, "{options}");
        assert_eq!(preview.text("priority"), "all");
        assert_eq!(preview.int("other_priorities_depth"), 0);
        match options {
            "" => assert_eq!(preview.int("match_count"), 8),
            _ => assert!(preview.is_null("match_count")),
        }
    }
    let one = ask(&mut conn, "QADMIN.PREVIEW celery TASK m PRIORITY 6");
    assert_eq!((one.int("depth"), one.int("match_count"), one.text("priority")), (3, 2, "6".into()));
    assert_eq!((one.rows("sample")[0].int("priority"), one.int("other_priorities_depth")), (6, 9));
    let plain = ask(&mut conn, "QADMIN.PREVIEW celery TASK m");
    assert!(plain.is_null("priority") && plain.rows("sample")[0].iter().all(|(name, _)| name != "priority"));
    assert_eq!((plain.int("match_count"), plain.int("other_priorities_depth")), (2, 9));

    let stats = ask(&mut conn, "QADMIN.STATS celery GROUPBY 1 task PRIORITY ALL");
    let groups: Vec<_> = stats
        .rows("groups")
        .iter()
        .map(|row| {
            let at = ["count", "next_index", "next_priority", "last_index", "last_priority"];
            (row.text("task"), at.map(|name| row.int(name)))
        })
        .collect();
    assert_eq!(groups, [("m".to_owned(), [8, -1, 0, -3, 9]), ("o".to_owned(), [4, -2, 0, -2, 9])]);
    assert_eq!((stats.int("depth"), stats.int("total"), stats.text("priority")), (12, 12, "all".into()));
    // If the app uses steps other than those that are set, the reply names the lists that were not read.
    conn.lpush::<_, _, ()>("celery\x06\x165", vec![message("m", 9)]).expect("LPUSH");
    assert_eq!(
        ask(&mut conn, "QADMIN.PREVIEW celery TASK m PRIORITY ALL BUST").int("other_priorities_depth"),
        1
    );
    tell(&mut conn, "CONFIG SET qadmin.priority-steps 9,5,0");
    let preview = ask(&mut conn, "QADMIN.PREVIEW celery TASK m PRIORITY ALL SAMPLE 3");
    let steps: Vec<i64> = preview.rows("sample").iter().map(|row| row.int("priority")).collect();
    assert_eq!((preview.int("match_count"), steps), (5, vec![9, 9, 5]));
}

#[test]
fn a_deep_queue_is_counted_by_a_job_over_all_lists_that_shows_its_rows() {
    let server = Server::builder().module_args("inline-limit 0").start();
    let mut conn = server.conn();
    filled(&mut conn, 1_000);
    let preview = ask(&mut conn, "QADMIN.PREVIEW celery TASK m PRIORITY ALL");
    assert_eq!(preview.text("mode"), "job");
    let end = wait_for_job(&mut conn, &preview.text("job_id"));
    assert_eq!(
        (end.int("matched"), end.int("total_estimated"), end.text("priority")),
        (2_000, 4_000, "all".into())
    );
    assert_eq!(end.rows("sample")[0].int("priority"), 0);
    // A command that empties the first lists empties their part of the sample.
    tell(&mut conn, &format!("DEL {} {}", LISTS[0], LISTS[1]));
    let preview = ask(&mut conn, "QADMIN.PREVIEW celery TASK m PRIORITY ALL");
    assert_eq!(
        (preview.text("mode"), preview.int("deduplicated")),
        ("job".into(), 0),
        "one of its lists is gone"
    );
    let end = wait_for_job(&mut conn, &preview.text("job_id"));
    assert_eq!(end.int("matched"), 1_000);
    // A clear of one list alone concerns this count, too.
    let clear = ask(&mut conn, "QADMIN.CLEARJOB celery TASK m ALL PRIORITY 9 CONFIRM celery").text("job_id");
    assert_eq!(wait_for_job(&mut conn, &clear).int("deleted"), 500);
    let preview = ask(&mut conn, "QADMIN.PREVIEW celery TASK m PRIORITY ALL");
    assert_eq!(preview.int("deduplicated"), 0, "a preview right after a clear counts again");
    assert_eq!(wait_for_job(&mut conn, &preview.text("job_id")).int("matched"), 500);
}

/// Most lists of a queue with priorities are empty most of the time.
#[test]
fn emptied_list_does_not_prevent_joining_the_scan() {
    let server = in_memory().start();
    let mut conn = server.conn();
    set(&mut conn, "inline-limit 0");
    filled(&mut conn, 8_000);
    let slow = Slow::start(&server);
    let preview = |conn: &mut Connection| ask(conn, "QADMIN.PREVIEW celery TASK m PRIORITY ALL SAMPLE 0");
    let job = preview(&mut conn).text("job_id");
    let popped: Vec<String> = conn.lpop(LISTS[0], std::num::NonZeroUsize::new(9_000)).expect("LPOP");
    assert_eq!(popped.len(), 8_000);
    for _ in 0..3 {
        conn.lpush::<_, _, ()>(LISTS[0], message("m", 1)).expect("LPUSH");
        conn.rpop::<_, String>(LISTS[0], None).expect("RPOP");
    }
    let again = preview(&mut conn);
    assert_eq!((again.int("deduplicated"), again.text("job_id")), (1, job), "it is joined: {again:?}");
    // A deleted list is different from an empty one.
    tell(&mut conn, &format!("DEL {}", LISTS[3]));
    assert_eq!(preview(&mut conn).int("deduplicated"), 0);
    drop(slow);
}

/// Starts a clear of all lists that is paused after its first deletions.
fn held(conn: &mut Connection) -> String {
    let job =
        ask(conn, "QADMIN.CLEARJOB celery TASK m ALL PRIORITY ALL RATE 100 CONFIRM celery").text("job_id");
    until_deleted(conn, &job, 1);
    tell(conn, &format!("QADMIN.PAUSE {job}"));
    job
}

fn released(conn: &mut Connection, job: &str) -> Reply {
    tell(conn, &format!("QADMIN.THROTTLE {job} RATE 0"));
    tell(conn, &format!("QADMIN.RESUME {job}"));
    wait_for_job(conn, job)
}

#[test]
fn a_deleted_or_edited_priority_list_does_not_stop_the_job() {
    let server = Server::start();
    let mut conn = server.conn();
    filled(&mut conn, 500);
    let job = held(&mut conn);
    tell(&mut conn, &format!("RENAME {} elsewhere", LISTS[1]));
    conn.lpush::<_, _, ()>(LISTS[1], vec![message("m", 9); 50]).expect("LPUSH");
    let end = released(&mut conn, &job);
    assert_eq!(end.text("status"), "completed", "{end:?}");
    assert_eq!((end.int("deleted"), end.int("drifted"), end.int("passes_run")), (750, 500, 1), "{end:?}");
    let lens: Vec<usize> = LISTS.iter().map(|key| list(&mut conn, key).len()).collect();
    assert_eq!(lens, [250, 50, 250, 250]);
    assert_eq!(end.int("queue_depth"), 800, "{end:?}");

    tell(&mut conn, &format!("DEL {}", LISTS.join(" ")));
    filled(&mut conn, 500);
    let job = held(&mut conn);
    let before = status(&mut conn, &job).int("deleted");
    // The edit is inside a list that the job has not reached; the message was a match.
    let () = cmd("LSET").arg(LISTS[2]).arg(3).arg(message("o", 7)).query(&mut conn).expect("LSET");
    let late = vec![message("m", 9); 7];
    conn.lpush::<_, _, ()>(LISTS[3], late).expect("LPUSH");
    let end = released(&mut conn, &job);
    assert_eq!((end.text("status").as_str(), end.int("passes_run")), ("completed", 2), "{end:?}");
    assert!(end.text("notice").contains("modified in place"), "{end:?}");
    assert_eq!((before > 0, end.int("deleted")), (true, 999), "{end:?}");
    let matches: Vec<usize> = LISTS
        .iter()
        .map(|key| {
            list(&mut conn, key).iter().filter(|m| m.windows(10).any(|w| w == b"\"task\":\"m\"")).count()
        })
        .collect();
    assert_eq!(matches, [0, 0, 0, 7], "what was pushed later stays");
}

/// The edit is detected when the slice that works on that list begins. The next pass is over all lists, from
/// the first one on.
#[test]
fn a_silent_edit_in_a_later_list_begins_another_pass_at_the_first() {
    let server = Server::start();
    let mut conn = server.conn();
    let library = c_module("callqadmin", server.dir()).expect("the other module is built");
    tell(&mut conn, &format!("MODULE LOAD {}", library.display()));
    filled(&mut conn, 500);
    let job = ask(&mut conn, "QADMIN.CLEARJOB celery TASK m ALL PRIORITY ALL RATE 200 CONFIRM celery")
        .text("job_id");
    until_deleted(&mut conn, &job, 300);
    tell(&mut conn, &format!("QADMIN.PAUSE {job}"));
    assert!(status(&mut conn, &job).int("deleted") < 500, "it is in the second list");
    // The newest message of the list has an odd number: it is kept.
    tell(&mut conn, &format!("CALLQADMIN.CUT {} 0", LISTS[1]));
    let end = released(&mut conn, &job);
    assert_eq!((end.text("status").as_str(), end.int("passes_run")), ("completed", 2), "{end:?}");
    assert_eq!(end.int("deleted"), 1_000, "{end:?}");
    for (at, key) in LISTS.iter().enumerate() {
        let all: Vec<String> = conn.lrange(key, 0, -1).expect("LRANGE");
        let ids: Vec<usize> = all.iter().rev().map(|message| id_of(message)).collect();
        let odd = (at * 500..(at + 1) * 500).filter(|id| id % 2 == 1 && *id != 999);
        assert_eq!(ids, odd.collect::<Vec<_>>(), "{key}");
    }
}

#[test]
fn a_step_moves_into_another_list_and_all_steps_do_not() {
    let server = Server::start();
    let mut conn = server.conn();
    filled(&mut conn, 10);
    let refused = |conn: &mut Connection, line: &str| run(conn, line).expect_err(line).to_string();
    let line = "QADMIN.CLEARJOB celery TASK m ALL TO parked PRIORITY ALL CONFIRM celery";
    assert!(refused(&mut conn, line).contains("TO and PRIORITY ALL cannot be combined"));
    let line = format!("QADMIN.CLEARJOB celery TASK m ALL TO {} PRIORITY 3 CONFIRM celery", LISTS[1]);
    assert!(refused(&mut conn, &line).contains("TO must name a key other than the queue itself"));
    // Messages that were sent with the wrong priority are moved to the right list.
    let line = "QADMIN.CLEARJOB celery TASK m ALL TO celery FRONT PRIORITY 9 CONFIRM celery";
    let job = ask(&mut conn, line).text("job_id");
    let end = wait_for_job(&mut conn, &job);
    assert_eq!((end.int("deleted"), end.text("to"), end.text("priority")), (5, "celery".into(), "9".into()));
    let ids: Vec<usize> = conn
        .lrange::<_, Vec<String>>("celery", 0, -1)
        .expect("LRANGE")
        .iter()
        .rev()
        .map(|message| id_of(message))
        .collect();
    assert_eq!(ids, [30, 32, 34, 36, 38, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(list(&mut conn, LISTS[3]).len(), 5);

    for (line, sentence) in [
        ("QADMIN.PREVIEW celery TASK m PRIORITY", "ERR PRIORITY needs a value"),
        (
            "QADMIN.PREVIEW celery TASK m PRIORITY high",
            "PRIORITY must be ALL or a step of qadmin.priority-steps, got \"high\"",
        ),
        (
            "QADMIN.PREVIEW celery TASK m PRIORITY 4",
            "there is no priority step 4; the steps of qadmin.priority-steps are 0 3 6 9",
        ),
        (
            "QADMIN.STATS celery\x06\x163 GROUPBY 1 task PRIORITY ALL",
            "\"celery\\x06\\x163\" is the list of a single priority step; use PRIORITY with the queue's own \
             name",
        ),
        (
            "QADMIN.PREVIEW celery TASK m PRIORITY ALL AS SIDEKIQ",
            "PRIORITY and messages of other libraries cannot be combined: only kombu keeps one list per priority step",
        ),
    ] {
        let words = refused(&mut conn, line);
        assert!(words.contains(sentence.trim_start_matches("ERR ")), "{line}: {words}");
    }
    tell(&mut conn, &format!("SET {} x", "odd\x06\x166"));
    let error = run(&mut conn, "QADMIN.PREVIEW odd TASK m PRIORITY ALL").expect_err("no list");
    assert_eq!(error.code(), Some("WRONGTYPE"), "{error}");
}

#[test]
fn every_list_needs_the_right_and_a_right_that_is_lost_ends_the_job() {
    let server = in_memory().start();
    let mut admin = server.conn();
    filled(&mut admin, 2_000);
    let user = |name: &str, keys: &str| {
        let rules = "+qadmin.preview +qadmin.clearjob +qadmin.status +qadmin.fields +qadmin.stats +qadmin.jobs +qadmin.cancel \
                     +qadmin.pause";
        tell(&mut server.conn(), &format!("ACL SETUSER {name} reset on nopass -@all {rules} {keys}"));
        let mut conn = server.conn();
        tell(&mut conn, &format!("AUTH {name} x"));
        conn
    };
    let all: String = LISTS.iter().map(|key| format!("~{key} ")).collect();
    let (mut whole, mut base) = (user("whole", &all), user("base", "~celery"));
    // The last list may be read, but not written to.
    let mut reader = user("reader", &format!("~celery ~{} ~{} %R~{}", LISTS[1], LISTS[2], LISTS[3]));
    let line = |command: &str| match command {
        "PREVIEW" => "QADMIN.PREVIEW celery TASK m PRIORITY ALL".to_owned(),
        "STATS" => "QADMIN.STATS celery GROUPBY 1 task PRIORITY ALL".to_owned(),
        "FIELDS" => "QADMIN.FIELDS celery PRIORITY ALL".to_owned(),
        _ => "QADMIN.CLEARJOB celery TASK m DRYRUN PRIORITY ALL".to_owned(),
    };
    let denied =
        |conn: &mut Connection, line: &str| run(conn, line).is_err_and(|e| e.code() == Some("NOPERM"));
    for (command, reads) in [("PREVIEW", true), ("STATS", true), ("FIELDS", true), ("CLEARJOB", false)] {
        let line = line(command);
        tell(&mut admin, "ACL LOG RESET");
        assert!(!denied(&mut whole, &line), "{command}");
        assert_eq!(denied(&mut reader, &line), !reads, "{command}");
        tell(&mut admin, "ACL LOG RESET");
        assert!(denied(&mut base, &line), "{command}");
        let log = maps(&run(&mut admin, "ACL LOG").expect("ACL LOG"));
        assert_eq!((log[0].text("object"), log[0].text("username")), (LISTS[1].into(), "base".into()));
    }
    // Rows of a job are from all its lists.
    let job = held(&mut server.conn());
    assert!(denied(&mut base, &format!("QADMIN.STATUS {job}")));
    assert!(denied(&mut base, &format!("QADMIN.CANCEL {job}")));
    assert!(!denied(&mut reader, &format!("QADMIN.STATUS {job}")));
    assert!(denied(&mut reader, &format!("QADMIN.CANCEL {job}")));
    let seen = |conn: &mut Connection| {
        maps(&run(conn, "QADMIN.JOBS COUNT 100").expect("JOBS")).iter().any(|row| row.text("job_id") == job)
    };
    assert!(seen(&mut reader) && !seen(&mut base));
    tell(&mut admin, &format!("QADMIN.CANCEL {job}"));
    assert!(denied(&mut base, &format!("QADMIN.STATUS {job}")), "also of one that ended");

    let job = held(&mut whole);
    tell(&mut admin, &format!("ACL SETUSER whole resetkeys ~celery ~{}", LISTS[1]));
    tell(&mut admin, &format!("QADMIN.RESUME {job}"));
    eventually("the job ends", || status(&mut admin, &job).text("status") == "failed");
    let end = status(&mut admin, &job);
    assert!(end.text("error").starts_with("NOPERM"), "{end:?}");
}

#[test]
fn in_a_cluster_the_lists_must_share_a_slot() {
    const NODES: usize = 3;
    let cluster = Cluster::start(NODES, slow);
    let words = |queue: &str| format!("QADMIN.CLEARJOB {queue} TASK m ALL PRIORITY ALL CONFIRM {queue}");
    let mut conn = cluster.node(cluster.home(b"celery", NODES)).conn();
    let error = run(&mut conn, &words("celery")).expect_err("another slot");
    assert_eq!(error.code(), Some("CROSSSLOT"), "{error}");
    assert!(error.to_string().contains("hash tag"), "{error}");
    let mut conn = cluster.node(cluster.home(b"{q}", NODES)).conn();
    for key in ["{q}", "{q}\x06\x169"] {
        conn.lpush::<_, _, ()>(key, vec![message("m", 1), message("o", 2)]).expect("LPUSH");
    }
    let job = ask(&mut conn, &words("{q}")).text("job_id");
    let end = ask(&mut conn, &format!("QADMIN.STATUS {job} QUEUE {{q}} WAIT 0"));
    assert_eq!((end.text("status"), end.int("deleted")), ("completed".into(), 2), "{end:?}");
}

/// Sends with the real Celery and returns what runs next according to the real kombu.
fn kombu(server: &Server, words: &[&str]) -> Json {
    let mut command = script(server);
    command.arg("priorities.py").args(words).stdout(Stdio::piped());
    let output =
        spawn(command).expect("Python starts").wait_with_output().expect("a child can be waited for");
    assert!(output.status.success(), "{words:?} failed: {}", output.status);
    serde_json::from_slice(&output.stdout).expect("it prints JSON")
}

#[test]
fn celery_and_qadmin_agree_on_the_lists_and_on_what_runs_next() {
    let server = Server::start();
    let mut conn = server.conn();
    for (steps, separator) in [("0 3 6 9", "\x06\x16"), ("0 2 5", ":")] {
        tell(&mut conn, "FLUSHALL");
        let () =
            cmd("CONFIG").arg("SET").arg("qadmin.priority-steps").arg(steps).query(&mut conn).expect("SET");
        let () = cmd("CONFIG").arg("SET").arg("qadmin.sep").arg(separator).query(&mut conn).expect("SET");
        let sent = kombu(&server, &["send", steps, separator, "60"]);
        let depths: HashMap<String, i64> =
            serde_json::from_value(sent["depths"].clone()).expect("a depth of each step");
        let stats = ask(&mut conn, "QADMIN.STATS celery GROUPBY 1 task PRIORITY ALL");
        assert_eq!((stats.int("total"), stats.int("other_priorities_depth")), (60, 0), "{steps}: {stats:?}");
        for (step, depth) in &depths {
            let one = ask(&mut conn, &format!("QADMIN.PREVIEW celery WHERE id EXISTS PRIORITY {step} BUST"));
            assert_eq!(one.int("match_count"), *depth, "{step} of {steps}");
        }
        let queues = ask(&mut conn, "QADMIN.QUEUES");
        assert_eq!(
            (queues.rows("queues").len(), queues.rows("queues")[0].int("depth")),
            (1, 60),
            "{queues:?}"
        );
        // The order of all messages: workers receive them in the order that the sample shows.
        let preview =
            ask(&mut conn, "QADMIN.PREVIEW celery WHERE id EXISTS PRIORITY ALL SAMPLE 100 FIELDS 1 id BUST");
        let shown: Vec<String> = preview.rows("sample").iter().map(|row| row.text("id")).collect();
        let kept = shown[0].clone();
        let line = "QADMIN.CLEARJOB celery WHERE id EXISTS KEEPONE PRIORITY ALL DRYRUN";
        let job = ask(&mut conn, line).text("job_id");
        let end = wait_for_job(&mut conn, &job);
        assert_eq!((end.int("kept_priority"), end.int("kept_index")), (0, -1), "{steps}: {end:?}");
        let got = kombu(&server, &["receive", steps, separator, "60"]);
        let got: Vec<String> = serde_json::from_value(got["ids"].clone()).expect("ids");
        assert_eq!((got.len(), &got[0]), (60, &kept));
        assert_eq!(got, shown, "{steps}: the order of workers");
    }
}
