//! Sorted sets of Sidekiq: `retry`, `schedule` and `dead`, whose members are the jobs and whose scores are
//! times.

mod durability;
mod live;
mod moves;
mod refusals;

use std::collections::BTreeMap;

use qadmin_harness::{Fields as _, Server, map, maps};
use redis::{Commands as _, Connection};

use crate::stage::set;
use crate::support::{Reply, ask, run, wait_for_job};

/// The entries that the real Sidekiq wrote into its sorted sets, one per line.
const RECORDED: &str = include_str!("../../../harness/data/sidekiq-sorted-sets.jsonl");
const KEY: &str = "retry";
/// The score of the first entry of [`entries`].
const FIRST: u32 = 1_700_000_000;

/// One entry of a sorted set.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    score: f64,
    member: Vec<u8>,
    matches: bool,
}

/// Returns the `i`th entry: every `nth` is a job of the class `Upload`, and two of them have the same score.
fn entry(i: u32, nth: u32) -> Entry {
    let matches = i.is_multiple_of(nth);
    let class = if matches { "Upload" } else { "Other" };
    // The order of the members is not the order in which they were added.
    let jid = format!("{:08x}", i.wrapping_mul(2_654_435_761));
    let member = format!(
        r#"{{"retry":5,"queue":"default","class":"{class}","args":[{i},{{"repoid":{}}}],"jid":"{jid}","created_at":1795868984797,"failed_at":1795868985005,"error_class":"RuntimeError","retry_count":0}}"#,
        i % 7
    );
    Entry { score: f64::from(FIRST) + f64::from(i / 2) / 4.0, member: member.into_bytes(), matches }
}

/// Returns the entries with these numbers.
fn entries(numbers: std::ops::Range<u32>, nth: u32) -> Vec<Entry> {
    numbers.map(|i| entry(i, nth)).collect()
}

/// Adds entries to a sorted set.
fn add(conn: &mut Connection, key: &str, all: &[Entry]) {
    for some in all.chunks(500) {
        let mut command = redis::cmd("ZADD");
        command.arg(key);
        some.iter().for_each(|one| {
            command.arg(one.score).arg(&one.member);
        });
        command.exec(conn).expect("ZADD");
    }
}

/// Returns the content of a sorted set: the members with their scores.
fn held(conn: &mut Connection, key: &str) -> BTreeMap<Vec<u8>, String> {
    let flat: Vec<(Vec<u8>, String)> =
        redis::cmd("ZRANGE").arg(key).arg(0).arg(-1).arg("WITHSCORES").query(conn).expect("ZRANGE");
    flat.into_iter().collect()
}

/// Returns the same map for entries.
fn of<'e>(all: impl IntoIterator<Item = &'e Entry>) -> BTreeMap<Vec<u8>, String> {
    all.into_iter().map(|one| (one.member.clone(), one.score.to_string())).collect()
}

fn matching(all: &[Entry]) -> impl Iterator<Item = &Entry> {
    all.iter().filter(|one| one.matches)
}

fn others(all: &[Entry]) -> impl Iterator<Item = &Entry> {
    all.iter().filter(|one| !one.matches)
}

fn count(n: usize) -> i64 {
    i64::try_from(n).expect("few")
}

/// Runs a clear of the jobs of the class `Upload` to its end.
fn clear(conn: &mut Connection, options: &str) -> Reply {
    let job = ask(conn, &format!("QADMIN.CLEARJOB {KEY} TASK Upload {options} CONFIRM {KEY}"));
    assert_eq!((job.text("container"), job.text("queue")), ("sorted_set".into(), KEY.into()), "{job:?}");
    let end = wait_for_job(conn, &job.text("job_id"));
    assert_eq!(end.text("container"), "sorted_set", "{end:?}");
    end
}

