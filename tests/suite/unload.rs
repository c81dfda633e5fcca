//! Repeated loading and unloading leaves nothing in memory.

use std::fs;

use qadmin_harness::{Fields as _, Server, eventually, module_path};
use redis::{Commands as _, Connection};

use crate::stage::{filled, start_clear};
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
