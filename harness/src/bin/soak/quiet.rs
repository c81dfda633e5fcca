//! The checks that run while all clients are stopped.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use qadmin_harness::Server;
use redis::{Connection, Value, cmd, pipe};

use crate::client::Answer;
use crate::indexed;
use crate::private;
use crate::traffic::is_innocent;
use crate::world::{FREE, HELD, LIVE, World};

/// The maximum time for anything while the clients are stopped; what takes longer counts as hung.
const PATIENCE: Duration = Duration::from_secs(120);

/// The number of databases that are used.
const DATABASES: u32 = 4;

/// Texts that the log of a server must not contain, in addition to those for which `Server` searches.
pub(crate) const SIGNS: [&str; 5] =
    ["internal fault in", "does not fit this server", "panicked at", "BUG REPORT START", "ASSERTION FAILED"];

/// Returns the text of an INFO reply; an empty text if the command was refused.
pub(crate) fn text_of(info: &Answer) -> String {
    match info {
        Answer::Value(Value::BulkString(text)) => String::from_utf8_lossy(text).into_owned(),
        Answer::Value(Value::VerbatimString { text, .. }) => text.clone(),
        _ => String::new(),
    }
}

/// Returns the clients of the server, for a person.
pub(crate) fn clients(server: &Server) -> String {
    cmd("CLIENT").arg("LIST").query(&mut server.conn()).unwrap_or_default()
}

/// Returns the module's section of INFO.
pub(crate) fn info(server: &Server) -> String {
    cmd("INFO").arg("qadmin").query(&mut server.conn()).unwrap_or_default()
}

/// Returns a number from the text of INFO.
pub(crate) fn field_of(text: &str, field: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    line.trim().parse().ok()
}

fn number(server: &Server, field: &str) -> Result<u64, String> {
    let text = server.info(field).ok_or_else(|| format!("INFO has no {field}"))?;
    text.parse().map_err(|_| format!("{field} is {text:?}"))
}

fn tell(conn: &mut Connection, line: &str) -> Result<Value, String> {
    let mut words = line.split(' ');
    let mut command = cmd(words.next().unwrap_or_default());
    for word in words {
        command.arg(word);
    }
    command.query(conn).map_err(|error| format!("{line}: {error}"))
}

