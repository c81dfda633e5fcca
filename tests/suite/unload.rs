//! Unloading says what an operator has to know, and repeated loading and unloading leaves nothing in memory.

use std::fs;

use qadmin_harness::{Fields as _, Server, eventually, module_path, workspace_root};
use redis::{Commands as _, Connection};

use crate::stage::{Slow, filled, start_clear};
use crate::support::{run, wait_for_job};

const ROUNDS: u64 = 1_000;
/// The memory that one round can leave on average: the server's own data, and the noise of its clients.
const BYTES_PER_ROUND: u64 = 100;

fn used_memory(server: &Server) -> u64 {
    server.info("used_memory").expect("INFO").parse().expect("a number")
}

fn descriptors(server: &Server) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("the server lives").count()
}

fn round(server: &Server, conn: &mut Connection, load: &str, at: u64) {
    run(conn, load).expect("MODULE LOAD");
    if at.is_multiple_of(10) {
        let matching = filled(server, "celery", 200);
        let job = start_clear(conn, "celery");
        assert_eq!(wait_for_job(conn, &job).int("deleted"), matching);
        // No data of the job may remain except in the module's own memory.
        let _: () = conn.flushall().expect("FLUSHALL");
    }
    run(conn, "MODULE UNLOAD qadmin").expect("MODULE UNLOAD");
}

#[test]
fn thousand_loads_and_unloads_leak_nothing() {
    let server = Server::plain();
    let mut conn = server.conn();
    let load = format!("MODULE LOAD {}", module_path().expect("built").display());
    let warm = ROUNDS / 10;
    (0..warm).for_each(|at| round(&server, &mut conn, &load, at));
    let (memory, files) = (used_memory(&server), descriptors(&server));
    (warm..ROUNDS).for_each(|at| round(&server, &mut conn, &load, at));
    let grown = used_memory(&server).saturating_sub(memory);
    assert!(grown < (ROUNDS - warm) * BYTES_PER_ROUND, "{grown} bytes in {} rounds", ROUNDS - warm);
    // Connections of the clients above can be closed a moment later.
    eventually("no descriptor is left open", || descriptors(&server) <= files);
}

/// The line that must be in the log, shortened.
const REWRITE: &str = "run BGREWRITEAOF before the server is started without the module";

#[test]
fn unloading_beside_an_append_only_file_says_that_it_must_be_rewritten() {
    for (aof, told) in [("yes", true), ("no", false)] {
        let server = Server::builder().config(format!("appendonly {aof}")).module().start();
        let mut conn = server.conn();
        let matching = filled(&server, "celery", 200);
        let job = start_clear(&mut conn, "celery");
        assert_eq!(wait_for_job(&mut conn, &job).int("deleted"), matching);
        assert!(!server.log().contains(REWRITE), "nobody asks yet");
        run(&mut conn, "MODULE UNLOAD qadmin").expect("MODULE UNLOAD");
        eventually("the server has logged it", || server.log().contains("Module qadmin unloaded"));
        assert_eq!(server.log().contains(REWRITE), told, "appendonly {aof}");
    }
}

#[test]
fn whether_the_append_only_file_can_hold_units_is_known_and_nothing_is_said_after_a_rewrite() {
    let server = Server::builder().config("appendonly yes").module().start();
    let mut conn = server.conn();
    let can = |server: &Server| server.info("qadmin_aof_can_hold_units").expect("INFO") == "1";
    let rewrite = |conn: &mut Connection| {
        run(conn, "BGREWRITEAOF").expect("BGREWRITEAOF");
        eventually("it is rewritten", || {
            ["aof_rewrite_in_progress", "aof_rewrite_scheduled"]
                .iter()
                .all(|name| server.info(name).as_deref() == Some("0"))
        });
    };
    assert!(can(&server), "another life of the module may have written some");
    rewrite(&mut conn);
    assert!(!can(&server));
    filled(&server, "celery", 200);
    assert!(!can(&server), "messages are no units");
    let job = start_clear(&mut conn, "celery");
    wait_for_job(&mut conn, &job);
    // Nobody has asked between the clear and this rewrite, so it is not known that the rewrite came later.
    rewrite(&mut conn);
    assert!(can(&server));
    rewrite(&mut conn);
    assert!(!can(&server));
    run(&mut conn, "MODULE UNLOAD qadmin").expect("MODULE UNLOAD");
    eventually("the server has logged it", || server.log().contains("Module qadmin unloaded"));
    assert!(!server.log().contains(REWRITE), "the file is free of units");
    run(&mut conn, &format!("MODULE LOAD {}", module_path().expect("built").display())).expect("MODULE LOAD");
    assert!(can(&server), "a new life");
    run(&mut conn, "CONFIG SET appendonly no").expect("CONFIG SET");
    assert!(!can(&server), "there is no file");
}

#[test]
fn unloading_says_how_many_indexes_end() {
    let server = Server::start();
    let mut conn = server.conn();
    for queue in ["celery", "other"] {
        run(&mut conn, &format!("QADMIN.INDEX CREATE {queue}")).expect("INDEX CREATE");
    }
    run(&mut conn, "MODULE UNLOAD qadmin").expect("MODULE UNLOAD");
    eventually("the log says it", || {
        server.log().contains("indexes that end with the module: 2; a server without the module does not start with a line qadmin.index")
    });
}

/// A module cannot say more to the caller, so the page about the removal tells where the reason is.
#[test]
fn a_refused_unload_says_so_to_the_caller_and_why_in_the_log() {
    let server = Server::start();
    let mut conn = server.conn();
    filled(&server, "celery", 20_000);
    let slow = Slow::start(&server);
    let job = start_clear(&mut conn, "celery");
    let error = run(&mut conn, "MODULE UNLOAD qadmin").expect_err("a job is live").to_string();
    let page = fs::read_to_string(workspace_root().join("docs/remove.md")).expect("the page");
    let said = "Error unloading module: operation not possible.";
    assert!(error.contains(said), "{error}");
    assert!(page.contains(said), "docs/remove.md must quote: {said}");
    eventually("the log says why", || server.log().contains("not unloaded: live jobs: 1"));
    run(&mut conn, "QADMIN.CANCEL ALL").expect("CANCEL");
    drop(slow);
    assert_eq!(wait_for_job(&mut conn, &job).text("status"), "cancelled");
    run(&mut conn, "MODULE UNLOAD qadmin").expect("nothing is left to do");
}
