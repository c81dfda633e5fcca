//! Indexes of some queues, on both servers: while all clients are stopped, each answers what a scan counts.

use std::sync::atomic::{AtomicU64, Ordering};

use qadmin_harness::{Fields as _, Server, TARGET_REPOID, TARGET_TASK, map, maps};
use redis::{Connection, Value, cmd};

use crate::quiet::until;

/// The indexes with which both servers begin, and the primary whenever the module is loaded again. One of
/// them follows arrivals only.
pub(crate) const SETTING: &str = "live:task,kwargs.repoid live%06%163:task,kwargs.repoid free:a@celery:task,kwargs.repoid,retries \
                                  1/free:a@celery:task free:b@celery";

/// Members of PREVIEW and STATS that have to be equal.
const COUNTED: [&str; 5] = ["matched_bytes", "undecodable", "unreadable", "inexact", "depth"];

/// How often an index was compared with a scan, and how often it could not answer.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    pub(crate) answers: AtomicU64,
    pub(crate) scans: AtomicU64,
}

/// Compares all indexes of a server with scans. No client changes a list meanwhile.
///
/// # Errors
/// Returns the difference.
pub(crate) fn compare(name: &str, server: &Server, compared: &Compared) -> Result<(), String> {
    let mut conn = server.conn();
    let indexes = call(&mut conn, &["QADMIN.INDEX", "LIST"]).map(|reply| maps(&reply))?;
    for index in indexes {
        let (queue, db) = (bytes(index.get_field("queue")), index.int("db"));
        let fields: Vec<String> = match index.get_field("fields") {
            Value::Array(fields) => fields.iter().map(qadmin_harness::text).collect(),
            _ => Vec::new(),
        };
        call(&mut conn, &["SELECT", &db.to_string()])?;
        let shown = String::from_utf8_lossy(&queue).into_owned();
        let fails = |why: String| format!("the index of {shown:?} in database {db} of the {name}: {why}");
        // An index that gave its memory back begins anew when it is asked.
        until("each index is ready", || Ok(info(&mut conn, &queue)?.text("state") == "ready"))
            .map_err(&fails)?;
        lengths(&mut conn, &queue).map_err(&fails)?;
        let has = |field: &str| fields.iter().any(|name| name == field);
        let mut filters = Vec::new();
        if has("task") {
            filters.extend([format!("WHERE task = {TARGET_TASK}"), "WHERE task GLOB *a*".to_owned()]);
            filters.push(format!("WHERE task != {TARGET_TASK} WHERE bytes > 100"));
        }
        if has("kwargs.repoid") {
            filters.push(format!("WHERE kwargs.repoid >= {TARGET_REPOID} WHERE task GLOB app.*"));
        }
        let kind = index.text("message_kind");
        for filter in filters {
            same(&mut conn, &queue, &kind, &filter, compared)
                .map_err(|why| fails(format!("{filter}: {why}")))?;
        }
    }
    call(&mut conn, &["SELECT", "0"]).map(drop)
}

/// Checks that the index knows as many messages as there are.
fn lengths(conn: &mut Connection, queue: &[u8]) -> Result<(), String> {
    let shown = info(conn, queue)?;
    let kind: String = cmd("TYPE").arg(queue).query(conn).map_err(|error| error.to_string())?;
    let len: i64 = match kind.as_str() {
        "list" => cmd("LLEN").arg(queue).query(conn).map_err(|error| error.to_string())?,
        _ => 0,
    };
    let known = shown.int("exact") + shown.int("at_least");
    if shown.int("depth") != len || known != len {
        return Err(format!("{len} messages, and it knows {known}: {shown:?}"));
    }
    Ok(())
}

/// Compares one count, and the groups by task.
fn same(
    conn: &mut Connection,
    queue: &[u8],
    kind: &str,
    filter: &str,
    compared: &Compared,
) -> Result<(), String> {
    for (command, options, counts) in [
        ("QADMIN.PREVIEW", "SAMPLE 0", "match_count"),
        ("QADMIN.STATS", "GROUPBY 1 task TOP 1000", "matched"),
    ] {
        let mut ask = |bust: bool| -> Result<Vec<(String, Value)>, String> {
            let mut line = cmd(command);
            line.arg(queue);
            filter.split(' ').chain(options.split(' ')).chain(["AS", kind]).for_each(|word| {
                line.arg(word);
            });
            if bust {
                line.arg("BUST");
            }
            line.query::<Value>(conn).map(|reply| map(&reply)).map_err(|error| error.to_string())
        };
        let by_index = ask(false)?;
        if by_index.text("source") != "index" {
            compared.scans.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let mut by_scan = ask(true)?;
        if by_scan.text("mode") == "job" {
            let id = by_scan.text("job_id");
            let ended = call(conn, &["QADMIN.STATUS", &id, "WAIT", "0"]).map(|reply| map(&reply))?;
            let counted = COUNTED.into_iter().filter(|name| *name != "depth");
            for name in counted.chain([counts, "groups", "other"]) {
                let value = ended.get_field(if name == counts { "matched" } else { name });
                by_scan
                    .iter_mut()
                    .filter(|(member, _)| member == name)
                    .for_each(|(_, old)| *old = value.clone());
            }
        }
        compared.answers.fetch_add(1, Ordering::Relaxed);
        let groups = if command == "QADMIN.STATS" { &["groups", "other"][..] } else { &[] };
        for name in COUNTED.iter().chain([&counts]).chain(groups) {
            let [one, other] = [&by_index, &by_scan].map(|reply| plain(name, reply.get_field(name)));
            if one != other {
                return Err(format!("{command}: {name} is {one:?}, and a scan counts {other:?}"));
            }
        }
    }
    Ok(())
}

/// The value of a member, without what only an index knows of groups.
fn plain(name: &str, value: &Value) -> String {
    match (name, value) {
        ("groups", Value::Array(rows)) => {
            let known = ["task", "count", "bytes", "next_index", "last_index"];
            let row = |row: &Value| {
                let members = map(row).into_iter().filter(|(name, _)| known.contains(&name.as_str()));
                members.collect::<Vec<_>>()
            };
            format!("{:?}", rows.iter().map(row).collect::<Vec<_>>())
        }
        _ => format!("{value:?}"),
    }
}

fn info(conn: &mut Connection, queue: &[u8]) -> Result<Vec<(String, Value)>, String> {
    let reply = cmd("QADMIN.INDEX").arg("INFO").arg(queue).query::<Value>(conn);
    reply.map(|reply| map(&reply)).map_err(|error| error.to_string())
}

fn call(conn: &mut Connection, words: &[&str]) -> Result<Value, String> {
    let mut command = cmd(words[0]);
    command.arg(&words[1..]);
    command.query(conn).map_err(|error| format!("{words:?}: {error}"))
}

fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::BulkString(bytes) => bytes.clone(),
        other => qadmin_harness::text(other).into_bytes(),
    }
}
