//! The sample of a preview: the matches that run next, with their positions when the reply is made.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use qadmin_harness::{Factory, Fields as _, Server, Size, eventually, fill, text};
use redis::Commands as _;

use crate::stage::{LONG, Slow, filled, info, joined, later, set, target, until_waiting};
use crate::support::{Reply, ask, run, wait_for_job};

/// Returns the ids and positions of a sample.
fn places(reply: &Reply) -> Vec<(i64, String)> {
    reply.rows("sample").iter().map(|row| (row.int("index"), row.text("id"))).collect()
}

/// Returns the factory of [`filled`].
fn factory() -> Factory {
    Factory::new(7).size(Size::Slim)
}

/// Returns the ids of the first matches among the messages from `first` on, with their positions after it.
fn expected(first: u64, end: u64, rows: usize) -> Vec<(i64, String)> {
    let factory = factory();
    (first..end)
        .filter(|i| factory.matches(*i))
        .take(rows)
        .map(|i| (first.cast_signed() - i.cast_signed() - 1, factory.facts(i).id))
        .collect()
}

#[test]
fn the_sample_shows_the_matches_that_run_next_in_their_order() {
    // A sample ends with its time, which is a few slices.
    let server = Server::builder().module_args("slice-us 20000").start();
    let mut conn = server.conn();
    filled(&server, "celery", LONG);
    let reply = ask(&mut conn, &format!("QADMIN.PREVIEW celery {}", target()));
    assert_eq!(places(&reply), expected(0, LONG, 20), "20 rows where nobody says how many");
    for (index, id) in places(&reply) {
        let message: String = conn.lindex("celery", isize::try_from(index).expect("small")).expect("LINDEX");
        assert!(message.contains(&id), "index {index} is LINDEX's");
    }
    for rows in [0, 1, 100] {
        let line = format!("QADMIN.PREVIEW celery {} BUST SAMPLE {rows}", target());
        assert_eq!(places(&ask(&mut conn, &line)), expected(0, LONG, rows));
    }
}

#[test]
fn an_immediate_sample_looks_at_the_window_only() {
    let server = Server::builder().module_args("inline-limit 0 sample-window 150").start();
    let mut conn = server.conn();
    filled(&server, "celery", LONG);
    let window = expected(0, 150, 100);
    for options in ["NOCOUNT", ""] {
        let reply = ask(&mut conn, &format!("QADMIN.PREVIEW celery {} SAMPLE 100 {options}", target()));
        assert_eq!(places(&reply), window, "{options}");
    }
    // The job's own sample contains the matches that its scan found.
    let job = ask(&mut conn, &format!("QADMIN.PREVIEW celery {} SAMPLE 100", target())).text("job_id");
    let end = wait_for_job(&mut conn, &job);
    assert_eq!(places(&end), expected(0, LONG, 100));
    set(&mut conn, "sample-window 0");
    let none = ask(&mut conn, &format!("QADMIN.PREVIEW celery {} NOCOUNT", target()));
    assert!(none.rows("sample").is_empty() && none.is_null("sample_error"));
}

#[test]
fn a_row_has_the_fields_that_were_asked_for_in_that_order() {
    let server = Server::start();
    let mut conn = server.conn();
    filled(&server, "celery", 500);
    let names = |reply: &Reply| -> Vec<String> {
        reply.rows("sample")[0].iter().map(|(name, _)| name.clone()).collect()
    };
    let line = format!("QADMIN.PREVIEW celery {}", target());
    let default = ["index", "bytes", "task", "id", "args", "kwargs"];
    assert_eq!(names(&ask(&mut conn, &line)), default);
    let chosen =
        ask(&mut conn, &format!("{line} FIELDS 5 repoid kwargs.repoid bytes id properties.delivery_tag"));
    assert_eq!(
        names(&chosen),
        ["index", "bytes", "repoid", "kwargs.repoid", "id", "properties.delivery_tag"]
    );
    let row = &chosen.rows("sample")[0];
    assert_eq!(row.int("repoid"), row.int("kwargs.repoid"));
    let message: Vec<u8> =
        conn.lindex("celery", isize::try_from(row.int("index")).expect("small")).expect("LINDEX");
    assert_eq!(usize::try_from(row.int("bytes")), Ok(message.len()));
}

