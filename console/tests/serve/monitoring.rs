//! /healthz and /metrics, as probes and Prometheus read them.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use qadmin_harness::{Server, eventually, workspace_root};

use super::examples;
use crate::support::page::Page;
use crate::support::tell;

const TOKEN: &str = "a-token-of-some-length";

/// A page with a login, as if it were reachable from the network.
fn with_login(server: &Server, dir: &tempfile::TempDir) -> Page {
    let path = dir.path().join("token");
    fs::write(&path, TOKEN).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its rights");
    Page::start(&server.url(0), &["--token-file", path.to_str().expect("UTF-8")])
}

#[test]
fn healthz_says_whether_the_server_is_reached_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut server, _) = examples();
    let page = with_login(&server, &dir);
    let health = page.get("/healthz").with(200);
    assert_eq!(
        (health.body.as_str(), health.header("content-type")),
        ("ok\n", Some("text/plain; charset=utf-8"))
    );
    // Probes name addresses.
    page.say("GET /healthz HTTP/1.1\r\nHost: 10.1.2.3:8379\r\n\r\n").with(200);
    page.say("GET /healthz HTTP/1.0\r\n\r\n").with(200);
    // Nothing else is open to them.
    page.say("GET /metrics HTTP/1.1\r\nHost: 10.1.2.3:8379\r\n\r\n").with(403);
    page.say("GET /healthz/ HTTP/1.1\r\nHost: 10.1.2.3:8379\r\n\r\n").with(403);
    page.post_with("/healthz", "", &[]).with(403);
    page.get_with("/healthz", "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n").with(403);
    server.kill9();
    eventually("it is known that the server is away", || page.get("/healthz").status == 503);
    let body = page.get("/healthz").body;
    assert_eq!(body, "the server cannot be reached\n");
    server.start_again();
    eventually("it is reached again", || page.get("/healthz").status == 200);
    // A login that is refused is no server that is reached; a user without the right to PING reaches it.
    tell(&mut server.conn(), "ACL SETUSER probe on >secret -@all");
    let url = |password: &str| format!("redis://probe:{password}@127.0.0.1:{}", server.port());
    Page::start(&url("secret"), &[]).get("/healthz").with(200);
    Page::start(&url("wrong"), &[]).get("/healthz").with(503);
}

#[test]
fn healthz_does_not_wait_for_a_server_that_stands_still() {
    let (server, page) = examples();
    server.freeze();
    for _ in 0..8 {
        page.get("/healthz").with(503);
    }
    server.thaw();
    eventually("it answers again", || page.get("/healthz").status == 200);
}

/// The value of a sample; `None` if it is missing.
fn sample(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn metrics_say_what_queues_and_jobs_do() {
    let (server, page) = examples();
    let mut conn = server.conn();
    tell(&mut conn, "QADMIN.INDEX CREATE celery");
    tell(&mut conn, "LPUSH <img\"\\ {}");
    tell(&mut conn, "QADMIN.INDEX CREATE mail");
    tell(&mut conn, "LPUSH mail {} {}");
    tell(&mut conn, "RPOP mail");
    tell(&mut conn, "QADMIN.CLEARJOB celery TASK app.tasks.notify.Notify ALL CONFIRM celery");
    let mut text = String::new();
    eventually("the clear has ended", || {
        let answer = page.get("/metrics").with(200);
        assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        text = answer.body;
        sample(&text, "qadmin_jobs_completed_total") == Some(1.0)
            && sample(&text, "qadmin_queue_messages{queue=\"celery\"}") == Some(995.0)
    });
    for (name, value) in [
        ("qadmin_server_up", 1.0),
        ("qadmin_part_known{part=\"queues\"}", 1.0),
        ("qadmin_part_known{part=\"info\"}", 1.0),
        ("qadmin_queues", 3.0),
        ("qadmin_queue_waits_total{queue=\"mail\"}", 1.0),
        ("qadmin_queue_messages{queue=\"<img\\\"\\\\\\\\\"}", 1.0),
        ("qadmin_queue_oldest_age_at_least{queue=\"celery\"}", 1.0),
        ("qadmin_messages_cleared_total", 56.0),
        ("qadmin_jobs_live{kind=\"clear\"}", 0.0),
        ("qadmin_indexes", 2.0),
    ] {
        assert_eq!(sample(&text, name), Some(value), "{name}: {text}");
    }
    assert!(sample(&text, "qadmin_main_thread_seconds_total").is_some_and(|n| n > 0.0), "{text}");
    assert!(sample(&text, "qadmin_queue_oldest_age_seconds{queue=\"celery\"}").is_some(), "{text}");
    // Each family is announced once, before its samples, and all samples are numbers.
    let mut announced = BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            assert!(announced.insert(rest.split(' ').next().expect("a name").to_owned()), "{line}");
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().expect("a name");
            assert!(announced.contains(name), "{line}");
            assert!(line.rsplit(' ').next().is_some_and(|value| value.parse::<f64>().is_ok()), "{line}");
        }
    }
    // The page about monitoring lists all of them, and no others.
    let page = fs::read_to_string(workspace_root().join("docs/observability.md")).expect("the page");
    let listed: BTreeSet<String> = page
        .lines()
        .filter(|line| line.starts_with("| `qadmin_"))
        .flat_map(|line| {
            line.split('|').nth(1).expect("a cell").split('`').skip(1).step_by(2).map(str::to_owned)
        })
        .collect();
    let unacked = "qadmin_unacknowledged_messages".to_owned();
    assert!(
        announced.contains(&unacked) && listed == announced,
        "{:?}",
        listed.symmetric_difference(&announced)
    );
}

