//! The real RQ: what its workers run after a clear, and what it says of jobs that were cleared.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use qadmin_harness::{Fields as _, Server, spawn};
use redis::{Commands as _, Connection};

use super::{QUEUE, clear, content};
use crate::support::ask;
use crate::support::celery::script;

/// Runs the script with these words, and returns what it printed.
pub(crate) fn rq(server: &Server, words: &str) -> String {
    let out = script(server).arg("rq_app.py").args(words.split(' ')).output().expect("Python starts");
    let log = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && !log.contains("Error"), "{words}: {log}");
    String::from_utf8(out.stdout).expect("a text")
}

/// The numbers of the jobs that ran, in ascending order.
pub(crate) fn ran(conn: &mut Connection) -> Vec<usize> {
    let mut ran: Vec<usize> = conn.lrange("ran", 0, -1).expect("LRANGE");
    ran.sort_unstable();
    ran
}

#[test]
fn what_is_left_runs_exactly_once_and_what_was_cleared_never() {
    for serializer in ["", " json"] {
        let server = Server::builder().module_args("slice-us 100 duty 5").start();
        let mut conn = server.conn();
        assert_eq!(rq(&server, &format!("send 0 60{serializer}")).lines().count(), 60);
        // A sender goes on while the clear runs.
        let mut sender = script(&server);
        sender.args(format!("rq_app.py send 60 30{serializer}").split(' ')).stdout(Stdio::null());
        let sender = spawn(sender).expect("Python starts");
        let filter = "TASK rq_app.bad WHERE args.0 < 60 WHERE kwargs.commitid GLOB c*";
        let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {QUEUE} {filter} AS rq"));
        assert_eq!((preview.int("match_count"), preview.int("unreadable")), (20, 0), "{preview:?}");
        let row = &preview.rows("sample")[0];
        assert_eq!((row.text("id").as_str(), row.text("args").as_str()), ("job-0", "[0]"));
        assert_eq!(row.text("headers.description"), "rq_app.bad(0, commitid='c0')");
        let end = clear(&mut conn, &format!("{filter} ALL"));
        assert_eq!((end.text("status").as_str(), end.int("deleted")), ("completed", 20), "{end:?}");
        let out = sender.wait_with_output().expect("a child of ours can be waited for");
        assert!(out.status.success());
        rq(&server, &format!("work{serializer}"));
        let wanted: Vec<usize> = (0..90_usize).filter(|n| *n >= 60 || !n.is_multiple_of(3)).collect();
        assert_eq!(ran(&mut conn), wanted);
        // Ids of cleared jobs are free again, also where RQ refuses an id that exists.
        rq(&server, "again job-0 job-3");
        rq(&server, "work");
        assert_eq!(ran(&mut conn).iter().filter(|n| [0, 3].contains(*n)).count(), 2);
    }
}

#[test]
fn a_job_on_which_another_depends_is_kept_and_both_run() {
    let server = Server::start();
    let mut conn = server.conn();
    rq(&server, "chain 3");
    rq(&server, "send 6 1");
    let end = clear(&mut conn, "TASK rq_app.bad ALL");
    assert_eq!(end.int("deleted"), 1, "{end:?}");
    assert!(end.text("notice").contains("other jobs depend on them"), "{end:?}");
    rq(&server, "work");
    assert_eq!(ran(&mut conn), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_group_does_not_count_jobs_that_were_cleared() {
    let server = Server::start();
    let mut conn = server.conn();
    let mut group = script(&server);
    group.args(["rq_app.py", "group", "6"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut group = spawn(group).expect("Python starts");
    let mut lines = BufReader::new(group.stdout.take().expect("piped")).lines();
    assert_eq!(lines.next().expect("a line").expect("a text"), "sent");
    let end = clear(&mut conn, "WHERE group = g WHERE task = rq_app.bad ALL");
    assert_eq!(end.int("deleted"), 2, "{end:?}");
    group.stdin.take().expect("piped").write_all(b"\n").expect("it waits for a line");
    assert_eq!(lines.next().expect("a line").expect("a text"), "job-1 job-2 job-4 job-5");
    assert!(group.wait().expect("a child of ours").success());
    let members: Vec<String> = conn.smembers("rq:group:g").expect("SMEMBERS");
    assert_eq!((members.len(), content(&mut conn).0.len()), (4, 4));
}
