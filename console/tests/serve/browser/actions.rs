//! The three actions, by mouse and by keyboard.

use super::super::depth;
use super::*;
use crate::support::browser::{ENTER, TAB};

fn parked(server: &Server) -> u64 {
    redis::cmd("LLEN").arg(parked_list(server, "celery")).query(&mut server.conn()).expect("LLEN")
}

#[test]
fn dry_run_reports_removals_and_links_back() {
    let Some((server, _page, browser)) = at_preview() else { return };
    browser.click("#how-clear");
    browser.click("#dry-run");
    browser.reads("#outcome", "Would clear 61 of 61 matching messages");
    browser.click("a[href^='/preview?']");
    browser.reads("#count-line", "61 of 1,051 messages match");
    assert_eq!(depth(&server), 1_051);
}

#[test]
fn a_clear_wants_the_name_typed() {
    let Some((server, _page, browser)) = at_preview() else { return };
    browser.click("#how-clear");
    assert_eq!(
        (browser.text("#clear-all"), browser.text("#keep-one")),
        ("Delete all".into(), "Delete all but one".into())
    );
    browser.click("#clear-all");
    assert!(browser.place().starts_with("preview?"), "the browser itself asks for the name");
    browser.fill("[name=confirm]", "Celery");
    browser.click("#clear-all");
    browser.reads("main", "is not the name of queue");
    assert_eq!(depth(&server), 1_051);
    browser.click("main a");
    browser.reads("#count-line", "61 of 1,051 messages match");
    browser.click("#how-clear");
    browser.fill("[name=confirm]", "celery");
    browser.fill("[name=reason]", "sent twice");
    browser.click("#keep-one");
    browser.reads("#outcome", "Cleared 60 of 61 matching messages");
    browser.reads("main", "sent twice");
    assert!(!browser.sees("#undo"), "what is cleared for good does not come back");
    assert_eq!((depth(&server), parked_list(&server, "celery")), (991, String::new()));
    browser.click("nav a:last-child");
    browser.reads("tbody tr", "clear, keep one");
}

#[test]
fn moved_messages_can_be_moved_back() {
    let Some((server, _page, browser)) = at_preview() else { return };
    // Moving is the default.
    assert_eq!(browser.text("#clear-all"), "Move all");
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
    while order.last().is_none_or(|name| name != "keep-one") {
        assert!(order.len() < 40, "{order:?}");
        browser.press(TAB);
        let focus = browser.js(FOCUS);
        assert_eq!(focus[1], true, "the focus is seen: {focus}");
        order.push(focus[0].as_str().expect("a name").to_owned());
    }
    let wanted = [
        "Skip to the content",
        "Queues",
        "Jobs",
        "What is in this queue?",
        "queue",
        "task",
        "repoid",
        "commitid",
        "where",
        "as",
        "priority",
        "Preview",
        "count_skipped",
        "Count again",
        "how-move",
        "to_shown",
        "confirm",
        "reason",
        "actor",
        "dry-run",
        "clear-all",
        "keep-one",
    ];
    assert_eq!(order, wanted);
    // Enter in a field starts the dry run, which changes nothing.
    browser.js("document.querySelector('[name=reason]').focus()");
    browser.press(ENTER);
    browser.reads("#outcome", "Would clear 61 of 61 matching messages");
    assert_eq!(depth(&server), 1_051);
    // The first Tab and Enter skip the navigation.
    browser.press(TAB);
    assert_eq!(browser.js(FOCUS)[0], "Skip to the content");
    browser.press(ENTER);
    // The table can be scrolled by keyboard.
    browser.press(&TAB.repeat(2));
    assert_eq!(browser.js(FOCUS)[0], "Back to the preview");
    browser.press(ENTER);
    browser.reads("#count-line", "61 of 1,051 messages match");
    browser.js("document.querySelector('[name=confirm]').focus()");
    browser.press("celery");
    browser.press(&TAB.repeat(4));
    assert_eq!(browser.js(FOCUS)[0], "clear-all");
    browser.press(ENTER);
    browser.reads("#outcome", "Moved 61 of 61 matching messages to celery:parked:");
    assert_eq!(parked(&server), 61);
}
