//! Deliveries that come after a clear was accepted, with a time before that of entries that were there.

use std::collections::BTreeSet;

use qadmin_harness::{Fields as _, eventually};
use redis::{Commands as _, Connection};

use super::{HASH, INDEX, UnackedMessage, append, both, clear, many};
use crate::durability::{in_memory, status, tell, until_deleted};
use crate::stage::{Slow, set, target};
use crate::support::{Reply, ask, wait_for_job};

/// Returns a message and delivers it again, as kombu does: under the same tag, at another time.
fn take_again(conn: &mut Connection, one: &UnackedMessage, score: f64) {
    let mut pipe = redis::pipe();
    pipe.atomic().zrem(INDEX, &one.tag).ignore().hdel(HASH, &one.tag).ignore();
    pipe.exec(conn).expect("EXEC");
    append(conn, &[UnackedMessage { score, ..one.clone() }]);
}

/// Returns a time within the snapshot; the times have no order.
fn time(n: usize) -> f64 {
    let millis = u32::try_from(n * 7_919 % 4_000).expect("few");
    1_700_000_000.0 + f64::from(millis) / 1_000.0 + 0.000_5
}

fn accept(conn: &mut Connection, options: &str) -> String {
    ask(conn, &format!("QADMIN.CLEARJOB {HASH} {} {options} CONFIRM {HASH}", target())).text("job_id")
}

/// Returns the number in the notice about matches that could not be distinguished from later ones.
fn left_alone(end: &Reply) -> usize {
    let notice = end.text("notice");
    let number = notice.split_once("delivered after the command: ").map(|(_, rest)| {
        rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().expect("a number")
    });
    number.unwrap_or(0)
}

#[test]
fn a_clear_never_takes_later_deliveries_and_reports_what_it_kept() {
    for slice in ["50", "500"] {
        let server = in_memory().start();
        let mut conn = server.conn();
        let before = many(0, 4_000, 50.0);
        append(&mut conn, &before);
        let mut later = many(4_000, 2_000, 100.0).into_iter().enumerate();
        let slow = Slow::start(&server);
        set(&mut conn, &format!("slice-us {slice} duty 20"));
        let id = accept(&mut conn, "ALL RATE 4000");
        let (mut came, mut again): (BTreeSet<String>, BTreeSet<String>) = (BTreeSet::new(), BTreeSet::new());
        eventually("the job ends", || {
            if let Some((n, one)) = later.next() {
                append(&mut conn, &[UnackedMessage { score: time(n), ..one.clone() }]);
                came.insert(one.tag);
                let one = &before[n * 131 % before.len()];
                if n % 4 == 0 && conn.hexists(HASH, &one.tag).expect("HEXISTS") {
                    take_again(&mut conn, one, time(n + 1));
                    again.insert(one.tag.clone());
                }
            }
            !status(&mut conn, &id).is_null("completed_at")
        });
        let end = wait_for_job(&mut conn, &id);
        drop(slow);
        assert_eq!(end.text("status"), "completed", "{end:?}");
        assert_eq!(end.int("total_estimated"), end.int("processed") + end.int("drifted"), "{end:?}");
        let left = both(&mut conn);
        assert!(came.len() > 10 && !again.is_empty() && end.int("arrived") > 0, "{end:?}");
        assert!(came.iter().chain(&again).all(|tag| left.contains_key(tag)), "what came later was taken");
        let others = before.iter().filter(|one| !one.matches);
        others.for_each(|one| assert!(left.contains_key(&one.tag), "what does not match was taken"));
        let stayed = before
            .iter()
            .filter(|one| one.matches && !again.contains(&one.tag) && left.contains_key(&one.tag));
        assert!(stayed.count() <= left_alone(&end), "{end:?}");
    }
}

#[test]
fn clear_of_small_index_removes_exactly_its_matches() {
    let server = in_memory().start();
    let mut conn = server.conn();
    set(&mut conn, "slice-us 20000");
    let before = many(0, 1_000, 50.0);
    append(&mut conn, &before);
    let id = accept(&mut conn, "ALL RATE 200");
    until_deleted(&mut conn, &id, 1);
    let later: Vec<UnackedMessage> = many(1_000, 300, 100.0)
        .into_iter()
        .enumerate()
        .map(|(n, one)| UnackedMessage { score: time(n), ..one })
        .collect();
    append(&mut conn, &later);
    // The scan reaches these last entries last.
    for one in &before[950..] {
        take_again(&mut conn, one, one.score - 0.000_1);
    }
    tell(&mut conn, &format!("QADMIN.THROTTLE {id} RATE 0"));
    let end = wait_for_job(&mut conn, &id);
    let matches = before[..950].iter().filter(|one| one.matches).count() as i64;
    assert_eq!((end.int("deleted"), end.int("matched")), (matches, matches), "{end:?}");
    assert_eq!((end.int("processed"), end.int("drifted"), left_alone(&end)), (950, 50, 0), "{end:?}");
    assert!(end.int("arrived") > 50, "{end:?}");
    let left = both(&mut conn);
    assert!(later.iter().chain(&before[950..]).all(|one| left.contains_key(&one.tag)));
    assert_eq!(left.len() as i64, 1_300 - matches);
    // They are there when the next clear is accepted.
    let next = clear(&mut conn, "ALL");
    let again = before[950..].iter().filter(|one| one.matches).count() as i64;
    assert_eq!((next.int("deleted"), next.int("arrived")), (300 + again, 0), "{next:?}");
}

#[test]
fn ordinary_deliveries_while_the_index_is_read_leave_nothing_uncertain() {
    let server = in_memory().start();
    let mut conn = server.conn();
    let before = many(0, 4_000, 50.0);
    append(&mut conn, &before);
    let slow = Slow::start(&server);
    let id = accept(&mut conn, "ALL");
    let mut acked = 0;
    // While the snapshot is read, nothing is examined.
    for (n, one) in many(4_000, 60, 100.0).into_iter().enumerate() {
        append(&mut conn, &[one]);
        let tag = &before[n * 61].tag;
        let mut pipe = redis::pipe();
        pipe.atomic().zrem(INDEX, tag).hdel(HASH, tag).ignore();
        let (removed,): (i64,) = pipe.query(&mut conn).expect("EXEC");
        acked += removed;
    }
    drop(slow);
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(left_alone(&end), 0, "{end:?}");
    assert_eq!((end.int("processed") + end.int("drifted"), end.int("arrived")), (4_000, 60), "{end:?}");
    let left = both(&mut conn);
    assert_eq!(left.len() as i64, 4_060 - acked - end.int("deleted"), "{end:?}");
    assert!(before.iter().all(|one| !one.matches || !left.contains_key(&one.tag)), "{end:?}");
}
