//! Panics in callbacks, which the server calls.

use qadmin_harness::{Fields as _, Server, eventually, faults_module_path};

use super::{Bed, FAULT, Row};
use crate::durability::{clear_line, filter, status, tell};
use crate::stage::{info, later, until_waiting};
use crate::support::{ask, run};

/// Every callback.
pub(super) const ROWS: &[Row] = &[
    ("a turn of the event loop", |bed| goes_on(bed, "a turn of the event loop")),
    ("the timer", |bed| goes_on(bed, "the timer")),
    ("making room for records", |bed| goes_on(bed, "making room for records")),
    ("audit entries about shown messages", |bed| goes_on(bed, "audit entries about shown messages")),
    ("a keyspace notification", keyspace),
    ("a server event", server_event),
    ("an event that was put aside", put_aside),
    ("a waiting client's reply", reply),
    ("a waiting client's time-out", time_out),
    ("a waiting client's disconnection", disconnection),
    ("an event of a job", |bed| untold(bed, "an event of a job")),
    ("publishing an event", |bed| untold(bed, "publishing an event")),
    ("INFO", in_info),
    ("reading a setting", reading_a_setting),
    ("writing a setting", writing_a_setting),
    ("the keys of a command", keys),
    ("OnUnload", unload),
    ("QADMIN.PREVIEW", preview),
    ("QADMIN.CLEARJOB", clearjob),
    ("QADMIN.UNDO", undo),
    ("QADMIN.STATUS", status_command),
    ("QADMIN.CANCEL", cancel),
    ("QADMIN.PAUSE", |bed| hold(bed, "QADMIN.PAUSE", "")),
    ("QADMIN.RESUME", |bed| hold(bed, "QADMIN.RESUME", "")),
    ("QADMIN.THROTTLE", |bed| hold(bed, "QADMIN.THROTTLE", " RATE 1")),
    ("QADMIN.JOBS", jobs),
    ("QADMIN.HELP", help),
    ("QADMIN.QUEUES", queues),
    ("QADMIN.STATS", stats),
    ("QADMIN.FIELDS", fields),
    ("QADMIN.SHOW", show),
    ("QADMIN.INDEX", index),
    ("an event of an index", |bed| index_in_doubt(bed, "an event of an index")),
    ("a look at lists with an index", |bed| index_in_doubt(bed, "a look at lists with an index")),
    ("a slice of an index", index_slice),
    ("a slice of a walk", |bed| walk(bed, "a slice of a walk", 0)),
    ("a key of a walk", |bed| walk(bed, "a key of a walk", 30_000)),
    ("replying", replying),
];

#[test]
fn no_panic_escapes_from_a_callback() {
    Bed::new().walk(ROWS);
}

/// It is named before the module is loaded, so it needs its own server.
#[test]
fn no_panic_escapes_from_loading() {
    let server =
        Server::builder().env("QADMIN_FAULT", "OnLoad").env("RUST_BACKTRACE", "full").may_crash().start();
    let mut conn = server.conn();
    let load = format!("MODULE LOAD {}", faults_module_path().expect("built").display());
    run(&mut conn, &load).expect_err("refused");
    run(&mut conn, "QADMIN.HELP").expect_err("not loaded");
    eventually("the log says why", || server.log().contains("internal fault in OnLoad: a fault on demand"));
    tell(&mut conn, "PING");
}

/// The next event-loop iteration comes with the server's own timer.
fn goes_on(bed: &mut Bed, place: &str) {
    let (id, slow) = bed.clear();
    let logged = bed.server.log().len();
    bed.arm(place, 3);
    eventually("it panicked", || bed.server.log()[logged..].contains("> panic at "));
    drop(slow);
    bed.assert_completed(&id);
}

/// The pushed messages are not known: the job's positions can be wrong, so it must not continue with them.
fn keyspace(bed: &mut Bed) {
    let (id, _slow) = bed.clear();
    bed.arm("a keyspace notification", 0);
    tell(&mut bed.conn, "LPUSH celery pushed");
    tell(&mut bed.conn, "LPOP celery");
    bed.assert_failed(&id);
}

