//! Count and sample on the preview page.

use qadmin_harness::eventually;

use super::*;
use crate::support::{LONG, filled, live_job, slow, tell};

/// Positions of the visible elements after the count: `[[top, left], ...]`.
const PLACES: &str = "['#count', '#sample-heading', '#sample', '#actions', '#dry-run', '[name=confirm]', '#clear-all'].map(css => {
    const box = document.querySelector(css).getBoundingClientRect();
    return [Math.round(box.top + scrollY), Math.round(box.left)];
})";

#[test]
fn count_and_sample_arrive_without_layout_shift() {
    let Some(browser) = Browser::take() else { return };
    let (server, page) = super::super::examples();
    for (width, height) in [(1_100, 1_150), (360, 740)] {
        browser.size(width, height);
        // Redis replies late.
        server.freeze();
        browser.go(&page, &preview_of_target());
        browser.reads("#count-line", "Counting ...");
        browser.reads("#sample-heading", "Matching messages:");
        assert!(!browser.can_use("#dry-run") && !browser.can_use("#clear-all"));
        assert!(browser.sees("#skip-count a") && browser.sees("#count-progress"));
        let before = browser.js(PLACES);
        server.thaw();
        browser.reads("#count-line", "61 of 1,051 messages match (5.8 %)");
        assert_eq!(browser.js(PLACES), before, "{width}");
        browser.reads("#sample-heading", "Showing first 20 of 61 matching messages");
        assert_eq!(browser.js("document.querySelectorAll('#sample tbody tr').length"), 20);
        browser.reads("#sample", "dde6b29f-933d-427b-8075-4b73baa546ff");
        browser.reads("#count-notes", "1 message cannot be read");
        assert!(!browser.sees("#count-progress") && !browser.sees("#skip-count"));
        for button in ["#dry-run", "#clear-all"] {
            assert!(browser.can_use(button), "{button}");
        }
    }
}

#[test]
fn fields_that_a_count_adds_have_reserved_space() {
    let Some(browser) = Browser::take() else { return };
    let (server, page) = super::super::examples();
    server.freeze();
    let closed = "where=content_type+%3D+application%2Fx-yaml&where=kwargs.repoid+EXISTS";
    browser.go(&page, &format!("/preview?queue=celery&{closed}"));
    browser.reads("#count-line", "Counting ...");
    assert!(!browser.sees("#inexact"));
    let before = browser.js(PLACES);
    server.thaw();
    browser.reads("#count-notes", "1 message matches only by argsrepr or kwargsrepr: not counted above.");
    browser.reads("#inexact", "Include 1 more, matched by argsrepr or kwargsrepr only");
    assert_eq!(browser.js(PLACES), before);
}

#[test]
fn a_viewer_gets_no_buttons_and_no_layout_shift() {
    let Some(browser) = Browser::take() else { return };
    let (server, _page) = super::super::examples();
    tell(&mut server.conn(), "ACL SETUSER viewer on >secret %R~celery -@all +qadmin.preview +qadmin.status");
    let page = Page::start(&format!("redis://viewer:secret@127.0.0.1:{}", server.port()), &[]);
    server.freeze();
    browser.go(&page, &preview_of_target());
    let places = "['#count', '#sample-heading', '#sample', '#actions'].map(css => document.querySelector(css).getBoundingClientRect().top + scrollY).map(Math.round)";
    let before = browser.js(places);
    server.thaw();
    browser.reads("#count-line", "61 of 1,051 messages match");
    browser.reads("#actions", "may preview, but not clear");
    browser.reads("#rehearsal", "A clear of all matches would remove 61 messages");
    browser.reads("#refusal", "needs the permission +qadmin.clearjob");
    assert!(!browser.sees("#actions button") && !browser.sees("[name=confirm]"));
    assert_eq!(browser.js(places), before);
}

