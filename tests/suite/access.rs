//! Permissions: the server's own rules by command and key, and the module's rules where the server cannot see
//! the key.

use qadmin_harness::{Fields as _, Server, eventually, maps, text};
use redis::{Connection, Value};

use crate::durability::{Filled, filter, queue, slow, start_clear, status, tell, until_deleted};
use crate::support::{ask, run, wait_for_job};

/// Every public command about a queue.
const COMMANDS: &str = "+qadmin.preview +qadmin.clearjob +qadmin.status +qadmin.cancel +qadmin.pause +qadmin.resume +qadmin.throttle \
     +qadmin.jobs +qadmin.queues +qadmin.stats +qadmin.fields +qadmin.help";

/// A user and the user's permissions.
struct Role {
    name: &'static str,
    rules: String,
    looks: bool,
    clears: bool,
    /// Whether the server lets the user call every command, but on other keys.
    only_keys_are_missing: bool,
}

fn roles() -> Vec<Role> {
    let role = |name, rules: &str, looks, clears, only_keys_are_missing| Role {
        name,
        rules: rules.to_string(),
        looks,
        clears,
        only_keys_are_missing,
    };
    vec![
        role("nobody", "~* -@all +ping +select", false, false, false),
        role(
            "looker",
            "%R~celery -@all +qadmin.preview +qadmin.status +qadmin.jobs +qadmin.queues +qadmin.stats +qadmin.fields",
            true,
            false,
            false,
        ),
        role("clearer", &format!("%RW~celery -@all {COMMANDS}"), true, true, true),
        // This user has the commands, but only permission to read the queue.
        role("reader", &format!("%R~celery -@all {COMMANDS}"), true, false, true),
        role("stranger", &format!("~other* -@all {COMMANDS}"), false, false, true),
        role("writer", &format!("%W~celery -@all {COMMANDS}"), false, false, true),
    ]
}

fn user(server: &Server, name: &str, rules: &str) -> Connection {
    tell(&mut server.conn(), &format!("ACL SETUSER {name} reset on nopass {rules}"));
    let mut conn = server.conn();
    tell(&mut conn, &format!("AUTH {name} x"));
    conn
}

/// Returns whether a command was permitted; the test fails on any other error than NOPERM.
fn permitted(conn: &mut Connection, line: &str) -> bool {
    match run(conn, line) {
        Ok(_) => true,
        Err(error) if error.code() == Some("NOPERM") => false,
        // This server does not have the category.
        Err(error) if error.to_string().contains("Unknown command or category") => false,
        Err(error) => panic!("{line}: {error}"),
    }
}

