//! `qadmin jobs`, `status` and `queues`, and the commands that control live jobs.

use qadmin_harness::{Fields as _, Server, fill_examples};

use crate::support::{LONG, QUEUE, about, filled, job, qadmin, slow, target, tell};

#[test]
fn jobs_are_listed_newest_first_with_who_and_why() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    assert_eq!(qadmin(&server, &["jobs"]).ended(0).out, "No jobs.\n");
    qadmin(&server, &about("preview", &target(), &[])).ended(0);
    qadmin(
        &server,
        &about("clear", &target(), &["--all", "--yes", QUEUE, "--actor", "jane", "--reason", "why not"]),
    )
    .ended(0);
    let run = qadmin(&server, &["jobs", QUEUE]).ended(0);
    let lines: Vec<_> = run.out.lines().collect();
    assert_eq!(lines.len(), 3, "{run:?}");
    assert!(lines[0].contains("started") && lines[0].contains("cleared"), "{run:?}");
    for word in [
        "clear",
        "completed",
        "celery",
        " 61",
        "jane",
        "why not",
        "TASK app.tasks.upload.Upload REPOID 147107",
    ] {
        assert!(lines[1].contains(word), "{word}: {run:?}");
    }
    assert!(lines[2].contains("preview") && lines[2].contains("default"), "{run:?}");
    assert_eq!(qadmin(&server, &["jobs", "--count", "1", "--json"]).json().as_array().map(Vec::len), Some(1));
    assert_eq!(qadmin(&server, &["jobs", "other", "--json"]).json(), serde_json::json!([]));
}

#[test]
fn jobs_are_listed_by_kind_status_and_user() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let preview = qadmin(&server, &about("preview", &target(), &["--bust", "--json"])).ended(0).json();
    assert_eq!(preview["mode"], "synchronous");
    qadmin(&server, &about("clear", &target(), &["--all", "--yes", QUEUE])).ended(0);
    let kinds = |args: &[&str]| -> Vec<String> {
        let jobs = qadmin(&server, &[&["jobs", "--json"], args].concat()).ended(0).json();
        jobs.as_array()
            .expect("a list")
            .iter()
            .map(|job| job["kind"].as_str().expect("a kind").to_owned())
            .collect()
    };
    assert_eq!(kinds(&["--kind", "clear"]), ["clear"]);
    assert_eq!(kinds(&["--kind", "preview", "--status", "completed"]), ["preview"]);
    assert_eq!(kinds(&["--status", "ended", "--started-by", "default"]), ["clear", "preview"]);
    assert!(kinds(&["--status", "live"]).is_empty() && kinds(&["--started-by", "ann"]).is_empty());
    let run = qadmin(&server, &["jobs", "--kind", "clears"]).ended(2);
    assert!(run.err.contains("preview, clear, stats, undo"), "{run:?}");
}

#[test]
fn jobs_are_named_by_their_first_digits() {
    let server = slow();
    filled(&server, LONG);
    let start = |id: &str| {
        let args = ["--all", "--yes", QUEUE, "--no-wait", "--id", id];
        qadmin(&server, &about("clear", &target(), &args)).ended(0);
    };
    start("6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02");
    assert!(qadmin(&server, &["pause", "6F1C"]).ended(0).out.contains("paused"));
    let status = qadmin(&server, &["status", "6f1c2b8e-4", "--json"]).ended(0).json();
    assert_eq!(status["job_id"], "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02");
    start("6f1cffff-4d7a-4b59-9a60-1c3f5e7d9b02");
    let run = qadmin(&server, &["cancel", "6f1c"]).ended(1);
    assert!(run.err.contains("AMBIGUOUS") && run.err.contains("6f1cffff-4d7a"), "{run:?}");
    qadmin(&server, &["cancel", "6f1cf"]).ended(0);
    qadmin(&server, &["cancel", "6f1c2"]).ended(0);
    let run = qadmin(&server, &["watch", "6f1c2"]).ended(4);
    assert!(run.out.contains("6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02"), "{run:?}");
    qadmin(&server, &["status", "6f1"]).ended(2);
    qadmin(&server, &["status", "6f1d"]).ended(9);
}

