//! KEEP NEWEST while the newest matches leave at the head: the newest remaining match is kept, whenever the
//! others leave.

use qadmin_harness::{Fields as _, map};
use redis::{Commands as _, Connection, Value};

use crate::model::Rng;
use crate::support::{Reply, ask, wait_for_job};

/// The number of messages in the queue. A slow job takes about fifty slices for both of its passes.
const MESSAGES: u64 = 2_500;

fn message(i: u64, matches: bool) -> String {
    let task = if matches { "m" } else { "o" };
    format!(r#"{{"body":"","headers":{{"task":"{task}","id":"{i}"}}}}"#)
}

fn is_match(message: &str) -> bool {
    message.contains(r#""task":"m""#)
}

/// Pops `n` messages from the head; returns STATUS directly before that and the content of the queue directly
/// after it.
fn take_newest(conn: &mut Connection, id: &str, n: usize, rng: &mut Rng) -> (Reply, Vec<String>) {
    let mut step = redis::pipe();
    step.atomic().cmd("QADMIN.STATUS").arg(id);
    if rng.within(0, 1) == 0 {
        step.cmd("LPOP").arg("q").arg(n).ignore();
    } else {
        (0..n).for_each(|_| _ = step.cmd("LMOVE").arg(&["q", "other", "LEFT", "LEFT"]).ignore());
    }
    step.cmd("LRANGE").arg(&["q", "0", "-1"]);
    let (status, left): (Value, Vec<String>) = step.query(conn).expect("EXEC");
    (map(&status), left)
}

#[test]
fn keep_newest_keeps_the_newest_match_that_is_left() {
    let server = crate::stage::slow_server().start();
    let mut conn = server.conn();
    let mut passes = [0; 2];
    for seed in 0..8 {
        let mut rng = Rng::new(seed);
        let _: () = conn.del(&["q", "other"]).expect("DEL");
        let part = rng.within(2, 30);
        let all: Vec<String> = (0..MESSAGES).map(|i| message(i, rng.within(1, part) == 1)).collect();
        conn.lpush::<_, _, ()>("q", &all).expect("LPUSH");
        let id = ask(&mut conn, "QADMIN.CLEARJOB q TASK m KEEPONE KEEP NEWEST CONFIRM q").text("job_id");
        let mut left: Vec<String>;
        loop {
            let most = if rng.within(0, 1) == 0 { 2 } else { 40 };
            let n = rng.within(1, most);
            let status;
            (status, left) = take_newest(&mut conn, &id, n, &mut rng);
            if status.text("status") == "completed" {
                break;
            }
            let counts = usize::from(!status.is_null("counted"));
            passes[counts] += 1;
            if left.len() < 500 {
                // The remaining messages are enough to see which one is kept.
                break;
            }
        }
        let status = wait_for_job(&mut conn, &id);
        assert_eq!(status.text("status"), "completed", "{status:?}");
        let end: Vec<String> = conn.lrange("q", 0, -1).expect("LRANGE");
        let newest = left.iter().find(|message| is_match(message));
        let expected: Vec<&String> =
            left.iter().filter(|message| !is_match(message) || Some(*message) == newest).collect();
        assert_eq!(end.iter().collect::<Vec<_>>(), expected, "seed {seed}: {status:?}");
    }
    assert!(passes.iter().all(|seen| *seen > 0), "both passes were met: {passes:?}");
}
