//! PARK and UNDO: the messages that a job moved are moved back, and no others.

mod random;
mod servers;
mod throttle;

use qadmin_harness::{Fields as _, Server, map, maps};
use redis::{Commands as _, Connection};

use crate::durability::{audit, in_memory, tell, until_deleted};
use crate::options::{Message, messages, push_to};
use crate::stage::set;
use crate::support::{Reply, ask, run, wait_for_job};

/// An id whose first digits are known.
pub(crate) const PARKED: &str = "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02";
/// The list in which the job of that id parks messages of `celery`.
const LIST: &str = "celery:parked:6f1c2b8e";
const UNDO: &str = "9a0d7e55-0b5f-4a0e-8f63-2b1d4c6e8f01";

pub(crate) fn list(conn: &mut Connection, key: &str) -> Vec<Vec<u8>> {
    conn.lrange(key, 0, -1).expect("LRANGE")
}

/// Runs a job to its end.
pub(crate) fn job(conn: &mut Connection, line: &str) -> Reply {
    let id = ask(conn, line).text("job_id");
    wait_for_job(conn, &id)
}

/// Returns messages as LRANGE shows them; the one that runs next is given first.
fn shown<'m>(messages: impl IntoIterator<Item = &'m Message>) -> Vec<Vec<u8>> {
    let mut bytes: Vec<Vec<u8>> = messages.into_iter().map(|message| message.bytes.clone()).collect();
    bytes.reverse();
    bytes
}

fn park(conn: &mut Connection) -> Reply {
    set(conn, "slice-us 500 duty 100");
    job(conn, &format!("QADMIN.CLEARJOB celery TASK m ALL PARK CONFIRM celery ID {PARKED}"))
}

fn error(conn: &mut Connection, line: &str) -> String {
    match run(conn, line) {
        Ok(reply) => panic!("{line}: {reply:?}"),
        Err(error) => format!("{} {}", error.code().unwrap_or("ERR"), error.detail().unwrap_or_default()),
    }
}

fn count(messages: &[Vec<u8>]) -> i64 {
    i64::try_from(messages.len()).expect("few")
}

