//! `qadmin audit`

use qadmin_harness::{Cluster, Server, fill_examples};

use crate::support::{QUEUE, about, at, qadmin, target, tell};

/// Clears one message.
fn clear(server: &Server, actor: &str, reason: &str) {
    let actor = format!("--actor={actor}");
    let more = ["--all", "--limit", "1", "--yes", QUEUE, &actor, "--reason", reason];
    qadmin(server, &about("clear", &target(), &more)).ended(0);
}

#[test]
fn the_stream_says_who_cleared_what_when_and_why() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    assert_eq!(qadmin(&server, &["audit"]).ended(0).out, "There are no such entries.\n");
    clear(&server, "jane", "floods the queue");
    clear(&server, "joe", "=HYPERLINK(\"http://evil\", 1)");
    let text = qadmin(&server, &["audit"]).ended(0).out;
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!(rows.len(), 5, "{text}");
    assert!(rows[1].contains("end") && rows[1].contains("joe") && rows[1].contains("completed"), "{text}");
    assert!(rows[4].contains("start") && rows[4].contains("floods the queue"), "{text}");

    let count = |args: &[&str]| {
        let all = qadmin(&server, &[&["audit", "--json"], args].concat()).ended(0).json();
        all.as_array().expect("entries").len()
    };
    for (args, wanted) in [
        (&["--actor", "jane"][..], 2),
        (&["--actor", "jane", "--event", "end"], 1),
        (&["--event", "start,end"], 4),
        (&["--event", "interrupted"], 0),
        (&["--queue", QUEUE, "--user", "default"], 4),
        (&["--queue", "other"], 0),
        (&["--user", "jane"], 0),
        (&["--since", "1h"], 4),
        (&["--since", "2999-01-01"], 0),
        (&["--count", "3"], 3),
    ] {
        assert_eq!(count(args), wanted, "{args:?}");
    }
    let newest = &qadmin(&server, &["audit", "--json", "--count", "1"]).json()[0];
    assert_eq!(
        (&newest["actor"], &newest["deleted"], &newest["db"]),
        (&"joe".into(), &"1".into(), &"0".into())
    );
    qadmin(&server, &["show", QUEUE, "f7eb11c6-d979-4a91-be26-c38224e000a4"]).ended(0);
    let shown = qadmin(&server, &["audit", "--event", "show"]).ended(0).out;
    assert!(shown.contains("f7eb11c6-d979-4a91-be26-c38224e000a4"), "{shown}");
    qadmin(&server, &["audit", "--since", "soon"]).ended(2);
    qadmin(&server, &["audit", "--csv", "--json"]).ended(2);
}

#[test]
fn csv_has_one_line_for_each_entry_and_no_formula() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    clear(&server, "-jane", "=HYPERLINK(\"http://evil\", 1)\nsecond line\u{1b}[2J");
    let csv = qadmin(&server, &["audit", "--csv"]).ended(0).out;
    assert!(csv.ends_with("\r\n") && csv.matches('\n').count() == csv.matches("\r\n").count(), "{csv:?}");
    let lines: Vec<&str> = csv.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 3, "{csv}");
    assert!(lines[0].starts_with("id,time,event,job_id,user,actor,"), "{csv}");
    let reason = r#","'=HYPERLINK(""http://evil"", 1)\x0asecond line\x1b[2J","#;
    assert!(lines[1].contains(reason) && lines[1].contains(",\"'-jane\","), "{csv}");
}

#[test]
fn old_entries_are_found_page_by_page() {
    let server = Server::start();
    let mut conn = server.conn();
    // The one that is wanted is older than two pages of others.
    for n in 0..1_200 {
        let queue = if n == 0 { "wanted" } else { "other" };
        tell(&mut conn, &format!("XADD qadmin:audit {}-0 event end queue {queue}", 1_000 + n));
    }
    let found = qadmin(&server, &["audit", "--queue", "wanted", "--json"]).ended(0).json();
    assert_eq!(found[0]["id"], "1000-0");
    let all = qadmin(&server, &["audit", "--count", "1150", "--json"]).ended(0).json();
    let ids: Vec<_> = all.as_array().expect("entries").iter().map(|entry| entry["id"].clone()).collect();
    assert_eq!((ids.len(), &ids[0], &ids[1_149]), (1_150, &"2199-0".into(), &"1050-0".into()));
}

#[test]
fn the_right_to_read_it_is_named() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    clear(&server, "jane", "why");
    tell(&mut server.conn(), "ACL SETUSER viewer on >secret ~celery +qadmin.jobs");
    let url = format!("redis://viewer:secret@127.0.0.1:{}", server.port());
    let refused = at(&url, &["audit"]).ended(5);
    assert!(refused.err.contains("+xrevrange %R~qadmin:audit*"), "{refused:?}");
    tell(&mut server.conn(), "ACL SETUSER viewer +xrevrange %R~qadmin:audit*");
    assert_eq!(at(&url, &["audit", "--json"]).ended(0).json().as_array().map(Vec::len), Some(2));
}

#[test]
fn every_primary_of_a_cluster_is_asked() {
    let cluster = Cluster::start(3, || Server::builder().module());
    let mut queues = Vec::new();
    // A queue on each node.
    for node in 0..3 {
        let name = (0..).map(|n| format!("q{n}")).find(|name| cluster.home(name.as_bytes(), 3) == node);
        let name = name.expect("a name");
        tell(&mut cluster.node(node).conn(), &format!("RPUSH {name} {{\"headers\":{{\"task\":\"t\"}}}}"));
        qadmin(cluster.node(0), &["clear", &name, "--task", "t", "--all", "--yes", &name]).ended(0);
        queues.push(name);
    }
    // Another key that looks like a stream of the module.
    let mut other = cluster.node(cluster.home(b"qadmin:audit-not", 3)).conn();
    tell(&mut other, "XADD qadmin:audit-not * event end");
    for node in 0..3 {
        let all = qadmin(cluster.node(node), &["audit", "--event", "end", "--json"]).ended(0).json();
        let mut seen: Vec<_> = all
            .as_array()
            .expect("entries")
            .iter()
            .map(|entry| entry["queue"].as_str().expect("a queue"))
            .collect();
        seen.reverse();
        assert_eq!(seen, queues, "newest first");
        let one = qadmin(cluster.node(node), &["audit", "--queue", &queues[1], "--json"]).ended(0).json();
        assert_eq!(one.as_array().map(Vec::len), Some(2));
    }
}
