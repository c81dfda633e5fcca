//! The options of CLEARJOB besides ALL and KEEPONE: the cleared messages are those that a simple reading of
//! the option selects, a dry run reports the same, and replicas and the append-only file have the same
//! result.

use std::collections::HashSet;

use qadmin_harness::{Fields as _, Server, eventually, map};
use redis::{Commands as _, Connection, Value, cmd};

use crate::durability::{
    assert_no_mismatch, audit, digest, in_memory, queue, record_key, recorded, slow, tell, until_caught_up,
};
use crate::model::Rng;
use crate::support::{Reply, ask, run, wait_for_job};

const ID: &str = "5b7a3c1e-2f64-4f0a-9a3d-8c2e6b1d7f05";

/// One message and its content, known without reading it.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) bytes: Vec<u8>,
    pub(crate) task: &'static str,
    pub(crate) id: String,
    args: String,
    /// Whether its body can be read.
    readable: bool,
}

impl Message {
    pub(crate) fn matches(&self) -> bool {
        self.task == "m"
    }
}

fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let n = part.iter().enumerate().fold(0_u32, |n, (i, byte)| n | u32::from(*byte) << (16 - 8 * i));
        for i in 0..4 {
            let sign = SIGNS[(n >> (18 - 6 * i) & 63) as usize];
            text.push(if i <= part.len() { char::from(sign) } else { '=' });
        }
    }
    text
}

/// Creates a message of protocol 2. The same id and arguments are written in several ways.
fn message(rng: &mut Rng, number: usize) -> Message {
    let task = if rng.within(1, 100) <= 40 { "m" } else { "o" };
    // Every third message is a retry: it has the id and the arguments of an earlier one.
    let of = if rng.within(1, 3) == 1 { rng.within(0, number) } else { number };
    let id = format!("id-{of}");
    let written = if number.is_multiple_of(2) { id.clone() } else { id.replace('i', "\\u0069") };
    let args = format!("[{}, \"x\"]", of % 50);
    let readable = rng.within(1, 20) > 1;
    let (kind, body) = if readable {
        ("application/json", format!("[{args}, {{\"k\": \"{task}\"}}, {{}}]").into_bytes())
    } else {
        ("application/x-python-serialize", b"\x80\x04N.".to_vec())
    };
    let bytes = format!(
        r#"{{"body":"{}","content-encoding":"utf-8","content-type":"{kind}","headers":{{"lang":"py","task":"{task}","id":"{written}","n":{number}}},"properties":{{"body_encoding":"base64"}}}}"#,
        base64(&body)
    );
    Message { bytes: bytes.into_bytes(), task, id, args, readable }
}

/// Returns messages, the one that runs next first.
pub(crate) fn messages(seed: u64, count: usize) -> Vec<Message> {
    let mut rng = Rng::new(seed);
    (0..count).map(|number| message(&mut rng, number)).collect()
}

fn push(conn: &mut Connection, messages: &[Message]) {
    push_to(conn, "celery", messages);
}

pub(crate) fn push_to(conn: &mut Connection, queue: &str, messages: &[Message]) {
    for part in messages.chunks(500) {
        let bytes: Vec<&[u8]> = part.iter().map(|message| message.bytes.as_slice()).collect();
        conn.lpush::<_, _, ()>(queue, bytes).expect("LPUSH");
    }
}

/// A simple definition of the matches that are kept.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stays {
    None,
    All,
    Oldest,
    Newest,
    OfEachId,
    OfEachTaskAndArgs,
}

pub(crate) struct Case {
    pub(crate) options: &'static str,
    stays: Stays,
    limit: usize,
    status: &'static str,
}

pub(crate) const fn case(options: &'static str, stays: Stays, limit: usize) -> Case {
    Case { options, stays, limit, status: "completed" }
}