#[test]
fn each_role_can_do_only_what_its_rules_permit() {
    let server = Server::start();
    let mut admin = server.conn();
    Filled::new(&server, 200, 10.0);
    let ended = start_clear(&mut admin);
    wait_for_job(&mut admin, &ended);
    for role in roles() {
        let mut conn = user(&server, role.name, &role.rules);
        let name = role.name;
        let filter = filter();
        for (line, may) in [
            (format!("QADMIN.PREVIEW celery {filter}"), role.looks),
            (format!("QADMIN.PREVIEW celery {filter} NOCOUNT"), role.looks),
            ("QADMIN.STATS celery GROUPBY 1 task".to_string(), role.looks),
            ("QADMIN.FIELDS celery".to_string(), role.looks),
            // None of these roles has this right.
            ("QADMIN.SHOW celery some-id".to_string(), false),
            (format!("QADMIN.STATS celery {filter} GROUPBY 1 task BUST"), role.looks),
            (format!("QADMIN.STATUS {ended}"), role.looks),
            (format!("QADMIN.STATUS {ended} QUEUE celery"), role.looks),
            (format!("QADMIN.STATUS {ended} WAIT 0"), role.looks),
            (format!("QADMIN.CLEARJOB celery ALL {filter} CONFIRM celery"), role.clears),
            (format!("QADMIN.CLEARJOB celery DRYRUN {filter}"), role.clears),
            (format!("QADMIN.CANCEL {ended}"), role.clears),
            (format!("QADMIN.CANCEL {ended} QUEUE celery"), role.clears),
            (format!("QADMIN.PAUSE {ended}"), role.clears),
            (format!("QADMIN.RESUME {ended} QUEUE celery"), role.clears),
            (format!("QADMIN.THROTTLE {ended} RATE 1"), role.clears),
        ] {
            assert_eq!(permitted(&mut conn, &line), may, "{name}: {line}");
        }
        // A list shows what the caller may see; where there is nothing, the list is empty.
        let listed = run(&mut conn, "QADMIN.JOBS").map(|jobs| !maps(&jobs).is_empty());
        assert_eq!(listed.unwrap_or(false), role.looks, "{name}: QADMIN.JOBS");
        let listed = run(&mut conn, "QADMIN.QUEUES")
            .map(|found| !qadmin_harness::map(&found).rows("queues").is_empty());
        assert_eq!(listed.unwrap_or(false), role.looks, "{name}: QADMIN.QUEUES");
        if role.only_keys_are_missing {
            assert!(permitted(&mut conn, "QADMIN.HELP"), "{name}");
            let all = run(&mut conn, "QADMIN.CANCEL ALL").expect("CANCEL ALL ends what one may end");
            assert!(maps(&all).is_empty(), "{name}: nothing is live that is theirs");
        }
        assert!(!permitted(&mut conn, "QADMIN.APPLY celery 1 0 abcd") || role.clears, "{name}: QADMIN.APPLY");
    }
}

/// Returns whether a user with these rules may read (PREVIEW, STATUS, JOBS, HELP), and may start and end a
/// clear.
fn looks_and_clears(server: &Server, rules: &str, ended: &str) -> (bool, bool) {
    let mut conn = user(server, "cat", &format!("~celery {rules}"));
    let all = |conn: &mut Connection, lines: &[String]| {
        let may: Vec<bool> = lines.iter().map(|line| permitted(conn, line)).collect();
        assert!(may.iter().all(|one| *one == may[0]), "{rules}: {lines:?}: {may:?}");
        may[0]
    };
    let (filter, status) = (filter(), format!("QADMIN.STATUS {ended}"));
    let looks = [
        format!("QADMIN.PREVIEW celery {filter}"),
        status,
        "QADMIN.JOBS".into(),
        "QADMIN.QUEUES".into(),
        "QADMIN.STATS celery GROUPBY 1 task".into(),
        "QADMIN.FIELDS celery".into(),
        "QADMIN.HELP".into(),
    ];
    let clears = [
        format!("QADMIN.CLEARJOB celery ALL {filter} CONFIRM celery"),
        format!("QADMIN.CLEARJOB celery KEEPONE DRYRUN {filter}"),
        format!("QADMIN.CANCEL {ended}"),
    ];
    (all(&mut conn, &looks), all(&mut conn, &clears))
}

#[test]
fn acl_categories_permit_previews_and_clears() {
    let server = Server::start();
    let mut admin = server.conn();
    Filled::new(&server, 200, 10.0);
    let ended = start_clear(&mut admin);
    wait_for_job(&mut admin, &ended);
    // Redis 7.2 allows commands of modules in its own categories; 7.4 and Valkey 8 let modules add one.
    let info = format!("{:?}", run(&mut admin, "COMMAND INFO qadmin.clearjob").expect("COMMAND INFO"));
    let own = permitted(&mut admin, "ACL SETUSER probe +@qadmin");
    let has_categories = info.contains("@dangerous");
    assert!(has_categories || !own, "an own category and none of the server's");
    for (rules, looks, clears) in [
        ("+@all -@dangerous", true, false),
        ("-@all +@read", true, false),
        ("+@all -@read", false, true),
        ("-@all +@dangerous", false, true),
        ("-@all +@write", false, true),
        ("+@all -@write", true, false),
    ] {
        // Redis 7.0 knows the commands only by name: a command that is not removed by name is kept, and one
        // that is not added by name is not permitted.
        let all = rules.starts_with("+@all");
        let wanted = if has_categories { (looks, clears) } else { (all, all) };
        assert_eq!(looks_and_clears(&server, rules, &ended), wanted, "{rules}");
    }
    if own {
        assert_eq!(looks_and_clears(&server, "-@all +@qadmin", &ended), (true, true));
        assert_eq!(looks_and_clears(&server, "+@all -@qadmin", &ended), (false, false));
        assert_eq!(looks_and_clears(&server, "-@all +@qadmin -@dangerous", &ended), (true, false));
    }
    // By name the rules are the same on all servers.
    let named = "+@all -@dangerous -qadmin.clearjob -qadmin.cancel";
    assert_eq!(looks_and_clears(&server, named, &ended), (true, false));
}

