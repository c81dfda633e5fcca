//! `qadmin preview`

use qadmin_harness::{Server, TARGET_REPOID, TARGET_TASK, eventually, fill_examples};

use crate::support::{LONG, QUEUE, about, at, filled, qadmin, slow, target, tell};

#[test]
fn people_see_count_sample_and_what_makes_the_count_doubtful() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let run = qadmin(&server, &about("preview", &target(), &["--sample", "2"])).ended(0);
    for line in [
        " queue    celery",
        " filter   TASK app.tasks.upload.Upload REPOID 147107",
        " depth    1,051 messages",
        " matches  61 (5.8 %, 83.8 kB)",
        "The first 2 of 61 matching messages:",
    ] {
        assert!(run.out.lines().any(|l| l == line), "{line}: {run:?}");
    }
    assert!(run.out.contains("! 1 message cannot be read"), "{run:?}");
    assert!(!run.out.contains("no JSON object"), "nothing is said of 0 elements: {run:?}");
    let row = run.out.lines().find(|line| line.contains("dde6b29f")).expect("the one that runs next");
    assert!(row.trim_start().starts_with("12  "), "{row}");
    assert_eq!(run.err, "", "without a terminal there is no bar and no colour");
    assert!(!run.out.contains('\x1b'));
}

#[test]
fn scripts_get_the_reply_of_the_server_as_it_is() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let json =
        qadmin(&server, &about("preview", &target(), &["--sample", "1", "--fields", "task,eta", "--json"]));
    let json = json.ended(0).json();
    assert_eq!(
        (&json["match_count"], &json["unreadable"], &json["mode"]),
        (&61.into(), &1.into(), &"synchronous".into())
    );
    let row: Vec<_> = json["sample"][0].as_object().expect("a row").keys().map(String::as_str).collect();
    assert_eq!(row, ["index", "bytes", "task", "eta"]);
    let skipped =
        qadmin(&server, &["preview", "celery", "--where", "eta EXISTS", "--no-count", "--json"]).json();
    assert_eq!((&skipped["mode"], &skipped["match_count"]), (&"skipped".into(), &serde_json::Value::Null));
}

#[test]
fn non_messages_are_reported() {
    let server = Server::start();
    let _: () =
        redis::cmd("RPUSH").arg("q").arg("{}").arg("no json").query(&mut server.conn()).expect("RPUSH");
    let run = qadmin(&server, &["preview", "q", "--where", "bytes < 100"]).ended(0);
    assert!(run.out.contains("! 1 element of the queue is not a JSON object"), "{run:?}");
    assert!(run.out.contains("The 2 matching messages:"), "{run:?}");
    let none = qadmin(&server, &["preview", "q", "--repoid", "1"]).ended(0);
    assert!(none.out.contains("No message matches."), "{none:?}");
    let missing = qadmin(&server, &["preview", "none", "--repoid", "1"]).ended(0);
    assert!(missing.out.contains("0 messages"), "{missing:?}");
}

#[test]
fn a_count_that_takes_a_job_is_waited_for_or_named() {
    let server = slow();
    let matches = filled(&server, 2_000);
    let mut conn = server.conn();
    // The job does not run until a client waits for it.
    let script = "local reply = redis.call('QADMIN.PREVIEW', KEYS[1], 'TASK', ARGV[1], 'REPOID', ARGV[2])
        for i = 1, #reply, 2 do
            if reply[i] == 'job_id' then redis.call('QADMIN.PAUSE', reply[i + 1]) return reply[i + 1] end
        end";
    let mut eval = redis::cmd("EVAL");
    eval.arg(script).arg(1).arg(QUEUE).arg(TARGET_TASK).arg(TARGET_REPOID);
    let id: String = eval.query(&mut conn).expect("a job");
    let named = qadmin(&server, &about("preview", &target(), &["--no-wait", "--json"])).ended(0).json();
    assert_eq!((&named["mode"], &named["match_count"]), (&"job".into(), &serde_json::Value::Null));
    assert_eq!(named["job_id"], id.as_str());
    let waited = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            qadmin(&server, &about("preview", &target(), &["--sample", "3", "--json"])).ended(0).json()
        });
        eventually("it waits", || server.info("blocked_clients").as_deref() == Some("1"));
        tell(&mut conn, &format!("QADMIN.RESUME {id}"));
        waiting.join().expect("it ends")
    });
    assert_eq!((&waited["mode"], &waited["match_count"]), (&"job".into(), &matches.into()));
    assert_eq!(waited["sample"].as_array().map(Vec::len), Some(3));
    assert_eq!(waited["job_id"], named["job_id"], "one scan for both");
}

