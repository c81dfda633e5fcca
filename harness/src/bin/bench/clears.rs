//! Clearing matches.

use qadmin_harness::{Fields as _, grouped};

use crate::bed::{Bed, check, count, factory, target, timed};
use crate::table::{Table, duration};

/// Depth of the queue for the rival: its LSETs walk the list, so that its time grows with the square of the
/// depth. At a million it takes minutes.
const RIVAL_MESSAGES: u64 = 100_000;

pub(crate) fn measure(bed: &mut Bed) -> Result<Vec<Table>, String> {
    let filter = target();
    let filter: Vec<&str> = filter.iter().map(String::as_str).collect();
    let messages = bed.messages;

    let head =
        ["matches", "median", "min .. max", "runs", "cleared per second", "longest slice", "longest seek"];
    let mut table = Table::new(format!("Clearing ALL in a queue of {}", grouped(messages)), &head);
    for share in [1.0, 6.0, 50.0, 100.0] {
        let expected = factory(share).count(0..messages);
        let (mut slice, mut seek) = (0, 0);
        let series = bed.repeat(|bed| {
            bed.filled(messages, share)?;
            let (seconds, status) = timed(|| bed.clear_job(&filter))?;
            check("cleared", count(&status, "deleted"), expected)?;
            slice = slice.max(status.int("slice_max_us"));
            seek = seek.max(status.int("seek_max_us"));
            Ok(seconds)
        })?;
        table.row(&[
            format!("{share} %"),
            duration(series.median()),
            format!("{} .. {}", duration(series.min()), duration(series.max())),
            series.len().to_string(),
            format!("{:.0}", expected as f64 / series.median()),
            format!("{slice} us"),
            format!("{seek} us"),
        ]);
    }
    table.note(
        "An idle server is used fully; the tables above show what other clients feel when there are some.",
    );

    let rival_messages = RIVAL_MESSAGES.min(messages);
    let mut rivals = Table::of_times(format!("Clearing half of a queue of {}", grouped(rival_messages)));
    let expected = factory(50.0).count(0..rival_messages);
    let ours = bed.repeat(|bed| {
        bed.filled(rival_messages, 50.0)?;
        let (seconds, status) = timed(|| bed.clear_job(&filter))?;
        check("cleared", count(&status, "deleted"), expected)?;
        Ok(seconds)
    })?;
    let base = Some(ours.median());
    rivals.timing("QADMIN.CLEARJOB ... ALL", &ours, base);
    let theirs = bed.repeat(|bed| {
        bed.filled(rival_messages, 50.0)?;
        bed.spoiled();
        let result = bed.rival("rival_clear.py", 1_000)?;
        check("LSET + LREM", result["count"].as_u64().unwrap_or(0), expected)?;
        result["seconds"].as_f64().ok_or_else(|| "no seconds".to_string())
    })?;
    rivals.timing("Python: LRANGE + orjson, LSET of tombstones (pipelined), LREM", &theirs, base);
    rivals.note(format!(
        "Measured on {} messages because the rival's time grows with the square of the depth. It is safe on a queue \
         that stands still only: indexes move with every push and pop, and a worker that pops a tombstone crashes.",
        grouped(rival_messages)
    ));
    Ok(vec![table, rivals])
}
