//! The server's throughput while a job runs.

use std::process::{Command, Stdio};

use qadmin_harness::{Series, grouped, spawn};

use crate::bed::{Bed, TARGET};
use crate::table::Table;

/// The load generator that comes with Redis and Valkey.
const TOOLS: [&str; 2] = ["redis-benchmark", "valkey-benchmark"];

/// The number of requests of the first run, which determines how many requests take [`SECONDS`].
const FIRST: u64 = 200_000;

/// Duration of a run.
const SECONDS: f64 = 3.0;

/// Returns the load generator that this machine has.
pub(crate) fn load_generator() -> Option<&'static str> {
    TOOLS.into_iter().find(|tool| {
        let version =
            Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    })
}

pub(crate) fn measure(bed: &mut Bed) -> Result<Vec<Table>, String> {
    let target = "redis-benchmark GET -c 50 -P 16 during a job at duty 50";
    let Some(tool) = load_generator() else {
        bed.targets.unknown(target, "not measured: redis-benchmark is not installed");
        return Ok(Vec::new());
    };
    bed.filled(bed.messages, 1.0)?;
    bed.command(&["SET", "key:__rand_int__", "xxx"])?;
    let first = requests_per_second(bed, tool, FIRST, false)?.0;
    let requests = FIRST.max(format!("{:.0}", first * SECONDS / 1e4).parse().unwrap_or(0) * 10_000);
    let (mut without, mut with, mut jobs) = (Vec::new(), Vec::new(), 0);
    // The runs alternate, so that changes of the machine's load affect both.
    bed.repeat(|bed| {
        without.push(requests_per_second(bed, tool, requests, false)?.0);
        let (rate, beside) = requests_per_second(bed, tool, requests, true)?;
        with.push(rate);
        jobs += beside;
        Ok(2.0 * requests as f64 / rate)
    })?;
    let (without, with) = (Series::new(without), Series::new(with));
    let title = format!("redis-benchmark -t get -c 50 -P 16 beside a count of {}", grouped(bed.messages));
    let mut table = Table::new(title, &["meanwhile", "requests a second", "min .. max", "runs", "share"]);
    for (what, series) in [("nothing", &without), ("QADMIN.PREVIEW (jobs one after the other)", &with)] {
        table.row(&[
            what.to_string(),
            format!("{:.0}", series.median()),
            format!("{:.0} .. {:.0}", series.min(), series.max()),
            series.len().to_string(),
            format!("{:.0} %", 100.0 * series.median() / without.median()),
        ]);
    }
    table.note(format!("{jobs} jobs ran during these measurements, at the default duty of 50."));
    bed.targets.at_least(target, 100.0 * with.median() / without.median(), 45.0, " %");
    Ok(vec![table])
}

/// Returns the requests per second of one run, and the number of jobs that ran meanwhile.
fn requests_per_second(bed: &mut Bed, tool: &str, requests: u64, jobs: bool) -> Result<(f64, u32), String> {
    let mut command = Command::new(tool);
    command
        .args(["-p", &bed.server.port().to_string(), "-t", "get", "-c", "50", "-P", "16", "--csv", "-n"])
        .arg(requests.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = spawn(command).map_err(|e| format!("{tool}: {e}"))?;
    let mut beside = 0;
    while jobs && child.try_wait().map_err(|e| format!("{tool}: {e}"))?.is_none() {
        bed.count_job(&TARGET)?;
        beside += 1;
    }
    let out = child.wait_with_output().map_err(|e| format!("{tool}: {e}"))?;
    // "test","rps",... then one line: "GET","123456.78",...
    let text = String::from_utf8_lossy(&out.stdout);
    let line = text.lines().find_map(|line| line.strip_prefix("\"GET\",\""));
    let rate = line.and_then(|rest| rest.split('"').next()).and_then(|rate| rate.parse().ok());
    rate.map(|rate| (rate, beside)).ok_or_else(|| format!("{tool} said: {text}"))
}
