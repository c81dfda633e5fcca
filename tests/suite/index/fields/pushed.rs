//! Messages that are read in the notification of their push.

use qadmin_harness::{Fields as _, Server, eventually, map};
use redis::Value;

use super::{compare, compare_stats, message, until_read};
use crate::support::{ask, run};

#[test]
fn the_push_that_makes_some_messages_unread_reads_them() {
    let server = Server::start();
    let mut conn = server.conn();
    ask(&mut conn, "QADMIN.INDEX CREATE q FIELDS 2 task kwargs.x");
    // Nothing is read so soon after a slice that took long, for example because another process had the processor.
    eventually("a push reads", || {
        until_read(&mut conn, "q");
        run(&mut conn, "DEL q").expect("DEL");
        // No turn of the event loop comes inside a transaction.
        let mut transaction = redis::pipe();
        transaction.atomic();
        let push = |transaction: &mut redis::Pipeline, id: u64| {
            let message =
                message(id, ["a.b", "c.d"][usize::from(id.is_multiple_of(2))], &(id % 5).to_string());
            transaction.cmd("LPUSH").arg("q").arg(message).ignore();
        };
        (0..63).for_each(|id| push(&mut transaction, id));
        transaction.cmd("QADMIN.INDEX").arg("INFO").arg("q");
        push(&mut transaction, 63);
        transaction.cmd("QADMIN.INDEX").arg("INFO").arg("q");
        let (before, after): (Value, Value) = transaction.query(&mut conn).expect("a transaction");
        assert_eq!(map(&before).int("unread"), 63, "few messages wait");
        map(&after).int("unread") == 0
    });
    compare(&mut conn, "q", &["WHERE", "task", "=", "a.b", "WHERE", "kwargs.x", ">", "2"], "read by a push");
    compare_stats(&mut conn, "q", &["GROUPBY", "2", "task", "kwargs.x"], "read by a push");
}