const CASES: [Case; 18] = [
    case("ALL LIMIT 1", Stays::None, 1),
    case("ALL LIMIT 7", Stays::None, 7),
    case("ALL LIMIT 300", Stays::None, 300),
    case("ALL LIMIT 1000000", Stays::None, 1_000_000),
    case("ALL RATE 100000", Stays::None, usize::MAX),
    case("KEEPONE KEEP OLDEST", Stays::Oldest, usize::MAX),
    case("KEEPONE LIMIT 9", Stays::Oldest, 9),
    case("KEEPONE KEEP NEWEST", Stays::Newest, usize::MAX),
    case("KEEPONE KEEP NEWEST RATE 100000", Stays::Newest, usize::MAX),
    case("KEEPONE BY id", Stays::OfEachId, usize::MAX),
    case("KEEPONE BY 1 id LIMIT 20", Stays::OfEachId, 20),
    case("KEEPONE BY task args", Stays::OfEachTaskAndArgs, usize::MAX),
    case("KEEPONE BY task args EXPECT 100000 RATE 100000", Stays::OfEachTaskAndArgs, usize::MAX),
    case("ALL EXPECT 100000", Stays::None, usize::MAX),
    case("ALL EXPECT 100000 LIMIT 11", Stays::None, 11),
    case("KEEPONE KEEP NEWEST EXPECT 100000", Stays::Newest, usize::MAX),
    Case { options: "ALL EXPECT 10", stays: Stays::All, limit: 0, status: "failed" },
    Case { options: "KEEPONE BY id EXPECT 10 TOLERANCE 900", stays: Stays::All, limit: 0, status: "failed" },
];

impl Case {
    /// Returns the messages that are cleared, by their distance from the consumer end.
    pub(crate) fn goes(&self, messages: &[Message]) -> HashSet<usize> {
        let matches: Vec<usize> = (0..messages.len()).filter(|at| messages[*at].matches()).collect();
        let mut met = HashSet::new();
        let stays = |at: &usize| {
            let message = &messages[*at];
            match self.stays {
                Stays::None => false,
                Stays::All => true,
                Stays::Oldest => matches.first() == Some(at),
                Stays::Newest => matches.last() == Some(at),
                Stays::OfEachId => met.insert(message.id.clone()),
                Stays::OfEachTaskAndArgs => {
                    !message.readable || met.insert(format!("{} {}", message.task, message.args))
                }
            }
        };
        let mut stays = stays;
        matches.iter().copied().filter(|at| !stays(at)).take(self.limit).collect()
    }
}

/// Returns the remaining messages with the newest first, as LRANGE shows them.
pub(crate) fn without(messages: &[Message], gone: &HashSet<usize>) -> Vec<Vec<u8>> {
    let stays = messages.iter().enumerate().filter(|(at, _)| !gone.contains(at));
    stays.map(|(_, message)| message.bytes.clone()).rev().collect()
}

#[test]
fn options_clear_what_they_say_and_dry_runs_replicas_and_files_agree() {
    let mut server = slow().start();
    let replica = slow().start();
    replica.replica_of(&server);
    let mut conn = server.conn();
    crate::stage::set(&mut conn, "slice-us 100 duty 100");
    for (at, case) in CASES.iter().enumerate() {
        let options = case.options;
        tell(&mut conn, "DEL celery");
        let all = messages(at as u64, 1_500);
        push(&mut conn, &all);
        let gone = case.goes(&all);
        let count = i64::try_from(gone.len()).expect("small");
        let dry = ask(&mut conn, &format!("QADMIN.CLEARJOB celery TASK m {options} DRYRUN")).text("job_id");
        let dry = wait_for_job(&mut conn, &dry);
        assert!(queue(&mut conn) == without(&all, &HashSet::new()), "{options}: a dry run writes nothing");
        let real =
            ask(&mut conn, &format!("QADMIN.CLEARJOB celery TASK m {options} CONFIRM celery")).text("job_id");
        let real = wait_for_job(&mut conn, &real);
        for (job, deleted) in [(&dry, 0), (&real, count)] {
            assert_eq!(job.text("status"), case.status, "{options}: {job:?}");
            assert_eq!((job.int("would_delete"), job.int("deleted")), (count, deleted), "{options}: {job:?}");
        }
        assert!(queue(&mut conn) == without(&all, &gone), "{options}: another queue than it should be");
        for name in ["kept_index", "error", "by", "distinct", "unkeyed", "keep", "limit", "rate"] {
            let same = dry.get_field(name) == real.get_field(name);
            // The kept message comes after fewer messages once the others are removed.
            assert!(same || name == "kept_index", "{options}: {name}: {dry:?} {real:?}");
        }
        if let Stays::Oldest | Stays::Newest = case.stays {
            let kept: Vec<u8> = conn
                .lindex("celery", isize::try_from(real.int("kept_index")).expect("small"))
                .expect("LINDEX");
            let mut matches = all.iter().filter(|message| message.matches());
            let expected = if let Stays::Oldest = case.stays { matches.next() } else { matches.next_back() };
            assert_eq!(Some(&kept), expected.map(|message| &message.bytes), "{options}: {real:?}");
        }
        let entries = audit(&mut conn);
        for entry in &entries[entries.len() - 2..] {
            let words = options.split(' ').filter(|word| !["ALL", "KEEPONE", "OLDEST", "1"].contains(word));
            for word in words.filter(|word| *word != "KEEP" || options.contains("NEWEST")) {
                assert!(entry.text("options").contains(word), "{options}: {entry:?}");
            }
        }
        until_caught_up(&server, &replica);
        assert_eq!(digest(&mut conn), digest(&mut replica.conn()), "{options}: the replica differs");
        if at % 6 == 5 {
            let before = digest(&mut conn);
            server.restart();
            conn = server.conn();
            crate::stage::set(&mut conn, "slice-us 100 duty 100");
            assert_eq!(digest(&mut conn), before, "{options}: the append-only file differs");
            replica.wait_for_link();
        }
    }
    assert_no_mismatch(&server);
    assert_no_mismatch(&replica);
}

