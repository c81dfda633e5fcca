//! In a real Chromium. Where there is none, one line says so and nothing fails.

use std::process::Command;

use qadmin_harness::{Server, fill_examples};

use super::{TARGET, examples};
use crate::support::page::Page;
use crate::support::{LONG, filled, slow, tell};

/// What a page has become after its script has run for so many seconds of the browser's own time.
fn dom(page: &Page, path: &str, seconds: u32) -> Option<String> {
    let dir = tempfile::tempdir().expect("a folder");
    let mut chromium = Command::new("chromium");
    chromium.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--dump-dom",
        "--disable-background-networking",
    ]);
    chromium.arg(format!("--virtual-time-budget={}", seconds * 1_000));
    chromium.arg(format!("--user-data-dir={}", dir.path().display()));
    chromium.arg(format!("http://{}{path}", page.place));
    let Ok(output) = chromium.output() else {
        eprintln!("no chromium: the pages are not looked at in a browser");
        return None;
    };
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn count_and_sample_arrive_and_the_buttons_are_free() {
    let (_server, page) = examples();
    let Some(dom) = dom(&page, &format!("/preview?{TARGET}"), 5) else { return };
    for part in [
        "61 of 1,051 messages match (5.8 %)",
        "Showing first 20 of 61 matching messages",
        "dde6b29f-933d-427b-8075-4b73baa546ff",
        "6 messages cannot be read",
        "<fieldset id=\"locked\">",
    ] {
        assert!(dom.contains(part), "{part}: {dom}");
    }
    assert!(!dom.contains("Counting ..."), "{dom}");
}

#[test]
fn a_deep_queue_shows_its_sample_at_once_and_its_count_in_the_end() {
    let server = slow();
    filled(&server, LONG);
    let page = Page::start(&server.url(0), &[]);
    let Some(early) = dom(&page, "/preview?queue=celery&where=bytes+%3E+0", 1) else { return };
    for part in [
        "Counting 30,000 messages ...",
        "messages per second",
        "Matching messages:",
        "<fieldset id=\"locked\" disabled=\"\">",
    ] {
        assert!(early.contains(part), "{part}: {early}");
    }
    tell(&mut server.conn(), "CONFIG SET qadmin.duty 100 qadmin.slice-us 20000");
    let late = dom(&page, "/preview?queue=celery&where=bytes+%3E+0", 30).expect("a browser");
    for part in
        ["30,000 of 30,000 messages match (100 %)", "Showing first 20 of 30,000", "<fieldset id=\"locked\">"]
    {
        assert!(late.contains(part), "{part}: {late}");
    }
}

#[test]
fn the_page_of_a_queue_shows_who_filled_it() {
    let (_server, page) = examples();
    let Some(dom) = dom(&page, "/queue?queue=celery", 8) else { return };
    for part in [
        "<a href=\"/preview?queue=celery&amp;task=app.tasks.upload.Upload\">app.tasks.upload.Upload</a>",
        "<a href=\"/preview?queue=celery&amp;repoid=147107\">147107</a>",
        ">others<",
        "1,051 messages",
    ] {
        assert!(dom.contains(part), "{part}: {dom}");
    }
}

#[test]
fn names_of_messages_stay_text_in_the_browser() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let evil = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>";
    let message = serde_json::json!({
        "body": "W1tdLCB7fSwge31d", "content-encoding": "utf-8", "content-type": "application/json",
        "headers": {"task": evil, "id": evil, "lang": "py", "retries": 0},
        "properties": {"body_encoding": "base64", "delivery_tag": "x"}
    });
    let _: i64 =
        redis::cmd("LPUSH").arg("evil").arg(message.to_string()).query(&mut server.conn()).expect("LPUSH");
    let page = Page::start(&server.url(0), &[]);
    let Some(dom) = dom(&page, "/preview?queue=evil&where=retries+%3D+0", 5) else { return };
    assert!(dom.contains("1 of 1 messages match") && dom.contains("&lt;img src=x onerror="), "{dom}");
    assert!(!dom.contains("<img") && dom.contains("<title>evil - qadmin</title>"), "{dom}");
}

#[test]
fn what_cannot_be_is_said_in_the_page() {
    let server = Server::plain();
    let page = Page::start(&server.url(0), &[]);
    let Some(dom) = dom(&page, &format!("/preview?{TARGET}"), 5) else { return };
    assert!(dom.contains("the module qadmin is not loaded"), "{dom}");
    assert!(dom.contains("<fieldset id=\"locked\" disabled=\"\">") && !dom.contains("Counting ..."), "{dom}");
}
