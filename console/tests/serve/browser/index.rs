//! What an index knows, on the page of its queue and on its own.

use super::*;
use crate::support::tell;

#[test]
fn an_index_is_created_and_dropped_with_the_keyboard_and_its_queue_shows_ages() {
    let Some(browser) = Browser::take() else { return };
    let (server, page) = super::super::examples();
    browser.go(&page, "/queue?queue=celery");
    browser.reads("#waits", "This list has no index");
    browser.click("#waits a");
    browser.reads("#index", "This list has no index");
    browser.fill("#create [name=fields]", "task, kwargs.repoid");
    browser.press(crate::support::browser::ENTER);
    browser.reads("#index", "only by a bound");
    let named = "[...document.querySelectorAll('input:not([type=hidden]), select')].filter(at => !at.labels.length).length";
    assert_eq!(browser.js(named), 0, "each field has a label");
    browser.click("h1 a");
    browser.reads("#waits", "oldest waits");
    browser.reads("#waits", ">= ");
    browser.reads(".stats thead", "Oldest waits");
    browser.reads(".stats tbody", ">= ");
    tell(&mut server.conn(), "CONFIG SET maxmemory 1");
    browser.go(&page, "/index?queue=celery");
    browser.click("#drop button");
    browser.reads("#index", "This list has no index");
    browser.click("#create button");
    browser.reads("#index", "suspended");
    browser.reads("#index", "maxmemory");
    browser.go(&page, "/queue?queue=celery");
    browser.reads("#waits", "suspended");
    browser.reads("#waits", "maxmemory");
}

#[test]
fn a_preview_shows_ages_and_bounds_as_people_read_them() {
    let Some(browser) = Browser::take() else { return };
    let (server, page) = super::super::examples();
    tell(&mut server.conn(), "QADMIN.INDEX CREATE celery");
    tell(&mut server.conn(), r#"LPUSH celery "{}""#);
    browser.go(&page, "/preview?queue=celery&where=age+%3E%3D+0");
    browser.reads("#count-line", "1,052 of 1,052 messages match");
    browser.reads("#count-ages", "oldest waits >= ");
    browser.reads("#sample thead", "arrived");
    let columns = "[...document.querySelectorAll('#sample tbody tr:first-child td')].slice(2, 4).map(at => at.textContent)";
    let shown = browser.js(columns);
    let column = |at: usize| shown[at].as_str().unwrap_or_default().to_owned();
    assert!(column(0).starts_with(">= ") && column(0).ends_with('s'), "{shown}");
    assert!(column(1).starts_with("<= ") && column(1).contains("20"), "{shown}");
    // The same without a script.
    let now = page.get("/preview?queue=celery&where=age+%3E%3D+0&now=1").with(200).body;
    assert!(now.contains("<td>&gt;= ") && now.contains("<td>&lt;= 20"), "{now}");
}
