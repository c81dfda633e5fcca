//! Transactions as the model sends and reads them.

use redis::{Connection, ConnectionLike as _, Pipeline, Value, cmd};

use super::status::Status;

/// Sets one setting of the server.
pub(super) fn set(conn: &mut Connection, name: &str, value: usize) {
    cmd("CONFIG").arg("SET").arg(name).arg(value).exec(conn).expect("CONFIG SET");
}

/// Runs a transaction. Replies of single commands can be errors, which the caller checks.
pub(super) fn exec(conn: &mut Connection, pipe: &Pipeline) -> Vec<Value> {
    let count = pipe.cmd_iter().count();
    let answers = conn.req_packed_commands(&pipe.get_packed_pipeline(), count + 1, 1).expect("EXEC answers");
    match answers.into_iter().next() {
        Some(Value::Array(answers)) if answers.len() == count => answers,
        other => panic!("EXEC answers {count} things, not {other:?}"),
    }
}

fn list(value: &Value) -> Vec<Vec<u8>> {
    let Value::Array(items) = value else { panic!("LRANGE answers a list, not {value:?}") };
    let bytes = |item: &Value| match item {
        Value::BulkString(bytes) => bytes.clone(),
        other => panic!("no element: {other:?}"),
    };
    items.iter().map(bytes).collect()
}

/// Requests all jobs, then the queue.
pub(super) fn look(pipe: &mut Pipeline, jobs: &[String]) {
    for id in jobs {
        pipe.cmd("QADMIN.STATUS").arg(id);
    }
    pipe.cmd("LRANGE").arg(&["q", "0", "-1"]);
}

/// Makes these requests in both databases.
pub(super) fn look_at_both(pipe: &mut Pipeline, jobs: &[Vec<String>; 2]) {
    for (db, jobs) in jobs.iter().enumerate() {
        pipe.cmd("SELECT").arg(db);
        look(pipe, jobs);
    }
}

/// Returns the jobs and the queue of these replies.
pub(super) fn seen(answers: &[Value]) -> (Vec<Status>, Vec<Vec<u8>>) {
    let (queue, statuses) = answers.split_last().expect("a look asks for the queue");
    (statuses.iter().map(Status::read).collect(), list(queue))
}
