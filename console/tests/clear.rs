//! `qadmin clear`, as scripts use it.

use qadmin_harness::{Fields as _, Server, fill_examples};
use redis::Commands as _;

use crate::support::{QUEUE, about, finish, job, program, qadmin, target};

fn depth(server: &Server) -> u64 {
    server.conn().llen(QUEUE).expect("LLEN")
}

#[test]
fn nothing_goes_without_the_queues_name() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let run = qadmin(&server, &about("clear", &target(), &["--all"])).ended(3);
    assert!(run.err.contains("--yes 'celery'"), "{run:?}");
    let run = qadmin(&server, &about("clear", &target(), &["--all", "--json"])).ended(3);
    assert_eq!(run.json()["exit_code"], 3);
    let run = qadmin(&server, &about("clear", &target(), &["--all", "--yes", "celery2"])).ended(3);
    assert!(run.err.contains("is not the name of queue \"celery\""), "{run:?}");
    for usage in [&["--yes", "celery"][..], &["--all", "--keep-one", "--yes", "celery"], &["--all", "--yes"]]
    {
        qadmin(&server, &about("clear", &target(), usage)).ended(2);
    }
    qadmin(&server, &["clear", QUEUE, "--all", "--yes", QUEUE]).ended(2);
    assert_eq!(depth(&server), 1_051);
    assert_eq!(qadmin(&server, &["jobs", "--json"]).json(), serde_json::json!([]));
}

#[test]
fn a_confirmed_clear_says_what_it_did_and_who_wanted_it() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let more = ["--all", "--yes", QUEUE, "--reason", "floods the queue", "--actor", "jane"];
    let run = qadmin(&server, &about("clear", &target(), &more)).ended(0);
    assert!(run.out.ends_with("Cleared 61 of 61 matching messages.\n"), "{run:?}");
    assert!(run.out.contains("! 6 messages cannot be read"), "{run:?}");
    assert!(run.out.contains(" jane (Redis user default)"), "{run:?}");
    assert!(run.out.contains(" floods the queue"), "{run:?}");
    assert_eq!(depth(&server), 990);
    let id = run.err.trim().strip_prefix("job ").expect("the job is named at once").to_owned();
    let record = job(&mut server.conn(), &id);
    assert_eq!((record.text("actor"), record.text("reason")), ("jane".into(), "floods the queue".into()));
}

#[test]
fn a_clear_names_the_user_of_the_operating_system() {
    let server = Server::start();
    let run = qadmin(&server, &["clear", QUEUE, "--repoid", "1", "--all", "--yes", QUEUE, "--json"]).ended(0);
    let user = finish({
        let mut id = std::process::Command::new("id");
        id.arg("-un");
        id
    });
    assert_eq!(run.json()["actor"], user.out.trim());
    assert_eq!(run.err, "", "a script is told nothing twice");
    let mut named = program(&server.url(0));
    named.env("QADMIN_ACTOR", "night shift");
    named.args(["clear", QUEUE, "--repoid", "1", "--all", "--yes", QUEUE, "--json"]);
    assert_eq!(finish(named).ended(0).json()["actor"], "night shift");
}

#[test]
fn a_dry_run_says_what_would_go_and_keep_one_keeps_it() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let run = qadmin(&server, &about("clear", &target(), &["--keep-one", "--dry-run"])).ended(0);
    assert!(run.out.ends_with("Would clear 60 of 61 matching messages.\n"), "{run:?}");
    assert_eq!(depth(&server), 1_051);
    let json =
        qadmin(&server, &about("clear", &target(), &["--keepone", "--yes", QUEUE, "--json"])).ended(0).json();
    assert_eq!((&json["deleted"], &json["kept_index"]), (&60.into(), &(-12).into()));
    assert_eq!(depth(&server), 991);
}

#[test]
fn a_clear_can_be_bounded_and_refuses_more_than_was_expected() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let clear = |more: &[&str]| {
        let more: Vec<&str> = more.iter().copied().chain(["--yes", QUEUE, "--json"]).collect();
        qadmin(&server, &about("clear", &target(), &more))
    };
    let surprise = clear(&["--all", "--expect", "50", "--tolerance", "10"]).ended(4).json();
    assert!(surprise["error"].as_str().is_some_and(|why| why.starts_with("EXPECT")), "{surprise}");
    assert_eq!(depth(&server), 1_051);
    assert_eq!(
        clear(&["--all", "--limit", "5", "--expect", "61", "--rate", "1000"]).ended(0).json()["deleted"],
        5
    );
    assert_eq!(depth(&server), 1_046);
    let newest = ["--keep-one", "--keep", "newest", "--dry-run", "--json"];
    let newest = qadmin(&server, &about("clear", &target(), &newest)).ended(0).json();
    assert_eq!(
        (&newest["would_delete"], newest["kept_index"].as_i64() < Some(-900)),
        (&55.into(), true),
        "{newest}"
    );
    assert_eq!(clear(&["--keep-one", "--by", "task"]).ended(0).json()["deleted"], 55);
    let left = qadmin(&server, &about("preview", &target(), &["--json"])).ended(0).json();
    assert_eq!(left["match_count"], 1);
    for usage in
        [&["--all", "--keep", "newest"][..], &["--all", "--by", "task"], &["--all", "--tolerance", "5"]]
    {
        clear(usage).ended(2);
    }
}

#[test]
fn the_same_id_starts_nothing_twice() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let id = "0b4f7c62-6d53-4c0e-9a57-0c2b8f1f3d11";
    let more = ["--all", "--yes", QUEUE, "--id", id, "--no-wait", "--json"];
    let first = qadmin(&server, &about("clear", &target(), &more)).ended(0).json();
    let again = qadmin(&server, &about("clear", &target(), &more)).ended(0).json();
    assert_eq!((&first["job_id"], &first["deduplicated"]), (&id.into(), &0.into()));
    assert_eq!((&again["job_id"], &again["deduplicated"]), (&id.into(), &1.into()));
    let watched = qadmin(&server, &["watch", id, "--json"]).ended(0).json();
    assert_eq!(watched["deleted"], 61);
}
