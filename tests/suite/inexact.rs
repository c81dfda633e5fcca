//! Bodies that cannot be read, and the arguments that Celery shows in the headers.

use qadmin_harness::{Fields as _, Server, maps};
use redis::Connection;

use crate::support::celery::{Closed, queued, send_closed};
use crate::support::{Reply, ask, run, wait_for_job};

/// Returns the number of messages of repository 7 among those that `pick` chooses.
fn seven(sent: &[Closed], pick: impl Fn(&Closed) -> bool) -> i64 {
    sent.iter().filter(|message| message.repoid == 7 && pick(message)).count() as i64
}

/// Returns `matched` or `match_count`, `inexact` and `unreadable`.
fn counts(reply: &Reply, matched: &str) -> (i64, i64, i64) {
    (reply.int(matched), reply.int("inexact"), reply.int("unreadable"))
}

/// Returns the ids that left the queue.
fn gone(server: &Server, sent: &[Closed]) -> Vec<String> {
    let left = queued(server);
    sent.iter().map(|message| message.id.clone()).filter(|id| !left.contains(id)).collect()
}

fn ids(sent: &[Closed], pick: impl Fn(&Closed) -> bool) -> Vec<String> {
    sent.iter().filter(|message| pick(message)).map(|message| message.id.clone()).collect()
}

/// Returns whether the row is marked as known by the sender's texts alone.
fn has_mark(row: &[(String, redis::Value)]) -> bool {
    row.iter().any(|(name, _)| name == "inexact")
}

fn end_of(conn: &mut Connection, line: &str) -> Reply {
    let job = ask(conn, line);
    let end = wait_for_job(conn, &job.text("job_id"));
    assert_eq!(end.text("status"), "completed", "{end:?}");
    end
}

/// A server on which pickled bodies are not read.
fn closed_server() -> Server {
    Server::builder().module_args("pickle no").start()
}