#[test]
fn more_matches_than_expected_end_the_job_before_it_takes_anything() {
    let server = Server::start();
    let mut conn = server.conn();
    let all = messages(77, 900);
    push(&mut conn, &all);
    let matches = all.iter().filter(|message| message.matches()).count();
    let line = |expect: &str| format!("QADMIN.CLEARJOB celery TASK m ALL EXPECT {expect} CONFIRM celery");
    let surprised = |conn: &mut Connection, expect: &str| {
        let job = ask(conn, &line(expect)).text("job_id");
        let end = wait_for_job(conn, &job);
        assert_eq!(end.text("status"), "failed", "{expect}: {end:?}");
        assert_eq!((end.int("deleted"), end.int("would_delete")), (0, 0), "{expect}: {end:?}");
        assert_eq!(recorded(conn, &job, "deleted"), "0");
        end.text("error")
    };
    let fewer = matches - 1;
    assert_eq!(
        surprised(&mut conn, &fewer.to_string()),
        format!("EXPECT expected at most {fewer} matches and found {matches}; nothing was cleared")
    );
    surprised(&mut conn, "0 TOLERANCE 1000");
    let tenth = matches * 100 / 110 - 1;
    surprised(&mut conn, &format!("{tenth} TOLERANCE 10"));
    assert_eq!(queue(&mut conn).len(), 900);
    // As many matches as expected, within the tolerance, do not end the job, and neither do fewer.
    let dry = ask(&mut conn, &format!("{} DRYRUN", line(&format!("{} TOLERANCE 10", tenth + 2))));
    assert_eq!(wait_for_job(&mut conn, &dry.text("job_id")).int("would_delete"), matches as i64);
    let job = ask(&mut conn, &line(&matches.to_string())).text("job_id");
    let end = wait_for_job(&mut conn, &job);
    assert_eq!(end.text("status"), "completed", "{end:?}");
    assert_eq!(
        (end.int("counted"), end.int("deleted"), end.int("passes_run")),
        (matches as i64, matches as i64, 2)
    );
    let job = ask(&mut conn, &line("5")).text("job_id");
    assert_eq!(wait_for_job(&mut conn, &job).text("status"), "completed", "there is nothing left");
}

/// Runs a clear of a queue while a worker pops and a producer pushes. Returns its end, the messages that the
/// worker took, and the remaining messages from the consumer end on.
fn in_traffic(options: &str, all: &[Message]) -> (Reply, HashSet<Vec<u8>>, Vec<Vec<u8>>) {
    let server = in_memory().start();
    let mut conn = server.conn();
    push(&mut conn, all);
    let id =
        ask(&mut conn, &format!("QADMIN.CLEARJOB celery TASK m {options} CONFIRM celery")).text("job_id");
    let mut popped = HashSet::new();
    let mut rng = Rng::new(9);
    let mut late = 0;
    eventually("the job ends", || {
        popped.extend(conn.rpop::<_, Option<Vec<u8>>>("celery", None).expect("RPOP"));
        late += 1;
        let mut late = message(&mut rng, 1_000_000 + late);
        late.task = "late";
        push(&mut conn, &[late]);
        !ask(&mut conn, &format!("QADMIN.STATUS {id}")).is_null("completed_at")
    });
    assert_no_mismatch(&server);
    let mut left = queue(&mut conn);
    left.reverse();
    (wait_for_job(&mut conn, &id), popped, left)
}