#[test]
fn cancel_all_ends_only_what_the_caller_might_have_started() {
    let server = slow().start();
    let mut admin = server.conn();
    Filled::new(&server, 6_000, 40.0);
    let id = start_clear(&mut admin);
    let mut reader = user(&server, "reader", &format!("%R~celery -@all {COMMANDS}"));
    let mut clearer = user(&server, "clearer", &format!("~celery -@all {COMMANDS}"));
    assert!(maps(&run(&mut reader, "QADMIN.CANCEL ALL").expect("a list")).is_empty());
    until_deleted(&mut admin, &id, 100);
    let ended = maps(&run(&mut clearer, "QADMIN.CANCEL ALL").expect("a list"));
    assert_eq!(ended.iter().map(|job| job.text("status")).collect::<Vec<_>>(), ["cancelled"]);
    assert_eq!(status(&mut admin, &id).text("status"), "cancelled");
}

/// Harms the user of a clear while the clear runs.
fn harmed(harm: &str) {
    let server = slow().start();
    let mut admin = server.conn();
    let filled = Filled::new(&server, 20_000, 40.0);
    let mut ann = user(&server, "ann", &format!("~celery -@all {COMMANDS}"));
    let id = start_clear(&mut ann);
    until_deleted(&mut admin, &id, 100);
    tell(&mut admin, harm);
    // Other clients stay active: without them the job would end before the permissions are checked again.
    let mut end = Vec::new();
    eventually("the job ends", || {
        end = status(&mut admin, &id);
        !end.is_null("completed_at")
    });
    assert_eq!(end.text("status"), "failed", "{harm}: {end:?}");
    let error = end.text("error");
    assert!(error.starts_with("NOPERM") && error.contains("ann"), "{harm}: {error}");
    let stands = queue(&mut admin);
    assert_eq!(filled.missing(&stands), end.int("deleted"), "{harm}");
    assert!(end.int("deleted") < filled.matches(), "{harm}: the job was through before it was stopped");
    assert_eq!(server.info("qadmin_jobs_live").as_deref(), Some("0"));
    assert_eq!(queue(&mut admin), stands, "{harm}: nothing more is cleared");
}

#[test]
fn a_clear_whose_user_is_deleted_fails() {
    harmed("ACL DELUSER ann");
}

#[test]
fn a_clear_whose_user_loses_the_command_fails() {
    harmed("ACL SETUSER ann -qadmin.clearjob");
}

#[test]
fn a_clear_whose_user_loses_the_key_fails() {
    harmed("ACL SETUSER ann resetkeys %R~celery");
}

