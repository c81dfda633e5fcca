//! A client that subscribes to `qadmin:events` receives the events of jobs, in order, and nothing that
//! requires a permission.

use std::collections::BTreeSet;

use qadmin_core::job::{EVENT_MEMBERS, Member};
use qadmin_harness::{Fields as _, Raw, Server};
use serde_json::Value;

use crate::stage::{
    LONG, Slow, filled, info, inline_preview, joined, set, start_clear, target, until_running,
};
use crate::support::{ask, run, wait_for_job};

/// A connection that subscribes.
struct Listener {
    raw: Raw,
}

impl Listener {
    fn new(server: &Server, line: &str) -> Self {
        let mut raw = server.raw();
        raw.line(line);
        Self { raw }
    }

    fn on(server: &Server) -> Self {
        Self::new(server, "SUBSCRIBE qadmin:events")
    }

    /// Returns the next event.
    fn next(&mut self) -> Value {
        let reply = self.raw.reply().expect("an event");
        let json = reply.split(|b| *b == b'\n').find(|line| line.starts_with(b"{")).expect("JSON");
        serde_json::from_slice(json).expect("JSON")
    }

    /// Returns the events of one job until its end.
    fn until_end(&mut self, id: &str) -> Vec<Value> {
        let mut events = Vec::new();
        while events.last().is_none_or(|event: &Value| event["event"] != "end") {
            events.extend(Some(self.next()).filter(|event| event["job_id"] == id));
        }
        events
    }
}

fn words(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event"].as_str().expect("a word")).collect()
}

#[test]
fn start_progress_and_end_of_jobs_are_published_in_order() {
    let server = Server::start();
    let mut conn = server.conn();
    let matching = filled(&server, "celery", LONG);
    let mut listener = Listener::on(&server);
    set(&mut conn, "inline-limit 0");
    for clear in [false, true] {
        let slow = Slow::start(&server);
        let line = match clear {
            true => format!("QADMIN.CLEARJOB celery {} ALL RATE 300 CONFIRM celery", target()),
            false => format!("QADMIN.PREVIEW celery {} SAMPLE 0 BUST", target()),
        };
        // The job is slow until its progress was announced, then as fast as possible. A count that ended too
        // early is started again.
        let begun = (0..50).find_map(|_| {
            let id = ask(&mut conn, &line).text("job_id");
            let events = vec![listener.next(), listener.next()];
            (events[1]["event"] == "progress").then_some((id, events))
        });
        let (id, mut events) = begun.expect("a job that publishes its progress");
        drop(slow);
        events.extend(listener.until_end(&id));
        let told = words(&events);
        assert_eq!(told[0], "start", "{told:?}");
        assert!(told[1..told.len() - 1].iter().all(|word| *word == "progress"), "{told:?}");
        let members: BTreeSet<&str> =
            events[0].as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(members, ["event", "time"].into_iter().chain(EVENT_MEMBERS.map(Member::name)).collect());
        for pair in events.windows(2) {
            for grows in ["time", "processed", "matched", "deleted", "progress"] {
                assert!(pair[0][grows].as_i64() <= pair[1][grows].as_i64(), "{grows}: {pair:?}");
            }
        }
        // There are at most four in a second, and the first one comes after at least a quarter of a second.
        for pair in events[..events.len() - 1].windows(2) {
            let apart = pair[1]["time"].as_i64().expect("ms") - pair[0]["time"].as_i64().expect("ms");
            assert!(apart >= 249, "{pair:?}");
        }
        let (end, status) = (&events[events.len() - 1], wait_for_job(&mut conn, &id));
        for same in ["processed", "matched", "deleted", "drifted", "total_estimated", "progress"] {
            assert_eq!(end[same], status.int(same), "{same}: {end}");
        }
        assert_eq!((&end["status"], &end["queue"]), (&"completed".into(), &"celery".into()));
        assert_eq!((&end["matched"], &end["db"]), (&matching.into(), &0.into()));
        assert_eq!(end["kind"], if clear { "clear" } else { "preview" });
    }
}

