//! QADMIN.SHOW while workers take messages.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use qadmin_harness::{Fields as _, Server};
use redis::{Commands as _, Connection};

use super::celery;
use crate::stage::set;
use crate::support::{ask, run};

/// Messages in the queue.
const DEPTH: usize = 3_000;
/// Searches.
const ROUNDS: usize = 200;

/// Returns the id in a message.
fn id_of(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let (_, rest) = text.split_once("\"id\":\"").expect("an id");
    rest.split('"').next().expect("an id").to_owned()
}

fn produce(conn: &mut Connection, numbers: std::ops::Range<usize>) {
    let mut batch = redis::pipe();
    for n in numbers {
        batch.lpush("celery", celery(n)).ignore();
    }
    batch.exec(conn).expect("LPUSH");
}

#[test]
fn what_is_shown_is_the_message_and_what_is_not_there_was_taken() {
    let server = Server::start();
    let mut conn = server.conn();
    produce(&mut conn, 0..DEPTH);
    // A job has to search nearly every message.
    set(&mut conn, "sample-window 3 slice-us 100");
    let (stop, taken) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(HashSet::new())));
    let pushed = Arc::new(AtomicU64::new(DEPTH as u64));
    let worker = {
        let (stop, taken, pushed, port) = (stop.clone(), taken.clone(), pushed.clone(), server.port());
        let url = format!("redis://127.0.0.1:{port}");
        thread::spawn(move || {
            let mut conn = redis::Client::open(url).expect("a URL").get_connection().expect("a connection");
            while !stop.load(Ordering::Relaxed) {
                let message: Vec<u8> = conn.rpop("celery", None).expect("RPOP");
                taken.lock().expect("a set").insert(id_of(&message));
                let n = usize::try_from(pushed.fetch_add(1, Ordering::Relaxed)).expect("small");
                produce(&mut conn, n..n + 1);
            }
        })
    };
    let (mut shown, mut missed) = (0, 0);
    for round in 0..ROUNDS {
        // Messages at the consumer end are taken while they are searched, those at the other end are not.
        let at = [20, 200, 1_000, 2_900][round % 4];
        let message: Vec<u8> = conn.lindex("celery", -1 - at).expect("LINDEX");
        let id = id_of(&message);
        match run(&mut conn, &format!("QADMIN.SHOW celery {id}")) {
            Ok(reply) => {
                shown += 1;
                let reply = qadmin_harness::map(&reply);
                assert_eq!(reply.get_field("raw"), &redis::Value::BulkString(message), "round {round}");
                assert!(reply.int("index") < 0, "round {round}");
            }
            Err(error) => {
                missed += 1;
                assert_eq!(error.code(), Some("NOMESSAGE"), "round {round}: {error}");
                // The worker notes what it took right after the server has answered it.
                qadmin_harness::eventually("it was taken", || taken.lock().expect("a set").contains(&id));
            }
        }
    }
    stop.store(true, Ordering::Relaxed);
    worker.join().expect("the worker ends");
    assert!(shown > 0, "{shown} shown, {missed} missed");
}

#[test]
fn edits_inside_the_list_do_not_show_another_message() {
    let server = Server::start();
    let mut conn = server.conn();
    produce(&mut conn, 0..DEPTH);
    set(&mut conn, "sample-window 3 slice-us 100");
    let stop = Arc::new(AtomicBool::new(false));
    let editor = {
        let (stop, url) = (stop.clone(), format!("redis://127.0.0.1:{}", server.port()));
        thread::spawn(move || {
            let mut conn = redis::Client::open(url).expect("a URL").get_connection().expect("a connection");
            let mut n = 0;
            while !stop.load(Ordering::Relaxed) && n < DEPTH / 3 {
                // Every third message leaves, from the consumer end on.
                let _: i64 = conn.lrem("celery", -1, celery(3 * n)).expect("LREM");
                n += 1;
            }
        })
    };
    for round in 0..60 {
        let id = format!("id-{}", 3 * (round * 15) + 1);
        // Ten passes may not be enough while a list is edited all the time; that is an error which says so.
        match run(&mut conn, &format!("QADMIN.SHOW celery {id}")) {
            Ok(reply) => assert_eq!(id_of(qadmin_harness::map(&reply).text("raw").as_bytes()), id),
            Err(error) => assert!(error.to_string().contains("send QADMIN.SHOW again"), "{error}"),
        }
    }
    stop.store(true, Ordering::Relaxed);
    editor.join().expect("the editor ends");
    assert_eq!(id_of(ask(&mut conn, "QADMIN.SHOW celery id-2500").text("raw").as_bytes()), "id-2500");
}