#[test]
fn park_moves_to_an_own_list_and_undo_moves_everything_back_in_order() {
    for front in [false, true] {
        let server = Server::start();
        let mut conn = server.conn();
        set(&mut conn, "slice-us 50");
        let all = messages(5, 3_000);
        push_to(&mut conn, "celery", &all);
        let (matches, others): (Vec<&Message>, Vec<&Message>) = all.iter().partition(|m| m.matches());
        let moved = i64::try_from(matches.len()).expect("few");

        let line = "QADMIN.CLEARJOB celery TASK m ALL PARK";
        let dry = ask(&mut conn, &format!("{line} DRYRUN ID 6f1c2b8e-0000-4000-8000-000000000000"));
        assert_eq!(dry.text("to"), LIST, "a dry run names the list");
        assert_eq!(wait_for_job(&mut conn, &dry.text("job_id")).int("would_delete"), moved);
        assert_eq!(conn.exists::<_, i64>(LIST).expect("EXISTS"), 0);

        assert_eq!(ask(&mut conn, &format!("{line} CONFIRM celery ID {PARKED}")).text("to"), LIST);
        let end = wait_for_job(&mut conn, PARKED);
        assert_eq!((end.int("deleted"), end.text("to"), end.int("parked")), (moved, LIST.into(), 1));
        assert!(list(&mut conn, LIST) == shown(matches.iter().copied()));
        let options = audit(&mut conn).pop().expect("an entry").text("options");
        assert_eq!(options, format!("PARK {LIST}"));

        let front = if front { " FRONT" } else { "" };
        let undo = format!("QADMIN.UNDO {PARKED}{front}");
        let dry = ask(&mut conn, &format!("{undo} DRYRUN"));
        assert_eq!((dry.int("moved"), dry.int("undone"), dry.text("undoes")), (moved, 0, PARKED.into()));
        let dry = wait_for_job(&mut conn, &dry.text("job_id"));
        assert_eq!((dry.int("would_delete"), dry.int("deleted"), dry.int("undone")), (moved, 0, 0));
        assert_eq!(count(&list(&mut conn, LIST)), moved, "a dry run moves nothing");
        assert!(ask(&mut conn, &format!("QADMIN.STATUS {PARKED}")).is_null("undone_by"));

        let end = job(&mut conn, &format!("{undo} CONFIRM {LIST} ACTOR jane REASON oops ID {UNDO}"));
        assert_eq!((end.text("kind"), end.text("mode")), ("undo".into(), "all".into()), "{end:?}");
        assert_eq!((end.text("status"), end.int("deleted")), ("completed".into(), moved), "{end:?}");
        assert_eq!((end.text("queue"), end.text("to")), (LIST.into(), "celery".into()));
        assert_eq!((end.text("undoes"), end.int("undone")), (PARKED.into(), moved));
        assert_eq!(end.int("front"), i64::from(!front.is_empty()));
        let (first, then) = if front.is_empty() { (&others, &matches) } else { (&matches, &others) };
        assert!(list(&mut conn, "celery") == shown(first.iter().chain(then).copied()), "the order{front}");
        assert_eq!(conn.exists::<_, i64>(LIST).expect("EXISTS"), 0);

        let undone = ask(&mut conn, &format!("QADMIN.STATUS {PARKED}"));
        assert_eq!((undone.text("undone_by"), undone.int("undone")), (UNDO.into(), moved));
        let record: Vec<String> =
            conn.hmget(format!("qadmin:job:{PARKED}"), &["undone_by", "undone"]).expect("HMGET");
        assert_eq!(record, [UNDO.to_owned(), moved.to_string()]);
        let entries = audit(&mut conn);
        let events: Vec<_> = entries.iter().filter(|entry| entry.text("job_id") == UNDO).collect();
        assert_eq!(events.iter().map(|entry| entry.text("event")).collect::<Vec<_>>(), ["start", "end"]);
        assert_eq!(events[1].text("options"), format!("UNDO {PARKED} TO celery{front}"));
        assert_eq!((events[1].text("actor"), events[1].text("reason")), ("jane".into(), "oops".into()));
        let jobs = maps(&run(&mut conn, "QADMIN.JOBS").expect("JOBS"));
        assert_eq!(jobs[0].text("job_id"), UNDO);
    }
}

#[test]
fn an_undo_moves_back_only_as_many_messages_as_its_job_moved() {
    let server = Server::start();
    let mut conn = server.conn();
    let all: Vec<Message> = messages(6, 3_000).into_iter().filter(Message::matches).take(500).collect();
    assert_eq!(all.len(), 500);
    // The same filter matches all of them: those of another user's job, those of this job, and those that a
    // user pushed by hand.
    push_to(&mut conn, "celery", &all[..150]);
    job(&mut conn, "QADMIN.CLEARJOB celery TASK m ALL TO celery:parked CONFIRM celery");
    push_to(&mut conn, "celery", &all[150..350]);
    let mine = job(&mut conn, "QADMIN.CLEARJOB celery TASK m ALL TO celery:parked CONFIRM celery");
    assert_eq!(mine.int("deleted"), 200);
    push_to(&mut conn, "celery:parked", &all[350..450]);
    push_to(&mut conn, "celery", &all[450..]);
    job(&mut conn, "QADMIN.CLEARJOB celery TASK m ALL TO celery:parked CONFIRM celery");
    assert_eq!(count(&list(&mut conn, "celery:parked")), 500);

    let id = mine.text("job_id");
    let undo = job(&mut conn, &format!("QADMIN.UNDO {id} CONFIRM celery:parked"));
    assert_eq!((undo.int("deleted"), undo.int("processed")), (200, 500), "{undo:?}");
    assert!(list(&mut conn, "celery") == shown(&all[150..350]));
    assert!(list(&mut conn, "celery:parked") == shown(all[..150].iter().chain(&all[350..])));
}

