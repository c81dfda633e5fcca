//! Commands about the only live job, without its id.

use qadmin_harness::Server;

use crate::support::{LONG, QUEUE, about, filled, qadmin, rest, slow, target, tell, terminal};

/// Starts a clear that takes long, and returns its id.
fn started(server: &Server, more: &[&str]) -> String {
    let args = [&["--all", "--yes", QUEUE, "--no-wait", "--json"], more].concat();
    let json = qadmin(server, &about("clear", &target(), &args)).ended(0).json();
    json["job_id"].as_str().expect("an id").to_owned()
}

fn status(server: &Server, id: &str) -> String {
    let json = qadmin(server, &["status", id, "--json"]).json();
    json["status"].as_str().expect("a status").to_owned()
}

#[test]
fn the_only_live_job_needs_no_id() {
    let server = slow();
    filled(&server, LONG);
    let mut conn = server.conn();
    for command in ["watch", "pause", "resume", "cancel"] {
        let none = qadmin(&server, &[command]).ended(9);
        assert!(none.err.contains(&format!("to {command}")) && none.err.contains("qadmin jobs"), "{none:?}");
    }
    let id = started(&server, &["--rate", "10"]);
    let paused = qadmin(&server, &["pause"]).ended(0);
    assert!(paused.out.contains(&id) && paused.out.contains("paused"), "{paused:?}");
    // It is paused, so there is none that could be paused.
    qadmin(&server, &["pause"]).ended(9);
    assert!(qadmin(&server, &["throttle", "--rate", "20"]).ended(0).out.contains(&id));
    assert!(qadmin(&server, &["resume", "--queue", QUEUE]).ended(0).out.contains(&id));
    qadmin(&server, &["resume"]).ended(9);
    qadmin(&server, &["throttle", "--rate", "20", "--queue", "other"]).ended(9);

    // A script has to name the job that it cancels.
    let script = qadmin(&server, &["cancel"]).ended(3);
    assert!(script.err.contains(&format!("qadmin cancel {id} --queue celery")), "{script:?}");
    for (answer, code, state) in [("n", 3, "running"), ("", 3, "running"), ("y", 0, "cancelled")] {
        let mut session = terminal(&server, &["cancel"]);
        let shown = session.exp_string(&format!("Cancel job {id}? [y/N] ")).expect("a question");
        assert!(shown.contains("clear of celery"), "{shown}");
        session.send_line(answer).expect("typing");
        let (after, ended) = rest(session);
        assert_eq!(ended, code, "{after}");
        assert_eq!(status(&server, &id), state);
    }
    let again = started(&server, &["--rate", "10"]);
    let mut session = terminal(&server, &["watch"]);
    session.exp_string("celery [").expect("a bar");
    tell(&mut conn, &format!("QADMIN.CANCEL {again}"));
    let (after, code) = rest(session);
    assert!(code == 4 && after.contains(&again), "{after}");
}

#[test]
fn of_several_live_jobs_one_has_to_be_named() {
    let server = slow();
    filled(&server, LONG);
    let both = [started(&server, &["--rate", "10"]), started(&server, &["--rate", "11"])];
    for args in [&["watch"][..], &["pause"], &["cancel"], &["throttle", "--duty", "3"]] {
        let several = qadmin(&server, args).ended(2);
        assert!(several.err.contains(&format!("qadmin {} JOB", args[0])), "{several:?}");
        assert!(both.iter().all(|id| several.err.contains(id)), "{several:?}");
    }
    // One that is paused is the only one that can be resumed.
    qadmin(&server, &["pause", &both[0]]).ended(0);
    assert!(qadmin(&server, &["resume"]).ended(0).out.contains(&both[0]));
    qadmin(&server, &["cancel", "--all"]).ended(0);
}
