//! Functions that several tests need.

pub(crate) mod celery;

use qadmin_harness::map;
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