#[test]
fn a_failed_count_shows_no_number_and_sets_the_exit_code() {
    let server = slow();
    filled(&server, LONG);
    let url = server.url(0);
    let run = std::thread::scope(|scope| {
        let run = scope.spawn(|| at(&url, &about("preview", &target(), &["--json"])));
        let id = crate::support::live_job(&mut server.conn());
        qadmin(&server, &["cancel", &id]).ended(0);
        run.join().expect("no panic")
    });
    let json = run.ended(4).json();
    assert_eq!((&json["mode"], &json["match_count"]), (&"failed".into(), &serde_json::Value::Null));
    assert!(json["count_error"].as_str().is_some_and(|why| why.contains("cancel")), "{json}");
}

#[test]
fn the_whole_grammar_of_conditions_can_be_typed() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    for (condition, canonical) in [
        ("kwargs.pullid = 48", "WHERE kwargs.pullid = 48"),
        ("retries >= 1", "WHERE retries >= 1"),
        ("kwargs.repoid IN 2 147107 1", "WHERE kwargs.repoid IN 2 1 147107"),
        ("task GLOB 'app.tasks.*'", "WHERE task GLOB app.tasks.*"),
        ("eta EXISTS", "WHERE eta EXISTS"),
        (r#"task = "a b""#, r#"WHERE task = "a b""#),
    ] {
        let json = qadmin(&server, &["preview", "celery", "--where", condition, "--json"]).ended(0).json();
        assert_eq!(json["filter"], canonical);
    }
    let two = qadmin(
        &server,
        &["preview", "celery", "--repoid", "147107", "--where", "retries = 0", "--commitid", "x", "--json"],
    );
    assert_eq!(two.ended(0).json()["filter"], "REPOID 147107 COMMITID x WHERE retries = 0");
}

#[test]
fn unacknowledged_messages_are_previewed_and_their_index_can_be_named() {
    let server = Server::start();
    let mut conn = server.conn();
    for n in 0..3 {
        let message = r#"[{"headers":{"task":"t"},"body":"","properties":{}},"","celery"]"#;
        redis::pipe()
            .hset("unacked", n, message)
            .ignore()
            .zadd("times", n, 1_700_000_000 + n)
            .exec(&mut conn)
            .expect("the server takes them");
    }
    let lost = qadmin(&server, &["preview", "unacked", "--task", "t"]).ended(0);
    assert!(lost.out.contains("check INDEX"), "{lost:?}");
    let found = qadmin(&server, &["preview", "unacked", "--task", "t", "--index", "times"]).ended(0);
    assert!(found.out.contains("The 3 matching messages:"), "{found:?}");
    assert!(found.out.contains("running tasks are not stopped"), "{found:?}");
    assert!(found.out.contains(" 2023-11-1"), "the time of delivery: {found:?}");
    let none =
        qadmin(&server, &["preview", "unacked", "--task", "no.such", "--index", "times", "--json"]).ended(0);
    assert_eq!(none.json()["container"], "unacked", "{none:?}");
    let stats = qadmin(&server, &["stats", "unacked", "--by", "routing_key", "--index", "times"]).ended(0);
    assert!(stats.out.contains("celery"), "{stats:?}");
    let line = ["clear", "unacked", "--task", "t", "--keep-one", "--index", "times", "--yes", "unacked"];
    qadmin(&server, &line).ended(0);
    assert_eq!(redis::cmd("HKEYS").arg("unacked").query::<Vec<u64>>(&mut conn), Ok(vec![0]));
}

