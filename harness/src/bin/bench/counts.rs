//! Counting matches.

use std::collections::HashMap;

use qadmin_harness::{Factory, Fields as _, Series, TARGET_REPOID, TARGET_TASK, grouped, text};

use crate::bed::{Bed, QUEUE, REPOID, TARGET, check, count, factory, timed};
use crate::floor;
use crate::table::Table;

/// A field of message i.
type Value = fn(&Factory, u64) -> String;

/// The fields by which STATS groups, and their values in message i.
const STATS: [(&str, Value); 2] = [
    ("task", |made, i| made.facts(i).task.to_string()),
    ("kwargs.repoid", |made, i| made.facts(i).repoid.to_string()),
];

/// The number of ids in the longest list that IN accepts.
const IN_IDS: u64 = 10_000;

/// Lua that searches every message for two texts. It is not exact: it relies on the spacing of the producer
/// and on kwargsrepr, which Celery cuts at 1,024 characters.
pub(crate) const LUA_FIND: &str = "
    local count, n = 0, redis.call('LLEN', KEYS[1])
    for first = 0, n - 1, 1000 do
        for _, message in ipairs(redis.call('LRANGE', KEYS[1], first, first + 999)) do
            if string.find(message, '\"task\": \"' .. ARGV[1] .. '\"', 1, true)
               and string.find(message, '\\'repoid\\': ' .. ARGV[2] .. ',', 1, true) then
                count = count + 1
            end
        end
    end
    return count";

/// Lua that parses every envelope. The body is base64, which Lua in Redis cannot decode, so this one uses
/// kwargsrepr, too.
const LUA_CJSON: &str = "
    local count, n = 0, redis.call('LLEN', KEYS[1])
    for first = 0, n - 1, 1000 do
        for _, message in ipairs(redis.call('LRANGE', KEYS[1], first, first + 999)) do
            local headers = cjson.decode(message).headers
            if headers.task == ARGV[1]
               and string.find(headers.kwargsrepr, '\\'repoid\\': ' .. ARGV[2] .. ',', 1, true) then
                count = count + 1
            end
        end
    end
    return count";

