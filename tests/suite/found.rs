//! A count that is reused also shows its matches, including those beyond the messages that run next, with
//! their present positions or the reason why these are not known.

use qadmin_harness::{Fields as _, Server};
use redis::{Commands as _, Connection};

use crate::stage::set;
use crate::support::{Reply, ask, wait_for_job};

/// The number of messages at the consumer end that an immediate sample reads.
const WINDOW: usize = 50;

fn message(task: &str, id: &str) -> String {
    format!(r#"{{"headers":{{"task":"{task}","id":"{id}"}},"body":"","properties":{{}}}}"#)
}

/// Pushes other messages and then matches: the message that is pushed last runs last.
fn fill(conn: &mut Connection, others: usize, matches: usize) {
    for n in 0..others + matches {
        let task = if n < others { "other" } else { "wanted" };
        let _: i64 = conn.lpush("q", message(task, &n.to_string())).expect("LPUSH");
    }
}

/// Returns positions and ids, each compared with the queue.
fn rows(conn: &mut Connection, reply: &Reply, queue: &str) -> Vec<(i64, String)> {
    let rows: Vec<(i64, String)> =
        reply.rows("sample").iter().map(|row| (row.int("index"), row.text("id"))).collect();
    for (index, id) in &rows {
        let message: String = conn.lindex(queue, isize::try_from(*index).expect("small")).expect("LINDEX");
        assert!(message.contains(&format!(r#""id":"{id}""#)), "index {index}: {message}");
    }
    rows
}

#[test]
fn cached_count_shows_current_positions_beyond_the_window() {
    let server = Server::builder().module_args(&format!("sample-window {WINDOW}")).start();
    let mut conn = server.conn();
    fill(&mut conn, 3 * WINDOW, 40);
    let line = "QADMIN.PREVIEW q TASK wanted SAMPLE 10";
    let counted = ask(&mut conn, line);
    let first = rows(&mut conn, &counted, "q");
    assert_eq!((first.len(), counted.int("match_count")), (10, 40));
    let cached = ask(&mut conn, line);
    assert!(!cached.is_null("cached_at") && cached.is_null("sample_error"), "{cached:?}");
    assert_eq!(rows(&mut conn, &cached, "q"), first);
    // More rows are requested than the count collected.
    let more = ask(&mut conn, &format!("{line}0"));
    assert_eq!(rows(&mut conn, &more, "q").len(), 40, "{more:?}");

    // The queue changes at both ends; a fixed sequence of odd numbers decides how.
    let mut chance: u32 = 7;
    for round in 0..40 {
        for _ in 0..4 {
            chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            match chance >> 30 {
                0 => _ = conn.rpop::<_, Option<String>>("q", None).expect("RPOP"),
                1 => _ = conn.lpush::<_, _, i64>("q", message("other", "new")).expect("LPUSH"),
                2 => _ = conn.rpush::<_, _, i64>("q", message("other", "back")).expect("RPUSH"),
                _ => _ = conn.lpop::<_, Option<String>>("q", None).expect("LPOP"),
            }
        }
        let cached = ask(&mut conn, line);
        assert!(!cached.is_null("cached_at"));
        let seen = rows(&mut conn, &cached, "q");
        assert!(!seen.is_empty(), "round {round}: {cached:?}");
        let ordered = seen.is_sorted_by(|(one, _), (next, _)| one > next);
        assert!(ordered, "the one that runs next comes first: {seen:?}");
    }
}

#[test]
fn reused_job_shows_them_too() {
    let server =
        Server::builder().module_args(&format!("sample-window {WINDOW} inline-limit 0 cache-ttl 0")).start();
    let mut conn = server.conn();
    fill(&mut conn, 3 * WINDOW, 5);
    let line = "QADMIN.PREVIEW q TASK wanted";
    let job = ask(&mut conn, line);
    assert!(job.rows("sample").is_empty() && job.is_null("sample_error"), "still counting: {job:?}");
    wait_for_job(&mut conn, &job.text("job_id"));
    let _: i64 = conn.rpush("q", message("wanted", "back")).expect("RPUSH");
    let again = ask(&mut conn, line);
    assert_eq!((again.int("match_count"), again.int("deduplicated")), (5, 1));
    let ids: Vec<String> = rows(&mut conn, &again, "q").into_iter().map(|(_, id)| id).collect();
    assert_eq!(ids, ["back", "150", "151", "152", "153", "154"], "what came back runs next");
}

#[test]
fn head_queue_works_as_well() {
    let server = Server::builder().module_args(&format!("sample-window {WINDOW}")).start();
    let mut conn = server.conn();
    for n in 0..2 * WINDOW + 3 {
        let class = if n < 2 * WINDOW { "Other" } else { "Wanted" };
        let _: i64 =
            conn.rpush("q", format!(r#"{{"class":"{class}","args":[],"id":"{n}"}}"#)).expect("RPUSH");
    }
    let line = "QADMIN.PREVIEW q TASK Wanted AS resque FIELDS 1 headers.id";
    let places =
        |reply: &Reply| -> Vec<i64> { reply.rows("sample").iter().map(|row| row.int("index")).collect() };
    assert_eq!(places(&ask(&mut conn, line)), [100, 101, 102]);
    let _: Option<String> = conn.lpop("q", None).expect("LPOP");
    let cached = ask(&mut conn, line);
    assert!(!cached.is_null("cached_at"));
    assert_eq!(places(&cached), [99, 100, 101]);
}

#[test]
fn unknown_positions_explain_the_missing_sample() {
    let server = Server::builder().module_args(&format!("sample-window {WINDOW}")).start();
    let mut conn = server.conn();
    fill(&mut conn, 3 * WINDOW, 5);
    let line = "QADMIN.PREVIEW q TASK wanted";
    ask(&mut conn, line);
    // With other fields it is another sample.
    let other = ask(&mut conn, &format!("{line} FIELDS 1 task"));
    assert_eq!(other.int("match_count"), 5);
    assert!(other.text("sample_error").starts_with("ERR none of the messages that run next"), "{other:?}");
    // A request for no sample receives no sample error.
    assert!(ask(&mut conn, &format!("{line} FIELDS 1 task SAMPLE 0")).is_null("sample_error"));
    assert_eq!(ask(&mut conn, line).rows("sample").len(), 5);
    // An edit in place reports no positions.
    let _: i64 = conn.lrem("q", 1, message("other", "1")).expect("LREM");
    let edited = ask(&mut conn, line);
    assert!(!edited.is_null("cached_at") && edited.rows("sample").is_empty(), "{edited:?}");
    assert!(
        edited.text("sample_error").contains("not known for these fields; add BUST to count again"),
        "{edited:?}"
    );
    assert_eq!(ask(&mut conn, &format!("{line} BUST")).rows("sample").len(), 5);
    // Workers have taken all of them.
    let left: i64 = conn.llen("q").expect("LLEN");
    let _: Vec<String> =
        conn.rpop("q", std::num::NonZeroUsize::new(usize::try_from(left - 1).expect("few"))).expect("RPOP");
    let _: Option<String> = conn.lset("q", 0, message("other", "last")).ok();
    set(&mut conn, "cache-ttl 60");
    let gone = ask(&mut conn, line);
    assert!(gone.rows("sample").is_empty() && !gone.is_null("sample_error"), "{gone:?}");
}
