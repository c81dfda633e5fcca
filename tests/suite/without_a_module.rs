//! What the documentation advises where a server loads no module: the script that sorts a queue.

use std::collections::HashSet;
use std::process::{Child, Command, Stdio};

use qadmin_harness::{Factory, Server, Traffic, eventually, fill, python};

use crate::docs::read;

/// How many messages lie in the queue at first: many calls of the script.
const MESSAGES: u64 = 30_000;

/// Runs the script of the page with these arguments.
fn script(port: u16, args: &[&str]) -> Child {
    let page = read("docs/without-a-module.md");
    let (_, script) = page.split_once("\n```python\n").expect("the page has a script");
    let (script, _) = script.split_once("\n```\n").expect("the script has an end");
    Command::new(python().unwrap_or_else(|sentence| panic!("{sentence}")))
        .args(["-c", script])
        .args(args)
        .env("REDIS_URL", format!("redis://127.0.0.1:{port}/0"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python starts")
}

/// Waits for the end of a script, which must have succeeded, and returns what it printed.
fn ended(script: Child) -> String {
    let output = script.wait_with_output().expect("the script ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
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
    let said = ended(script(server.port(), &[]));
    let to_drop = factory.count(0..MESSAGES);
    assert!(said.contains(&format!("Of {length} messages {to_drop} are to be dropped.")), "{said}");
    assert!(said.contains("The first one that is to be dropped: b'{"), "{said}");
    assert_eq!(redis::cmd("LLEN").arg("celery").query::<u64>(&mut conn), Ok(length), "nothing is changed");
    // Other bytes than those of the messages before, and none that a later script drops.
    let traffic = Traffic::start(server.port(), "celery", Factory::new(8).share(0.0), 300);

    let mut interrupted = script(server.port(), &["move"]);
    let others = [(); 3].map(|()| script(server.port(), &["move"]));
    let held = || -> u64 { redis::cmd("LLEN").arg("celery:held").query(&mut server.conn()).expect("LLEN") };
    eventually("a script moves messages", || (1..length).contains(&held()));
    interrupted.kill().expect("the script runs or has ended");
    interrupted.wait().expect("the script ends");
    let mut said = vec![ended(script(server.port(), &["move"]))];
    said.extend(others.map(ended));
    assert!(said.iter().any(|said| said.contains("JSONDecodeError")), "what was not judged: {said:?}");

    let report = traffic.stop();
    let list = |key: &str| -> Vec<Vec<u8>> {
        redis::cmd("LRANGE").arg(key).arg(0).arg(-1).query(&mut server.conn()).expect("LRANGE")
    };
    assert_eq!(list("celery:held"), Vec::<Vec<u8>>::new());
    let in_order = |key: &str| -> Vec<Vec<u8>> { list(key).into_iter().rev().collect() };
    // Workers took some that match before the queue was out of their way.
    let popped: HashSet<&Vec<u8>> = report.popped.iter().collect();
    let (mut stay, mut drop) = (Vec::new(), Vec::new());
    for i in 0..MESSAGES {
        let (matches, message) = (factory.matches(i), factory.message(i));
        if matches && !popped.contains(&message) { &mut drop } else { &mut stay }.push(message);
    }
    assert!(!drop.is_empty() && in_order("celery:dropped") == drop, "what is dropped, in its order");

    stay.extend(ODD.map(|element| element.as_bytes().to_vec()));
    let mut pushed = Factory::new(8).share(0.0);
    let later: HashSet<Vec<u8>> = (0..report.pushed).map(|i| pushed.message(i)).collect();
    let all = report.popped.into_iter().chain(in_order("celery"));
    let (later_now, now): (Vec<_>, Vec<_>) = all.partition(|message| later.contains(message));
    assert!(now == stay, "what goes back, in its order: {} of {}", now.len(), stay.len());
    assert_eq!(later_now.len() as u64, report.pushed, "the messages that came meanwhile");
}