fn server_event(bed: &mut Bed) {
    let (id, _slow) = bed.clear();
    bed.arm("a server event", 0);
    tell(&mut bed.conn, "SWAPDB 3 4");
    bed.assert_failed(&id);
}

/// The event of the record itself arrives while a slice has borrowed the state.
fn put_aside(bed: &mut Bed) {
    let (id, slow) = bed.clear();
    bed.arm("an event that was put aside", 0);
    drop(slow);
    bed.assert_failed(&id);
}

fn reply(bed: &mut Bed) {
    let (id, _slow) = bed.clear();
    let client = later(&bed.server, format!("QADMIN.STATUS {id} WAIT 0"));
    until_waiting(&bed.server, 1);
    bed.arm("a waiting client's reply", 0);
    tell(&mut bed.conn, &format!("QADMIN.CANCEL {id}"));
    let error = client.join().expect("its thread").expect_err("answered").to_string();
    assert!(error.contains(FAULT), "{error}");
}

fn time_out(bed: &mut Bed) {
    let (id, _slow) = bed.clear();
    bed.arm("a waiting client's time-out", 0);
    bed.assert_fault(&format!("QADMIN.STATUS {id} WAIT 20"));
    assert_eq!(info(&bed.server, "clients_waiting"), 0);
    tell(&mut bed.conn, &format!("QADMIN.CANCEL {id}"));
}

/// An inline preview ends with its last client, even if the first attempt to announce the disconnection
/// failed.
fn disconnection(bed: &mut Bed) {
    let _slow = crate::stage::Slow::start(&bed.server);
    tell(&mut bed.conn, "CONFIG SET qadmin.inline-wait 60000");
    let mut raw = bed.server.raw();
    raw.send(format!("QADMIN.PREVIEW celery {}\r\n", filter()).as_bytes()).expect("sent");
    until_waiting(&bed.server, 1);
    bed.arm("a waiting client's disconnection", 0);
    drop(raw);
    until_waiting(&bed.server, 0);
    eventually("the count ended", || info(&bed.server, "jobs_live") == 0);
}

/// An event is lost, and the job continues.
fn untold(bed: &mut Bed, place: &str) {
    let mut listener = bed.server.raw();
    listener.line("SUBSCRIBE qadmin:events");
    bed.arm(place, 0);
    let (id, slow) = bed.clear();
    drop(slow);
    bed.assert_completed(&id);
    let heard = loop {
        let event = String::from_utf8(listener.reply().expect("an event")).expect("text");
        if !event.contains("\"progress\",") {
            break event;
        }
    };
    assert!(heard.contains("\"event\":\"end\""), "the start was lost: {heard}");
}

fn in_info(bed: &mut Bed) {
    bed.arm("INFO", 0);
    assert_eq!(bed.server.info("qadmin_jobs_live"), None);
    assert_eq!(info(&bed.server, "jobs_live"), 0);
}

fn reading_a_setting(bed: &mut Bed) {
    tell(&mut bed.conn, "CONFIG SET qadmin.duty 70");
    bed.arm("reading a setting", 0);
    tell(&mut bed.conn, "CONFIG GET qadmin.duty");
    assert!(format!("{:?}", run(&mut bed.conn, "CONFIG GET qadmin.duty")).contains("70"));
}

fn writing_a_setting(bed: &mut Bed) {
    tell(&mut bed.conn, "CONFIG SET qadmin.duty 70");
    bed.arm("writing a setting", 0);
    run(&mut bed.conn, "CONFIG SET qadmin.duty 80").expect_err("refused");
    assert!(format!("{:?}", run(&mut bed.conn, "CONFIG GET qadmin.duty")).contains("70"));
    tell(&mut bed.conn, "CONFIG SET qadmin.duty 100");
}

