//! `qadmin doctor`: what it finds on real servers, and a removal that follows what it prints.

use std::process::Command;

use qadmin_harness::{Cluster, Server, eventually, module_path};
use redis::Connection;
use serde_json::Value;

use crate::support::{LONG, QUEUE, about, at, filled, finish, live_job, qadmin, slow, target, tell};

/// The row of a check or of a step.
fn row<'a>(report: &'a Value, name: &str) -> &'a Value {
    let rows = report["checks"].as_array().or_else(|| report["steps"].as_array()).expect("rows");
    let row = rows.iter().find(|row| row["check"] == name || row["step"] == name);
    row.unwrap_or_else(|| panic!("{name}: {report:#}"))
}

fn says(report: &Value, name: &str, word: &str, text: &str) {
    let row = row(report, name);
    let is = row["verdict"] == word || row["progress"] == word;
    assert!(is && row["found"].as_str().expect("text").contains(text), "{word}: {text}: {report:#}");
}

/// The lines to type of a check or of a step.
fn lines(report: &Value, name: &str) -> Vec<String> {
    let lines = row(report, name)["next"].as_array().expect("lines").iter();
    lines.map(|line| line.as_str().expect("text").to_owned()).collect()
}

/// Does what a line says: a command of redis-cli is split by a shell and sent, anything else runs in the shell.
fn type_in(server: &Server, line: &str) {
    let mut shell = Command::new("bash");
    let Some(words) = line.strip_prefix(&format!("redis-cli -p {} ", server.port())) else {
        shell.args(["-c", line]);
        finish(shell).ended(0);
        return;
    };
    shell.args(["-c", &format!("printf '%s\\0' {words}")]);
    let run = finish(shell).ended(0);
    let words: Vec<&str> = run.out.split_terminator('\0').collect();
    let reply = redis::cmd(words[0]).arg(&words[1..]).exec(&mut server.conn());
    // The server does not answer when it ends.
    assert!(reply.is_ok() || words[0] == "SHUTDOWN", "{line}: {reply:?}");
}

fn as_user(server: &Server, user: &str, args: &[&str]) -> crate::support::Run {
    at(&format!("redis://{user}:secret@127.0.0.1:{}", server.port()), args)
}

#[test]
fn a_healthy_server_passes_every_check() {
    let server = Server::start();
    let report = qadmin(&server, &["doctor", "--json"]).ended(0).json();
    assert_eq!((&report["failures"], &report["warnings"]), (&0.into(), &0.into()), "{report:#}");
    says(&report, "module", "ok", env!("CARGO_PKG_VERSION"));
    says(&report, "next start", "ok", "libqadmin.so");
    says(&report, "settings", "ok", "all have their defaults");
    says(&report, "permissions", "ok", "may run all commands");
    says(&report, "module file", "ok", "can be loaded");
    let people = qadmin(&server, &["doctor"]).ended(0).out;
    let rows = report["checks"].as_array().expect("rows").len();
    assert_eq!(people.lines().filter(|line| line.starts_with("ok ")).count(), rows, "{people}");
    assert!(people.ends_with("\n0 failures, 0 warnings.\n"), "{people}");
    assert_eq!(
        server.info("total_error_replies").map(|n| n != "0"),
        Some(true),
        "commands are tried with wrong arguments"
    );
    tell(&mut server.conn(), "CONFIG SET qadmin.duty 30 maxmemory 1gb maxmemory-policy allkeys-lru");
    let report = qadmin(&server, &["doctor", "--json"]).ended(0).json();
    says(&report, "settings", "ok", "qadmin.duty 30 (default 50)");
    says(&report, "memory", "warning", "evicts queues");
    lines(&report, "memory").iter().for_each(|line| type_in(&server, line));
    says(&qadmin(&server, &["doctor", "--json"]).json(), "memory", "ok", "noeviction");
    tell(&mut server.conn(), "CONFIG SET min-replicas-to-write 1");
    says(
        &qadmin(&server, &["doctor", "--json"]).ended(10).json(),
        "replication",
        "failure",
        "refuses every clear",
    );
}