#[test]
fn undo_moves_back_only_its_jobs_messages() {
    let server = Server::start();
    let mut conn = server.conn();
    // None of the strangers equals one of the others: they are numbered.
    let (all, strangers) = (messages(7, 1_000), messages(8, 1_300).split_off(1_000));
    push_to(&mut conn, "celery", &all);
    let moved = park(&mut conn).int("deleted");
    // Workers take some, an admin clears some, and a client pushes others that match the filter, too.
    let taken = tell_pops(&mut conn, 40);
    push_to(&mut conn, LIST, &strangers);
    tell(&mut conn, &format!("LTRIM {LIST} 0 -11"));
    let undo = job(&mut conn, &format!("QADMIN.UNDO {PARKED} CONFIRM {LIST}"));
    assert_eq!(undo.int("deleted"), moved - taken - 10, "{undo:?}");
    assert!(list(&mut conn, LIST) == shown(&strangers));
    let gone = usize::try_from(taken + 10).expect("few");
    let back: Vec<&Message> = all.iter().filter(|message| message.matches()).skip(gone).collect();
    let others = all.iter().filter(|message| !message.matches());
    assert!(list(&mut conn, "celery") == shown(others.chain(back)));
}

fn tell_pops(conn: &mut Connection, count: usize) -> i64 {
    let popped: Vec<Vec<u8>> = redis::cmd("RPOP").arg(LIST).arg(count).query(conn).expect("RPOP");
    i64::try_from(popped.len()).expect("few")
}

#[test]
fn undo_moves_as_many_equal_messages_as_its_job() {
    let server = Server::start();
    let mut conn = server.conn();
    let all = messages(9, 200);
    let one = &all.iter().find(|message| message.matches()).expect("a match").bytes;
    let push = |conn: &mut Connection, key: &str, times: usize| {
        for _ in 0..times {
            conn.lpush::<_, _, ()>(key, one).expect("LPUSH");
        }
    };
    push(&mut conn, "celery", 5);
    let mine = job(&mut conn, "QADMIN.CLEARJOB celery TASK m ALL TO other CONFIRM celery");
    push(&mut conn, "other", 3);
    let undo = job(&mut conn, &format!("QADMIN.UNDO {} CONFIRM other", mine.text("job_id")));
    assert_eq!(undo.int("deleted"), 5);
    assert_eq!((count(&list(&mut conn, "celery")), count(&list(&mut conn, "other"))), (5, 3));
}

#[test]
fn an_undo_cannot_be_undone_and_a_job_only_once() {
    let server = Server::start();
    let mut conn = server.conn();
    push_to(&mut conn, "celery", &messages(10, 500));
    park(&mut conn);
    let line = format!("QADMIN.UNDO {PARKED} CONFIRM {LIST} ID {UNDO}");
    let undone = job(&mut conn, &line).int("deleted");
    assert_eq!(ask(&mut conn, &line).int("deduplicated"), 1, "the same command again starts nothing");
    assert_eq!(
        error(&mut conn, &format!("QADMIN.UNDO {PARKED} CONFIRM {LIST}")),
        format!("ERR job {PARKED} was undone by job {UNDO}, which moved back {undone} messages")
    );
    let before = list(&mut conn, "celery");
    for queue in ["celery", LIST] {
        assert_eq!(
            error(&mut conn, &format!("QADMIN.UNDO {UNDO} CONFIRM {queue}")),
            format!(
                "ERR job {UNDO} cannot be undone: it is itself an undo; to move the messages away again, \
                 start a new QADMIN.CLEARJOB with PARK"
            )
        );
    }
    assert!(list(&mut conn, "celery") == before);
    assert_eq!(
        error(&mut conn, &format!("{line} FRONT")),
        format!("ERR ID {UNDO} belongs to a job with other arguments; choose another ID")
    );
}

