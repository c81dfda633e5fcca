//! The page of a job while it runs.

use super::super::depth;
use super::*;
use crate::support::{LONG, filled, slow, tell};

fn number(browser: &Browser, field: &str) -> u64 {
    browser.text(&format!("[data-field={field}]")).replace(',', "").parse().unwrap_or(0)
}

#[test]
fn job_is_followed_paused_throttled_and_cancelled() {
    let Some(browser) = Browser::take() else { return };
    let server = slow();
    filled(&server, LONG);
    let page = Page::start(&server.url(0), &[]);
    browser.go(&page, "/preview?queue=celery&where=bytes+%3E+0&count_skipped=1");
    browser.click("#how-clear");
    browser.fill("[name=confirm]", "celery");
    browser.click("#clear-all");
    // The page is updated without user action.
    browser.reads("[data-field=status]", "running");
    let early = number(&browser, "deleted");
    browser.until("more is cleared", || number(&browser, "deleted") > early);
    browser.until("the bar moves", || browser.property("#progress", "value").as_f64() > Some(0.0));
    assert!(number(&browser, "per_second") > 0 && number(&browser, "slice_max_us") > 0);
    assert!(!browser.text("[data-field=eta_ms]").is_empty());
    assert!(!browser.sees("form[action^='/resume']"));

    browser.click("form[action^='/pause'] button");
    browser.reads("[data-field=status]", "paused");
    browser.reads("[data-field=waiting]", "paused");
    assert!(browser.sees("form[action^='/resume']") && !browser.sees("form[action^='/pause']"));
    let held = depth(&server);
    assert!(held < LONG);

    browser.fill("#throttle [name=rate]", "\u{8}7000");
    browser.click("#throttle button");
    browser.reads("[data-field=notice]", "at most 7000 messages per second");
    assert_eq!(depth(&server), held, "a paused job clears nothing");
    browser.click("form[action^='/resume'] button");
    browser.reads("[data-field=status]", "running");
    // Another user pauses the job, and the page shows it.
    let id =
        browser.place().split("job=").nth(1).expect("an id").split('&').next().expect("an id").to_owned();
    tell(&mut server.conn(), &format!("QADMIN.PAUSE {id}"));
    browser.until("the other button", || browser.sees("form[action^='/resume']"));
    browser.click("form[action^='/cancel'] button");
    browser.reads("#outcome", "cancelled");
    assert!(!browser.sees("#controls"));
    browser.click("nav a[href='/jobs']");
    browser.reads("tbody tr", "cancelled");
}

#[test]
fn the_end_of_a_job_comes_by_itself() {
    let Some(browser) = Browser::take() else { return };
    let server = slow();
    let matches = filled(&server, LONG);
    let page = Page::start(&server.url(0), &[]);
    let target = crate::support::target();
    browser
        .go(&page, &format!("/preview?queue=celery&task={}&repoid={}&count_skipped=1", target[1], target[3]));
    browser.fill("[name=confirm]", "celery");
    browser.click("#clear-all");
    browser.reads("[data-field=status]", "running");
    tell(&mut server.conn(), "CONFIG SET qadmin.duty 100 qadmin.slice-us 20000");
    let n = qadmin_harness::grouped(matches);
    browser.reads("#outcome", &format!("Moved {n} of {n} matching messages to celery:parked:"));
    assert_eq!(browser.property("#progress", "value"), 100);
    browser.reads("#undo", &format!("This job moved {n} messages to celery:parked:"));
}
