//! Instructions of the pure core for each message: figures that are the same in each run.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use qadmin_harness::{rounded, workspace_root};

use crate::bed::Bed;
use crate::callgrind::{MISSING, instructions, is_there};
use crate::table::Table;

/// The number of rounds over the same messages in the short and in the long run.
const ROUNDS: [u64; 2] = [1, 6];

pub(crate) fn measure(_bed: &mut Bed) -> Result<Vec<Table>, String> {
    let mut table = Table::new("Instructions of the core", &["what", "for", "instructions"]);
    if !is_there() {
        table.note(MISSING);
        return Ok(vec![table]);
    }
    let program = program()?;
    // There is one line per case: its name, a tab, the unit of a round, a tab, the number of units.
    let list =
        Command::new(&program).arg("list").output().map_err(|e| format!("{}: {e}", program.display()))?;
    for line in String::from_utf8_lossy(&list.stdout).lines() {
        let mut parts = line.split('\t');
        let (Some(name), Some(each), Some(number)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(format!("the program's list of cases has the line {line:?}"));
        };
        let run = |rounds: u64| instructions(&program, &[name, &rounds.to_string()]);
        let more = run(ROUNDS[1])?.saturating_sub(run(ROUNDS[0])?) as f64;
        let number: f64 = number.parse().map_err(|_| format!("no number: {line:?}"))?;
        let figure = more / (ROUNDS[1] - ROUNDS[0]) as f64 / number;
        table.row(&[name.to_string(), each.to_string(), rounded(figure)]);
    }
    table.note(
        "Counted by callgrind (core/examples/rounds.rs). Use them to compare two versions. Times of the same \
         cases: `cargo bench -p qadmin-core`.",
    );
    Ok(vec![table])
}

/// Builds the program that does the rounds, and returns its path.
fn program() -> Result<PathBuf, String> {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "--package", "qadmin-core", "--example", "rounds"])
        .args(["--message-format", "json"])
        .current_dir(workspace_root())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| format!("cargo: {e}"))?;
    let text = String::from_utf8_lossy(&built.stdout);
    let messages = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut programs = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    programs.next().ok_or_else(|| "the example `rounds` was not built".to_string())
}