#[test]
fn jobs_that_cannot_be_undone_are_refused_with_a_reason() {
    let server = in_memory().start();
    let mut conn = server.conn();
    push_to(&mut conn, "celery", &messages(11, 6_000));
    let cleared = job(&mut conn, "QADMIN.CLEARJOB celery TASK m ALL LIMIT 5 CONFIRM celery").text("job_id");
    let nothing = job(&mut conn, "QADMIN.CLEARJOB celery TASK x ALL PARK CONFIRM celery").text("job_id");
    let dry = job(&mut conn, "QADMIN.CLEARJOB celery TASK m ALL PARK DRYRUN").text("job_id");
    tell(&mut conn, "CONFIG SET qadmin.inline-limit 0");
    let preview = ask(&mut conn, "QADMIN.PREVIEW celery TASK m BUST").text("job_id");
    wait_for_job(&mut conn, &preview);
    let live = ask(&mut conn, "QADMIN.CLEARJOB celery TASK m ALL RATE 10 PARK CONFIRM celery").text("job_id");
    let unknown = "00000000-0000-4000-8000-000000000000";
    for (id, why) in [
        (&cleared, "it deleted its matches; only messages that PARK or TO moved can be moved back"),
        (&nothing, "it moved nothing"),
        (&dry, "it was a dry run"),
        (&preview, "it only counted messages"),
        (&live, "it has not ended; wait for it to end, or cancel it"),
    ] {
        assert_eq!(
            error(&mut conn, &format!("QADMIN.UNDO {id} CONFIRM celery")),
            format!("ERR job {id} cannot be undone: {why}")
        );
    }
    assert_eq!(
        error(&mut conn, &format!("QADMIN.UNDO {unknown} CONFIRM celery")),
        format!(
            "NOJOB no job with id \"{unknown}\"; jobs are forgotten after job-ttl. To move a whole list, \
             use QADMIN.CLEARJOB list WHERE bytes GE 0 ALL TO queue CONFIRM list"
        )
    );
    until_deleted(&mut conn, &live, 1);
    tell(&mut conn, &format!("QADMIN.CANCEL {live}"));
    let parked = ask(&mut conn, &format!("QADMIN.STATUS {live}")).text("to");
    assert_eq!(
        error(&mut conn, &format!("QADMIN.UNDO {live}")),
        format!(
            "CONFIRM repeat the name of the list that messages are moved back from: CONFIRM \"{parked}\""
        )
    );
    for dry in ["", " DRYRUN"] {
        assert_eq!(
            error(&mut conn, &format!("QADMIN.UNDO {live} CONFIRM celery{dry}")),
            format!(
                "CONFIRM the job moved messages to \"{parked}\", not to \"celery\"; to move them back, give \
                 CONFIRM \"{parked}\""
            )
        );
    }
    tell(&mut conn, "SELECT 1");
    assert_eq!(
        error(&mut conn, &format!("QADMIN.UNDO {live} CONFIRM {parked}")),
        format!("ERR job {live} worked in database 0; SELECT 0 first")
    );
    tell(&mut conn, "SELECT 0");
    tell(&mut conn, &format!("DEL qadmin:moved:{live}"));
    assert_eq!(
        error(&mut conn, &format!("QADMIN.UNDO {live} CONFIRM {parked}")),
        format!(
            "ERR it is not known which messages job {live} moved: its list qadmin:moved:<id> is gone. To \
             move all messages of the list, also others, use QADMIN.CLEARJOB \"{parked}\" WHERE bytes GE 0 \
             ALL TO \"celery\" CONFIRM \"{parked}\""
        )
    );
    // With those words it works.
    let (before, there) = (count(&list(&mut conn, "celery")), count(&list(&mut conn, &parked)));
    let back = format!("QADMIN.CLEARJOB {parked} WHERE bytes GE 0 ALL TO celery CONFIRM {parked}");
    assert_eq!(job(&mut conn, &back).int("deleted"), there);
    assert_eq!(count(&list(&mut conn, "celery")), before + there);
}

#[test]
fn park_refuses_an_existing_key_and_changes_nothing() {
    let server = Server::start();
    let mut conn = server.conn();
    push_to(&mut conn, "celery", &messages(12, 100));
    for put in [format!("LPUSH {LIST} x"), format!("SET {LIST} x"), format!("SADD {LIST} x")] {
        tell(&mut conn, &format!("DEL {LIST}"));
        tell(&mut conn, &put);
        for dry in ["", " DRYRUN"] {
            let line = format!("QADMIN.CLEARJOB celery TASK m ALL PARK CONFIRM celery ID {PARKED}{dry}");
            assert_eq!(
                error(&mut conn, &line),
                format!(
                    "ERR the key \"{LIST}\" exists already, and PARK needs a new one; choose another ID, or \
                     use TO to move to this key"
                )
            );
        }
    }
    assert_eq!(count(&list(&mut conn, "celery")), 100);
    assert_eq!(conn.exists::<_, i64>(format!("qadmin:job:{PARKED}")).expect("EXISTS"), 0);
}

