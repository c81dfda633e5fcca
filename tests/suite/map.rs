//! The map of the code in docs/architecture.md names every source file, and every file that a page names
//! exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use qadmin_harness::workspace_root;

/// The folders whose files the map names, without those of tests.
const MAPPED: [&str; 3] = ["core/src", "src", "console/src"];

/// Returns the texts between pairs of backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn read(page: &Path) -> String {
    fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()))
}

/// Collects the files in a folder and below it with one of these endings, without those of tests.
fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "tests" {
                files(&path, ending, found);
            }
        } else if path.extension().is_some_and(|own| own == ending)
            && name != "tests"
            && !name.ends_with("_test")
        {
            found.push(path);
        }
    }
}

/// A row of the map.
struct Row<'a> {
    /// The folder of its section, relative to the root of the repository.
    section: PathBuf,
    /// The files and folders that the row describes.
    names: Vec<&'a str>,
    /// The description.
    text: &'a str,
}

impl Row<'_> {
    /// Returns where a name of this row can be: in the folder of its section, in the folder of the row's
    /// first name, or in the folder that this name is.
    fn find(&self, root: &Path, name: &str) -> Option<PathBuf> {
        let section = root.join(&self.section);
        let first = Path::new(self.names[0]);
        let folders = [section.join(first), section.join(first).parent()?.to_owned(), section];
        folders.into_iter().map(|folder| folder.join(name)).find(|path| path.exists())
    }
}

/// Returns the rows of the map. A row `**folder/**` begins a section.
fn rows(page: &str) -> Vec<Row<'_>> {
    let (_, map) = page.split_once("\n## Map\n").expect("the page has a map");
    let (map, _) = map.split_once("\n## ").expect("the map ends");
    let mut section = PathBuf::new();
    let mut rows = Vec::new();
    for line in map.lines().filter(|line| line.starts_with("| ")) {
        let Some((cell, text)) = line[2..].split_once(" | ") else { continue };
        if let Some(folder) = cell.strip_prefix("**").and_then(|cell| cell.strip_suffix("**")) {
            section = if folder.ends_with('/') { folder.into() } else { PathBuf::new() };
        } else if cell.starts_with('`') {
            rows.push(Row { section: section.clone(), names: quoted(cell).collect(), text });
        }
    }
    rows
}

#[test]
fn the_map_names_every_source_file_and_no_other() {
    let root = workspace_root();
    let page = read(&root.join("docs/architecture.md"));
    let rows = rows(&page);
    assert!(rows.len() > 100, "the map has {} rows only", rows.len());
    let mut wrong = Vec::new();
    let (mut named, mut folders) = (BTreeSet::new(), Vec::new());
    for row in &rows {
        for name in &row.names {
            if let Some(folder) = name.strip_suffix("*.rs") {
                let folder = root.join(&row.section).join(folder);
                named.extend(
                    fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()),
                );
                continue;
            }
            match row.find(&root, name) {
                // A folder that is named elsewhere has its own section or tables.
                Some(path) if path.is_dir() => {
                    if row.section != Path::new("") {
                        folders.push(path);
                    }
                }
                Some(path) => {
                    named.insert(path);
                }
                None => wrong.push(format!("it names {name}, which is not there")),
            }
        }
        for name in quoted(row.text).filter(|name| name.ends_with(".rs")) {
            if row.find(&root, name).is_none() && !root.join(name).exists() {
                wrong.push(format!("the row of {} names {name}, which is not there", row.names[0]));
            }
        }
    }
    let mut sources = Vec::new();
    for folder in MAPPED {
        files(&root.join(folder), "rs", &mut sources);
    }
    assert!(sources.len() > 150, "only {} files were found", sources.len());
    let is_named =
        |file: &PathBuf| named.contains(file) || folders.iter().any(|folder| file.starts_with(folder));
    for file in sources.iter().filter(|file| !is_named(file)) {
        let file = file.strip_prefix(&root).expect("a file of the repository").display();
        wrong.push(format!("it has no row for {file}"));
    }
    assert!(wrong.is_empty(), "the map of docs/architecture.md is wrong:\n{}", wrong.join("\n"));
}

#[test]
fn every_file_that_a_page_names_is_there() {
    let root = workspace_root();
    let mut pages: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "RELEASING.md", "SECURITY.md"]
        .iter()
        .map(|page| root.join(page))
        .collect();
    files(&root.join("docs"), "md", &mut pages);
    // Decisions and reports describe the past, including the files of that time.
    pages.retain(|page| {
        !["docs/decisions", "docs/history"].iter().any(|past| page.starts_with(root.join(past)))
    });
    let folders =
        ["core/", "src/", "console/", "tests/", "harness/", "fuzz/", "docs/", "scripts/", "packaging/"];
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let mut seen = 0;
    for page in pages {
        let text = read(&page);
        for name in text.lines().flat_map(quoted) {
            if folders.iter().any(|folder| name.starts_with(folder)) && name.chars().all(is_plain) {
                seen += 1;
                assert!(root.join(name).exists(), "{} names {name}, which is not there", page.display());
            }
        }
    }
    assert!(seen > 50, "only {seen} names were found");
}
