//! Escaping: a user who can push a message chooses names. No control sequence in them reaches a terminal.

use qadmin_harness::Server;
use redis::Value;

use crate::support::{at, qadmin, rest, terminal};

/// Clears the screen, sets the title, rings the bell, starts an escape sequence with a C1 byte, changes the text direction.
const EVIL: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}<b>\r\nx";

fn push(server: &Server, queue: &str) {
    let message = serde_json::json!({
        "body": "W1tdLCB7InJlcG9pZCI6IDF9LCB7fV0=",
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"task": EVIL, "id": EVIL, "lang": "py", "argsrepr": EVIL, "retries": 0},
        "properties": {"body_encoding": "base64", "delivery_tag": "x"}
    });
    let _: i64 =
        redis::cmd("LPUSH").arg(queue).arg(message.to_string()).query(&mut server.conn()).expect("LPUSH");
}

fn harmless(what: &str, text: &str) {
    let evil = |c: char| c != '\n' && (c.is_control() || ('\u{2000}'..'\u{2070}').contains(&c));
    assert!(!text.contains(evil), "{what}: {text:?}");
}

#[test]
fn no_byte_of_a_message_or_a_name_controls_the_terminal() {
    let server = Server::start();
    let queue = format!("q{EVIL}");
    push(&server, &queue);
    let all = ["--where", "retries = 0"];
    let preview = ["preview", &queue, all[0], all[1], "--fields", "task,id,argsrepr"];
    let clear =
        ["clear", &queue, all[0], all[1], "--keep-one", "--yes", &queue, "--reason", EVIL, "--actor", EVIL];
    let wrong = ["clear", &queue, all[0], all[1], "--all", "--yes", EVIL];
    let mut shown = 0;
    for args in [
        &preview[..],
        &clear,
        &wrong,
        &["jobs"],
        &["queues"],
        &["fields", &queue],
        &["show", &queue, EVIL],
        &["jobs", &queue],
        &["preview", &queue, "--task", EVIL],
    ] {
        let as_text = qadmin(&server, args);
        let as_json = qadmin(&server, &[args, &["--json"]].concat());
        for run in [&as_text, &as_json] {
            harmless(args[0], &run.out);
            harmless(args[0], &run.err);
            shown += run.out.matches("owned").count();
        }
        assert!(!as_json.json().is_null(), "{as_json:?}");
    }
    assert!(shown > 10, "the names are shown, as text");
    // The JSON contains the same strings.
    let json = qadmin(&server, &[&preview[..], &["--json"]].concat()).ended(0).json();
    assert_eq!((&json["queue"], &json["sample"][0]["task"]), (&queue.as_str().into(), &EVIL.into()));
}

#[test]
fn a_name_that_is_not_text_is_shown_and_kept_whole() {
    use std::os::unix::ffi::OsStrExt as _;
    let server = Server::start();
    let _: i64 = redis::cmd("LPUSH").arg(&b"\xffq"[..]).arg("{}").query(&mut server.conn()).expect("LPUSH");
    let mut command = crate::support::program(&server.url(0));
    command.arg("clear").arg(std::ffi::OsStr::from_bytes(b"\xffq")).args([
        "--where",
        "bytes = 2",
        "--all",
        "--yes",
    ]);
    command.arg(std::ffi::OsStr::from_bytes(b"\xffq"));
    let run = crate::support::finish(command).ended(0);
    assert!(run.out.contains(r"\xffq") && run.out.contains("Cleared 1 of 1"), "{run:?}");
    assert!(qadmin(&server, &["jobs"]).out.contains(r"\xffq"));
}

#[test]
fn a_server_that_sends_escapes_in_its_errors_is_escaped_too() {
    let server = Server::start();
    // The server's error repeats the name of the command.
    let error = redis::cmd(EVIL).query::<Value>(&mut server.conn()).expect_err("no such command");
    assert!(error.to_string().contains("owned"));
    let url = format!("redis://%1b%5b2J%07:x@127.0.0.1:{}/", server.port());
    harmless("login", &at(&url, &["jobs"]).ended(6).err);
    harmless("address", &at("redis://%1b%5b2J/\u{1b}[2J", &["jobs"]).err);
}

#[test]
fn the_bar_and_the_question_are_safe_as_well() {
    let server = crate::support::slow();
    let queue = format!("q{EVIL}");
    for _ in 0..20 {
        push(&server, &queue);
    }
    let mut session = terminal(&server, &["clear", &queue, "--where", "retries = 0", "--all"]);
    let before = session.exp_string("Type the name of the queue").expect("a question");
    let shown = session.exp_string("): ").expect("the name");
    assert!(shown.contains(r"q\x1b[2J"), "{shown:?}");
    // The escaped form can be typed.
    let name = shown.trim_start_matches(" to clear it (");
    session.send_line(name).expect("typing");
    let (after, code) = rest(session);
    assert_eq!(code, 0, "{after}");
    for text in [before, after] {
        assert!(
            !text.contains("\u{1b}]0")
                && !text.contains("\u{1b}[2J")
                && !text.contains('\u{7}')
                && !text.contains('\u{202e}'),
            "{text:?}"
        );
    }
}
