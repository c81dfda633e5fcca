//! What the documentation advises where a server loads no module: the script that sorts a queue.

use std::collections::HashMap;
use std::process::{Child, Command, Stdio};

use qadmin_harness::{Factory, Server, Traffic, eventually, fill, python};

use crate::docs::read;

/// How many messages lie in the queue at first: many calls of the script.
const MESSAGES: u64 = 30_000;

/// Returns the script of the page, as a program.
fn script(port: u16) -> Child {
    let page = read("docs/alternatives.md");
    let (_, script) = page.split_once("\n```python\n").expect("the page has a script");
    let (script, _) = script.split_once("\n```\n").expect("the script has an end");
    Command::new(python().unwrap_or_else(|sentence| panic!("{sentence}")))
        .args(["-c", script])
        .env("REDIS_URL", format!("redis://127.0.0.1:{port}/0"))
        .stderr(Stdio::piped())
        .spawn()
        .expect("python starts")
}

/// Waits for the end of a script, which must have succeeded.
fn ended(script: Child) {
    let output = script.wait_with_output().expect("the script ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Returns the task in the headers of a message.
fn task(message: &[u8]) -> String {
    let message: serde_json::Value = serde_json::from_slice(message).expect("a message of the factory");
    message["headers"]["task"].as_str().expect("a message of the factory names its task").to_owned()
}

/// Several people run the script, one of them twice because it was interrupted, while producers and workers go on.
#[test]
fn the_script_for_servers_without_modules_sorts_a_queue_exactly() {
    let server = Server::start();
    let mut conn = server.conn();
    let mut factory = Factory::new(7).share(6.0);
    fill(server.port(), "celery", 0..MESSAGES, &mut factory).expect("the queue is filled");
    let moved: i64 =
        redis::cmd("RENAMENX").arg("celery").arg("celery:held").query(&mut conn).expect("RENAMENX");
    assert_eq!(moved, 1);
    // Other numbers than those of the messages before, and other bytes.
    let traffic = Traffic::start(server.port(), "celery", Factory::new(8).share(6.0), 300);

    let mut interrupted = script(server.port());
    let others = [(); 3].map(|()| script(server.port()));
    let held = || -> u64 { redis::cmd("LLEN").arg("celery:held").query(&mut server.conn()).expect("LLEN") };
    eventually("a script moves messages", || held() < MESSAGES);
    interrupted.kill().expect("the script runs or has ended");
    interrupted.wait().expect("the script ends");
    ended(script(server.port()));
    others.into_iter().for_each(ended);

    let report = traffic.stop();
    let list = |key: &str| -> Vec<Vec<u8>> {
        redis::cmd("LRANGE").arg(key).arg(0).arg(-1).query(&mut server.conn()).expect("LRANGE")
    };
    assert_eq!(list("celery:held"), Vec::<Vec<u8>>::new());
    let dropped = list("celery:dropped");
    let is_dropped = |message: &[u8]| task(message) == "app.tasks.notify.Notify";
    assert!(dropped.iter().all(|message| is_dropped(message)));

    let mut expected: HashMap<Vec<u8>, i64> = HashMap::new();
    let mut pushed = Factory::new(8).share(6.0);
    let all = (0..MESSAGES).map(|i| factory.message(i)).filter(|message| !is_dropped(message));
    for message in all.chain((0..report.pushed).map(|i| pushed.message(i))) {
        *expected.entry(message).or_default() += 1;
    }
    for message in list("celery").into_iter().chain(report.popped) {
        *expected.entry(message).or_default() -= 1;
    }
    assert!(expected.values().all(|count| *count == 0), "a message was lost, doubled or dropped");
    let of_the_queue = (0..MESSAGES).filter(|i| is_dropped(&factory.message(*i))).count();
    assert_eq!(dropped.len(), of_the_queue);
    assert!(of_the_queue > 0, "nothing was to be dropped");
}