#[test]
fn sorted_set_jobs_are_counted_and_shown_in_order_of_scores() {
    let server = Server::start();
    let mut conn = server.conn();
    let all = entries(0..3_000, 3);
    add(&mut conn, KEY, &all);
    let mut matches: Vec<&Entry> = matching(&all).collect();
    matches.sort_by(|a, b| a.score.total_cmp(&b.score).then_with(|| a.member.cmp(&b.member)));
    for inline in ["200000", "0"] {
        set(&mut conn, &format!("inline-limit {inline} cache-ttl 0 slice-us 20000"));
        for kind in ["", "AS sidekiq"] {
            let line = format!("QADMIN.PREVIEW {KEY} TASK Upload SAMPLE 3 BUST {kind}");
            let preview = ask(&mut conn, &line);
            assert_eq!((preview.int("depth"), preview.text("container")), (3_000, "sorted_set".into()));
            assert_eq!(preview.text("message_kind"), "sidekiq");
            assert!(preview.is_null("looks_like"), "{preview:?}");
            // Of a job it says how to wait for the count.
            assert_eq!(preview.is_null("notice"), preview.text("mode") != "job", "{preview:?}");
            let rows = preview.rows("sample");
            assert_eq!(rows.len(), 3, "{preview:?}");
            for (row, one) in rows.iter().zip(&matches) {
                let names: Vec<&str> = row.iter().map(|(name, _)| name.as_str()).collect();
                assert_eq!(names[..4], ["bytes", "run_at", "task", "id"], "{row:?}");
                assert!(row.is_null("index"));
                assert_eq!(row.int("bytes"), count(one.member.len()));
                #[expect(clippy::cast_possible_truncation, reason = "a time")]
                let ms = (one.score * 1_000.0) as i64;
                assert_eq!((row.int("run_at"), row.text("task")), (ms, "Upload".into()));
            }
            let counted = if inline == "0" {
                let end = wait_for_job(&mut conn, &preview.text("job_id"));
                assert_eq!(end.rows("sample")[..3], rows[..]);
                assert_eq!((end.int("total_estimated"), end.int("drifted")), (3_000, 0));
                assert!(end.is_null("index_key") && end.is_null("kept_index"), "{end:?}");
                end.int("matched")
            } else {
                preview.int("match_count")
            };
            assert_eq!(counted, 1_000);
        }
    }
    set(&mut conn, "inline-limit 200000");
    for (condition, expected) in [
        ("args.1.repoid = 3", all.iter().enumerate().filter(|(i, _)| i % 7 == 3).count()),
        ("headers.error_class = RuntimeError", 3_000),
        ("headers.retry_count = 1", 0),
        ("undecodable = 1", 0),
    ] {
        let reply = ask(&mut conn, &format!("QADMIN.PREVIEW {KEY} WHERE {condition}"));
        assert_eq!(reply.int("match_count"), count(expected), "{condition}: {reply:?}");
    }
    let stats = ask(&mut conn, &format!("QADMIN.STATS {KEY} GROUPBY 1 task"));
    let groups: BTreeMap<String, i64> =
        stats.rows("groups").iter().map(|group| (group.text("task"), group.int("count"))).collect();
    assert_eq!(groups, BTreeMap::from([("Other".into(), 2_000), ("Upload".into(), 1_000)]));
    assert_eq!(stats.text("container"), "sorted_set");
    let first = &stats.rows("groups")[0];
    assert!(first.is_null("next_index") && first.is_null("last_index"), "{stats:?}");
    assert_eq!(held(&mut conn, KEY), of(&all), "looking changes nothing");
}

#[test]
fn a_cached_count_shows_its_matches_where_they_are_now() {
    let server = Server::start();
    let mut conn = server.conn();
    set(&mut conn, "cache-ttl 60000 sample-window 10");
    add(&mut conn, KEY, &entries(1..3_000, 1_000));
    let line = format!("QADMIN.PREVIEW {KEY} TASK Upload SAMPLE 5");
    let rows = ask(&mut conn, &line).rows("sample");
    assert_eq!(rows.len(), 2);
    // A worker takes one of them.
    let gone: i64 = conn.zrem(KEY, entry(1_000, 1_000).member).expect("ZREM");
    assert_eq!(gone, 1);
    let again = ask(&mut conn, &line);
    assert!(!again.is_null("cached_at"), "{again:?}");
    assert_eq!((again.int("match_count"), again.rows("sample")), (2, rows[1..].to_vec()));
}

#[test]
fn jobs_of_real_sidekiq_are_recognised_and_cleared_by_filters() {
    let server = Server::start();
    let mut conn = server.conn();
    let mut kept: BTreeMap<String, usize> = BTreeMap::new();
    for line in RECORDED.lines() {
        let row: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let text = |name: &str| row[name].as_str().expect("a text").to_owned();
        let score: f64 = text("score").parse().expect("a number");
        let added: i64 = conn.zadd(text("key"), text("member"), score).expect("ZADD");
        *kept.entry(text("key")).or_default() += usize::try_from(added).expect("one");
    }
    assert_eq!(kept.keys().collect::<Vec<_>>(), ["dead", "retry", "schedule"]);
    for (key, condition, matches) in [
        ("dead", "TASK OnceJob", 2),
        ("retry", "TASK HardJob WHERE headers.error_message = luck", 0),
        ("retry", "TASK HardJob WHERE args.0 = 666", 2),
        ("schedule", "TASK HardJob WHERE headers.queue = low", 2),
        ("schedule", "TASK AJ", 1),
    ] {
        let preview = ask(&mut conn, &format!("QADMIN.PREVIEW {key} {condition}"));
        assert_eq!(preview.int("match_count"), matches, "{key} {condition}: {preview:?}");
        let line = format!("QADMIN.CLEARJOB {key} {condition} ALL CONFIRM {key}");
        let id = ask(&mut conn, &line).text("job_id");
        assert_eq!(wait_for_job(&mut conn, &id).int("deleted"), matches, "{key} {condition}");
        *kept.get_mut(key).expect("one of them") -= usize::try_from(matches).expect("few");
        let left: usize = conn.zcard(key).expect("ZCARD");
        assert_eq!(left, kept[key], "{key}");
    }
}

