//! Null members are left out of RESP without VERBOSE, of every command that has a format, and of nothing else.

use qadmin_core::request::COMMANDS;
use qadmin_harness::{Fields as _, Server, map, text};
use redis::{Connection, Value};

use super::{ID, six};
use crate::stage::{set, target};
use crate::support::{Reply, ask, run, wait_for_job};

/// Returns whether a null is a member of a map in the reply, or an element of a list.
fn has_null(value: &Value) -> bool {
    match value {
        Value::Nil => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Map(pairs) => pairs.iter().any(|(_, value)| has_null(value)),
        _ => false,
    }
}

/// A command of each kind whose reply has null members, and those that have none.
fn lines() -> Vec<String> {
    let clear = format!("celery {} ALL", target());
    let mut lines = vec![
        format!("QADMIN.PREVIEW celery {} BUST", target()),
        format!("QADMIN.PREVIEW celery {} NOCOUNT", target()),
        format!("QADMIN.STATS celery {} GROUPBY 1 task BUST", target()),
        format!("QADMIN.CLEARJOB {clear} DRYRUN"),
        format!("QADMIN.CLEARJOB {clear} PARK CONFIRM celery ID {ID}"),
        format!("QADMIN.STATUS {ID} WAIT 0"),
        format!("QADMIN.CANCEL {ID}"),
        "QADMIN.CANCEL ALL".to_owned(),
        format!("QADMIN.PAUSE {ID}"),
        format!("QADMIN.RESUME {ID}"),
        format!("QADMIN.THROTTLE {ID} RATE 5"),
        "QADMIN.FIELDS celery TASK nosuch".to_owned(),
        "QADMIN.JOBS".to_owned(),
        "QADMIN.QUEUES".to_owned(),
        "QADMIN.INDEX CREATE celery".to_owned(),
        "QADMIN.INDEX INFO celery".to_owned(),
        "QADMIN.INDEX LIST".to_owned(),
        "QADMIN.INDEX DROP celery".to_owned(),
    ];
    lines.push(format!("QADMIN.UNDO {ID} DRYRUN"));
    lines
}

#[test]
fn every_command_with_a_format_leaves_out_nulls_unless_it_is_verbose() {
    let mut asked = Vec::new();
    for resp in [2, 3] {
        let server = six();
        let mut conn = if resp == 2 { server.conn() } else { server.conn3() };
        let mut with_nulls = 0;
        let next = ask(&mut conn, "QADMIN.PREVIEW celery WHERE bytes > 0 SAMPLE 1");
        let show = format!("QADMIN.SHOW celery {}", next.rows("sample")[0].text("id"));
        for line in std::iter::once(show).chain(lines()) {
            let name = line.split(' ').next().expect("a command").to_owned();
            let brief = run(&mut conn, &line).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert!(!has_null(&brief), "RESP{resp} {line}: {brief:?}");
            // What the first one changed is as it was, or changes nothing when it is sent again.
            let again = if line.contains("INDEX CREATE") || line.contains("INDEX DROP") {
                "QADMIN.INDEX LIST".to_owned()
            } else {
                line.clone()
            };
            let verbose = run(&mut conn, &format!("{again} VERBOSE"))
                .unwrap_or_else(|error| panic!("{again}: {error}"));
            with_nulls += usize::from(has_null(&verbose));
            let json = text(&run(&mut conn, &format!("{again} VERBOSE FORMAT JSON")).expect("JSON"));
            let plain = text(&run(&mut conn, &format!("{again} FORMAT json")).expect("JSON"));
            assert_eq!(json.contains("null"), plain.contains("null"), "{again}");
            assert_eq!(json.contains("null"), has_null(&verbose), "{again}: {json}");
            asked.push(name);
        }
        assert!(with_nulls >= 10, "RESP{resp}: {with_nulls} replies had nulls with VERBOSE");
    }
    for command in COMMANDS.iter().filter(|command| command.keywords().contains(&"FORMAT")) {
        assert!(asked.iter().any(|name| name == command.name), "{} was not asked", command.name);
    }
}

/// The names of the members of the first row of a sample.
fn row(reply: &Reply) -> Vec<String> {
    reply.rows("sample")[0].iter().map(|(name, _)| name.clone()).collect()
}

#[test]
fn rows_leave_out_default_fields_and_keep_those_that_fields_names() {
    let server = six();
    for mut conn in [server.conn(), server.conn3()] {
        set(&mut conn, "inline-limit 200000");
        let line = format!("QADMIN.PREVIEW celery {} BUST", target());
        let default = ["index", "bytes", "task", "id", "args", "kwargs", "retries"];
        assert_eq!(row(&ask(&mut conn, &line)), default, "the messages have no eta");
        let all = [&default[..], &["eta"]].concat();
        assert_eq!(row(&ask(&mut conn, &format!("{line} VERBOSE"))), all);
        let named = ask(&mut conn, &format!("{line} FIELDS 3 eta kwargs.nosuch retries"));
        assert_eq!(row(&named), ["index", "bytes", "eta", "kwargs.nosuch", "retries"]);
        let first = &named.rows("sample")[0];
        assert!(matches!(
            (first.get_field("eta"), first.get_field("kwargs.nosuch")),
            (Value::Nil, Value::Nil)
        ));
        assert_eq!(first.int("retries"), 0, "0 is a value");

        // The rows of a job are the same, while it counts and afterwards.
        set(&mut conn, "inline-limit 0");
        let line = format!("{line} FIELDS 2 eta id");
        let job = ask(&mut conn, &line).text("job_id");
        assert_eq!(row(&wait_for_job(&mut conn, &job)), ["index", "bytes", "eta", "id"]);
    }
}

/// Records, events and audit entries have all of their members, whatever replies leave out.
#[test]
fn records_and_audit_entries_keep_their_empty_members() {
    let server = six();
    let mut conn: Connection = server.conn();
    let job =
        ask(&mut conn, &format!("QADMIN.CLEARJOB celery {} ALL CONFIRM celery", target())).text("job_id");
    let end = wait_for_job(&mut conn, &job);
    assert!(end.find_field("error").is_none() && end.find_field("actor").is_none(), "{end:?}");
    let record = map(&run(&mut conn, &format!("HGETALL qadmin:job:{job}")).expect("HGETALL"));
    assert_eq!((record.text("error"), record.text("actor")), (String::new(), String::new()));
    let fields = qadmin_core::job::Member::recorded().count() + 1;
    assert_eq!(record.len(), fields, "all members and the digest of the request");
}

/// A preview of a missing queue has hardly anything to say: its reply is a map all the same.
#[test]
fn what_is_left_of_a_reply_is_a_map() {
    let server = Server::start();
    for mut conn in [server.conn(), server.conn3()] {
        let nothing = ask(&mut conn, "QADMIN.PREVIEW nosuch TASK t");
        assert_eq!((nothing.text("mode"), nothing.int("match_count")), ("synchronous".into(), 0));
        assert!(nothing.find_field("container").is_none() && nothing.find_field("job_id").is_none());
    }
}
