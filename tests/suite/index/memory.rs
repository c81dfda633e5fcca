//! Indexes on a server that is nearly full: they cause no eviction and no OOM error.

use qadmin_harness::{Fields as _, Server, eventually};
use redis::Connection;

use super::fields::{compare, message, push};
use crate::support::{ask, run};

/// Messages of a list whose index with [`CREATE`] takes more than an eighth of what the server uses.
const MESSAGES: u64 = 60_000;
const CREATE: &str = "QADMIN.INDEX CREATE q FIELDS 8 task id lang group retries root_id parent_id origin";

fn used(server: &Server) -> u64 {
    server.info("used_memory").and_then(|used| used.parse().ok()).expect("INFO")
}

/// Returns a server with a list and other keys, which uses `percent` of its maxmemory.
fn full_server(policy: &str, percent: u64) -> (Server, Connection) {
    let server = Server::builder().module().config(format!("maxmemory-policy {policy}")).start();
    let mut conn = server.conn();
    for first in (0..MESSAGES).step_by(1_000) {
        let made: Vec<String> = (first..first + 1_000).map(|n| message(n, "a.b", "1")).collect();
        push(&mut conn, "q", &made);
    }
    for n in 0..50 {
        run(&mut conn, &format!("SET other{n} x")).expect("SET");
    }
    let most = used(&server) * 100 / percent;
    run(&mut conn, &format!("CONFIG SET maxmemory {most}")).expect("CONFIG SET");
    (server, conn)
}

fn an_index_gives_way(policy: &str) {
    let (server, mut conn) = full_server(policy, 88);
    run(&mut conn, CREATE).expect("INDEX CREATE");
    eventually("it is suspended", || ask(&mut conn, "QADMIN.INDEX INFO q").text("state") == "suspended");
    let info = ask(&mut conn, "QADMIN.INDEX INFO q");
    assert!(info.text("reason").contains("maxmemory"), "{info:?}");
    // A list that grows and an index beside it: the index stays away.
    for n in 0..200 {
        run(&mut conn, &format!("SET more{n} x")).expect("no OOM error");
        push(&mut conn, "q", &[message(MESSAGES + n, "a.b", "1")]);
        run(&mut conn, "RPOP q").expect("RPOP");
    }
    assert_eq!(server.info("evicted_keys").as_deref(), Some("0"));
    assert_eq!(run(&mut conn, "DBSIZE").expect("DBSIZE"), redis::Value::Int(251));
    assert_eq!(ask(&mut conn, "QADMIN.INDEX INFO q").text("state"), "suspended");
    // There would be no room for it: it takes more than what was left. The server may store the list compressed, so there
    // is more room than for the list twice.
    let before = used(&server);
    let most = before * 2 + 64 * 1024 * 1024;
    run(&mut conn, &format!("CONFIG SET maxmemory {most}")).expect("CONFIG SET");
    eventually("it comes back", || ask(&mut conn, "QADMIN.INDEX INFO q").text("state") == "ready");
    let grown = used(&server).saturating_sub(before);
    assert!(grown > before / 8, "the index takes {grown} bytes beside {before}");
    compare(&mut conn, "q", &["WHERE", "task", "=", "a.b"], "with room again");
    assert_eq!(server.info("evicted_keys").as_deref(), Some("0"));
}

#[test]
fn an_index_causes_no_eviction() {
    an_index_gives_way("allkeys-lru");
}

#[test]
fn an_index_causes_no_oom_error() {
    an_index_gives_way("noeviction");
}
