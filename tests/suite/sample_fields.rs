//! The fields of a row that no FIELDS names: those of the kind, or those of the setting `sample-fields`.

use qadmin_harness::{Fields as _, Server, text};
use redis::Connection;

use crate::stage::{filled, set, target};
use crate::support::{Reply, ask, run, wait_for_job};

fn names(reply: &Reply) -> Vec<String> {
    reply.rows("sample")[0].iter().skip(2).map(|(name, _)| name.clone()).collect()
}

fn set_fields(conn: &mut Connection, fields: &str) -> redis::RedisResult<redis::Value> {
    redis::cmd("CONFIG").arg("SET").arg("qadmin.sample-fields").arg(fields).query(conn)
}

#[test]
fn rows_of_celery_show_task_id_and_arguments_as_compact_json() {
    let server = Server::start();
    let mut conn = server.conn();
    filled(&server, "celery", 500);
    let line = format!("QADMIN.PREVIEW celery {} SAMPLE 3", target());
    let preview = ask(&mut conn, &format!("{line} VERBOSE"));
    assert_eq!(names(&preview), ["task", "id", "args", "kwargs", "retries", "eta"]);
    let row = &preview.rows("sample")[0];
    assert_eq!(row.text("args"), "[]");
    let kwargs: String = row.text("kwargs");
    assert!(kwargs.starts_with("{\"repoid\":147107"), "{kwargs}");
    assert!(kwargs.len() <= 256 + "...".len(), "{kwargs}");
    // The short names still work.
    let short = ask(&mut conn, &format!("{line} FIELDS 4 repoid commitid ownerid pullid"));
    assert_eq!(names(&short), ["repoid", "commitid", "ownerid", "pullid"]);
    let groups = ask(&mut conn, "QADMIN.STATS celery GROUPBY 1 repoid");
    assert!(groups.rows("groups")[0].iter().any(|(name, _)| name == "repoid"));
}

#[test]
fn the_setting_replaces_the_fields_of_all_kinds() {
    let server = Server::start();
    for mut conn in [server.conn(), server.conn3()] {
        filled(&server, "celery", 500);
        set(&mut conn, "inline-limit 200000");
        let line = format!("QADMIN.PREVIEW celery {} SAMPLE 3", target());
        let before = ask(&mut conn, &line);
        assert_eq!(
            names(&before),
            ["task", "id", "args", "kwargs"],
            "the messages have no retries and no eta"
        );
        set_fields(&mut conn, "  kwargs.repoid  id eta repoid").expect("CONFIG SET");
        // What was counted before does not answer with the rows of before.
        assert_eq!(names(&ask(&mut conn, &line)), ["kwargs.repoid", "id", "repoid"]);
        assert_eq!(
            names(&ask(&mut conn, &format!("{line} VERBOSE"))),
            ["kwargs.repoid", "id", "eta", "repoid"]
        );
        assert_eq!(names(&ask(&mut conn, &format!("{line} FIELDS 1 task"))), ["task"], "FIELDS wins");
        set(&mut conn, "inline-limit 0");
        let job = ask(&mut conn, &format!("{line} BUST")).text("job_id");
        assert_eq!(names(&wait_for_job(&mut conn, &job)), ["kwargs.repoid", "id", "repoid"]);
        let dry = ask(&mut conn, &format!("QADMIN.CLEARJOB celery {} ALL DRYRUN", target())).text("job_id");
        assert_eq!(names(&wait_for_job(&mut conn, &dry)), ["kwargs.repoid", "id", "repoid"]);
        set(&mut conn, "inline-limit 200000");
        let job = r#"{"class":"A","args":[{"repoid":1}],"jid":"j","retry":true,"queue":"q"}"#;
        redis::cmd("LPUSH").arg("q").arg(job).query::<i64>(&mut conn).expect("LPUSH");
        let sidekiq = ask(&mut conn, "QADMIN.PREVIEW q TASK A AS sidekiq BUST");
        assert_eq!(names(&sidekiq), ["id"], "fields that a message lacks are left out");
        let ids = ask(&mut conn, "QADMIN.PREVIEW q WHERE bytes GE 0 AS ids BUST");
        assert_eq!(names(&ids), ["undecodable"], "an id has none of the fields");
        set_fields(&mut conn, "").expect("CONFIG SET");
        assert_eq!(names(&ask(&mut conn, &line)), ["task", "id", "args", "kwargs"]);
        run(&mut conn, "FLUSHALL").expect("FLUSHALL");
    }
}

#[test]
fn names_that_are_no_fields_of_rows_are_refused() {
    let server = Server::start();
    let mut conn = server.conn();
    let many = (0..33).map(|n| format!("args.{n}")).collect::<Vec<_>>().join(" ");
    for (fields, why) in [
        ("task nosuch", "must be the names of fields"),
        ("task,id", "must be the names of fields"),
        ("kwargs.*", "must be the names of fields"),
        ("task id task", "names a field twice"),
        (many.as_str(), "more than 32"),
        ("task age", "age or arrived"),
        ("kwargs.\"a\"", "double quote"),
    ] {
        let error = set_fields(&mut conn, fields).expect_err(fields).to_string();
        assert!(error.contains("sample-fields") && error.contains(why), "{fields}: {error}");
    }
    let given = run(&mut conn, "CONFIG GET qadmin.sample-fields").expect("CONFIG GET");
    assert_eq!(
        qadmin_harness::map(&given)[0].1,
        redis::Value::BulkString(Vec::new()),
        "{}",
        text(&qadmin_harness::map(&given)[0].1)
    );
}

#[test]
fn the_setting_is_kept_over_a_restart() {
    let mut server = Server::start();
    let mut conn = server.conn();
    set_fields(&mut conn, "task id kwargs.account").expect("CONFIG SET");
    run(&mut conn, "CONFIG REWRITE").expect("CONFIG REWRITE");
    drop(conn);
    server.restart();
    let given = run(&mut server.conn(), "CONFIG GET qadmin.sample-fields").expect("CONFIG GET");
    assert_eq!(text(&qadmin_harness::map(&given)[0].1), "task id kwargs.account");
}
