//! How the server is named: options as in redis-cli, variables, and their order.

use qadmin_harness::Server;

use crate::support::{Run, finish, program, tell};

/// No server listens there.
const NOWHERE: &str = "redis://jane:hunter2@127.0.0.1:1/0";

/// Runs it with these arguments and variables, and no address besides.
fn run(args: &[&str], variables: &[(&str, &str)]) -> Run {
    let mut command = program(NOWHERE);
    command.env_remove("QADMIN_REDIS_URL").args(args).envs(variables.iter().copied());
    let run = finish(command);
    assert!(!format!("{run:?}").contains("hunter2"), "{run:?}");
    run
}

#[test]
fn options_of_redis_cli_name_the_server_before_or_after_the_command() {
    let server = Server::start();
    tell(&mut server.conn(), "ACL SETUSER jane on >secret ~* +@all");
    let port = server.port().to_string();
    run(&["-h", "127.0.0.1", "-p", &port, "jobs"], &[]).ended(0);
    run(&["jobs", "-p", &port], &[]).ended(0);
    // A URL of a variable is for another server, and so is its password.
    run(&["jobs", "-p", &port], &[("QADMIN_REDIS_URL", NOWHERE)]).ended(0);
    tell(&mut server.conn(), "SELECT 3");
    let mut other = server.conn();
    tell(&mut other, "SELECT 3");
    tell(&mut other, "RPUSH other {}");
    let queues = run(&["queues", "-p", &port, "-n", "3", "--json"], &[]).ended(0).json();
    assert_eq!(queues["queues"][0]["queue"], "other");
    run(&["--user", "jane", "-a", "secret", "-p", &port, "jobs"], &[]).ended(0);
    run(&["--user", "jane", "-p", &port, "jobs"], &[("REDISCLI_AUTH", "secret")]).ended(0);
    run(&["--user", "jane", "-p", &port, "jobs"], &[("REDISCLI_AUTH", "hunter2")]).ended(6);
    run(&["jobs", "--user", "jane"], &[]).ended(2);
    run(&["jobs", "-p", &port, "--redis", "redis://127.0.0.1"], &[]).ended(2);
    let help =
        run(&["jobs", "--help"], &[("QADMIN_REDIS_URL", NOWHERE), ("REDISCLI_AUTH", "hunter2")]).ended(0);
    for word in ["--host", "REDISCLI_AUTH", "CELERY_BROKER_URL"] {
        assert!(help.out.contains(word), "{word}: {help:?}");
    }
    let alone = run(&["-h"], &[]).ended(2);
    assert!(alone.err.contains("--help"), "{alone:?}");
}

#[test]
fn variables_are_read_in_their_order_and_named_in_errors() {
    let server = Server::start();
    let url = server.url(0);
    let all = ["QADMIN_REDIS_URL", "CELERY_BROKER_URL", "REDIS_URL"];
    for (at, name) in all.into_iter().enumerate() {
        // Those after it are not used, and an empty one before it says nothing.
        let mut variables: Vec<(&str, &str)> = all[at + 1..].iter().map(|other| (*other, NOWHERE)).collect();
        variables.extend(all[..at].iter().map(|other| (*other, "")));
        variables.push((name, &url));
        run(&["jobs"], &variables).ended(0);
        let lost = run(&["jobs"], &[(name, NOWHERE)]).ended(6);
        assert!(lost.err.contains(&format!("127.0.0.1:1 (from {name})")), "{lost:?}");
        let wrong = run(&["jobs"], &[(name, "redis://jane:hunter2@host:port/")]).ended(2);
        assert!(wrong.err.contains(&format!("in {name} is invalid")), "{wrong:?}");
    }
    let broker = ("CELERY_BROKER_URL", "amqp://jane:hunter2@rabbit:5672//");
    let rabbit = run(&["jobs"], &[broker, ("REDIS_URL", &url)]).ended(2);
    assert!(
        rabbit.err.contains("amqp:// is not Redis") && rabbit.err.contains("QADMIN_REDIS_URL"),
        "{rabbit:?}"
    );
    run(&["jobs", "--redis", &url], &[broker]).ended(0);
}

#[test]
fn sockets_are_named_in_the_forms_of_celery() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("redis.sock").display().to_string();
    let server = Server::builder().module().config(format!("unixsocket {path}")).start();
    let mut other = server.conn();
    tell(&mut other, "SELECT 2");
    tell(&mut other, "RPUSH other {}");
    for url in [
        format!("unix://{path}?db=2"),
        format!("redis+socket://{path}?virtual_host=2"),
        format!("socket://{path}?virtual_host=/2"),
    ] {
        let queues = run(&["queues", "--json"], &[("CELERY_BROKER_URL", &url)]).ended(0).json();
        assert_eq!(queues["queues"][0]["queue"], "other", "{url}");
    }
}
