//! Servers on which `rename-command` removed commands that the module calls: an operation that needs one
//! reports which command is missing, and changes nothing.

use qadmin_harness::{Fields as _, Server};
use redis::Value;

use crate::durability::{Filled, filter, queue, tell};
use crate::support::{ask, run, wait_for_job};

/// Starts a server without this command.
fn without(command: &str) -> Server {
    Server::builder().module().config(format!("rename-command {command} hidden")).start()
}

/// Checks that the error names the command.
fn misses(conn: &mut redis::Connection, line: &str, command: &str) {
    let error = run(conn, line).expect_err("without that command it cannot be done").to_string();
    assert!(error.contains(&format!("this server has no command {command},")), "{line}: {error}");
}

#[test]
fn a_clear_without_a_needed_command_is_refused_and_names_it() {
    for command in ["HSET", "PEXPIRE", "HDEL", "HGETALL"] {
        let server = without(command);
        let mut conn = server.conn();
        let filled = Filled::new(&server, 200, 20.0);
        let clear = format!("QADMIN.CLEARJOB celery ALL {} CONFIRM celery", filter());
        misses(&mut conn, &clear, command);
        misses(&mut conn, &format!("QADMIN.CLEARJOB celery DRYRUN {}", filter()), command);
        assert_eq!(filled.missing(&queue(&mut conn)), 0);
        // Nothing was started: the queue is the only key.
        assert_eq!(run(&mut conn, "DBSIZE").expect("DBSIZE"), Value::Int(1), "{command}");
        // Operations that do not need the command work.
        let count = ask(&mut conn, &format!("QADMIN.PREVIEW celery {}", filter())).int("match_count");
        assert_eq!(count, filled.matches(), "{command}");
        let log = server.log();
        assert!(log.contains(&format!("(rename-command): {command};")), "the log says it at load: {log}");
    }
    // Without the command it cannot be determined whether there is such a job.
    let server = without("HGETALL");
    let id = "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02";
    for line in ["STATUS", "CANCEL", "PAUSE"] {
        misses(&mut server.conn(), &format!("QADMIN.{line} {id}"), "HGETALL");
    }
}

#[test]
fn unacked_needs_the_commands_of_its_index() {
    for command in ["ZCARD", "ZCOUNT", "ZRANGE", "ZREM"] {
        let server = without(command);
        let mut conn = server.conn();
        tell(&mut conn, "HSET unacked tag {}");
        tell(&mut conn, "ZADD unacked_index 1 tag");
        misses(&mut conn, "QADMIN.CLEARJOB unacked TASK t ALL CONFIRM unacked", command);
        let lines = ["QADMIN.PREVIEW unacked TASK t", "QADMIN.STATS unacked GROUPBY 1 task"];
        for line in lines {
            if command == "ZREM" {
                run(&mut conn, line).expect("looking takes nothing out");
            } else {
                misses(&mut conn, line, command);
            }
        }
        assert_eq!(run(&mut conn, "EXISTS unacked unacked_index").expect("EXISTS"), Value::Int(2));
    }
}

#[test]
fn without_acl_a_script_gets_the_reason_why_it_sees_no_job() {
    let server = without("ACL");
    let mut conn = server.conn();
    tell(&mut conn, "LPUSH q {}");
    let id = ask(&mut conn, "QADMIN.CLEARJOB q ALL TASK x CONFIRM q").text("job_id");
    wait_for_job(&mut conn, &id);
    let script = format!("return redis.call('QADMIN.STATUS', '{id}')");
    let refused =
        redis::cmd("EVAL").arg(script).arg(0).query::<Value>(&mut conn).expect_err("the caller is not known");
    assert!(refused.to_string().contains("this server has no command ACL,"), "{refused}");
    run(&mut conn, "MODULE UNLOAD qadmin").expect_err("rules of users may name its commands");
}

#[test]
fn unreadable_bindings_make_the_list_of_queues_incomplete() {
    for (command, complete) in [("SRANDMEMBER", 0), ("SCARD", 0), ("HLEN", 1)] {
        let server = without(command);
        let mut conn = server.conn();
        redis::cmd("SADD")
            .arg("_kombu.binding.celery")
            .arg("celery\x06\x16\x06\x16empty")
            .exec(&mut conn)
            .expect("SADD");
        let listed = ask(&mut conn, "QADMIN.QUEUES");
        assert_eq!(listed.int("complete"), complete, "{command}: {listed:?}");
    }
}
