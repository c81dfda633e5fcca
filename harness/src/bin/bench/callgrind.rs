//! Instructions, counted by valgrind: the count is the same on a busy machine as on a quiet one.

use std::path::Path;
use std::process::{Command, Stdio};

use qadmin_harness::spawn;

/// The reason that is shown if valgrind is missing.
pub(crate) const MISSING: &str = "not measured: valgrind is not installed";

/// Returns whether valgrind is installed.
pub(crate) fn is_there() -> bool {
    let version =
        Command::new("valgrind").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// The words before a program.
pub(crate) const WORDS: [&str; 3] = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"];

/// Returns the number of instructions of a program from start to end.
pub(crate) fn instructions(program: &Path, args: &[&str]) -> Result<u64, String> {
    let mut command = Command::new(WORDS[0]);
    command.args(&WORDS[1..]).arg(program).args(args);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let out = spawn(command).and_then(std::process::Child::wait_with_output);
    let out = out.map_err(|e| format!("valgrind: {e}"))?;
    let words = String::from_utf8_lossy(&out.stderr);
    if !out.status.success() {
        return Err(format!("{} {} failed: {words}", program.display(), args.join(" ")));
    }
    collected(&words)
}

/// Returns the sum at the end of valgrind's output: `==123== Collected : 456`.
pub(crate) fn collected(words: &str) -> Result<u64, String> {
    let sum = words.lines().rev().find_map(|line| line.split_once("Collected :"));
    let sum = sum.and_then(|(_, digits)| digits.trim().parse().ok());
    sum.ok_or_else(|| format!("valgrind did not say how many instructions it saw: {words}"))
}

#[cfg(test)]
mod tests {
    use super::collected;

    #[test]
    fn the_sum_is_read() {
        assert_eq!(collected("==7== Events    : Ir\n==7== Collected : 20\n==7==\n"), Ok(20));
        assert!(collected("no such program").is_err());
    }
}
