//! Pickled bodies are read as data: what they say is what Python reads from them, and nothing in them is
//! executed.

use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use qadmin_harness::{Fields as _, Server, eventually, map, spawn};
use redis::{Commands as _, Connection, Value};
use serde_json::Value as Json;

use crate::support::celery::script;
use crate::support::{Reply, ask, run, wait_for_job};

fn command(conn: &mut Connection, words: &[&str]) -> Reply {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    map(&command.query::<Value>(conn).unwrap_or_else(|error| panic!("{words:?}: {error}")))
}

/// Returns the counts of a preview: matches, and messages for which the filter stayed unknown.
fn counted(conn: &mut Connection, queue: &str, filter: &[&str]) -> (i64, i64) {
    let reply = command(conn, &[&["QADMIN.PREVIEW", queue], filter, &["SAMPLE", "0"]].concat());
    let reply = match reply.text("mode").as_str() {
        "job" => wait_for_job(conn, &reply.text("job_id")),
        _ => return (reply.int("match_count"), reply.int("unreadable")),
    };
    (reply.int("matched"), reply.int("unreadable"))
}

/// A message with a pickled body, whose sender shows other arguments.
fn pickled(id: usize, pickle: &[u8]) -> String {
    let body = BASE64.encode(pickle);
    format!(
        r#"{{"body": "{body}", "content-type": "application/x-python-serialize", "content-encoding": "binary", "headers": {{"task": "t", "id": "{id}", "kwargsrepr": "{{'repoid': 8}}"}}, "properties": {{"body_encoding": "base64"}}}}"#
    )
}

/// A body of protocol 2 whose keyword arguments are `repoid`, 7, and `x`, which these opcodes push.
fn body(x: &[u8]) -> Vec<u8> {
    [b"\x80\x04)}(\x8c\x06repoidK\x07\x8c\x01x", x, b"u}\x87."].concat()
}

fn push(conn: &mut Connection, queue: &str, messages: &[String]) {
    let _: i64 = conn.lpush(queue, messages).expect("LPUSH");
}

/// Conditions on `kwargs.v`. The values of all groups are asked for as well.
const QUESTIONS: [&str; 34] = [
    "= 7",
    "!= 7",
    "= 0",
    "!= abc",
    "= true",
    "!= false",
    "= \"\"",
    "= []",
    "= {}",
    "= [7]",
    "< 100",
    "> 0",
    "<= 1e300",
    ">= -1e300",
    "< 2024-05-01T10:00:00Z",
    ">= 2000-01-01",
    "GLOB *",
    "GLOB a*",
    "GLOB *7*",
    "GLOB [0-9]*",
    "CONTAINS 7",
    "CONTAINS abc",
    "CONTAINS true",
    "EXISTS",
    "MISSING",
    "IN 3 7 abc true",
    "IN 2 0 1",
    "= NaN",
    "= Infinity",
    "= 00000000000000000000000000000000",
    "!= 12.50",
    "GLOB *\u{e9}*",
    "> 1e10",
    "CONTAINS 0",
];
/// The same of values inside `kwargs.v`.
const INSIDE: [&str; 9] = [
    "kwargs.v.0 EXISTS",
    "kwargs.v.0 = 0",
    "kwargs.v.k0 EXISTS",
    "kwargs.v.k0 MISSING",
    "kwargs.v.k0 != 7",
    "kwargs.v.1.0 EXISTS",
    "kwargs.* = true",
    "kwargs.* GLOB a*",
    "kwargs.v.k1.k0 MISSING",
];

fn ids(conn: &mut Connection, queue: &str) -> Vec<String> {
    // The counter is in the body; the groups name it.
    let stats = ["QADMIN.STATS", queue, "GROUPBY", "1", "kwargs.n", "TOP", "1000"];
    let mut ids: Vec<String> =
        command(conn, &stats).rows("groups").iter().map(|row| row.int("kwargs.n").to_string()).collect();
    ids.sort();
    ids
}

