use super::*;
use crate::args::Args;
use crate::filter::FilterBuilder;

fn filter(words: &[&str]) -> Filter {
    let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    let mut builder = FilterBuilder::default();
    let mut args = Args::new(&words);
    while builder.accept(&mut args, 0).expect("a filter") {}
    builder.finish().expect("a filter")
}

fn message(task: &str, kwargs: &str) -> String {
    let body = format!("[[], {kwargs}, {{}}]").replace('"', "\\\"");
    format!(
        r#"{{"headers":{{"task":"{task}","id":"x"}},"body":"{body}","content-type":"application/json","properties":{{}}}}"#
    )
}

fn explain(words: &[&str], messages: &[String]) -> Option<String> {
    let mut reasons = NoMatchReasons::new(MessageKind::Celery, &filter(words));
    for message in messages {
        reasons.examine(message.as_bytes());
    }
    let text = reasons.explain();
    assert!(text.iter().all(|text| text.bytes().all(|b| (0x20..0x7f).contains(&b))), "{text:?}");
    text
}

#[test]
fn the_first_reason_is_named() {
    let messages: Vec<String> = [("app.upload", r#"{"repoid": 7, "name": "x", "list": [1], "flag": true}"#);
        3]
        .into_iter()
        .chain([("app.notify", "{}"), ("app.sync", "{}"), ("app.clean", "{}")])
        .map(|(task, kwargs)| message(task, kwargs))
        .collect();
    let says = |words: &[&str], wanted: &str| {
        let text = explain(words, &messages).expect("a reason");
        assert!(text.contains(wanted), "{words:?}: {text}");
    };
    says(&["TASK", "app.*"], "TASK compares byte for byte; for a pattern use WHERE task GLOB app.*");
    says(
        &["TASK", "upload"],
        r#"has the task "upload", but one has a similar name: "app.upload"; tasks found: "app.upload""#,
    );
    says(&["TASK", "app.uplaod"], r#"a similar name: "app.upload""#);
    says(
        &["TASK", "zzz"],
        r#"of the 6 messages that run next none has the task "zzz"; tasks found: "app.upload", "app.clean", "app.notify" and 1 more"#,
    );
    says(&["WHERE", "task", "=", "z\u{e9}\n"], r#"none has the task "z\xc3\xa9\x0a""#);
    says(
        &["TASK", "app.upload", "WHERE", "kwargs.repoid", "=", "abc"],
        r#"examined messages with this task: 3; "kwargs.repoid" is a number in them, such as "7", and "abc" is not"#,
    );
    says(
        &["TASK", "app.upload", "WHERE", "kwargs.name", "=", "5"],
        r#""kwargs.name" is text in them, such as "x", and not a number"#,
    );
    says(
        &["TASK", "app.upload", "WHERE", "kwargs.list", "=", "1"],
        r#""kwargs.list" is neither a number nor text in them; an example is "[1]""#,
    );
    says(&["TASK", "app.upload", "COMMITID", "c"], r#"none of them has "kwargs.commitid""#);
    says(&["WHERE", "kwargs.repo", "=", "7"], r#"none of them has "kwargs.repo""#);
    says(&["WHERE", "eta", ">", "2026-01-01"], r#"none of them has "eta""#);
    for nothing in [
        &["TASK", "app.upload", "REPOID", "8"][..],
        &["TASK", "app.upload", "WHERE", "kwargs.flag", "=", "false"],
        // Other operators say nothing of types, whatever their operands look like.
        &["WHERE", "kwargs.x", "IN", "2", "WHERE", "TASK", "WHERE", "kwargs.y", "GLOB", "TASK"],
        &["WHERE", "id", "MISSING"],
    ] {
        assert_eq!(explain(nothing, &messages), None, "{nothing:?}");
    }
}

#[test]
fn without_messages_there_is_little_to_say() {
    assert_eq!(explain(&["TASK", "a"], &[]), None);
    let junk = ["x".to_owned(), "[]".to_owned()];
    assert_eq!(
        explain(&["TASK", "a"], &junk).as_deref(),
        Some("of the 2 messages that run next none is a JSON object")
    );
    let bare = ["{}".to_owned()];
    let text = explain(&["TASK", "a"], &bare).expect("a reason");
    assert_eq!(text, r#"of the one examined message none has the task "a"; none has a task"#);
}

#[test]
fn the_remembered_names_are_bounded() {
    let mut reasons = NoMatchReasons::new(MessageKind::Celery, &filter(&["TASK", "a"]));
    for n in 0..1_000 {
        reasons.examine(message(&format!("{}{n}", "x".repeat(1_000)), "{}").as_bytes());
    }
    assert_eq!(reasons.names.len(), 1, "names are cut");
    for n in 0..1_000 {
        reasons.examine(message(&format!("t{n}"), "{}").as_bytes());
    }
    assert_eq!(reasons.names.len(), NAMES_MAX);
    let text = reasons.explain().expect("a reason");
    assert!(text.len() < 600, "{text}");
}

#[test]
fn words_of_a_canonical_text_are_taken_apart() {
    let filter = filter(&["TASK", "a \"b\\\n", "REPOID", "5", "WHERE", "headers.x", "=", "y"]);
    let found: Vec<(String, Vec<u8>)> = comparisons(&filter.canonical())
        .into_iter()
        .map(|(field, operand)| (field.name.to_string(), operand))
        .collect();
    assert_eq!(found[0], ("task".to_owned(), b"a \"b\\\n".to_vec()));
    assert_eq!(found[1], ("kwargs.repoid".to_owned(), b"5".to_vec()));
}
