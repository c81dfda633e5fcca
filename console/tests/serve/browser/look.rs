//! The appearance of the pages: dark, light, on a phone.

use std::fs;

use qadmin_harness::workspace_root;

use super::*;

/// Texts with low contrast: their colour, their background, and the contrast of both (at least 4.5 is required). Disabled
/// buttons are exempt.
const PALE: &str = "(() => {
    const light = (rgb) => rgb.map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const numbers = (colour) => colour.match(/[0-9.]+/g).map(Number);
    const behind = (at) => {
        for (; at; at = at.parentElement) {
            const colour = numbers(getComputedStyle(at).backgroundColor);
            if (colour.length < 4 || colour[3] > 0) return colour.slice(0, 3);
        }
        return [255, 255, 255];
    };
    return [...document.querySelectorAll('body *')]
        .filter(at => [...at.childNodes].some(n => n.nodeType === 3 && n.data.trim()) && at.checkVisibility({visibilityProperty: true}) && !at.closest(':disabled'))
        .map(at => {
            const [text, back] = [light(numbers(getComputedStyle(at).color).slice(0, 3)), light(behind(at))];
            return [at.textContent.trim().slice(0, 30), (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05)];
        })
        .filter(([, contrast]) => contrast < 4.5);
})()";

/// Whether an element exceeds the width of the page, or is too small for a finger.
const OVERFLOW: &str = "[document.documentElement.scrollWidth > innerWidth,
    [...document.querySelectorAll('button, .filter input')].filter(at => at.checkVisibility() && at.offsetHeight < 32).length]";

#[test]
fn pages_are_read_in_dark_and_light_and_fit_a_phone() {
    let Some((_server, page, browser)) = at_preview() else { return };
    browser.fill("[name=confirm]", "celery");
    browser.click("#clear-all");
    browser.reads("#outcome", "Moved 61 of 61");
    let job = format!("/{}", browser.place());
    let mut backs = Vec::new();
    for dark in [false, true] {
        browser.dark(dark);
        for path in [
            "/",
            "/queue?queue=celery",
            "/index?queue=celery",
            &preview_of_target(),
            &job,
            "/jobs",
            "/audit",
            "/stats?queue=celery&by=task",
            "/nowhere",
        ] {
            browser.go(&page, path);
            if path.starts_with("/preview") {
                browser.reads("#count-line", "messages match");
            }
            assert_eq!(browser.js(PALE), serde_json::json!([]), "dark {dark}: {path}");
        }
        backs.push(browser.js("getComputedStyle(document.body).backgroundColor"));
    }
    assert_ne!(backs[0], backs[1]);
    browser.size(360, 740);
    for path in
        ["/", "/queue?queue=celery", "/index?queue=celery", &preview_of_target(), &job, "/jobs", "/audit"]
    {
        browser.go(&page, path);
        if path.starts_with("/preview") {
            browser.reads("#count-line", "messages match");
        }
        assert_eq!(browser.js(OVERFLOW), serde_json::json!([false, 0]), "{path}");
    }
}

#[test]
#[ignore = "renews the pictures in docs/images, which are looked at before they are committed"]
fn pictures() {
    let browser = Browser::take().expect("a browser");
    let (server, _) = super::super::examples();
    let page = Page::start(&server.url(0), &["--actor", "jane", "--history", "1"]);
    let shoot = |name: &str| {
        fs::write(workspace_root().join("docs/images").join(name), browser.picture()).expect("a file");
    };
    let open = |width: u32, height: u32, dark: bool, path: &str, ready: [&str; 2]| {
        browser.size(width, height);
        browser.dark(dark);
        browser.go(&page, path);
        browser.reads(ready[0], ready[1]);
    };
    let preview = format!("{}&bust=1", preview_of_target());
    let counted = ["#count-line", "messages match"];
    open(1_100, 1_300, false, &preview, counted);
    shoot("page-preview.png");
    open(1_100, 1_300, true, &preview, counted);
    shoot("page-dark.png");
    open(390, 1_400, false, &preview, counted);
    shoot("page-phone.png");
    open(1_100, 1_150, false, &preview, counted);
    browser.fill("[name=confirm]", "celery");
    browser.fill("[name=reason]", "floods the queue");
    browser.click("#clear-all");
    browser.until("the undo", || browser.sees("#undo"));
    shoot("page-job.png");
    // Some minutes of traffic, so that there is something to draw.
    let mut conn = server.conn();
    for name in ["celery", "mail"] {
        crate::support::tell(&mut conn, &format!("QADMIN.INDEX CREATE {name}"));
    }
    for second in 0..240_u32 {
        let wave = if (90..150).contains(&second) { 40 } else { 6 };
        let mut pipe = redis::pipe();
        for n in 0..wave {
            let id = format!("{second}-{n}");
            pipe.lpush("celery", message("app.tasks.notify.Notify", &id, "c0ffee"));
            pipe.lpush("mail", message("app.tasks.mail.Mail", &id, "c0ffee"));
        }
        for _ in 0..12 {
            pipe.rpop("celery", None).rpop("mail", None);
        }
        pipe.exec(&mut conn).expect("the server takes them");
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    open(1_100, 1_250, false, "/queue?queue=celery", [".stats p.quiet", "messages"]);
    browser.reads(".stats tbody", "app.tasks");
    shoot("page-queue.png");
    open(1_100, 420, false, "/", ["#queues tbody", "mail"]);
    shoot("page-queues.png");
}
