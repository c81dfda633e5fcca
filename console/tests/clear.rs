//! `qadmin clear`, as scripts use it.

use qadmin_harness::{Fields as _, Server, fill_examples};
use redis::Commands as _;

use crate::support::{QUEUE, about, finish, job, program, qadmin, target};

fn depth(server: &Server) -> u64 {
    server.conn().llen(QUEUE).expect("LLEN")
}

#[test]
fn nothing_is_cleared_without_the_queues_name() {
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
    assert!(run.out.contains("! 4 messages cannot be read"), "{run:?}");
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
    assert_eq!(run.err, "", "a script gets no message twice");
    let mut named = program(&server.url(0));
    named.env("QADMIN_ACTOR", "night shift");
    named.args(["clear", QUEUE, "--repoid", "1", "--all", "--yes", QUEUE, "--json"]);
    assert_eq!(finish(named).ended(0).json()["actor"], "night shift");
}

#[test]
fn dry_run_reports_removals_and_keep_one_keeps_one() {
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
fn what_is_moved_comes_back_by_the_command_that_is_printed() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let before: Vec<Vec<u8>> = server.conn().lrange(QUEUE, 0, -1).expect("LRANGE");
    let dry = qadmin(&server, &about("clear", &target(), &["--all", "--to", "celery:parked", "--dry-run"]))
        .ended(0);
    assert!(
        dry.out.ends_with("Would clear 61 of 61 matching messages, moving them to celery:parked.\n"),
        "{dry:?}"
    );
    assert!(!dry.out.contains("Undo"), "{dry:?}");
    let moved = ["--all", "--to", "celery:parked", "--yes", QUEUE];
    let moved = qadmin(&server, &about("clear", &target(), &moved)).ended(0);
    assert!(moved.out.ends_with("Moved 61 of 61 matching messages to celery:parked.\n"), "{moved:?}");
    assert_eq!(server.conn().llen::<_, u64>("celery:parked"), Ok(61));
    let id = moved.err.trim().strip_prefix("job ").expect("the job is named").to_owned();
    let undo = |out: &str| out.lines().find_map(|line| line.strip_prefix("Undo: qadmin ")).map(str::to_owned);
    let command = undo(&moved.out).expect("the way back");
    // A later status shows it, too.
    assert_eq!(undo(&qadmin(&server, &["status", &id]).ended(0).out).as_ref(), Some(&command));
    assert_eq!(command, format!("undo {id} --queue celery"));
    let args = |more: &[&'static str]| -> Vec<String> {
        command.split(' ').chain(more.iter().copied()).map(str::to_owned).collect()
    };
    let run = |more: &[&'static str], exit| {
        let args = args(more);
        qadmin(&server, &args.iter().map(String::as_str).collect::<Vec<_>>()).ended(exit)
    };
    // Another user parks messages in the same list; they are kept there.
    let others = ["--task", "app.tasks.notify.Notify", "--all", "--to", "celery:parked", "--yes", QUEUE];
    qadmin(&server, &[&["clear", QUEUE], &others[..]].concat()).ended(0);
    let dry = run(&["--dry-run"], 0);
    assert!(dry.out.ends_with("Would move 61 messages from celery:parked back to celery.\n"), "{dry:?}");
    assert!(!dry.out.contains("Undo"), "{dry:?}");
    let unasked = run(&[], 3);
    assert!(unasked.err.contains("there is no terminal to ask for confirmation"), "{unasked:?}");
    let wrong = run(&["--yes", "celery"], 3);
    assert!(wrong.err.contains("not to \"celery\""), "{wrong:?}");
    let back = run(&["--yes", "celery:parked", "--front"], 0);
    assert!(
        back.out.ends_with("Moved 61 messages from celery:parked back to celery; 56 left there.\n"),
        "{back:?}"
    );
    assert!(!back.out.contains("Undo") && !back.out.contains("Continue"), "an undo is not undone: {back:?}");
    let undone = qadmin(&server, &["status", &id]).ended(0).out;
    assert!(undone.contains("61 of 61, by job ") && undo(&undone).is_none(), "{undone}");
    assert!(run(&["--yes", "celery:parked"], 1).err.contains("was undone by job"));
    assert_eq!(server.conn().llen::<_, u64>("celery:parked"), Ok(56));
    let after: Vec<Vec<u8>> = server.conn().lrange(QUEUE, 0, -1).expect("LRANGE");
    assert_eq!(after.len(), before.len() - 56);
    // The first match was number 12 in the queue; with --front it runs next.
    assert_eq!(after.last(), before.get(before.len() - 12));
    qadmin(&server, &about("clear", &target(), &["--all", "--front", "--yes", QUEUE])).ended(2);
    let same =
        qadmin(&server, &about("clear", &target(), &["--all", "--to", QUEUE, "--yes", QUEUE])).ended(1);
    assert!(same.err.contains("other than the queue itself"), "{same:?}");
    // A list of the job's own.
    let own = qadmin(&server, &about("clear", &target(), &["--all", "--park", "--yes", QUEUE])).ended(0);
    let id = own.err.trim().strip_prefix("job ").expect("the job is named").to_owned();
    let list = format!("celery:parked:{}", &id[..8]);
    assert!(own.out.ends_with(&format!("Moved 61 of 61 matching messages to {list}.\n")), "{own:?}");
    let back = qadmin(&server, &["undo", &id, "--yes", &list]).ended(0);
    assert!(back.out.contains("; 0 left there"), "{back:?}");
    qadmin(&server, &about("clear", &target(), &["--all", "--park", "--to", "x", "--yes", QUEUE])).ended(2);
}

