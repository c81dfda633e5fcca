//! Panics inside slices, and at the beginning and the end of jobs.

use qadmin_harness::{Fields as _, eventually};
use redis::Commands as _;

use super::{Bed, Row};
use crate::durability::{clear_line, events, recorded, start_clear, status};
use crate::support::ask;

/// Every such place.
pub(super) const ROWS: &[Row] = &[
    ("a slice", |bed| {
        fails(bed, "a slice", 2);
    }),
    ("judging", |bed| {
        fails(bed, "judging", 2);
    }),
    // The panic is in the middle of a slice that has already deleted: 2 % of the messages match, and one in
    // two is cleared.
    ("reading a message", |bed| {
        // The command itself reads 100 messages to recognise their kind.
        bed.arm("reading a message", 141);
        let id = ask(&mut bed.conn, &format!("{} AS CELERY", clear_line())).text("job_id");
        assert!(bed.assert_failed(&id).int("deleted") > 0, "it deleted before");
    }),
    ("booking a unit", |bed| {
        // The deletions of this slice are replicated but not counted yet.
        let deleted = fails(bed, "booking a unit", 1);
        assert!(deleted > 0, "it deleted before");
    }),
    ("writing the journal", |bed| {
        // The messages that a slice moved stay moved, and an undo does not move them back.
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
    ("the tokens of jobs", |bed| {
        // Tokens that stay wake workers for nothing, and no more.
        bed.arm("the tokens of jobs", 1);
        let id = start_clear(&mut bed.conn);
        bed.assert_completed(&id);
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

/// The index is lent to the slice, and comes back: it answers as before, and guides the next clear.
#[test]
fn no_panic_escapes_from_a_slice_that_an_index_guides() {
    Bed::new().walk(&[
        ("judging", |bed| {
            index(bed);
            fails(bed, "judging", 1);
            index_answers(bed);
        }),
        ("reading a message", |bed| {
            index(bed);
            bed.arm("reading a message", 141);
            let id = ask(&mut bed.conn, &format!("{} AS CELERY", clear_line())).text("job_id");
            let end = bed.assert_failed(&id);
            assert!(end.int("deleted") > 0, "it deleted before");
            index_answers(bed);
        }),
        ("booking a unit", |bed| {
            index(bed);
            assert!(fails(bed, "booking a unit", 1) > 0, "it deleted before");
            index_answers(bed);
        }),
    ]);
}

/// Creates an index of the queue, and waits until it is ready.
fn index(bed: &mut Bed) {
    ask(&mut bed.conn, "QADMIN.INDEX CREATE celery FIELDS 2 task kwargs.repoid");
    eventually("all messages are read", || {
        ask(&mut bed.conn, "QADMIN.INDEX INFO celery").text("state") == "ready"
    });
}

/// The index counts as a scan does, and guides a clear of the rest.
fn index_answers(bed: &mut Bed) {
    let preview = format!("QADMIN.PREVIEW celery {}", crate::durability::filter());
    eventually("the index answers", || ask(&mut bed.conn, &preview).text("source") == "index");
    let counted = ask(&mut bed.conn, &preview).int("match_count");
    assert_eq!(counted, ask(&mut bed.conn, &format!("{preview} BUST")).int("match_count"));
    let id = start_clear(&mut bed.conn);
    let end = crate::support::wait_for_job(&mut bed.conn, &id);
    assert_eq!((end.int("deleted"), end.text("source").as_str()), (counted, "index"), "{end:?}");
    ask(&mut bed.conn, "QADMIN.INDEX DROP celery");
}

/// The record of a slice that deleted is written after the deletions.
#[test]
fn a_panic_while_writing_a_record_fails_the_job_without_loss() {
    Bed::new().walk(&[("writing a record", |bed| {
        // The first record is the one of the start.
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
        // Slices after the first one begin a new journal, which does not contain messages that were moved
        // before.
        let journal: Vec<Vec<u8>> = bed.conn.lrange(format!("qadmin:moved:{id}"), 0, -1).expect("LRANGE");
        assert!(journal.iter().all(|element| element.starts_with(b"-")), "no claim is left");
        bed.fill();
    })]);
}

/// Checks that the job fails; returns how many messages it deleted.
fn fails(bed: &mut Bed, place: &str, skip: u32) -> i64 {
    bed.arm(place, skip);
    let id = start_clear(&mut bed.conn);
    bed.assert_failed(&id).int("deleted")
}

/// Checks that no job begins and no record says that one did.
fn refused(bed: &mut Bed, place: &str) {
    bed.arm(place, 0);
    bed.assert_fault(&clear_line());
    eventually("no record says that a job lives", || {
        let keys: Vec<String> = bed.conn.keys("qadmin:job:*").expect("KEYS");
        keys.iter().all(|key| bed.conn.hget::<_, _, String>(key, "status").expect("HGET") == "interrupted")
    });
}

/// Checks that the end is written again and announced once.
fn at_the_end(bed: &mut Bed) {
    // The first entry is the one of the start.
    bed.arm("writing the audit", 1);
    let id = start_clear(&mut bed.conn);
    bed.assert_completed(&id);
    eventually("the audit stream has the end", || events(&mut bed.conn) == ["start", "end"]);
}

/// A job that ends outside a slice leaves its record as a pending write for the next event-loop iteration.
fn pending(bed: &mut Bed) {
    let (id, _slow) = bed.clear();
    bed.arm("a pending record", 0);
    crate::durability::tell(&mut bed.conn, &format!("QADMIN.CANCEL {id}"));
    assert_eq!(status(&mut bed.conn, &id).text("status"), "cancelled");
    eventually("the record says so, too", || recorded(&mut bed.conn, &id, "status") == "cancelled");
}
