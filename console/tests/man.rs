//! Man pages, help: they need no server.

use std::fs;
use std::process::Command;

use qadmin_harness::{Server, fill_examples};

use crate::support::{at, finish, program};

/// No server listens on this port.
const NOWHERE: &str = "redis://127.0.0.1:1";

/// Writes all man pages into a folder.
fn pages() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let mut command = program(NOWHERE);
    // 2026-11-30
    command.env("SOURCE_DATE_EPOCH", "1796054400").arg("man").arg(dir.path());
    finish(command).ended(0);
    dir
}

/// Returns the text between the heading of a section and the next one.
fn section<'a>(page: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(&format!("\n.SH {name}\n"))?;
    Some(rest.split("\n.SH ").next().unwrap_or_default())
}

#[test]
fn there_is_a_man_page_for_each_command() {
    let run = at(NOWHERE, &["man"]).ended(0);
    assert!(run.out.contains(".TH qadmin 1") && run.out.contains(".SH \"EXIT STATUS\""), "{run:?}");
    let dir = pages();
    for page in ["qadmin.1", "qadmin-clear.1", "qadmin-throttle.1", "qadmin-index-create.1"] {
        let text = fs::read_to_string(dir.path().join(page)).expect("a page");
        let title = format!(".TH {} 1 2026-11-30 \"qadmin ", page.trim_end_matches(".1"));
        assert!(text.contains(&title), "{page}: {}", text.lines().take(5).collect::<Vec<_>>().join("\n"));
    }
}

#[test]
fn man_pages_have_examples_codes_variables_files_and_references() {
    let dir = pages();
    for name in [
        "qadmin",
        "qadmin-preview",
        "qadmin-clear",
        "qadmin-undo",
        "qadmin-stats",
        "qadmin-watch",
        "qadmin-doctor",
        "qadmin-serve",
    ] {
        let page = fs::read_to_string(dir.path().join(format!("{name}.1"))).expect("a page");
        let plain = page.replace('\\', "");
        let has = |heading: &str, text: &str| {
            assert!(
                section(&plain, heading).is_some_and(|part| part.contains(text)),
                "{name}: {heading}: {text}"
            );
        };
        has("EXAMPLES", "qadmin");
        has("\"EXIT STATUS\"", "the Redis user lacks a permission");
        has("ENVIRONMENT", "QADMIN_REDIS_URL");
        has("ENVIRONMENT", "NO_COLOR");
        has("FILES", "/usr/share/doc/qadmin/docs/runbook.md");
        has("\"SEE ALSO\"", "redis-cli");
        // A page does not refer to itself.
        assert!(
            !section(&plain, "\"SEE ALSO\"").unwrap_or_default().contains(&format!("fB{name}fR(")),
            "{name}"
        );
    }
}

#[test]
fn man_pages_are_formatted_without_warnings() {
    let dir = pages();
    let mut files: Vec<_> =
        fs::read_dir(dir.path()).expect("pages").map(|entry| entry.expect("a page").path()).collect();
    files.sort();
    assert!(files.len() >= 20, "{files:?}");
    // The warnings of groff, which man uses, and those of mandoc, which checks more.
    let checkers: [&[&str]; 2] =
        [&["groff", "-ww", "-man", "-Tutf8", "-Z"], &["mandoc", "-T", "lint", "-W", "warning"]];
    for checker in checkers {
        if Command::new(checker[0]).arg("--version").output().is_err() {
            eprintln!("skipped: there is no {}", checker[0]);
            continue;
        }
        for file in &files {
            let mut command = Command::new(checker[0]);
            command.args(&checker[1..]).arg(file);
            let output = command.output().expect("it starts");
            // groff prints the page itself on standard output, mandoc what it found.
            let out = if checker[0] == "mandoc" { output.stdout } else { Vec::new() };
            let said = [output.stderr, out].concat();
            let said = String::from_utf8_lossy(&said);
            // clap_mangen puts an empty line between an option and its possible values.
            let ours: Vec<&str> =
                said.lines().filter(|line| !line.contains("paragraph macro: br ")).collect();
            assert!(ours.is_empty(), "{}: {ours:#?}", file.display());
        }
    }
}

#[test]
fn examples_of_help_and_man_pages_work() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let dir = pages();
    // They would wait for an answer, for a browser or for the end of a job that is not there.
    let questions = ["clear", "undo", "serve", "watch", "status", "cancel", "resume", "throttle", "doctor"];
    let mut count = 0;
    for name in [
        "qadmin",
        "qadmin-preview",
        "qadmin-stats",
        "qadmin-jobs",
        "qadmin-queues",
        "qadmin-index",
        "qadmin-clear",
    ] {
        let page = fs::read_to_string(dir.path().join(format!("{name}.1"))).expect("a page");
        let examples = section(&page, "EXAMPLES").expect("examples");
        let lines =
            examples.lines().filter_map(|line| line.strip_prefix("\\fBqadmin ")?.strip_suffix("\\fR"));
        for line in lines.map(|line| line.replace("\\-", "-").replace("\\*(Aq", "'")) {
            let words = line.split(" | ").next().unwrap_or_default();
            let unasked = words.contains("--dry-run") || words.contains("--yes");
            if !unasked && questions.iter().any(|question| words.starts_with(question)) {
                continue;
            }
            let mut shell = Command::new("bash");
            shell.args(["-c", &format!("{} {words}", env!("CARGO_BIN_EXE_qadmin"))]);
            shell.env("QADMIN_REDIS_URL", server.url(0));
            finish(shell).ended(0);
            count += 1;
        }
    }
    assert!(count >= 10, "only {count} examples were found");
}

#[test]
fn help_shows_the_examples() {
    for command in ["preview", "clear", "undo", "stats", "watch", "doctor", "serve"] {
        let run = at(NOWHERE, &[command, "--help"]).ended(0);
        let (_, examples) =
            run.out.split_once("\nExamples:\n").unwrap_or_else(|| panic!("{command}: {run:?}"));
        assert!(
            examples.lines().count() <= 12 && examples.contains(&format!("\n    qadmin {command}")),
            "{run:?}"
        );
    }
}

#[test]
fn help_says_what_the_exit_codes_mean() {
    let run = at(NOWHERE, &["--help"]).ended(0);
    for code in ["0 done", "3 not confirmed", "9 no such job", "130 Ctrl-C"] {
        assert!(run.out.replace('\n', " ").contains(code), "{code}: {run:?}");
    }
    at(NOWHERE, &[]).ended(2);
    at(NOWHERE, &["frobnicate"]).ended(2);
}
