//! `make bench`: the cost of qadmin and of other ways to do the same, on one server in one run.
//!
//! ```text
//! bench [--quick] [--messages N] [--only SECTION,...]        SECTION: a name of `SECTIONS` below
//! ```
//!
//! Every table is one function of one file; a new row is a few lines there. Goals of the project
//! are added to `Targets`, which is the first table. A full run (no --quick, no --only) writes docs/benchmarks.md.

mod bed;
mod callgrind;
mod clears;
mod conditions;
mod counts;
mod depth;
mod floor;
mod footprint;
mod idle;
mod indexed;
mod instructions;
mod latency;
mod options;
mod records;
mod split;
mod table;
mod targets;
mod throughput;

use std::process::ExitCode;
use std::time::Instant;

use bed::Bed;
use table::Table;

/// A section of the benchmark: its name on the command line, and its function.
type Section = (&'static str, fn(&mut Bed) -> Result<Vec<Table>, String>);

/// The sections, in the order that fills queues least often.
const SECTIONS: [Section; 13] = [
    ("counts", counts::measure),
    ("conditions", conditions::measure),
    ("throughput", throughput::measure),
    ("footprint", footprint::measure),
    ("split", split::measure),
    ("latency", latency::measure),
    ("clears", clears::measure),
    ("options", options::measure),
    ("index", indexed::measure),
    ("records", records::measure),
    ("depth", depth::measure),
    ("idle", idle::measure),
    ("instructions", instructions::measure),
];

/// The extent of the measurements.
#[derive(Debug, Clone)]
struct Plan {
    messages: u64,
    repetitions: usize,
    /// The names of sections; empty for all of them.
    only: Vec<String>,
    writes: bool,
}

fn main() -> ExitCode {
    match plan(std::env::args().skip(1)).and_then(|plan| run(&plan)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("The benchmark failed: {sentence}");
            ExitCode::FAILURE
        }
    }
}

/// Reads the command line.
fn plan(mut args: impl Iterator<Item = String>) -> Result<Plan, String> {
    let mut plan = Plan { messages: 1_000_000, repetitions: 5, only: Vec::new(), writes: true };
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--quick" => plan = Plan { messages: 200_000, repetitions: 3, writes: false, ..plan },
            "--messages" => {
                plan.messages = value()?.parse().map_err(|_| "--messages takes a number".to_string())?;
                plan.writes = false;
            }
            "--only" => {
                for name in value()?.split(',') {
                    if !SECTIONS.iter().any(|(section, _)| *section == name) {
                        let names = SECTIONS.map(|(section, _)| section).join(", ");
                        return Err(format!("there is no section {name:?}, but {names}"));
                    }
                    plan.only.push(name.to_string());
                }
                plan.writes = false;
            }
            _ => return Err(format!("unknown argument {arg:?}; see the head of bench/main.rs")),
        }
    }
    Ok(plan)
}

/// For whom the page is, as every page says at its head.
const HEAD: &str = "*For operators and developers: what each command costs, measured on one machine.*";

fn run(plan: &Plan) -> Result<(), String> {
    let mut bed = Bed::new(plan.messages, plan.repetitions)?;
    let (mut tables, mut failed) = (Vec::new(), Vec::new());
    let begin = Instant::now();
    for (name, measure) in SECTIONS {
        if !plan.only.is_empty() && !plan.only.iter().any(|only| only == name) {
            continue;
        }
        eprintln!("{name}, {:.0} s after the start", begin.elapsed().as_secs_f64());
        // The figures of other sections must not be lost if one section fails.
        match measure(&mut bed) {
            Ok(more) => tables.extend(more),
            Err(sentence) => failed.push(format!("{name}: {sentence}")),
        }
    }
    let mut out = format!("# Benchmarks\n\n{HEAD}\n\n{}\n\n{}", bed.circumstances(), bed.targets.table());
    for table in tables {
        out.push_str(&format!("\n{table}"));
    }
    println!("{out}");
    eprintln!("Measured in {:.0} s.", begin.elapsed().as_secs_f64());
    if !failed.is_empty() {
        return Err(failed.join("\n"));
    }
    if plan.writes {
        let path = qadmin_harness::workspace_root().join("docs/benchmarks.md");
        std::fs::write(&path, out).map_err(|e| format!("{}: {e}", path.display()))?;
        println!("Written to docs/benchmarks.md");
    }
    Ok(())
}
