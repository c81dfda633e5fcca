//! Clears while a library moves, removes and adds entries.

use std::collections::BTreeSet;

use qadmin_harness::{Fields as _, Server, eventually};
use redis::{Commands as _, Connection, pipe};

use super::{FAMILIES, Family, id, int, is_bad, score};
use crate::durability::{digest, in_memory, status, tell, until_caught_up};
use crate::stage::set;
use crate::support::{ask, wait_for_job};

const ALL: usize = 1_200;

/// What the test did to entries while a clear ran. Nothing is promised about those.
#[derive(Default)]
struct Done {
    touched: BTreeSet<usize>,
    came: BTreeSet<usize>,
}

impl Done {
    /// Makes one change of each kind; `n` counts them.
    fn step(&mut self, conn: &mut Connection, family: Family, n: usize) {
        // The library deletes an entry near the end, as `Job.delete` does.
        let gone = ALL - 1 - (n * 7) % ALL;
        let mut batch = pipe();
        batch.atomic().zrem(family.set(), id(gone)).ignore();
        match family {
            Family::Rq | Family::BullMq | Family::Asynq => batch.del(family.names(&id(gone))).ignore(),
            Family::Dramatiq => batch.hdel("dramatiq:uploads.XQ.msgs", id(gone)).ignore(),
        };
        let () = batch.query(conn).expect("the entry is deleted");
        self.touched.insert(gone);
        // Others come, one of them before the scan; all would match.
        for (at, score) in [(0, 1), (1, score(ALL) + 5)] {
            let new = 3 * (100_000 + 2 * n + at);
            family.add(conn, new..new + 1);
            let () = conn.zadd(family.set(), id(new), score).expect("ZADD");
            self.came.insert(new);
        }
        // One fails again: the same id with a later score.
        let again = ALL - 1 - (n * 11) % ALL;
        if !self.touched.contains(&again) {
            let () = redis::cmd("ZADD")
                .arg(family.set())
                .arg("XX")
                .arg(score(ALL) + int(n))
                .arg(id(again))
                .query(conn)
                .expect("ZADD");
            self.touched.insert(again);
        }
    }
}

#[test]
fn a_clear_under_traffic_takes_all_old_matches_and_no_later_job() {
    for (family, options) in
        FAMILIES.into_iter().flat_map(|family| ["ALL", "KEEPONE"].map(|options| (family, options)))
    {
        let primary = in_memory().start();
        // It has no module: it receives the server's own commands.
        let replica = Server::plain();
        replica.replica_of(&primary);
        let mut conn = primary.conn();
        family.add(&mut conn, 0..ALL);
        // The command itself has time to read all entries that are there.
        set(&mut conn, "slice-us 20000");
        let job = ask(&mut conn, &family.line(&format!("TASK bad {options} RATE 2000"))).text("job_id");
        set(&mut conn, "slice-us 100");
        let (mut done, mut n) = (Done::default(), 0);
        eventually("the job ends", || {
            n += 1;
            done.step(&mut conn, family, n);
            if n.is_multiple_of(100) {
                tell(&mut conn, "CLIENT PAUSE 60000 WRITE");
                until_caught_up(&primary, &replica);
                assert_eq!(digest(&mut conn), digest(&mut replica.conn()), "primary and replica differ");
                tell(&mut conn, "CLIENT UNPAUSE");
            }
            !status(&mut conn, &job).is_null("completed_at")
        });
        let end = wait_for_job(&mut conn, &job);
        assert_eq!(end.text("status"), "completed", "{options}: {end:?}");
        let (ids, messages) = (family.ids(&mut conn), family.messages(&mut conn));
        for id in ids.keys() {
            assert!(family.names(id).iter().all(|name| messages.contains(name)), "{id} has no message");
        }
        assert_eq!(messages.len(), ids.len() * family.names("x").len(), "messages without an id: {end:?}");
        for n in &done.came {
            assert!(ids.contains_key(&id(*n)), "{family:?} {options}: one that came later is gone: {end:?}");
        }
        let old = (0..ALL).filter(|n| !done.touched.contains(n));
        let (matching, others): (Vec<usize>, Vec<usize>) = old.partition(|n| is_bad(*n));
        assert!(others.into_iter().all(|n| ids.contains_key(&id(n))), "one that does not match is gone");
        let stayed = matching.into_iter().filter(|n| ids.contains_key(&id(*n))).count();
        // The match that is kept can be deleted by others, and another one is kept then.
        let most = if options == "KEEPONE" { n + 1 } else { 0 };
        assert!(stayed <= most, "{family:?} {options}: {stayed} stayed: {end:?}");
        until_caught_up(&primary, &replica);
        assert_eq!(digest(&mut conn), digest(&mut replica.conn()), "primary and replica differ");
    }
}