#[test]
fn a_deep_queue_shows_the_sample_then_the_progress_then_the_count() {
    let Some(browser) = Browser::take() else { return };
    let server = slow();
    filled(&server, LONG);
    let page = Page::start(&server.url(0), &[]);
    browser.go(&page, "/preview?queue=celery&where=bytes+%3E+0");
    browser.reads("#count-line", "Counting 30,000 messages ...");
    browser.reads("#count-more", "messages per second");
    browser.reads("#sample-heading", "Matching messages:");
    // The first slices may have found fewer rows: the sample grows while the count runs.
    let rows = || browser.js("document.querySelectorAll('#sample tbody tr').length");
    browser.until("the sample is whole", || rows() == 20);
    assert!(browser.sees("#count-progress") && !browser.can_use("#clear-all"));
    let before = browser.property("#count-progress", "value").as_f64().expect("a number");
    browser.until("the bar grows", || browser.property("#count-progress", "value").as_f64() > Some(before));
    // A user who skips the count does not wait.
    browser.click("#skip-count a");
    browser.until("the page without a count", || browser.place().ends_with("count_skipped=1"));
    browser.reads("#sample-heading", "Matching messages:");
    assert!(!browser.sees("progress") && browser.can_use("#clear-all"));
    tell(&mut server.conn(), "CONFIG SET qadmin.duty 100 qadmin.slice-us 20000");
    browser.go(&page, "/preview?queue=celery&where=bytes+%3E+0");
    browser.reads("#count-line", "30,000 of 30,000 messages match (100 %)");
    browser.reads("#sample-heading", "Showing first 20 of 30,000 matching messages");
    assert!(browser.can_use("#clear-all") && !browser.sees("#count-progress"));
}

#[test]
fn cached_count_has_time_and_bust_renews_it() {
    let Some((server, page, browser)) = at_preview() else { return };
    assert_eq!(browser.text("#count-more"), "Count again");
    browser.go(&page, &preview_of_target());
    browser.reads("#count-more", "Counted ");
    let conn = &mut server.conn();
    let match_of: String = redis::cmd("LINDEX").arg("celery").arg(-12).query(conn).expect("a message");
    push(&server, "celery", &match_of);
    browser.go(&page, &preview_of_target());
    browser.reads("#count-line", "61 of 1,052 messages match");
    browser.click("#count-more a");
    browser.reads("#count-line", "62 of 1,052 messages match");
    assert!(!browser.text("#count-more").contains("Counted "));
}

#[test]
fn a_failed_count_shows_why_is_never_zero_and_permits_the_clear() {
    let Some(browser) = Browser::take() else { return };
    let server = slow();
    let matches = filled(&server, LONG);
    assert!(matches > 0);
    let page = Page::start(&server.url(0), &[]);
    let failed = |why: &str| {
        browser.reads("#count-line", &format!("The count failed: {why}"));
        assert!(!browser.text("#count").contains("0 of") && !browser.text("#count").contains("No message"));
        assert!(
            browser.can_use("#clear-all") && browser.can_use("#dry-run") && !browser.sees("#count-progress")
        );
    };
    browser.go(&page, "/preview?queue=celery&where=bytes+%3E+1");
    browser.reads("#count-line", "Counting 30,000 messages ...");
    let conn = &mut server.conn();
    let job = live_job(conn);
    tell(conn, &format!("QADMIN.CANCEL {job}"));
    failed("ERR the job was cancelled");
    // There is no room for another count.
    tell(conn, "CONFIG SET qadmin.max-jobs 2");
    tell(conn, "QADMIN.PREVIEW celery WHERE bytes > 2");
    browser.go(&page, "/preview?queue=celery&where=bytes+%3E+0");
    failed("TOOMANYJOBS");
    browser.click("#dry-run");
    browser.reads("#rehearsed", "% examined");
    tell(conn, "CONFIG SET qadmin.duty 100 qadmin.slice-us 20000");
    browser.reads("#rehearsed", "Dry run: would move 30,000 of 30,000 matching messages.");
    browser.click("#rehearsed a");
    browser.reads("#outcome", "Would clear 30,000 messages (the count failed: TOOMANYJOBS");
}