#[test]
fn a_server_without_the_module_fails_and_can_load_it() {
    let server = Server::plain();
    let report = qadmin(&server, &["doctor", "--json"]).ended(10).json();
    says(&report, "module", "failure", "loadmodule");
    assert!(lines(&report, "module")[0].contains("MODULE LOAD /"), "{report:#}");
    says(&report, "next start", "ok", "no line");
    let report = qadmin(&server, &["doctor", "--remove", "--json"]).ended(0).json();
    says(&report, "module", "done", "not loaded");
    assert_eq!(report["open"], 0);
    tell(&mut server.conn(), &format!("MODULE LOAD {}", module_path().expect("built").display()));
    let report = qadmin(&server, &["doctor", "--remove", "--json"]).ended(0).json();
    says(&report, "configuration", "done", "no line");
    says(&report, "module", "last", "restart the server. MODULE UNLOAD");
    let report = qadmin(&server, &["doctor", "--json"]).ended(0).json();
    says(&report, "next start", "warning", "starts without it");
    lines(&report, "next start").iter().for_each(|line| type_in(&server, line));
    says(&qadmin(&server, &["doctor", "--json"]).ended(0).json(), "next start", "ok", "libqadmin.so");
    at("redis://127.0.0.1:1", &["doctor"]).ended(6);
}

#[test]
fn a_user_with_few_permissions_learns_which_are_missing() {
    let server = Server::start();
    tell(
        &mut server.conn(),
        "ACL SETUSER viewer on >secret ~celery -@all +qadmin.preview +qadmin.index|info +get",
    );
    let report = as_user(&server, "viewer", &["doctor", "--json"]).ended(0).json();
    for (check, right) in [
        ("server", "info"),
        ("module", "module|list"),
        ("settings", "config|get"),
        ("commands", "command|info"),
        ("persistence", "info"),
    ] {
        says(&report, check, "warning", &format!("could not be checked: needs +{right}"));
    }
    says(&report, "permissions", "ok", "may run preview, index info, and may not run stats,");
    says(&report, "keys", "ok", "may not read the keys qadmin:*");
    let report = as_user(&server, "viewer", &["doctor", "--remove", "--json"]).ended(10).json();
    says(&report, "rules of users", "unknown", "needs +acl|list");
    says(&report, "append-only file", "unknown", "needs +info");
    tell(&mut server.conn(), "ACL SETUSER nobody on >secret -@all +info");
    let report = as_user(&server, "nobody", &["doctor", "--json"]).ended(0).json();
    says(&report, "permissions", "warning", "may run no command of the module");
    says(&report, "module", "ok", env!("CARGO_PKG_VERSION"));
    as_user(&server, "stranger", &["doctor"]).ended(6);
}

#[test]
fn a_user_who_relies_on_categories_is_warned_of_where_they_do_nothing() {
    let server = Server::start();
    tell(&mut server.conn(), "ACL SETUSER app on nopass ~* +@all -@dangerous");
    let report = qadmin(&server, &["doctor", "--json"]).ended(0).json();
    if server.info("valkey_version").is_some()
        || !server.info("redis_version").is_some_and(|v| v.starts_with("7.0."))
    {
        return;
    }
    says(&report, "categories", "warning", "-@dangerous does not keep app from clearing");
    lines(&report, "categories").iter().for_each(|line| type_in(&server, line));
    says(&qadmin(&server, &["doctor", "--json"]).json(), "categories", "ok", "no user");
}

#[test]
fn missing_commands_are_named() {
    let renamed =
        |command: &str| Server::builder().module().config(format!("rename-command {command} \"\"")).start();
    let report = qadmin(&renamed("HDEL"), &["doctor", "--json"]).ended(10).json();
    says(&report, "commands", "failure", "HDEL");
    let report = qadmin(&renamed("CONFIG"), &["doctor", "--json"]).ended(0).json();
    says(&report, "commands", "warning", "CONFIG");
    says(&report, "settings", "warning", "has no command CONFIG");
}

