//! Clearing matches.

use qadmin_harness::{Fields as _, Series, grouped};

use crate::bed::{Bed, TARGET, check, count, factory, timed};
use crate::floor;
use crate::table::{Table, duration};

/// The depth of the queue for the rivals that are slow: their time grows with the square of the depth.
const RIVAL_MESSAGES: u64 = 100_000;

/// The depth for the slowest rival.
const LREM_MESSAGES: u64 = 20_000;

pub(crate) fn measure(bed: &mut Bed) -> Result<Vec<Table>, String> {
    let messages = bed.messages;
    let head = [
        "matches",
        "median",
        "min .. max",
        "runs",
        "floor",
        "times floor",
        "cleared per second",
        "longest slice",
        "longest seek",
    ];
    let mut table = Table::new(format!("Clearing ALL in a queue of {}", grouped(messages)), &head);
    for share in [1.0, 6.0, 50.0, 100.0] {
        let expected = factory(share).count(0..messages);
        let floor = floor::walk_and_delete(bed, messages, share)?;
        let (mut slice, mut seek) = (0, 0);
        let series = bed.repeat(|bed| {
            bed.filled(messages, share)?;
            let (seconds, status) = timed(|| bed.clear_job(&TARGET))?;
            check("cleared", count(&status, "deleted"), expected)?;
            check("left", bed.depth()?, messages - expected)?;
            slice = slice.max(status.int("slice_max_us"));
            seek = seek.max(status.int("seek_max_us"));
            Ok(seconds)
        })?;
        let in_floors = series.median() / floor.median();
        table.row(&[
            format!("{share} %"),
            duration(series.median()),
            format!("{} .. {}", duration(series.min()), duration(series.max())),
            series.len().to_string(),
            duration(floor.median()),
            format!("{in_floors:.2}"),
            format!("{:.0}", expected as f64 / series.median()),
            format!("{slice} us"),
            format!("{seek} us"),
        ]);
        bed.targets.at_most(&format!("CLEARJOB ALL, {share} % matching"), in_floors, 1.6, " x floor");
    }
    table.note(
        "A job on an idle server uses all of the main thread; other tables show the effect on other clients. \
         The floor is a walk and the deletion of the same matches in one piece.",
    );
    Ok(vec![table, rivals(bed)?])
}

/// Measures the ways that people use without qadmin.
fn rivals(bed: &mut Bed) -> Result<Table, String> {
    let mut table = Table::of_times("Clearing half of a queue");
    let lset = "Python: LRANGE + orjson, LSET of tombstones (pipelined), LREM";
    let small = RIVAL_MESSAGES.min(bed.messages);
    // At the full depth it takes minutes, so it is measured once.
    for (messages, once) in [(LREM_MESSAGES, false), (small, false), (bed.messages, true)] {
        let depth = grouped(messages);
        let ours = bed.repeat(|bed| {
            bed.filled(messages, 50.0)?;
            let (seconds, status) = timed(|| bed.clear_job(&TARGET))?;
            check("cleared", count(&status, "deleted"), factory(50.0).count(0..messages))?;
            Ok(seconds)
        })?;
        let base = Some(ours.median());
        table.timing(&format!("{depth} messages: QADMIN.CLEARJOB ... ALL"), &ours, base);
        if messages == LREM_MESSAGES {
            let theirs = bed.repeat(|bed| rival(bed, "rival_lrem.py", messages))?;
            table.timing(
                &format!("{depth} messages: Python: LRANGE + orjson, LREM per match"),
                &theirs,
                base,
            );
            continue;
        }
        let theirs = match once {
            true => Series::new(vec![rival(bed, "rival_clear.py", messages)?]),
            false => bed.repeat(|bed| rival(bed, "rival_clear.py", messages))?,
        };
        table.timing(&format!("{depth} messages: {lset}"), &theirs, base);
        let what = format!("CLEARJOB ALL, 50 % of {depth}: faster than LSET + LREM");
        bed.targets.at_least(&what, theirs.median() / ours.median(), 40.0, " x");
    }
    table.note(
        "The time of the other ways grows with the square of the depth: every LSET walks to its index, every \
         LREM to its element. Therefore the way with one LREM per match is measured on few messages: at a depth \
         of a million it would take some 2,500 times as long. Both are safe only while nobody pushes or pops: \
         indexes move with every push and pop, and a worker that pops a tombstone crashes.",
    );
    Ok(table)
}

/// Returns the seconds that another way took to clear half of this number of messages.
fn rival(bed: &mut Bed, script: &str, messages: u64) -> Result<f64, String> {
    bed.filled(messages, 50.0)?;
    bed.spoiled();
    let expected = factory(50.0).count(0..messages);
    let result = bed.rival(script, 1_000)?;
    check(script, result["count"].as_u64().unwrap_or(0), expected)?;
    check(script, bed.depth()?, messages - expected)?;
    result["seconds"].as_f64().ok_or_else(|| "no seconds".to_string())
}