#[test]
fn pushes_and_pops_during_the_count_move_the_rows() {
    let server = Server::builder().module_args("inline-wait 60000").start();
    let mut conn = server.conn();
    filled(&server, "celery", LONG);
    let slow = Slow::start(&server);
    let client = later(&server, format!("QADMIN.PREVIEW celery {} SAMPLE 10", target()));
    until_waiting(&server, 1);
    eventually("the scan is on its way", || info(&server, "messages_examined") > 1_000);
    let gone = 137;
    let _: Vec<Vec<u8>> = conn.rpop("celery", std::num::NonZeroUsize::new(gone)).expect("RPOP");
    let _: u64 = conn.lpush("celery", "pushed later").expect("LPUSH");
    drop(slow);
    let reply = joined(client);
    assert_eq!(reply.text("mode"), "synchronous");
    assert_eq!(places(&reply), expected(gone as u64, LONG, 10));
}

/// Workers pop all the time, also between the end of a scan and its reply: the depth beside the sample shows
/// how many messages they had taken, and so where each row must be.
#[test]
fn positions_of_rows_are_correct_at_the_time_of_the_reply() {
    const DEEP: u64 = 120_000;
    let server = Server::builder().module_args("cache-ttl 0 job-lock-ttl 0").start();
    filled(&server, "celery", DEEP);
    let stop = Arc::new(AtomicBool::new(false));
    let workers: Vec<_> = (0..2)
        .map(|_| {
            let (mut conn, told) = (server.conn(), Arc::clone(&stop));
            thread::spawn(move || {
                while !told.load(Ordering::Relaxed) {
                    run(&mut conn, "RPOP celery").expect("RPOP");
                }
            })
        })
        .collect();
    let mut conn = server.conn();
    let factory = factory();
    let mut checked = 0;
    for _ in 0..20 {
        let reply = ask(&mut conn, &format!("QADMIN.PREVIEW celery {} SAMPLE 5", target()));
        let popped = DEEP.cast_signed() - reply.int("depth");
        for (index, id) in places(&reply) {
            let at = popped - 1 - index;
            assert_eq!(factory.facts(u64::try_from(at).expect("in the queue")).id, id, "{reply:?}");
            checked += 1;
        }
    }
    stop.store(true, Ordering::Relaxed);
    workers.into_iter().for_each(|worker| worker.join().expect("a worker ends well"));
    assert!(checked > 0);
}

#[test]
fn bodies_stay_in_the_server() {
    let server = Server::start();
    let mut conn = server.conn();
    let mut factory = Factory::new(3).share(100.0);
    fill(server.port(), "celery", 0..1, &mut factory).expect("the queue is filled");
    let message = String::from_utf8(factory.message(0)).expect("JSON");
    let envelope: serde_json::Value = serde_json::from_str(&message).expect("JSON");
    let body = envelope["body"].as_str().expect("a body");
    let line = format!("QADMIN.PREVIEW celery {}", target());
    for options in
        ["", "FIELDS 4 kwargs.repoid headers.kwargsrepr properties.delivery_info args.0", "FORMAT JSON"]
    {
        let reply = format!("{:?}", run(&mut conn, &format!("{line} BUST {options}")).expect("a reply"));
        assert!(!reply.contains(body), "{options}: {reply}");
    }
    for field in ["body", "properties.body", "headers.body"] {
        // The name is either not a field, or a field that this message does not have; it never shows the
        // body.
        if let Ok(reply) = run(&mut conn, &format!("{line} BUST FIELDS 1 {field}")) {
            let row = &qadmin_harness::map(&reply).rows("sample")[0];
            assert!(row.is_null(field), "{field}: {}", text(row.get_field(field)));
        }
    }
}
