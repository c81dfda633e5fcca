//! A clear that was interrupted is continued, from the terminal and on the page.

use qadmin_harness::{Fields as _, Server, fill_examples};

use crate::support::page::Page;
use crate::support::{QUEUE, job, qadmin, target};

const ID: &str = "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02";

/// Starts a clear and interrupts it before it has removed a message: the server is killed.
fn interrupted() -> Server {
    let mut server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let mut all = redis::pipe();
    all.atomic().cmd("QADMIN.CLEARJOB").arg(QUEUE).arg(target_words());
    all.arg(&["ALL", "CONFIRM", QUEUE, "ID", ID, "REASON", "floods"]);
    all.cmd("QADMIN.PAUSE").arg(ID);
    all.exec(&mut server.conn()).expect("EXEC");
    redis::cmd("SAVE").exec(&mut server.conn()).expect("SAVE");
    server.kill9();
    server.start_again();
    assert_eq!(job(&mut server.conn(), ID).text("status"), "interrupted");
    server
}

/// The filter of [`target`] as words of the command.
fn target_words() -> Vec<String> {
    let options: Vec<String> = target().iter().map(ToString::to_string).collect();
    options.iter().map(|word| word.strip_prefix("--").map_or(word.clone(), str::to_uppercase)).collect()
}

#[test]
fn the_status_of_an_interrupted_clear_names_the_command_that_continues_it() {
    let server = interrupted();
    let shown = qadmin(&server, &["status", ID]).ended(4).out;
    let command = format!("resume {ID} --queue {QUEUE}");
    assert!(shown.contains(&format!("Continue: qadmin {command}\n")), "{shown}");
    let words: Vec<&str> = command.split(' ').collect();
    let next = qadmin(&server, &words).ended(0).out;
    assert!(next.contains(&format!("job {ID}, which removed 0 messages")), "{next}");
    assert!(next.contains("floods") && !next.contains("Continue:"), "{next}");
    // The command is repeated: the same job.
    let again = qadmin(&server, &[&words[..], &["--json"]].concat()).ended(0).json();
    let id = again["job_id"].as_str().expect("an id").to_owned();
    qadmin(&server, &["watch", &id]).ended(0);
    let ended = job(&mut server.conn(), &id);
    assert_eq!((ended.text("status"), ended.int("deleted")), ("completed".into(), 61));
    let shown = qadmin(&server, &["status", ID]).ended(4).out;
    assert!(shown.contains(&id) && !shown.contains("Continue:"), "{shown}");
}

#[test]
fn the_page_of_an_interrupted_clear_continues_it_and_leads_to_the_new_job() {
    let server = interrupted();
    let page = Page::start(&server.url(0), &[]);
    let place = format!("job={ID}&queue={QUEUE}");
    let body = page.get(&format!("/job?{place}")).with(200).body;
    assert!(body.contains("Continue the clear") && body.contains("after 0 messages"), "{body}");
    page.post(&format!("/resume?{place}"), "csrf=wrong").with(403);
    let started = page.post(&format!("/resume?{place}"), &format!("csrf={}", page.csrf())).with(303);
    let to = started.header("location").expect("a place").to_owned();
    assert!(!to.contains(ID), "{to}");
    let next = page.get(&to).with(200).body;
    assert!(next.contains("Continues") && next.contains(&format!("/job?job={ID}")), "{next}");
    let before = page.get(&format!("/job?{place}")).with(200).body;
    assert!(before.contains("Continued by") && !before.contains("Continue the clear"), "{before}");
}