#[test]
fn limit_clears_what_runs_next_while_workers_pop() {
    let all = messages(5, 12_000);
    let (end, popped, left) = in_traffic("ALL LIMIT 900", &all);
    assert_eq!((end.text("status").as_str(), end.int("deleted")), ("completed", 900), "{end:?}");
    let left: HashSet<Vec<u8>> = left.into_iter().collect();
    let gone: Vec<usize> = (0..all.len())
        .filter(|at| !left.contains(&all[*at].bytes) && !popped.contains(&all[*at].bytes))
        .collect();
    assert_eq!(gone.len(), 900);
    assert!(gone.iter().all(|at| all[*at].matches()));
    let last = *gone.last().expect("900");
    let before = all[..last].iter().filter(|message| message.matches() && left.contains(&message.bytes));
    assert_eq!(before.count(), 0, "a match that runs earlier than one that was taken is still there");
}

#[test]
fn one_match_per_value_is_kept_or_popped() {
    let all = messages(6, 12_000);
    let (end, popped, left) = in_traffic("KEEPONE BY id", &all);
    assert_eq!(end.text("status"), "completed", "{end:?}");
    assert_eq!(end.int("matched") - end.int("distinct"), end.int("deleted"), "{end:?}");
    assert_eq!(end.int("total_estimated"), end.int("processed") + end.int("drifted"), "{end:?}");
    let left: HashSet<Vec<u8>> = left.into_iter().collect();
    let (mut there, mut known) = (HashSet::new(), HashSet::new());
    for message in all.iter().filter(|message| message.matches()) {
        if left.contains(&message.bytes) {
            assert!(there.insert(&message.id), "{} is there twice", message.id);
        }
        if left.contains(&message.bytes) || popped.contains(&message.bytes) {
            known.insert(&message.id);
        }
    }
    let matches = all.iter().filter(|message| message.matches());
    assert!(matches.into_iter().all(|message| known.contains(&message.id)), "all of one id are gone");
}

#[test]
fn newest_of_snapshot_and_late_messages_are_kept() {
    let server = in_memory().start();
    let mut conn = server.conn();
    let all = messages(8, 2_000);
    push(&mut conn, &all);
    let newest = all.iter().rfind(|message| message.matches()).expect("there are matches").bytes.clone();
    let late: Vec<Message> = messages(80, 60)
        .into_iter()
        .map(|mut message| {
            message.bytes.push(b' ');
            message
        })
        .collect();
    // This is one transaction: the pushed messages are there before the first slice.
    let mut pipe = redis::pipe();
    pipe.atomic();
    pipe.cmd("QADMIN.CLEARJOB")
        .arg(&["celery", "TASK", "m", "KEEPONE", "KEEP", "NEWEST", "CONFIRM", "celery"]);
    for message in &late[..30] {
        pipe.cmd("LPUSH").arg("celery").arg(&message.bytes);
    }
    let answers: Vec<Value> = pipe.query(&mut conn).expect("EXEC");
    let id = map(&answers[0]).text("job_id");
    push(&mut conn, &late[30..]);
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(end.text("status"), "completed", "{end:?}");
    let mut expected: Vec<Vec<u8>> =
        all.iter().filter(|m| !m.matches() || m.bytes == newest).map(|m| m.bytes.clone()).collect();
    expected.extend(late.iter().map(|message| message.bytes.clone()));
    expected.reverse();
    assert!(queue(&mut conn) == expected, "{end:?}");
}