#[expect(clippy::too_many_lines, reason = "the rows of the table in their order")]
pub(crate) fn measure(bed: &mut Bed) -> Result<Vec<Table>, String> {
    let messages = bed.messages;
    bed.filled(messages, 1.0)?;
    let made = factory(1.0);
    let expected = made.count(0..messages);
    let by_repo = (0..messages).filter(|i| made.facts(*i).repoid == TARGET_REPOID).count() as u64;
    let mut table =
        Table::of_times(format!("Counting {} matches among {}", grouped(expected), grouped(messages)));

    let job = bed.repeat(|bed| {
        let (seconds, status) = timed(|| bed.count_job(&TARGET))?;
        check("count", count(&status, "matched"), expected)?;
        Ok(seconds)
    })?;
    let base = Some(job.median());
    table.timing("QADMIN.PREVIEW by task and repoid, as a job", &job, base);

    let inline = bed.repeat(|bed| {
        bed.inline(true)?;
        let words = [&["QADMIN.PREVIEW", QUEUE][..], &TARGET, &["BUST"]].concat();
        let (seconds, reply) = timed(|| bed.ask(&words))?;
        check("inline count", count(&reply, "match_count"), expected)?;
        Ok(seconds)
    })?;
    table.timing("QADMIN.PREVIEW by task and repoid, while the client waits", &inline, base);

    let repo = bed.repeat(|bed| {
        let (seconds, status) = timed(|| bed.count_job(&["REPOID", REPOID]))?;
        check("count by repoid", count(&status, "matched"), by_repo)?;
        Ok(seconds)
    })?;
    table.timing("QADMIN.PREVIEW by repoid alone", &repo, base);

    // Half of them are in the queue, spread over all of it.
    let step = (messages / IN_IDS).max(1);
    let ids: Vec<String> = (0..IN_IDS).map(|i| made.facts(i * 2 * step).id).collect();
    let present = (0..IN_IDS).filter(|i| i * 2 * step < messages).count() as u64;
    let number = IN_IDS.to_string();
    let by_ids: Vec<&str> =
        ["WHERE", "id", "IN", &number].into_iter().chain(ids.iter().map(String::as_str)).collect();
    let listed = bed.repeat(|bed| {
        let (seconds, status) = timed(|| bed.count_job(&by_ids))?;
        check("count by ids", count(&status, "matched"), present)?;
        Ok(seconds)
    })?;
    table.timing(
        &format!("QADMIN.PREVIEW WHERE id IN {} ids, of which half are there", grouped(IN_IDS)),
        &listed,
        base,
    );

    for (field, of) in STATS {
        let mut groups: HashMap<String, u64> = HashMap::new();
        (0..messages).for_each(|i| *groups.entry(of(&made, i)).or_default() += 1);
        let stats = bed.repeat(|bed| {
            let (seconds, status) = timed(|| bed.stats_job(&[field]))?;
            check("groups", count(&status, "groups_total"), groups.len() as u64)?;
            for row in status.rows("groups") {
                check(field, count(&row, "count"), groups.get(&row.text(field)).copied().unwrap_or(0))?;
            }
            Ok(seconds)
        })?;
        table.timing(&format!("QADMIN.STATS by {field}, {} groups", groups.len()), &stats, base);
    }

    let floor = floor::walk(bed)?;
    table.timing("the floor: the same walk in one piece, without judging", &floor, base);
    let in_floors = |series: &Series| series.median() / floor.median();
    let targets = &mut bed.targets;
    targets.at_most("count by TASK + REPOID, idle server", in_floors(&job), 2.0, " x floor");
    targets.at_most("count by TASK + REPOID, idle server, then", in_floors(&job), 1.5, " x floor");
    targets.at_most("count by REPOID alone (every body examined)", in_floors(&repo), 2.6, " x floor");

    let again = bed.repeat(|bed| {
        bed.inline(true)?;
        let words = [&["QADMIN.PREVIEW", QUEUE][..], &TARGET].concat();
        let (seconds, reply) = timed(|| bed.ask(&words))?;
        if reply.is_null("cached_at") && reply.int("deduplicated") == 0 {
            return Err("a repeated preview counted again".to_string());
        }
        Ok(seconds)
    })?;
    table.timing("the same again: cached count, live depth and sample", &again, base);

    let mut python = f64::INFINITY;
    for chunk in [10_000, 1_000] {
        let series = bed.repeat(|bed| {
            let result = bed.rival("rival_count.py", chunk)?;
            check("Python", result["count"].as_u64().unwrap_or(0), expected)?;
            result["seconds"].as_f64().ok_or_else(|| "no seconds".to_string())
        })?;
        table.timing(&format!("Python, LRANGE of {} + orjson", grouped(chunk)), &series, base);
        python = python.min(series.median());
    }
    let what = "count by TASK + REPOID: faster than Python, the better chunk";
    bed.targets.at_least(what, python / job.median(), 8.0, " x");
    for (name, script) in [("Lua, string.find (not exact)", LUA_FIND), ("Lua, cjson (not exact)", LUA_CJSON)]
    {
        let series = bed.repeat(|bed| {
            let words = ["EVAL", script, "1", QUEUE, TARGET_TASK, REPOID];
            let (seconds, reply) = timed(|| bed.command(&words))?;
            check(name, text(&reply).parse().unwrap_or(0), expected)?;
            Ok(seconds)
        })?;
        table.timing(&format!("{name}; the server does nothing else meanwhile"), &series, base);
    }
    table.note(
        "Lua cannot decode the base64 of a body: its counts use kwargsrepr, which Celery cuts at 1,024 \
                characters.",
    );
    Ok(vec![table])
}
