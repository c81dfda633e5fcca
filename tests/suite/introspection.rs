//! The server's description of the commands: COMMAND INFO, DOCS, GETKEYS. Clients and proxies route by it.

use qadmin_harness::{Server, map, text};
use redis::{Connection, Value};

use crate::support::run;

const ID: &str = "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02";

fn list(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        other => panic!("no list: {other:?}"),
    }
}

fn words(value: &Value) -> Vec<String> {
    let mut words: Vec<String> = list(value).iter().map(text).collect();
    words.sort();
    words
}

#[test]
fn command_info_says_where_a_command_may_run() {
    let server = Server::start();
    let mut conn = server.conn();
    // Arity, flags, first key, last key, step.
    for (name, arity, flags, keys) in [
        ("preview", -2, "module readonly", [1, 1, 1]),
        ("clearjob", -2, "module noscript write", [1, 1, 1]),
        ("undo", -2, "module movablekeys no_mandatory_keys noscript write", [0, 0, 0]),
        ("status", -2, "module movablekeys no_mandatory_keys readonly", [0, 0, 0]),
        ("cancel", -2, "allow_busy module movablekeys no_mandatory_keys", [0, 0, 0]),
        ("jobs", -1, "module movablekeys no_mandatory_keys readonly", [0, 0, 0]),
        ("stats", -2, "module readonly", [1, 1, 1]),
        ("fields", -2, "module readonly", [1, 1, 1]),
        ("show", -3, "module readonly", [1, 1, 1]),
        ("help", 1, "fast loading module readonly stale", [0, 0, 0]),
    ] {
        let reply = run(&mut conn, &format!("COMMAND INFO qadmin.{name}")).expect("COMMAND INFO");
        let row = list(&list(&reply)[0]);
        assert_eq!(text(&row[0]).to_lowercase(), format!("qadmin.{name}"));
        assert_eq!(row[1], Value::Int(arity), "{name}");
        assert_eq!(words(&row[2]).join(" "), flags, "{name}");
        assert_eq!(row[3..6], keys.map(Value::Int), "{name}");
    }
}

#[test]
fn key_specs_say_what_is_done_to_the_queue() {
    let server = Server::start();
    let mut conn = server.conn();
    for (name, flags) in [
        ("preview", "RO access"),
        ("stats", "RO access"),
        ("fields", "RO access"),
        ("show", "RO access"),
        ("clearjob", "RW access delete"),
    ] {
        let reply = run(&mut conn, &format!("COMMAND INFO qadmin.{name}")).expect("COMMAND INFO");
        let row = list(&list(&reply)[0]);
        let specs = list(&row[8]);
        assert_eq!(specs.len(), 1, "{name}");
        let spec = map(&specs[0]);
        let found = spec.iter().find(|(member, _)| member == "flags").expect("flags");
        assert_eq!(words(&found.1).join(" "), flags, "{name}");
    }
}

