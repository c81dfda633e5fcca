//! The module loads, its commands exist, and an empty queue is not an error.

use qadmin_harness::{Fields as _, Server, map};
use redis::Value;

use crate::support::{ask, run};

#[test]
fn the_server_knows_the_commands() {
    let server = Server::start();
    let mut conn = server.conn();
    for name in ["preview", "clearjob", "status", "cancel", "jobs"] {
        let info = run(&mut conn, &format!("COMMAND INFO qadmin.{name}")).expect("COMMAND INFO answers");
        let Value::Array(rows) = info else { panic!("COMMAND INFO answers a list, not {info:?}") };
        assert!(!matches!(rows[0], Value::Nil), "the server does not know QADMIN.{name}");
    }
}

#[test]
fn an_empty_queue_has_no_matches() {
    let server = Server::start();
    let reply = ask(&mut server.conn(), "QADMIN.PREVIEW nosuchqueue TASK app.tasks.upload.Upload REPOID 7");
    assert_eq!(reply.text("mode"), "synchronous");
    assert_eq!(reply.int("depth"), 0);
    assert_eq!(reply.int("match_count"), 0);
    assert!(reply.rows("sample").is_empty());
}

#[test]
fn both_protocols_answer_the_same_members_in_the_same_order() {
    let server = Server::start();
    let command = "QADMIN.PREVIEW nosuchqueue TASK x";
    let names = |value: &Value| map(value).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let resp2 = run(&mut server.conn(), command).expect("a reply");
    let resp3 = run(&mut server.conn3(), command).expect("a reply");
    assert!(matches!(resp3, Value::Map(_)), "RESP3 has maps: {resp3:?}");
    assert_eq!(names(&resp2), names(&resp3));
}
