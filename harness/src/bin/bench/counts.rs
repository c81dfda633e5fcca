//! Counting matches.

use qadmin_harness::{Fields as _, TARGET_REPOID, TARGET_TASK, grouped, text};

use crate::bed::{Bed, QUEUE, check, count, factory, target, timed};
use crate::table::Table;

/// Lua that looks for two texts in every message. Not exact: it trusts the spacing of the producer and
/// kwargsrepr, which Celery cuts at 1,024 characters.
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

/// Lua that parses every envelope; the body is base64, which Lua in Redis cannot open, so kwargsrepr again.
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

pub(crate) fn measure(bed: &mut Bed) -> Result<Vec<Table>, String> {
    let messages = bed.messages;
    bed.filled(messages, 1.0)?;
    let made = factory(1.0);
    let expected = made.count(0..messages);
    let by_repo = (0..messages).filter(|i| made.facts(*i).repoid == TARGET_REPOID).count() as u64;
    let filter = target();
    let filter: Vec<&str> = filter.iter().map(String::as_str).collect();
    let mut table =
        Table::of_times(format!("Counting {} matches among {}", grouped(expected), grouped(messages)));

    let job = bed.repeat(|bed| {
        let (seconds, status) = timed(|| bed.count_job(&filter))?;
        check("count", count(&status, "matched"), expected)?;
        Ok(seconds)
    })?;
    let base = Some(job.median());
    table.timing("QADMIN.PREVIEW by task and repoid, as a job", &job, base);

    let inline = bed.repeat(|bed| {
        bed.inline(true)?;
        let words = [&["QADMIN.PREVIEW", QUEUE][..], &filter, &["BUST"]].concat();
        let (seconds, reply) = timed(|| bed.ask(&words))?;
        check("inline count", count(&reply, "match_count"), expected)?;
        Ok(seconds)
    })?;
    table.timing("QADMIN.PREVIEW by task and repoid, while the client waits", &inline, base);

    let repo = bed.repeat(|bed| {
        let (seconds, status) = timed(|| bed.count_job(&["REPOID", &TARGET_REPOID.to_string()]))?;
        check("count by repoid", count(&status, "matched"), by_repo)?;
        Ok(seconds)
    })?;
    table.timing("QADMIN.PREVIEW by repoid alone", &repo, base);

    // Before anything else is done to this list: it is as fresh as after loading.
    let longest = |name: &str| bed.server.info(&format!("qadmin_{name}")).unwrap_or_default();
    let (work, seek) = (longest("slice_work_max_us"), longest("seek_max_us"));

    let again = bed.repeat(|bed| {
        bed.inline(true)?;
        let words = [&["QADMIN.PREVIEW", QUEUE][..], &filter].concat();
        let (seconds, reply) = timed(|| bed.ask(&words))?;
        if reply.is_null("cached_at") && reply.int("deduplicated") == 0 {
            return Err("a repeated preview counted again".to_string());
        }
        Ok(seconds)
    })?;
    table.timing("the same again: cached count, live depth and sample", &again, base);

    for chunk in [10_000, 1_000] {
        let series = bed.repeat(|bed| {
            let result = bed.rival("rival_count.py", chunk)?;
            check("Python", result["count"].as_u64().unwrap_or(0), expected)?;
            result["seconds"].as_f64().ok_or_else(|| "no seconds".to_string())
        })?;
        table.timing(&format!("Python, LRANGE of {} + orjson", grouped(chunk)), &series, base);
    }
    for (name, script) in [("Lua, string.find (not exact)", LUA_FIND), ("Lua, cjson (not exact)", LUA_CJSON)]
    {
        let series = bed.repeat(|bed| {
            let words = ["EVAL", script, "1", QUEUE, TARGET_TASK, &TARGET_REPOID.to_string()];
            let (seconds, reply) = timed(|| bed.command(&words))?;
            check(name, text(&reply).parse().unwrap_or(0), expected)?;
            Ok(seconds)
        })?;
        table.timing(&format!("{name}; the server does nothing else meanwhile"), &series, base);
    }
    table.note(format!(
        "Of all slices of these counts, on a list as fresh as after loading, the longest took {work} us after its seek; \
         the longest seek took {seek} us."
    ));
    table.note("Lua cannot open the base64 of a body: its counts believe kwargsrepr, which Celery cuts at 1,024 characters.");
    Ok(vec![table])
}