#[test]
fn a_replica_without_the_module_is_found() {
    let (primary, replica) = (Server::start(), Server::plain());
    replica.replica_of(&primary);
    let report = qadmin(&primary, &["doctor", "--json"]).ended(10).json();
    says(&report, "replicas", "failure", &format!("127.0.0.1:{} lack the module", replica.port()));
    says(&qadmin(&replica, &["doctor", "--json"]).ended(10).json(), "module", "failure", "not loaded");
    let report = qadmin(&replica, &["doctor", "--remove", "--json"]).ended(10).json();
    says(&report, "other servers", "to do", "still has the module, and is first");
    tell(&mut replica.conn(), &format!("MODULE LOAD {}", module_path().expect("built").display()));
    says(&qadmin(&primary, &["doctor", "--json"]).ended(0).json(), "replicas", "ok", "have the module");
    // The password of this connection is sent to no other server.
    tell(&mut replica.conn(), "CONFIG SET requirepass other");
    let report = qadmin(&primary, &["doctor", "--json"]).ended(0).json();
    says(&report, "replicas", "warning", "cannot be seen from here");
    assert_eq!(
        lines(&report, "replicas"),
        [format!("qadmin doctor --redis redis://127.0.0.1:{}", replica.port())]
    );
}

#[test]
fn in_a_cluster_each_node_is_checked_for_itself_and_slots_that_move_are_seen() {
    let cluster = Cluster::start(3, || Server::builder().module());
    let node = cluster.node(0);
    let report = qadmin(node, &["doctor", "--json"]).ended(0).json();
    says(&report, "cluster", "ok", "its state is ok");
    let slot: Vec<Vec<redis::Value>> =
        redis::cmd("CLUSTER").arg("SLOTS").query(&mut cluster.node(1).conn()).expect("CLUSTER SLOTS");
    let port = redis::Value::Int(node.port().into());
    let own = slot
        .iter()
        .find(|range| matches!(&range[2], redis::Value::Array(of) if of[1] == port))
        .expect("slots");
    let first = qadmin_harness::text(&own[0]);
    tell(&mut node.conn(), &format!("CLUSTER SETSLOT {first} MIGRATING {}", cluster.id(1)));
    says(&qadmin(node, &["doctor", "--json"]).ended(0).json(), "cluster", "warning", "1 slot of this node");
    says(&qadmin(node, &["doctor", "--remove", "--json"]).ended(0).json(), "keys", "done", "none");
}

#[test]
fn without_its_files_the_module_knows_whether_the_append_only_file_was_rewritten() {
    let server = Server::builder().module().config("appendonly yes").start();
    let mut conn = server.conn();
    tell(&mut conn, "ACL SETUSER ops on >secret ~* +@all -config");
    let remove = || as_user(&server, "ops", &["doctor", "--remove", "--json"]);
    says(&remove().ended(10).json(), "append-only file", "unknown", "needs +config|");
    tell(&mut conn, "BGREWRITEAOF");
    eventually("it is rewritten", || row(&remove().json(), "append-only file")["progress"] == "done");
    says(&remove().json(), "append-only file", "done", "does not contain QADMIN.APPLY");
}

#[test]
fn a_module_that_no_line_loads_is_a_failure_where_the_append_only_file_needs_it() {
    let server = Server::builder().config("appendonly yes").start();
    let mut conn = server.conn();
    tell(&mut conn, &format!("MODULE LOAD {}", module_path().expect("built").display()));
    says(
        &qadmin(&server, &["doctor", "--json"]).ended(0).json(),
        "next start",
        "warning",
        "starts without it",
    );
    filled(&server, 200);
    qadmin(&server, &about("clear", &target(), &["--all", "--yes", QUEUE])).ended(0);
    says(&qadmin(&server, &["doctor", "--json"]).ended(10).json(), "next start", "failure", "or not at all");
}

/// Starts a clear, waits until it has removed messages, and pauses it.
fn begin_to_clear(server: &Server, conn: &mut Connection) -> String {
    qadmin(server, &about("clear", &target(), &["--all", "--yes", QUEUE, "--no-wait"])).ended(0);
    let id = live_job(conn);
    eventually("it removes messages", || {
        qadmin(server, &["status", &id, "--json"]).ended(0).json()["deleted"].as_u64() > Some(0)
    });
    tell(conn, &format!("QADMIN.PAUSE {id}"));
    id
}

