//! The documentation agrees with the server: its examples are run, and its tables are compared with those of
//! the code.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;

use qadmin_core::field;
use qadmin_core::job::{EVENT_MEMBERS, Member};
use qadmin_core::request::{COMMANDS, syntax};
use qadmin_core::settings::{SETTINGS, TEXTS};
use qadmin_harness::{Server, fill_examples, workspace_root};
use redis::{Connection, RedisError, Value};

use crate::support::run;

#[test]
fn every_example_answers_what_its_page_says() {
    let mut wrong = String::new();
    let mut with_examples = 0;
    // Each page has its own server and queue.
    for page in pages() {
        let examples = examples(&fs::read_to_string(&page).expect("a page"));
        if examples.is_empty() {
            continue;
        }
        with_examples += 1;
        let page = page.display();
        let server = Server::start();
        fill_examples(server.port()).expect("the queue is filled");
        let mut conn = server.conn3();
        // Immediate samples find the rows that the page shows, however slow reading is.
        run(&mut conn, "CONFIG SET qadmin.slice-us 20000").expect("CONFIG SET");
        // The values that placeholders stood for last: an example can use the job of the example before.
        let mut known: HashMap<String, String> = HashMap::new();
        for example in examples {
            let mut command = example.command.clone();
            for (name, value) in &known {
                command = command.replace(&format!("<{name}>"), value);
            }
            let answer = answer(&mut conn, &command);
            if !says(&example.output, &answer, &mut known) {
                // Writing to a String cannot fail.
                let _ = write!(
                    wrong,
                    "\n{page}\n> {command}\n--- the page says\n{}\n--- the server says\n{answer}",
                    example.output
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(with_examples > 30, "only {with_examples} pages have ```redis-cli blocks");
}

#[test]
fn every_command_has_a_page_with_its_syntax() {
    for command in COMMANDS {
        let name = command.name.trim_start_matches("QADMIN.").to_lowercase();
        let page = format!("docs/commands/{name}.md");
        let text = read(&page);
        let line = syntax(command);
        assert!(text.contains(&format!("\n    {line}\n")), "{page} must have the line:\n    {line}");
        assert!(text.contains(command.summary), "{page} must say: {}", command.summary);
        let link = format!("]({page})");
        assert!(read("README.md").contains(&link), "README.md must link to {page}");
    }
}

#[test]
fn the_table_of_settings_is_the_one_of_the_code() {
    let text = read("docs/settings.md");
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| `")).collect();
    let wanted: Vec<String> =
        SETTINGS
            .iter()
            .map(|row| {
                let (least, most) = match row.words {
                    [] => (row.min.to_string(), row.max.to_string()),
                    words => (words.join(", "), String::new()),
                };
                let default = row.show(row.default);
                format!("| `{}` | {default} | {least} | {most} | {} | {} |", row.name, row.unit, row.doc)
            })
            .chain(TEXTS.iter().map(|row| {
                format!("| `{}` | {} | {} |  | text | {} |", row.name, row.shown, row.range, row.doc)
            }))
            .collect();
    assert_eq!(rows, wanted, "docs/settings.md must have these rows:\n{}", wanted.join("\n"));
}

/// Returns the rows of the table with this head.
fn rows<'a>(text: &'a str, head: &str) -> Vec<&'a str> {
    let (_, table) =
        text.split_once(&format!("\n{head}\n")).unwrap_or_else(|| panic!("no table has the head {head}"));
    table.lines().skip(1).take_while(|line| line.starts_with('|')).collect()
}

#[test]
fn the_table_of_the_members_of_a_status_is_the_one_of_the_code() {
    let page = "docs/commands/status.md";
    let text = read(page);
    let wanted: Vec<String> = Member::ALL
        .iter()
        .map(|member| format!("| `{}` | {} | {} |", member.name(), member.kind(), member.doc()))
        .collect();
    assert_eq!(
        rows(&text, "| member | kind | meaning |"),
        wanted,
        "{page} must have these rows:\n{}",
        wanted.join("\n")
    );
}

#[test]
fn the_table_of_the_members_of_an_event_names_those_of_the_code() {
    let text = read("docs/events.md");
    let names: Vec<&str> = rows(&text, "| member | |")
        .into_iter()
        .filter_map(|row| row.split('|').nth(1))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    let wanted: Vec<&str> = ["event", "time"].into_iter().chain(EVENT_MEMBERS.map(Member::name)).collect();
    assert_eq!(names, wanted, "docs/events.md must name these members in this order");
}

#[test]
fn the_table_of_fields_is_the_one_of_the_code() {
    let text = read("docs/filter.md");
    for row in field::FIELDS {
        let kind = match row.kind {
            field::FieldType::Time => "time",
            field::FieldType::Integer => "integer",
            field::FieldType::Flag => "flag",
            field::FieldType::Value => "value",
            field::FieldType::Duration => "duration",
        };
        let wanted = format!("| `{}` | {kind} | {} |", row.name, row.doc);
        assert!(text.lines().any(|line| line.starts_with(&wanted)), "docs/filter.md must have: {wanted}");
    }
    for (short, long) in field::SHORT_NAMES {
        assert!(text.contains(&format!("`{short}` = `{long}`")), "docs/filter.md must contain {short}");
    }
}

#[test]
fn every_link_between_pages_leads_somewhere() {
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            if file.contains("://") {
                continue;
            }
            let target = match file {
                "" => page.clone(),
                _ => page.parent().expect("a page lies in a folder").join(file),
            };
            assert!(target.exists(), "{} links to {file}, which is not there", page.display());
            if !anchor.is_empty() && target.extension().is_some_and(|ending| ending == "md") {
                let text = fs::read_to_string(&target).expect("a page");
                assert!(
                    anchors(&text).iter().any(|known| known == anchor),
                    "{} links to {link}, which has no such heading",
                    page.display()
                );
            }
        }
    }
}

/// Returns the anchors of a page: those that it sets itself, and those of its headings (lower case, spaces as
/// dashes, without other punctuation).
fn anchors(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        fenced ^= line.starts_with("```");
        if fenced {
            continue;
        }
        if let Some(heading) = line.strip_prefix('#') {
            let heading = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            found.push(kept.map(|c| if c == ' ' { '-' } else { c }).collect());
        }
        let ids = line.split("<a id=\"").skip(1).filter_map(|rest| rest.split('"').next());
        found.extend(ids.map(str::to_owned));
    }
    found
}

/// Returns the pages in the root of the repository and everything below docs/.
fn pages() -> Vec<std::path::PathBuf> {
    let root = workspace_root();
    let papers = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "RELEASING.md"];
    let mut found: Vec<std::path::PathBuf> = papers.iter().map(|page| root.join(page)).collect();
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("docs/ can be listed") {
            let path = entry.expect("docs/ can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                found.push(path);
            }
        }
    }
    found
}

pub(crate) fn read(page: &str) -> String {
    let path = workspace_root().join(page);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A command and what it should print.
#[derive(Debug, Default)]
struct Example {
    command: String,
    output: String,
}

/// Returns the examples of a page: blocks of the language `redis-cli`, with `> ` before a command and its
/// output below it.
fn examples(text: &str) -> Vec<Example> {
    let mut found: Vec<Example> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```redis-cli";
        } else if let (true, Some(command)) = (inside, line.strip_prefix("> ")) {
            found.push(Example { command: command.into(), output: String::new() });
        } else if let (true, Some(example)) = (inside, found.last_mut()) {
            example.output.push_str(line);
            example.output.push('\n');
        }
    }
    found
}

/// Returns the output of `redis-cli -3`.
fn answer(conn: &mut Connection, command: &str) -> String {
    let words = words(command);
    let mut out = String::new();
    match redis::cmd(&words[0]).arg(&words[1..]).query::<Value>(conn) {
        Ok(value) => print(&value, "", &mut out),
        Err(error) => out = format!("(error) {}\n", line_of(&error)),
    }
    out
}

/// Returns the words of a command. Single and double quotes keep a word together, as in redis-cli, and `\x` in double quotes
/// begins a byte of ASCII in hexadecimal.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    let mut rest = command.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' | '\'' if quote.is_none() => quote = Some(c),
            _ if quote == Some(c) => quote = None,
            '\\' if quote == Some('"') && rest.as_str().starts_with('x') => {
                let digits: String = rest.by_ref().skip(1).take(2).collect();
                let byte = u8::from_str_radix(&digits, 16).expect("two digits follow \\x");
                words.last_mut().expect("a word").push(char::from(byte));
            }
            ' ' if quote.is_none() => words.push(String::new()),
            c => words.last_mut().expect("a word").push(c),
        }
    }
    words
}

fn line_of(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}

/// Prints a value as `cliFormatReplyTTY` of redis-cli does.
fn print(value: &Value, prefix: &str, out: &mut String) {
    // Writing to a String cannot fail.
    let _ = match value {
        Value::Nil => writeln!(out, "(nil)"),
        Value::Int(n) => writeln!(out, "(integer) {n}"),
        Value::Okay => writeln!(out, "OK"),
        Value::SimpleString(text) => writeln!(out, "{text}"),
        Value::BulkString(bytes) => writeln!(out, "\"{}\"", escaped(bytes)),
        Value::Array(items) if items.is_empty() => writeln!(out, "(empty array)"),
        Value::Map(pairs) if pairs.is_empty() => writeln!(out, "(empty hash)"),
        Value::Array(items) => {
            let width = items.len().to_string().len();
            let deeper = format!("{prefix}{}", " ".repeat(width + 2));
            for (at, item) in items.iter().enumerate() {
                let before = if at == 0 { "" } else { prefix };
                let _ = write!(out, "{before}{:width$}) ", at + 1);
                print(item, &deeper, out);
            }
            Ok(())
        }
        Value::Map(pairs) => {
            let width = pairs.len().to_string().len();
            let deeper = format!("{prefix}{}", " ".repeat(width + 2));
            for (at, (name, value)) in pairs.iter().enumerate() {
                let before = if at == 0 { "" } else { prefix };
                let _ = write!(out, "{before}{:width$}# ", at + 1);
                print(name, &deeper, out);
                out.pop();
                out.push_str(" => ");
                if matches!(value, Value::Array(items) if !items.is_empty()) {
                    let _ = write!(out, "\n{deeper}");
                }
                print(value, &deeper, out);
            }
            Ok(())
        }
        other => panic!("no example should answer this: {other:?}"),
    };
}

fn escaped(bytes: &[u8]) -> String {
    let mut out = String::new();
    for &b in bytes {
        match b {
            b'"' | b'\\' => out.extend(['\\', char::from(b)]),
            b'\n' => out.push_str("\\n"),
            0x20..=0x7e => out.push(char::from(b)),
            // Writing to a String cannot fail.
            _ => {
                let _ = write!(out, "\\x{b:02x}");
            }
        }
    }
    out
}

/// Returns whether an answer is the one on a page. `<name>` stands for a value that differs from run to run,
/// `<words>` for the rest of a line, which servers word differently, and a line of nothing but `...` for any
/// number of lines. Records the values that the placeholders stand for.
fn says(page: &str, answer: &str, known: &mut HashMap<String, String>) -> bool {
    let page: Vec<&str> = page.lines().map(str::trim_end).collect();
    let answer: Vec<&str> = answer.lines().map(str::trim_end).collect();
    let mut found = Vec::new();
    let fits = lines_fit(&page, &answer, &mut found);
    known.extend(found);
    fits
}

fn lines_fit(page: &[&str], answer: &[&str], found: &mut Vec<(String, String)>) -> bool {
    match page.split_first() {
        None => answer.is_empty(),
        Some((line, rest)) if line.trim() == "..." => {
            (0..=answer.len()).any(|skip| lines_fit(rest, &answer[skip..], found))
        }
        Some((line, rest)) => {
            let Some((first, after)) = answer.split_first() else { return false };
            let before = found.len();
            let fits = line_fits(line, first, found) && lines_fit(rest, after, found);
            if !fits {
                found.truncate(before);
            }
            fits
        }
    }
}

fn line_fits(page: &str, answer: &str, found: &mut Vec<(String, String)>) -> bool {
    let placeholder = page.match_indices('<').find_map(|(open, _)| {
        let (name, _) = page[open + 1..].split_once('>')?;
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        is_name.then_some((open, name))
    });
    let Some((open, name)) = placeholder else { return page == answer };
    let Some(rest) = answer.strip_prefix(&page[..open]) else { return false };
    let after = &page[open + name.len() + 2..];
    let stop = |c: char| c == '"' || c == ' ';
    let end = match after.chars().next() {
        Some(next) => rest.find(|c| c == next || stop(c)).unwrap_or(rest.len()),
        None if name == "words" => rest.len(),
        None => rest.find(stop).unwrap_or(rest.len()),
    };
    if end == 0 {
        return false;
    }
    found.push((name.to_owned(), rest[..end].to_owned()));
    line_fits(after, &rest[end..], found)
}

#[test]
fn placeholders_match_one_word_and_dots_match_lines() {
    let mut known = HashMap::new();
    assert!(says("a \"<id>\" b\n...\nend", "a \"7\" b\nx\ny\nend", &mut known));
    assert_eq!(known.get("id").map(String::as_str), Some("7"));
    assert!(!says("a \"<id>\" b", "a \"7\" c", &mut known));
    assert!(!says("a <n>", "a 7 8", &mut known));
    assert!(!says("a", "a\nb", &mut known));
    assert!(says("...", "", &mut known));
    assert!(says("needs <job-id | ALL>: <ms>us", "needs <job-id | ALL>: 5us", &mut known));
}

#[test]
fn every_test_that_the_safety_page_names_exists() {
    let mut code = String::new();
    for folder in ["core/src", "tests/suite", "harness", "console"] {
        read_all(&workspace_root().join(folder), &mut code);
    }
    let mut named = 0;
    for line in read("docs/safety.md").lines().filter(|line| line.starts_with("| ")) {
        let proof = line.trim_end_matches(['|', ' ']).rsplit('|').next().unwrap_or_default();
        // Names of tests are sentences; other text between backticks is shorter.
        let sentence = |name: &&str| !name.contains(' ') && name.matches('_').count() >= 3;
        for name in proof.split('`').skip(1).step_by(2).filter(sentence) {
            named += 1;
            assert!(
                code.contains(&format!("fn {name}(")),
                "docs/safety.md names {name}, which is not the name of a test"
            );
        }
    }
    assert!(named > 0, "docs/safety.md names no test");
}

fn read_all(folder: &std::path::Path, code: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder of the workspace") {
        let path = entry.expect("a folder of the workspace").path();
        if path.is_dir() {
            read_all(&path, code);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            code.push_str(&fs::read_to_string(&path).expect("a source file"));
        }
    }
}
