//! Every page is checked by axe-core, on a large screen, on a phone and in the dark.

use std::fs;

use qadmin_harness::{leave_out, workspace_root};

use super::*;
use crate::support::tell;

/// The violations: rule and elements.
const CHECK: &str = "(() => { window.found = null; axe.run(document).then(r => { window.found = r.violations.map(v => [v.id, v.nodes.map(n => n.html.slice(0, 160))]); }); return true; })()";

#[test]
fn axe_finds_nothing_on_any_page() {
    let script = workspace_root().join("target/axe/axe.min.js");
    let Ok(axe) = fs::read_to_string(&script) else {
        leave_out("axe", &format!("no {}", script.display()));
        return;
    };
    let Some((server, page, browser)) = at_preview() else { return };
    browser.fill("[name=confirm]", "celery");
    browser.fill("[name=reason]", "floods");
    browser.click("#clear-all");
    browser.reads("#outcome", "Moved 61 of 61");
    let job = format!("/{}", browser.place());
    tell(&mut server.conn(), "QADMIN.INDEX CREATE celery");
    let preview = preview_of_target();
    let next = page.get("/api/preview?queue=celery&where=bytes+%3E+0&sample=1&count_skipped=1").json();
    let id = next["sample"][0]["id"].as_str().expect("an id").to_owned();
    let message = format!("/message?queue=celery&id={id}");
    let mut wrong = Vec::new();
    for (width, height, dark) in [(1_440, 900, false), (390, 844, false), (1_100, 900, true)] {
        browser.size(width, height);
        browser.dark(dark);
        for place in [
            "/",
            "/queue?queue=celery",
            "/queue?queue=celery&by=task,kwargs.repoid",
            &preview,
            "/preview?queue=celery&task=app.tasks.notify.Notify",
            "/preview?queue=celery&where=x",
            "/stats?queue=celery&by=task",
            "/index?queue=celery",
            &job,
            "/jobs?kind=all",
            "/audit",
            "/message?queue=celery&id=no-such-id",
            &message,
            "/nowhere",
        ] {
            browser.go(&page, place);
            if place.starts_with("/preview") && !place.ends_with("=x") {
                browser.reads("#count-line", "messages match");
            }
            if place.starts_with("/queue") {
                browser.reads(".stats tbody", "app.tasks");
            }
            browser.js(&format!("(() => {{ {axe}\n; return 1; }})()"));
            browser.js(CHECK);
            browser.until("axe is ready", || !browser.js("window.found").is_null());
            let found = browser.js("window.found");
            if found != serde_json::json!([]) {
                wrong.push(format!("{place} ({width}, dark {dark}): {found}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
