//! Two clients with keys of their own, so that the effect of a clear and its undo is known for each message: one parks
//! messages and moves them back, the other receives and acknowledges messages as Celery's workers do.

use std::collections::BTreeMap;

use qadmin_harness::Factory;
use redis::{Connection, Value, cmd};

use crate::client::{Answer, Client};
use crate::replies::members;
use crate::traffic::{is_innocent, rest};
use crate::world::{World, filter_of_prey};

/// The queue from which messages are parked.
const PARK: &str = "park";
/// The hash and the index of unacknowledged messages.
const UNACKED: [&str; 2] = ["unacked", "unacked_index"];
/// The maximum number of messages that one of them keeps.
const MOST: usize = 3_000;
/// The maximum number of jobs that wait for their undo.
const JOBS: usize = 8;

/// Returns a member of a reply that is a string.
fn text_of(reply: &Value, name: &str) -> Option<String> {
    let members = members(reply)?;
    let (_, value) = members.iter().find(|(member, _)| *member == name.as_bytes())?;
    match value {
        Value::BulkString(text) => Some(String::from_utf8_lossy(text).into_owned()),
        _ => None,
    }
}

/// Parks messages and moves them back until the end.
pub(crate) fn park(mut client: Client<'_>) {
    let mut factory = client.world.factory(50.0);
    let mut jobs: Vec<(String, String)> = Vec::new();
    while !client.world.stopped() {
        let inside = client.step();
        match client.chance.below(10) {
            0..4 => push(&mut client, &mut factory),
            4 => pop(&mut client, PARK),
            5..7 => jobs.extend(park_some(&mut client)),
            7 => undo_without_moves(&mut client),
            _ if !jobs.is_empty() => {
                let at = usize::try_from(client.chance.below(jobs.len() as u64)).unwrap_or(0);
                if undo(&mut client, &jobs[at]) {
                    jobs.remove(at);
                }
            }
            _ => {}
        }
        if jobs.len() > JOBS {
            jobs.remove(0);
        }
        drop(inside);
        rest(&mut client, 60);
    }
}

fn push(client: &mut Client<'_>, factory: &mut Factory) {
    if client.world.parked.lock().expect("no thread panics while it holds this lock").len() > MOST {
        return;
    }
    for _ in 0..client.chance.within(1, 8) {
        let message = factory.message(client.world.fresh());
        if matches!(client.call(&[b"LPUSH", PARK.as_bytes(), &message]), Answer::Value(Value::Int(_))) {
            client.world.parked.lock().expect("no thread panics while it holds this lock").push(message);
        }
    }
}

/// Pops a message as a worker, which must be one that was pushed and not popped before.
fn pop(client: &mut Client<'_>, key: &str) {
    let Answer::Value(Value::BulkString(message)) = client.say(&["RPOP", key]) else { return };
    let mut ledger = client.world.parked.lock().expect("no thread panics while it holds this lock");
    match ledger.iter().position(|known| *known == message) {
        Some(at) => drop(ledger.remove(at)),
        None => {
            client.world.violated(format!("{key} held a message that was never pushed, or held one twice"));
        }
    }
}

/// Starts a job that parks messages, and waits for it at most two seconds. Returns the job and its list.
fn park_some(client: &mut Client<'_>) -> Option<(String, String)> {
    let filter = filter_of_prey(&mut client.chance);
    let mut words: Vec<&str> = vec!["QADMIN.CLEARJOB", PARK];
    words.extend(filter.iter().map(String::as_str));
    words.extend(["ALL", "PARK", "CONFIRM", PARK]);
    words.extend(client.chance.percent(30).then_some("FRONT"));
    words.extend(client.chance.percent(30).then_some("INEXACT"));
    let limit = client.chance.within(1, 50).to_string();
    if client.chance.percent(30) && !words.contains(&"FRONT") {
        words.extend(["LIMIT", &limit]);
    }
    let Answer::Value(reply) = client.say(&words) else { return None };
    let (job, list) = (text_of(&reply, "job_id")?, text_of(&reply, "to")?);
    if client.chance.percent(80) {
        client.say(&["QADMIN.STATUS", &job, "WAIT", "2000"]);
    }
    if client.chance.percent(20) {
        pop(client, &list);
    }
    Some((job, list))
}