#[test]
fn too_many_distinct_values_fail_the_job_and_nothing_is_guessed() {
    const MOST: usize = 200_000;
    let server = Server::start();
    let mut conn = server.conn();
    let text = |n: usize| format!(r#"{{"headers":{{"task":"m","id":"{n}"}},"body":""}}"#);
    let all: Vec<usize> = (0..MOST + 10).collect();
    for part in all.chunks(20_000) {
        let mut push = cmd("LPUSH");
        push.arg("celery");
        part.iter().for_each(|n| {
            push.arg(text(*n));
        });
        push.exec(&mut conn).expect("LPUSH");
    }
    // There are two copies of the first one, of which the second is cleared.
    conn.rpush::<_, _, ()>("celery", text(0)).expect("RPUSH");
    let clear = "QADMIN.CLEARJOB celery TASK m KEEPONE BY id";
    let job = ask(&mut conn, &format!("{clear} CONFIRM celery")).text("job_id");
    let end = wait_for_job(&mut conn, &job);
    assert_eq!(end.text("status"), "failed", "{end:?}");
    assert_eq!((end.int("deleted"), end.int("distinct")), (1, MOST as i64), "{end:?}");
    assert_eq!(
        end.text("error"),
        "ERR the matches have more than 200000 distinct values of BY; 1 message had been cleared; narrow \
         the filter"
    );
    assert_eq!(conn.llen::<_, usize>("celery").expect("LLEN"), MOST + 10);
}

#[test]
fn a_resent_command_must_repeat_the_options_and_the_record_has_them() {
    let server = Server::start();
    let mut conn = server.conn();
    push(&mut conn, &messages(1, 50));
    let line = |options: &str| format!("QADMIN.CLEARJOB celery TASK m {options} CONFIRM celery ID {ID}");
    let options = "KEEPONE BY 2 task args LIMIT 3 RATE 500 EXPECT 40 TOLERANCE 25";
    let first = ask(&mut conn, &line(options));
    assert_eq!(first.int("deduplicated"), 0);
    assert_eq!(wait_for_job(&mut conn, ID).text("status"), "completed");
    assert_eq!(
        ask(&mut conn, &line("keepone by task args limit 3 rate 500 expect 40 tolerance 25"))
            .int("deduplicated"),
        1
    );
    for other in [
        "KEEPONE",
        "KEEPONE BY args task LIMIT 3 RATE 500 EXPECT 40 TOLERANCE 25",
        "KEEPONE BY task args LIMIT 4 RATE 500 EXPECT 40 TOLERANCE 25",
        "KEEPONE BY task args LIMIT 3 RATE 501 EXPECT 40 TOLERANCE 25",
        "KEEPONE BY task args LIMIT 3 RATE 500 EXPECT 41 TOLERANCE 25",
        "KEEPONE BY task args LIMIT 3 RATE 500 EXPECT 40",
    ] {
        let refused = run(&mut conn, &line(other)).expect_err("another request");
        assert!(refused.to_string().contains("belongs to a job with other arguments"), "{other}: {refused}");
    }
    let record: Vec<(String, String)> = conn.hgetall(record_key(ID)).expect("HGETALL");
    for (name, value) in [
        ("keep", "oldest"),
        ("by", "task args"),
        ("limit", "3"),
        ("rate", "500"),
        ("expect", "40"),
        ("tolerance", "25"),
    ] {
        assert!(record.contains(&(name.into(), value.into())), "{name}: {record:?}");
    }
    let entry = audit(&mut conn).pop().expect("an entry");
    assert_eq!(entry.text("options"), "BY task args LIMIT 3 RATE 500 EXPECT 40 TOLERANCE 25");
}

#[test]
fn throttled_clear_is_slow_and_can_be_accelerated() {
    let server = Server::start();
    let mut conn = server.conn();
    let all = messages(2, 1_000);
    push(&mut conn, &all);
    let job = ask(&mut conn, "QADMIN.CLEARJOB celery TASK m ALL LIMIT 60 RATE 100 CONFIRM celery");
    let end = wait_for_job(&mut conn, &job.text("job_id"));
    // A tenth of a second's worth is cleared at once, the rest at the rate.
    let took_ms = end.int("completed_at") - end.int("started_at");
    assert!(end.int("deleted") == 60 && took_ms >= 400, "{end:?}");
    assert_eq!(end.text("notice"), "throttled: at most 100 messages per second");
    let job = ask(&mut conn, "QADMIN.CLEARJOB celery TASK m ALL RATE 1 CONFIRM celery").text("job_id");
    ask(&mut conn, &format!("QADMIN.THROTTLE {job} RATE 0"));
    let end = wait_for_job(&mut conn, &job);
    assert_eq!(end.text("status"), "completed");
    assert!(end.is_null("rate"), "none is in force: {end:?}");
}
