//! The three actions, by mouse and by keyboard.

use super::super::depth;
use super::*;
use crate::support::browser::{ENTER, TAB};

fn parked(server: &Server) -> u64 {
    redis::cmd("LLEN").arg(parked_list(server, "celery")).query(&mut server.conn()).expect("LLEN")
}

#[test]
fn a_dry_run_is_shown_beside_its_button_and_has_a_job() {
    let Some((server, _page, browser)) = at_preview() else { return };
    browser.click("#dry-run");
    browser.reads("#rehearsed", "Dry run: would move 61 of 61 matching messages.");
    browser.click("#how-clear");
    browser.click("#keep-newest");
    browser.click("#dry-run");
    browser.reads("#rehearsed", "Dry run: would delete 60 of 61 matching messages.");
    assert!(browser.place().starts_with("preview?"), "the page is the same");
    browser.click("#rehearsed a");
    browser.reads("#outcome", "Would clear 60 of 61 matching messages");
    browser.click("a[href^='/preview?']");
    browser.reads("#count-line", "61 of 1,051 messages match");
    assert_eq!(depth(&server), 1_051);
}

#[test]
fn a_clear_wants_the_name_typed_and_an_error_keeps_the_form() {
    let Some((server, _page, browser)) = at_preview() else { return };
    assert_eq!(browser.text("#clear-all"), "Move");
    browser.click("#how-clear");
    assert_eq!(browser.text("#clear-all"), "Delete");
    browser.reads("#summary", "gone for good");
    browser.click("#clear-all");
    assert!(browser.place().starts_with("preview?"), "the browser itself asks for the name");
    browser.click("#keep-oldest");
    browser.fill("[name=reason]", "sent twice");
    browser.fill("[name=confirm]", "Celery");
    browser.click("#clear-all");
    browser.reads("#refusal", "is not the name of queue");
    assert_eq!(depth(&server), 1_051);
    // Nothing was lost, and the field with the mistake has the focus.
    assert!(browser.place().starts_with("preview?"));
    assert_eq!(browser.property("[name=reason]", "value"), "sent twice");
    assert_eq!(browser.property("#keep-oldest", "checked"), true);
    assert_eq!(browser.js("document.activeElement.name"), "confirm");
    browser.js("document.activeElement.select()");
    browser.press("celery");
    browser.click("#clear-all");
    browser.reads("#outcome", "Cleared 60 of 61 matching messages");
    browser.reads("main", "sent twice");
    assert!(!browser.sees("#undo"), "what is cleared for good does not come back");
    assert_eq!((depth(&server), parked_list(&server, "celery")), (991, String::new()));
    browser.click("nav a[href='/jobs']");
    browser.reads("tbody tr", "clear, keep one");
}

#[test]
fn limits_that_do_not_fit_are_errors_beside_the_button() {
    let Some((server, _page, browser)) = at_preview() else { return };
    browser.click("#clear summary");
    browser.fill("[name=expect]", "10");
    browser.click("#dry-run");
    browser
        .reads("#rehearsed", "The dry run ended as failed: EXPECT expected at most 10 matches and found 61");
    browser.fill("[name=limit]", "3");
    browser.click("#keep-newest");
    browser.click("#dry-run");
    browser.reads("#refusal", "LIMIT");
    browser.click("#keep-none");
    browser.js("document.querySelector('[name=expect]').value = ''");
    browser.click("#dry-run");
    browser.reads("#rehearsed", "Dry run: would move 3 of ");
    browser.shows("#refusal", "");
    browser.click("#keep-by");
    browser.js("document.querySelector('[name=limit]').value = ''");
    browser.fill("#clear [name=by]", "kwargs.commitid");
    browser.click("#dry-run");
    browser.reads("#rehearsed", "of 61 matching messages.");
    assert!(!browser.text("#rehearsed").contains("61 of 61"));
    // The server stops answering, and the form stays.
    let mut server = server;
    server.kill9();
    browser.click("#dry-run");
    browser.reads("#refusal", "no connection to 127.0.0.1");
    assert_eq!(browser.property("#clear [name=by]", "value"), "kwargs.commitid");
}

#[test]
fn moved_messages_can_be_moved_back() {
    let Some((server, _page, browser)) = at_preview() else { return };
    // Moving is the default.
    assert_eq!(browser.text("#clear-all"), "Move");
    assert_eq!(browser.property("[name=to_shown]", "value"), "", "a list of the job's own");
    browser.fill("[name=confirm]", "celery");
    browser.click("#clear-all");
    browser.reads("#outcome", "Moved 61 of 61 matching messages to celery:parked:");
    let list = parked_list(&server, "celery");
    assert_eq!((depth(&server), parked(&server)), (990, 61));
    browser.reads("#undo", &format!("This job moved 61 messages to {list}."));
    browser.click("#undo-count");
    browser.reads("#outcome", &format!("Would move 61 messages from {list} back to celery"));
    assert!(!browser.sees("#undo"), "a rehearsal is not undone");
    browser.devtools("Page.navigateToHistoryEntry", &serde_json::json!({"entryId": history(&browser, 1)}));
    browser.until("the job again", || browser.sees("#undo"));
    browser.click("#undo-all");
    browser.fill("#undo [name=confirm]", "celery");
    browser.click("#undo-all");
    browser.reads("main", "to move them back");
    assert_eq!(parked(&server), 61);
    browser.devtools("Page.navigateToHistoryEntry", &serde_json::json!({"entryId": history(&browser, 1)}));
    browser.until("the job again", || browser.sees("#undo"));
    browser.js("document.querySelector('#undo [name=confirm]').value = ''");
    browser.fill("#undo [name=confirm]", &list);
    browser.fill("#undo [name=reason]", "too many");
    browser.click("#undo-all");
    browser.shows("#outcome", &format!("Moved 61 messages from {list} back to celery; 0 left in the list"));
    browser.reads("main", "too many");
    assert!(!browser.sees("#undo"), "an undo is not undone");
    assert_eq!(depth(&server), 1_051);
}

