//! The index of a list on the page and in the JSON.

use qadmin_harness::{Server, fill_examples};
use serde_json::{Value, json};

use super::examples;
use crate::support::page::Page;
use crate::support::tell;

#[test]
fn an_index_is_created_shown_and_dropped_on_its_page() {
    let (server, page) = examples();
    let place = "/index?queue=celery";
    let none = page.get(place).with(200).body;
    assert!(none.contains("This list has no index") && none.contains("Create the index"), "{none}");
    assert!(!none.contains("Drop the index"), "{none}");
    assert_eq!(page.get("/api/index?queue=celery").with(200).json(), json!({"index": null}));
    let csrf = page.csrf();
    let form = format!("csrf={csrf}&fields=task%2C+kwargs.repoid&as=celery");
    let created = page.post("/index/create?queue=celery", &form).with(303);
    assert_eq!(created.header("location"), Some(place));
    let shown = page.get(place).with(200).body;
    for part in [
        "next waits",
        "&gt;= ",
        "1,051 messages",
        "kwargs.repoid",
        "Drop the index",
        "0 known, 1,051 only by a bound",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains("Create the index"), "{shown}");
    let index = page.get("/api/index?queue=celery").with(200).json();
    assert_eq!(index["index"]["fields"], json!(["task", "kwargs.repoid"]));
    assert_eq!(page.get("/api/indexes").with(200).json()["indexes"].as_array().map(Vec::len), Some(1));
    // The lists of queues and the counts show the same.
    let queues = page.get("/").with(200).body;
    assert!(
        queues.contains("Oldest waits") && queues.contains("Mean wait") && queues.contains("&gt;= "),
        "{queues}"
    );
    let preview = page.get("/preview?queue=celery&task=app.tasks.upload.Upload&now=1").with(200).body;
    assert!(preview.contains("<dt>oldest waits</dt>"), "{preview}");
    let stats = page.get("/stats?queue=celery&by=task").with(200).body;
    assert!(stats.contains("<dt>oldest waits</dt>"), "{stats}");
    assert!(stats.contains("Oldest waits</th>"), "{stats}");
    // A second one is refused, and so are fields that cannot be kept.
    let again = page.post("/index/create?queue=celery", &form);
    assert!(again.status == 400 && again.body.contains("has an index already"), "{again:?}");
    let wrong = page.post("/api/index/create?queue=other", &format!("csrf={csrf}&fields=age")).with(400);
    assert!(wrong.json()["error"].is_string(), "{wrong:?}");
    page.post("/api/index/create?queue=other", &format!("csrf={csrf}&as=arq")).with(400);
    page.post("/api/index/create", &format!("csrf={csrf}")).with(400);
    assert_eq!(
        page.post("/index/drop?queue=celery", &format!("csrf={csrf}")).with(303).header("location"),
        Some(place)
    );
    assert_eq!(page.get("/api/indexes").with(200).json(), json!({"indexes": []}));
    let gone = page.post("/api/index/drop?queue=celery", &format!("csrf={csrf}")).with(400);
    assert!(gone.json()["error"].as_str().is_some_and(|why| why.contains("has no index")), "{gone:?}");
    page.get("/index").with(303);
    assert_eq!(super::depth(&server), 1_051, "the messages stay");
}

#[test]
fn no_other_page_changes_an_index() {
    let (_server, page) = examples();
    let own = format!("http://{}", page.place);
    let csrf = page.csrf();
    for path in ["/index/create?queue=celery", "/api/index/create?queue=celery", "/index/drop?queue=celery"] {
        page.post(path, "fields=task").with(403);
        page.post(path, "csrf=wrong").with(403);
        page.post_with(path, &format!("csrf={csrf}"), &[("Origin", "http://evil.example")]).with(403);
        page.post_with(path, &format!("csrf={csrf}"), &[("Origin", &own), ("Sec-Fetch-Site", "cross-site")])
            .with(403);
        page.get(&format!("{path}&csrf={csrf}")).with(405);
    }
    assert_eq!(page.get("/api/indexes").with(200).json(), json!({"indexes": []}));
}

#[test]
fn a_user_who_may_only_look_has_no_buttons() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let mut conn = server.conn();
    tell(
        &mut conn,
        "ACL SETUSER viewer on >secret %R~* +qadmin.preview +qadmin.queues +qadmin.index|info +qadmin.index|list",
    );
    let url = server.url(0).replace("redis://", "redis://viewer:secret@");
    let viewer = Page::start(&url, &[]);
    let csrf = viewer.csrf();
    let none = viewer.get("/index?queue=celery").with(200).body;
    assert!(
        none.contains("may look at indexes, but not create them") && !none.contains("<form class=\"card\""),
        "{none}"
    );
    viewer.post("/index/create?queue=celery", &format!("csrf={csrf}")).with(403);
    tell(&mut conn, "QADMIN.INDEX CREATE celery");
    let shown = viewer.get("/index?queue=celery").with(200).body;
    assert!(
        shown.contains("next waits") && shown.contains("may look at indexes, but not drop them"),
        "{shown}"
    );
    assert!(!shown.contains("Drop the index"), "{shown}");
    viewer.post("/api/index/drop?queue=celery", &format!("csrf={csrf}")).with(403);
    // Without the right to look there is an error and no claim that there is no index.
    tell(&mut conn, "ACL SETUSER viewer -qadmin.index");
    let refused = viewer.get("/index?queue=celery").with(403).body;
    assert!(!refused.contains("has no index"), "{refused}");
    assert_eq!(viewer.get("/api/index?queue=celery").with(403).json()["index"], Value::Null);
    viewer.get("/queue?queue=celery").with(200);
    tell(&mut conn, "QADMIN.INDEX INFO celery");
}

#[test]
fn names_of_lists_and_fields_become_no_markup() {
    let server = Server::start();
    let page = Page::start(&server.url(0), &[]);
    let csrf = page.csrf();
    let evil = "%3Cimg+src%3Dx%3E%22%FF%0a%1b";
    page.post(&format!("/index/create?queue={evil}"), &format!("csrf={csrf}&fields=kwargs.%22%3Cimg%3E%22"))
        .with(303);
    for path in [format!("/index?queue={evil}"), format!("/queue?queue={evil}")] {
        let shown = page.get(&path).with(200).body;
        assert!(!shown.contains("<img") && shown.contains("&lt;img src=x&gt;"), "{shown}");
    }
    let shown = page.get(&format!("/index?queue={evil}")).body;
    assert!(shown.contains(r"\xff\x0a\x1b"), "{shown}");
    assert!(shown.contains("kwargs.&quot;&lt;img&gt;&quot;"), "{shown}");
    page.post(&format!("/index/drop?queue={evil}"), &format!("csrf={csrf}")).with(303);
    assert_eq!(page.get("/api/indexes").json(), json!({"indexes": []}));
}
