//! In a cluster the user can name any node.

use qadmin_harness::{Cluster, Server, fill_examples};

use crate::support::{QUEUE, about, qadmin, target};

#[test]
fn any_node_leads_to_the_queue_and_lists_are_of_all_nodes() {
    let cluster = Cluster::start(3, || Server::builder().module());
    let home = cluster.home(QUEUE.as_bytes(), 3);
    fill_examples(cluster.node(home).port()).expect("the queue is filled");
    let other = (0..3)
        .find(|at| cluster.slot(format!("q{at}").as_bytes()) > 0)
        .map(|at| format!("q{at}"))
        .expect("a name");
    let there = cluster.home(other.as_bytes(), 3);
    let message: Vec<u8> =
        redis::cmd("LINDEX").arg(QUEUE).arg(0).query(&mut cluster.node(home).conn()).expect("LINDEX");
    let _: i64 =
        redis::cmd("LPUSH").arg(&other).arg(message).query(&mut cluster.node(there).conn()).expect("LPUSH");

    for at in 0..3 {
        let node = cluster.node(at);
        let json = qadmin(node, &about("preview", &target(), &["--json"])).ended(0).json();
        assert_eq!(json["match_count"], 61);
        let queues = qadmin(node, &["queues", "--json"]).ended(0).json();
        let names: Vec<_> =
            queues["queues"].as_array().expect("rows").iter().map(|row| row["queue"].clone()).collect();
        assert_eq!(names, [QUEUE, other.as_str()], "the deepest first");
    }
    let away = cluster.node((home + 1) % 3);
    // The destination must be in the queue's slot.
    let elsewhere = ["--all", "--to", "celery:parked", "--yes", QUEUE];
    assert!(qadmin(away, &about("clear", &target(), &elsewhere)).ended(1).err.contains("CROSSSLOT"));
    let parked = ["--all", "--to", "{celery}:parked", "--yes", QUEUE];
    let parked = qadmin(away, &about("clear", &target(), &parked)).ended(0).out;
    let undo = parked.split("Undo: qadmin undo ").nth(1).expect("the way back");
    let id = undo.split(' ').next().expect("an id");
    // With and without the queue, which leads to the node.
    qadmin(away, &["undo", id, "--queue", QUEUE, "--dry-run"]).ended(0);
    let back = qadmin(away, &["undo", id, "--yes", "{celery}:parked"]).ended(0);
    assert!(back.out.contains("Moved 61 messages from {celery}:parked back to celery"), "{back:?}");
    let cleared =
        qadmin(away, &about("clear", &target(), &["--all", "--yes", QUEUE, "--json"])).ended(0).json();
    assert_eq!(cleared["deleted"], 61);
    let id = cleared["job_id"].as_str().expect("an id");
    for at in 0..3 {
        let node = cluster.node(at);
        // Without the queue every node is asked.
        assert_eq!(qadmin(node, &["status", id, "--json"]).ended(0).json()["deleted"], 61);
        assert_eq!(qadmin(node, &["watch", id, "--queue", QUEUE, "--json"]).ended(0).json()["deleted"], 61);
        let jobs = qadmin(node, &["jobs", "--json"]).ended(0).json();
        assert!(jobs.as_array().expect("jobs").iter().any(|job| job["job_id"] == id), "{jobs}");
    }
    qadmin(away, &["status", "00000000-0000-4000-8000-000000000000"]).ended(9);
}
