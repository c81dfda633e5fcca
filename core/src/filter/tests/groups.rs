//! The group that a message belongs to.

use super::*;
use crate::kind::MessageKind;
use crate::reply::Reply;

/// Returns for each message the values of its group, and whether all of them could be read.
fn values(fields: &[&[u8]], messages: &[&str]) -> Vec<(Vec<Reply>, bool)> {
    let grouping = Grouping::new(fields).expect("fields");
    let mut matcher = Matcher::of(MessageKind::Celery, &Filter::all(), Some(&grouping));
    let mut key = Vec::new();
    let mut of = |message: &str| {
        assert!(matcher.examine(message.as_bytes()).matched, "without a filter every message counts");
        let readable = matcher.group_key(message.as_bytes(), &mut key);
        (group_values(&key).map(Into::into).collect(), readable)
    };
    messages.iter().map(|message| of(message)).collect()
}

fn text(text: &str) -> Reply {
    Reply::Text(text.into())
}

#[test]
fn values_in_any_spelling_are_one_group() {
    let kwargs = |json: &str| plain(&format!(r#"[[], {{"x": {json}}}, {{}}]"#), r#""task": "t""#);
    let of = |json: &str| values(&[b"kwargs.x"], &[&kwargs(json)])[0].0[0].clone();
    assert_eq!(of(r#""abc""#), of(r#""\u0061b\u0063""#));
    assert_eq!(of("0"), of("-0"));
    for seven in ["7", "7.0", r#""7""#, r#""007""#] {
        assert_eq!(of(seven), Reply::Int(7), "{seven}");
    }
    assert_eq!((of("null"), of("true"), of("1.50")), (Reply::Null, text("true"), text("1.5")));
    assert_eq!((of(r#""true""#), of(r#""1.50""#)), (text("true"), text("\"1.50\"")));
    assert_eq!(of("18446744073709551617"), text("18446744073709551617"));
    assert_eq!(of(r#""\ud800""#), text("\u{fffd}"));
    assert_eq!(of(r#"{"a": [1]}"#), text(r#"{"a":[1]}"#));
}

#[test]
fn long_values_are_cut_between_characters() {
    let long = "é".repeat(2_000);
    let message = plain("[[], {}, {}]", &format!(r#""task": "x{long}", "id": ["{long}"]"#));
    let (shown, readable) = values(&[b"task", b"id"], &[&message]).remove(0);
    let lengths: Vec<usize> = shown.iter().map(Reply::bytes).collect();
    assert!(readable);
    assert_eq!(lengths, [TEXT_MAX - 1, COMPOUND_MAX]);
}

#[test]
fn unreadable_values_are_null_and_reported() {
    let broken = r#"{"headers": {"task": "t"}, "content-type": "application/json", "body": "["}"#;
    let whole = plain(r#"[[], {"repoid": 7}, {}]"#, r#""task": "t""#);
    let messages = [broken, "no json", whole.as_str()];
    assert_eq!(
        values(&[b"task", b"repoid"], &messages),
        [
            (vec![text("t"), Reply::Null], false),
            // The element counts as undecodable and not as unreadable.
            (vec![Reply::Null, Reply::Null], true),
            (vec![text("t"), Reply::Int(7)], true),
        ]
    );
    // These fields are not in the body, so it does not matter whether the body can be read.
    assert_eq!(values(&[b"task"], &messages)[0], (vec![text("t")], true));
    assert_eq!(
        values(&[b"undecodable", b"bytes"], &messages)[1].0,
        [Reply::Int(1), Reply::Int(7)],
        "what does not stand in the bytes is known"
    );
}

#[test]
fn fields_are_limited_and_checked() {
    let error = |fields: &[&[u8]]| Grouping::new(fields).expect_err("an error").to_string();
    assert_eq!(error(&[]), "ERR GROUPBY must be an integer from 1 to 4, got \"0\"");
    assert_eq!(error(&[&b"a"[..]; 5]), "ERR GROUPBY must be an integer from 1 to 4, got \"5\"");
    assert!(error(&[b"nothing"]).starts_with("ERR unknown field \"nothing\""), "{}", error(&[b"nothing"]));
    assert!(Grouping::new(&[b"args.0", b"args.1", b"args.2", b"args.3"]).is_ok());
}