/// The variable `QADMIN_PICKLES` is the number of values; `make test-nightly` sends 100,000.
#[test]
fn generated_values_are_judged_as_the_same_values_in_json() {
    let count = std::env::var("QADMIN_PICKLES").unwrap_or_else(|_| "1500".into());
    let server = Server::builder().module_args("inline-limit 1000000 inline-wait 60000").start();
    let mut conn = server.conn();
    let mut command_line = script(&server);
    command_line.args(["pickled_values.py", &count, "7"]).stdout(Stdio::piped());
    let output = spawn(command_line).expect("Python starts").wait_with_output().expect("it ends");
    assert!(output.status.success(), "the sender failed: {}", output.status);
    let sent: Json = serde_json::from_slice(&output.stdout).expect("the sender prints JSON");
    let [pickled, objects] = ["pickled", "objects"].map(|queue| sent[queue].as_i64().expect("a number"));
    assert!(pickled > 500 && objects > 50, "{sent}");

    let groups = |conn: &mut Connection, queue: &str| {
        let stats = command(conn, &["QADMIN.STATS", queue, "GROUPBY", "1", "kwargs.v", "TOP", "500"]);
        let rows = stats.rows("groups");
        let shown = |row: &Reply| (format!("{:?}", row.get_field("kwargs.v")), row.int("count"));
        (
            format!("{:?}", stats.get_field("groups_total")),
            stats.int("unreadable"),
            rows.iter().map(shown).collect::<Vec<_>>(),
            rows,
        )
    };
    let (of_pickled, of_json) = (groups(&mut conn, "pickled"), groups(&mut conn, "json"));
    // There can be more groups than STATS keeps: those that it found first are the same.
    assert_eq!((&of_pickled.0, of_pickled.1, &of_pickled.2), (&of_json.0, of_json.1, &of_json.2));
    assert_eq!(of_pickled.1, 0, "all bodies are read");
    let mut questions: Vec<Vec<String>> = Vec::new();
    let split = |words: &str| words.split(' ').map(String::from).collect::<Vec<_>>();
    questions.extend(QUESTIONS.iter().map(|words| [vec!["kwargs.v".into()], split(words)].concat()));
    questions.extend(INSIDE.iter().map(|words| split(words)));
    for row in of_json.3.iter().take(200) {
        let value = match row.get_field("kwargs.v") {
            Value::Int(n) => n.to_string(),
            Value::BulkString(bytes) if bytes.len() < 200 => String::from_utf8(bytes.clone()).expect("text"),
            _ => continue,
        };
        questions.push(vec!["kwargs.v".into(), "=".into(), value]);
    }
    let mut decided = 0;
    for question in &questions {
        let words: Vec<&str> = ["WHERE"].into_iter().chain(question.iter().map(String::as_str)).collect();
        let (by_pickle, by_json) =
            (counted(&mut conn, "pickled", &words), counted(&mut conn, "json", &words));
        assert_eq!(by_pickle, by_json, "{words:?}");
        decided += usize::from(by_pickle.0 > 0);
    }
    assert!(decided > 100, "{decided} questions have matches");

    // A clear takes the messages that a preview counts, and the same ones of both queues.
    for question in ["kwargs.v GLOB *", "kwargs.v >= 0", "kwargs.v != 7", "kwargs.v MISSING"] {
        let words = split(question);
        let words: Vec<&str> = ["WHERE"].into_iter().chain(words.iter().map(String::as_str)).collect();
        let mut left = Vec::new();
        for queue in ["pickled", "json"] {
            let (count, _) = counted(&mut conn, queue, &words);
            let clear = [&["QADMIN.CLEARJOB", queue], &words[..], &["ALL", "CONFIRM", queue]].concat();
            let job = command(&mut conn, &clear).text("job_id");
            let end = wait_for_job(&mut conn, &job);
            assert_eq!((end.int("deleted"), end.text("status").as_str()), (count, "completed"), "{end:?}");
            left.push((conn.llen::<_, i64>(queue).expect("LLEN"), ids(&mut conn, queue)));
        }
        assert_eq!(left[0], left[1], "{question}");
    }

    // Of the others nothing is compared, and nothing is cleared.
    for words in ["= 7", "!= 7", "> 0", "GLOB *", "IN 2 7 8"] {
        let words = split(words);
        let words: Vec<&str> =
            ["WHERE", "kwargs.v"].into_iter().chain(words.iter().map(String::as_str)).collect();
        assert_eq!(counted(&mut conn, "objects", &words), (0, objects), "{words:?}");
    }
    assert_eq!(counted(&mut conn, "objects", &["WHERE", "kwargs.v", "EXISTS"]), (objects, 0));
    assert_eq!(counted(&mut conn, "objects", &["WHERE", "kwargs.v", "MISSING"]), (0, 0));
}

