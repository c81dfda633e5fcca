//! Which requests are accepted, and the headers of every response.

use super::{TARGET, depth, examples};
use crate::support::page::Page;

#[test]
fn requests_with_other_host_names_are_refused() {
    let (_server, page) = examples();
    let port = page.place.split(':').nth(1).expect("a port").to_owned();
    for host in [
        "evil.example",
        "evil.example:80",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost",
        "127.0.0.1.evil.example",
        "",
    ] {
        for path in ["/", "/api/queues", "/api/token", "/assets/app.js", "/preview?queue=celery", "/nowhere"]
        {
            let answer = page.say(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")).with(403);
            assert!(!answer.body.contains("celery"), "{answer:?}");
        }
    }
    page.say("GET / HTTP/1.1\r\n\r\n").with(403);
    page.say(&format!("GET http://evil.example/ HTTP/1.1\r\nHost: evil.example:{port}\r\n\r\n")).with(403);
    for host in [format!("localhost:{port}"), format!("[::1]:{port}"), format!("LocalHost:{port}")] {
        page.say(&format!("GET /api/token HTTP/1.1\r\nHost: {host}\r\n\r\n")).with(200);
    }
}

#[test]
fn no_other_page_changes_anything() {
    let (server, page) = examples();
    let csrf = page.csrf();
    let own = format!("http://{}", page.place);
    let form = format!("csrf={csrf}&action=all&confirm=celery");
    let without = "action=all&confirm=celery";
    for path in ["/clear", "/api/clear"] {
        let path = format!("{path}?{TARGET}");
        for origin in [
            "http://evil.example",
            "null",
            "http://127.0.0.1",
            "https://127.0.0.1:1",
            &format!("{own}.evil.example"),
        ] {
            page.post_with(&path, &form, &[("Origin", origin)]).with(403);
        }
        for site in ["cross-site", "same-site"] {
            page.post_with(&path, &form, &[("Origin", &own), ("Sec-Fetch-Site", site)]).with(403);
        }
        page.post(&path, without).with(403);
        page.post(&path, &format!("{without}&csrf=")).with(403);
        page.post(&path, &format!("{without}&csrf={}", csrf.replace(|_: char| true, "0"))).with(403);
        page.post_with(&path, without, &[("Origin", &own), ("X-CSRF-Token", "wrong")]).with(403);
        // A GET never changes anything.
        page.get(&format!("{path}&{form}")).with(405);
    }
    page.post_with("/cancel?job=x", without, &[]).with(403);
    page.post_with("/logout", without, &[]).with(403);
    assert_eq!(depth(&server), 1_051);
    assert_eq!(page.get("/api/jobs").json()["jobs"], serde_json::json!([]));
    // For a program other than a browser the token is enough, in the header or in the form.
    page.post_with(&format!("/api/clear?{TARGET}"), "action=dry_run", &[("X-CSRF-Token", &csrf)]).with(200);
}

#[test]
fn every_response_has_the_security_headers() {
    let (_server, page) = examples();
    for path in [
        "/",
        "/jobs",
        "/preview?queue=celery&repoid=1",
        "/queue?queue=celery",
        "/index?queue=celery",
        "/audit",
        "/audit.csv",
        "/message?queue=celery&id=x",
        "/metrics",
        "/healthz",
        "/stats?queue=celery&by=task",
        "/api/queues",
        "/api/fields?queue=celery",
        "/api/nothing",
        "/assets/app.js",
        "/assets/favicon.svg",
        "/nowhere",
    ] {
        let answer = page.get(path);
        let csp = answer.header("content-security-policy").expect("a policy").to_owned();
        for rule in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(csp.contains(rule), "{path}: {csp}");
        }
        assert!(!csp.contains("unsafe") && !csp.contains('*'), "{csp}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let refused = page.say("GET / HTTP/1.1\r\nHost: evil\r\n\r\n");
    assert!(refused.header("content-security-policy").is_some());
    // The policy allows nothing inline and nothing of third parties.
    for path in [
        "/",
        &format!("/preview?{TARGET}"),
        &format!("/preview?{TARGET}&now=1"),
        "/queue?queue=celery",
        "/stats?queue=celery&by=task",
        "/index?queue=celery",
        "/jobs",
        "/audit",
        "/message?queue=celery&id=dde6b29f-933d-427b-8075-4b73baa546ff",
    ] {
        let body = page.get(path).with(200).body;
        for inline in ["<style", " style=", " onclick=", "javascript:", "https://", "<script>"] {
            assert!(!body.contains(inline), "{path}: {inline}");
        }
    }
}

#[test]
fn too_large_and_odd_requests_are_refused_in_order() {
    let (_server, page) = examples();
    let large = "x".repeat(70 * 1024);
    assert!(page.post("/api/clear", &large).with(413).json()["error"].is_string());
    assert!(page.get("/api/nothing").with(404).json()["error"].is_string());
    assert!(page.post("/api/queues", &format!("csrf={}", page.csrf())).with(405).json()["error"].is_string());
    page.get("/nowhere").with(404);
}

/// Headers that browsers send: for one of our pages, for a typed URL or a bookmark, for another page, for another port of
/// this machine.
fn site(site: &str) -> String {
    format!("Sec-Fetch-Site: {site}\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n")
}

fn navigation(site: &str) -> String {
    format!("Sec-Fetch-Site: {site}\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n")
}

#[test]
fn no_other_page_makes_the_server_count() {
    let (server, page) = examples();
    let api = format!("/api/preview?{TARGET}");
    let paths = [
        api.as_str(),
        "/api/stats?queue=celery&by=task",
        "/api/queues",
        "/api/jobs",
        "/api/token",
        "/",
        "/jobs",
        "/queue?queue=celery",
        "/stats?queue=celery&by=task",
        "/index?queue=celery",
        "/api/index?queue=celery",
        "/api/indexes",
        "/api/fields?queue=celery",
        &format!("/preview?{TARGET}&now=1"),
        "/message?queue=celery&id=dde6b29f-933d-427b-8075-4b73baa546ff",
        "/api/message?queue=celery&id=dde6b29f-933d-427b-8075-4b73baa546ff",
        "/audit",
        "/audit.csv",
        "/metrics",
        "/healthz",
        "/assets/app.js",
        "/assets/live.js",
        "/assets/favicon.svg",
    ];
    let own = format!("http://{}/preview?{TARGET}", page.place);
    const BROWSER: &str = "User-Agent: Mozilla/5.0 (X11; Linux)\r\n";
    for path in paths {
        for elsewhere in [
            site("cross-site"),
            site("same-site"),
            "Sec-Fetch-Site: cross-site\r\n".to_owned(),
            format!("{}Accept: text/html\r\n", site("cross-site")),
            // A frame is not a navigation of the window.
            "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n".to_owned(),
            // Browsers that do not send Sec-Fetch-Site.
            "Referer: http://evil.example/\r\nAccept: image/*\r\n".to_owned(),
            "Referer: http://127.0.0.1.evil.example/\r\n".to_owned(),
            "Origin: http://evil.example\r\n".to_owned(),
            "Origin: null\r\n".to_owned(),
            format!("{BROWSER}Accept: image/avif,image/webp,*/*\r\n"),
            BROWSER.to_owned(),
        ] {
            page.get_with(path, &elsewhere).with(403);
        }
        for here in [
            site("same-origin"),
            navigation("none"),
            navigation("same-origin"),
            format!("{BROWSER}Referer: {own}\r\nAccept: */*\r\n"),
            String::new(),
        ] {
            page.get_with(path, &here).with(200);
        }
        let navigates = page.get_with(path, &navigation("cross-site"));
        let fetched = path.starts_with("/api/")
            || path.starts_with("/assets/")
            || ["/audit.csv", "/metrics", "/healthz"].contains(&path);
        assert_eq!(navigates.status, if fetched { 403 } else { 200 }, "{path}");
    }
    drop(server);
}

#[test]
fn a_link_on_another_site_opens_a_page_that_sends_no_command() {
    // No server listens on that port, so every request to Redis fails.
    let page = Page::start("redis://127.0.0.1:1", &[]);
    let preview = format!("/preview?{TARGET}");
    for path in [
        "/",
        preview.as_str(),
        &format!("{preview}&now=1"),
        &format!("{preview}&count_skipped=1"),
        "/queue?queue=celery",
        "/stats?queue=celery&by=task",
        "/jobs?queue=celery",
        "/audit?queue=celery",
        "/message?queue=celery&id=x",
    ] {
        for elsewhere in [
            navigation("cross-site"),
            navigation("same-site"),
            "Referer: http://chat.example/\r\nAccept: text/html,*/*\r\n".to_owned(),
        ] {
            let shown = page.get_with(path, &elsewhere).with(200).body;
            let link = format!("<a href=\"{}\">", path.replace('&', "&amp;"));
            assert!(shown.contains(&link), "{path}: {shown}");
            // Neither the script nor a redirect continues without the user.
            assert!(
                !shown.contains("data-url")
                    && !shown.contains("data-live")
                    && !shown.contains("http-equiv=\"refresh\""),
                "{path}: {shown}"
            );
        }
    }
    let shown = page.get_with(&preview, &navigation("cross-site")).body;
    assert!(shown.contains("Messages of celery") && shown.contains("value=\"147107\""), "{shown}");
    // Markup in the URL is shown as text.
    let hostile = page.get_with("/preview?queue=%3Cimg+src%3Dx%3E&task=t", &navigation("cross-site")).body;
    assert!(!hostile.contains("<img"), "{hostile}");
    page.get_with("/index?queue=celery", &navigation("cross-site")).with(502);
}
