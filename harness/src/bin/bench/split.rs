//! The parts of the time of a count and of a clear.

use qadmin_harness::{TARGET_REPOID, grouped};

use crate::bed::{Bed, REPOID, Reply, TARGET, check, count, factory, timed};
use crate::floor;
use crate::table::{Table, duration};

/// The share of matches of the clear, in percent.
const SHARE: f64 = 6.0;

/// The parts of one job, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts {
    /// The time from the command to the end of the job.
    pub(crate) whole: f64,
    /// The time of the slices.
    pub(crate) main_thread: f64,
    /// The time of the seeks, which are part of the slices.
    pub(crate) seek: f64,
    ran: f64,
    waited: f64,
}

pub(crate) fn measure(bed: &mut Bed) -> Result<Vec<Table>, String> {
    let messages = bed.messages;
    let head = [
        "job",
        "whole",
        "floor: walk",
        "floor: delete",
        "seek",
        "match and books",
        "loop",
        "without judging",
        "on a core",
        "off it",
    ];
    let mut table = Table::new(format!("Where the time goes, {} messages", grouped(messages)), &head);
    bed.filled(messages, 1.0)?;
    let expected = factory(1.0).count(0..messages);
    let walk = floor::walk(bed)?.median();
    let by_both = middle(bed, |bed| {
        let status = bed.count_job(&TARGET)?;
        check("count", count(&status, "matched"), expected)?;
        Ok(status)
    })?;
    row(&mut table, "count by TASK and REPOID, 1 %", walk, 0.0, &by_both);
    let made = factory(1.0);
    let of_repo = (0..messages).filter(|i| made.facts(*i).repoid == TARGET_REPOID).count() as u64;
    let by_repo = middle(bed, |bed| {
        let status = bed.count_job(&["REPOID", REPOID])?;
        check("count by repoid", count(&status, "matched"), of_repo)?;
        Ok(status)
    })?;
    row(&mut table, "count by REPOID", walk, 0.0, &by_repo);

    let expected = factory(SHARE).count(0..messages);
    let both = floor::walk_and_delete(bed, messages, SHARE)?.median();
    bed.filled(messages, SHARE)?;
    let walk = floor::walk(bed)?.median();
    let clear = middle(bed, |bed| {
        let status = bed.clear_job(&TARGET)?;
        check("cleared", count(&status, "deleted"), expected)?;
        Ok(status)
    })?;
    row(&mut table, &format!("clear ALL, {SHARE} %"), walk, both - walk, &clear);
    table.note(
        "From the run with the median time. Walk and delete are the times of the floor in one piece. Match and \
         books is the time of the slices on the main thread beyond floors and seeks (evaluating filters, slower \
         reads, replication, the record). Loop is the time between slices. Without judging is the sum of \
         floors, seeks and loop, divided by the floors: the result if match and books cost nothing. On a core \
         and off it is the time of the server's main thread according to the kernel; off it, another thread \
         used its core.",
    );
    Ok(vec![table])
}

/// Returns the run with the median time.
pub(crate) fn middle(
    bed: &mut Bed,
    mut job: impl FnMut(&mut Bed) -> Result<Reply, String>,
) -> Result<Parts, String> {
    let mut runs = Vec::new();
    bed.repeat(|bed| {
        bed.refresh()?;
        let before = now(bed);
        let (whole, _) = timed(|| job(bed))?;
        let after = now(bed);
        runs.push(Parts {
            whole,
            main_thread: after.main_thread - before.main_thread,
            seek: after.seek - before.seek,
            ran: after.ran - before.ran,
            waited: after.waited - before.waited,
        });
        Ok(whole)
    })?;
    runs.sort_by(|a, b| a.whole.total_cmp(&b.whole));
    let at = (runs.len() - 1) / 2;
    Ok(runs.swap_remove(at))
}

/// Returns the parts that the server has counted so far.
fn now(bed: &Bed) -> Parts {
    let seconds = |name| bed.counter(name) as f64 / 1e6;
    let (ran, waited) = bed.main_thread();
    Parts { whole: 0.0, main_thread: seconds("main_thread_us"), seek: seconds("seek_us"), ran, waited }
}

fn row(table: &mut Table, what: &str, walk: f64, delete: f64, parts: &Parts) {
    let part = |seconds: f64| match seconds {
        s if s < 0.0 => format!("-{}", duration(-s)),
        s => duration(s),
    };
    let between = parts.whole - parts.main_thread;
    table.row(&[
        what.to_string(),
        part(parts.whole),
        part(walk),
        if delete == 0.0 { "-".to_string() } else { part(delete) },
        part(parts.seek),
        part(parts.main_thread - parts.seek - walk - delete),
        part(between),
        format!("{:.2} x", (walk + delete + parts.seek + between) / (walk + delete)),
        part(parts.ran),
        part(parts.waited),
    ]);
}
