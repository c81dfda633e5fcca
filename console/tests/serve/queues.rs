//! The list of queues, and the plots of the last hour.

use qadmin_harness::{Server, eventually};

use super::examples;
use crate::support::page::Page;
use crate::support::tell;

/// A server with this many queues `q000`, `q001` ..., each with one message more than the one before.
fn many(queues: usize) -> Server {
    let server = Server::start();
    let mut pipe = redis::pipe();
    for n in 0..queues {
        for _ in 0..=n {
            pipe.lpush(format!("q{n:03}"), "{}");
        }
    }
    pipe.exec(&mut server.conn()).expect("LPUSH");
    server
}

/// The names of the queues on a page, in their order.
fn names(body: &str) -> Vec<&str> {
    let rows = body.split("<td><a href=\"/queue?queue=").skip(1);
    rows.filter_map(|row| row.split('>').nth(1)?.split('<').next()).collect()
}

#[test]
fn queues_are_searched_sorted_and_shown_in_pages() {
    let server = many(120);
    let page = Page::start(&server.url(0), &[]);
    let listed = |place: &str| page.get(place).with(200).body;
    let first = listed("/");
    assert_eq!(names(&first).len(), 50);
    assert_eq!(names(&first)[..2], ["q119", "q118"], "the deepest first");
    assert!(
        first.contains("Page 1 of 3, 120 queues") && first.contains("aria-sort=\"descending\""),
        "{first}"
    );
    let last = listed("/?page=3");
    assert_eq!((names(&last).len(), names(&last)[19]), (20, "q000"));
    assert_eq!(names(&listed("/?page=99")), names(&last), "there is no such page");
    assert_eq!(names(&listed("/?sort=queue"))[0], "q000");
    assert_eq!(names(&listed("/?sort=queue&order=desc"))[0], "q119");
    assert_eq!(names(&listed("/?sort=depth&order=asc"))[0], "q000");
    assert_eq!(names(&listed("/?q=Q11")).len(), 10);
    assert_eq!(
        names(&listed("/?q=11&sort=queue")),
        ["q011", "q110", "q111", "q112", "q113", "q114", "q115", "q116", "q117", "q118", "q119"]
    );
    assert!(listed("/?q=nothing").contains("No name of the 120 queues contains this text"));
    // What is searched is kept in the links.
    let found = listed("/?q=q%26%3C&sort=queue");
    assert!(found.contains("value=\"q&amp;&lt;\""), "{found}");
    for wrong in ["/?sort=nothing", "/?page=x", "/?page=0", "/?page=-1", "/?order=x"] {
        assert!(!names(&listed(wrong)).is_empty(), "{wrong}");
    }
}

#[test]
fn the_last_hour_of_a_queue_is_kept_and_drawn() {
    let (server, _) = examples();
    let page = Page::start(&server.url(0), &["--history", "1"]);
    let drawn = || page.get("/queue?queue=celery").with(200).body;
    assert!(page.get("/queue?queue=other").with(200).body.contains("begins when this program has sampled"));
    eventually("two samples are drawn", || drawn().contains("<polyline class=\"depth\""));
    tell(&mut server.conn(), "LTRIM celery 0 99");
    eventually("the plot follows", || {
        drawn().contains("<strong>100 messages</strong>, between 100 and 1,051 messages")
    });
    assert!(drawn().contains("known with an index only"), "it says where numbers come from");
    tell(&mut server.conn(), "QADMIN.INDEX CREATE celery");
    eventually("rates are drawn", || drawn().contains("<polyline class=\"out\""));
    assert!(page.get("/").with(200).body.contains("class=\"spark\""));
    // Redis deletes an empty list, so the queue is not listed any more.
    tell(&mut server.conn(), "DEL celery");
    eventually("the queue is empty", || drawn().contains("<strong>0 messages</strong>"));
    // A name in the history is text, too.
    tell(&mut server.conn(), "LPUSH \"><svg/onload=x> {}");
    eventually("it is listed", || page.get("/").with(200).body.contains("&gt;&lt;svg/onload=x&gt;"));
    assert!(!page.get("/").body.contains("<svg/onload"));
}

#[test]
fn no_history_is_kept_if_it_is_turned_off() {
    let (_server, _) = examples();
    let server = many(3);
    let page = Page::start(&server.url(0), &["--history", "0"]);
    for _ in 0..3 {
        page.get("/").with(200);
    }
    assert!(!page.get("/queue?queue=q002").with(200).body.contains("<polyline"));
    crate::support::at(&server.url(0), &["serve", "--history", "601"]).ended(2);
}

#[test]
fn pages_that_refresh_share_what_the_server_says() {
    let (server, page) = examples();
    let mut conn = server.conn();
    tell(&mut conn, "CONFIG RESETSTAT");
    page.get("/").with(200);
    for _ in 0..40 {
        page.get_with("/", "X-Live: 1\r\nSec-Fetch-Site: same-origin\r\n").with(200);
    }
    let stats: String = redis::cmd("INFO").arg("commandstats").query(&mut conn).expect("INFO");
    let stats = stats.to_lowercase();
    let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_qadmin.queues:calls="));
    let calls = line.map_or(0, |rest| rest.split(',').next().and_then(|n| n.parse().ok()).unwrap_or(0_u64));
    assert!((1..=20).contains(&calls), "{calls} calls");
    // A page that is loaded shows the queues as they are.
    tell(&mut conn, "DEL celery");
    assert!(page.get("/").with(200).body.contains("There are no queues"));
}
