//! Functions that several tests need.

pub(crate) mod celery;
pub(crate) mod kind_of_ids;

use std::path::PathBuf;

use qadmin_harness::{leave_out, map, workspace_root};
use redis::{Connection, Value};

/// The members of a map reply, in order.
pub(crate) type Reply = Vec<(String, Value)>;

/// Runs a command typed as one line of words and reads its map reply.
pub(crate) fn ask(conn: &mut Connection, line: &str) -> Reply {
    match run(conn, line) {
        Ok(value) => map(&value),
        Err(error) => panic!("{line}: {error}"),
    }
}

/// Runs a command typed as one line of words.
pub(crate) fn run(conn: &mut Connection, line: &str) -> redis::RedisResult<Value> {
    let mut words = line.split_ascii_whitespace();
    let mut command = redis::cmd(words.next().expect("a line has a first word"));
    for word in words {
        command.arg(word);
    }
    command.query(conn)
}

/// Waits until a job has ended and returns its last status.
pub(crate) fn wait_for_job(conn: &mut Connection, job_id: &str) -> Reply {
    ask(conn, &format!("QADMIN.STATUS {job_id} WAIT 0"))
}

/// Returns the installed servers on which fields of a hash can have times of their own (HPEXPIRE: Redis 7.4, Valkey 9).
/// Reports it if there is none.
pub(crate) fn servers_with_field_times() -> Vec<PathBuf> {
    let all = ["trixie-redis", "sid-redis", "sid-valkey"];
    let paths = all.map(|name| workspace_root().join("target/servers").join(name).join("run"));
    let found: Vec<PathBuf> = paths.into_iter().filter(|path| path.is_file()).collect();
    if found.is_empty() {
        leave_out("servers", "none has fields that expire; `make servers` gets some");
    }
    found
}