#[test]
fn a_clear_whose_user_is_deleted_before_the_first_slice_deletes_nothing() {
    let server = slow().start();
    let mut admin = server.conn();
    let filled = Filled::new(&server, 1_000, 40.0);
    let mut ann = user(&server, "ann", &format!("~celery -@all {COMMANDS} +client|pause +multi +exec +acl"));
    // This is one transaction, so no slice runs in between.
    let mut both = redis::pipe();
    both.atomic().cmd("QADMIN.CLEARJOB").arg("celery").arg("ALL");
    for word in filter().split(' ') {
        both.arg(word);
    }
    both.arg("CONFIRM").arg("celery").cmd("ACL").arg("SETUSER").arg("ann").arg("resetkeys");
    let replies: Vec<Value> = both.query(&mut ann).expect("EXEC");
    let id = qadmin_harness::map(&replies[0]).text("job_id");
    let end = wait_for_job(&mut admin, &id);
    assert_eq!((end.text("status"), end.int("deleted")), ("failed".into(), 0), "{end:?}");
    assert_eq!(filled.missing(&queue(&mut admin)), 0);
}

#[test]
fn refusals_are_in_the_acl_log_and_worded_by_the_server() {
    let server = Server::start();
    let mut admin = server.conn();
    Filled::new(&server, 100, 10.0);
    let id = start_clear(&mut admin);
    wait_for_job(&mut admin, &id);
    let mut eve = user(&server, "eve", &format!("~other -@all {COMMANDS}"));
    let mut raw = server.raw();
    raw.line("AUTH eve x");
    for line in
        ["QADMIN.PREVIEW celery TASK x", &format!("QADMIN.STATUS {id}"), &format!("QADMIN.CANCEL {id}")]
    {
        tell(&mut admin, "ACL LOG RESET");
        assert!(!permitted(&mut eve, line), "{line}");
        let reply = raw.line(line);
        assert!(reply.starts_with("-NOPERM ") && reply.ends_with("\r\n"), "{line}: {reply}");
        let Value::Array(entries) = run(&mut admin, "ACL LOG").expect("ACL LOG") else { panic!("a list") };
        let entry = qadmin_harness::map(entries.first().unwrap_or_else(|| panic!("{line}: no entry")));
        assert_eq!((entry.text("reason"), entry.text("object")), ("key".into(), "celery".into()), "{line}");
        assert_eq!(entry.text("username"), "eve");
    }
    // A user who may not know of a job does not learn that it exists by naming another queue.
    let unknown = run(&mut eve, &format!("QADMIN.STATUS {id} QUEUE other")).expect_err("no such job there");
    assert_eq!(unknown.code(), Some("NOJOB"), "{unknown}");
}

#[test]
fn the_jobs_of_others_are_not_listed_and_the_user_is_named() {
    let server = Server::start();
    let mut admin = server.conn();
    tell(&mut admin, "LPUSH celery {}");
    tell(&mut admin, "LPUSH other {}");
    let mut ann = user(&server, "ann", &format!("~other -@all {COMMANDS}"));
    for (conn, name) in [(&mut admin, "celery"), (&mut ann, "other")] {
        let id = ask(conn, &format!("QADMIN.CLEARJOB {name} ALL TASK x CONFIRM {name}")).text("job_id");
        wait_for_job(conn, &id);
    }
    let names = |conn: &mut Connection| {
        let jobs = maps(&run(conn, "QADMIN.JOBS").expect("QADMIN.JOBS"));
        let mut names: Vec<_> = jobs.iter().map(|job| (job.text("queue"), job.text("user"))).collect();
        names.sort();
        names
    };
    assert_eq!(names(&mut ann), [("other".to_string(), "ann".to_string())]);
    assert_eq!(names(&mut admin).len(), 2);
    let refused = run(&mut ann, "QADMIN.JOBS QUEUE celery");
    assert!(refused.is_err_and(|error| error.code() == Some("NOPERM")), "the server sees the key");
    assert_eq!(text(&run(&mut admin, "PING").expect("PING")), "PONG");
}

/// Calls a command from a script; returns the ids of the jobs in its reply, or the reason for which it was
/// refused.
fn from_script(conn: &mut Connection, line: &str) -> Result<Vec<String>, String> {
    let words: Vec<&str> = line.split(' ').collect();
    let reply: redis::RedisResult<Value> =
        redis::cmd("EVAL").arg("return redis.call(unpack(ARGV))").arg(0).arg(words).query(conn);
    match reply.map_err(|error| error.to_string())? {
        Value::Array(jobs) if jobs.iter().all(|job| matches!(job, Value::Array(_))) => {
            Ok(jobs.iter().map(|job| qadmin_harness::map(job).text("job_id")).collect())
        }
        job => Ok(vec![qadmin_harness::map(&job).text("job_id")]),
    }
}

