//! The factory's messages are valid: the real Celery runs them. (These tests do not need the module.)

use qadmin_harness::{Factory, Server, Size, workspace_root};
use redis::Commands as _;

use crate::support::celery::{Worker, executed, wait_until_executed};

#[test]
fn a_real_worker_runs_generated_and_recorded_messages() {
    let server = Server::plain();
    let mut conn = server.conn();
    let mut ids = Vec::new();
    for size in [Size::Full, Size::Slim] {
        let mut factory = Factory::new(size as u64).size(size).share(20.0);
        for i in 0..60 {
            let _: u64 = conn.lpush("celery", factory.message(i)).expect("LPUSH");
            ids.push(factory.facts(i).id);
        }
    }
    for (element, id) in recorded_of_every_serializer() {
        let _: u64 = conn.lpush("celery", element).expect("LPUSH");
        ids.push(id);
    }
    let mut worker = Worker::start(&server);
    wait_until_executed(&server, &mut worker, "the worker has run every message", &ids);
    for (id, times) in executed(&server) {
        assert_eq!(times, 1, "task {id} ran more than once");
    }
}

/// Returns the recorded messages whose kind names a serializer or a compression, with their task ids.
fn recorded_of_every_serializer() -> Vec<(String, String)> {
    let read = |name: &str| {
        let path = workspace_root().join("harness/data").join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    let (lines, index) = (read("celery-templates.jsonl"), read("celery-templates.index.jsonl"));
    let mut found = Vec::new();
    for (line, about) in lines.lines().zip(index.lines()) {
        let about: serde_json::Value = serde_json::from_str(about).expect("the index is JSON");
        let kind = about["kind"].as_str().expect("every line has a kind");
        if ["json", "pickle", "msgpack", "yaml"].iter().any(|name| kind.contains(name)) {
            let message: serde_json::Value = serde_json::from_str(line).expect("recorded messages are JSON");
            let id = message.pointer("/properties/correlation_id").and_then(serde_json::Value::as_str);
            found.push((line.to_string(), id.expect("Celery sets a correlation id").to_string()));
        }
    }
    assert!(found.len() >= 10, "only {} kinds were recorded", found.len());
    found
}
