//! What replies show of indexes beside counts: how long messages of a queue have waited, and the lines of
//! INFO.

use qadmin_harness::{Fields as _, Server, map};
use redis::{Connection, Value};

use super::{STEP_MS, now_ms, push};
use crate::support::{Reply, ask, run, wait_for_job};

/// Returns the member `ages` of a reply.
fn ages(reply: &Reply) -> Reply {
    map(reply.get_field("ages"))
}

/// Returns the members of one line of INFO.
fn line_of(server: &Server, at: usize) -> Option<Vec<(String, String)>> {
    let line = server.info(&format!("qadmin_index_{at}"))?;
    let pair = |text: &str| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    Some(line.split(',').map(|text| pair(text).unwrap_or_else(|| panic!("no value: {line}"))).collect())
}

fn value<'a>(line: &'a [(String, String)], name: &str) -> Option<&'a str> {
    line.iter().find(|(member, _)| member == name).map(|(_, value)| value.as_str())
}

#[test]
fn replies_about_a_queue_show_its_ages() {
    let server = Server::start();
    let mut conn = server.conn();
    ask(&mut conn, "QADMIN.INDEX CREATE q");
    let first = push(&mut conn, "q", "LPUSH", &[1]).remove(0).pushed;
    push(&mut conn, "q", "LPUSH", &[2, 3]);
    run(&mut conn, "LMOVE q q RIGHT LEFT").expect("LMOVE");
    run(&mut conn, "RPOP q").expect("RPOP");
    push(&mut conn, "other", "LPUSH", &[4]);
    let job = ask(&mut conn, "QADMIN.CLEARJOB q TASK a.b ALL DRYRUN").text("job_id");
    wait_for_job(&mut conn, &job);
    for line in [
        "QADMIN.PREVIEW q TASK a.b",
        "QADMIN.PREVIEW q TASK nothing NOCOUNT SAMPLE 0",
        "QADMIN.STATS q GROUPBY 1 task",
        &format!("QADMIN.STATUS {job}"),
    ] {
        let shown = ages(&ask(&mut conn, line));
        let names: Vec<&str> = shown.iter().map(|(name, _)| name.as_str()).collect();
        let wanted = [
            "next_age",
            "next_at_least",
            "oldest_age",
            "oldest_at_least",
            "pushed_per_minute",
            "popped_per_minute",
            "waits",
            "wait_mean_ms",
        ];
        assert_eq!(names, wanted, "{line}");
        assert_eq!((shown.int("next_at_least"), shown.int("oldest_at_least")), (0, 0), "{line}");
        // Both clocks are rounded.
        let longest = now_ms() - first.0 + STEP_MS;
        assert!((0..=longest).contains(&shown.int("oldest_age")), "{line}: {shown:?}");
        assert!((0..=shown.int("oldest_age")).contains(&shown.int("next_age")), "{line}: {shown:?}");
        // The rotation was a pop as well.
        assert_eq!(shown.int("waits"), 2, "{line}");
        assert!((0..=longest).contains(&shown.int("wait_mean_ms")), "{line}: {shown:?}");
    }
    for line in ["QADMIN.PREVIEW other TASK a.b", "QADMIN.STATS other GROUPBY 1 task"] {
        assert!(ask(&mut conn, line).is_null("ages"), "{line}: the list has no index");
    }
    let row = ask(&mut conn, "QADMIN.QUEUES GLOB q").rows("queues").remove(0);
    assert_eq!(row.int("waits"), 2);
    // The job that is shown is of another database than the one that is selected.
    run(&mut conn, "SELECT 1").expect("SELECT");
    push(&mut conn, "q", "LPUSH", &[5, 6, 7, 8]);
    let status = ask(&mut conn, &format!("QADMIN.STATUS {job}"));
    assert_eq!(ages(&status).int("waits"), 2);
    let len: i64 = redis::cmd("LLEN").arg("q").query(&mut conn).expect("LLEN");
    assert_eq!(len, 4, "the connection is still in its database");
    run(&mut conn, "SELECT 0").expect("SELECT");
    assert_eq!(ask(&mut conn, "QADMIN.INDEX INFO q").int("at_least"), 0, "the index followed everything");
    ask(&mut conn, "QADMIN.INDEX DROP q");
    assert!(ask(&mut conn, "QADMIN.PREVIEW q TASK a.b").is_null("ages"));
}