#[test]
fn queues_are_listed_with_their_depth_and_what_runs_next() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let mut conn = server.conn();
    let step: Vec<u8> = redis::cmd("LINDEX").arg(QUEUE).arg(0).query(&mut conn).expect("LINDEX");
    let _: () = redis::cmd("LPUSH").arg("celery\x06\x163").arg(step).query(&mut conn).expect("LPUSH");
    let run = qadmin(&server, &["queues"]).ended(0);
    let row = run.out.lines().nth(1).expect("a row");
    for word in ["celery", "1,052", "0:1,051 3:1", "app.tasks."] {
        assert!(row.contains(word), "{word}: {run:?}");
    }
    assert!(!run.out.contains("waits"), "the age is not known: {run:?}");
    for list in ["celery", "celery\x06\x163"] {
        let _: redis::Value =
            redis::cmd("QADMIN.INDEX").arg("CREATE").arg(list).query(&mut conn).expect("CREATE");
    }
    let run = qadmin(&server, &["queues"]).ended(0);
    assert!(run.out.contains("next waits") && run.out.contains("oldest waits"), "{run:?}");
    let row = run.out.lines().nth(1).expect("a row");
    assert_eq!(row.matches(">= ").count(), 2, "of messages from before only a bound is known: {run:?}");
    assert_eq!(
        qadmin(&server, &["queues", "--glob", "x*", "--json"]).json()["queues"],
        serde_json::json!([])
    );
    let preview = qadmin(&server, &about("preview", &target(), &[])).ended(0);
    assert!(preview.out.contains("! 1 message in the other priority lists"), "{preview:?}");
    // A name with control characters is shown escaped, and can be typed unescaped.
    let other = qadmin(&server, &["preview", "celery\x06\x163", "--where", "bytes > 0"]).ended(0);
    assert!(other.out.contains(r"celery\x06\x163"), "{other:?}");
}

#[test]
fn messages_are_counted_by_any_fields() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let run = qadmin(&server, &["stats", QUEUE, "--top", "2"]).ended(0);
    for line in [" counted  1,051 messages", " groups   22"] {
        assert!(run.out.lines().any(|l| l == line), "{line}: {run:?}");
    }
    let row = run.out.lines().find(|line| line.starts_with(" app.tasks.upload.Upload")).expect("the largest");
    let words: Vec<_> = row.split_whitespace().collect();
    assert_eq!(words[1..], ["134", "12.7", "%", "184.7", "kB", "12", "1,051", &"#".repeat(20)]);
    assert!(run.out.contains(" 20 others ") && run.out.contains(" 846 "), "{run:?}");
    let args = [
        "stats",
        QUEUE,
        "--task",
        "app.tasks.upload.Upload",
        "--by",
        "repoid,kwargs.report_type",
        "--top",
        "1",
        "--json",
    ];
    let json = qadmin(&server, &args).ended(0).json();
    assert_eq!((&json["matched"], &json["groups"][0]["repoid"]), (&134.into(), &147_107.into()));
    qadmin(&server, &["stats", QUEUE, "--by", "nothing"]).ended(1);
}

#[test]
fn stats_that_take_a_job_are_waited_for() {
    let server = slow();
    filled(&server, 2_000);
    let named = qadmin(&server, &["stats", QUEUE, "--by", "repoid", "--no-wait", "--json"]).ended(0).json();
    assert_eq!((&named["mode"], &named["groups"]), (&"job".into(), &serde_json::Value::Null));
    let json = qadmin(&server, &["stats", QUEUE, "--by", "repoid", "--json"]).ended(0).json();
    assert_eq!(
        (&json["matched"], &json["total"], &json["job_id"]),
        (&2_000.into(), &2_000.into(), &named["job_id"])
    );
    assert!(json["groups"][0]["count"].as_u64() > Some(1), "{json}");
}

#[test]
fn a_live_job_is_paused_slowed_resumed_and_cancelled() {
    let server = slow();
    filled(&server, LONG);
    let started =
        qadmin(&server, &about("clear", &target(), &["--all", "--yes", QUEUE, "--no-wait", "--json"]))
            .ended(0)
            .json();
    let id = started["job_id"].as_str().expect("an id");
    assert!(qadmin(&server, &["pause", id]).ended(0).out.contains("paused"));
    let run = qadmin(&server, &["throttle", id, "--rate", "100"]).ended(0);
    assert!(run.out.contains("! throttled: at most 100 messages per second"), "{run:?}");
    qadmin(&server, &["throttle", id]).ended(2);
    let status = qadmin(&server, &["status", id, "--json"]).ended(0).json();
    assert_eq!(status["status"], "paused");
    assert!(qadmin(&server, &["resume", id]).ended(0).out.contains(" of 30,000 ("));
    let run = qadmin(&server, &["cancel", "--all", "--queue", QUEUE]).ended(0);
    assert!(run.out.starts_with("Cancelled 1 job:\n") && run.out.contains(id), "{run:?}");
    assert_eq!(job(&mut server.conn(), id).text("status"), "cancelled");
    // The job has ended, but not as completed.
    assert!(qadmin(&server, &["status", id]).ended(4).out.contains("cancelled"));
    qadmin(&server, &["watch", id, "--json"]).ended(4);
    assert_eq!(qadmin(&server, &["cancel", id, "--json"]).ended(0).json()["status"], "cancelled");
    assert_eq!(qadmin(&server, &["cancel", "--all"]).ended(0).out, "There was no live job to cancel.\n");
    tell(&mut server.conn(), "PING");
}
