use super::*;
use crate::filter::Projection;
use crate::filter::tests::plain;

/// Recorded messages of each kind, and how they are read from their files.
fn recorded() -> Vec<(MessageKind, Vec<Vec<u8>>)> {
    let lines = |text: &'static str| text.lines().map(|line| line.as_bytes().to_vec()).collect::<Vec<_>>();
    let member = |text: &'static str, name: &str| {
        let value = |line| -> serde_json::Value { serde_json::from_str(line).expect("a recorded line") };
        text.lines().map(|line| value(line)[name].as_str().expect("a text").to_owned()).collect::<Vec<_>>()
    };
    let huey = member(include_str!("../../format/huey/recorded.jsonl"), "element");
    let huey = huey.iter().map(|text| base64_simd::STANDARD.decode_to_vec(text).expect("base64")).collect();
    let laravel = member(include_str!("../tests/laravel.jsonl"), "element");
    vec![
        (MessageKind::Celery, lines(include_str!("../tests/celery.jsonl"))),
        (MessageKind::Sidekiq, lines(include_str!("../tests/sidekiq.jsonl"))),
        (MessageKind::Laravel, laravel.into_iter().map(String::into_bytes).collect()),
        (MessageKind::Taskiq, lines(include_str!("../../format/taskiq.jsonl"))),
        (MessageKind::Huey, huey),
        (MessageKind::Dramatiq, lines(include_str!("../../format/dramatiq.jsonl"))),
        (MessageKind::Rq, lines(include_str!("../../format/rq.jsonl"))),
        (MessageKind::BullMq, lines(include_str!("../../format/bull.jsonl"))),
        (MessageKind::Saq, lines(include_str!("../../format/saq.jsonl"))),
    ]
}

fn inventory<'m>(kind: MessageKind, messages: impl IntoIterator<Item = &'m [u8]>) -> Inventory {
    let mut inventory = Inventory::new(kind, true);
    messages.into_iter().for_each(|message| inventory.read(message));
    inventory
}

/// A listed field: name, types, count and examples.
type Row = (String, Vec<String>, i64, Vec<Reply>);

fn rows(inventory: &Inventory) -> Vec<Row> {
    let Reply::List(fields) = inventory.fields().0 else { unreachable!("a list") };
    let text = |reply: &Reply| match reply {
        Reply::Text(text) => String::from_utf8(text.clone()).expect("text"),
        other => unreachable!("{other:?}"),
    };
    let row = |field: &Reply| match field {
        Reply::Map(members) => match &members[..] {
            [(_, name), (_, Reply::List(types)), (_, Reply::Int(count)), (_, Reply::List(examples))] => {
                (text(name), types.iter().map(text).collect(), *count, examples.clone())
            }
            other => unreachable!("{other:?}"),
        },
        other => unreachable!("{other:?}"),
    };
    fields.iter().map(row).collect()
}

fn names(inventory: &Inventory) -> Vec<String> {
    rows(inventory).into_iter().map(|(name, ..)| name).collect()
}

