//! Bodies that cannot be read, and what Celery shows of the arguments in the headers.

use qadmin_harness::{Fields as _, Server, maps};
use redis::Connection;

use crate::support::celery::{Closed, queued, send_closed};
use crate::support::{Reply, ask, run, wait_for_job};

/// Messages of repository 7, of those that `pick` chooses.
fn seven(sent: &[Closed], pick: impl Fn(&Closed) -> bool) -> i64 {
    sent.iter().filter(|message| message.repoid == 7 && pick(message)).count() as i64
}

/// `matched` or `match_count`, `inexact`, `unreadable`.
fn counts(reply: &Reply, matched: &str) -> (i64, i64, i64) {
    (reply.int(matched), reply.int("inexact"), reply.int("unreadable"))
}

/// The ids that left the queue.
fn gone(server: &Server, sent: &[Closed]) -> Vec<String> {
    let left = queued(server);
    sent.iter().map(|message| message.id.clone()).filter(|id| !left.contains(id)).collect()
}

fn ids(sent: &[Closed], pick: impl Fn(&Closed) -> bool) -> Vec<String> {
    sent.iter().filter(|message| pick(message)).map(|message| message.id.clone()).collect()
}

fn end_of(conn: &mut Connection, line: &str) -> Reply {
    let job = ask(conn, line);
    let end = wait_for_job(conn, &job.text("job_id"));
    assert_eq!(end.text("status"), "completed", "{end:?}");
    end
}

#[test]
fn pickled_messages_are_counted_and_only_a_clear_that_is_told_to_takes_them() {
    let server = Server::start();
    let mut conn = server.conn();
    let sent = send_closed(&server);
    let (exact, inexact) = (seven(&sent, |m| !m.closed), seven(&sent, |m| m.closed && m.known));
    let unknown = sent.iter().filter(|m| m.closed && !m.known).count() as i64;
    let closed = sent.iter().filter(|m| m.closed).count() as i64;
    assert!(exact > 0 && inexact > 3 && unknown > 3, "{sent:?}");

    // A count, a cached one, one of a job, and that of a job that is given again.
    let line = "QADMIN.PREVIEW celery REPOID 7 SAMPLE 100";
    let counted = ask(&mut conn, line);
    let cached = ask(&mut conn, line);
    assert!(counted.is_null("cached_at") && !cached.is_null("cached_at"));
    let job: Reply = {
        let _: () = redis::cmd("CONFIG")
            .arg(&["SET", "qadmin.inline-limit", "0"])
            .query(&mut conn)
            .expect("CONFIG SET");
        let job = ask(&mut conn, &format!("{line} BUST"));
        assert!(job.is_null("inexact") && job.is_null("match_count"), "not counted yet: {job:?}");
        wait_for_job(&mut conn, &job.text("job_id"))
    };
    let _: () =
        redis::cmd("CONFIG").arg(&["SET", "qadmin.cache-ttl", "0"]).query(&mut conn).expect("CONFIG SET");
    let again = ask(&mut conn, line);
    assert_eq!((again.text("mode").as_str(), again.int("deduplicated")), ("job", 1), "{again:?}");
    for (reply, matched) in
        [(&counted, "match_count"), (&cached, "match_count"), (&job, "matched"), (&again, "match_count")]
    {
        assert_eq!(counts(reply, matched), (exact + inexact, inexact, unknown), "{reply:?}");
        let notice = reply.text("notice");
        assert!(
            notice.contains(&format!("alone: {inexact}; CLEARJOB takes them only with INEXACT")),
            "{notice}"
        );
    }
    for reply in [&counted, &cached, &job, &again] {
        let rows = maps(reply.get_field("sample"));
        assert_eq!(rows.len() as i64, exact + inexact, "{reply:?}");
        assert!(rows.iter().all(|row| row.int("repoid") == 7), "{rows:?}");
        assert!(rows.iter().any(|row| row.text("commitid") == "it's pickle"), "{rows:?}");
    }
    let _: () = redis::cmd("CONFIG")
        .arg(&["SET", "qadmin.inline-limit", "1000"])
        .query(&mut conn)
        .expect("CONFIG SET");

    // By what is shown they are grouped, too; what is not known is null.
    let stats = ask(&mut conn, "QADMIN.STATS celery GROUPBY 1 repoid");
    let group = |value: &dyn Fn(&Reply) -> bool| {
        let groups = maps(stats.get_field("groups"));
        groups.iter().find(|group| value(group)).map_or(0, |group| group.int("count"))
    };
    for repoid in [7, 8] {
        let known = sent.iter().filter(|m| m.repoid == repoid && (!m.closed || m.known)).count() as i64;
        assert_eq!(
            group(&|group| !group.is_null("repoid") && group.int("repoid") == repoid),
            known,
            "{stats:?}"
        );
    }
    assert_eq!(group(&|group| group.is_null("repoid")), unknown, "{stats:?}");
    let known = sent.iter().filter(|m| m.closed && m.known).count() as i64;
    assert_eq!(counts(&stats, "matched"), (sent.len() as i64, known, unknown), "{stats:?}");
    let stats = ask(&mut conn, "QADMIN.STATS celery REPOID 7 GROUPBY 1 task");
    assert_eq!(counts(&stats, "matched"), (exact + inexact, inexact, unknown), "{stats:?}");

    // Who is not told to takes what is certain: what the dry run says.
    for (options, deleted) in [("DRYRUN", 0), ("CONFIRM celery", exact)] {
        let end = end_of(&mut conn, &format!("QADMIN.CLEARJOB celery REPOID 7 ALL {options}"));
        assert_eq!((end.int("matched"), end.int("unreadable")), (exact, closed), "{end:?}");
        assert_eq!((end.int("would_delete"), end.int("deleted")), (exact, deleted), "{end:?}");
        assert!(end.is_null("inexact") && end.is_null("notice"), "nobody asked: {end:?}");
    }
    assert_eq!(gone(&server, &sent), ids(&sent, |m| m.repoid == 7 && !m.closed));

    // And who is told to takes what the preview counted.
    for (options, deleted) in [("DRYRUN", 0), ("CONFIRM celery", inexact)] {
        let end = end_of(&mut conn, &format!("QADMIN.CLEARJOB celery REPOID 7 ALL INEXACT {options}"));
        assert_eq!(counts(&end, "matched"), (inexact, inexact, unknown), "{end:?}");
        assert_eq!((end.int("would_delete"), end.int("deleted")), (inexact, deleted), "{end:?}");
    }
    assert_eq!(gone(&server, &sent), ids(&sent, |m| m.repoid == 7 && (!m.closed || m.known)));
    let last = ask(&mut conn, "QADMIN.PREVIEW celery REPOID 7 BUST");
    assert_eq!(counts(&last, "match_count"), (0, 0, unknown), "{last:?}");
    assert!(last.is_null("notice"), "{last:?}");
}