#[test]
fn the_ages_of_priority_lists_are_shown_together_where_each_has_an_index() {
    let server = Server::start();
    let mut conn = server.conn();
    let low = "q\u{6}\u{16}3";
    ask(&mut conn, "QADMIN.INDEX CREATE q");
    push(&mut conn, "q", "LPUSH", &[1, 2]);
    push(&mut conn, low, "LPUSH", &[3]);
    let preview = |conn: &mut Connection| ask(conn, "QADMIN.PREVIEW q TASK a.b PRIORITY ALL");
    assert!(preview(&mut conn).is_null("ages"), "nobody knows what is oldest");
    let own = ages(&ask(&mut conn, "QADMIN.PREVIEW q TASK a.b"));
    assert_eq!(own.int("oldest_at_least"), 0);
    ask(&mut conn, &format!("QADMIN.INDEX CREATE {low}"));
    run(&mut conn, "RPOP q").expect("RPOP");
    let both = ages(&preview(&mut conn));
    assert_eq!((both.int("next_at_least"), both.int("oldest_at_least"), both.int("waits")), (0, 1, 1));
    let job = ask(&mut conn, "QADMIN.CLEARJOB q TASK a.b ALL PRIORITY 3 DRYRUN").text("job_id");
    let of_step = ages(&wait_for_job(&mut conn, &job));
    assert_eq!((of_step.int("next_at_least"), of_step.int("waits")), (1, 0));
}

#[test]
fn info_has_a_line_for_each_index_and_names_cannot_break_it() {
    let server = Server::start();
    let mut conn = server.conn();
    assert!(line_of(&server, 0).is_none());
    let hostile = "a,b=c%\r\nqadmin_jobs_live:99";
    redis::cmd("QADMIN.INDEX").arg("CREATE").arg(hostile).query::<Value>(&mut conn).expect("CREATE");
    run(&mut conn, "SELECT 2").expect("SELECT");
    ask(&mut conn, "QADMIN.INDEX CREATE queue:default AS sidekiq");
    push(&mut conn, "queue:default", "LPUSH", &[1, 2]);
    run(&mut conn, "RPOP queue:default").expect("RPOP");
    let empty = line_of(&server, 0).expect("a line");
    assert_eq!(value(&empty, "queue"), Some("a%2cb%3dc%25%0d%0aqadmin_jobs_live:99"));
    assert_eq!((value(&empty, "depth"), value(&empty, "next_age")), (Some("0"), None));
    assert_eq!(server.info("qadmin_jobs_live").as_deref(), Some("0"));
    let filled = line_of(&server, 1).expect("a line");
    for (name, wanted) in [
        ("db", "2"),
        ("queue", "queue:default"),
        ("state", "ready"),
        ("depth", "1"),
        ("next_at_least", "0"),
        ("oldest_at_least", "0"),
        ("waits", "1"),
    ] {
        assert_eq!(value(&filled, name), Some(wanted), "{name}: {filled:?}");
    }
    for name in ["memory", "next_age", "oldest_age", "pushed_per_minute", "popped_per_minute", "wait_sum_ms"]
    {
        let number = value(&filled, name).unwrap_or_else(|| panic!("{name}: {filled:?}"));
        number.parse::<u64>().unwrap_or_else(|_| panic!("{name}: {number}"));
    }
    let long = "x".repeat(5_000);
    ask(&mut conn, &format!("QADMIN.INDEX CREATE {long}"));
    let cut = line_of(&server, 2).expect("a line");
    assert_eq!(value(&cut, "queue"), Some(format!("{}...", &long[..256]).as_str()));
    run(&mut conn, "CONFIG SET maxmemory 1").expect("CONFIG SET");
    ask(&mut conn, "QADMIN.INDEX DROP queue:default");
    ask(&mut conn, "QADMIN.INDEX CREATE queue:default AS sidekiq");
    let suspended = line_of(&server, 2).expect("a line");
    assert_eq!((value(&suspended, "state"), value(&suspended, "depth")), (Some("suspended"), None));
}