#[test]
fn preview_and_clear_agree_on_unread_bodies_with_the_same_words() {
    let server = closed_server();
    let mut conn = server.conn();
    let sent = send_closed(&server);
    let (exact, inexact) = (seven(&sent, |m| !m.closed), seven(&sent, |m| m.closed && m.known));
    let unknown = sent.iter().filter(|m| m.closed && !m.known).count() as i64;
    let closed = sent.iter().filter(|m| m.closed).count() as i64;
    assert!(exact > 0 && inexact > 3 && unknown > 3, "{sent:?}");

    // Without the word INEXACT these matches are reported beside the count, with it they are included.
    for (word, matched) in [("", exact), (" INEXACT", exact + inexact)] {
        let line = format!("QADMIN.PREVIEW celery REPOID 7 SAMPLE 100 FIELDS 2 repoid commitid{word}");
        // The counts are: a new one, a cached one, one of a job, and one of a job that is reused.
        let set = |conn: &mut Connection, name: &str, value: &str| {
            let _: () = redis::cmd("CONFIG").arg("SET").arg(name).arg(value).query(conn).expect("CONFIG SET");
        };
        let counted = ask(&mut conn, &line);
        let cached = ask(&mut conn, &line);
        assert!(counted.is_null("cached_at") && !cached.is_null("cached_at"));
        set(&mut conn, "qadmin.inline-limit", "0");
        let job = ask(&mut conn, &format!("{line} BUST"));
        assert!(job.is_null("inexact") && job.is_null("match_count"), "not counted yet: {job:?}");
        let job = wait_for_job(&mut conn, &job.text("job_id"));
        set(&mut conn, "qadmin.cache-ttl", "0");
        let again = ask(&mut conn, &line);
        assert_eq!((again.text("mode").as_str(), again.int("deduplicated")), ("job", 1), "{again:?}");
        set(&mut conn, "qadmin.cache-ttl", "60");
        set(&mut conn, "qadmin.inline-limit", "1000");
        for (reply, name) in
            [(&counted, "match_count"), (&cached, "match_count"), (&job, "matched"), (&again, "match_count")]
        {
            assert_eq!(counts(reply, name), (matched, inexact, unknown), "{reply:?}");
            let notice = reply.text("notice");
            assert_eq!(notice.starts_with("not among the matches"), word.is_empty(), "{notice}");
            assert!(
                notice.contains(&format!("alone: {inexact}; CLEARJOB takes them only with INEXACT")),
                "{notice}"
            );
        }
        for reply in [&counted, &cached, &job, &again] {
            let rows = maps(reply.get_field("sample"));
            assert_eq!(rows.len() as i64, matched, "{reply:?}");
            assert!(rows.iter().all(|row| row.int("repoid") == 7), "{rows:?}");
            let marked = rows.iter().filter(|row| has_mark(row) && row.int("inexact") == 1).count();
            let pickled = |row: &&Reply| !row.is_null("commitid") && row.text("commitid") == "it's pickle";
            let known = rows.iter().filter(pickled).count();
            assert_eq!(has_mark(&rows[0]), !word.is_empty(), "the word marks the rows: {rows:?}");
            assert_eq!(marked as i64, matched - exact, "{rows:?}");
            assert_eq!(known > 0, !word.is_empty(), "{rows:?}");
        }
        // The word is part of the identity of a preview: a clear removes exactly what the preview with the
        // same word counted.
        let dry = end_of(&mut conn, &format!("QADMIN.CLEARJOB celery REPOID 7 ALL DRYRUN{word}"));
        assert_eq!(dry.int("would_delete"), counted.int("match_count"), "{dry:?}");
        let rows = maps(dry.get_field("sample"));
        assert_eq!(has_mark(&rows[0]), !word.is_empty(), "{rows:?}");

        // The groups of STATS are those of previews with the same words: an unknown value is null.
        let stats = ask(&mut conn, &format!("QADMIN.STATS celery GROUPBY 1 repoid{word}"));
        let group = |value: &dyn Fn(&Reply) -> bool| {
            let groups = maps(stats.get_field("groups"));
            groups.iter().find(|group| value(group)).map_or(0, |group| group.int("count"))
        };
        let counts_as = |m: &Closed| !m.closed || (m.known && !word.is_empty());
        for repoid in [7, 8] {
            let counted = ask(&mut conn, &format!("QADMIN.PREVIEW celery REPOID {repoid}{word}"));
            let known = sent.iter().filter(|m| m.repoid == repoid && counts_as(m)).count() as i64;
            let row = group(&|group| !group.is_null("repoid") && group.int("repoid") == repoid);
            assert_eq!((row, counted.int("match_count")), (known, known), "{stats:?}");
        }
        let null = sent.iter().filter(|m| !counts_as(m)).count() as i64;
        assert_eq!(group(&|group| group.is_null("repoid")), null, "{stats:?}");
        let known = sent.iter().filter(|m| m.closed && m.known).count() as i64;
        assert_eq!(counts(&stats, "matched"), (sent.len() as i64, known, unknown), "{stats:?}");
        let stats = ask(&mut conn, &format!("QADMIN.STATS celery REPOID 7 GROUPBY 1 task{word}"));
        assert_eq!(counts(&stats, "matched"), (matched, inexact, unknown), "{stats:?}");
    }

    // A clear without the word removes only certain matches, as its dry run says.
    for (options, deleted) in [("DRYRUN", 0), ("CONFIRM celery", exact)] {
        let end = end_of(&mut conn, &format!("QADMIN.CLEARJOB celery REPOID 7 ALL {options}"));
        assert_eq!((end.int("matched"), end.int("unreadable")), (exact, closed), "{end:?}");
        assert_eq!((end.int("would_delete"), end.int("deleted")), (exact, deleted), "{end:?}");
        assert!(end.is_null("inexact") && end.is_null("notice"), "nobody asked: {end:?}");
    }
    assert_eq!(gone(&server, &sent), ids(&sent, |m| m.repoid == 7 && !m.closed));

    // A clear with the word removes what the preview counted.
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
fn record_and_audit_show_inexact() {
    let server = closed_server();
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
fn inexact_clear_obeys_limits_and_values() {
    let server = closed_server();
    let mut conn = server.conn();
    let sent = send_closed(&server);
    let (exact, inexact) = (seven(&sent, |m| !m.closed), seven(&sent, |m| m.closed && m.known));
    // EXPECT is compared with a count by the same rules as the clear.
    let job =
        ask(&mut conn, &format!("QADMIN.CLEARJOB celery REPOID 7 ALL INEXACT EXPECT {exact} CONFIRM celery"));
    let end = wait_for_job(&mut conn, &job.text("job_id"));
    assert_eq!((end.text("status").as_str(), end.int("deleted")), ("failed", 0), "{end:?}");
    assert_eq!(end.int("matched"), exact + inexact, "{end:?}");
    // The values of BY must be readable.
    let end =
        end_of(&mut conn, "QADMIN.CLEARJOB celery REPOID 7 KEEPONE BY kwargs.repoid INEXACT CONFIRM celery");
    assert_eq!((end.int("deleted"), end.int("unkeyed")), (0, inexact), "{end:?}");
    let end = end_of(&mut conn, "QADMIN.CLEARJOB celery REPOID 7 KEEPONE INEXACT CONFIRM celery");
    assert_eq!((end.int("deleted"), end.int("inexact")), (exact + inexact - 1, inexact), "{end:?}");
}