#[test]
fn park_and_its_undo_take_all_options_of_a_move() {
    let server = Server::start();
    let mut conn = server.conn();
    for options in [
        "KEEPONE",
        "KEEPONE KEEP NEWEST",
        "KEEPONE BY task",
        "ALL LIMIT 7",
        "ALL EXPECT 2000",
        "ALL RATE 1000000",
        "ALL FRONT",
    ] {
        tell(&mut conn, "FLUSHDB");
        push_to(&mut conn, "celery", &messages(13, 400));
        let mut before = list(&mut conn, "celery");
        let parked = job(&mut conn, &format!("QADMIN.CLEARJOB celery TASK m {options} PARK CONFIRM celery"));
        let (id, to) = (parked.text("job_id"), parked.text("to"));
        assert_eq!(
            (parked.text("status"), to.as_str()),
            ("completed".into(), &*format!("celery:parked:{}", &id[..8]))
        );
        assert!(parked.int("deleted") > 0, "{options}");
        let undo = job(&mut conn, &format!("QADMIN.UNDO {id} CONFIRM {to}"));
        assert_eq!(undo.int("deleted"), parked.int("deleted"), "{options}");
        let mut after = list(&mut conn, "celery");
        before.sort();
        after.sort();
        assert!(before == after, "{options}");
    }
    // This is the list of one step of a queue with priorities.
    tell(&mut conn, "FLUSHDB");
    push_to(&mut conn, "celery\x06\x163", &messages(14, 100));
    let before = list(&mut conn, "celery\x06\x163");
    let parked = job(&mut conn, "QADMIN.CLEARJOB celery TASK m ALL PARK PRIORITY 3 CONFIRM celery");
    let undo = format!("QADMIN.UNDO {} CONFIRM {}", parked.text("job_id"), parked.text("to"));
    assert!(parked.int("deleted") > 0 && job(&mut conn, &undo).int("deleted") == parked.int("deleted"));
    assert_eq!(count(&list(&mut conn, "celery\x06\x163")), count(&before));
    // Unacknowledged messages are not moved.
    tell(&mut conn, "HSET unacked tag x");
    tell(&mut conn, "ZADD unacked_index 1 tag");
    let refused = error(&mut conn, "QADMIN.CLEARJOB unacked TASK m ALL PARK CONFIRM unacked");
    assert_eq!(refused, "ERR PARK is not supported for unacknowledged messages");
}

#[test]
fn undo_needs_permission_on_list_and_queue() {
    let server = in_memory().start();
    let mut conn = server.conn();
    push_to(&mut conn, "celery", &messages(15, 6_000));
    park(&mut conn);
    let mut user = server.conn();
    let line = format!("QADMIN.UNDO {PARKED} CONFIRM {LIST}");
    for (keys, granted) in [
        ("~celery".to_owned(), false),
        (format!("~{LIST}"), false),
        (format!("%R~celery ~{LIST}"), false),
        (format!("~celery %R~{LIST}"), false),
        (format!("~celery %W~{LIST}"), false),
        (format!("~celery ~{LIST}"), true),
    ] {
        tell(&mut conn, &format!("ACL SETUSER user reset on >secret +@all {keys}"));
        run(&mut user, "AUTH user secret").expect("AUTH");
        match run(&mut user, &format!("{line} DRYRUN")) {
            Ok(_) => assert!(granted, "{keys}"),
            Err(refused) => assert!(!granted && refused.code() == Some("NOPERM"), "{keys}: {refused}"),
        }
    }
    tell(&mut conn, "ACL SETUSER user -qadmin.undo");
    assert_eq!(run(&mut user, &line).expect_err("no command").code(), Some("NOPERM"));
    // The permission is checked again once per second: a user who loses it moves nothing more.
    tell(&mut conn, "ACL SETUSER user +qadmin.undo -qadmin.clearjob");
    let mut both = redis::pipe();
    both.atomic().cmd("QADMIN.UNDO").arg(&[PARKED, "CONFIRM", LIST, "ID", UNDO]);
    both.cmd("QADMIN.THROTTLE").arg(&[UNDO, "RATE", "100"]);
    let replies: Vec<redis::Value> = both.query(&mut user).expect("EXEC");
    assert_eq!(map(&replies[1]).int("rate"), 100);
    until_deleted(&mut conn, UNDO, 1);
    tell(&mut conn, "ACL SETUSER user resetkeys ~celery");
    let end = wait_for_job(&mut conn, UNDO);
    assert_eq!(end.text("status"), "failed", "{end:?}");
    assert!(end.text("error").starts_with("NOPERM"), "{end:?}");
    assert_eq!(error(&mut user, &format!("QADMIN.CANCEL {UNDO}")).split(' ').next(), Some("NOPERM"));
}

