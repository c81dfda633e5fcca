//! TO, PARK and UNDO: messages keep their scores.

use qadmin_harness::{Fields as _, Server, maps};
use redis::Commands as _;

use super::{Entry, KEY, add, clear, count, entries, held, matching, of, others};
use crate::durability::{tell, until_deleted};
use crate::stage::{Slow, set};
use crate::support::{ask, run, wait_for_job};
use crate::undo::PARKED;

/// The sorted set in which the job of [`PARKED`] parks messages of [`KEY`].
const PARKED_SET: &str = "retry:parked:6f1c2b8e";

#[test]
fn moved_jobs_keep_their_score_and_an_undo_returns_exactly_them() {
    let server = Server::start();
    let mut conn = server.conn();
    set(&mut conn, "slice-us 50");
    let all = entries(0..3_000, 3);
    add(&mut conn, KEY, &all);
    let end = clear(&mut conn, &format!("ALL PARK ID {PARKED}"));
    assert_eq!(
        (end.text("to"), end.int("parked"), end.int("deleted")),
        (PARKED_SET.into(), 1, 1_000),
        "{end:?}"
    );
    assert_eq!(held(&mut conn, PARKED_SET), of(matching(&all)));
    assert_eq!(held(&mut conn, KEY), of(others(&all)));
    // A job that another client adds there is not one that the job moved.
    let stranger = &entries(20_000..20_001, 1)[0];
    add(&mut conn, PARKED_SET, std::slice::from_ref(stranger));
    // A new time for a parked job is a deliberate change.
    let later = Entry { score: 1_900_000_000.5, ..matching(&all).next().expect("one").clone() };
    add(&mut conn, PARKED_SET, std::slice::from_ref(&later));

    let dry = ask(&mut conn, &format!("QADMIN.UNDO {PARKED} DRYRUN")).text("job_id");
    assert_eq!(wait_for_job(&mut conn, &dry).int("would_delete"), 1_000);
    let undo = ask(&mut conn, &format!("QADMIN.UNDO {PARKED} CONFIRM {PARKED_SET}"));
    assert_eq!((undo.text("container"), undo.int("moved")), ("sorted_set".into(), 1_000), "{undo:?}");
    let end = wait_for_job(&mut conn, &undo.text("job_id"));
    assert_eq!((end.text("status"), end.int("deleted")), ("completed".into(), 1_000), "{end:?}");
    let mut expected = of(&all);
    expected.insert(later.member.clone(), later.score.to_string());
    assert_eq!(held(&mut conn, KEY), expected);
    assert_eq!(held(&mut conn, PARKED_SET), of([stranger]));
    let front = run(&mut conn, &format!("QADMIN.UNDO {PARKED} FRONT CONFIRM {PARKED_SET}"));
    assert!(front.is_err());
    let status = ask(&mut conn, &format!("QADMIN.STATUS {PARKED}"));
    assert_eq!(status.int("undone"), 1_000);
    assert_eq!(maps(&run(&mut conn, "QADMIN.JOBS").expect("JOBS")).len(), 3);
}

#[test]
fn a_job_that_the_destination_holds_already_is_kept_where_it_is() {
    let server = Server::start();
    let mut conn = server.conn();
    let all = entries(0..100, 1);
    add(&mut conn, KEY, &all);
    let twice = Entry { score: 5.0, ..all[7].clone() };
    add(&mut conn, "spare", std::slice::from_ref(&twice));
    let end = clear(&mut conn, "ALL TO spare");
    assert_eq!((end.int("matched"), end.int("deleted"), end.int("would_delete")), (100, 99, 99), "{end:?}");
    assert!(end.text("notice").contains("the destination holds the same messages already: 1"), "{end:?}");
    assert_eq!(held(&mut conn, KEY), of([&all[7]]));
    let expected = of(all.iter().filter(|one| one.member != twice.member).chain([&twice]));
    assert_eq!(held(&mut conn, "spare"), expected);
}

#[test]
fn an_undo_is_continued_after_it_was_cancelled() {
    let server = Server::start();
    let mut conn = server.conn();
    let all = entries(0..3_000, 2);
    add(&mut conn, KEY, &all);
    clear(&mut conn, &format!("ALL PARK ID {PARKED}"));
    let slow = Slow::start(&server);
    let id = ask(&mut conn, &format!("QADMIN.UNDO {PARKED} CONFIRM {PARKED_SET}")).text("job_id");
    until_deleted(&mut conn, &id, 10);
    tell(&mut conn, &format!("QADMIN.CANCEL {id}"));
    let first = wait_for_job(&mut conn, &id);
    assert_eq!(first.text("status"), "cancelled", "{first:?}");
    drop(slow);
    let id = ask(&mut conn, &format!("QADMIN.UNDO {PARKED} CONFIRM {PARKED_SET}")).text("job_id");
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(end.int("deleted") + first.int("deleted"), 1_500, "{end:?}");
    assert_eq!(held(&mut conn, KEY), of(&all));
    assert_eq!(conn.exists::<_, i64>(PARKED_SET).expect("EXISTS"), 0);
}

#[test]
fn a_destination_that_comes_to_hold_something_else_ends_the_job() {
    let server = Server::start();
    let mut conn = server.conn();
    let all = entries(0..3_000, 2);
    add(&mut conn, KEY, &all);
    let slow = Slow::start(&server);
    let line = format!("QADMIN.CLEARJOB {KEY} TASK Upload ALL TO spare RATE 1000 CONFIRM {KEY}");
    let id = ask(&mut conn, &line).text("job_id");
    until_deleted(&mut conn, &id, 10);
    tell(&mut conn, "SET spare mine");
    let end = wait_for_job(&mut conn, &id);
    drop(slow);
    assert_eq!(end.text("error"), r#"WRONGTYPE the key "spare" no longer holds a sorted set"#, "{end:?}");
    assert_eq!(count(held(&mut conn, KEY).len()), 3_000 - end.int("deleted"));
}
