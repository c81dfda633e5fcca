//! The rows of the filter form.

use super::*;
use crate::support::browser::{ENTER, TAB};

fn rows(browser: &Browser) -> u64 {
    browser.js("document.querySelectorAll('#rows .row').length").as_u64().expect("a number")
}

#[test]
fn conditions_are_added_joined_and_removed_with_the_keyboard() {
    let Some((_server, page, browser)) = at_preview() else { return };
    browser.go(&page, "/queue?queue=celery");
    assert_eq!(rows(&browser), 1);
    browser.fill("#rows [name=field]", "task");
    browser.press(&TAB.repeat(2));
    browser.press("app.tasks.upload.Upload");
    browser.click("#add-row");
    assert_eq!(rows(&browser), 2);
    // The focus is in the field of the new row.
    browser.press("kwargs.repoid");
    browser.press(&TAB.repeat(2));
    browser.press("147107");
    browser.press(ENTER);
    browser.reads("#count-line", "61 of 1,051 messages match");
    assert!(browser.place().ends_with("where=kwargs.repoid%20%3D%20147107"), "{}", browser.place());
    // The conditions are rows again, and one more is empty.
    assert_eq!(rows(&browser), 3);
    assert_eq!(browser.property("#rows .row:nth-child(2) [name=value]", "value"), "147107");
    browser.fill("#rows .row:nth-child(2) [name=join]", "or");
    browser.click(".filter .primary");
    browser.reads("#count-line", "135 of 1,051 messages match");
    assert!(browser.place().contains("%20OR%20"), "{}", browser.place());
    browser.js("document.querySelector('#rows .row .remove').focus()");
    browser.press(ENTER);
    assert_eq!(rows(&browser), 2);
    assert_eq!(browser.js("document.activeElement.name"), "field");
    browser.click(".filter .primary");
    browser.reads("#count-line", "62 of 1,051 messages match");
    // EXISTS takes no value.
    browser.fill("#rows .row:nth-child(2) [name=field]", "kwargs.commitid");
    browser.fill("#rows .row:nth-child(2) [name=op]", "MISSING");
    assert!(!browser.sees("#rows .row:nth-child(2) [name=value]"));
    browser.click(".filter .primary");
    browser.reads("#count-line", "of 1,051 messages match");
    assert!(browser.place().ends_with("where=kwargs.commitid%20MISSING"), "{}", browser.place());
}

#[test]
fn a_row_with_a_mistake_is_kept_with_the_reason() {
    let Some((_server, page, browser)) = at_preview() else { return };
    browser.go(&page, "/queue?queue=celery");
    browser.fill("#rows [name=field]", "kwargs.account");
    browser.click(".filter .primary");
    browser.reads("[role=alert]", "a value is missing after kwargs.account =");
    assert_eq!(browser.property("#rows [name=field]", "value"), "kwargs.account");
    browser.fill("#rows [name=value]", "\"acme corp\"");
    browser.press(ENTER);
    browser.reads("#count-line", "0 of 1,051 messages match");
    assert_eq!(browser.property("#rows [name=value]", "value"), "\"acme corp\"");
}

#[test]
fn filters_of_old_links_still_work_and_become_rows() {
    let Some((_server, page, browser)) = at_preview() else { return };
    assert_eq!(browser.property("#rows .row:nth-child(2) [name=field]", "value"), "kwargs.repoid");
    browser.click(".filter .primary");
    browser.reads("#count-line", "61 of 1,051 messages match");
    assert!(browser.place().contains("where=task%20%3D%20app.tasks.upload.Upload&where=kwargs.repoid"));
    browser.go(&page, "/preview?queue=celery&task=no.such.task&commitid=1234e5678&where=eta+MISSING");
    browser.reads("#count-line", "0 of 1,051 messages match");
    assert_eq!(browser.property("#rows .row:nth-child(2) [name=field]", "value"), "COMMITID");
    assert_eq!(browser.property("#rows .row:nth-child(3) [name=op]", "value"), "MISSING");
}

#[test]
fn fields_are_suggested() {
    let Some((_server, page, browser)) = at_preview() else { return };
    browser.go(&page, "/queue?queue=celery");
    browser.click("#rows [name=field]");
    let has = |field: &str| {
        browser
            .js(&format!("[...document.querySelectorAll('#fields option')].some(o => o.value === '{field}')"))
    };
    browser.until("fields are suggested", || {
        has("kwargs.commitid") == true && has("task") == true && has("age") == true
    });
    // Values are those of the messages that run next.
    browser.fill("#rows [name=field]", "kwargs.repoid");
    browser.click("#rows [name=value]");
    let values = "[...document.querySelectorAll('#values option')].map(o => o.value)";
    browser
        .until("values are suggested", || browser.js(values).as_array().is_some_and(|all| !all.is_empty()));
    assert!(browser.js(values).as_array().is_some_and(|all| all.len() <= 3), "{}", browser.js(values));
}