#[test]
fn what_a_pickle_would_execute_is_an_object_of_which_nothing_is_known() {
    let server = Server::start();
    let mut conn = server.conn();
    let file = server.dir().join("executed");
    let touch = format!("touch {}", file.display());
    let text =
        |text: &str| [b"\x8c", &[u8::try_from(text.len()).expect("short")][..], text.as_bytes()].concat();
    let touch = text(&touch);
    let system = |module: &str, how: &[u8]| {
        let name = [text(module), text("system"), b"\x93".to_vec()].concat();
        match how {
            b"o" => [b"(", &name[..], &touch, b"o"].concat(),
            b"i" => [b"(", &touch[..], format!("i{module}\nsystem\n").as_bytes()].concat(),
            how => [&name[..], &touch, b"\x85", how].concat(),
        }
    };
    let messages: Vec<String> = [b"R", b"\x81", b"o", b"i"]
        .iter()
        .flat_map(|how| ["os", "posix"].map(|module| system(module, *how)))
        .enumerate()
        .map(|(id, x)| pickled(id, &body(&x)))
        .collect();
    push(&mut conn, "q", &messages);
    let all = messages.len() as i64;
    let shown = ask(&mut conn, "QADMIN.PREVIEW q REPOID 7 SAMPLE 1 FIELDS 1 kwargs.x");
    assert_eq!(shown.int("match_count"), all, "{shown:?}");
    assert!(shown.rows("sample")[0].text("kwargs.x").contains("{\"__class__\":\""), "{shown:?}");
    for (filter, wanted) in [("EXISTS", (all, 0)), ("MISSING", (0, 0)), ("= 7", (0, all)), ("!= 7", (0, all))]
    {
        let words: Vec<&str> = ["WHERE", "kwargs.x"].into_iter().chain(filter.split(' ')).collect();
        assert_eq!(counted(&mut conn, "q", &words), wanted, "{filter}");
        // What is inside is neither there nor absent.
        let inside: Vec<&str> = ["WHERE", "kwargs.x.y"].into_iter().chain(filter.split(' ')).collect();
        assert_eq!(counted(&mut conn, "q", &inside), (0, all), "inside: {filter}");
    }
    let stats = ask(&mut conn, "QADMIN.STATS q GROUPBY 1 kwargs.x");
    assert_eq!((stats.int("groups_total"), stats.int("unreadable")), (1, all), "{stats:?}");
    let job = ask(&mut conn, "QADMIN.CLEARJOB q WHERE kwargs.x MISSING ALL CONFIRM q").text("job_id");
    assert_eq!(wait_for_job(&mut conn, &job).int("deleted"), 0);
    // KEEPONE BY cannot tell them apart, so it keeps them all.
    let job = ask(&mut conn, "QADMIN.CLEARJOB q REPOID 7 KEEPONE BY 1 kwargs.x CONFIRM q").text("job_id");
    let end = wait_for_job(&mut conn, &job);
    assert_eq!((end.int("deleted"), end.int("unkeyed")), (0, all), "{end:?}");
    assert!(!file.exists(), "a pickle was executed");
}

#[test]
fn pickles_that_describe_too_much_are_unreadable_and_delay_nobody() {
    const EACH: usize = 30;
    let server = Server::builder().module_args("slice-us 50 inline-limit 0 sample-window 0").start();
    let mut conn = server.conn();
    let mut laughs = b"(]\x94".to_vec();
    for level in 0..60 {
        laughs.extend([b"]\x94(", &[b'h', level].repeat(10)[..], b"e"].concat());
    }
    laughs.push(b't');
    let deep = [vec![b']'; 50_000], vec![b'a'; 49_999]].concat();
    let hostile = [
        laughs,
        deep,
        b"]\x94h\0a".to_vec(),
        b"\x8d\0\0\0\0\0\0\0\x10".to_vec(),
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f".to_vec(),
        b"\x8b\xff\xff\xff\x7f".to_vec(),
        b"Nr\xff\xff\xff\x7f".to_vec(),
        b"(".repeat(60_000),
        b"N0".repeat(60_000),
        [b"\x8a\x80".to_vec(), vec![0x7f; 128], b"\x94".to_vec(), b"h\0a".repeat(20_000)].concat(),
    ];
    // The largest that is read: 60,000 values.
    let largest = body(&[b"](", &b"K\x07".repeat(60_000)[..], b"e"].concat());
    let used = |conn: &mut Connection| {
        let info: String = redis::cmd("INFO").arg("memory").query(conn).expect("INFO");
        let line = info.lines().find_map(|line| line.strip_prefix("used_memory_peak:")).expect("a line");
        line.trim().parse::<u64>().expect("a number")
    };
    for n in 0..EACH {
        let bodies = hostile.iter().map(|x| body(x)).chain([largest.clone()]);
        let messages: Vec<String> = bodies
            .enumerate()
            .map(|(at, body)| pickled(n * 100 + at, &body).replace("kwargsrepr", "nothing"))
            .collect();
        push(&mut conn, "q", &messages);
    }
    let before = used(&mut conn);
    let job = ask(&mut conn, "QADMIN.PREVIEW q REPOID 7 SAMPLE 0");
    let end = wait_for_job(&mut conn, &job.text("job_id"));
    assert_eq!(
        (end.int("matched"), end.int("unreadable")),
        (EACH as i64, (EACH * hostile.len()) as i64),
        "{end:?}"
    );
    // Reading counts as work: the clock is read before 16 messages were examined.
    assert!(end.int("slices") > (EACH * (hostile.len() + 1) / 16 + 1) as i64, "{end:?}");
    let more = used(&mut conn).saturating_sub(before);
    assert!(more < 16 << 20, "no memory for what is only claimed: {more} bytes");
    let job = ask(&mut conn, "QADMIN.CLEARJOB q REPOID 7 ALL CONFIRM q").text("job_id");
    assert_eq!(wait_for_job(&mut conn, &job).int("deleted"), EACH as i64);
}

