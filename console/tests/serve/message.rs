//! One message whole, for users who may be shown it.

use qadmin_harness::{Server, eventually};

use super::{TARGET, examples};
use crate::support::page::Page;
use crate::support::tell;

const ID: &str = "dde6b29f-933d-427b-8075-4b73baa546ff";

#[test]
fn a_message_is_shown_whole_and_leads_to_actions() {
    let (_server, page) = examples();
    let preview = page.get(&format!("/preview?{TARGET}&now=1")).with(200).body;
    let link = format!("<a href=\"/message?queue=celery&amp;id={ID}\">");
    assert!(preview.contains(&link), "{preview}");
    let json = page.get(&format!("/api/preview?{TARGET}")).with(200).json();
    assert_eq!(json["message_url"], "/message?queue=celery");
    let body = page.get(&format!("/message?queue=celery&id={ID}")).with(200).body;
    for part in [
        "<dt>Runs as number</dt><dd>12</dd>",
        "<dt>task</dt><dd>app.tasks.upload.Upload</dd>",
        "Keyword arguments",
        "  &quot;repoid&quot;: 147107",
        "Headers",
        "Raw text",
        &format!("where=id%20%3D%20{ID}"),
    ] {
        assert!(body.contains(part), "{part}: {body}");
    }
    let whole = page.get(&format!("/api/message?queue=celery&id={ID}")).with(200).json();
    assert_eq!(
        (&whole["index"], &whole["fields"]["task"]),
        (&(-12).into(), &"app.tasks.upload.Upload".into())
    );
    // Who was shown it is in the audit stream.
    eventually("it is in the audit", || {
        page.get("/audit?event=show").with(200).body.contains(&format!("message {ID}"))
    });
    assert!(page.get("/audit.csv?event=show").with(200).body.contains(ID));
    // A message that a worker has taken.
    let gone = page.get("/message?queue=celery&id=no-such-id").with(404).body;
    assert!(gone.contains("NOMESSAGE") && gone.contains("A worker has probably taken it"), "{gone}");
    page.get("/message?queue=celery").with(400);
    page.get("/message?id=x").with(400);
    page.get("/api/message?queue=celery&id=no-such-id").with(404);
}

#[test]
fn a_user_without_the_permission_has_no_links_and_reads_which_one_is_missing() {
    let (server, _) = examples();
    let mut conn = server.conn();
    tell(
        &mut conn,
        "ACL SETUSER viewer on >secret %R~celery -@all +qadmin.preview +qadmin.status +qadmin.jobs",
    );
    let page = Page::start(&format!("redis://viewer:secret@127.0.0.1:{}", server.port()), &[]);
    let place = format!("/message?queue=celery&id={ID}");
    let links = || page.get(&format!("/preview?{TARGET}&now=1")).with(200).body.contains("href=\"/message?");
    assert!(!links());
    assert!(page.get(&format!("/api/preview?{TARGET}")).json()["message_url"].is_null());
    let refused = page.get(&place).with(403).body;
    assert!(refused.contains("+qadmin.show") && !refused.contains("147107"), "{refused}");
    page.get(&format!("/api{place}")).with(403);
    tell(&mut conn, "ACL SETUSER viewer +qadmin.show");
    assert!(links());
    page.get(&place).with(200);
    // A key of another user stays closed.
    tell(&mut conn, "LPUSH other {}");
    page.get("/message?queue=other&id=x").with(403);
}

#[test]
fn nothing_of_a_shown_message_becomes_markup_and_bytes_are_visible() {
    let server = Server::start();
    let evil = "<script>alert(1)</script><img src=x>\u{202e}\u{1b}[2J";
    let body = serde_json::json!([[evil], {evil: evil}, {}]).to_string();
    let message = serde_json::json!({
        "body": body, "content-encoding": "utf-8", "content-type": "application/json",
        "headers": {"task": evil, "id": evil, "lang": "py", "retries": 0, "x": evil}, "properties": {"delivery_tag": "x"}
    });
    let mut conn = server.conn();
    let _: i64 = redis::cmd("LPUSH").arg("q").arg(message.to_string()).query(&mut conn).expect("LPUSH");
    let page = Page::start(&server.url(0), &[]);
    let id: String = evil.bytes().map(|b| format!("%{b:02x}")).collect();
    let shown = page.get(&format!("/message?queue=q&id={id}")).with(200).body;
    assert!(
        !shown.contains("<script>alert") && !shown.contains("<img") && !shown.contains('\u{202e}'),
        "{shown}"
    );
    assert!(shown.matches("&lt;script&gt;alert(1)").count() >= 6, "{shown}");
    assert!(!shown.contains('\u{1b}'), "{shown}");
    // An element that is not UTF-8.
    let mut bytes = br#"{"headers":{"task":"t","id":"raw"},"body":""#.to_vec();
    bytes.extend_from_slice(b"\xff\xfe\"}");
    let _: i64 = redis::cmd("LPUSH").arg("q").arg(bytes).query(&mut conn).expect("LPUSH");
    let answer = page.get("/message?queue=q&id=raw");
    if answer.status == 200 {
        assert!(answer.body.contains("\\xff\\xfe"), "{answer:?}");
    } else {
        assert!(answer.body.contains("NOMESSAGE"), "an element that cannot be decoded has no id: {answer:?}");
    }
}
