//! A panic at any place of the module does no damage: the server keeps running, the job fails and reports
//! why, the queue has lost exactly the messages of the record, replicas are equal, and the next job works.
//! The module of these tests panics on demand (`make build-faults`).

mod abort;
mod callbacks;
mod slices;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use qadmin_core::request::COMMANDS;
use qadmin_harness::{Fields as _, Server, eventually, module_path, workspace_root};
use redis::Connection;

use crate::durability::{
    Filled, assert_no_mismatch, audit, digest, finish_the_work, queue, recorded, start_clear, tell,
    until_caught_up, until_deleted,
};
use crate::stage::Slow;
use crate::support::{Reply, run, wait_for_job};

/// The error that a client receives and that a failed job shows.
const FAULT: &str = "internal error of the module; see the server's log";

/// A place where the module panics, and the function that reaches it.
type Row = (&'static str, fn(&mut Bed));

/// A primary whose module panics on demand, its replica, and a queue to clear.
struct Bed {
    server: Server,
    replica: Server,
    conn: Connection,
    filled: Filled,
}

impl Bed {
    fn new() -> Self {
        // This must hold whatever the environment requests from Rust.
        let bed = || Server::builder().faults().env("RUST_BACKTRACE", "full").start();
        let (server, replica) = (bed(), bed());
        replica.replica_of(&server);
        let conn = server.conn();
        let filled = Filled::new(&server, 1, 0.0);
        Self { server, replica, conn, filled }
    }

    /// Fills the queue as at the beginning.
    fn fill(&mut self) {
        tell(&mut self.conn, "DEL celery");
        self.filled = Filled::new(&self.server, 2_000, 50.0);
    }

    /// Makes the module panic when it next reaches this place, or after it has passed it `skip` times.
    fn arm(&mut self, place: &str, skip: u32) {
        let _: i32 = redis::cmd("QADMIN.FAULT").arg(place).arg(skip).query(&mut self.conn).expect("armed");
    }

    /// Starts a clear that has removed some messages and continues slowly while the second value exists.
    fn clear(&mut self) -> (String, Slow) {
        let slow = Slow::start(&self.server);
        let id = start_clear(&mut self.conn);
        until_deleted(&mut self.conn, &id, 1);
        (id, slow)
    }

    /// Checks that the job failed, and that its record says so, too, with the number of all removed messages.
    fn assert_failed(&mut self, id: &str) -> Reply {
        let end = wait_for_job(&mut self.conn, id);
        assert_eq!(end.text("status"), "failed", "{end:?}");
        assert_eq!(end.text("error"), format!("ERR {FAULT}"));
        self.assert_recorded(id, &end);
        end
    }

    /// Checks that the job continued to its end without an error.
    fn assert_completed(&mut self, id: &str) {
        let end = wait_for_job(&mut self.conn, id);
        assert_eq!((end.text("status").as_str(), end.int("deleted")), ("completed", self.filled.matches()));
        self.assert_recorded(id, &end);
    }

    fn assert_recorded(&mut self, id: &str, end: &Reply) {
        let missing = self.filled.missing(&queue(&mut self.conn));
        assert_eq!(end.int("deleted"), missing, "{end:?}");
        eventually("the record says how it ended", || {
            recorded(&mut self.conn, id, "status") == end.text("status")
        });
        assert_eq!(recorded(&mut self.conn, id, "deleted"), missing.to_string());
        eventually("the audit says it, too", || {
            let ends = audit(&mut self.conn).into_iter().filter(|entry| entry.text("event") == "end");
            ends.filter(|entry| entry.text("job_id") == id)
                .any(|entry| entry.text("deleted") == missing.to_string())
        });
    }

    /// Checks that a command panics and its client receives the error.
    fn assert_fault(&mut self, line: &str) {
        let error = run(&mut self.conn, line).expect_err(line).to_string();
        assert!(error.contains(FAULT), "{line}: {error}");
    }

    /// Panics once at each place, each time with a new queue, and checks the result.
    fn walk(&mut self, rows: &[Row]) {
        for (place, act) in rows {
            tell(&mut self.conn, "FLUSHALL");
            self.filled = Filled::new(&self.server, 2_000, 50.0);
            let logged = self.server.log().len();
            act(self);
            let line = format!("internal fault in {place}: a fault on demand");
            let point = "a fault on demand";
            let log = self.server.log()[logged..].to_string();
            assert!(
                log.contains(if is_callback(place) { &line } else { point }),
                "{place} leaves no line:\n{log}"
            );
            assert_eq!(log.matches("> panic at ").count(), 1, "{place}:\n{log}");
            eventually("nobody waits and nothing is pending", || {
                ["clients_waiting", "jobs_live", "records_owed"]
                    .iter()
                    .all(|name| crate::stage::info(&self.server, name) == 0)
            });
            until_caught_up(&self.server, &self.replica);
            assert_eq!(
                digest(&mut self.conn),
                digest(&mut self.replica.conn()),
                "{place}: the replica differs"
            );
            finish_the_work(&mut self.conn, &self.filled);
            until_caught_up(&self.server, &self.replica);
            assert_eq!(
                digest(&mut self.conn),
                digest(&mut self.replica.conn()),
                "{place}: the replica differs"
            );
            assert_no_mismatch(&self.replica);
        }
    }
}

/// Returns whether the place is a `guard` itself, which the log names.
fn is_callback(place: &str) -> bool {
    places("guard(").contains(place)
}

/// Returns the places whose names follow this text in the module's code.
fn places(call: &str) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = BTreeSet::new();
    collect(&workspace_root().join("src"), call, &mut found);
    if call == "guard(" {
        // One guard covers all commands, under their names.
        found.extend(COMMANDS.iter().map(|command| command.name.to_string()));
        found.insert("QADMIN.APPLY".into());
    }
    found
}

fn collect(folder: &Path, call: &str, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("the module's code") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, call, found);
            continue;
        }
        let code = fs::read_to_string(&path).expect("code is text");
        for (at, _) in code.match_indices(call) {
            let after = code[at + call.len()..].trim_start();
            if let Some((name, _)) = after.strip_prefix('"').and_then(|text| text.split_once('"')) {
                found.insert(name.to_string());
            }
        }
    }
}

#[test]
fn every_callback_and_every_place_that_can_panic_on_demand_is_tried() {
    let mut known = places("guard(");
    known.extend(places("point("));
    let rows = callbacks::ROWS.iter().chain(slices::ROWS).map(|(place, _)| *place);
    let tried: BTreeSet<String> = rows.chain(abort::PLACES).chain(["OnLoad"]).map(String::from).collect();
    assert_eq!(known, tried, "the code against the tables of these tests");
}

/// LLVM's unwinder, which is in builds for musl and in those by zig, needs this alignment; libgcc's does not.
#[test]
fn an_exception_is_aligned_for_every_unwinder() {
    let server = Server::builder().faults().start();
    let (size, remainder): (usize, usize) =
        redis::cmd("QADMIN.FAULT").arg("EXCEPTION").query(&mut server.conn()).expect("a block");
    assert!(size > 32, "{size} bytes are less than the exception of the ABI has");
    assert_eq!(remainder, 0, "the address of a block of {size} bytes divided by 16");
}

#[test]
fn a_release_build_has_no_panics_on_demand() {
    let release = fs::read(module_path().expect("built")).expect("readable");
    assert!(!release.windows(17).any(|bytes| bytes == b"a fault on demand"));
    let server = Server::start();
    run(&mut server.conn(), "QADMIN.FAULT INFO").expect_err("there is no such command");
}
