//! Servers with an earlier version of the module and servers with this one work together, in the order that
//! docs/upgrade.md describes. `make test-upgrade` builds the earlier version and runs these tests.

use std::path::{Path, PathBuf};

use qadmin_harness::{Factory, Fields as _, Server, Size, Traffic, eventually, module_path};
use redis::{Commands as _, Connection};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    Filled, assert_no_mismatch, digest, hurry, queue, start_clear, status, tell, until_caught_up,
    until_deleted,
};
use crate::stage::slowly;
use crate::support::{ask, wait_for_job};

/// The file of the earlier module: what `make test-upgrade` has built.
fn earlier_module() -> PathBuf {
    let path = std::env::var_os("QADMIN_EARLIER_MODULE");
    path.map(PathBuf::from).expect("make test-upgrade sets QADMIN_EARLIER_MODULE")
}

/// A server with an append-only file, whose module is a file of its own that can be replaced as an installation does it.
struct Upgradable {
    server: Server,
    folder: TempDir,
}

impl Upgradable {
    /// Starts it with the earlier module.
    fn start(module_args: &str) -> Self {
        let folder = TempDir::with_prefix("qadmin-module-").expect("a temporary folder");
        install(&earlier_module(), folder.path());
        let load = format!("loadmodule {} {module_args}", folder.path().join("libqadmin.so").display());
        let server = Server::builder().config("appendonly yes").config("hz 500").config(load).start();
        Self { server, folder }
    }

    /// Installs a module and restarts the server.
    fn restart_with(&mut self, module: &Path) {
        install(module, self.folder.path());
        self.server.restart();
    }
}

/// Puts a new file in the place of the old one, as every way to install the module does.
fn install(module: &Path, folder: &Path) {
    let new = folder.join("new.so");
    std::fs::copy(module, &new).expect("the module is copied");
    std::fs::rename(new, folder.join("libqadmin.so")).expect("the file is replaced");
}

fn celery(number: u32, task: &str) -> Value {
    json!({
        "body": json!([[number], {}, {}]).to_string(),
        "headers": {"task": task, "id": format!("00000000-0000-4000-8000-{number:012}"), "lang": "py"},
        "properties": {"delivery_tag": format!("t{number}"), "body_encoding": "utf-8"},
        "content-type": "application/json",
        "content-encoding": "utf-8",
    })
}

/// A task of which every other message is to be cleared.
fn task(number: u32) -> &'static str {
    if number.is_multiple_of(2) { "Bad" } else { "Good" }
}

/// Clears keys of each kind in each way, and checks what is left.
fn clear_everything(conn: &mut Connection, round: u32) {
    let [all, moved, parked, one, unacked, retry] =
        ["all", "moved", "parked", "one", "unacked", "retry"].map(|name| format!("{name}-{round}"));
    for number in 0..60 {
        let message = celery(number, task(number));
        for list in [&all, &moved, &parked, &one] {
            conn.lpush::<_, _, ()>(list, message.to_string()).expect("LPUSH");
        }
        let (tag, index) = (format!("t{number}"), format!("{unacked}_index"));
        let held = json!([message, "", "celery"]).to_string();
        conn.hset::<_, _, _, ()>(&unacked, &tag, held).expect("HSET");
        conn.zadd::<_, _, _, ()>(index, tag, 1_700_000_000 + number).expect("ZADD");
        let job = json!({"class": task(number), "args": [number], "jid": format!("{number:024x}")});
        conn.zadd::<_, _, _, ()>(&retry, job.to_string(), 2_000_000_000 + number).expect("ZADD");
    }
    let clear = |conn: &mut Connection, key: &str, words: &str, left: i64| {
        let started = ask(conn, &format!("QADMIN.CLEARJOB {key} TASK Bad {words} CONFIRM {key}"));
        let ended = wait_for_job(conn, &started.text("job_id"));
        assert_eq!(
            (ended.text("status"), ended.int("deleted")),
            ("completed".into(), 30 - left),
            "{ended:?}"
        );
        let total = match key == unacked {
            true => conn.hlen(key),
            false if key == retry => conn.zcard(key),
            false => conn.llen(key),
        };
        assert_eq!(total, Ok(30 + left), "{key}");
        started.text("job_id")
    };
    clear(conn, &all, "ALL", 0);
    clear(conn, &moved, &format!("ALL TO {all}"), 0);
    clear(conn, &one, "KEEPONE", 1);
    clear(conn, &unacked, "ALL", 0);
    clear(conn, &retry, "ALL AS SIDEKIQ", 0);
    let job = clear(conn, &parked, "ALL PARK", 0);
    let list = format!("{parked}:parked:{}", &job[..8]);
    let undo = ask(conn, &format!("QADMIN.UNDO {job} CONFIRM {list}"));
    let undone = wait_for_job(conn, &undo.text("job_id"));
    assert_eq!((undone.text("status"), conn.llen(&parked)), ("completed".into(), Ok(60)), "{undone:?}");
}

