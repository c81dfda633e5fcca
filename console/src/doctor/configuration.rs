//! Lines of a server's configuration that need the module: a server without it does not start with them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::rules::is_rule_of_module;
use crate::shell::quote;

/// Includes within includes beyond this depth are not followed.
const DEPTH: usize = 16;

/// What a line does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Does {
    /// It loads the module from this file.
    Loads(String),
    /// It sets a setting of the module.
    Sets,
    /// It names a command of the module in the rules of a user.
    Permits,
}

/// A line that needs the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) file: PathBuf,
    /// Its number, from 1.
    pub(super) number: usize,
    pub(super) does: Does,
}

/// The lines of all files that a server reads.
#[derive(Debug, Default)]
pub(super) struct Configuration {
    pub(super) lines: Vec<Line>,
    /// Files that could not be read, each with the reason.
    pub(super) unread: Vec<String>,
}

impl Configuration {
    /// Reads a configuration with its includes, and the file of `aclfile` if there is one.
    pub(super) fn read(file: &Path, aclfile: Option<&Path>) -> Self {
        let mut all = Self::default();
        all.add(file, DEPTH);
        if let Some(aclfile) = aclfile {
            all.add(&file.parent().unwrap_or(Path::new("/")).join(aclfile), 0);
        }
        all
    }

    fn add(&mut self, file: &Path, depth: usize) {
        let bytes = match fs::read(file) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.unread.push(format!("{}: {error}", file.display()));
                return;
            }
        };
        for (number, line) in (1..).zip(String::from_utf8_lossy(&bytes).lines()) {
            if let Some(does) = does(line) {
                self.lines.push(Line { file: file.to_owned(), number, does });
            } else if let Some(pattern) = included(line).filter(|_| depth > 0) {
                // A relative path is one of the server's folder at its start, which is most often that of the file.
                let pattern = file.parent().unwrap_or(Path::new("/")).join(pattern);
                for file in matching(&pattern) {
                    self.add(&file, depth - 1);
                }
            }
        }
    }

    /// The files from which the lines load the module.
    pub(super) fn loaded(&self) -> Vec<&str> {
        let path = |line: &'_ Line| matches!(line.does, Does::Loads(_));
        let loads = self.lines.iter().filter(|line| path(line));
        loads
            .filter_map(|line| if let Does::Loads(path) = &line.does { Some(path.as_str()) } else { None })
            .collect()
    }

    /// The places of the lines, for people.
    pub(super) fn places(&self) -> String {
        let place = |line: &Line| format!("{}:{}", line.file.display(), line.number);
        self.lines.iter().map(place).collect::<Vec<_>>().join(", ")
    }

    /// Commands of a shell that delete the lines, one for each file.
    pub(super) fn deletions(&self) -> Vec<String> {
        let mut numbers: BTreeMap<&Path, String> = BTreeMap::new();
        for line in &self.lines {
            *numbers.entry(&line.file).or_default() += &format!("{}d;", line.number);
        }
        let one = |(file, numbers): (&Path, String)| {
            let numbers = quote(numbers.trim_end_matches(';').as_bytes());
            format!("sed -i {numbers} {}", quote(file.as_os_str().as_encoded_bytes()))
        };
        numbers.into_iter().map(one).collect()
    }
}

fn does(line: &str) -> Option<Does> {
    let (name, value) = words(line)?;
    if name == "loadmodule" {
        let path = first(value);
        let file = path.rsplit('/').next().unwrap_or_default();
        return file.contains("qadmin").then(|| Does::Loads(path.to_owned()));
    }
    if name.starts_with("qadmin.") {
        return Some(Does::Sets);
    }
    let is_named =
        || value.split([' ', '\t', '(', ')', '"', '\'']).any(|word| is_rule_of_module(word.as_bytes()));
    (name == "user" && is_named()).then_some(Does::Permits)
}

fn included(line: &str) -> Option<&str> {
    words(line).filter(|(name, _)| name == "include").map(|(_, value)| first(value))
}

/// The first word of a line in lower case, without quotes, and what follows it.
fn words(line: &str) -> Option<(String, &str)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (name, value) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    Some((name.trim_matches(['"', '\'']).to_ascii_lowercase(), value.trim()))
}