#[test]
fn a_sorted_set_of_sidekiq_is_previewed_with_its_run_times() {
    let server = Server::start();
    let mut conn = server.conn();
    for n in 0..3 {
        let job = format!(r#"{{"class":"Upload","args":[{n}],"queue":"default","jid":"j{n}"}}"#);
        redis::cmd("ZADD").arg("retry").arg(1_700_000_000 + n).arg(job).exec(&mut conn).expect("ZADD");
    }
    let found = qadmin(&server, &["preview", "retry", "--task", "Upload"]).ended(0);
    assert!(found.out.contains("The 3 matching messages:") && found.out.contains("run_at"), "{found:?}");
    assert!(found.out.contains(" 2023-11-1"), "the time at which it runs: {found:?}");
    let stats = qadmin(&server, &["stats", "retry", "--by", "args.0"]).ended(0);
    assert!(stats.out.contains("33.3"), "{stats:?}");
    let listed = qadmin(&server, &["queues"]).ended(0);
    assert!(listed.out.lines().any(|line| line.contains("retry") && line.contains("Upload")), "{listed:?}");
    let line = ["clear", "retry", "--task", "Upload", "--keep-one", "--park", "--yes", "retry"];
    let moved = qadmin(&server, &line).ended(0);
    let undo =
        moved.out.lines().find_map(|line| line.strip_prefix("Undo: qadmin undo ")).expect("the way back");
    let id = undo.split(' ').next().expect("an id");
    let parked = format!("retry:parked:{}", &id[..8]);
    assert_eq!(redis::cmd("ZCARD").arg(&parked).query::<u64>(&mut conn), Ok(2));
    qadmin(&server, &["undo", id, "--yes", &parked]).ended(0);
    let scores: Vec<(String, u64)> =
        redis::cmd("ZRANGE").arg("retry").arg(0).arg(-1).arg("WITHSCORES").query(&mut conn).expect("ZRANGE");
    let scores: Vec<u64> = scores.into_iter().map(|(_, score)| score).collect();
    assert_eq!(scores, [1_700_000_000, 1_700_000_001, 1_700_000_002]);
}

/// The note about the missing sample appears only if none was requested.
#[test]
fn reused_count_shows_its_sample_or_says_why_not() {
    let server = Server::builder().module_args("sample-window 10").start();
    fill_examples(server.port()).expect("the queue is filled");
    for _ in 0..2 {
        let run = qadmin(&server, &about("preview", &target(), &["--sample", "2"])).ended(0);
        assert!(run.out.contains("The first 2 of 61 matching messages:"), "{run:?}");
    }
    let none = qadmin(&server, &about("preview", &target(), &["--sample", "0"])).ended(0);
    assert!(none.out.contains("No sample was asked for."), "{none:?}");
    let other = qadmin(&server, &about("preview", &target(), &["--fields", "task"])).ended(0);
    assert!(other.out.contains("There is no sample: ERR none of the messages that run next"), "{other:?}");
    assert!(!other.out.contains("No sample was asked for."), "{other:?}");
}

#[test]
fn inexact_matches_are_counted_on_request() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let closed = ["preview", QUEUE, "--where", "content_type = application/x-yaml"];
    let closed = [&closed[..], &["--where", "kwargs.repoid EXISTS"]].concat();
    let beside = qadmin(&server, &closed).ended(0);
    assert!(beside.out.contains("No message matches.") && beside.out.contains("with INEXACT"), "{beside:?}");
    let among = qadmin(&server, &[&closed[..], &["--inexact"]].concat()).ended(0);
    assert!(among.out.contains("The matching message:"), "{among:?}");
}
