//! The examples of the pages about the program are run.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use qadmin_harness::{Server, fill_examples, workspace_root};

use crate::support::{finish, program};

/// The placeholder for text that differs from run to run.
const ANY: &str = "<any>";

/// The pages whose blocks of the language `console` are run, each with its own server and queue.
const PAGES: [&str; 2] = ["docs/console.md", "docs/runbook.md"];

#[test]
fn every_example_prints_what_the_page_says() {
    let mut wrong = String::new();
    for name in PAGES {
        let page = fs::read_to_string(workspace_root().join(name)).expect("the page");
        let server = Server::start();
        fill_examples(server.port()).expect("the queue is filled");
        let mut count = 0;
        for block in page.split("```console\n").skip(1) {
            let block = block.split("```").next().expect("a block ends");
            for example in block.split("\n$ ").map(|text| text.trim_start_matches("$ ")) {
                let (command, output) = example.split_once('\n').unwrap_or((example, ""));
                let printed = match command.strip_prefix("redis-cli ") {
                    Some(words) => redis_cli(&server, words),
                    None => run(&server, command),
                };
                count += 1;
                if !says(output.trim_end(), printed.trim_end()) {
                    wrong += &format!(
                        "\n{name}\n$ {command}\n--- the page says\n{output}\n--- the program says\n{printed}"
                    );
                }
            }
        }
        assert!(count >= 6, "{name} has examples");
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Sends a command as redis-cli does, which need not be on this machine, and returns the reply.
fn redis_cli(server: &Server, line: &str) -> String {
    let words = words(line);
    let mut command = redis::cmd(&words[0]);
    command.arg(&words[1..]);
    let reply: redis::Value =
        command.query(&mut server.conn()).unwrap_or_else(|error| panic!("{line}: {error}"));
    match reply {
        redis::Value::Okay => "OK".to_owned(),
        redis::Value::Int(n) => n.to_string(),
        other => panic!("{line}: {other:?}"),
    }
}

/// Returns the words of a command, those between double quotes without them.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('"').enumerate();
    parts
        .flat_map(|(at, part)| match at % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}

/// Runs a line of the page in a shell, and returns its output and errors.
fn run(server: &Server, line: &str) -> String {
    let tool = program(&server.url(0));
    let mut shell = Command::new("bash");
    let line = line.replacen("qadmin", env!("CARGO_BIN_EXE_qadmin"), 1);
    shell.args(["-c", &format!("{{ {line}; }} 2>&1")]);
    for (name, value) in tool.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.env("QADMIN_ACTOR", "jane");
    finish(shell).out
}

/// Whether the text is what the page says: `<any>` is anything within a line, a line `...` any lines.
fn says(page: &str, text: &str) -> bool {
    let mut lines = text.lines();
    let mut skipping = false;
    for wanted in page.lines() {
        if wanted.trim() == "..." {
            skipping = true;
            continue;
        }
        let found = if skipping { lines.find(|line| alike(wanted, line)) } else { lines.next() };
        if !found.is_some_and(|line| alike(wanted, line)) {
            return false;
        }
        skipping = false;
    }
    skipping || lines.next().is_none()
}

fn alike(wanted: &str, line: &str) -> bool {
    let mut parts = wanted.split(ANY);
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let parts: Vec<_> = parts.collect();
    for (at, part) in parts.iter().enumerate() {
        if at + 1 == parts.len() {
            return rest.ends_with(part);
        }
        let Some(found) = rest.find(part) else { return false };
        rest = &rest[found + part.len()..];
    }
    rest.is_empty()
}

#[test]
fn the_shipped_configuration_names_every_setting_with_its_default() {
    let root = workspace_root();
    let settings = fs::read_to_string(root.join("docs/settings.md")).expect("the page");
    let snippet = fs::read_to_string(root.join("packaging/redis.conf")).expect("the snippet");
    let rows: Vec<String> = settings
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
            let (name, value) = (cells.next()?.trim_end_matches('`'), cells.next()?);
            let quote = if value.is_empty() || value.contains([' ', '\\']) { "\"" } else { "" };
            Some(format!("# qadmin.{name} {quote}{value}{quote}"))
        })
        .collect();
    assert!(rows.len() >= 11, "{rows:?}");
    let shipped: Vec<&str> = snippet.lines().filter(|line| line.starts_with("# qadmin.")).collect();
    assert_eq!(shipped, rows);
    // A server accepts them as they are written there.
    let settings = shipped.iter().map(|line| line.trim_start_matches("# "));
    let server = settings.fold(Server::builder().module(), qadmin_harness::Builder::config).start();
    let defaults = Server::start();
    let of = |server: &Server| -> BTreeMap<String, String> {
        redis::cmd("CONFIG").arg("GET").arg("qadmin.*").query(&mut server.conn()).expect("settings")
    };
    assert_eq!(of(&server), of(&defaults));
}

#[test]
fn every_exit_code_has_a_row() {
    let page = fs::read_to_string(workspace_root().join("docs/console.md")).expect("the page");
    for code in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 130] {
        assert!(
            page.lines().any(|line| line.starts_with(&format!("| {code} |"))),
            "docs/console.md: exit code {code}"
        );
    }
}
