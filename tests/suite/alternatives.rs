//! What the documentation advises where a server loads no module: the script that sorts a queue.

use std::collections::HashSet;
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

/// Elements that the script cannot judge.
const ODD: [&str; 4] = [
    "no JSON",
    "[1]",
    r#"{"headers":null,"body":""}"#,
    r#"{"headers":{"task":"app.tasks.upload.Upload"},"body":"!"}"#,
];

/// Several people run the script, one of them twice because it was interrupted, while producers and workers go on.
#[test]
fn the_script_for_servers_without_modules_sorts_a_queue_exactly() {
    let server = Server::start();
    let mut conn = server.conn();
    let mut factory = Factory::new(7).share(6.0);
    fill(server.port(), "celery", 0..MESSAGES, &mut factory).expect("the queue is filled");
    redis::cmd("LPUSH").arg("celery").arg(&ODD).exec(&mut conn).expect("LPUSH");
    let length = MESSAGES + ODD.len() as u64;
    let moved: i64 =
        redis::cmd("RENAMENX").arg("celery").arg("celery:held").query(&mut conn).expect("RENAMENX");
    assert_eq!(moved, 1);
    // Other bytes than those of the messages before.
    let traffic = Traffic::start(server.port(), "celery", Factory::new(8).share(6.0), 300);

    let mut interrupted = script(server.port());
    let others = [(); 3].map(|()| script(server.port()));
    let held = || -> u64 { redis::cmd("LLEN").arg("celery:held").query(&mut server.conn()).expect("LLEN") };
    eventually("a script moves messages", || held() < length);
    interrupted.kill().expect("the script runs or has ended");
    interrupted.wait().expect("the script ends");
    ended(script(server.port()));
    others.into_iter().for_each(ended);

    let report = traffic.stop();
    let list = |key: &str| -> Vec<Vec<u8>> {
        redis::cmd("LRANGE").arg(key).arg(0).arg(-1).query(&mut server.conn()).expect("LRANGE")
    };
    assert_eq!(list("celery:held"), Vec::<Vec<u8>>::new());
    let in_order = |key: &str| -> Vec<Vec<u8>> { list(key).into_iter().rev().collect() };
    let (stay, drop): (Vec<u64>, Vec<u64>) = (0..MESSAGES).partition(|i| !factory.matches(*i));
    let mut messages =
        |numbers: Vec<u64>| -> Vec<Vec<u8>> { numbers.into_iter().map(|i| factory.message(i)).collect() };
    let (mut stay, drop) = (messages(stay), messages(drop));
    assert!(!drop.is_empty() && in_order("celery:dropped") == drop, "what is dropped, in its order");

    stay.extend(ODD.map(|element| element.as_bytes().to_vec()));
    let mut pushed = Factory::new(8).share(6.0);
    let later: HashSet<Vec<u8>> = (0..report.pushed).map(|i| pushed.message(i)).collect();
    let all = report.popped.into_iter().chain(in_order("celery"));
    let (later_now, now): (Vec<_>, Vec<_>) = all.partition(|message| later.contains(message));
    assert!(now == stay, "what goes back, in its order: {} of {}", now.len(), stay.len());
    assert_eq!(later_now.len() as u64, report.pushed, "the messages that came meanwhile");
}