#[test]
fn the_record_and_the_audit_say_that_a_clear_went_by_what_is_shown() {
    let server = Server::start();
    let mut conn = server.conn();
    send_closed(&server);
    let mut entries = Vec::new();
    for options in ["DRYRUN", "DRYRUN INEXACT"] {
        let end = end_of(&mut conn, &format!("QADMIN.CLEARJOB celery REPOID 7 {options}"));
        let id = end.text("job_id");
        let record: Vec<(String, String)> =
            redis::cmd("HGETALL").arg(format!("qadmin:job:{id}")).query(&mut conn).expect("HGETALL");
        let inexact = record.iter().find(|(name, _)| name == "inexact").map(|(_, value)| value.clone());
        entries.push((id, inexact.unwrap_or_default()));
    }
    assert_eq!(entries[0].1, "", "not asked");
    assert!(entries[1].1.parse::<i64>().is_ok_and(|n| n > 0), "{entries:?}");
    let audit: Vec<(String, Vec<(String, String)>)> =
        redis::cmd("XRANGE").arg("qadmin:audit").arg("-").arg("+").query(&mut conn).expect("XRANGE");
    for ((id, _), wanted) in entries.iter().zip(["DRYRUN", "DRYRUN INEXACT"]) {
        let of = |entry: &[(String, String)], name: &str| {
            entry.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone())
        };
        let options: Vec<_> = audit
            .iter()
            .filter(|(_, entry)| of(entry, "job_id").as_deref() == Some(id))
            .map(|(_, entry)| of(entry, "options").unwrap_or_default())
            .collect();
        assert_eq!(options, [wanted, wanted], "start and end");
    }
    // With another option it is another command: the same id is refused.
    let id = "0b4f7c62-6d53-4c0e-9a57-0c2b8f1f3d11";
    end_of(&mut conn, &format!("QADMIN.CLEARJOB celery REPOID 7 DRYRUN ID {id}"));
    let error = run(&mut conn, &format!("QADMIN.CLEARJOB celery REPOID 7 DRYRUN INEXACT ID {id}"));
    assert!(error.expect_err("another command").to_string().contains("other arguments"));
}

#[test]
fn bounds_and_values_of_a_clear_that_goes_by_what_is_shown() {
    let server = Server::start();
    let mut conn = server.conn();
    let sent = send_closed(&server);
    let (exact, inexact) = (seven(&sent, |m| !m.closed), seven(&sent, |m| m.closed && m.known));
    // What is expected is counted as it is cleared.
    let job =
        ask(&mut conn, &format!("QADMIN.CLEARJOB celery REPOID 7 ALL INEXACT EXPECT {exact} CONFIRM celery"));
    let end = wait_for_job(&mut conn, &job.text("job_id"));
    assert_eq!((end.text("status").as_str(), end.int("deleted")), ("failed", 0), "{end:?}");
    assert_eq!(end.int("matched"), exact + inexact, "{end:?}");
    // What tells matches apart must be read.
    let end =
        end_of(&mut conn, "QADMIN.CLEARJOB celery REPOID 7 KEEPONE BY kwargs.repoid INEXACT CONFIRM celery");
    assert_eq!((end.int("deleted"), end.int("undistinguished")), (0, inexact), "{end:?}");
    let end = end_of(&mut conn, "QADMIN.CLEARJOB celery REPOID 7 KEEPONE INEXACT CONFIRM celery");
    assert_eq!((end.int("deleted"), end.int("inexact")), (exact + inexact - 1, inexact), "{end:?}");
}