/// Does so while producers and workers use another queue, and checks that both servers are equal afterwards.
fn clear_under_traffic(primary: &Upgradable, replica: &Upgradable, round: u32) {
    let (primary, replica) = (&primary.server, &replica.server);
    let factory = Factory::new(u64::from(round)).size(Size::Slim);
    let traffic = Traffic::start(primary.port(), "live", factory, 50);
    clear_everything(&mut primary.conn(), round);
    traffic.stop();
    until_caught_up(primary, replica);
    assert_eq!(digest(&mut primary.conn()), digest(&mut replica.conn()), "primary and replica differ");
    assert_no_mismatch(primary);
    assert_no_mismatch(replica);
}

/// Lets a server write its append-only file anew.
fn rewrite(server: &Server) {
    tell(&mut server.conn(), "BGREWRITEAOF");
    let is_over = |field: &str| server.info(field).as_deref() == Some("0");
    eventually("the file is rewritten", || {
        is_over("aof_rewrite_in_progress") && is_over("aof_rewrite_scheduled")
    });
}

#[test]
#[ignore = "needs the module of an earlier version: make test-upgrade"]
fn a_replica_is_upgraded_first_and_its_primary_last_and_back() {
    let (old, new) = (earlier_module(), module_path().expect("the module is built"));
    let (mut primary, mut replica) = (Upgradable::start(""), Upgradable::start(""));
    replica.server.replica_of(&primary.server);
    clear_under_traffic(&primary, &replica, 1);

    replica.restart_with(&new);
    replica.server.replica_of(&primary.server);
    clear_under_traffic(&primary, &replica, 2);
    // It loads what it wrote, and what the earlier module wrote before.
    primary.restart_with(&new);
    clear_under_traffic(&primary, &replica, 3);

    // And back: the file is rewritten, and the primary is restarted first.
    rewrite(&primary.server);
    primary.restart_with(&old);
    clear_under_traffic(&primary, &replica, 4);
    rewrite(&replica.server);
    replica.restart_with(&old);
    replica.server.replica_of(&primary.server);
    clear_under_traffic(&primary, &replica, 5);
}

#[test]
#[ignore = "needs the module of an earlier version: make test-upgrade"]
fn a_clear_that_the_upgrade_interrupted_is_continued_and_a_park_of_before_is_undone() {
    let mut primary = Upgradable::start(&slowly());
    let filled = Filled::new(&primary.server, 6_000, 40.0);
    let mut conn = primary.server.conn();
    for number in 0..60 {
        conn.lpush::<_, _, ()>("small", celery(number, task(number)).to_string()).expect("LPUSH");
    }
    let before: Vec<String> = conn.lrange("small", 0, -1).expect("LRANGE");
    let park = ask(&mut conn, "QADMIN.CLEARJOB small TASK Bad ALL PARK CONFIRM small").text("job_id");
    assert_eq!(wait_for_job(&mut conn, &park).int("deleted"), 30);
    let id = start_clear(&mut conn);
    let at_least = until_deleted(&mut conn, &id, 200);

    primary.restart_with(&module_path().expect("the module is built"));
    let mut conn = primary.server.conn();
    hurry(&mut conn);
    let record = status(&mut conn, &id);
    assert_eq!(record.text("status"), "interrupted", "{record:?}");
    assert!(record.int("deleted") >= at_least, "{record:?}");
    let next = ask(&mut conn, &format!("QADMIN.RESUME {id}"));
    let ended = wait_for_job(&mut conn, &next.text("job_id"));
    assert_eq!(ended.text("status"), "completed", "{ended:?}");
    assert_eq!(record.int("deleted") + ended.int("deleted"), filled.matches());
    assert_eq!(queue(&mut conn), filled.survivors());

    let undo = ask(&mut conn, &format!("QADMIN.UNDO {park} CONFIRM small:parked:{}", &park[..8]));
    assert_eq!(wait_for_job(&mut conn, &undo.text("job_id")).text("status"), "completed");
    let mut after: Vec<String> = conn.lrange("small", 0, -1).expect("LRANGE");
    after.sort();
    let mut expected = before;
    expected.sort();
    assert_eq!(after, expected);
}
