//! Pages that refresh themselves, and the lists that do.

use super::super::depth;
use super::*;
use crate::support::tell;

#[test]
fn the_list_of_queues_refreshes_until_it_is_paused() {
    let Some(browser) = Browser::take() else { return };
    let (server, page) = super::super::examples();
    let mut conn = server.conn();
    browser.go(&page, "/");
    browser.reads("#queues tbody", "1,051");
    browser.js("window.same = true");
    // The focus stays where it is.
    browser.js("document.querySelector('#queues th a').focus()");
    let focused = browser.js("document.activeElement.getAttribute('href')");
    tell(&mut conn, "LPUSH celery {}");
    browser.reads("#queues tbody", "1,052");
    browser.reads("#live", "Refreshed at");
    assert_eq!(browser.js("window.same"), true, "the page was not loaded again");
    assert_eq!(browser.js("document.activeElement.getAttribute('href')"), focused);
    browser.click("#live button");
    browser.reads("#live", "Paused.");
    assert_eq!(browser.text("#live button"), "Resume refresh");
    tell(&mut conn, "LPUSH celery {}");
    browser.click("#live button");
    browser.reads("#queues tbody", "1,053");
    // A hidden page asks nothing, and a page that is shown again asks at once.
    browser.js("Object.defineProperty(document, 'hidden', {value: true, configurable: true})");
    browser.js("document.dispatchEvent(new Event('visibilitychange'))");
    let asked = || {
        browser.js("performance.getEntriesByType('resource').filter(e => e.initiatorType === 'xmlhttprequest').length")
    };
    let before = asked();
    tell(&mut conn, "LPUSH celery {}");
    assert_eq!(asked(), before);
    browser.js("Object.defineProperty(document, 'hidden', {value: false, configurable: true})");
    browser.js("document.dispatchEvent(new Event('visibilitychange'))");
    browser.reads("#queues tbody", "1,054");
}

#[test]
fn a_page_that_cannot_be_refreshed_says_so_and_tries_again() {
    let Some(browser) = Browser::take() else { return };
    let (mut server, page) = super::super::examples();
    tell(&mut server.conn(), "SAVE");
    browser.go(&page, "/jobs");
    server.kill9();
    browser.reads("#live", "Not refreshed: status 502.");
    server.start_again();
    browser.reads("#live", "Refreshed at");
}

#[test]
fn queues_are_searched_and_sorted_with_the_keyboard() {
    let Some(browser) = Browser::take() else { return };
    let server = Server::start();
    let mut pipe = redis::pipe();
    for n in 0..70 {
        pipe.lpush(format!("mail-{n:02}"), "{}").lpush(format!("post-{n:02}"), "{}");
    }
    pipe.exec(&mut server.conn()).expect("LPUSH");
    let page = Page::start(&server.url(0), &[]);
    browser.go(&page, "/");
    browser.fill("[name=q]", "post");
    browser.press(crate::support::browser::ENTER);
    browser.reads("#queues", "Page 1 of 2, 70 queues");
    browser.click("#queues th a[href*='sort=queue']");
    browser.reads("#queues tbody tr:first-child", "post-00");
    browser.click("#queues th a[href*='sort=queue']");
    browser.reads("#queues tbody tr:first-child", "post-69");
    browser.click("#next");
    browser.reads("#queues tbody tr:last-child", "post-00");
    assert_eq!(browser.property("[name=q]", "value"), "post");
    assert!(browser.place().contains("page=2"));
}

#[test]
fn jobs_show_who_how_many_and_why_on_a_large_screen_and_a_phone() {
    let Some((server, page, browser)) = at_preview() else { return };
    browser.fill("[name=reason]", "floods the queue since the release of this morning");
    browser.js("document.querySelector('[name=actor]').value = 'jane.doe@example.com'");
    browser.fill("[name=confirm]", "celery");
    browser.click("#clear-all");
    browser.reads("#outcome", "Moved 61 of 61");
    assert_eq!(depth(&server), 990);
    let overflow = "[...document.querySelectorAll('.scroll')].map(at => at.scrollWidth - at.clientWidth)";
    for (width, height) in [(1_440, 900), (390, 844)] {
        browser.size(width, height);
        for place in ["/jobs", "/audit"] {
            browser.go(&page, place);
            for part in ["floods the queue since", "jane.doe@example.com (as default)", "61"] {
                browser.reads(".scroll tbody", part);
            }
            assert_eq!(browser.js(overflow), serde_json::json!([0]), "{place} at {width}");
        }
    }
    // Previews are apart.
    browser.go(&page, "/jobs");
    assert!(!browser.text("#jobs tbody").contains("preview"));
    browser.click("#kinds a[href='/jobs?kind=counts']");
    browser.reads("#jobs tbody", "preview");
    assert!(!browser.text("#jobs tbody").contains("floods"));
    browser.click("#kinds a[href='/jobs?kind=all']");
    browser.reads("#jobs tbody", "floods");
    browser.click("nav a[href='/audit']");
    browser.fill("[name=who]", "JANE");
    browser.press(crate::support::browser::ENTER);
    browser.reads("#entries tbody", "floods");
    browser.fill("[name=since]", "soon");
    browser.press(crate::support::browser::ENTER);
    browser.reads("#entries", "expected a span such as 2h");
}
