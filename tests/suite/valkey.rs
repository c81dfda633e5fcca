//! Valkey 8.1 runs notifications on the client that executes the command: no client may be left in another
//! database because of the module.

use std::path::PathBuf;

use qadmin_harness::{Builder, Fields as _, Server, leave_out, workspace_root};
use redis::{Connection, Value};

use crate::durability::{tell, until_caught_up};
use crate::support::{ask, run, wait_for_job};

/// Returns Valkey 8.1 if `make servers` has installed it; otherwise reports that it is missing.
fn valkey_8_1() -> Option<PathBuf> {
    let path = workspace_root().join("target/servers/trixie-valkey/run");
    if path.is_file() {
        return Some(path);
    }
    leave_out("servers", &format!("{} is not there; `make servers` gets Valkey 8.1", path.display()));
    None
}

fn builder(path: &PathBuf) -> Builder {
    Server::builder().module().binary(path)
}

/// Returns the database that this connection has selected.
fn selected(conn: &mut Connection) -> String {
    let Value::BulkString(info) = redis::cmd("CLIENT").arg("INFO").query(conn).expect("CLIENT INFO") else {
        panic!("CLIENT INFO is a text")
    };
    let info = String::from_utf8(info).expect("UTF-8");
    let db = info.split(' ').find_map(|word| word.strip_prefix("db=")).expect("a database");
    db.to_owned()
}

fn do_a_job(conn: &mut Connection) {
    tell(conn, "LPUSH jobs {}");
    let id = ask(conn, "QADMIN.CLEARJOB jobs ALL TASK x CONFIRM jobs").text("job_id");
    wait_for_job(conn, &id);
}

#[test]
fn on_valkey_8_1_an_unused_module_leaves_clients_in_their_database() {
    let Some(path) = valkey_8_1() else { return };
    let server = builder(&path).start();
    let mut conn = server.conn();
    tell(&mut conn, "SELECT 1");
    tell(&mut conn, "LPUSH q a");
    tell(&mut conn, "MOVE q 0");
    assert_eq!(selected(&mut conn), "1");
    tell(&mut conn, "LPUSH q a");
    tell(&mut conn, "COPY q copy DB 3");
    assert_eq!(selected(&mut conn), "1");
    // Listing the queues needs no more.
    tell(&mut conn, "QADMIN.QUEUES");
    tell(&mut conn, "QADMIN.JOBS");
    tell(&mut conn, "QADMIN.PREVIEW q TASK t NOCOUNT");
    tell(&mut conn, "COPY q copy DB 4");
    assert_eq!(selected(&mut conn), "1");
}

#[test]
fn on_valkey_8_1_a_client_that_moves_a_key_stays_in_its_database() {
    let Some(path) = valkey_8_1() else { return };
    let primary = builder(&path).start();
    let replica = builder(&path).start();
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    do_a_job(&mut conn);
    // The replica receives key events from its own first job on.
    tell(&mut replica.conn(), "QADMIN.PREVIEW jobs TASK t");
    tell(&mut conn, "SELECT 1");
    for key in ["a", "b", "c", "d"] {
        tell(&mut conn, &format!("LPUSH {key} x"));
    }
    tell(&mut conn, "MOVE a 0");
    assert_eq!(selected(&mut conn), "1");
    tell(&mut conn, "SET after-move 1");
    // In a transaction and in a script each further command is in the database of the first.
    let _: Value = redis::pipe()
        .atomic()
        .cmd("MOVE")
        .arg("b")
        .arg(2)
        .cmd("SET")
        .arg("in-multi")
        .arg(1)
        .query(&mut conn)
        .expect("EXEC");
    assert_eq!(selected(&mut conn), "1");
    let script = "redis.call('MOVE', KEYS[1], 3); redis.call('SET', KEYS[2], 1)";
    let _: Value =
        redis::cmd("EVAL").arg(script).arg(2).arg("c").arg("in-script").query(&mut conn).expect("EVAL");
    assert_eq!(selected(&mut conn), "1");
    // A command that moves nothing changes nothing.
    tell(&mut conn, "LPUSH a y");
    tell(&mut conn, "MOVE a 0");
    assert_eq!(selected(&mut conn), "1");
    for key in ["after-move", "in-multi", "in-script"] {
        assert_eq!(run(&mut conn, &format!("EXISTS {key}")).expect("EXISTS"), Value::Int(1), "{key}");
    }
    until_caught_up(&primary, &replica);
    let mut there = replica.conn();
    for db in 0..4 {
        for conn in [&mut conn, &mut there] {
            tell(conn, &format!("SELECT {db}"));
        }
        let keys = |conn: &mut Connection| {
            let mut keys: Vec<String> = redis::cmd("KEYS").arg("*").query(conn).expect("KEYS");
            keys.sort();
            keys
        };
        assert_eq!(keys(&mut conn), keys(&mut there), "database {db}");
    }
}

#[test]
fn on_valkey_8_1_a_job_follows_what_happens_to_its_queue() {
    let Some(path) = valkey_8_1() else { return };
    let server = builder(&path).start();
    let mut conn = server.conn();
    for line in ["DEL q", "RENAME q other", "MOVE q 5", "COPY empty q REPLACE"] {
        tell(&mut conn, "DEL q other empty");
        tell(&mut conn, "RPUSH empty {}");
        for _ in 0..3 {
            tell(&mut conn, "LPUSH q {\"headers\":{\"task\":\"t\"}}");
        }
        let id = ask(&mut conn, "QADMIN.CLEARJOB q ALL TASK t CONFIRM q RATE 1").text("job_id");
        tell(&mut conn, &format!("QADMIN.PAUSE {id}"));
        tell(&mut conn, line);
        tell(&mut conn, &format!("QADMIN.RESUME {id}"));
        let end = wait_for_job(&mut conn, &id);
        assert!(["completed", "failed"].contains(&end.text("status").as_str()), "{line}: {end:?}");
        let kept = if line.starts_with("COPY") { 1 } else { 0 };
        assert_eq!(run(&mut conn, "LLEN q").expect("LLEN"), Value::Int(kept), "{line}");
    }
}
