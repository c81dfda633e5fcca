//! The examples for other programs work as described.

use std::process::Stdio;

use qadmin_harness::{Server, TARGET_REPOID, TARGET_TASK, spawn};
use serde_json::Value;

use crate::stage::filled;
use crate::support::celery::script;

#[test]
fn an_admin_app_in_python_previews_clears_and_watches() {
    let server = Server::start();
    let matching = filled(&server, "celery", 5_000);
    let mut command = script(&server);
    command.args(["example.py", TARGET_TASK, &TARGET_REPOID.to_string()]).stdout(Stdio::piped());
    let output = spawn(command).expect("Python starts").wait_with_output().expect("a child of ours");
    assert!(output.status.success(), "{}", output.status);
    let seen: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (&seen["preview"]["mode"], &seen["preview"]["match_count"]),
        (&"synchronous".into(), &matching.into())
    );
    let kwargs = seen["preview"]["sample"][0]["kwargs"].as_str().expect("a text");
    assert!(kwargs.contains(&format!("\"repoid\":{TARGET_REPOID}")), "{kwargs}");
    assert_eq!(seen["where"]["match_count"], matching);
    assert_eq!((&seen["dry"]["would_delete"], &seen["dry"]["deleted"]), (&matching.into(), &0.into()));
    assert!(
        seen["refused"].as_str().is_some_and(|error| error.contains("is not the name of queue")),
        "{seen}"
    );
    let [first, second] = [0, 1].map(|at| &seen["started"][at]);
    assert_eq!((&first["job_id"], &first["deduplicated"]), (&second["job_id"], &0.into()));
    assert_eq!(second["deduplicated"], 1, "sent twice, started once");
    let end = &seen["end"];
    assert_eq!((&end["status"], &end["deleted"]), (&"completed".into(), &(matching - 1).into()));
    assert_eq!((&end["actor"], &end["reason"]), (&"ann".into(), &"stuck uploads".into()));
}