#[test]
fn a_cancelled_undo_is_continued_and_can_be_paused_and_throttled() {
    let server = in_memory().start();
    let mut conn = server.conn();
    push_to(&mut conn, "celery", &messages(16, 3_000));
    let moved = park(&mut conn).int("deleted");
    let line = format!("QADMIN.UNDO {PARKED} CONFIRM {LIST}");
    let mut both = redis::pipe();
    both.atomic().cmd("QADMIN.UNDO").arg(&[PARKED, "CONFIRM", LIST, "ID", UNDO]);
    both.cmd("QADMIN.THROTTLE").arg(&[UNDO, "RATE", "200"]);
    both.exec(&mut conn).expect("EXEC");
    until_deleted(&mut conn, UNDO, 10);
    assert_eq!(
        error(&mut conn, &line),
        format!("ERR job {PARKED} is being undone by job {UNDO}; wait for it to end, or cancel it")
    );
    assert_eq!(ask(&mut conn, &format!("QADMIN.PAUSE {UNDO}")).text("status"), "paused");
    let status = ask(&mut conn, &format!("QADMIN.STATUS {PARKED}"));
    assert_eq!((status.text("undone_by"), status.int("undone") >= 10), (UNDO.into(), true), "{status:?}");
    tell(&mut conn, &format!("QADMIN.RESUME {UNDO}"));
    // The limit leaves some messages.
    let first = ask(&mut conn, &format!("QADMIN.CANCEL {UNDO}")).int("deleted");
    assert!((10..moved).contains(&first));
    // A message that was moved back is parked again by another job, in the same list: it does not belong to
    // the first job any more.
    let other = job(&mut conn, &format!("QADMIN.CLEARJOB celery TASK m ALL TO {LIST} CONFIRM celery"));
    assert_eq!(other.int("deleted"), first);
    let again = job(&mut conn, &line);
    assert_eq!((again.int("deleted"), again.int("undone")), (moved - first, moved), "{again:?}");
    assert_eq!(count(&list(&mut conn, LIST)), first, "the other job's stay");
    let undone = ask(&mut conn, &format!("QADMIN.STATUS {PARKED}"));
    assert_eq!((undone.text("undone_by"), undone.int("undone")), (again.text("job_id"), moved));
    assert!(error(&mut conn, &line).contains("was undone by"));
}

#[test]
fn scripts_undo_nothing_and_a_full_server_undoes_all() {
    let server = Server::builder().module().config("maxmemory-policy noeviction").start();
    let mut conn = server.conn();
    push_to(&mut conn, "celery", &messages(17, 500));
    let moved = park(&mut conn).int("deleted");
    let script = "return redis.call('QADMIN.UNDO', ARGV[1], 'CONFIRM', ARGV[2])";
    let refused =
        redis::cmd("EVAL").arg(script).arg(0).arg(PARKED).arg(LIST).query::<redis::Value>(&mut conn);
    assert!(refused.is_err());
    tell(&mut conn, "CONFIG SET maxmemory 1");
    assert!(conn.lpush::<_, _, i64>("celery", "x").expect_err("no memory").to_string().contains("OOM"));
    let undo = job(&mut conn, &format!("QADMIN.UNDO {PARKED} CONFIRM {LIST}"));
    assert_eq!((undo.text("status"), undo.int("deleted")), ("completed".into(), moved));
}