fn keys(bed: &mut Bed) {
    let line = "COMMAND GETKEYS QADMIN.JOBS QUEUE celery";
    bed.arm("the keys of a command", 0);
    assert!(!format!("{:?}", run(&mut bed.conn, line)).contains("celery"), "no keys");
    assert!(format!("{:?}", run(&mut bed.conn, line)).contains("celery"));
}

fn unload(bed: &mut Bed) {
    bed.arm("OnUnload", 0);
    run(&mut bed.conn, "MODULE UNLOAD qadmin").expect_err("refused");
    tell(&mut bed.conn, "QADMIN.HELP");
}

fn preview(bed: &mut Bed) {
    let line = format!("QADMIN.PREVIEW celery {}", filter());
    bed.arm("QADMIN.PREVIEW", 0);
    bed.assert_fault(&line);
    let count = ask(&mut bed.conn, &format!("{line} BUST"));
    assert!(count.is_null("count_error"), "{count:?}");
}

fn clearjob(bed: &mut Bed) {
    bed.arm("QADMIN.CLEARJOB", 0);
    bed.assert_fault(&clear_line());
    assert_eq!(info(&bed.server, "jobs_live"), 0, "no job");
}

fn undo(bed: &mut Bed) {
    let (id, list) = move_all(bed);
    let line = format!("QADMIN.UNDO {id} CONFIRM {list} FRONT");
    bed.arm("QADMIN.UNDO", 0);
    bed.assert_fault(&line);
    assert_eq!(info(&bed.server, "jobs_live"), 0, "no job");
    let id = ask(&mut bed.conn, &line).text("job_id");
    let end = crate::support::wait_for_job(&mut bed.conn, &id);
    assert_eq!(end.int("deleted"), bed.filled.matches(), "{end:?}");
    bed.fill();
}

/// Moves all matches to a list of the job's own; returns its id and the list.
pub(super) fn move_all(bed: &mut Bed) -> (String, String) {
    let job = ask(&mut bed.conn, &format!("{} PARK", clear_line()));
    let (id, list) = (job.text("job_id"), job.text("to"));
    let end = crate::support::wait_for_job(&mut bed.conn, &id);
    assert_eq!((end.text("status").as_str(), end.int("deleted")), ("completed", bed.filled.matches()));
    (id, list)
}

fn status_command(bed: &mut Bed) {
    let (id, _slow) = bed.clear();
    bed.arm("QADMIN.STATUS", 0);
    bed.assert_fault(&format!("QADMIN.STATUS {id}"));
    assert_eq!(status(&mut bed.conn, &id).text("status"), "running");
    tell(&mut bed.conn, &format!("QADMIN.CANCEL {id}"));
}

fn cancel(bed: &mut Bed) {
    let (id, slow) = bed.clear();
    bed.arm("QADMIN.CANCEL", 0);
    bed.assert_fault(&format!("QADMIN.CANCEL {id}"));
    drop(slow);
    bed.assert_completed(&id);
}

fn hold(bed: &mut Bed, command: &str, more: &str) {
    let (id, slow) = bed.clear();
    bed.arm(command, 0);
    bed.assert_fault(&format!("{command} {id}{more}"));
    drop(slow);
    bed.assert_completed(&id);
}

fn jobs(bed: &mut Bed) {
    bed.arm("QADMIN.JOBS", 0);
    bed.assert_fault("QADMIN.JOBS");
    tell(&mut bed.conn, "QADMIN.JOBS");
}

fn help(bed: &mut Bed) {
    bed.arm("QADMIN.HELP", 0);
    bed.assert_fault("QADMIN.HELP");
    tell(&mut bed.conn, "QADMIN.HELP");
}

fn queues(bed: &mut Bed) {
    bed.arm("QADMIN.QUEUES", 0);
    bed.assert_fault("QADMIN.QUEUES");
    assert_eq!(ask(&mut bed.conn, "QADMIN.QUEUES").rows("queues").len(), 1);
}

