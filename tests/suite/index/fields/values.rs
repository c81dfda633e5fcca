//! Each operator and each class of values, sent by the real libraries, counted by an index and by a scan.

use std::process::Stdio;

use qadmin_harness::{Server, spawn};
use serde_json::Value as Json;

use super::{compare, compare_stats};
use crate::support::ask;
use crate::support::celery::script;

fn texts(json: &Json) -> Vec<&str> {
    json.as_array().expect("an array").iter().map(|word| word.as_str().expect("a text")).collect()
}

#[test]
fn every_condition_counts_the_same_by_index_and_by_scan() {
    let server = Server::start();
    let mut conn = server.conn();
    let mut command = script(&server);
    command.arg("values.py").stdout(Stdio::piped());
    let output = spawn(command).expect("Python starts").wait_with_output().expect("it ends");
    assert!(output.status.success(), "the sender failed: {}", output.status);
    let sent: Json = serde_json::from_slice(&output.stdout).expect("the sender prints JSON");
    for sent in sent["queues"].as_array().expect("queues") {
        let queue = sent["queue"].as_str().expect("a name");
        let more = texts(&sent["more"]);
        ask(&mut conn, &format!("QADMIN.INDEX CREATE {queue} FIELDS 2 kwargs.v task"));
        for question in sent["questions"].as_array().expect("questions") {
            let filter = texts(&question["words"]);
            compare(&mut conn, queue, &[&filter[..], &more].concat(), queue);
        }
        for by in ["kwargs.v", "task"] {
            compare_stats(&mut conn, queue, &[&["GROUPBY", "1", by], &more[..]].concat(), queue);
        }
    }
}