#[test]
fn fields_are_listed_in_their_order_with_types_counts_and_examples() {
    let first = plain(
        r#"[[1, "x", null], {"b": 1, "a": [1, 2], "u": {"__type__": "uuid", "__value__": {"hex": "7d0f3c1e3f0b4c539d1c0a5f8f6b2a11"}}}, {}]"#,
        r#""task": "t", "id": "i1", "retries": 0, "eta": null, "shadow": "s", "group": null"#,
    );
    let second = plain(r#"[[2], {"b": "1.5", "n": null}, {}]"#, r#""task": "t", "id": "i2", "x.y": 1.5"#);
    let inventory = inventory(MessageKind::Celery, [first.as_bytes(), second.as_bytes()]);
    let text = |text: &str| Reply::Text(text.into());
    let wanted: &[(&str, &[&str], i64, &[Reply])] = &[
        ("task", &["text"], 2, &[text("t")]),
        ("id", &["text"], 2, &[text("i1"), text("i2")]),
        ("args.0", &["integer"], 2, &[Reply::Int(1), Reply::Int(2)]),
        ("args.1", &["text"], 1, &[text("x")]),
        ("args.2", &["null"], 0, &[]),
        ("kwargs.b", &["integer", "text"], 2, &[Reply::Int(1), text("1.5")]),
        ("kwargs.a", &["array"], 1, &[text("[1,2]")]),
        ("kwargs.u", &["text"], 1, &[text("7d0f3c1e-3f0b-4c53-9d1c-0a5f8f6b2a11")]),
        ("kwargs.n", &["null"], 0, &[]),
        ("priority", &["integer"], 2, &[Reply::Int(0)]),
        ("content_type", &["text"], 2, &[text("application/json")]),
        ("retries", &["integer"], 1, &[Reply::Int(0)]),
        ("headers.\"x.y\"", &["number"], 1, &[text("1.5")]),
        ("headers.shadow", &["text"], 1, &[text("s")]),
    ];
    let wanted: Vec<Row> = wanted
        .iter()
        .map(|(name, types, count, examples)| {
            ((*name).to_owned(), types.iter().map(|of| (*of).to_owned()).collect(), *count, examples.to_vec())
        })
        .collect();
    assert_eq!(rows(&inventory), wanted);
    assert_eq!(inventory.fields().1, Some(wanted.len()));
    assert_eq!((inventory.undecodable(), inventory.unreadable(), inventory.unnamed()), (0, 0, 0));
}

#[test]
fn what_is_shown_of_a_message_is_what_its_sample_row_shows() {
    let mut checked = 0;
    for (kind, messages) in recorded() {
        for message in &messages {
            for (name, _, _, examples) in rows(&inventory(kind, [&message[..]])) {
                let mut projection = Projection::of(kind, &[name.as_bytes()])
                    .unwrap_or_else(|error| unreachable!("{kind:?} {name}: {error}"));
                let shown = projection.row(message).remove(0).1;
                assert_eq!(examples.first().unwrap_or(&Reply::Null), &shown, "{kind:?} {name}");
                checked += 1;
            }
        }
    }
    assert!(checked > 500, "{checked}");
}

#[test]
fn every_kind_lists_its_task_and_arguments() {
    for (kind, messages) in recorded() {
        let names = names(&inventory(kind, messages.iter().map(Vec::as_slice)));
        assert_eq!(names[..2], ["task", "id"], "{kind:?}");
        assert!(
            names.iter().any(|name| name.starts_with("args.") || name.starts_with("kwargs.")),
            "{kind:?} {names:?}"
        );
    }
}

#[test]
fn messages_of_another_kind_show_nothing() {
    let messages = include_str!("../tests/celery.jsonl");
    for kind in [
        MessageKind::Sidekiq,
        MessageKind::Resque,
        MessageKind::Laravel,
        MessageKind::Taskiq,
        MessageKind::Dramatiq,
        MessageKind::Saq,
        MessageKind::BullMq,
    ] {
        let inventory = inventory(kind, messages.lines().map(str::as_bytes));
        assert_eq!(names(&inventory), [""; 0], "{kind:?}");
        assert!(inventory.unreadable() > 0, "{kind:?}");
    }
}

#[test]
fn the_body_is_not_a_header() {
    for (kind, messages) in recorded() {
        let names = names(&inventory(kind, messages.iter().map(Vec::as_slice)));
        for header in ["headers.body", "headers.data", "headers.args", "headers.kwargs"] {
            assert!(!names.iter().any(|name| name == header), "{kind:?} {header}");
        }
    }
}

#[test]
fn encrypted_arguments_are_not_shown() {
    let message = br#"{"class":"Job","args":[1,"c2VjcmV0"],"jid":"a","encrypt":true}"#;
    let shown = names(&inventory(MessageKind::Sidekiq, [&message[..]]));
    assert!(shown.contains(&"args.0".to_owned()) && !shown.contains(&"args.1".to_owned()), "{shown:?}");
}

#[test]
fn names_are_quoted_where_a_filter_needs_it_and_left_out_where_none_can_name_them() {
    let long = "x".repeat(300);
    let kwargs = format!(
        r#"{{"a.b": 1, "*": 2, "\"q": 3, "": 4, "back\\.slash": 5, "\u00e9": 6, "a b": 7, "{long}": 8, "\ud800": 9}}"#
    );
    let message = plain(&format!("[[], {kwargs}, {{}}]"), r#""task": "t""#);
    let inventory = inventory(MessageKind::Celery, [message.as_bytes()]);
    let mut found = rows(&inventory);
    found.retain(|(name, ..)| name.starts_with("kwargs"));
    assert_eq!(inventory.unnamed(), 2);
    assert_eq!(found.len(), 7);
    for (name, _, _, examples) in found {
        let field = Field::parse(name.as_bytes()).expect("a name");
        assert!(!field.any, "{name}");
        let row = Projection::new(&[name.as_bytes()]).expect("a field").row(message.as_bytes());
        assert_eq!(row[0].1, examples[0], "{name}");
    }
}

#[test]
fn the_last_of_several_members_with_one_name_counts() {
    let message = plain(r#"[[], {"a": 1, "b": 2, "a": "last"}, {}]"#, r#""task": "t""#);
    let found = rows(&inventory(MessageKind::Celery, [message.as_bytes()]));
    let a: Vec<&Row> = found.iter().filter(|(name, ..)| name == "kwargs.a").collect();
    assert_eq!(a.len(), 1);
    assert_eq!((a[0].2, &a[0].1[..], &a[0].3[..]), (1, &["text".to_owned()][..], &[Reply::text("last")][..]));
}

#[test]
fn a_message_with_very_many_arguments_is_read_in_part_and_the_most_frequent_fields_are_listed() {
    let kwargs = |from: usize, count: usize| {
        let all: Vec<String> = (from..from + count).map(|n| format!("\"k{n}\": {n}")).collect();
        plain(&format!("[[], {{{}}}, {{}}]", all.join(", ")), r#""task": "t""#)
    };
    let huge = kwargs(0, 100_000);
    let usual = kwargs(150_000, 1);
    let mut inventory = Inventory::new(MessageKind::Celery, true);
    inventory.read(huge.as_bytes());
    assert!(inventory.work() > huge.len() / 2, "{}", inventory.work());
    inventory.read(usual.as_bytes());
    inventory.read(usual.as_bytes());
    assert_eq!(inventory.partly_read(), 1);
    let listed = rows(&inventory);
    assert_eq!(listed.len(), LISTED_MAX);
    assert_eq!(listed.iter().find(|(name, ..)| name.starts_with("kwargs")).expect("one").0, "kwargs.k150000");
    let known = inventory.fields().1.expect("a number");
    assert!(known > MEMBERS_MAX, "{known}");
    for n in 0..10 {
        inventory.read(kwargs(n * 1_000, 200).as_bytes());
    }
    assert_eq!(inventory.fields().1, None, "there were more names than are counted");
}

#[test]
fn all_examples_together_have_a_bound() {
    let text = "x".repeat(1_000);
    let mut inventory = Inventory::new(MessageKind::Celery, true);
    for n in 0..3 {
        let kwargs: Vec<String> = (0..200).map(|k| format!("\"k{k}\": \"{n}{text}\"")).collect();
        inventory.read(plain(&format!("[[], {{{}}}, {{}}]", kwargs.join(",")), r#""task": "t""#).as_bytes());
    }
    assert!(inventory.fields().0.bytes() <= EXAMPLE_BYTES_MAX + LISTED_MAX * 300);
}

#[test]
fn what_is_not_a_message_is_counted() {
    let pickled = r#"{"body": "gASV", "content-type": "application/x-yaml", "headers": {"task": "t"}, "properties": {}}"#;
    let inventory = inventory(MessageKind::Celery, [&b"junk"[..], b"", pickled.as_bytes()]);
    assert_eq!((inventory.undecodable(), inventory.unreadable()), (2, 1));
    assert_eq!(names(&inventory), ["task", "content_type"]);
}
