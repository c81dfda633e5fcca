//! Notices say what to type next, as a command that can be pasted.

use qadmin_harness::{Cluster, Factory, Fields as _, Server, Size, eventually, fill, map, text};
use redis::{Connection, Value};

use super::{ID, at_once, six};
use crate::stage::{set, slow_server, target};
use crate::support::{Reply, ask, run, wait_for_job};

/// The command of a notice: what stands in front of the first of these words.
fn command(notice: &str, before: &str) -> String {
    let clause = notice.split("; ").last().expect("a clause");
    clause.split(before).next().expect("a command").to_owned()
}

/// Runs a command as a shell of redis-cli does: words can be in double quotes.
fn paste(conn: &mut Connection, line: &str) -> Reply {
    let words = qadmin_core::filter::split_words(line.as_bytes()).expect("words");
    let mut command = redis::cmd(std::str::from_utf8(&words[0]).expect("a name"));
    words[1..].iter().for_each(|word| {
        command.arg(word);
    });
    map(&command.query::<Value>(conn).unwrap_or_else(|error| panic!("{line}: {error}")))
}

#[test]
fn a_deep_count_says_how_to_wait_for_it() {
    let server = six();
    for mut conn in [server.conn(), server.conn3()] {
        set(&mut conn, "inline-limit 0");
        for line in [
            format!("QADMIN.PREVIEW celery {} BUST", target()),
            "QADMIN.STATS celery GROUPBY 1 task BUST".to_owned(),
        ] {
            let told = ask(&mut conn, &line);
            let expected = format!("QADMIN.STATUS {} WAIT 0 waits for the count", told.text("job_id"));
            assert_eq!((told.text("mode"), told.text("notice")), ("job".into(), expected), "{line}");
            let end = paste(&mut conn, &command(&told.text("notice"), " waits"));
            assert_eq!(end.text("status"), "completed");
            // A count that is known says nothing of waiting.
            let again = ask(&mut conn, &line.replace(" BUST", ""));
            assert!(again.is_null("notice"), "{again:?}");
        }
    }
}

#[test]
fn an_accepted_clear_says_how_to_wait_and_how_to_stop_it() {
    let server = six();
    let mut conn = server.conn();
    let clear = |options: &str| format!("QADMIN.CLEARJOB celery {} ALL {options}", target());
    let replies = at_once(&mut conn, &[clear("DRYRUN"), clear(&format!("CONFIRM celery PARK ID {ID}"))]);
    let [dry, real] = [map(&replies[0]), map(&replies[1])];
    let id = dry.text("job_id");
    assert_eq!(
        dry.text("notice"),
        format!("QADMIN.STATUS {id} WAIT 0 waits for the count of what it would remove")
    );
    assert_eq!(
        real.text("notice"),
        format!("QADMIN.STATUS {ID} WAIT 0 waits for its end, QADMIN.CANCEL {ID} stops it")
    );
    assert_eq!(paste(&mut conn, &command(&dry.text("notice"), " waits")).int("would_delete"), 5);
    let end = wait_for_job(&mut conn, ID);
    let list = end.text("to");
    let undo = format!("QADMIN.UNDO {ID} CONFIRM {list} moves back what it moved");
    assert_eq!(end.text("notice"), undo, "{end:?}");
    // A list of jobs does not say it in every row, and a record does not keep it.
    let jobs = qadmin_harness::maps(&run(&mut conn, "QADMIN.JOBS KIND clear").expect("JOBS"));
    assert!(jobs.iter().all(|job| job.is_null("notice")), "{jobs:?}");
    let kept: String =
        redis::cmd("HGET").arg(format!("qadmin:job:{ID}")).arg("notice").query(&mut conn).expect("HGET");
    assert_eq!(kept, "");

    let undone = paste(&mut conn, &command(&end.text("notice"), " moves"));
    assert!(undone.text("notice").contains("QADMIN.CANCEL"), "{undone:?}");
    let undone = wait_for_job(&mut conn, &undone.text("job_id"));
    assert_eq!((undone.int("deleted"), undone.is_null("notice")), (5, true), "{undone:?}");
    assert!(ask(&mut conn, &format!("QADMIN.STATUS {ID}")).is_null("notice"), "it is undone");
    let nothing = ask(&mut conn, "QADMIN.CLEARJOB nosuch TASK t ALL CONFIRM nosuch");
    assert!(!nothing.text("notice").contains("QADMIN.STATUS"), "{nothing:?}");
}