/// The rules of all users.
fn rules(conn: &mut Connection) -> String {
    let users: Vec<String> = redis::cmd("ACL").arg("LIST").query(conn).expect("ACL LIST");
    users.join("\n").to_lowercase()
}

#[test]
fn a_removal_that_follows_the_steps_leaves_a_server_that_starts() {
    let mut server = slow();
    let mut conn = server.conn();
    filled(&server, LONG);
    tell(
        &mut conn,
        "ACL SETUSER jane on nopass ~celery -@all +get +qadmin.preview (~x -@all +set +qadmin.help)",
    );
    tell(&mut conn, "CONFIG SET qadmin.cache-ttl 61");
    tell(&mut conn, "QADMIN.INDEX CREATE celery");
    tell(&mut conn, "CONFIG REWRITE");
    let interrupted = begin_to_clear(&server, &mut conn);
    server.kill9();
    server.start_again();
    conn = server.conn();
    let remove = |server: &Server| qadmin(server, &["doctor", "--remove", "--json"]);
    eventually("the record says so", || {
        row(&remove(&server).json(), "interrupted clears")["progress"] == "choice"
    });
    let report = remove(&server).ended(10).json();
    says(&report, "interrupted clears", "choice", &interrupted);
    says(&report, "indexes", "choice", "1 index");
    says(&report, "append-only file", "to do", "it contains QADMIN.APPLY");
    says(&report, "rules of users", "to do", "jane has +");
    says(&report, "keys", "choice", "1 record");
    says(&report, "configuration", "last", "loadmodule: 1");
    lines(&report, "interrupted clears").iter().for_each(|line| type_in(&server, line));
    let next = live_job(&mut conn);
    says(&remove(&server).ended(10).json(), "live jobs", "to do", &next);
    // Until nothing is left, whatever is to do is done.
    eventually("no step is left", || {
        let report = remove(&server).json();
        for step in
            report["steps"].as_array().expect("steps").iter().filter(|step| step["progress"] == "to do")
        {
            let name = step["step"].as_str().expect("a name");
            lines(&report, name).iter().for_each(|line| type_in(&server, line));
        }
        report["open"] == 0
    });
    let report = remove(&server).ended(0).json();
    for step in ["live jobs", "append-only file", "rules of users"] {
        says(&report, step, "done", "");
    }
    assert!(!rules(&mut conn).contains("qadmin."));
    let (depth, from) = (tell(&mut conn, "LLEN celery"), lines(&report, "configuration"));
    assert_eq!(from[0], format!("redis-cli -p {} SHUTDOWN", server.port()));
    from.iter().for_each(|line| type_in(&server, line));
    server.wait_for_exit();
    server.start_again();
    conn = server.conn();
    assert_eq!(tell(&mut conn, "LLEN celery"), depth);
    assert!(
        rules(&mut conn).contains("~celery resetchannels -@all +get (~x resetchannels -@all +set)"),
        "the user is kept"
    );
    let report = remove(&server).ended(0).json();
    for step in ["module", "configuration", "append-only file"] {
        says(&report, step, "done", "");
    }
    let people = qadmin(&server, &["doctor", "--remove"]).ended(0).out;
    assert!(people.contains("A server without the module starts with these files."), "{people}");
}

#[test]
fn a_server_that_saves_nothing_keeps_its_queues_over_a_removal() {
    let mut server = Server::start();
    filled(&server, 200);
    let report = qadmin(&server, &["doctor", "--remove", "--json"]).ended(0).json();
    let lines = lines(&report, "configuration");
    assert_eq!(lines[0], format!("redis-cli -p {} SHUTDOWN SAVE", server.port()));
    lines.iter().for_each(|line| type_in(&server, line));
    server.wait_for_exit();
    server.start_again();
    assert_eq!(tell(&mut server.conn(), "LLEN celery"), redis::Value::Int(200));
    says(&qadmin(&server, &["doctor", "--remove", "--json"]).ended(0).json(), "module", "done", "not loaded");
}
