//! Delays of other clients.

use std::thread;
use std::time::{Duration, Instant};

use qadmin_harness::{Probe, Series, TARGET_TASK, grouped};

use crate::bed::{Bed, QUEUE, REPOID, Reply, TARGET, count, factory};
use crate::counts::LUA_FIND;
use crate::table::{Table, duration};

/// The pace of the other client.
const REQUESTS_PER_SECOND: u32 = 1_000;

/// The duration of rows whose work has no end of its own or can be repeated.
const WATCHED: Duration = Duration::from_secs(5);

/// The work of the server while the other client is measured.
#[derive(Debug, Clone, Copy)]
enum Work {
    Nothing,
    Count,
    /// A clear with these words; a clear that writes nothing is repeated.
    Clear(&'static [&'static str]),
    Python,
    Lua,
}

/// A row: its name, the share of matches in percent, the work.
const ROWS: [(&str, f64, Work); 8] = [
    ("nothing", 1.0, Work::Nothing),
    ("QADMIN.PREVIEW (jobs one after the other)", 1.0, Work::Count),
    ("Python, LRANGE of 10,000 + orjson", 1.0, Work::Python),
    ("Lua, string.find", 1.0, Work::Lua),
    ("QADMIN.CLEARJOB ALL, 6 % match", 6.0, Work::Clear(&["ALL"])),
    ("QADMIN.CLEARJOB ALL DRYRUN, 50 % match (one after the other)", 50.0, Work::Clear(&["ALL", "DRYRUN"])),
    ("QADMIN.CLEARJOB ALL, 50 % match", 50.0, Work::Clear(&["ALL"])),
    ("QADMIN.CLEARJOB KEEPONE, 50 % match", 50.0, Work::Clear(&["KEEPONE"])),
];

pub(crate) fn measure(bed: &mut Bed) -> Result<Vec<Table>, String> {
    let messages = bed.messages;
    let slice_us = bed.slice_us()?;
    let head = [
        "meanwhile",
        "watched",
        "requests",
        "p50",
        "p99",
        "max",
        "longest slice",
        "longest seek",
        "p99 may be",
    ];
    let mut table = Table::new(
        format!(
            "A client of {} requests a second (PING, LPUSH, RPOP of the queue) beside work on {} messages",
            grouped(u64::from(REQUESTS_PER_SECOND)),
            grouped(messages)
        ),
        &head,
    );
    let mut without = None;
    for (name, share, work) in ROWS {
        bed.filled(messages, share)?;
        // The client changes the queue.
        bed.spoiled();
        let message = factory(0.0).message(messages);
        let probe = Probe::on_queue(bed.server.port(), REQUESTS_PER_SECOND, QUEUE, message);
        let start = Instant::now();
        let jobs = do_work(bed, work, factory(share).count(0..messages));
        let seconds = start.elapsed().as_secs_f64();
        let waits = probe.stop();
        let jobs = jobs?;
        let longest = |member: &str| jobs.iter().map(|job| count(job, member)).max();
        let shown = |us: Option<u64>| us.map_or_else(|| "-".to_string(), |us| format!("{us} us"));
        let idle_p99 = *without.get_or_insert(waits.quantile(0.99));
        let limit = longest("seek_max_us").map(|seek| idle_p99 + (seek + 2 * slice_us) as f64);
        table.row(&[
            name.to_string(),
            duration(seconds),
            grouped(waits.len() as u64),
            duration(waits.quantile(0.5) / 1e6),
            duration(waits.quantile(0.99) / 1e6),
            duration(waits.max() / 1e6),
            shown(longest("slice_max_us")),
            shown(longest("seek_max_us")),
            limit.map_or_else(|| "-".to_string(), |limit| duration(limit / 1e6)),
        ]);
        if let Some(limit) = limit {
            compare(bed, name, &waits, idle_p99, limit);
        }
    }
    table.note(format!(
        "A wait is measured from the moment at which the request was due. One run each. The limit of a p99 is \
         the p99 without a job, plus the longest seek of the jobs, plus twice slice-us ({slice_us} us)."
    ));
    Ok(vec![table])
}

/// Adds both targets of a row.
fn compare(bed: &mut Bed, name: &str, waits: &Series, idle_p99: f64, limit: f64) {
    let p99 = waits.quantile(0.99);
    let what = format!("p99 of a client of 1,000 requests a second beside {name}");
    bed.targets.at_most(&what, p99.round(), limit.round(), " us");
    bed.targets.at_most(&format!("{what}, then"), p99.round(), idle_p99.round() + 1_000.0, " us");
}

/// Does the work, and returns the last status of each job. The client pops some messages before a job
/// examines them.
fn do_work(bed: &mut Bed, work: Work, matches: u64) -> Result<Vec<Reply>, String> {
    let (start, mut jobs) = (Instant::now(), Vec::new());
    match work {
        // This measures elapsed time.
        Work::Nothing => thread::sleep(WATCHED),
        Work::Count => {
            while start.elapsed() < WATCHED {
                jobs.push(bed.count_job(&TARGET)?);
            }
        }
        Work::Clear(words) => {
            jobs.push(bed.job(&TARGET, words)?);
            while words.contains(&"DRYRUN") && start.elapsed() < WATCHED {
                jobs.push(bed.job(&TARGET, words)?);
            }
        }
        Work::Python => drop(bed.rival("rival_count.py", 10_000)?),
        Work::Lua => drop(bed.command(&["EVAL", LUA_FIND, "1", QUEUE, TARGET_TASK, REPOID])?),
    }
    // Later jobs find fewer of the messages. The first one finds all that were not popped before it.
    if let Some(job) = jobs.first() {
        let (matched, drifted) = (count(job, "matched"), count(job, "drifted"));
        let popped = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX) + drifted;
        if matched > matches || matched + popped < matches {
            return Err(format!("beside a client: {matched} matched, {drifted} popped, {matches} were sent"));
        }
    }
    for job in &jobs {
        let all = count(job, "processed") + count(job, "drifted");
        if all != count(job, "total_estimated") {
            return Err(format!("beside a client: {all} seen or popped of a snapshot: {job:?}"));
        }
    }
    Ok(jobs)
}