#[test]
fn scrapers_that_come_often_do_not_ask_the_server_often() {
    let (server, page) = examples();
    let mut conn = server.conn();
    tell(&mut conn, "CONFIG RESETSTAT");
    let scraped = std::thread::scope(|scope| {
        let scrape = || (0..25).filter(|_| page.get("/metrics").status == 200).count();
        let all: Vec<_> = (0..4).map(|_| scope.spawn(scrape)).collect();
        all.into_iter().map(|one| one.join().expect("it scrapes")).sum::<usize>()
    });
    assert_eq!(scraped, 100);
    let stats: String = redis::cmd("INFO").arg("commandstats").query(&mut conn).expect("INFO");
    let calls = |name: &str| {
        let stats = stats.to_lowercase();
        let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{name}:calls=")));
        line.map_or(0, |rest| rest.split(',').next().and_then(|n| n.parse::<u64>().ok()).expect("a number"))
    };
    // A hundred scrapes take less than a hundred seconds, however slow the machine is.
    assert!(calls("qadmin.queues") <= 50, "{stats}");
    assert!((1..=50).contains(&calls("info")), "{stats}");
}

#[test]
fn metrics_are_behind_the_login_and_take_the_token_of_a_program() {
    let dir = tempfile::tempdir().expect("a folder");
    let (server, _) = examples();
    let page = with_login(&server, &dir);
    let none = page.get("/metrics").with(401);
    assert_eq!(none.header("www-authenticate"), Some("Bearer"));
    assert!(!none.body.contains("celery"), "{none:?}");
    let bearer = |token: &str| page.get_with("/metrics", &format!("Authorization: {token}\r\n"));
    let right = format!("Bearer {TOKEN}");
    assert!(bearer(&right).with(200).body.contains("queue=\"celery\""));
    bearer(&format!("bEARER {TOKEN}")).with(200);
    // The token opens nothing else in this way, and another site cannot use it.
    page.get_with("/api/queues", &format!("Authorization: {right}\r\n")).with(401);
    page.get_with("/metrics", &format!("Authorization: {right}\r\nSec-Fetch-Site: cross-site\r\n")).with(403);
    for wrong in ["Bearer", "Bearer ", "Basic YTpi", TOKEN, "Bearer \u{fc}x", "Bearer A-token-of-some-length"]
    {
        assert!([401, 429].contains(&bearer(wrong).status), "{wrong}");
    }
    for _ in 0..10 {
        bearer("Bearer guess");
    }
    bearer(&right).with(429);
    // A client that guesses here locks nobody out of the login.
    let form = format!("token={TOKEN}");
    page.post_with("/login", &form, &[]).with(303);
}

#[test]
fn metrics_leave_out_what_the_user_may_not_ask() {
    let (server, _) = examples();
    tell(&mut server.conn(), "ACL SETUSER scraper on >secret ~* -@all +qadmin.queues");
    let page = Page::start(&format!("redis://scraper:secret@127.0.0.1:{}", server.port()), &[]);
    let text = page.get("/metrics").with(200).body;
    assert_eq!(sample(&text, "qadmin_server_up"), Some(1.0), "{text}");
    assert_eq!(sample(&text, "qadmin_part_known{part=\"info\"}"), Some(0.0), "{text}");
    assert_eq!(sample(&text, "qadmin_queue_messages{queue=\"celery\"}"), Some(1_051.0), "{text}");
    assert!(!text.contains("qadmin_jobs_live"), "{text}");
    let away = Page::start("redis://127.0.0.1:1", &[]).get("/metrics").with(200).body;
    assert_eq!(sample(&away, "qadmin_server_up"), Some(0.0), "{away}");
    assert!(!away.contains("qadmin_queue") && !away.contains("127.0.0.1"), "{away}");
}