fn stats(bed: &mut Bed) {
    let line = "QADMIN.STATS celery GROUPBY 1 task";
    bed.arm("QADMIN.STATS", 0);
    bed.assert_fault(line);
    let count = ask(&mut bed.conn, &format!("{line} BUST"));
    assert!(count.is_null("count_error"), "{count:?}");
}

fn fields(bed: &mut Bed) {
    bed.arm("QADMIN.FIELDS", 0);
    bed.assert_fault("QADMIN.FIELDS celery");
    assert!(ask(&mut bed.conn, "QADMIN.FIELDS celery").int("looked_at") > 0);
}

fn show(bed: &mut Bed) {
    bed.arm("QADMIN.SHOW", 0);
    bed.assert_fault("QADMIN.SHOW celery none");
    assert_eq!(info(&bed.server, "jobs_live"), 0, "no job");
    let error = run(&mut bed.conn, "QADMIN.SHOW celery none").expect_err("no such message");
    assert_eq!(error.code(), Some("NOMESSAGE"), "{error}");
}

fn index(bed: &mut Bed) {
    bed.arm("QADMIN.INDEX", 0);
    bed.assert_fault("QADMIN.INDEX CREATE celery");
    assert!(run(&mut bed.conn, "QADMIN.INDEX INFO celery").is_err(), "nothing was created");
}

/// The pushed messages are not known: the index reads the list and knows the messages by a bound.
fn index_in_doubt(bed: &mut Bed, place: &str) {
    ask(&mut bed.conn, "QADMIN.INDEX CREATE followed");
    bed.arm(place, 0);
    tell(&mut bed.conn, "LPUSH followed a b");
    // In this event-loop iteration there is something to do.
    tell(&mut bed.conn, "SWAPDB 0 4");
    tell(&mut bed.conn, "SWAPDB 0 4");
    eventually("the list was looked at", || {
        let info = ask(&mut bed.conn, "QADMIN.INDEX INFO followed");
        info.text("state") == "ready" && (info.int("depth"), info.int("at_least")) == (2, 2)
    });
    ask(&mut bed.conn, "QADMIN.INDEX DROP followed");
    tell(&mut bed.conn, "DEL followed");
}

/// No message was read: the index reads the list again.
fn index_slice(bed: &mut Bed) {
    ask(&mut bed.conn, "QADMIN.INDEX CREATE followed FIELDS 1 task");
    bed.arm("a slice of an index", 0);
    tell(&mut bed.conn, "LPUSH followed a b");
    eventually("the messages are read", || {
        let info = ask(&mut bed.conn, "QADMIN.INDEX INFO followed");
        info.text("state") == "ready" && info.int("read") == 2
    });
    ask(&mut bed.conn, "QADMIN.INDEX DROP followed");
    tell(&mut bed.conn, "DEL followed");
}

/// The walk ends at this point and reports that.
fn walk(bed: &mut Bed, place: &str, skip: u32) {
    // This happens in a separate database, because the keys that DEBUG creates are not replicated.
    let mut conn = bed.server.conn();
    for line in ["SELECT 9", "DEBUG POPULATE 50000", "CONFIG SET qadmin.slice-us 50"] {
        tell(&mut conn, line);
    }
    bed.arm(place, skip);
    assert_eq!(ask(&mut conn, "QADMIN.QUEUES").int("complete"), 0);
    assert_eq!(ask(&mut conn, "QADMIN.QUEUES").int("complete"), 1);
    tell(&mut conn, "CONFIG SET qadmin.slice-us 500");
    tell(&mut conn, "FLUSHDB");
}

/// The job began, and its client received no reply: the same command again returns the same job.
fn replying(bed: &mut Bed) {
    const ID: &str = "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b77";
    let line = format!("{} ID {ID}", clear_line());
    bed.arm("replying", 0);
    bed.assert_fault(&line);
    assert_eq!(ask(&mut bed.conn, &line).int("deduplicated"), 1);
    bed.assert_completed(ID);
}
