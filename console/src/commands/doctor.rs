//! `qadmin doctor`

use serde_json::json;

use crate::cli;
use crate::connection::Server;
use crate::doctor::{Finding, Progress, Step, Verdict, checks, steps};
use crate::failure::{Exit, Failure};
use crate::terminal;
use crate::text::{counted, escape};

/// Colours by their ANSI numbers.
const RED: u8 = 31;
const GREEN: u8 = 32;
const YELLOW: u8 = 33;

/// The width of the columns before the text.
const VERDICT: usize = 7;
const NAME: usize = 20;

pub(crate) fn run(server: &mut Server, args: &cli::Doctor, json: bool) -> Result<Exit, Failure> {
    if args.remove {
        let steps = steps(server)?;
        let open = steps.iter().filter(|step| step.progress.is_open()).count();
        if json {
            terminal::print_json(
                &json!({"open": open, "steps": steps.iter().map(Step::json).collect::<Vec<_>>()}),
            );
        } else {
            terminal::print(&removal(&steps, open));
        }
        return Ok(exit(open));
    }
    let findings = checks(server)?;
    let count = |verdict: Verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let (failures, warnings) = (count(Verdict::Failure), count(Verdict::Warning));
    if json {
        let checks: Vec<_> = findings.iter().map(Finding::json).collect();
        terminal::print_json(&json!({"failures": failures, "warnings": warnings, "checks": checks}));
    } else {
        let lines = findings.iter().map(finding);
        let sum =
            format!("\n{}, {}.", counted(failures as u64, "failure"), counted(warnings as u64, "warning"));
        terminal::print(&lines.chain([sum]).collect::<Vec<_>>().join("\n"));
    }
    Ok(exit(failures))
}

fn exit(open: usize) -> Exit {
    if open == 0 { Exit::Done } else { Exit::Unhealthy }
}

fn finding(of: &Finding) -> String {
    let colour = match of.verdict {
        Verdict::Ok => GREEN,
        Verdict::Warning => YELLOW,
        Verdict::Failure => RED,
    };
    lines(of.verdict.word(), colour, of.check, &of.found, &of.next)
}

fn removal(steps: &[Step], open: usize) -> String {
    let mut text: Vec<String> = (1..)
        .zip(steps)
        .map(|(number, step)| {
            let colour = match step.progress {
                Progress::Done => GREEN,
                Progress::Choice | Progress::Last => YELLOW,
                Progress::Todo | Progress::Unknown => RED,
            };
            lines(step.progress.word(), colour, &format!("{number} {}", step.step), &step.found, &step.next)
        })
        .collect();
    let is_gone = steps.iter().all(|step| !matches!(step.progress, Progress::Last));
    text.push(match open {
        0 if is_gone => "\nA server without the module starts with these files.".to_owned(),
        0 => "\nNothing is left to do while the module is loaded. The last steps are those marked \"last\"."
            .to_owned(),
        n => {
            format!("\n{} left to do while the module is loaded. Run this command again afterwards.", are(n))
        }
    });
    text.join("\n")
}

fn are(n: usize) -> String {
    format!("{} {}", counted(n as u64, "step"), if n == 1 { "is" } else { "are" })
}

/// One line, and below it what to type.
fn lines(word: &str, colour: u8, name: &str, found: &str, next: &[String]) -> String {
    let word = format!("{word:VERDICT$}");
    let word = if terminal::colour() { format!("\x1b[{colour}m{word}\x1b[0m") } else { word };
    let first = format!("{word}  {name:NAME$}  {}", escape(found.as_bytes()));
    let indent = " ".repeat(VERDICT + NAME + 4);
    // Words are quoted for a shell, so a backslash that is printable stays as it is.
    let is_printable = |line: &&String| line.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let typed = next.iter().map(|line| match Some(line).filter(is_printable) {
        Some(line) => format!("{indent}$ {line}"),
        None => format!("{indent}$ {}", escape(line.as_bytes())),
    });
    std::iter::once(first).chain(typed).collect::<Vec<_>>().join("\n")
}
