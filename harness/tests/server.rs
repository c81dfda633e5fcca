//! What tests rely on: servers that start, restart, replicate, and queues that are filled exactly.
#![expect(clippy::panic, reason = "a test fails by panicking")]

use qadmin_harness::{Factory, Probe, Server, eventually, fill};
use redis::Commands as _;

#[test]
fn a_restarted_server_keeps_port_and_saved_data() {
    let mut server = Server::builder().config("appendonly yes").config("appendfsync always").start();
    let port = server.port();
    let _: () = server.conn().set("kept", 1).expect("SET");
    server.restart();
    assert_eq!(server.port(), port);
    assert_eq!(server.conn().get::<_, i32>("kept").expect("GET"), 1);
    server.kill9();
    server.start_again();
    assert_eq!(server.conn().get::<_, i32>("kept").expect("GET"), 1);

    let mut forgetful = Server::plain();
    let _: () = forgetful.conn().set("lost", 1).expect("SET");
    forgetful.kill9();
    forgetful.start_again();
    assert_eq!(forgetful.conn().get::<_, Option<i32>>("lost").expect("GET"), None);
}

#[test]
fn a_replica_follows_its_primary() {
    let (primary, replica) = (Server::plain(), Server::plain());
    replica.replica_of(&primary);
    let _: () = primary.conn().lpush("queue", "x").expect("LPUSH");
    eventually("the replica has the push", || replica.conn().llen::<_, i64>("queue").expect("LLEN") == 1);
    assert_eq!(replica.info("role").as_deref(), Some("slave"));
}

#[test]
fn a_server_that_refuses_its_configuration_says_why() {
    let refused = Server::builder().config("maxmemory-policy sometimes").try_start();
    let words = refused.expect_err("this is no policy");
    assert!(words.contains("maxmemory-policy"), "{words}");
}

#[test]
fn a_filled_queue_holds_every_message_with_the_first_one_next() {
    let server = Server::plain();
    let mut factory = Factory::new(11);
    fill(server.port(), "celery", 0..5_001, &mut factory).expect("filled");
    let mut conn = server.conn();
    assert_eq!(conn.llen::<_, u64>("celery").expect("LLEN"), 5_001);
    assert_eq!(conn.lindex::<_, Vec<u8>>("celery", -1).expect("LINDEX"), factory.message(0));
    assert_eq!(conn.lindex::<_, Vec<u8>>("celery", 0).expect("LINDEX"), factory.message(5_000));
    let _: () = conn.set("text", "x").expect("SET");
    let refused = fill(server.port(), "text", 0..1, &mut factory).expect_err("this is no list");
    assert!(refused.to_string().contains("WRONGTYPE"), "{refused}");
}

#[test]
fn wire_bytes_count_both_directions() {
    let server = Server::plain();
    let mut raw = server.raw();
    assert_eq!(raw.call(&[b"ECHO", b"four"]), b"$4\r\nfour\r\n");
    assert_eq!(raw.wire_bytes(), (24, 10));
}

#[test]
fn a_probe_answers_with_waits_in_order() {
    let server = Server::plain();
    let probe = Probe::start(server.port(), 2_000);
    eventually("the probe has written", || server.conn().exists("qadmin-probe").expect("EXISTS"));
    let waits = probe.stop();
    assert!(!waits.is_empty());
    assert!(waits.quantile(0.5) <= waits.quantile(0.99) && waits.quantile(0.99) <= waits.max());
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_outlives_the_thread_that_started_it() {
    // Test binaries run every test in a thread of its own; a server shared between tests must not die with
    // the one that happened to start it.
    let server = std::thread::spawn(Server::plain).join().unwrap_or_else(|_| panic!("the server started"));
    assert_eq!(server.raw().line("PING"), "+PONG\r\n");
}