fn keys(conn: &mut Connection, line: &str) -> Result<Vec<String>, String> {
    match run(conn, &format!("COMMAND GETKEYS {line}")) {
        Ok(reply) => Ok(list(&reply).iter().map(text).collect()),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn getkeys_finds_the_queue_at_any_position() {
    let server = Server::start();
    let mut conn = server.conn();
    for (line, expected) in [
        ("QADMIN.PREVIEW q TASK t".to_string(), "q"),
        ("QADMIN.PREVIEW q TASK QUEUE SAMPLE 3".to_string(), "q"),
        ("QADMIN.STATS q GROUPBY 2 task QUEUE".to_string(), "q"),
        ("QADMIN.FIELDS q TASK QUEUE".to_string(), "q"),
        ("QADMIN.SHOW q QUEUE FORMAT JSON".to_string(), "q"),
        ("QADMIN.CLEARJOB q TASK t ALL CONFIRM q".to_string(), "q"),
        (format!("QADMIN.STATUS {ID} QUEUE q"), "q"),
        (format!("QADMIN.STATUS {ID} WAIT 5 queue q FORMAT JSON"), "q"),
        ("QADMIN.STATUS QUEUE QUEUE WAIT".to_string(), "WAIT"),
        (format!("QADMIN.CANCEL {ID} FORMAT JSON QUEUE q"), "q"),
        ("QADMIN.CANCEL ALL QUEUE q".to_string(), "q"),
        (format!("QADMIN.PAUSE {ID} QUEUE q"), "q"),
        (format!("QADMIN.RESUME {ID} FORMAT JSON QUEUE q"), "q"),
        (format!("QADMIN.THROTTLE {ID} RATE 5 QUEUE q DUTY 3"), "q"),
        ("QADMIN.JOBS COUNT 3 QUEUE q".to_string(), "q"),
        ("QADMIN.INDEX CREATE q AS resque".to_string(), "q"),
        ("QADMIN.INDEX info q".to_string(), "q"),
        ("QADMIN.INDEX DROP LIST".to_string(), "LIST"),
    ] {
        assert_eq!(keys(&mut conn, &line), Ok(vec![expected.to_string()]), "{line}");
    }
    for line in [
        format!("QADMIN.STATUS {ID}"),
        format!("QADMIN.STATUS {ID} WAIT 5"),
        "QADMIN.CANCEL ALL".to_string(),
        "QADMIN.JOBS".to_string(),
        "QADMIN.JOBS COUNT 5".to_string(),
        "QADMIN.HELP".to_string(),
        "QADMIN.INDEX LIST".to_string(),
        "QADMIN.INDEX LIST FORMAT".to_string(),
        "QADMIN.INDEX INFO".to_string(),
        "QADMIN.QUEUES GLOB QUEUE".to_string(),
        // A command that replies with an error touches no key.
        format!("QADMIN.STATUS {ID} QUEUE"),
        format!("QADMIN.STATUS {ID} QUEUE a QUEUE b"),
        "QADMIN.JOBS COUNT x QUEUE q".to_string(),
    ] {
        let none = keys(&mut conn, &line).map_or_else(|_| true, |keys| keys.is_empty());
        assert!(none, "{line} has no keys");
    }
}

#[test]
fn command_docs_has_every_command_with_its_arguments() {
    let server = Server::start();
    let mut conn = server.conn();
    for (name, arguments) in [
        ("preview", "queue filter sample fields bust nocount inexact priority index kind format verbose"),
        (
            "clearjob",
            "queue filter mode keep by limit rate expect tolerance destination front inexact dryrun confirm id actor reason priority index kind format verbose",
        ),
        ("status", "job-id queue wait format verbose"),
        ("cancel", "target queue format verbose"),
        ("jobs", "queue count kind status user format verbose"),
        ("queues", "glob format verbose"),
        ("stats", "queue filter groupby top bust inexact priority index kind format verbose"),
        ("fields", "queue filter priority index kind format verbose"),
        ("show", "queue id priority index kind format verbose"),
        ("undo", "job-id queue confirm front dryrun id actor reason format verbose"),
        ("index", "action queue fields kind format verbose"),
        ("help", ""),
    ] {
        let reply = run(&mut conn, &format!("COMMAND DOCS qadmin.{name}")).expect("COMMAND DOCS");
        let (found, docs) = map(&reply).swap_remove(0);
        assert_eq!(found.to_lowercase(), format!("qadmin.{name}"));
        let docs = map(&docs);
        let get = |member: &str| docs.iter().find(|(found, _)| found == member).map(|(_, value)| value);
        assert!(text(get("summary").expect("a summary")).ends_with('.'), "{name}");
        assert_eq!(text(get("since").expect("a version")), "0.1.0");
        assert!(text(get("complexity").expect("a complexity")).starts_with("O("));
        assert_eq!(text(get("module").expect("its module")), "qadmin");
        let names: Vec<String> = get("arguments").map_or_else(Vec::new, |arguments| {
            list(arguments)
                .iter()
                .map(|argument| {
                    let members = map(argument);
                    text(&members.iter().find(|(member, _)| member == "name").expect("a name").1)
                })
                .collect()
        });
        assert_eq!(names.join(" "), arguments, "{name}");
    }
}

#[test]
fn commands_are_listed_as_the_modules_own() {
    let server = Server::start();
    let reply = run(&mut server.conn(), "COMMAND LIST FILTERBY MODULE qadmin").expect("COMMAND LIST");
    let names: Vec<String> = words(&reply).iter().map(|name| name.to_lowercase()).collect();
    let all = [
        "apply", "cancel", "clearjob", "fields", "help", "index", "jobs", "pause", "preview", "queues",
        "resume", "show", "stats", "status", "throttle", "undo",
    ];
    assert_eq!(names, all.map(|name| format!("qadmin.{name}")));
}
