//! Failures: a server that cannot be reached, a server without the module, hostile messages.

use super::*;
use crate::support::{LONG, filled, slow, tell};

#[test]
fn server_restart_during_preview_recounts() {
    let Some(browser) = Browser::take() else { return };
    let mut server = slow();
    filled(&server, LONG);
    let page = Page::start(&server.url(0), &[]);
    browser.go(&page, "/preview?queue=celery&where=bytes+%3E+0");
    browser.reads("#count-more", "messages per second");
    server.kill9();
    browser.reads("#count-more", "no connection to 127.0.0.1");
    server.start_again();
    // Previews are kept in memory, so the count is lost; the page does not show it as 0.
    browser.reads("#count-line", "The count failed: NOJOB");
    assert!(browser.can_use("#clear-all") && !browser.text("#count").contains("0 of"));
    tell(&mut server.conn(), "CONFIG SET qadmin.duty 100 qadmin.slice-us 20000");
    browser.click("#count-more a");
    browser.reads("#count-line", "30,000 of 30,000 messages match (100 %)");
}

#[test]
fn server_restart_during_job_is_reported() {
    let Some(browser) = Browser::take() else { return };
    let mut server = slow();
    filled(&server, LONG);
    let page = Page::start(&server.url(0), &[]);
    browser.go(&page, "/preview?queue=celery&where=bytes+%3E+0&count_skipped=1");
    browser.fill("[name=confirm]", "celery");
    browser.click("#clear-all");
    browser.until("some are moved", || {
        browser.text("[data-field=deleted]").replace(',', "").parse::<u64>().is_ok_and(|n| n > 0)
    });
    server.kill9();
    browser.reads("#outcome", "no connection to 127.0.0.1");
    server.start_again();
    browser.reads("#outcome", "interrupted");
    // The moved messages can be moved back.
    browser.fill("#undo [name=confirm]", &parked_list(&server, "celery"));
    tell(&mut server.conn(), "CONFIG SET qadmin.duty 100 qadmin.slice-us 20000");
    browser.click("#undo-all");
    browser.reads("#outcome", "back to celery; 0 left in the list");
    assert_eq!(super::super::depth(&server), LONG);
}

#[test]
fn without_server_or_module_the_page_shows_no_buttons() {
    let Some(browser) = Browser::take() else { return };
    let server = Server::plain();
    for (url, words) in [
        (server.url(0), "the module qadmin is not loaded"),
        ("redis://127.0.0.1:1".to_owned(), "no connection to 127.0.0.1"),
    ] {
        let page = Page::start(&url, &[]);
        browser.go(&page, &preview_of_target());
        browser.reads("#count-line", words);
        browser.reads("#sample-heading", "There is no sample.");
        assert!(!browser.can_use("#clear-all") && !browser.sees("#count-progress"));
        browser.go(&page, "/queue?queue=celery");
        browser.reads(".stats", words);
        browser.go(&page, "/");
        browser.reads("main", words);
    }
}

#[test]
fn a_server_that_was_away_is_tried_again() {
    let Some(browser) = Browser::take() else { return };
    let (mut server, page) = super::super::examples();
    tell(&mut server.conn(), "SAVE");
    server.kill9();
    browser.go(&page, &preview_of_target());
    browser.reads("#count-line", "no connection to 127.0.0.1");
    server.start_again();
    browser.click("#count-more a");
    browser.reads("#count-line", "61 of 1,051 messages match");
    assert!(browser.can_use("#clear-all"));
}

#[test]
fn the_content_of_messages_is_shown_as_text_only() {
    let Some(browser) = Browser::take() else { return };
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let evil = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>";
    let queue = format!("q{evil}");
    push(&server, &queue, &message(evil, evil, evil));
    let page = Page::start(&server.url(0), &[]);
    let (name, filter) = (encoded(&queue), "where=retries+%3D+0");
    let harmless = |what: &str| {
        let owned = browser.js(
            "document.title.includes('owned') && !document.title.includes('<img') || document.images.length > 0 \
             || document.querySelectorAll('script:not([src])').length > 0",
        );
        assert_eq!(owned, false, "{what}");
        assert!(
            browser.text("body").contains("<img src=x onerror="),
            "{what}: it is shown: {}",
            browser.text("body")
        );
    };
    browser.go(&page, "/");
    harmless("queues");
    browser.go(&page, &format!("/queue?queue={name}"));
    browser.reads(".stats table", "<img src=x onerror=");
    browser.reads("#next", "<img src=x onerror=");
    harmless("a queue");
    browser.go(&page, &format!("/preview?queue={name}&{filter}"));
    browser.reads("#count-line", "1 of 1 messages match");
    browser.reads("#sample", "<script>document.title='owned'</script>");
    assert_eq!(browser.text("#sample").matches("<img src=x").count(), 3, "name, id and kwargs");
    harmless("a preview");
    browser.click("#sample tbody a");
    browser.reads("h1", "<img src=x onerror=");
    harmless("a message");
    browser.go(&page, &format!("/preview?queue={name}&{filter}"));
    browser.reads("#count-line", "1 of 1 messages match");
    browser.fill("[name=confirm]", &queue);
    browser.fill("[name=reason]", evil);
    browser.click("#clear-all");
    browser.reads("#outcome", "Moved 1 of 1 matching message");
    harmless("a job");
    browser.fill("#undo [name=confirm]", &parked_list(&server, &queue));
    browser.click("#undo-all");
    browser.reads("#outcome", "0 left in the list");
    browser.go(&page, "/jobs");
    harmless("jobs");
    browser.go(&page, "/audit");
    harmless("audit");
    // What the script fetches to refresh a page is text, too.
    for place in ["/", "/jobs?kind=all", "/audit", "/queue?queue=", "/stats?by=kwargs.commitid&queue="] {
        let place = if place.ends_with('=') { format!("{place}{name}") } else { place.to_owned() };
        browser.go(&page, &place);
        if browser.sees("#live") {
            browser.click("#live button");
            browser.click("#live button");
            browser.reads("#live", "Refreshed at");
        }
        harmless(&place);
    }
    browser.go(&page, &format!("/preview?queue={name}&where={}", encoded(evil)));
    harmless("a condition that cannot be");
}
