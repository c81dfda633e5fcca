//! Audits: what a module replaced inside a list without a notification is found.

use qadmin_harness::{Fields as _, Server, c_module, eventually};
use redis::Connection;

use super::fields::{compare, message, push, until_read};
use crate::support::{ask, run};

/// Returns a server with a list of 300 messages and its index. No audit is made.
fn bed() -> (Server, Connection) {
    let server = Server::builder().module_args("index-audit 0").start();
    let mut conn = server.conn();
    let library = c_module("callqadmin", server.dir()).expect("the other module is built");
    run(&mut conn, &format!("MODULE LOAD {}", library.display())).expect("MODULE LOAD");
    ask(&mut conn, "QADMIN.INDEX CREATE q FIELDS 2 task kwargs.x");
    let made: Vec<String> = (0..300).map(|n| message(n, "a.b", &(n % 5).to_string())).collect();
    push(&mut conn, "q", &made);
    until_read(&mut conn, "q");
    (server, conn)
}

fn count(conn: &mut Connection, more: &str) -> (String, i64) {
    let reply = ask(conn, &format!("QADMIN.PREVIEW q WHERE task = c.d SAMPLE 0{more}"));
    (reply.text("source"), reply.int("match_count"))
}

#[test]
fn an_audit_finds_a_message_that_was_replaced_silently_inside_the_list() {
    let (server, mut conn) = bed();
    redis::cmd("CALLQADMIN.SWAP")
        .arg("q")
        .arg(150)
        .arg(message(300, "c.d", "9"))
        .query::<()>(&mut conn)
        .expect("SWAP");
    // What the documentation warns of: until an audit the index does not know it.
    assert_eq!(count(&mut conn, ""), ("index".to_owned(), 0));
    assert_eq!(count(&mut conn, " BUST"), ("scan".to_owned(), 1));
    let info = ask(&mut conn, "QADMIN.INDEX INFO q");
    assert_eq!((info.int("audits"), info.int("audit_faults"), info.int("rebuilt")), (0, 0, 0), "{info:?}");
    assert!(info.is_null("audited") && info.int("at_least") == 0, "{info:?}");

    run(&mut conn, "CONFIG SET qadmin.index-audit 1").expect("CONFIG SET");
    eventually("an audit found it", || ask(&mut conn, "QADMIN.INDEX INFO q").int("audit_faults") == 1);
    until_read(&mut conn, "q");
    let info = ask(&mut conn, "QADMIN.INDEX INFO q");
    assert_eq!((info.int("rebuilt"), info.int("at_least")), (1, 300), "{info:?}");
    assert!(info.int("audited") >= info.int("since"), "{info:?}");
    compare(&mut conn, "q", &["WHERE", "task", "=", "c.d"], "after the audit");
    assert_eq!(count(&mut conn, ""), ("index".to_owned(), 1));
    eventually("the next one finds nothing", || ask(&mut conn, "QADMIN.INDEX INFO q").int("audits") > 0);
    assert_eq!(server.info("qadmin_index_audit_faults").as_deref(), Some("1"));
    assert_eq!(ask(&mut conn, "QADMIN.INDEX INFO q").int("rebuilt"), 1);
}

#[test]
fn audits_go_on_beside_traffic_and_find_no_fault_where_there_is_none() {
    let (server, mut conn) = bed();
    run(&mut conn, "CONFIG SET qadmin.index-audit 1").expect("CONFIG SET");
    let (mut n, mut audits) = (1_000, 0);
    while audits < 3 {
        let made: Vec<String> = (n..n + 5).map(|n| message(n, "a.b", &(n % 5).to_string())).collect();
        push(&mut conn, "q", &made);
        run(&mut conn, "RPOP q 4").expect("RPOP");
        run(&mut conn, "LMOVE q q RIGHT LEFT").expect("LMOVE");
        let inside: String = redis::cmd("LINDEX").arg("q").arg(150).query(&mut conn).expect("LINDEX");
        redis::cmd("LREM").arg("q").arg(1).arg(inside).query::<()>(&mut conn).expect("LREM");
        n += 5;
        audits = ask(&mut conn, "QADMIN.INDEX INFO q").int("audits");
    }
    let info = ask(&mut conn, "QADMIN.INDEX INFO q");
    assert_eq!((info.int("audit_faults"), info.int("rebuilt")), (0, 0), "{info:?}");
    assert_eq!(server.info("qadmin_index_audit_faults").as_deref(), Some("0"));
    compare(&mut conn, "q", &["WHERE", "kwargs.x", "=", "3"], "after audits");
}