/// Goes back by this number of pages.
fn history(browser: &Browser, steps: u64) -> u64 {
    let history = browser.devtools("Page.getNavigationHistory", &serde_json::json!({}));
    let now = history["currentIndex"].as_u64().expect("an index");
    let at = usize::try_from(now - steps).expect("small");
    history["entries"][at]["id"].as_u64().expect("an id")
}

#[test]
fn two_operators_at_once_take_every_match_once() {
    let Some((server, page, jane)) = at_preview() else { return };
    let Some(joe) = Browser::take() else { return };
    joe.go(&page, &preview_of_target());
    joe.reads("#count-line", "61 of 1,051 messages match");
    for (browser, reason) in [(&jane, "floods"), (&joe, "broken")] {
        browser.click("#how-clear");
        browser.fill("[name=confirm]", "celery");
        browser.fill("[name=reason]", reason);
    }
    jane.click("#clear-all");
    joe.click("#clear-all");
    let cleared = |browser: &Browser| {
        browser.reads("#outcome", "Cleared ");
        browser.text("#outcome").split(' ').nth(1).and_then(|n| n.parse::<u64>().ok()).expect("a number")
    };
    assert_eq!((cleared(&jane) + cleared(&joe), depth(&server)), (61, 990));
    for browser in [&jane, &joe] {
        browser.go(&page, "/jobs");
        let jobs = browser.text("tbody");
        assert!(jobs.contains("floods") && jobs.contains("broken"), "{jobs}");
    }
}

/// The focused element, and whether the focus is visible.
const FOCUS: &str = "(() => {
    const at = document.activeElement;
    const style = getComputedStyle(at);
    const name = at.id || at.name || at.textContent.trim().slice(0, 30);
    return [name, style.outlineStyle !== 'none' && style.outlineWidth !== '0px'];
})()";

#[test]
fn the_keyboard_is_enough() {
    let Some((server, _page, browser)) = at_preview() else { return };
    let mut order = Vec::new();
    while order.last().is_none_or(|name| name != "clear-all") {
        assert!(order.len() < 60, "{order:?}");
        browser.press(TAB);
        let focus = browser.js(FOCUS);
        assert_eq!(focus[1], true, "the focus is seen: {focus}");
        let name = focus[0].as_str().expect("a name").to_owned();
        // Each row has a link to its message; the one before them leads past them.
        if browser.js("document.activeElement.closest('#sample td') !== null") == false {
            order.push(name);
        }
    }
    let row = ["field", "op", "value", "Remove"];
    let wanted = [
        &[
            "Skip to the content",
            "Queues",
            "Jobs",
            "Audit",
            "What is in this queue?",
            "Filter: task = app.tasks.uploa",
            "queue",
            "as",
            "priority",
        ][..],
        &row,
        &["join"],
        &row,
        &["join"],
        &row,
        &["Count and show", "count_skipped", "add-row", "Count again", "Skip to the actions", "sample"],
        &["how-move", "to_shown", "front", "keep-none", "by", "Limits", "reason", "actor"],
        &["dry-run", "confirm", "clear-all"],
    ];
    assert_eq!(order, wanted.concat());
    browser.js("document.querySelector('.messages .skip').focus()");
    browser.press(ENTER);
    browser.press(TAB);
    assert_eq!(browser.js(FOCUS)[0], "how-move");
    // Enter in a field starts the dry run, which changes nothing.
    browser.js("document.querySelector('[name=reason]').focus()");
    browser.press(ENTER);
    browser.reads("#rehearsed", "Dry run: would move 61 of 61 matching messages.");
    assert_eq!(depth(&server), 1_051);
    browser.js("document.querySelector('[name=confirm]').focus()");
    browser.press("celery");
    browser.press(TAB);
    assert_eq!(browser.js(FOCUS)[0], "clear-all");
    browser.press(ENTER);
    browser.reads("#outcome", "Moved 61 of 61 matching messages to celery:parked:");
    assert_eq!(parked(&server), 61);
    // The first Tab and Enter skip the navigation.
    browser.press(TAB);
    assert_eq!(browser.js(FOCUS)[0], "Skip to the content");
    browser.press(ENTER);
    browser.press(TAB);
    assert_eq!(browser.js(FOCUS)[0], "confirm", "the list's name for the undo");
}
