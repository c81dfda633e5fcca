use super::*;
use crate::filter::tests::plain;

fn shown(kind: MessageKind, message: &[u8]) -> Vec<(Box<str>, Reply)> {
    match Whole::new(kind, true).show(message, Reply::map()).build() {
        Reply::Map(members) => members,
        other => unreachable!("{other:?}"),
    }
}

fn member(shown: &[(Box<str>, Reply)], name: &str) -> Reply {
    shown.iter().find(|(own, _)| &**own == name).expect("a member").1.clone()
}

fn text(text: &str) -> Reply {
    Reply::Text(text.into())
}

#[test]
fn all_parts_of_a_celery_message_are_shown() {
    let body = r#"[[1], {"a": "x"}, {}]"#;
    let message = plain(body, r#""task": "t", "id": "i", "eta": null"#);
    let shown = shown(MessageKind::Celery, message.as_bytes());
    let fields = [("task", text("t")), ("id", text("i"))];
    let Reply::Map(found) = member(&shown, "fields") else { unreachable!("a map") };
    for (name, value) in fields {
        assert_eq!(member(&found, name), value);
    }
    assert!(!found.iter().any(|(name, _)| &**name == "eta"));
    for (name, wanted) in [
        ("headers", text(r#"{"task": "t", "id": "i", "eta": null}"#)),
        ("properties", text(r#"{"priority": 0}"#)),
        ("args", text("[1]")),
        ("kwargs", text(r#"{"a": "x"}"#)),
        ("body", text(body)),
        ("raw", text(&message)),
        ("cut", Reply::List(Vec::new())),
        ("notice", Reply::Null),
    ] {
        assert_eq!(member(&shown, name), wanted, "{name}");
    }
}

#[test]
fn headers_that_are_members_of_the_message_come_without_its_arguments() {
    let message = br#"{"class":"Job","args":[1,2],"jid":"a"}"#;
    let shown = shown(MessageKind::Sidekiq, message);
    assert_eq!(member(&shown, "headers"), text(r#"{"class": "Job", "jid": "a"}"#));
    assert_eq!((member(&shown, "args"), member(&shown, "kwargs")), (text("[1,2]"), Reply::Null));
    assert_eq!(member(&shown, "body"), Reply::Null);
}

#[test]
fn large_parts_are_cut_at_the_end_of_a_character() {
    let message = plain(&format!(r#"[["{}"], {{}}, {{}}]"#, "\u{e9}".repeat(PART_MAX)), r#""task": "t""#);
    let shown = shown(MessageKind::Celery, message.as_bytes());
    assert_eq!(member(&shown, "cut"), Reply::List(["args", "body", "raw"].map(Reply::from).to_vec()));
    for name in ["args", "body", "raw"] {
        let Reply::Text(part) = member(&shown, name) else { unreachable!("a text") };
        assert!(part.len() <= PART_MAX && part.len() > PART_MAX - 4, "{name} {}", part.len());
        assert!(String::from_utf8(part).is_ok(), "{name}");
    }
}

#[test]
fn elements_that_cannot_be_read_are_shown_as_they_are() {
    let broken = b"\xff\x00 no message";
    let shown_broken = shown(MessageKind::Celery, broken);
    assert_eq!(member(&shown_broken, "raw"), Reply::Text(broken.to_vec()));
    assert_eq!(member(&shown_broken, "notice"), text(UNDECODABLE));
    let yaml = br#"{"body": "YTogMQ==", "content-type": "application/x-yaml", "headers": {"task": "t"}, "properties": {}}"#;
    let shown_yaml = shown(MessageKind::Celery, yaml);
    assert_eq!((member(&shown_yaml, "body"), member(&shown_yaml, "args")), (Reply::Null, Reply::Null));
    assert_eq!(member(&shown_yaml, "notice"), text(UNREADABLE));
    assert_eq!(member(&shown_yaml, "headers"), text(r#"{"task": "t"}"#));
}