#[test]
fn a_clear_removes_exactly_what_its_options_select() {
    let all = entries(0..2_000, 4);
    let first = |n: usize| {
        let mut matches: Vec<&Entry> = matching(&all).collect();
        matches.sort_by(|a, b| a.score.total_cmp(&b.score).then_with(|| a.member.cmp(&b.member)));
        matches.into_iter().take(n).collect::<Vec<_>>()
    };
    // The options, a number n of matches, and whether the first n matches are cleared (true) or kept (false).
    let table: [(&str, usize, bool); 5] = [
        ("ALL", 500, true),
        ("ALL LIMIT 20", 20, true),
        ("KEEPONE", 1, false),
        ("ALL RATE 100000", 500, true),
        ("ALL EXPECT 400 TOLERANCE 25", 500, true),
    ];
    for (options, n, cleared) in table {
        let server = Server::start();
        let mut conn = server.conn();
        set(&mut conn, "slice-us 50");
        add(&mut conn, KEY, &all);
        let dry = clear(&mut conn, &format!("{options} DRYRUN"));
        assert_eq!(held(&mut conn, KEY), of(&all), "a dry run changes nothing");
        let end = clear(&mut conn, options);
        assert_eq!(end.text("status"), "completed", "{end:?}");
        let chosen = first(n);
        let gone = |one: &&Entry| one.matches && chosen.contains(one) == cleared;
        let left: Vec<&Entry> = all.iter().filter(|one| !gone(one)).collect();
        assert_eq!(held(&mut conn, KEY), of(left.iter().copied()), "{options}");
        let deleted = count(all.len() - left.len());
        assert_eq!((end.int("deleted"), end.int("would_delete")), (deleted, deleted), "{end:?}");
        assert_eq!((dry.int("would_delete"), dry.int("deleted")), (deleted, 0), "{dry:?}");
        let passes = if options.contains("EXPECT") { 2 } else { 1 };
        assert_eq!(end.int("passes_run"), passes, "{options}: {end:?}");
    }
}

#[test]
fn more_matches_than_expected_clear_nothing() {
    let server = Server::start();
    let mut conn = server.conn();
    let all = entries(0..2_000, 4);
    add(&mut conn, KEY, &all);
    for options in ["ALL EXPECT 499", "ALL EXPECT 499 LIMIT 3", "ALL EXPECT 400 TOLERANCE 24 DRYRUN"] {
        let end = clear(&mut conn, options);
        assert_eq!((end.text("status"), end.int("deleted")), ("failed".into(), 0), "{options}: {end:?}");
        let error = end.text("error");
        assert!(error.starts_with("EXPECT ") && error.contains("found 500; nothing was cleared"), "{error}");
        assert_eq!(held(&mut conn, KEY), of(&all));
    }
    let end = clear(&mut conn, "ALL EXPECT 500 LIMIT 3");
    assert_eq!((end.int("counted"), end.int("deleted"), end.int("passes_run")), (500, 3, 2), "{end:?}");
}

#[test]
fn by_keeps_the_match_of_each_value_that_runs_next() {
    let server = Server::start();
    let mut conn = server.conn();
    set(&mut conn, "slice-us 50");
    let all = entries(0..2_000, 2);
    add(&mut conn, KEY, &all);
    let end = clear(&mut conn, "KEEPONE BY args.1.repoid");
    let mut kept: BTreeMap<u32, &Entry> = BTreeMap::new();
    for (i, one) in (0..).zip(&all).filter(|(_, one)| one.matches) {
        let first = kept.entry(i % 7).or_insert(one);
        if (one.score, &one.member) < (first.score, &first.member) {
            *first = one;
        }
    }
    assert_eq!((end.int("distinct"), end.int("deleted")), (7, 993), "{end:?}");
    assert_eq!(held(&mut conn, KEY), of(others(&all).chain(kept.into_values())));
}

#[test]
fn listed_jobs_name_their_container_and_stale_counts_are_redone() {
    let server = Server::start();
    let mut conn = server.conn();
    add(&mut conn, KEY, &entries(0..100, 2));
    let line = format!("QADMIN.PREVIEW {KEY} TASK Upload");
    assert_eq!(ask(&mut conn, &line).int("match_count"), 50);
    assert!(!ask(&mut conn, &line).is_null("cached_at"));
    assert_eq!(clear(&mut conn, "ALL LIMIT 10").int("deleted"), 10);
    let again = ask(&mut conn, &line);
    assert_eq!((again.int("match_count"), again.is_null("cached_at")), (40, true), "{again:?}");
    let jobs = maps(&run(&mut conn, "QADMIN.JOBS").expect("JOBS"));
    assert!(jobs.iter().all(|job| job.text("queue") == KEY), "{jobs:?}");
    let status = map(&run(&mut conn, &format!("QADMIN.STATUS {}", jobs[0].text("job_id"))).expect("STATUS"));
    assert_eq!(status.text("container"), "sorted_set");
}
