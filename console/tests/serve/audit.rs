//! The audit stream as a page and as CSV.

use qadmin_harness::eventually;

use super::{TARGET, examples};
use crate::support::page::Page;
use crate::support::tell;

#[test]
fn who_cleared_what_and_why_is_listed_filtered_and_downloaded() {
    let (server, page) = examples();
    let csrf = page.csrf();
    let started = |more: &str| {
        let form = format!("csrf={csrf}&action=all&confirm=celery&{more}");
        let url = page.post(&format!("/api/clear?{TARGET}"), &form).with(200).json()["status_url"]
            .as_str()
            .expect("an address")
            .to_owned();
        eventually("the job ends", || page.get(&url).with(200).json()["status"] == "completed");
    };
    started("park=1&reason=floods&actor=%3D1%2B1");
    started("reason=again&actor=joe");
    let body = page.get("/audit").with(200).body;
    for part in ["floods", "=1+1 (as default)", "joe (as default)", "all PARK", "href=\"/audit.csv?\""] {
        assert!(body.contains(part), "{part}: {body}");
    }
    assert_eq!(body.matches("<tr>").count(), 5, "a start and an end each: {body}");
    for (filter, rows) in [
        ("event=end", 2),
        ("who=JOE", 2),
        ("who=default&event=start", 2),
        ("queue=other", 0),
        ("queue=celery&since=1h", 4),
        ("since=2999-01-01", 0),
    ] {
        let body = page.get(&format!("/audit?{filter}")).with(200).body;
        assert_eq!(body.matches("<tr>").count().saturating_sub(1), rows, "{filter}: {body}");
    }
    page.get("/audit?since=yesterday").with(400);
    page.get("/audit?before=x").with(400);

    let csv = page.get("/audit.csv?event=end").with(200);
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert!(csv.header("content-disposition").is_some_and(|how| how.starts_with("attachment")), "{csv:?}");
    let lines: Vec<&str> = csv.body.split("\r\n").collect();
    assert_eq!(lines.len(), 4, "{csv:?}");
    assert!(lines[0].starts_with("id,time,event,job_id"), "{csv:?}");
    assert!(lines[1].contains(",joe,") && lines[2].contains(",\"'=1+1\","), "{csv:?}");
    assert!(lines.iter().all(|line| !line.contains(",\"=") && !line.contains(",=")), "{csv:?}");
    drop(server);
}

#[test]
fn many_entries_are_shown_in_pages() {
    let (server, page) = examples();
    let mut pipe = redis::pipe();
    for n in 1..=260 {
        pipe.cmd("XADD")
            .arg("qadmin:audit")
            .arg(format!("{n}-0"))
            .arg(&["event", "start", "queue", "celery", "reason"])
            .arg(format!("<i>entry-{n}-"));
    }
    pipe.exec(&mut server.conn()).expect("XADD");
    let mut place = "/audit".to_owned();
    let mut seen = Vec::new();
    loop {
        let body = page.get(&place).with(200).body;
        assert!(!body.contains("<i>"), "{body}");
        seen.push(body.matches("entry-").count());
        let Some((_, rest)) = body.split_once("id=\"older\" href=\"") else { break };
        place = rest.split('"').next().expect("a quote").replace("&amp;", "&");
    }
    assert_eq!(seen, [100, 100, 60]);
    let all = page.get("/audit.csv").with(200).body;
    assert_eq!(all.matches("entry-").count(), 260);
}

#[test]
fn a_user_without_the_permission_reads_which_one_is_missing() {
    let (server, _) = examples();
    tell(&mut server.conn(), "ACL SETUSER viewer on >secret %R~celery -@all +qadmin.preview");
    let page = Page::start(&format!("redis://viewer:secret@127.0.0.1:{}", server.port()), &[]);
    for place in ["/audit", "/audit.csv"] {
        let body = page.get(place).with(403).body;
        assert!(body.contains("+xrevrange %R~qadmin:audit"), "{place}: {body}");
    }
    assert!(!page.get("/audit").body.contains("/audit.csv"));
    tell(&mut server.conn(), "ACL SETUSER viewer +xrevrange %R~qadmin:audit");
    assert!(page.get("/audit").with(200).body.contains("There are no such entries"));
    assert!(page.get("/audit?queue=celery").with(200).body.contains("There are no such entries"));
}