#[test]
fn the_setting_decides_when_a_command_is_accepted() {
    let server = Server::builder().module_args("pickle no").start();
    let mut conn = server.conn();
    let messages: Vec<String> = (0..500).map(|id| pickled(id, &body(b"N"))).collect();
    push(&mut conn, "q", &messages);
    let set = |conn: &mut Connection, value: &str| {
        run(conn, &format!("CONFIG SET qadmin.pickle {value}")).expect("CONFIG SET");
    };
    let count = |conn: &mut Connection| {
        let reply = ask(conn, "QADMIN.PREVIEW q REPOID 7 SAMPLE 2");
        let rows = reply.rows("sample").len();
        (reply.int("match_count"), reply.int("unreadable"), reply.int("inexact"), rows)
    };
    let by_text = |conn: &mut Connection| ask(conn, "QADMIN.PREVIEW q REPOID 8 SAMPLE 0").int("inexact");
    for _ in 0..2 {
        // A count that was made otherwise does not answer.
        assert_eq!(
            (count(&mut conn), by_text(&mut conn)),
            ((0, 0, 0, 0), 500),
            "not read: the sender's text says 8"
        );
        set(&mut conn, "yes");
        assert_eq!((count(&mut conn), by_text(&mut conn)), ((500, 0, 0, 2), 0), "read: the body counts");
        set(&mut conn, "no");
    }
    // A job that is under way goes on as it began.
    for (first, then, deleted) in [("no", "yes", 0), ("yes", "no", 500)] {
        set(&mut conn, first);
        let job = ask(&mut conn, "QADMIN.CLEARJOB q REPOID 7 ALL PARK RATE 100 CONFIRM q").text("job_id");
        set(&mut conn, then);
        ask(&mut conn, &format!("QADMIN.THROTTLE {job} RATE 0"));
        let end = wait_for_job(&mut conn, &job);
        assert_eq!((end.int("deleted"), end.int("unreadable")), (deleted, 500 - deleted), "{end:?}");
    }
}

#[test]
fn an_index_reads_messages_again_when_the_setting_changes() {
    let server = Server::start();
    let mut conn = server.conn();
    let object = body(b"\x8c\x03app\x8c\x01M\x93)\x81");
    let messages: Vec<String> =
        (0..60).map(|id| pickled(id, &if id % 3 == 0 { object.clone() } else { body(b"K\x05") })).collect();
    push(&mut conn, "q", &messages);
    ask(&mut conn, "QADMIN.INDEX CREATE q FIELDS 2 kwargs.repoid kwargs.x");
    for value in ["yes", "no", "yes"] {
        run(&mut conn, &format!("CONFIG SET qadmin.pickle {value}")).expect("CONFIG SET");
        eventually("all messages are read", || {
            ask(&mut conn, "QADMIN.INDEX INFO q").text("state") == "ready"
        });
        let reads = value == "yes";
        let filters = [
            ("REPOID 7", if reads { (60, 0) } else { (0, 0) }),
            ("WHERE kwargs.x = 5", if reads { (40, 20) } else { (0, 0) }),
            ("WHERE kwargs.x EXISTS", if reads { (60, 0) } else { (0, 0) }),
            ("WHERE kwargs.x MISSING", (0, 0)),
        ];
        for (filter, wanted) in filters {
            for (more, source) in [("", "index"), (" BUST", "scan")] {
                let reply = ask(&mut conn, &format!("QADMIN.PREVIEW q {filter} SAMPLE 0{more}"));
                assert_eq!(reply.text("source"), source, "{filter}: {reply:?}");
                assert_eq!(
                    (reply.int("match_count"), reply.int("unreadable")),
                    wanted,
                    "{value} {filter}: {reply:?}"
                );
            }
        }
        let groups = |conn: &mut Connection, more: &str| {
            let stats = ask(conn, &format!("QADMIN.STATS q GROUPBY 1 kwargs.x{more}"));
            let rows = stats.rows("groups");
            let groups: Vec<_> = rows
                .iter()
                .map(|row| (format!("{:?}", row.get_field("kwargs.x")), row.int("count")))
                .collect();
            (groups, stats.int("unreadable"))
        };
        assert_eq!(groups(&mut conn, ""), groups(&mut conn, " BUST"), "{value}");
    }
}