/// Moves back what a job moved; returns true if nothing is left to move back. The list contained only
/// messages of that job, so a completed undo leaves none.
fn undo(client: &mut Client<'_>, (job, list): &(String, String)) -> bool {
    let mut words = vec!["QADMIN.UNDO", job, "CONFIRM", list];
    words.extend(client.chance.percent(30).then_some("FRONT"));
    let dry_run = client.chance.percent(15);
    words.extend(dry_run.then_some("DRYRUN"));
    let reply = match client.say(&words) {
        Answer::Value(reply) => reply,
        // The job was undone or forgotten or moved nothing; or it is still running, and the undo is tried
        // again.
        Answer::Refused(line) => return !line.contains("has not ended") && !line.starts_with("TOOMANYJOBS"),
        Answer::Cut => return true,
    };
    let Some(id) = text_of(&reply, "job_id") else { return true };
    let Answer::Value(status) = client.say(&["QADMIN.STATUS", &id, "WAIT", "3000"]) else { return false };
    let completed = text_of(&status, "status").as_deref() == Some("completed");
    if !completed || dry_run {
        return false;
    }
    let missing = text_of(&status, "notice");
    if missing.is_none()
        && let Answer::Value(Value::Int(left)) = client.say(&["LLEN", list])
        && left > 0
    {
        client
            .world
            .violated(format!("{left} messages of job {job} are in {list} after its undo: {status:?}"));
    }
    true
}

/// A job that moved nothing cannot be undone.
fn undo_without_moves(client: &mut Client<'_>) {
    let words = ["QADMIN.CLEARJOB", PARK, "TASK", "no.such.task", "ALL", "CONFIRM", PARK];
    let Answer::Value(reply) = client.say(&words) else { return };
    let Some(job) = text_of(&reply, "job_id") else { return };
    client.say(&["QADMIN.STATUS", &job, "WAIT", "1000"]);
    if let Answer::Value(reply) = client.say(&["QADMIN.UNDO", &job, "DRYRUN"]) {
        client.world.violated(format!("a job that moved nothing is undone: {reply:?}"));
    }
}

/// Receives and acknowledges messages as a worker does, and clears unacknowledged ones, until the end.
pub(crate) fn hold(mut client: Client<'_>) {
    let mut factory = client.world.factory(50.0);
    let mut next = 0_u64;
    while !client.world.stopped() {
        let inside = client.step();
        match client.chance.below(10) {
            0..5 => {
                for _ in 0..client.chance.within(1, 6) {
                    next += 1;
                    deliver(&mut client, &mut factory, &format!("tag-{next}"));
                }
            }
            5..8 => acknowledge(&mut client),
            8 => {
                let filter = filter_of_prey(&mut client.chance);
                let name = client.chance.pick(&["QADMIN.PREVIEW", "QADMIN.STATS"]);
                let mut words: Vec<&str> = vec![name, UNACKED[0]];
                words.extend(filter.iter().map(String::as_str));
                words.extend(
                    (name == "QADMIN.STATS").then_some(["GROUPBY", "1", "task"]).into_iter().flatten(),
                );
                words.extend(client.chance.percent(30).then_some("INEXACT"));
                client.say(&words);
            }
            _ => {
                let filter = filter_of_prey(&mut client.chance);
                let mut words: Vec<&str> = vec!["QADMIN.CLEARJOB", UNACKED[0]];
                words.extend(filter.iter().map(String::as_str));
                words.extend([client.chance.pick(&["ALL", "ALL", "KEEPONE"]), "CONFIRM", UNACKED[0]]);
                words.extend(client.chance.percent(20).then_some("DRYRUN"));
                let Answer::Value(reply) = client.say(&words) else { continue };
                if let Some(job) = text_of(&reply, "job_id").filter(|_| client.chance.percent(50)) {
                    client.say(&["QADMIN.STATUS", &job, "WAIT", "1000"]);
                }
            }
        }
        drop(inside);
        rest(&mut client, 60);
    }
}

fn deliver(client: &mut Client<'_>, factory: &mut Factory, tag: &str) {
    if client.world.held.lock().expect("no thread panics while it holds this lock").len() > MOST {
        return;
    }
    let message = [b"[", &*factory.message(client.world.fresh()), b", \"\", \"celery\"]"].concat();
    // The score is higher than those before, as the time of a delivery is.
    let time = client.world.fresh().to_string();
    client.say(&["MULTI"]);
    client.say(&["ZADD", UNACKED[1], &time, tag]);
    client.call(&[b"HSET", UNACKED[0].as_bytes(), tag.as_bytes(), &message]);
    if matches!(client.say(&["EXEC"]), Answer::Value(Value::Array(_))) {
        client
            .world
            .held
            .lock()
            .expect("no thread panics while it holds this lock")
            .insert(tag.to_string(), message);
    }
}

