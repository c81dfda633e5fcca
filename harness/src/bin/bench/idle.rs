//! The cost of the module for a server without jobs: instructions of each LPUSH.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use qadmin_harness::{Server, grouped, rounded, server_binary};

use crate::bed::{Bed, QUEUE, check, factory};
use crate::callgrind::{MISSING, WORDS, collected, is_there};
use crate::table::Table;

/// The numbers of pushes of the short and of the long run. The figure is their difference, so that start and
/// end do not count.
const PUSHES: [u64; 2] = [1_000, 11_000];

pub(crate) fn measure(bed: &mut Bed) -> Result<Vec<Table>, String> {
    let target = "instructions per LPUSH with the module loaded and no job: more";
    if !is_there() {
        bed.targets.unknown(target, MISSING);
        return Ok(Vec::new());
    }
    let head = ["LPUSH of one message", "without the module", "with it", "more"];
    let mut table = Table::new("Instructions of the server with no job", &head);
    for (what, at_once) in [("one per turn of the event loop", 1), ("16 sent at once", 16)] {
        let without = per_push(false, at_once)?;
        let with = per_push(true, at_once)?;
        let more = (with / without - 1.0) * 100.0;
        table.row(&[what.to_string(), rounded(without), rounded(with), format!("{more:.2} %")]);
        bed.targets.at_most(&format!("{target}, {what}"), more, 5.0, " %");
    }
    table.note(format!(
        "Counted by callgrind, in user space, as the difference of {} and {} pushes, so that neither start nor \
         end is included.",
        grouped(PUSHES[1]),
        grouped(PUSHES[0])
    ));
    Ok(vec![table])
}

/// Returns the instructions of one push.
fn per_push(module: bool, at_once: u64) -> Result<f64, String> {
    let short = whole_run(module, at_once, PUSHES[0])?;
    let long = whole_run(module, at_once, PUSHES[1])?;
    Ok(long.saturating_sub(short) as f64 / (PUSHES[1] - PUSHES[0]) as f64)
}

/// Returns the instructions of a server from start to end, with `pushes` pushes in between.
fn whole_run(module: bool, at_once: u64, pushes: u64) -> Result<u64, String> {
    let folder = tempfile::tempdir().map_err(|e| format!("no temporary folder: {e}"))?;
    let script = folder.path().join("server");
    write_script(&script).map_err(|e| format!("{}: {e}", script.display()))?;
    // There are fewer housekeeping cycles; they depend on the clock and are not part of a push.
    let builder = Server::builder().binary(&script).config("hz 1").config("dynamic-hz no");
    let builder = if module { builder.module() } else { builder };
    let mut server = builder.try_start()?;
    let mut raw = server.raw();
    let message = factory(0.0).message(0);
    let mut push =
        format!("*3\r\n$5\r\nLPUSH\r\n${}\r\n{QUEUE}\r\n${}\r\n", QUEUE.len(), message.len()).into_bytes();
    push.extend_from_slice(&message);
    push.extend_from_slice(b"\r\n");
    let batch = push.repeat(usize::try_from(at_once).unwrap_or(1));
    let mut pushed = 0;
    while pushed < pushes {
        raw.send(&batch).map_err(|e| format!("LPUSH: {e}"))?;
        for _ in 0..at_once {
            raw.reply().map_err(|e| format!("LPUSH: {e}"))?;
        }
        pushed += at_once;
    }
    let depth = raw.line(&format!("LLEN {QUEUE}"));
    check("pushes", depth.trim_start_matches(':').trim().parse().unwrap_or(0), pushed)?;
    server.stop();
    collected(&server.log())
}

/// Writes a script that runs the server under callgrind as one program.
fn write_script(path: &Path) -> Result<(), String> {
    let server = server_binary()?;
    let text = format!("#!/bin/sh\nexec {} {} \"$@\"\n", WORDS.join(" "), server.display());
    fs::write(path, text).map_err(|e| e.to_string())?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(|e| e.to_string())
}