#[test]
fn the_heading_says_how_many_of_the_matches_are_shown() {
    let Some((_server, page, browser)) = at_preview() else { return };
    browser.go(&page, "/preview?queue=celery&where=id+%3D+dde6b29f-933d-427b-8075-4b73baa546ff");
    browser.reads("#count-line", "1 of 1,051 messages match");
    browser.reads("#sample-heading", "The first 1 matching message");
    // Columns without a value are left out.
    assert!(browser.text("#sample thead").contains("task") && !browser.text("#sample thead").contains("eta"));
    browser.go(&page, "/preview?queue=celery&repoid=1");
    browser.reads("#count-line", "0 of 1,051 messages match");
    browser.reads("#sample-heading", "No message matches.");
}

#[test]
fn messages_of_another_kind_are_recognised_and_read_as_such() {
    let Some(browser) = Browser::take() else { return };
    let server = Server::start();
    push(
        &server,
        "queue:default",
        r#"{"class":"HardJob","args":[7],"jid":"abc","retry":true,"queue":"default"}"#,
    );
    let page = Page::start(&server.url(0), &[]);
    browser.go(&page, "/preview?queue=queue%3Adefault&task=HardJob");
    browser.reads("#count-line", "0 of 1 messages match");
    browser.reads("#count-notes", "look like those of sidekiq");
    browser.click("#count-notes a");
    browser.reads("#count-line", "1 of 1 messages match");
    assert_eq!(browser.property("[name=as]", "value"), "sidekiq");
    browser.click("#dry-run");
    browser.reads("#rehearsed", "Dry run: would move 1 of 1 matching message.");
    // In a list of Resque's the head runs next.
    push(&server, "resque:queue:mail", r#"{"class":"Archive","args":[1]}"#);
    browser.go(&page, "/preview?queue=resque%3Aqueue%3Amail&task=Archive&as=resque");
    browser.reads("#count-line", "1 of 1 messages match");
    browser.reads("#sample tbody td", "1");
    browser.fill("[name=confirm]", "resque:queue:mail");
    browser.click("#clear-all");
    browser.reads("#outcome", "Moved 1 of 1 matching message to resque:queue:mail:parked:");
    assert!(
        browser.sees("#undo") && !browser.sees("#undo [name=front]"),
        "the server moves to that end alone"
    );
}

#[test]
fn lists_of_other_priorities_are_shown_and_cleared_as_one_queue() {
    let Some(browser) = Browser::take() else { return };
    let server = Server::start();
    let [own, other] = crate::priorities::two_lists(&server);
    let page = Page::start(&server.url(0), &[]);
    let target = crate::support::target();
    let list = encoded("celery\u{6}\u{16}3");
    browser.go(&page, &format!("/preview?queue={list}&task={}&repoid={}", target[1], target[3]));
    browser.reads("#count-line", &format!("{other} of 60 messages match"));
    browser.reads("#count-notes", "100 messages in the other priority lists of this queue");
    browser.click("#count-notes a");
    browser.reads("#count-line", &format!("{} of 160 messages match", own + other));
    assert_eq!(browser.property("[name=priority]", "value"), "all");
    assert!(!browser.sees("#how-move"), "one list would lose the steps");
    browser.fill("[name=confirm]", "celery");
    browser.click("#clear-all");
    browser.reads("#outcome", &format!("Cleared {n} of {n} matching messages", n = own + other));
}

#[test]
fn unacked_messages_are_previewed_and_deleted_for_good() {
    let Some(browser) = Browser::take() else { return };
    let server = Server::start();
    let entry = format!("[{}, \"\", \"celery\"]", message("app.tasks.notify.Notify", "held-1", "c0ffee"));
    redis::pipe()
        .hset("unacked", "tag", entry)
        .zadd("unacked_index", "tag", 1_700_000_000)
        .exec(&mut server.conn())
        .expect("the server takes it");
    let page = Page::start(&server.url(0), &[]);
    browser.go(&page, "/");
    browser.click("main p a");
    browser.reads(".stats", "app.tasks.notify.Notify");
    browser.click(".stats td a");
    browser.reads("#count-line", "1 of 1 messages match");
    browser.reads("#sample", "held-1");
    assert!(!browser.can_use("#how-move"), "the server moves none of them");
    browser.go(&page, "/preview?queue=unacked&task=no.such.task");
    browser.reads("#count-line", "0 of 1 messages match");
    assert!(!browser.can_use("#how-move"), "they are known where no message is shown, too");
    browser.go(&page, "/preview?queue=unacked&task=app.tasks.notify.Notify");
    browser.reads("#count-line", "1 of 1 messages match");
    browser.fill("[name=confirm]", "unacked");
    browser.click("#clear-all");
    browser.reads("#outcome", "Cleared 1 of 1 matching message");
    let left: u64 = redis::cmd("EXISTS").arg("unacked").query(&mut server.conn()).expect("EXISTS");
    assert_eq!(left, 0);
}

#[test]
fn counts_of_a_queue_link_to_its_messages() {
    let Some((_server, page, browser)) = at_preview() else { return };
    browser.go(&page, "/");
    browser.click("td a");
    browser.reads("#next tbody", "app.tasks.");
    browser.reads(".stats", "app.tasks.upload.Upload");
    browser.reads(".stats", "1,051 messages");
    // Group by any fields.
    browser.js("document.querySelector('.stats [name=by]').select()");
    browser.fill(".stats [name=by]", "kwargs.repoid, task");
    browser.click(".stats button");
    browser.reads(".stats h2", "by kwargs.repoid, task");
    browser.reads(".stats tbody", "147107");
    browser.reads(".stats p.quiet", "1,051 messages");
    browser.click(".stats tbody tr:first-child td:nth-child(2) a");
    browser.reads("#count-line", "of 1,051 messages match");
    assert!(browser.place().contains("where=kwargs.repoid%20%3D%20147107&where=task"), "{}", browser.place());
    assert!(!browser.text("#count-line").starts_with("0 of"));
    browser.click(".filter .primary");
    browser.reads("#count-line", "of 1,051 messages match");
    eventually("the form asks for the same", || {
        browser.place().contains("where=kwargs.repoid%20%3D%20147107")
    });
    // A value that is missing is a group, too.
    browser.go(&page, "/queue?queue=celery&by=kwargs.commitid");
    browser.reads(".stats tbody", "none");
    browser.click(".stats a[href*=MISSING]");
    browser.reads("#count-line", "of 1,051 messages match");
    assert!(!browser.text("#count-line").starts_with("0 of"));
}

#[test]
fn a_message_is_opened_from_its_row_and_acted_on() {
    let Some((server, _page, browser)) = at_preview() else { return };
    browser.click("#sample tbody a");
    browser.reads("h1", "Message dde6b29f-933d-427b-8075-4b73baa546ff");
    browser.reads("main", "147107");
    browser.click("main p a[href^='/preview?']");
    browser.reads("#count-line", "1 of 1,051 messages match");
    browser.fill("[name=confirm]", "celery");
    browser.click("#clear-all");
    browser.reads("#outcome", "Moved 1 of 1 matching message");
    assert_eq!(super::super::depth(&server), 1_050);
    // Its place on the page of the job leads to a message that is not there any more.
    browser.devtools("Page.reload", &serde_json::json!({}));
    browser.reads("#outcome", "Moved 1 of 1 matching message");
}

#[test]
fn without_a_script_there_is_all_that_is_needed() {
    let Some(browser) = Browser::take() else { return };
    let (server, page) = super::super::examples();
    browser.scripts(false);
    browser.go(&page, &preview_of_target());
    browser.reads(".card p", "61 of 1,051 messages match 5.8 %");
    assert!(browser.place().ends_with("now=1"));
    browser.go(&page, &format!("{}&count_skipped=1", preview_of_target()));
    browser.reads("#sample-heading", "Matching messages:");
    assert!(!browser.sees("progress") && browser.can_use("#clear-all"));
    browser.fill("[name=confirm]", "celery");
    browser.click("#clear-all");
    browser.reads("#outcome", "Moved 61 of 61 matching messages to celery:parked:");
    browser.fill("#undo [name=confirm]", &parked_list(&server, "celery"));
    browser.click("#undo [name=front]");
    browser.click("#undo-all");
    browser.reads("#outcome", "back to celery; 0 left in the list");
    assert_eq!(super::super::depth(&server), 1_051);
}
