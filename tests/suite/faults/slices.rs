//! Inside of slices, and at the beginning and the end of jobs.

use qadmin_harness::{Fields as _, eventually};
use redis::Commands as _;

use super::{Bed, Row};
use crate::durability::{clear_line, events, recorded, start_clear, status};
use crate::support::ask;

/// Every place in them.
pub(super) const ROWS: &[Row] = &[
    ("a slice", |bed| {
        fails(bed, "a slice", 2);
    }),
    ("judging", |bed| {
        fails(bed, "judging", 2);
    }),
    // In the middle of a slice that deleted before: 2 % of the messages, and one in two goes.
    ("reading a message", |bed| {
        // The command itself looks at 100 messages: whether they are messages at all.
        bed.arm("reading a message", 141);
        let id = ask(&mut bed.conn, &format!("{} AS CELERY", clear_line())).text("job_id");
        assert!(bed.assert_failed(&id).int("deleted") > 0, "it deleted before");
    }),
    ("booking a unit", |bed| {
        // The deletions of this slice are told to replicas and not booked yet.
        let deleted = fails(bed, "booking a unit", 1);
        assert!(deleted > 0, "it deleted before");
    }),
    ("writing the journal", |bed| {
        // What a slice moved is moved, and an undo leaves it where it is.
        bed.arm("writing the journal", 1);
        let (id, list) = super::callbacks::move_all(bed);
        let undo = ask(&mut bed.conn, &format!("QADMIN.UNDO {id} CONFIRM {list}")).text("job_id");
        let undo = crate::support::wait_for_job(&mut bed.conn, &undo);
        let left: i64 = bed.conn.llen(&list).expect("LLEN");
        assert!(left > 0 && undo.int("deleted") == bed.filled.matches() - left, "{undo:?}");
        let notice = format!(
            "{left} of the {} messages that the job moved were not written down",
            bed.filled.matches()
        );
        assert!(undo.text("notice").contains(&notice), "{undo:?}");
        bed.fill();
    }),
    ("the account of a slice", |bed| {
        bed.arm("the account of a slice", 1);
        let id = start_clear(&mut bed.conn);
        bed.assert_completed(&id);
    }),
    ("the start of a job", |bed| refused(bed, "the start of a job")),
    ("writing a record", |bed| refused(bed, "writing a record")),
    ("writing the audit", at_the_end),
    ("the end of a job", |bed| {
        bed.arm("the end of a job", 0);
        let id = start_clear(&mut bed.conn);
        bed.assert_completed(&id);
    }),
    ("the search for why nothing matches", |bed| {
        bed.arm("the search for why nothing matches", 0);
        let id = start_clear(&mut bed.conn);
        bed.assert_completed(&id);
    }),
    ("a pending record", pending),
];

#[test]
fn no_panic_escapes_from_a_slice() {
    Bed::new().walk(ROWS);
}

/// The record of a slice that deleted, written behind the deletions.
#[test]
fn a_panic_while_the_record_is_written_fails_the_job_and_loses_no_count() {
    Bed::new().walk(&[("writing a record", |bed| {
        // The first is the one of the start.
        let deleted = fails(bed, "writing a record", 1);
        assert!(deleted > 0);
    })]);
}

#[test]
fn an_undo_that_cannot_record_its_moves_leaves_no_journal() {
    Bed::new().walk(&[("writing the journal", |bed| {
        let (id, list) = super::callbacks::move_all(bed);
        bed.arm("writing the journal", 0);
        let undo = ask(&mut bed.conn, &format!("QADMIN.UNDO {id} CONFIRM {list}")).text("job_id");
        let undo = crate::support::wait_for_job(&mut bed.conn, &undo);
        assert_eq!(undo.int("deleted"), bed.filled.matches(), "{undo:?}");
        // Slices after the first one begin a new journal, which has nothing that was moved before.
        let journal: Vec<Vec<u8>> = bed.conn.lrange(format!("qadmin:moved:{id}"), 0, -1).expect("LRANGE");
        assert!(journal.iter().all(|element| element.starts_with(b"-")), "no claim is left");
        bed.fill();
    })]);
}

/// The job fails; says how much it deleted.
fn fails(bed: &mut Bed, place: &str, skip: u32) -> i64 {
    bed.arm(place, skip);
    let id = start_clear(&mut bed.conn);
    bed.assert_failed(&id).int("deleted")
}

/// No job begins, and no record goes on saying that one does.
fn refused(bed: &mut Bed, place: &str) {
    bed.arm(place, 0);
    bed.assert_fault(&clear_line());
    eventually("no record says that a job lives", || {
        let keys: Vec<String> = bed.conn.keys("qadmin:job:*").expect("KEYS");
        keys.iter().all(|key| bed.conn.hget::<_, _, String>(key, "status").expect("HGET") == "interrupted")
    });
}

/// The end is written again, and told once.
fn at_the_end(bed: &mut Bed) {
    // The first is the one of the start.
    bed.arm("writing the audit", 1);
    let id = start_clear(&mut bed.conn);
    bed.assert_completed(&id);
    eventually("the audit tells the end", || events(&mut bed.conn) == ["start", "end"]);
}

/// A job that ends outside a slice owes its record to the next turn.
fn pending(bed: &mut Bed) {
    let (id, _slow) = bed.clear();
    bed.arm("a pending record", 0);
    crate::durability::tell(&mut bed.conn, &format!("QADMIN.CANCEL {id}"));
    assert_eq!(status(&mut bed.conn, &id).text("status"), "cancelled");
    eventually("the record says so, too", || recorded(&mut bed.conn, &id, "status") == "cancelled");
}
