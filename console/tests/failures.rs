//! Failures have a text, and each kind has an exit code.

use std::os::unix::process::CommandExt as _;

use qadmin_harness::{Server, fill_examples};

use crate::support::{QUEUE, Run, about, at, qadmin, target, tell};

fn says(run: &Run, words: &[&str]) {
    for word in words {
        assert!(run.err.contains(word), "{word}: {run:?}");
    }
    assert!(!run.out.contains("qadmin:"), "{run:?}");
}

#[test]
fn without_the_module_the_error_says_how_to_get_it() {
    let server = Server::plain();
    for args in [
        &["queues"][..],
        &["jobs"],
        &["preview", "q", "--repoid", "1"],
        &["clear", "q", "--repoid", "1", "--all", "--yes", "q"],
    ] {
        says(
            &qadmin(&server, args).ended(7),
            &["the module qadmin is not loaded", "loadmodule", "MODULE LOADEX"],
        );
    }
    assert_eq!(qadmin(&server, &["queues", "--json"]).ended(7).json()["exit_code"], 7);
}

#[test]
fn user_without_permission_gets_a_message() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let look = "%R~celery -@all +qadmin.preview +qadmin.status +qadmin.jobs";
    tell(&mut server.conn(), &format!("ACL SETUSER viewer on >secret {look}"));
    let url = format!("redis://viewer:secret@127.0.0.1:{}", server.port());
    // A preview needs no other permission.
    at(&url, &about("preview", &target(), &[])).ended(0);
    at(&url, &["jobs"]).ended(0);
    let run = at(&url, &about("clear", &target(), &["--all", "--yes", QUEUE])).ended(5);
    says(&run, &["the Redis user of this connection lacks the permission", "The server says: NOPERM"]);
    at(&url, &["preview", "other", "--repoid", "1"]).ended(5);
    at(&url, &["queues"]).ended(5);
}

#[test]
fn a_replica_shows_but_does_not_clear() {
    let (primary, replica) = (Server::start(), Server::start());
    fill_examples(primary.port()).expect("the queue is filled");
    replica.replica_of(&primary);
    let run = qadmin(&replica, &about("preview", &target(), &["--json"])).ended(0);
    assert_eq!(run.json()["match_count"], 61);
    let run = qadmin(&replica, &about("clear", &target(), &["--all", "--yes", QUEUE])).ended(8);
    says(&run, &["is a replica", "--redis"]);
}

#[test]
fn connection_failures_do_not_show_the_password() {
    let server = Server::start();
    let nowhere = at("redis://jane:hunter2@127.0.0.1:1/0", &["jobs"]).ended(6);
    says(&nowhere, &["no connection to 127.0.0.1:1"]);
    let login = at(&format!("redis://jane:hunter2@127.0.0.1:{}/0", server.port()), &["jobs"]).ended(6);
    let wrong = at("http://jane:hunter2@127.0.0.1/0", &["jobs"]).ended(2);
    let odd = at("redis://jane:hunter2@127.0.0.1:port/0", &["jobs"]).ended(2);
    let help = at("redis://jane:hunter2@127.0.0.1:1/0", &["--help"]).ended(0);
    for run in [nowhere, login, wrong, odd, help] {
        assert!(!format!("{run:?}").contains("hunter2"), "{run:?}");
    }
}

#[test]
fn an_unknown_job_and_a_filter_that_cannot_be() {
    let server = Server::start();
    let id = "00000000-0000-4000-8000-000000000000";
    for command in ["status", "watch", "cancel", "pause", "resume"] {
        says(&qadmin(&server, &[command, id]).ended(9), &["NOJOB no job with id"]);
    }
    says(
        &qadmin(&server, &["preview", "q", "--repoid", "x"]).ended(1),
        &["REPOID must be an integer, got \"x\""],
    );
    tell(&mut server.conn(), "SET text x");
    says(&qadmin(&server, &["preview", "text", "--repoid", "1"]).ended(1), &["WRONGTYPE"]);
    let field = qadmin(&server, &["preview", "q", "--where", "Retries > 1"]).ended(1);
    says(&field, &["unknown field \"Retries\"", "Did you mean retries?", "the field kwargs.Retries"]);
    says(&qadmin(&server, &["stats", "q", "--by", "account"]).ended(1), &["the field kwargs.account"]);
    qadmin(&server, &["status", "no-uuid"]).ended(2);
    qadmin(&server, &["preview", "q"]).ended(2);
    qadmin(&server, &["preview", "q", "--where", "repoid = 1 BUST"]).ended(2);
}

#[test]
fn a_reader_that_closes_the_pipe_ends_it_quietly() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let mut shell = std::process::Command::new("sh");
    shell.arg0("sh").args(["-c", "\"$0\" preview celery --where 'bytes > 0' --sample 100 | head -1"]);
    shell.arg(env!("CARGO_BIN_EXE_qadmin")).env("QADMIN_REDIS_URL", server.url(0));
    let run = crate::support::finish(shell);
    assert_eq!((run.out.as_str(), run.err.as_str()), (" queue        celery\n", ""));
}
