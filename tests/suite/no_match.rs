//! The explanation of a count of 0.

use qadmin_harness::{Fields as _, Server};
use redis::{Commands as _, Connection};

use crate::stage::set;
use crate::support::{ask, run, wait_for_job};

fn message(task: &str, kwargs: &str) -> String {
    let body = format!("[[], {kwargs}, {{}}]").replace('"', "\\\"");
    format!(
        r#"{{"headers":{{"task":"{task}","id":"x"}},"body":"{body}","content-type":"application/json","properties":{{}}}}"#
    )
}

fn fill(conn: &mut Connection, queue: &str) {
    for n in 0..10 {
        let _: i64 =
            conn.lpush(queue, message("app.tasks.upload", &format!(r#"{{"repoid": {n}}}"#))).expect("LPUSH");
    }
}

/// Returns the notice of a preview, which is one line of printable ASCII.
fn notice(conn: &mut Connection, line: &str) -> String {
    let reply = ask(conn, &format!("QADMIN.PREVIEW {line}"));
    assert_eq!(reply.int("match_count"), 0, "{line}");
    let notice = if reply.is_null("notice") { String::new() } else { reply.text("notice") };
    assert!(notice.bytes().all(|b| (0x20..0x7f).contains(&b)), "{notice:?}");
    notice
}

#[test]
fn missing_key_suggests_a_similar_queue() {
    let server = Server::start();
    let mut conn = server.conn();
    for key in ["queue:mailers", "resque:queue:mail", "shop:celery", "notifications", "celery-high"] {
        fill(&mut conn, key);
    }
    let _: i64 = conn.sadd("notificationz", "a set").expect("SADD");
    for (asked, says) in [
        ("mailers", r#"there is no key "mailers", but there is "queue:mailers" (AS sidekiq)"#),
        ("mail", r#"there is no key "mail", but there is "resque:queue:mail" (AS resque)"#),
        ("celery", r#"there is no key "celery", but there is "shop:celery""#),
        ("app:notifications", r#"there is no key "app:notifications", but there is "notifications""#),
        ("Notifications", r#"there is no key "Notifications", but there is "notifications""#),
        ("notifcations", r#"there is no key "notifcations", but there is "notifications""#),
        ("celery-hgih", r#"there is no key "celery-hgih", but there is "celery-high""#),
        ("nothing-like-it", r#"there is no key "nothing-like-it""#),
    ] {
        assert_eq!(notice(&mut conn, &format!("{asked} TASK t")), says);
        let dry = ask(&mut conn, &format!("QADMIN.CLEARJOB {asked} TASK t DRYRUN"));
        assert_eq!(dry.text("notice"), says, "a clear says so, too");
    }
    // The user of a script is not known, so no key is named.
    let script = "return redis.call('QADMIN.PREVIEW', KEYS[1], 'TASK', 't', 'FORMAT', 'JSON')";
    let reply: String = redis::cmd("EVAL").arg(script).arg(1).arg("mailers").query(&mut conn).expect("EVAL");
    assert!(reply.contains(r#""notice":"there is no key \"mailers\"""#), "{reply}");
    // There are messages in another list of the queue.
    let _: i64 = conn.lpush("prio\u{6}\u{16}3", message("t", "{}")).expect("LPUSH");
    assert!(
        notice(&mut conn, "prio TASK t")
            .contains("in the other priority lists of the queue: 1 (PRIORITY ALL)")
    );
}

#[test]
fn keys_that_the_caller_may_not_read_are_not_named() {
    let server = Server::start();
    let mut conn = server.conn();
    fill(&mut conn, "queue:mailers");
    fill(&mut conn, "mailer");
    run(&mut conn, "ACL SETUSER bob on >pw +@all ~mailers ~mailes").expect("ACL SETUSER");
    let mut bob = server.conn();
    run(&mut bob, "AUTH bob pw").expect("AUTH");
    assert_eq!(notice(&mut bob, "mailers TASK t"), r#"there is no key "mailers""#);
    fill(&mut conn, "mailes");
    assert_eq!(notice(&mut bob, "mailers TASK t"), r#"there is no key "mailers", but there is "mailes""#);
    // Other users can read the job's status, so it does not repeat the explanation.
    let job = ask(&mut conn, "QADMIN.CLEARJOB mailers TASK t DRYRUN");
    assert!(job.text("notice").contains("queue:mailers"));
    let end = wait_for_job(&mut conn, &job.text("job_id"));
    assert!(end.is_null("notice"), "{end:?}");
}

#[test]
fn a_walk_over_many_keys_is_cut_short() {
    let server = Server::builder().module_args("slice-us 100").start();
    let mut conn = server.conn();
    let _: () =
        redis::cmd("DEBUG").arg(&["POPULATE", "300000", "key"]).query(&mut conn).expect("DEBUG POPULATE");
    let reply = ask(&mut conn, "QADMIN.PREVIEW celery TASK t");
    assert!(reply.text("notice").starts_with(r#"there is no key "celery""#), "{reply:?}");
}

#[test]
fn examined_messages_explain_why_none_matches() {
    let server = Server::start();
    let mut conn = server.conn();
    fill(&mut conn, "q");
    for (filter, says) in [
        ("TASK app.tasks.*", "TASK compares byte for byte; for a pattern use WHERE task GLOB app.tasks.*"),
        (
            "TASK upload",
            r#"of the 10 messages that run next none has the task "upload", but one has a similar name: "app.tasks.upload"; tasks found: "app.tasks.upload""#,
        ),
        ("TASK notify", r#"none has the task "notify"; tasks found: "app.tasks.upload""#),
        (
            "TASK app.tasks.upload WHERE kwargs.repoid = abc",
            r#""kwargs.repoid" is a number in them, such as "0""#,
        ),
        ("TASK app.tasks.upload COMMITID c0ffee", r#"none of them has "kwargs.commitid""#),
    ] {
        let seen = notice(&mut conn, &format!("q {filter}"));
        assert!(seen.contains(says), "{filter}: {seen}");
        assert_eq!(notice(&mut conn, &format!("q {filter}")), seen, "and the cached count");
        let dry = ask(&mut conn, &format!("QADMIN.CLEARJOB q {filter} ALL DRYRUN"));
        let end = wait_for_job(&mut conn, &dry.text("job_id"));
        assert_eq!(end.text("notice"), seen, "and a dry run");
    }
    // A correct filter gets no explanation.
    assert_eq!(notice(&mut conn, "q TASK app.tasks.upload REPOID 77"), "");
    let found = ask(&mut conn, "QADMIN.PREVIEW q TASK app.tasks.upload");
    assert!(found.int("match_count") > 0 && found.is_null("notice"), "{found:?}");
    // A job shows it at its end.
    set(&mut conn, "inline-limit 0 cache-ttl 0");
    let job = ask(&mut conn, "QADMIN.PREVIEW q TASK uplaod BUST");
    assert!(job.text("notice").starts_with("QADMIN.STATUS "), "nothing is known yet: {job:?}");
    let end = wait_for_job(&mut conn, &job.text("job_id"));
    assert!(end.text("notice").contains("none has the task \"uplaod\""), "{end:?}");
}
