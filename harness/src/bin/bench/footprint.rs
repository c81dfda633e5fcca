//! Resources of a job: memory of the server, bytes over the network.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use qadmin_harness::{Raw, grouped};

use crate::bed::{Bed, QUEUE, Reply, TARGET, check, count, factory};
use crate::table::Table;

/// A function that runs a job to its end.
type Run = fn(&mut Bed) -> Result<Reply, String>;

pub(crate) fn measure(bed: &mut Bed) -> Result<Vec<Table>, String> {
    let messages = bed.messages;
    bed.filled(messages, 1.0)?;
    let mut table = Table::new("What a job occupies", &["what", "bytes"]);

    let matches = factory(1.0).count(0..messages);
    bed.count_job(&TARGET)?;
    let mut peak = 0;
    let jobs: [(&str, Run); 4] = [
        ("a count", |bed| bed.count_job(&TARGET)),
        ("a dry run of ALL", |bed| bed.job(&TARGET, &["ALL", "DRYRUN"])),
        ("a dry run of KEEPONE", |bed| bed.job(&TARGET, &["KEEPONE", "DRYRUN"])),
        ("a dry run of KEEPONE BY id", |bed| bed.job(&TARGET, &["KEEPONE", "BY", "id", "DRYRUN"])),
    ];
    for (what, job) in jobs {
        let (more, status) = memory_beyond(bed, job)?;
        check(what, count(&status, "matched"), matches)?;
        peak = peak.max(more);
        table.row(&[
            format!("memory of the server during {what}, beyond what it had before (peak of INFO)"),
            grouped(more),
        ]);
    }

    bed.inline(true)?;
    for (what, sample) in [("without sample", "0"), ("with 20 sampled messages", "20")] {
        let mut raw = bed.server.raw();
        let words = [&["QADMIN.PREVIEW", QUEUE][..], &TARGET, &["SAMPLE", sample]].concat();
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        raw.call(&words);
        let (sent, received) = raw.wire_bytes();
        if sample != "0" {
            let what = format!("bytes of the wire per preview, {what}");
            bed.targets.at_most(&what, (sent + received) as f64, 8_192.0, " B");
        }
        let cell = format!("{} out, {} in", grouped(sent), grouped(received));
        table.row(&[format!("wire, QADMIN.PREVIEW {what}"), cell]);
    }
    let payload = bed.rival("rival_count.py", 10_000)?["payload"].as_u64().unwrap_or(0);
    table.row(&[
        "wire, Python LRANGE (payload of the replies alone)".into(),
        format!("{} in", grouped(payload)),
    ]);

    // This case is last because it changes the queue.
    for (what, words) in [("ALL", "ALL"), ("KEEPONE", "KEEPONE")] {
        bed.filled(messages, 1.0)?;
        let (more, status) = memory_beyond(bed, |bed| bed.job(&TARGET, &[words]))?;
        check(what, count(&status, "matched"), matches)?;
        peak = peak.max(more);
        table.row(&[format!("memory of the server during a clear of {what}, likewise"), grouped(more)]);
    }
    let limit = (4 << 20) + factory(1.0).message(0).len();
    bed.targets.at_most("memory during any job: 4 MB and one message", peak as f64, limit as f64, " B");
    table.note(
        "A clear frees memory while it works. The dry runs, which remember the same things, show what it needs \
         meanwhile.",
    );
    Ok(vec![table])
}

/// Returns the maximum of the additional memory that the server uses while `work` runs.
fn memory_beyond(
    bed: &mut Bed,
    work: impl FnOnce(&mut Bed) -> Result<Reply, String>,
) -> Result<(u64, Reply), String> {
    // Everything that the measurement itself needs is opened before memory is read for the first time.
    let mut watcher = bed.server.raw();
    used_memory(&mut watcher);
    let before = used_memory(&mut watcher);
    let done = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&done);
    let watch = thread::spawn(move || {
        let mut peak = 0;
        while !told.load(Ordering::Relaxed) {
            peak = peak.max(used_memory(&mut watcher));
        }
        peak
    });
    let result = work(bed);
    done.store(true, Ordering::Relaxed);
    let peak = watch.join().map_err(|_| "the server went away".to_string())?;
    Ok((peak.saturating_sub(before), result?))
}

/// Returns `used_memory` of INFO.
fn used_memory(raw: &mut Raw) -> u64 {
    let text = raw.line("INFO memory");
    let line = text.lines().find_map(|line| line.strip_prefix("used_memory:"));
    line.and_then(|digits| digits.trim().parse().ok()).unwrap_or(0)
}