#[test]
fn messages_of_other_kinds_are_read_as_they_are_meant() {
    let server = Server::start();
    let jobs = [
        ("queue:default", r#"{"class":"HardJob","args":[7],"jid":"abc","retry":true,"queue":"default"}"#),
        ("resque:queue:mail", r#"{"class":"Archive","args":[1]}"#),
        ("resque:queue:mail", r#"{"class":"Archive","args":[2]}"#),
    ];
    for (queue, job) in jobs {
        let _: i64 = server.conn().rpush(queue, job).expect("RPUSH");
    }
    let default = ["preview", "queue:default", "--task", "HardJob"];
    let taken_wrong = qadmin(&server, &default).ended(0);
    assert!(
        taken_wrong.out.contains("! The messages look like those of Sidekiq; use --as sidekiq"),
        "{taken_wrong:?}"
    );
    let run = qadmin(&server, &[&default[..], &["--as", "sidekiq", "--json"]].concat()).ended(0).json();
    assert_eq!((&run["match_count"], &run["message_kind"]), (&1.into(), &"sidekiq".into()));
    let stats = ["stats", "queue:default", "--by", "task", "--as", "sidekiq", "--json"];
    assert_eq!(qadmin(&server, &stats).ended(0).json()["groups"][0]["task"], "HardJob");
    let clear = ["clear", "queue:default", "--task", "HardJob", "--all", "--yes", "queue:default"];
    assert!(qadmin(&server, &clear).ended(1).err.contains("look like those of sidekiq"));
    let parked = qadmin(&server, &[&clear[..], &["--as", "sidekiq", "--to", "parked"]].concat()).ended(0);
    assert!(
        parked.out.contains("Undo: qadmin undo ") && parked.out.contains(" --queue queue:default"),
        "{parked:?}"
    );
    // In Resque's lists the head runs next.
    let mail =
        qadmin(&server, &["preview", "resque:queue:mail", "--task", "Archive", "--as", "resque"]).ended(0);
    let places: Vec<&str> = mail
        .out
        .lines()
        .filter(|line| line.contains("Archive"))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(places[places.len() - 2..], ["1", "2"], "{mail:?}");
    qadmin(&server, &["preview", "q", "--task", "a", "--as", "arq"]).ended(2);
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
