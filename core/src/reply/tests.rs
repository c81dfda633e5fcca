//! What a browser gets.

use proptest::prelude::*;

use super::Reply;

fn json(reply: impl Into<Reply>) -> String {
    String::from_utf8(reply.into().to_json()).expect("JSON is UTF-8")
}

#[test]
fn members_keep_their_order_and_their_kinds() {
    let reply = Reply::map()
        .with("mode", "job")
        .with("depth", 3_u64)
        .with("bust", true)
        .with("cached_at", None::<i64>)
        .with("sample", vec![Reply::map().with("index", -1_i64).build()])
        .with("none", Vec::<Reply>::new());
    assert_eq!(
        json(reply),
        r#"{"mode":"job","depth":3,"bust":1,"cached_at":null,"sample":[{"index":-1}],"none":[]}"#
    );
}

#[test]
fn integers_that_a_browser_would_round_are_strings() {
    let exact = 9_007_199_254_740_991_i64;
    for n in [0, 1, -1, exact, -exact] {
        assert_eq!(json(n), n.to_string());
    }
    for n in [exact + 1, -exact - 1, i64::MAX, i64::MIN] {
        assert_eq!(json(n), format!("\"{n}\""));
    }
    assert_eq!(json(u64::MAX), format!("\"{}\"", i64::MAX));
}

#[test]
fn text_stays_on_one_line() {
    assert_eq!(json("a\r\n\"\\\0\u{4e00}"), "\"a\\r\\n\\\"\\\\\\u0000\u{4e00}\"");
}

#[test]
fn invalid_utf8_has_base64_member_after_it() {
    let reply = Reply::map().with("queue", b"q\xff".as_slice()).with("db", 0_i64);
    assert_eq!(json(reply), "{\"queue\":\"q\u{fffd}\",\"queue_b64\":\"cf8=\",\"db\":0}");
}

#[test]
fn list_with_invalid_utf8_has_base64_list() {
    let list = vec![Reply::text("ok"), Reply::text(b"\xff".as_slice()), Reply::Int(1)];
    let reply = Reply::map().with("keys", list.clone()).with("fine", vec![Reply::text("ok")]);
    assert_eq!(
        json(reply),
        "{\"keys\":[\"ok\",\"\u{fffd}\",1],\"keys_b64\":[null,\"/w==\",null],\"fine\":[\"ok\"]}"
    );
    assert_eq!(json(list), "[\"ok\",\"\u{fffd}\",1]", "a list without a name has none");
}

fn any_reply() -> impl Strategy<Value = Reply> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Reply::Int),
        any::<Vec<u8>>().prop_map(Reply::Text),
        Just(Reply::Null)
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Reply::List),
            prop::collection::vec((any::<String>().prop_map(String::into_boxed_str), inner), 0..6)
                .prop_map(Reply::Map),
        ]
    })
}

proptest! {
    #[test]
    fn every_reply_is_valid_json_on_one_line(reply in any_reply()) {
        let json = reply.to_json();
        prop_assert!(!json.contains(&b'\n') && !json.contains(&b'\r'));
        prop_assert!(serde_json::from_slice::<serde_json::Value>(&json).is_ok());
    }
}

#[test]
fn only_null_members_of_maps_are_left_out() {
    let mut reply = Reply::map()
        .with("zero", 0_i64)
        .with("off", false)
        .with("empty", "")
        .with("none", None::<i64>)
        .with("values", vec![Reply::Null, Reply::Int(1)])
        .with("named", Reply::NamedNull)
        .with("rows", vec![Reply::map().with("a", None::<i64>).with("b", Reply::NamedNull).build()])
        .with("map", Reply::map().with("inside", None::<&str>))
        .build();
    let before = reply.to_json();
    reply.leave_out_nulls();
    assert_eq!(
        json(reply.clone()),
        r#"{"zero":0,"off":0,"empty":"","values":[null,1],"named":null,"rows":[{"b":null}],"map":{}}"#
    );
    let again = reply.clone();
    reply.leave_out_nulls();
    assert_eq!(reply, again);
    assert!(String::from_utf8_lossy(&before).contains(r#""none":null"#));
}
