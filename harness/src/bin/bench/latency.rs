//! What other clients feel.

use std::thread;
use std::time::{Duration, Instant};

use qadmin_harness::{Fields as _, Probe, TARGET_REPOID, TARGET_TASK, grouped};

use crate::bed::{Bed, QUEUE, Reply, target};
use crate::counts::LUA_FIND;
use crate::table::{Table, duration};

/// The other client's pace.
const REQUESTS_PER_SECOND: u32 = 1_000;

/// How long rows are watched whose work has no end of its own, or can be done again and again.
const WATCHED: Duration = Duration::from_secs(5);

/// What the server is asked to do while the other client is watched.
#[derive(Debug, Clone, Copy)]
enum Work {
    Nothing,
    Count,
    Clear,
    Python,
    Lua,
}

/// A row: its name, the share of matches in percent, the work.
const ROWS: [(&str, f64, Work); 6] = [
    ("nothing", 1.0, Work::Nothing),
    ("QADMIN.PREVIEW (jobs one after the other)", 1.0, Work::Count),
    ("QADMIN.CLEARJOB ALL, 6 % match", 6.0, Work::Clear),
    ("QADMIN.CLEARJOB ALL, 50 % match", 50.0, Work::Clear),
    ("Python, LRANGE of 10,000 + orjson", 1.0, Work::Python),
    ("Lua, string.find", 1.0, Work::Lua),
];

pub(crate) fn measure(bed: &mut Bed) -> Result<Vec<Table>, String> {
    let messages = bed.messages;
    let head = ["meanwhile", "watched", "requests", "p50", "p99", "max", "longest slice", "longest seek"];
    let mut table = Table::new(
        format!(
            "A client of {} requests a second (SET, GET) beside work on {} messages",
            grouped(u64::from(REQUESTS_PER_SECOND)),
            grouped(messages)
        ),
        &head,
    );
    for (name, share, work) in ROWS {
        bed.filled(messages, share)?;
        let probe = Probe::start(bed.server.port(), REQUESTS_PER_SECOND);
        let start = Instant::now();
        let jobs = do_work(bed, work);
        let seconds = start.elapsed().as_secs_f64();
        let waits = probe.stop();
        let longest = |member: &str, jobs: &[Reply]| {
            let longest = jobs.iter().map(|job| job.int(member)).max();
            longest.map_or_else(|| "-".to_string(), |us| format!("{us} us"))
        };
        let jobs = jobs?;
        table.row(&[
            name.to_string(),
            duration(seconds),
            grouped(waits.len() as u64),
            duration(waits.quantile(0.5) / 1e6),
            duration(waits.quantile(0.99) / 1e6),
            duration(waits.max() / 1e6),
            longest("slice_max_us", &jobs),
            longest("seek_max_us", &jobs),
        ]);
    }
    table.note("A wait counts from the moment when the request was due. One run each.");
    Ok(vec![table])
}

/// Does it, and gives the last status of each of our jobs.
fn do_work(bed: &mut Bed, work: Work) -> Result<Vec<Reply>, String> {
    let filter = target();
    let filter: Vec<&str> = filter.iter().map(String::as_str).collect();
    match work {
        Work::Nothing => {
            // Time that passes is what is measured here.
            thread::sleep(WATCHED);
            Ok(Vec::new())
        }
        Work::Count => {
            let (start, mut jobs) = (Instant::now(), Vec::new());
            while start.elapsed() < WATCHED {
                jobs.push(bed.count_job(&filter)?);
            }
            Ok(jobs)
        }
        Work::Clear => Ok(vec![bed.clear_job(&filter)?]),
        Work::Python => bed.rival("rival_count.py", 10_000).map(|_| Vec::new()),
        Work::Lua => {
            let words = ["EVAL", LUA_FIND, "1", QUEUE, TARGET_TASK, &TARGET_REPOID.to_string()];
            bed.command(&words).map(|_| Vec::new())
        }
    }
}
