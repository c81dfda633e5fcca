//! Who gets in, and what every answer carries.

use super::{TARGET, depth, examples};

#[test]
fn no_other_name_leads_here() {
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
        // What changes something is never a GET.
        page.get(&format!("{path}&{form}")).with(405);
    }
    page.post_with("/cancel?job=x", without, &[]).with(403);
    page.post_with("/logout", without, &[]).with(403);
    assert_eq!(depth(&server), 1_051);
    assert_eq!(page.get("/api/jobs").json()["jobs"], serde_json::json!([]));
    // The token alone is enough for a program that is no browser, in the header as in the form.
    page.post_with(&format!("/api/clear?{TARGET}"), "action=dry_run", &[("X-CSRF-Token", &csrf)]).with(200);
}

#[test]
fn every_answer_forbids_what_no_page_of_ours_needs() {
    let (_server, page) = examples();
    for path in [
        "/",
        "/jobs",
        "/preview?queue=celery&repoid=1",
        "/queue?queue=celery",
        "/api/queues",
        "/api/nothing",
        "/assets/app.js",
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
    // Nothing inline, nothing of third parties.
    for path in ["/", &format!("/preview?{TARGET}"), &format!("/preview?{TARGET}&now=1")] {
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
