//! What other clients feel.

use std::time::Duration;

use qadmin_harness::{Fields as _, Probe, grouped};

use crate::bed::{Bed, target};
use crate::table::{Table, duration};

/// The other client's pace.
const REQUESTS_PER_SECOND: u32 = 1_000;

/// How long an undisturbed server is watched.
const QUIET: Duration = Duration::from_secs(5);

pub(crate) fn measure(bed: &mut Bed) -> Result<Vec<Table>, String> {
    let filter = target();
    let filter: Vec<&str> = filter.iter().map(String::as_str).collect();
    let messages = bed.messages;
    let head = ["meanwhile", "took", "requests", "p50", "p99", "max", "longest slice", "longest seek"];
    let title = format!(
        "A client of {} requests a second (SET, GET) beside work on {} messages",
        grouped(u64::from(REQUESTS_PER_SECOND)),
        grouped(messages)
    );
    let mut table = Table::new(title, &head);

    // The work of each row; it tells its longest slice and seek where it has any.
    type Work<'a> = Box<dyn Fn(&mut Bed) -> Result<Option<(i64, i64)>, String> + 'a>;
    let longest = |status: &crate::bed::Reply| Some((status.int("slice_max_us"), status.int("seek_max_us")));
    let works: [(&str, f64, Work<'_>); 5] = [
        // The time itself is what is measured here.
        (
            "nothing",
            1.0,
            Box::new(|_| {
                std::thread::sleep(QUIET);
                Ok(None)
            }),
        ),
        ("QADMIN.PREVIEW (job)", 1.0, Box::new(|bed| Ok(longest(&bed.count_job(&filter)?)))),
        ("QADMIN.CLEARJOB ALL, 6 % match", 6.0, Box::new(|bed| Ok(longest(&bed.clear_job(&filter)?)))),
        ("QADMIN.CLEARJOB ALL, 50 % match", 50.0, Box::new(|bed| Ok(longest(&bed.clear_job(&filter)?)))),
        (
            "Python, LRANGE of 10,000 + orjson (count)",
            1.0,
            Box::new(|bed| {
                bed.rival("rival_count.py", 10_000)?;
                Ok(None)
            }),
        ),
    ];
    for (name, share, work) in works {
        bed.filled(messages, share)?;
        let probe = Probe::start(bed.server.port(), REQUESTS_PER_SECOND);
        let (seconds, longest) = crate::bed::timed(|| work(bed))?;
        let waits = probe.stop();
        let us = |longest: Option<i64>| longest.map_or_else(|| "-".to_string(), |us| format!("{us} us"));
        table.row(&[
            name.to_string(),
            duration(seconds),
            grouped(waits.len() as u64),
            duration(waits.quantile(0.5) / 1e6),
            duration(waits.quantile(0.99) / 1e6),
            duration(waits.max() / 1e6),
            us(longest.map(|(slice, _)| slice)),
            us(longest.map(|(_, seek)| seek)),
        ]);
    }
    table.note("A wait counts from the moment when the request was due. One run each.");
    Ok(vec![table])
}
