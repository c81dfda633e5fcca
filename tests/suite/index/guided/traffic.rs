//! The same beside producers, workers, rotations and edits.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use qadmin_harness::{Fields as _, Server};
use redis::Connection;

use super::{create, list};
use crate::durability::until_deleted;
use crate::index::fields::{message, push};
use crate::stage::{Slow, slow_server};
use crate::support::{ask, run, wait_for_job};

/// One message in this many matches.
const ONE_IN: u64 = 12;
const START: u64 = 12_000;

fn matches(id: u64) -> bool {
    id.is_multiple_of(ONE_IN)
}

fn of(id: u64) -> String {
    message(id, if matches(id) { "a.b" } else { "c.d" }, "1")
}

fn id_of(message: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(message);
    let at = text.find(r#""id":""#).expect("an id") + 6;
    text[at..].split('"').next().and_then(|id| id.parse().ok()).expect("a number")
}

fn ids(conn: &mut Connection) -> Vec<u64> {
    list(conn, "q").iter().map(|message| id_of(message)).collect()
}

/// What others do to the queue meanwhile.
struct Crowd {
    stop: Arc<AtomicBool>,
    pushed: JoinHandle<u64>,
    popped: JoinHandle<Vec<u64>>,
    edited: JoinHandle<(Vec<u64>, Vec<u64>)>,
}

impl Crowd {
    fn start(server: &Server, edits: bool) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let goes_on = |stop: &Arc<AtomicBool>| {
            let stop = Arc::clone(stop);
            move || !stop.load(Ordering::Relaxed)
        };
        let next = Arc::new(AtomicU64::new(START));
        let (on, mut conn, ids) = (goes_on(&stop), server.conn(), Arc::clone(&next));
        let pushed = thread::spawn(move || {
            while on() {
                let first = ids.fetch_add(3, Ordering::Relaxed);
                push(&mut conn, "q", &(first..first + 3).map(of).collect::<Vec<_>>());
            }
            ids.load(Ordering::Relaxed)
        });
        let (on, mut conn) = (goes_on(&stop), server.conn());
        let popped = thread::spawn(move || {
            let mut popped = Vec::new();
            while on() {
                let words: Vec<Vec<u8>> = redis::cmd("RPOP")
                    .arg("q")
                    .arg(2)
                    .query::<Option<_>>(&mut conn)
                    .expect("RPOP")
                    .unwrap_or_default();
                popped.extend(words.iter().map(|message| id_of(message)));
                run(&mut conn, "LMOVE q q RIGHT LEFT").expect("LMOVE");
                run(&mut conn, "LMOVE q q LEFT RIGHT").expect("LMOVE");
            }
            popped
        });
        let (on, mut conn) = (goes_on(&stop), server.conn());
        let edited = thread::spawn(move || edit(&mut conn, edits, on));
        Self { stop, pushed, popped, edited }
    }
}

/// Removes messages from the inside of the list, and inserts others there. Returns the ids of both.
fn edit(conn: &mut Connection, edits: bool, on: impl Fn() -> bool) -> (Vec<u64>, Vec<u64>) {
    let (mut removed, mut inserted) = (Vec::new(), Vec::new());
    let mut fresh = 10_000_000_u64;
    while edits && on() {
        thread::sleep(std::time::Duration::from_millis(40));
        let there: Option<Vec<u8>> = redis::cmd("LINDEX").arg("q").arg(700).query(conn).expect("LINDEX");
        let Some(there) = there else { continue };
        let gone: u64 = redis::cmd("LREM").arg("q").arg(1).arg(&there).query(conn).expect("LREM");
        if gone == 1 {
            removed.push(id_of(&there));
        }
        let pivot: Option<Vec<u8>> = redis::cmd("LINDEX").arg("q").arg(-900).query(conn).expect("LINDEX");
        let Some(pivot) = pivot else { continue };
        fresh += 1;
        let len: i64 = redis::cmd("LINSERT")
            .arg("q")
            .arg("BEFORE")
            .arg(&pivot)
            .arg(of(fresh))
            .query(conn)
            .expect("LINSERT");
        if len > 0 {
            inserted.push(fresh);
        }
    }
    (removed, inserted)
}

/// Clears again and again while others change the queue, and accounts for every message.
fn clears_beside_traffic(edits: bool) {
    let server = Server::start();
    let mut conn = server.conn();
    for first in (0..START).step_by(500) {
        push(&mut conn, "q", &(first..first + 500).map(of).collect::<Vec<_>>());
    }
    create(&mut conn, "q", "FIELDS 1 task");
    let crowd = Crowd::start(&server, edits);
    let (mut deleted, mut guided) = (0, 0);
    for words in [
        "ALL LIMIT 100",
        "KEEPONE LIMIT 50",
        "KEEPONE KEEP NEWEST",
        "ALL EXPECT 1000000",
        "ALL",
        "ALL",
        "KEEPONE",
    ] {
        let id = ask(&mut conn, &format!("QADMIN.CLEARJOB q TASK a.b {words} CONFIRM q")).text("job_id");
        let end = wait_for_job(&mut conn, &id);
        // A queue that is edited all the time may end a job.
        assert!(edits || end.text("status") == "completed", "{end:?}");
        let all = end.int("processed") + end.int("drifted");
        assert!(edits || words.contains("LIMIT") || all == end.int("total_estimated"), "{end:?}");
        deleted += end.int("deleted");
        guided += u64::from(end.text("source") == "index");
    }
    crowd.stop.store(true, Ordering::Relaxed);
    let last = crowd.pushed.join().expect("the producer ends well");
    let popped = crowd.popped.join().expect("the worker ends well");
    let (removed, inserted) = crowd.edited.join().expect("the editor ends well");
    assert!(edits || guided > 0, "the index guided no job");

    let left = ids(&mut conn);
    let there: BTreeSet<u64> = left.iter().copied().collect();
    assert_eq!(there.len(), left.len(), "no message is there twice");
    let gone: BTreeSet<u64> = popped.iter().chain(&removed).copied().collect();
    let all: BTreeSet<u64> = (0..last).chain(inserted).collect();
    let cleared: Vec<u64> =
        all.iter().copied().filter(|id| !there.contains(id) && !gone.contains(id)).collect();
    assert!(cleared.iter().all(|id| matches(*id)), "what does not match stays");
    assert_eq!(i64::try_from(cleared.len()).expect("few"), deleted);
    assert!(deleted > 0 && there.iter().all(|id| all.contains(id)));
    run(&mut conn, "DEL q").expect("DEL");
}

