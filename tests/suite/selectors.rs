//! ACL selectors are not combined: one selector must permit a command and every key that it touches,
//! including the keys that the server does not see among the arguments.

use qadmin_harness::{Fields as _, Server, eventually, map, maps};
use redis::Connection;

use crate::durability::{Filled, filter, slow, start_clear, status, tell, until_deleted};
use crate::stage::set;
use crate::support::{ask, run, wait_for_job};

/// Creates a user with these selectors and no root rules.
fn user(server: &Server, selectors: &[String]) -> Connection {
    let selectors = selectors.iter().map(|rules| format!("({rules})")).collect::<Vec<_>>().join(" ");
    tell(&mut server.conn(), &format!("ACL SETUSER ann reset on nopass -@all {selectors}"));
    let mut conn = server.conn();
    tell(&mut conn, "AUTH ann x");
    conn
}

/// A command, and the permissions that it needs.
struct Case {
    line: String,
    command: &'static str,
    keys: &'static [&'static str],
    /// A further selector that the command needs in addition to its own.
    beside: &'static str,
}

fn case(line: impl Into<String>, command: &'static str, keys: &'static [&'static str]) -> Case {
    Case { line: line.into(), command, keys, beside: "" }
}

/// Returns whether the user is permitted this: for a list, whether it has any rows, and for a depth, whether
/// it is shown.
fn permitted(conn: &mut Connection, line: &str) -> bool {
    match run(conn, line) {
        Ok(_) if line.starts_with("AUTH") => true,
        Ok(reply) if line.starts_with("QADMIN.JOBS") || line.starts_with("QADMIN.CANCEL ALL") => {
            !maps(&reply).is_empty()
        }
        Ok(reply) if line.starts_with("QADMIN.QUEUES") => !map(&reply).rows("queues").is_empty(),
        Ok(reply) if line.contains("NOCOUNT") || line.contains("DRYRUN ALL") => {
            !map(&reply).is_null("other_priorities_depth")
        }
        Ok(_) => true,
        Err(error) if error.code() == Some("NOPERM") => false,
        Err(error) => panic!("{line}: {error}"),
    }
}

/// Returns all ways to split the permissions for a command: without each key, with that key granted to the
/// same command and to others in another selector, and the command alone.
fn torn(case: &Case) -> Vec<Vec<String>> {
    let Case { command, keys, .. } = case;
    let mut ways = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        let others: Vec<&str> =
            keys.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, key)| *key).collect();
        let others = others.join(" ");
        ways.push(vec![format!("{others} +{command}"), format!("{key} +lpush +llen")]);
        ways.push(vec![format!("{key} +lpush +llen +get"), format!("{others} +{command}")]);
        ways.push(vec![format!("~elsewhere {others} +{command}"), format!("{key} +@all -{command}")]);
        if keys.len() > 1 {
            ways.push(vec![format!("{others} +{command}"), format!("{key} +{command}")]);
        }
    }
    ways.push(vec![format!("+{command}"), format!("~* +@all -{command}")]);
    ways
}

fn check(server: &Server, case: &Case) {
    let beside = (!case.beside.is_empty()).then(|| case.beside.to_owned());
    for way in torn(case) {
        let way: Vec<String> = way.into_iter().chain(beside.clone()).collect();
        let mut conn = user(server, &way);
        assert!(!permitted(&mut conn, &case.line), "{}: {way:?} add up", case.line);
    }
    let whole = format!("{} +{}", case.keys.join(" "), case.command);
    for way in [vec![whole.clone()], vec!["~elsewhere +lpush".to_owned(), whole]] {
        let way: Vec<String> = way.into_iter().chain(beside.clone()).collect();
        let mut conn = user(server, &way);
        assert!(permitted(&mut conn, &case.line), "{}: {way:?} suffice", case.line);
    }
}

/// Names the lists of a queue `q` with priorities `q` and `q:3`.
fn name_lists(admin: &mut Connection) {
    set(admin, "sep :");
    redis::cmd("CONFIG")
        .arg(&["SET", "qadmin.priority-steps", "0 3"])
        .query::<()>(admin)
        .expect("CONFIG SET");
}

