//! Another module of the same server that edits queues without an event, or calls commands inside the
//! notification of the module's own write.

use qadmin_harness::{Fields as _, Server, c_module, text};
use redis::Connection;

use crate::durability::{Filled, queue, start_clear, tell, until_deleted};
use crate::stage::Slow;
use crate::support::{run, wait_for_job};

/// Starts a server with the other module, and a queue of which half the messages match.
fn bed() -> (Server, Connection, Filled) {
    let server = Server::start();
    let mut conn = server.conn();
    let library = c_module("callqadmin", server.dir()).expect("the other module is built");
    tell(&mut conn, &format!("MODULE LOAD {}", library.display()));
    let filled = Filled::new(&server, 4_000, 50.0);
    (server, conn, filled)
}

#[test]
fn a_reentrant_command_of_another_module_is_refused_and_harmless() {
    for command in [
        "QADMIN.JOBS".to_string(),
        "QADMIN.CANCEL ALL".to_string(),
        format!("QADMIN.PREVIEW celery {}", crate::durability::filter()),
    ] {
        let (_server, mut conn, filled) = bed();
        tell(&mut conn, &format!("CALLQADMIN.ON lrem {command}"));
        let id = start_clear(&mut conn);
        let end = wait_for_job(&mut conn, &id);
        assert_eq!((end.text("status").as_str(), end.int("deleted")), ("completed", filled.matches()));
        let answer = text(&run(&mut conn, "CALLQADMIN.ON lrem").expect("an answer"));
        assert!(answer.contains("qadmin was called during one of its own writes"), "{command}: {answer}");
        assert_eq!(queue(&mut conn), filled.survivors());
    }
}

/// Its pushes and pops there are handled like those of any client: the push is not in the snapshot, the pop
/// is drift.
#[test]
fn changes_by_another_module_during_our_notification_are_followed() {
    let (server, mut conn, filled) = bed();
    let slow = Slow::start(&server);
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 1);
    tell(&mut conn, "CALLQADMIN.ON lrem LPUSH celery one two three");
    drop(slow);
    let end = wait_for_job(&mut conn, &id);
    assert_eq!((end.text("status").as_str(), end.int("deleted")), ("completed", filled.matches()));
    assert_eq!((end.int("arrived"), end.int("passes_run")), (3, 1), "{end:?}");
    let mut left = queue(&mut conn);
    assert_eq!(left.drain(..3).collect::<Vec<_>>(), [b"three".to_vec(), b"two".to_vec(), b"one".to_vec()]);
    assert_eq!(left, filled.survivors());
}

#[test]
fn flush_by_notified_module_ends_the_job() {
    let (_server, mut conn, _) = bed();
    tell(&mut conn, "CALLQADMIN.ON lrem FLUSHALL");
    let id = start_clear(&mut conn);
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(end.text("status"), "failed", "{end:?}");
    let server_answers = run(&mut conn, "PING").expect("PING");
    assert_eq!(text(&server_answers), "PONG");
}

/// A silent edit that changes the length is detected by the next slice, which begins another pass.
#[test]
fn a_silent_removal_by_another_module_costs_another_pass_only() {
    let (server, mut conn, filled) = bed();
    let slow = Slow::start(&server);
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 20);
    let survivor = queue(&mut conn).into_iter().position(|message| filled.survivors().contains(&message));
    tell(&mut conn, &format!("CALLQADMIN.CUT celery {}", survivor.expect("one that stays")));
    drop(slow);
    let end = wait_for_job(&mut conn, &id);
    assert_eq!((end.text("status").as_str(), end.int("passes_run")), ("completed", 2), "{end:?}");
    let left = queue(&mut conn);
    assert_eq!(left.len() + 1, filled.survivors().len(), "that one is gone and no other");
}

/// An edit that does not change the length is not detected and does no damage: only the message that was
/// examined is deleted.
#[test]
fn a_message_silently_replaced_by_a_module_is_examined_as_it_is() {
    let (server, mut conn, filled) = bed();
    let slow = Slow::start(&server);
    let id = start_clear(&mut conn);
    until_deleted(&mut conn, &id, 20);
    tell(&mut conn, "CALLQADMIN.SWAP celery 0 replaced");
    drop(slow);
    let end = wait_for_job(&mut conn, &id);
    assert_eq!((end.text("status").as_str(), end.int("passes_run")), ("completed", 1), "{end:?}");
    let left = queue(&mut conn);
    assert_eq!(left[0], b"replaced");
    let survivors = filled.survivors();
    let rest = &left[1..];
    assert!(survivors.ends_with(rest) && survivors.len() - rest.len() <= 1, "no other message is touched");
}