/// The first word of a value, which can be quoted.
fn first(value: &str) -> &str {
    for mark in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(mark) {
            return rest.split(mark).next().unwrap_or_default();
        }
    }
    value.split([' ', '\t']).next().unwrap_or_default()
}

/// The files that a path of `include` means: its last part can contain stars.
fn matching(pattern: &Path) -> Vec<PathBuf> {
    let name = pattern.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !name.contains('*') {
        return vec![pattern.to_owned()];
    }
    let entries =
        pattern.parent().and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .filter(|entry| fits(&entry.file_name().to_string_lossy(), &name))
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files
}

/// Whether a name fits a pattern in which a star is any text.
fn fits(name: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(between) = last.replace(part) {
            let Some(at) = rest.find(between) else { return false };
            rest = &rest[at + between.len()..];
        }
    }
    last.is_none_or(|end| rest.ends_with(end)) && (last.is_some() || rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_need_the_module_are_recognised() {
        let loads = |path: &str| Some(Does::Loads(path.to_owned()));
        assert_eq!(
            does("loadmodule /usr/lib/redis/modules/libqadmin.so duty 30"),
            loads("/usr/lib/redis/modules/libqadmin.so")
        );
        assert_eq!(does("  LoadModule \"/a b/libqadmin.so\" x"), loads("/a b/libqadmin.so"));
        assert_eq!(does("loadmodule /usr/lib/redis/modules/redisbloom.so"), None);
        assert_eq!(does("qadmin.slice-us 300"), Some(Does::Sets));
        assert_eq!(does("\"qadmin.index\" \"celery\""), Some(Does::Sets));
        assert_eq!(does("user jane on nopass ~qadmin:* -@all +QADMIN.preview"), Some(Does::Permits));
        assert_eq!(does("user jane on ~a (~b -@all +@qadmin)"), Some(Does::Permits));
        assert_eq!(does("user jane on nopass ~qadmin:* +get"), None);
        for other in
            ["# loadmodule /libqadmin.so", "", "dir /var/lib/qadmin.d", "include /etc/qadmin/redis.conf"]
        {
            assert_eq!(does(other), None, "{other}");
        }
    }

    #[test]
    fn includes_are_followed_and_all_lines_can_be_deleted() {
        let dir = tempfile::tempdir().expect("a folder");
        let at = |name: &str| dir.path().join(name);
        let write = |name: &str, text: &str| fs::write(at(name), text).expect("a file");
        write("redis.conf", "port 1\nloadmodule /m/libqadmin.so\ninclude more-*.conf\ninclude gone.conf\n");
        write("more-1.conf", "qadmin.duty 30\nmaxmemory 0\nqadmin.slice-us 300\n");
        write("more-2.txt", "qadmin.duty 30\n");
        write("users.acl", "user a on +get\nuser b on +qadmin.help\n");
        let all = Configuration::read(&at("redis.conf"), Some(Path::new("users.acl")));
        assert_eq!(all.loaded(), ["/m/libqadmin.so"]);
        assert_eq!(all.unread.len(), 1, "{:?}", all.unread);
        assert_eq!(all.places().split(", ").count(), 4);
        for line in all.deletions() {
            assert!(std::process::Command::new("sh").args(["-c", &line]).status().expect("sed").success());
        }
        assert!(Configuration::read(&at("redis.conf"), Some(&at("users.acl"))).lines.is_empty());
        assert_eq!(fs::read_to_string(at("more-1.conf")).expect("a file"), "maxmemory 0\n");
        assert_eq!(fs::read_to_string(at("users.acl")).expect("a file"), "user a on +get\n");
    }

    #[test]
    fn a_file_that_includes_itself_ends() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("redis.conf");
        fs::write(&file, format!("include {}\n", file.display())).expect("a file");
        assert!(Configuration::read(&file, None).lines.is_empty());
    }

    #[test]
    fn stars_are_any_text() {
        for (name, pattern) in
            [("a.conf", "*.conf"), ("a.conf", "a.conf"), ("a-b.conf", "a*b*f"), ("x", "*"), ("aa", "a*a")]
        {
            assert!(fits(name, pattern), "{name} {pattern}");
        }
        for (name, pattern) in [("a.txt", "*.conf"), ("a", "a*a"), ("ab", "a"), ("b", "a*")] {
            assert!(!fits(name, pattern), "{name} {pattern}");
        }
    }
}