/// Creates the queues `prod` and `prod:3`, which are lists of one queue with priorities, `mine`, and
/// unacknowledged messages.
fn bed() -> (Server, Connection) {
    let server = Server::start();
    let mut admin = server.conn();
    name_lists(&mut admin);
    for key in ["prod", "prod:3", "mine"] {
        for id in 0..3 {
            let message = format!(r#"{{"headers":{{"task":"t","id":"{id}"}},"body":""}}"#);
            tell(&mut admin, &format!("LPUSH {key} {message}"));
        }
    }
    tell(&mut admin, "HSET unacked tag {}");
    tell(&mut admin, "ZADD unacked_index 1 tag");
    (server, admin)
}

#[test]
fn one_selector_must_permit_a_command_and_all_keys_of_its_queue() {
    let (server, _) = bed();
    for case in [
        case("QADMIN.PREVIEW prod TASK t PRIORITY ALL", "qadmin.preview", &["%R~prod", "%R~prod:3"]),
        case("QADMIN.STATS prod GROUPBY 1 task PRIORITY ALL", "qadmin.stats", &["%R~prod", "%R~prod:3"]),
        case("QADMIN.FIELDS prod PRIORITY ALL", "qadmin.fields", &["%R~prod", "%R~prod:3"]),
        case("QADMIN.SHOW prod 1 PRIORITY ALL", "qadmin.show", &["%R~prod", "%R~prod:3"]),
        case("QADMIN.FIELDS unacked", "qadmin.fields", &["%R~unacked", "%R~unacked_index"]),
        case("QADMIN.PREVIEW prod TASK t PRIORITY 3", "qadmin.preview", &["%R~prod", "%R~prod:3"]),
        case(
            "QADMIN.CLEARJOB prod TASK x PRIORITY ALL ALL CONFIRM prod",
            "qadmin.clearjob",
            &["~prod", "~prod:3"],
        ),
        case("QADMIN.CLEARJOB prod TASK x DRYRUN PRIORITY ALL", "qadmin.clearjob", &["~prod", "~prod:3"]),
        case(
            "QADMIN.CLEARJOB mine TASK x ALL CONFIRM mine TO prod",
            "qadmin.clearjob",
            &["~mine", "%W~prod"],
        ),
        case(
            "QADMIN.CLEARJOB prod TASK x ALL CONFIRM prod PRIORITY 3 TO mine",
            "qadmin.clearjob",
            &["~prod", "~prod:3", "%W~mine"],
        ),
        case("QADMIN.PREVIEW unacked TASK t", "qadmin.preview", &["%R~unacked", "%R~unacked_index"]),
        case("QADMIN.STATS unacked GROUPBY 1 task", "qadmin.stats", &["%R~unacked", "%R~unacked_index"]),
        case(
            "QADMIN.CLEARJOB unacked TASK x ALL CONFIRM unacked",
            "qadmin.clearjob",
            &["~unacked", "~unacked_index"],
        ),
    ] {
        check(&server, &case);
    }
}

#[test]
fn the_depth_of_other_lists_needs_one_selector_for_all_of_them() {
    let (server, _) = bed();
    for (line, command, own) in [
        ("QADMIN.PREVIEW prod TASK t NOCOUNT", "qadmin.preview", "%R~prod"),
        ("QADMIN.CLEARJOB prod TASK x DRYRUN ALL", "qadmin.clearjob", "~prod"),
    ] {
        for (selectors, told) in [
            (vec![format!("{own} +{command}"), "~prod:* +llen +lrange".to_owned()], false),
            (vec![format!("{own} +{command}"), format!("~prod:* +{command}")], false),
            (vec![format!("{own} %R~prod:* +{command}")], true),
        ] {
            let mut conn = user(&server, &selectors);
            assert_eq!(permitted(&mut conn, line), told, "{line}: {selectors:?}");
        }
    }
}

#[test]
fn one_selector_must_permit_a_command_and_all_lists_of_a_shown_job() {
    let (server, mut admin) = bed();
    let job = ask(&mut admin, "QADMIN.CLEARJOB prod TASK x PRIORITY ALL ALL CONFIRM prod").text("job_id");
    wait_for_job(&mut admin, &job);
    let keys = &["%R~prod", "%R~prod:3"];
    let shows = [
        case(format!("QADMIN.STATUS {job}"), "qadmin.status", keys),
        case(format!("QADMIN.STATUS {job} QUEUE prod"), "qadmin.status", keys),
        case(format!("QADMIN.STATUS {job} WAIT 0"), "qadmin.status", keys),
        case("QADMIN.JOBS", "qadmin.jobs", keys),
    ];
    for case in &shows {
        check(&server, case);
    }
    // The sample is from the preview of another user.
    set(&mut admin, "inline-limit 0");
    let preview = ask(&mut admin, "QADMIN.PREVIEW mine TASK t").text("job_id");
    check(&server, &case(format!("QADMIN.STATUS {preview}"), "qadmin.status", &["%R~mine"]));
    check(&server, &case("QADMIN.QUEUES GLOB mine", "qadmin.queues", &["%R~mine"]));
    // There are records without a job in memory.
    let other = Server::start();
    let mut there = other.conn();
    name_lists(&mut there);
    let dumped: Vec<u8> =
        redis::cmd("DUMP").arg(format!("qadmin:job:{job}")).query(&mut admin).expect("a record");
    let restore = |there: &mut Connection| {
        let mut restore = redis::cmd("RESTORE");
        restore.arg(format!("qadmin:job:{job}")).arg(0).arg(&dumped);
        restore.exec(there).expect("RESTORE");
    };
    // Valkey 8.1 reports no restored key before the first job.
    let first = ask(&mut there, "QADMIN.CLEARJOB q TASK x ALL CONFIRM q").text("job_id");
    wait_for_job(&mut there, &first);
    restore(&mut there);
    for case in &shows {
        check(&other, case);
    }
}

#[test]
fn job_control_needs_one_selector_that_may_start_it() {
    let (server, mut admin) = bed();
    let live = |admin: &mut Connection, line: &str| {
        let id = ask(admin, &format!("{line} RATE 1")).text("job_id");
        tell(admin, &format!("QADMIN.PAUSE {id}"));
        id
    };
    let clear = live(&mut admin, "QADMIN.CLEARJOB prod TASK t PRIORITY 3 ALL CONFIRM prod TO mine");
    for command in ["pause", "throttle", "resume"] {
        let line = match command {
            "throttle" => format!("QADMIN.THROTTLE {clear} RATE 1"),
            _ => format!("QADMIN.{} {clear}", command.to_uppercase()),
        };
        let command = ["qadmin.pause", "qadmin.throttle", "qadmin.resume"]
            .into_iter()
            .find(|name| name.ends_with(command))
            .expect("one of them");
        // The command may read the keys, and CLEARJOB may do what the job does.
        check(
            &server,
            &Case {
                line: line.clone(),
                command,
                keys: &["%R~prod", "%R~prod:3", "%W~mine"],
                beside: "~prod ~prod:3 %W~mine +qadmin.clearjob",
            },
        );
        let beside = match command {
            "qadmin.pause" => "~prod ~prod:3 ~mine +qadmin.pause",
            "qadmin.throttle" => "~prod ~prod:3 ~mine +qadmin.throttle",
            _ => "~prod ~prod:3 ~mine +qadmin.resume",
        };
        let keys = &["~prod", "~prod:3", "%W~mine"];
        check(&server, &Case { line, command: "qadmin.clearjob", keys, beside });
    }
    tell(&mut admin, &format!("QADMIN.PAUSE {clear}"));
    for (selectors, ended) in [
        (&["~prod ~prod:3 +qadmin.cancel", "~mine +lpush", "~prod ~prod:3 +qadmin.clearjob"][..], false),
        (&["~prod +qadmin.cancel", "~prod:3 %W~mine ~prod +qadmin.clearjob", "~* +llen"], false),
        (&["+qadmin.cancel", "~* +qadmin.clearjob"], false),
        (&["~prod %R~prod:3 %W~mine +qadmin.cancel", "~prod ~prod:3 %W~mine +qadmin.clearjob"], true),
    ] {
        let selectors: Vec<String> = selectors.iter().map(ToString::to_string).collect();
        let mut conn = user(&server, &selectors);
        let line = format!("QADMIN.CANCEL {clear}");
        assert_eq!(permitted(&mut conn, "QADMIN.CANCEL ALL"), ended, "{selectors:?}");
        // A job that has ended needs no permission for the key to which matches were moved.
        if !ended {
            assert!(!permitted(&mut conn, &line), "{selectors:?}");
        }
    }
    assert_eq!(status(&mut admin, &clear).text("status"), "cancelled");
}

#[test]
fn rights_follow_the_rules_without_selectors_and_with_odd_patterns() {
    let server = Server::start();
    let mut admin = server.conn();
    for key in ["f(x)", "\"q", "b)"] {
        tell(&mut admin, &format!("LPUSH {key} {{}}"));
    }
    let ids: Vec<String> = ["f(x)", "\"q", "b)"]
        .iter()
        .map(|key| ask(&mut admin, &format!("QADMIN.CLEARJOB {key} TASK x ALL CONFIRM {key}")).text("job_id"))
        .collect();
    for id in &ids {
        wait_for_job(&mut admin, id);
    }
    let sees = |rules: &[&str]| {
        let mut setuser = redis::cmd("ACL");
        setuser.arg("SETUSER").arg("ann").arg(&["reset", "on", "nopass", "-@all"]).arg(rules);
        setuser.query::<()>(&mut server.conn()).expect("ACL SETUSER");
        let mut conn = server.conn();
        tell(&mut conn, "AUTH ann x");
        ids.iter().map(|id| permitted(&mut conn, &format!("QADMIN.STATUS {id}"))).collect::<Vec<_>>()
    };
    assert_eq!(sees(&["~f(x)", "~\"q", "+qadmin.status"]), [true, true, false]);
    assert_eq!(sees(&["~f(x)", "~\"q", "+qadmin.status", "(~b) +get)"]), [true, true, false]);
    assert_eq!(sees(&["~f(x)", "+get", "(~b) +qadmin.status)"]), [false, false, true]);
    // The rules are checked again when they change, by a user with the same name.
    assert_eq!(sees(&["(~f(x) +qadmin.status)", "(~b) +get)"]), [true, false, false]);
    assert_eq!(sees(&["(~f(x) +get)", "(~b) +qadmin.status)"]), [false, false, true]);
}

/// Harms the user of a clear from `celery` to `other` while the clear runs.
fn harmed(before: &[&str], harm: &str) {
    let server = slow().start();
    let mut admin = server.conn();
    Filled::new(&server, 20_000, 40.0);
    let mut ann = user(&server, &before.iter().map(ToString::to_string).collect::<Vec<_>>());
    let line = format!("QADMIN.CLEARJOB celery ALL {} CONFIRM celery TO other", filter());
    let id = ask(&mut ann, &line).text("job_id");
    until_deleted(&mut admin, &id, 100);
    tell(&mut admin, harm);
    let mut end = Vec::new();
    eventually("the job ends", || {
        end = status(&mut admin, &id);
        !end.is_null("completed_at")
    });
    assert_eq!(end.text("status"), "failed", "{harm}: {end:?}");
    assert!(end.text("error").starts_with("NOPERM"), "{harm}: {end:?}");
}

#[test]
fn clear_ends_when_its_permissions_are_split() {
    let before = "~celery ~other +qadmin.clearjob";
    for harm in [
        "ACL SETUSER ann clearselectors (~celery +qadmin.clearjob) (~other +qadmin.clearjob +lpush)",
        "ACL SETUSER ann clearselectors (~celery +qadmin.clearjob) (~* +@all -qadmin.clearjob)",
    ] {
        harmed(&[before], harm);
    }
}

#[test]
fn clear_of_disabled_user_ends_and_none_begins() {
    harmed(&["~celery ~other +qadmin.clearjob"], "ACL SETUSER ann off");
    let server = Server::start();
    let mut admin = server.conn();
    Filled::new(&server, 10, 50.0);
    let mut ann = user(&server, &["~celery +qadmin.clearjob +qadmin.preview".to_owned()]);
    tell(&mut admin, "ACL SETUSER ann off");
    let refused = run(&mut ann, &format!("QADMIN.CLEARJOB celery ALL {} CONFIRM celery", filter()));
    let refused = refused.expect_err("a user who is off clears nothing");
    assert!(refused.code() == Some("NOPERM") && refused.to_string().contains("is disabled"), "{refused}");
    // Other users are not affected.
    let id = start_clear(&mut admin);
    assert_eq!(wait_for_job(&mut admin, &id).text("status"), "completed");
}
