use super::*;
use crate::kind::DEFAULT_FIELDS;
use crate::reply::Reply;

fn row(fields: &[&str], message: &str) -> Vec<Reply> {
    let fields: Vec<&[u8]> = fields.iter().map(|field| field.as_bytes()).collect();
    let mut projection = Projection::new(&fields).expect("fields");
    let row = projection.row(message.as_bytes());
    for ((name, _), field) in row.iter().zip(&fields) {
        assert_eq!(name.as_bytes(), *field);
    }
    row.into_iter().map(|(_, value)| value).collect()
}

fn text(text: &str) -> Reply {
    Reply::Text(text.into())
}

#[test]
fn a_row_shows_the_fields_in_the_order_asked_for() {
    let message = plain(
        r#"[[1], {"repoid": 7, "commitid": "\u00e9", "big": 18446744073709551617, "f": 1.50, "t": true, "n": null, "o": {"a": [1]}}, {}]"#,
        r#""task": "t", "redelivered": true, "retries": -1"#,
    );
    let fields = [
        "kwargs.o",
        "repoid",
        "commitid",
        "task",
        "kwargs.big",
        "kwargs.f",
        "kwargs.t",
        "kwargs.n",
        "kwargs.none",
        "redelivered",
        "retries",
        "args.0",
        "bytes",
        "undecodable",
        "kwargs.repoid",
    ];
    let wanted = [
        text(r#"{"a":[1]}"#),
        Reply::Int(7),
        text("é"),
        text("t"),
        text("18446744073709551617"),
        text("1.50"),
        text("true"),
        Reply::Null,
        Reply::Null,
        Reply::Int(1),
        Reply::Int(-1),
        Reply::Int(1),
        Reply::Int(i64::try_from(message.len()).expect("short")),
        Reply::Int(0),
        Reply::Int(7),
    ];
    assert_eq!(row(&fields, &message), wanted);
    // A row of fields that the command named says which of them are absent, too.
    let names: Vec<&[u8]> = fields.iter().map(|name| name.as_bytes()).collect();
    let mut named = Projection::new(&names).expect("fields").named();
    let named: Vec<Reply> = named.row(message.as_bytes()).into_iter().map(|(_, value)| value).collect();
    let as_named = |value: Reply| if value == Reply::Null { Reply::NamedNull } else { value };
    assert_eq!(named, wanted.map(as_named));
}

#[test]
fn what_cannot_be_read_is_null() {
    assert_eq!(row(&["task", "repoid", "undecodable"], "no json"), [Reply::Null, Reply::Null, Reply::Int(1)]);
    let message = r#"{"headers": {"task": "t"}, "content-type": "application/json", "body": "["}"#;
    assert_eq!(row(&["task", "repoid"], message), [text("t"), Reply::Null]);
}

#[test]
fn a_row_never_contains_a_whole_body() {
    let long = "é".repeat(5_000);
    let message = plain("[[], {}, {}]", &format!(r#""task": "{long}", "id": ["{long}"]"#));
    let lengths: Vec<usize> =
        row(&["task", "id"], &message)
            .into_iter()
            .map(|value| {
                if let Reply::Text(text) = value { String::from_utf8(text).expect("UTF-8").len() } else { 0 }
            })
            .collect();
    assert_eq!(lengths, [TEXT_MAX, COMPOUND_MAX]);
}

#[test]
fn fields_are_limited_and_checked() {
    assert!(Projection::new(DEFAULT_FIELDS).is_ok());
    assert!({
        let names: Vec<String> = (0..FIELDS_MAX).map(|n| format!("args.{n}")).collect();
        Projection::new(&names.iter().map(String::as_bytes).collect::<Vec<_>>()).is_ok()
    });
    let error = |fields: &[&[u8]]| Projection::new(fields).expect_err("an error").to_string();
    assert_eq!(error(&[b"id", b"task", b"id"]), "ERR FIELDS can name each field only once, got \"id\" twice");
    assert_eq!(error(&[]), "ERR FIELDS must be an integer from 1 to 32, got \"0\"");
    assert_eq!(
        error(&vec![&b"id"[..]; FIELDS_MAX + 1]),
        "ERR FIELDS must be an integer from 1 to 32, got \"33\""
    );
    assert!(error(&[b"body"]).starts_with("ERR unknown field \"body\"; fields are task"));
}
