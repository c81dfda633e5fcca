//! Checks of every reply of the module, whatever the command was.

use redis::Value;

/// The members with which a reply must begin, by command.
const PREVIEW: [&str; 5] = ["mode", "queue", "filter", "depth", "match_count"];
const STATS: [&str; 5] = ["mode", "queue", "filter", "depth", "total"];
const CLEARJOB: [&str; 5] = ["job_id", "queue", "mode", "dry_run", "status"];
const STATUS: [&str; 5] = ["job_id", "kind", "status", "waiting", "queue"];

const INDEX: [&str; 5] = ["queue", "db", "message_kind", "state", "reason"];

/// Checks a reply that is not an error.
///
/// # Errors
/// Returns what is wrong with it.
pub(crate) fn judge(name: &str, args: &[&[u8]], value: &Value) -> Result<(), String> {
    // The command was queued by a transaction.
    if matches!(value, Value::SimpleString(text) if text == "QUEUED") {
        return Ok(());
    }
    let has = |word: &str| args.iter().any(|arg| arg.eq_ignore_ascii_case(word.as_bytes()));
    if has("JSON")
        && let Value::BulkString(text) = value
    {
        return serde_json::from_slice::<serde_json::Value>(text)
            .map(drop)
            .map_err(|e| format!("no JSON: {e}"));
    }
    match name {
        "QADMIN.PREVIEW" => starts(value, &PREVIEW),
        "QADMIN.STATS" => stats(value),
        "QADMIN.CLEARJOB" | "QADMIN.UNDO" => starts(value, &CLEARJOB),
        "QADMIN.STATUS" => job(value),
        "QADMIN.CANCEL" if has("ALL") => list(value)?.iter().try_for_each(job),
        "QADMIN.CANCEL" => job(value),
        "QADMIN.JOBS" => list(value)?.iter().try_for_each(job),
        "QADMIN.INDEX" if has("LIST") => list(value)?.iter().try_for_each(|index| starts(index, &INDEX)),
        "QADMIN.INDEX" if has("DROP") => starts(value, &INDEX[..2]),
        "QADMIN.INDEX" => starts(value, &INDEX),
        "QADMIN.HELP" => list(value).map(drop),
        _ => Err("no command that answers".to_string()),
    }
}

fn list(value: &Value) -> Result<&[Value], String> {
    match value {
        Value::Array(items) => Ok(items),
        other => Err(format!("no list: {other:?}")),
    }
}

/// Returns the members of a map in either protocol.
pub(crate) fn members(value: &Value) -> Option<Vec<(&[u8], &Value)>> {
    fn name(value: &Value) -> Option<&[u8]> {
        if let Value::BulkString(name) = value { Some(name) } else { None }
    }
    match value {
        Value::Map(pairs) => pairs.iter().map(|(key, value)| Some((name(key)?, value))).collect(),
        Value::Array(flat) if flat.len() % 2 == 0 => {
            flat.chunks_exact(2).map(|pair| Some((name(&pair[0])?, &pair[1]))).collect()
        }
        _ => None,
    }
}

fn starts(value: &Value, names: &[&str]) -> Result<(), String> {
    let members = members(value).ok_or("no map")?;
    let begins = names.iter().zip(&members).all(|(name, (member, _))| name.as_bytes() == *member);
    if begins && members.len() > names.len() { Ok(()) } else { Err("not the promised members".to_string()) }
}

/// Checks groups: together with the other groups they must contain all matches.
fn stats(value: &Value) -> Result<(), String> {
    starts(value, &STATS)?;
    let map = members(value).ok_or("no map")?;
    let member = |name: &str| map.iter().find(|(key, _)| *key == name.as_bytes()).map(|(_, value)| *value);
    let (Some(Value::Array(rows)), Some(other)) = (member("groups"), member("other")) else { return Ok(()) };
    let count = |row: &Value| {
        let members = members(row).unwrap_or_default();
        let of = members.iter().find(|(name, _)| *name == b"count").map(|(_, value)| *value);
        if let Some(Value::Int(n)) = of { Ok(*n) } else { Err("a group without a count") }
    };
    let sum = rows.iter().chain([other]).try_fold(0, |sum, row| Ok::<_, &str>(sum + count(row)?))?;
    match member("matched") {
        Some(Value::Int(matched)) if *matched == sum => Ok(()),
        matched => Err(format!("the groups are {sum} together, and matched is {matched:?}")),
    }
}

/// Checks a job that STATUS shows.
fn job(value: &Value) -> Result<(), String> {
    starts(value, &STATUS)?;
    let members = members(value).ok_or("no map")?;
    let member =
        |name: &str| members.iter().find(|(key, _)| *key == name.as_bytes()).map(|(_, value)| *value);
    let int = |name: &str| match member(name) {
        Some(Value::Int(n)) => Ok(*n),
        other => Err(format!("{name} is {other:?}")),
    };
    let Some(Value::BulkString(status)) = member("status") else { return Err("no status".to_string()) };
    let completed = status == b"completed";
    let (total, known) = (int("total_estimated")?, int("processed")? + int("drifted")?);
    // A job that cleared as many as its LIMIT allows has not examined the rest.
    let limited = matches!(member("limit"), Some(Value::Int(limit)) if *limit <= int("deleted")?.max(int("would_delete")?));
    if completed && total != known && !(limited && total > known) {
        return Err("total_estimated is not processed + drifted".to_string());
    }
    if completed != (int("progress")? == 100) {
        return Err("progress is 100 where the job is not completed, or not where it is".to_string());
    }
    let counts = ["processed", "matched", "deleted", "would_delete", "drifted", "arrived", "queue_depth"];
    for name in counts {
        if int(name)? < 0 {
            return Err(format!("{name} is negative"));
        }
    }
    if int("passes_run")? <= 1 && int("deleted")? > int("matched")? {
        return Err("more deleted than matched".to_string());
    }
    Ok(())
}
