//! `make bench`: what qadmin costs, and what people do without it, on one server in one run.
//!
//!     bench [--quick] [--messages N] [--only counts|clears|latency|footprint]
//!
//! Every table is one function of one file; a new row is a few lines there. A full run (no --quick, no --only)
//! writes docs/benchmarks.md.

mod bed;
mod clears;
mod counts;
mod footprint;
mod latency;
mod table;

use std::process::ExitCode;

use bed::Bed;
use table::Table;

/// A section of the benchmark: what it is called on the command line, and what measures it.
type Section = (&'static str, fn(&mut Bed) -> Result<Vec<Table>, String>);

const SECTIONS: [Section; 4] = [
    ("counts", counts::measure),
    ("latency", latency::measure),
    ("footprint", footprint::measure),
    ("clears", clears::measure),
];

/// How much is measured.
#[derive(Debug, Clone)]
struct Plan {
    messages: u64,
    repetitions: usize,
    only: Option<String>,
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
    let mut plan = Plan { messages: 1_000_000, repetitions: 5, only: None, writes: true };
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--quick" => plan = Plan { messages: 200_000, repetitions: 3, writes: false, ..plan },
            "--messages" => {
                plan.messages = value()?.parse().map_err(|_| "--messages takes a number".to_string())?;
                plan.writes = false;
            }
            "--only" => {
                let name = value()?;
                if !SECTIONS.iter().any(|(section, _)| *section == name) {
                    return Err(format!("there is no section {name:?}"));
                }
                plan.only = Some(name);
                plan.writes = false;
            }
            _ => return Err(format!("unknown argument {arg:?}; see the head of bench/main.rs")),
        }
    }
    Ok(plan)
}

fn run(plan: &Plan) -> Result<(), String> {
    let mut bed = Bed::new(plan.messages, plan.repetitions)?;
    let mut out = format!("# Benchmarks\n\n{}\n", bed.circumstances());
    println!("{out}");
    for (name, measure) in SECTIONS {
        if plan.only.as_deref().is_none_or(|only| only == name) {
            for table in measure(&mut bed)? {
                println!("{table}");
                out.push_str(&format!("\n{table}"));
            }
        }
    }
    if plan.writes {
        let path = qadmin_harness::workspace_root().join("docs/benchmarks.md");
        std::fs::write(&path, out).map_err(|e| format!("{}: {e}", path.display()))?;
        println!("Written to docs/benchmarks.md");
    }
    Ok(())
}
