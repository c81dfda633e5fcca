//! Production files are short enough to be read in one sitting. Clippy limits functions (`too_many_lines`).

use std::fs;
use std::path::{Path, PathBuf};

use qadmin_harness::workspace_root;

/// The maximum number of lines of a file of the core, the module or the program, without the unit tests at
/// its end.
const LINES: usize = 500;

/// Collects the sources in a folder, without those of tests.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if name == "tests" || name.ends_with("_test") {
            continue;
        }
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn no_production_file_is_longer_than_the_bound() {
    let root = workspace_root();
    let mut files = Vec::new();
    for folder in ["core/src", "src", "console/src", "harness/src"] {
        sources(&root.join(folder), &mut files);
    }
    assert!(files.len() > 150, "only {} files were found", files.len());
    let lines = |path: &Path| {
        let text = fs::read_to_string(path).expect("a source");
        text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().lines().count()
    };
    let long: Vec<String> = files
        .iter()
        .map(|path| (path, lines(path)))
        .filter(|(_, lines)| *lines > LINES)
        .map(|(path, lines)| format!("{}: {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "files with more than {LINES} lines:\n{}", long.join("\n"));
}