#[test]
fn a_listener_hears_that_a_job_was_paused_resumed_and_cancelled() {
    let server = Server::start();
    let mut conn = server.conn();
    filled(&server, "celery", LONG);
    // Subscribing works by pattern as well as by name.
    let mut listener = Listener::new(&server, "PSUBSCRIBE qadmin:*");
    let _slow = Slow::start(&server);
    let id = start_clear(&mut conn, "celery");
    until_running(&mut conn, &id);
    for line in ["PAUSE", "PAUSE", "RESUME", "RESUME", "CANCEL"] {
        ask(&mut conn, &format!("QADMIN.{line} {id}"));
    }
    let events = listener.until_end(&id);
    let told: Vec<&str> = words(&events).into_iter().filter(|word| *word != "progress").collect();
    assert_eq!(told, ["start", "paused", "resumed", "end"], "once each");
    let end = &events[events.len() - 1];
    assert_eq!((&end["status"], &end["error"]), (&"cancelled".into(), &"ERR the job was cancelled".into()));
}

#[test]
fn a_flush_publishes_the_end_of_its_jobs_also_to_the_client_that_flushes() {
    let server = Server::start();
    let mut conn = server.conn();
    filled(&server, "celery", LONG);
    let _slow = Slow::start(&server);
    // In RESP3 one connection can do both: the reply of a command arrives whole, before or after an event.
    let mut both = Listener::new(&server, "HELLO 3");
    both.raw.line("SUBSCRIBE qadmin:events");
    let id = start_clear(&mut conn, "celery");
    until_running(&mut conn, &id);
    both.raw.send(b"MULTI\r\nFLUSHALL\r\nEXEC\r\nPING end\r\n").expect("sent");
    let mut seen = String::new();
    while !(seen.contains("flushed while the job ran") && seen.contains("$3\r\nend")) {
        seen.push_str(&String::from_utf8_lossy(&both.raw.reply().expect("a reply")));
    }
    let exec = seen.find("*1\r\n+OK\r\n").expect("the reply of EXEC, with nothing inside it but its own");
    assert!(exec < seen.find("flushed while the job ran").expect("the end"), "{seen}");
}

#[test]
fn events_contain_names_of_any_bytes_and_need_a_subscriber() {
    let server = Server::start();
    let mut conn = server.conn();
    let name: &[u8] = b"q\xff\"\n\x00";
    redis::cmd("LPUSH").arg(name).arg("{}").exec(&mut conn).expect("LPUSH");
    let clear = |conn: &mut redis::Connection| {
        let mut command = redis::cmd("QADMIN.CLEARJOB");
        command.arg(name).arg("TASK").arg("a").arg("ALL").arg("DRYRUN");
        let id = qadmin_harness::map(&command.query(conn).expect("a job")).text("job_id");
        wait_for_job(conn, &id);
        id
    };
    clear(&mut conn);
    let mut listener = Listener::on(&server);
    let id = clear(&mut conn);
    // An event that was not published was not kept either: the first event is of the second job.
    let start = listener.next();
    assert_eq!((&start["event"], &start["job_id"]), (&"start".into(), &id.into()));
    assert_eq!(start["queue_b64"], "cf8iCgA=");
    run(&mut conn, "PING").expect("the server lives");
}

#[test]
fn inline_preview_reports_status_and_replies() {
    let server = Server::start();
    filled(&server, "celery", LONG);
    let mut listener = Listener::on(&server);
    let slow = Slow::start(&server);
    set(&mut server.conn(), "inline-wait 60000");
    let client = inline_preview(&server, "celery");
    let id = listener.next()["job_id"].as_str().expect("an id").to_owned();
    drop(slow);
    let events = listener.until_end(&id);
    assert_eq!(events[events.len() - 1]["matched"], joined(client).int("match_count"));
    assert_eq!(info(&server, "jobs_live"), 0);
}