/// Acknowledges a message. One that no filter of the run matches must still be unacknowledged.
fn acknowledge(client: &mut Client<'_>) {
    let some = {
        let held = client.world.held.lock().expect("no thread panics while it holds this lock");
        let skip = usize::try_from(client.chance.below(held.len().max(1) as u64)).unwrap_or(0);
        held.iter().nth(skip).map(|(tag, message)| (tag.clone(), is_innocent(message)))
    };
    let Some((tag, innocent)) = some else { return };
    client.say(&["MULTI"]);
    client.say(&["ZREM", UNACKED[1], &tag]);
    client.say(&["HDEL", UNACKED[0], &tag]);
    let Answer::Value(Value::Array(gone)) = client.say(&["EXEC"]) else { return };
    client.world.held.lock().expect("no thread panics while it holds this lock").remove(&tag);
    let counts = (gone.first(), gone.get(1));
    match counts {
        (Some(Value::Int(1)), Some(Value::Int(1))) => {}
        (Some(Value::Int(0)), Some(Value::Int(0))) if !innocent => {}
        other => client
            .world
            .violated(format!("{tag} of a message that is innocent ({innocent}): {other:?} removed")),
    }
}

/// Compares the keys of both clients with the messages that they put into them, while all clients are
/// stopped.
///
/// # Errors
/// Returns which messages are missing, duplicated, unknown or out of order.
pub(crate) fn compare(world: &World, conn: &mut Connection) -> Result<(), String> {
    compare_parked(&world.parked.lock().expect("no thread panics while it holds this lock"), conn)?;
    compare_held(&world.held.lock().expect("no thread panics while it holds this lock"), conn)
}

fn compare_parked(ledger: &[Vec<u8>], conn: &mut Connection) -> Result<(), String> {
    let failed = |error: redis::RedisError| error.to_string();
    let range = |conn: &mut Connection, key: &str| -> Result<Vec<Vec<u8>>, String> {
        cmd("LRANGE").arg(key).arg(0).arg(-1).query(conn).map_err(failed)
    };
    let mut all = range(conn, PARK)?;
    let innocent = |messages: &[Vec<u8>]| -> Vec<Vec<u8>> {
        messages.iter().filter(|message| is_innocent(message)).cloned().collect()
    };
    let order: Vec<Vec<u8>> = innocent(&all).into_iter().rev().collect();
    if order != innocent(ledger) {
        let (here, there) = (order.len(), innocent(ledger).len());
        return Err(format!(
            "of {there} messages in {PARK} that no filter matches {here} are there, or in another order"
        ));
    }
    let lists: Vec<String> = cmd("KEYS").arg(format!("{PARK}:parked:*")).query(conn).map_err(failed)?;
    for list in lists {
        all.extend(range(conn, &list)?);
    }
    let (mut here, mut there) = (all, ledger.to_vec());
    here.sort();
    there.sort();
    match here == there {
        true => Ok(()),
        false => Err(format!(
            "{PARK} and its parked lists hold {} messages, and {} were put there and not taken, or others",
            here.len(),
            there.len()
        )),
    }
}

fn compare_held(ledger: &BTreeMap<String, Vec<u8>>, conn: &mut Connection) -> Result<(), String> {
    let failed = |error: redis::RedisError| error.to_string();
    let hash: BTreeMap<String, Vec<u8>> = cmd("HGETALL").arg(UNACKED[0]).query(conn).map_err(failed)?;
    let mut index: Vec<String> = cmd("ZRANGE").arg(UNACKED[1]).arg(0).arg(-1).query(conn).map_err(failed)?;
    index.sort();
    if !index.iter().eq(hash.keys()) {
        return Err(format!(
            "{} tags are in the index of what is held, and {} in its hash",
            index.len(),
            hash.len()
        ));
    }
    if let Some((tag, _)) = hash.iter().find(|(tag, message)| ledger.get(*tag) != Some(message)) {
        return Err(format!("{tag} is unacknowledged with a message that was never delivered"));
    }
    match ledger.iter().find(|(tag, message)| is_innocent(message) && !hash.contains_key(*tag)) {
        Some((tag, _)) => Err(format!("lost: {tag} is neither acknowledged nor held")),
        None => Ok(()),
    }
}