#[test]
fn a_guided_clear_is_exact_beside_traffic() {
    clears_beside_traffic(false);
}

#[test]
fn a_guided_clear_beside_edits_clears_nothing_that_does_not_match() {
    clears_beside_traffic(true);
}

/// Stops a guided clear in the middle, changes the queue at both ends or inside, and lets it continue.
fn what_happens_in_between(edit: &str, act: impl FnOnce(&mut Connection)) {
    let server = slow_server().start();
    let mut conn = server.conn();
    for first in (0..START).step_by(500) {
        push(&mut conn, "q", &(first..first + 500).map(of).collect::<Vec<_>>());
    }
    create(&mut conn, "q", "FIELDS 1 task");
    let mut slow = Slow::start(&server);
    let job = ask(&mut conn, "QADMIN.CLEARJOB q TASK a.b ALL CONFIRM q").text("job_id");
    until_deleted(&mut conn, &job, 20);
    slow.hold(&mut conn);
    let held = ask(&mut conn, &format!("QADMIN.STATUS {job}"));
    assert!(held.int("deleted") > 0 && held.text("source") == "index", "{held:?}");
    act(&mut conn);
    // Matches that come later stay, and so does what is moved to the other end.
    let later = [START, START + ONE_IN];
    push(&mut conn, "q", &later.map(of));
    let first: String = redis::cmd("RPOP").arg("q").query(&mut conn).expect("RPOP");
    let moved: String =
        redis::cmd("LMOVE").arg(&["q", "q", "RIGHT", "LEFT"]).query(&mut conn).expect("LMOVE");
    drop(slow);
    let end = wait_for_job(&mut conn, &job);
    assert_eq!(end.text("status"), "completed", "{edit}: {end:?}");
    // After LREM the place is found, unless the job was held right after a jump.
    let passes = match edit {
        "nothing" => 1..2,
        "LREM" => 1..3,
        _ => 2..3,
    };
    assert!(passes.contains(&end.int("passes_run")), "{edit}: {end:?}");
    let left = ids(&mut conn);
    let stay: BTreeSet<u64> = left.iter().copied().filter(|id| matches(*id)).collect();
    let wanted: BTreeSet<u64> =
        later.into_iter().chain(Some(id_of(moved.as_bytes())).filter(|id| matches(*id))).collect();
    // A pass that begins anew may spare as many as had been pushed, at either end.
    let spared: Vec<u64> = stay.difference(&wanted).copied().collect();
    assert!(wanted.is_subset(&stay), "{edit}: what came later stays");
    let may_spare = if ["LINSERT", "LSET"].contains(&edit) { 4 } else { 0 };
    assert!(spared.len() <= may_spare, "{edit}: {spared:?} of the snapshot are left");
    let others = left.iter().filter(|id| !matches(**id) && **id < START).count() as u64;
    let popped = u64::from(!matches(id_of(first.as_bytes())));
    let removed = u64::from(["LREM", "LSET"].contains(&edit));
    assert_eq!(others, START - START.div_ceil(ONE_IN) - popped - removed, "{edit}");
}

#[test]
fn a_guided_clear_goes_on_after_what_happened_meanwhile() {
    what_happens_in_between("nothing", |_| ());
}

#[test]
fn after_an_edit_a_guided_clear_finds_its_place_or_begins_anew() {
    // Neither of the two matches.
    let (gone, fresh) = (of(START / 2 + 1), of(START * 100 + 1));
    what_happens_in_between("LREM", |conn| {
        let removed: u64 = redis::cmd("LREM").arg("q").arg(1).arg(&gone).query(conn).expect("LREM");
        assert_eq!(removed, 1);
    });
    what_happens_in_between("LINSERT", |conn| {
        let words = ["q", "BEFORE", &gone, &fresh];
        let len: i64 = redis::cmd("LINSERT").arg(&words).query(conn).expect("LINSERT");
        assert!(len > 0);
    });
    what_happens_in_between("LSET", |conn| {
        let at: i64 = redis::cmd("LPOS").arg("q").arg(&gone).query(conn).expect("LPOS");
        redis::cmd("LSET").arg("q").arg(at).arg(&fresh).query::<()>(conn).expect("LSET");
    });
}