pub(crate) fn until(what: &str, mut yes: impl FnMut() -> Result<bool, String>) -> Result<(), String> {
    let start = Instant::now();
    while !yes()? {
        if start.elapsed() > PATIENCE {
            return Err(format!("did not happen within {} s: {what}", PATIENCE.as_secs()));
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Ends all disturbances, waits for jobs to end and for the replica, and runs all checks.
///
/// # Errors
/// Returns the invariant that is violated.
pub(crate) fn check(world: &World, primary: &Server, replica: &Server, cancel: bool) -> Result<(), String> {
    calm(primary, replica, cancel)?;
    accounts(world, primary)?;
    for (name, server) in [("primary", primary), ("replica", replica)] {
        indexed::compare(name, server, &world.compared)?;
        let count = number(server, "qadmin_apply_mismatches")?;
        if count > 0 {
            return Err(format!("{count} units did not fit on the {name}"));
        }
        let log = server.log();
        if let Some(line) = log.lines().find(|line| SIGNS.iter().any(|sign| line.contains(sign))) {
            return Err(format!("the log of the {name} says: {line}"));
        }
    }
    equal(primary, replica)
}

fn calm(primary: &Server, replica: &Server, cancel: bool) -> Result<(), String> {
    let (mut first, mut second) = (primary.conn(), replica.conn());
    for line in [
        "CLIENT UNPAUSE",
        "CONFIG SET maxmemory 0",
        "CONFIG SET min-replicas-to-write 0",
        "CONFIG SET qadmin.slice-us 2000",
        "CONFIG SET qadmin.duty 100",
    ] {
        tell(&mut first, line)?;
    }
    let follow = format!("REPLICAOF 127.0.0.1 {}", primary.port());
    until("the replica follows", || match tell(&mut second, &follow) {
        Err(why) if why.contains("oading") => Ok(false),
        told => told.map(|_| true),
    })?;
    if cancel {
        tell(&mut first, "QADMIN.CANCEL ALL")?;
    }
    for (name, server) in [("primary", primary), ("replica", replica)] {
        for field in ["qadmin_jobs_live", "qadmin_clients_waiting", "qadmin_records_owed"] {
            until(&format!("no {field} on the {name}"), || Ok(number(server, field)? == 0))?;
        }
    }
    no_job_says_that_it_runs(&mut first)?;
    until("the replica has everything", || {
        Ok(replica.info("master_link_status").as_deref() == Some("up")
            && primary.info("connected_slaves").as_deref() == Some("1")
            && primary.info("master_repl_offset") == replica.info("master_repl_offset"))
    })
}

/// Checks that no job is reported as running, neither in JOBS nor in a record.
fn no_job_says_that_it_runs(conn: &mut Connection) -> Result<(), String> {
    let lives = |status: &str| ["pending", "running", "paused"].contains(&status);
    let mut liar = String::new();
    let checked = until("every record has ended", || {
        liar.clear();
        let jobs = tell(conn, "QADMIN.JOBS COUNT 100")?;
        for job in qadmin_harness::maps(&jobs) {
            let status = qadmin_harness::Fields::text(&job[..], "status");
            if lives(&status) {
                liar = format!("JOBS: {job:?}");
            }
        }
        for db in 0..DATABASES {
            tell(conn, &format!("SELECT {db}"))?;
            let keys: Vec<String> =
                cmd("KEYS").arg("qadmin:job:*").query(conn).map_err(|error| error.to_string())?;
            for key in keys {
                let status: Option<String> = cmd("HGET")
                    .arg(&key)
                    .arg("status")
                    .query(conn)
                    .map_err(|error| format!("{key}: {error}"))?;
                if status.is_some_and(|status| lives(&status)) {
                    let all = tell(conn, &format!("HGETALL {key}"));
                    liar = format!("record {key} in database {db}: {all:?}");
                }
            }
        }
        tell(conn, "SELECT 0")?;
        Ok(liar.is_empty())
    });
    checked.map_err(|why| format!("{why}; {liar}"))
}

/// Checks that every message without a matching filter is either popped or in the queue, once and in order.
fn accounts(world: &World, primary: &Server) -> Result<(), String> {
    let mut conn = primary.conn();
    let range = |conn: &mut Connection, key: &str| -> Result<Vec<Vec<u8>>, String> {
        cmd("LRANGE").arg(key).arg(0).arg(-1).query(conn).map_err(|error| error.to_string())
    };
    let queue = range(&mut conn, LIVE)?;
    let innocent: Vec<&[u8]> =
        queue.iter().rev().map(Vec::as_slice).filter(|message| is_innocent(message)).collect();
    world.ledger.lock().expect("no thread panics while it holds this lock").compare(&innocent)?;
    match range(&mut conn, HELD)?.len() {
        0 => private::compare(world, &mut conn),
        n => Err(format!("{n} messages are unacknowledged although no worker has them")),
    }
}

/// Checks that every key without an expiry has the same content on both servers.
fn equal(primary: &Server, replica: &Server) -> Result<(), String> {
    let (mut first, mut second) = (primary.conn(), replica.conn());
    for db in 0..DATABASES {
        tell(&mut first, &format!("SELECT {db}"))?;
        tell(&mut second, &format!("SELECT {db}"))?;
        let mut keys = BTreeSet::new();
        for conn in [&mut first, &mut second] {
            let found: Vec<Vec<u8>> = cmd("KEYS").arg("*").query(conn).map_err(|error| error.to_string())?;
            keys.extend(found);
        }
        // A key with an expiry can have expired on only one of them.
        let lasting = |conn: &mut Connection, keys: &[Vec<u8>]| -> Result<Vec<(i64, Vec<String>)>, String> {
            let mut pipe = pipe();
            for key in keys {
                pipe.cmd("PTTL").arg(key).cmd("DEBUG").arg("DIGEST-VALUE").arg(key);
            }
            let answers: Vec<Value> = pipe.query(conn).map_err(|error| error.to_string())?;
            let read = |pair: &[Value]| -> Result<(i64, Vec<String>), redis::ParsingError> {
                Ok((redis::from_redis_value(pair[0].clone())?, redis::from_redis_value(pair[1].clone())?))
            };
            answers.chunks_exact(2).map(|pair| read(pair).map_err(|error| error.to_string())).collect()
        };
        let keys: Vec<Vec<u8>> = keys.into_iter().collect();
        if keys.is_empty() {
            continue;
        }
        let (here, there) = (lasting(&mut first, &keys)?, lasting(&mut second, &keys)?);
        for ((key, here), there) in keys.iter().zip(&here).zip(&there) {
            let ends = here.0 >= 0 || there.0 >= 0;
            if !ends && here != there {
                return Err(format!(
                    "key {:?} of database {db} differs: primary {here:?}, replica {there:?}",
                    String::from_utf8_lossy(key)
                ));
            }
        }
    }
    tell(&mut first, "SELECT 0")?;
    Ok(())
}

/// Restarts the primary from its append-only file, and checks that the queue is the same to the last message.
///
/// # Errors
/// Returns the difference.
pub(crate) fn restart(world: &World, primary: &mut Server) -> Result<(), String> {
    let digest = |server: &Server| -> Result<Vec<String>, String> {
        let mut command = cmd("DEBUG");
        command.arg("DIGEST-VALUE").arg(LIVE).arg(&FREE);
        command.query(&mut server.conn()).map_err(|error| error.to_string())
    };
    let before = digest(primary)?;
    primary.restart();
    world.spare_victims();
    world.gate.next_generation();
    match digest(primary)? == before {
        true => Ok(()),
        false => Err("the append-only file holds other queues than memory did".to_string()),
    }
}

/// Deletes everything, and returns the memory that the server still uses.
///
/// # Errors
/// Returns an error if the server does not reply.
pub(crate) fn drain(world: &World, primary: &Server) -> Result<u64, String> {
    let mut conn = primary.conn();
    tell(&mut conn, "FLUSHALL SYNC")?;
    tell(&mut conn, "SCRIPT FLUSH")?;
    world.ledger.lock().expect("no thread panics while it holds this lock").drained();
    world.parked.lock().expect("no thread panics while it holds this lock").clear();
    world.held.lock().expect("no thread panics while it holds this lock").clear();
    // The buffers of clients shrink gradually.
    let mut least = u64::MAX;
    for _ in 0..20 {
        least = least.min(number(primary, "used_memory")?);
        thread::sleep(Duration::from_millis(50));
    }
    Ok(least)
}