#[test]
fn names_that_need_quotes_can_be_pasted() {
    let server = Server::start();
    let mut conn = server.conn();
    fill(server.port(), "celery", 0..6, &mut Factory::new(3).share(50.0)).expect("the queue is filled");
    let list: &[u8] = b"parked \"here\"\r\n\xff";
    let mut clear = redis::cmd("QADMIN.CLEARJOB");
    clear.arg("celery").arg("WHERE").arg("bytes").arg("GE").arg("0").arg("ALL").arg("CONFIRM").arg("celery");
    let accepted = map(&clear.arg("TO").arg(list).query::<Value>(&mut conn).expect("accepted"));
    let end = wait_for_job(&mut conn, &accepted.text("job_id"));
    let notice = end.text("notice");
    assert!(notice.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{notice}");
    let undo = paste(&mut conn, &command(&notice, " moves"));
    assert_eq!(wait_for_job(&mut conn, &undo.text("job_id")).int("deleted"), 6);
}

#[test]
fn an_interrupted_clear_says_how_to_continue_it() {
    let mut server = slow_server().config("appendonly yes").config("appendfsync always").start();
    fill(server.port(), "celery", 0..4_000, &mut Factory::new(3).size(Size::Slim).share(50.0))
        .expect("filled");
    let mut conn = server.conn();
    ask(&mut conn, &format!("QADMIN.CLEARJOB celery {} ALL CONFIRM celery ID {ID}", target()));
    eventually("it removes", || ask(&mut conn, &format!("QADMIN.STATUS {ID}")).int("deleted") > 100);
    server.kill9();
    server.start_again();
    let mut conn = server.conn();
    let status = ask(&mut conn, &format!("QADMIN.STATUS {ID}"));
    assert_eq!(status.text("status"), "interrupted");
    assert!(status.text("notice").ends_with(&format!("QADMIN.RESUME {ID} continues it")), "{status:?}");
    let next = paste(&mut conn, &command(&status.text("notice"), " continues")).text("job_id");
    let first = ask(&mut conn, &format!("QADMIN.STATUS {ID}"));
    let shows = format!("QADMIN.STATUS {next} shows the job that continues it");
    assert!(first.text("notice").ends_with(&shows), "{first:?}");
    run(&mut conn, "CONFIG SET qadmin.slice-us 500 qadmin.duty 100 hz 10").expect("CONFIG SET");
    assert_eq!(wait_for_job(&mut conn, &next).text("status"), "completed");
}

#[test]
fn a_command_for_a_cluster_has_the_queue() {
    let cluster = Cluster::start(3, || Server::builder().module_args("inline-limit 0"));
    let mut conn = cluster.node(cluster.home(b"celery", 3)).conn();
    for message in ["{}", "{\"headers\":{\"task\":\"t\"}}"] {
        redis::cmd("LPUSH").arg("celery").arg(message).query::<i64>(&mut conn).expect("LPUSH");
    }
    let told = ask(&mut conn, "QADMIN.PREVIEW celery TASK t");
    let expected = format!("QADMIN.STATUS {} QUEUE celery WAIT 0 waits for the count", told.text("job_id"));
    assert_eq!(told.text("notice"), expected);
    let end = paste(&mut conn, &command(&told.text("notice"), " waits"));
    assert_eq!(end.int("matched"), 1);
    let parked = ask(&mut conn, "QADMIN.CLEARJOB celery TASK t ALL PARK CONFIRM celery").text("job_id");
    let end = ask(&mut conn, &format!("QADMIN.STATUS {parked} QUEUE celery WAIT 0"));
    let undo = paste(&mut conn, &command(&end.text("notice"), " moves"));
    assert_eq!(undo.int("moved"), 1, "{}", text(&Value::SimpleString(end.text("notice"))));
}
