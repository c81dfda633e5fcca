//! The pages can be read outside of the repository, and answer an operator's questions where the index says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use qadmin_harness::workspace_root;

use crate::docs::read;

/// Runs scripts/pages.py, which needs nothing but a Python.
fn script(args: &[&str]) -> Output {
    let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let mut command = Command::new(python);
    command.arg(workspace_root().join("scripts/pages.py")).args(args);
    command.output().expect("the script starts")
}

/// Returns what the script reports; it must fail if it reports something.
fn report(args: &[&str]) -> String {
    let output = script(args);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.success(), text.is_empty(), "{args:?}: {text}");
    text
}

/// Returns a folder of this test's own that does not exist.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("pages-{name}"));
    // The one of an earlier run.
    let _ = fs::remove_dir_all(&folder);
    folder
}

/// Returns the pages in docs/ and docs/commands/, without decisions and reports of the past.
fn pages() -> Vec<PathBuf> {
    let root = workspace_root();
    let folders = ["docs", "docs/commands"].map(|folder| fs::read_dir(root.join(folder)).expect("a folder"));
    let files = folders.into_iter().flatten().map(|entry| entry.expect("an entry").path());
    files.filter(|path| path.extension().is_some_and(|ending| ending == "md")).collect()
}

#[test]
fn copied_pages_have_no_dead_link() {
    let folder = folder("copied");
    let path = folder.to_str().expect("UTF-8");
    assert_eq!(report(&["copy", path]), "");
    assert_eq!(report(&["check", path]), "");
    // The check finds what is missing.
    let page = folder.join("docs/upgrade.md");
    let text = fs::read_to_string(&page).expect("a page");
    fs::write(&page, text + "\n[a](nowhere.md) [b](remove.md#no-such-step) `[c](code.md)`\n")
        .expect("a page");
    let found = report(&["check", path]);
    let lines: Vec<&str> = found.lines().collect();
    assert!(lines[0].ends_with("upgrade.md: nowhere.md: there is no such file"), "{found}");
    assert!(lines[1].ends_with("upgrade.md: remove.md#no-such-step: there is no such heading"), "{found}");
    assert_eq!(lines.len(), 2, "{found}");
}

#[test]
fn the_index_names_every_page_of_the_site() {
    let source = folder("source");
    assert_eq!(report(&["source", source.to_str().expect("UTF-8")]), "");
    let summary = fs::read_to_string(source.join("SUMMARY.md")).expect("the table of contents");
    for page in pages() {
        let name =
            page.strip_prefix(workspace_root()).expect("a page of the repository").display().to_string();
        // docs/index.md is about indexes, so the index of the pages is called overview there.
        let name = name.replace("README", "overview");
        assert_eq!(summary.matches(&format!("({name})")).count(), 1, "{name} in\n{summary}");
    }
    assert!(summary.contains("(docs/decisions/0001-") && summary.contains("(docs/index.md)"), "{summary}");
}

#[test]
fn every_page_says_at_its_head_for_whom_and_what_it_is() {
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page");
        // The syntax of a command can come first.
        let mut lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with("    "));
        assert!(lines.next().is_some_and(|line| line.starts_with("# ")), "{}", page.display());
        let head = lines.next().unwrap_or_default();
        assert!(
            head.starts_with("*For ") && head.contains(": ") && head.ends_with(".*"),
            "{} must begin with a sentence such as *For operators: what can be measured.*",
            page.display()
        );
    }
}

#[test]
fn each_question_leads_to_an_answer() {
    let index = read("docs/README.md");
    let (_, questions) = index.split_once("\n## Questions\n").expect("the index has questions");
    let (questions, _) = questions.split_once("\n## ").expect("the questions end");
    let rows: Vec<&str> = questions.lines().filter(|line| line.contains("? | ")).collect();
    assert_eq!(rows.len(), 17, "{rows:#?}");
    for row in rows {
        for link in row.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, _) = link.split_once('#').unwrap_or((link, ""));
            assert!(Path::new(&workspace_root()).join("docs").join(file).is_file(), "{row}");
            // A whole page is an answer only if it is about nothing else.
            assert!(link.contains('#') || ["remove.md", "unacked.md"].contains(&file), "{row}");
        }
    }
}

#[test]
fn the_readme_reaches_install_and_first_preview_within_sixty_lines() {
    let text = read("README.md");
    let beginning = text.lines().take(60).collect::<Vec<_>>().join("\n");
    for wanted in ["sudo make install", "loadmodule ", "> QADMIN.PREVIEW ", "\"match_count\" => "] {
        assert!(beginning.contains(wanted), "{wanted}");
    }
    for link in ["docs/glossary.md", "docs/runbook.md", "docs/README.md"] {
        assert!(text.contains(&format!("]({link})")), "{link}");
    }
}