#[test]
fn a_script_shows_and_ends_what_its_caller_may_see_and_end() {
    let server = slow().start();
    let mut admin = server.conn();
    Filled::new(&server, 6_000, 40.0);
    tell(&mut admin, "COPY celery other");
    let theirs = start_clear(&mut admin);
    let clear = format!("QADMIN.CLEARJOB other ALL {} CONFIRM other", filter());
    let own = ask(&mut admin, &clear).text("job_id");
    let rules = format!("~other -@all +eval {COMMANDS}");
    let mut ann = user(&server, "ann", &format!("{rules} +acl|whoami"));
    assert_eq!(from_script(&mut ann, "QADMIN.JOBS"), Ok(vec![own.clone()]));
    assert_eq!(from_script(&mut ann, &format!("QADMIN.STATUS {own}")), Ok(vec![own.clone()]));
    for line in ["STATUS", "CANCEL", "PAUSE", "RESUME"] {
        let refused = from_script(&mut ann, &format!("QADMIN.{line} {theirs}")).expect_err(line);
        assert!(refused.contains("no permissions to access"), "{line}: {refused}");
    }
    // This user may not ask for the own name (`ACL WHOAMI`), so every command that depends on the name is
    // refused or shows nothing.
    let mut bob = user(&server, "bob", &rules);
    assert_eq!(from_script(&mut bob, "QADMIN.JOBS"), Ok(vec![]));
    assert_eq!(from_script(&mut bob, "QADMIN.CANCEL ALL"), Ok(vec![]));
    for line in ["STATUS", "CANCEL"] {
        let refused = from_script(&mut bob, &format!("QADMIN.{line} {own}")).expect_err(line);
        assert!(refused.contains("no permissions to access"), "{line}: {refused}");
    }
    assert_eq!(from_script(&mut ann, "QADMIN.CANCEL ALL"), Ok(vec![own]));
    assert_eq!(status(&mut admin, &theirs).text("status"), "running", "nobody ended it");
    assert_eq!(from_script(&mut admin, "QADMIN.CANCEL ALL"), Ok(vec![theirs]));
}

#[test]
fn script_can_preview_but_not_clear() {
    let server = Server::start();
    let mut conn = server.conn();
    let filled = Filled::new(&server, 200, 10.0);
    let id = start_clear(&mut conn);
    wait_for_job(&mut conn, &id);
    let words = filter().split(' ').map(|word| format!("'{word}'")).collect::<Vec<_>>().join(",");
    let script = |call: &str| format!("return redis.call({call})");
    let eval = |conn: &mut Connection, call: String| {
        redis::cmd("EVAL").arg(script(&call)).arg(1).arg("celery").query::<Value>(conn)
    };
    let preview = eval(&mut conn, format!("'QADMIN.PREVIEW',KEYS[1],{words}")).expect("a preview");
    let preview = qadmin_harness::map(&preview);
    assert_eq!(preview.text("mode"), "job", "a script cannot wait");
    for line in [format!("'QADMIN.STATUS','{id}'"), format!("'QADMIN.CANCEL','{id}'")] {
        let job = qadmin_harness::map(&eval(&mut conn, line).expect("a status"));
        assert_eq!(job.text("job_id"), id);
    }
    assert_eq!(maps(&eval(&mut conn, "'QADMIN.JOBS'".into()).expect("a list")).len(), 2);
    let clear = format!("'QADMIN.CLEARJOB',KEYS[1],'ALL',{words},'CONFIRM','celery'");
    eval(&mut conn, clear).expect_err("a script clears nothing");
    assert_eq!(queue(&mut conn), filled.survivors());
}
