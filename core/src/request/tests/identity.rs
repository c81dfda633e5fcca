//! What counts as the same command.

use super::*;
use crate::job::JobTarget;
use crate::job::Storage;
use crate::kind::MessageKind;
use crate::priorities::List;
use crate::request::clearjob::FILTER_IDENTITY_NOW_MS;
use crate::request::digest::preview_key;
use crate::scan::IndexStart;

fn clear(line: &str) -> [u8; 32] {
    get::<ClearJob>(line).fingerprint(0)
}

#[test]
fn a_clear_is_the_same_in_any_spelling() {
    let job = clear("q TASK t ALL CONFIRM q ACTOR a REASON r");
    for line in [
        "q TASK t ALL CONFIRM q ACTOR a REASON r",
        "q reason r actor a all task t confirm q",
        "q TASK t ALL CONFIRM q ACTOR a REASON r FORMAT JSON",
        "q TASK t ALL CONFIRM q ACTOR a REASON r ID UUID",
    ] {
        assert_eq!(clear(line), job, "{line}");
    }
    assert_eq!(clear("q TASK t DRYRUN"), clear("q TASK t ALL DRYRUN CONFIRM q"));
}

#[test]
fn filter_is_parsed_twice_only_if_it_may_contain_now() {
    for (filter, may_say_now) in [
        ("TASK now", false),
        ("TASK t WHERE id IN 2 a b", false),
        ("WHERE eta < 2030-01-01", false),
        ("WHERE eta < NOW", true),
        ("WHERE eta IN 2 5 now-1d", true),
        ("WHERE retries = 1 OR kwargs.at >= now+5m", true),
        ("WHERE id = nowhere", true),
    ] {
        let job = get::<ClearJob>(&format!("q {filter} ALL CONFIRM q"));
        assert_eq!(job.filter_identity.is_some(), may_say_now, "{filter}");
        let own = job.filter_identity.as_deref().unwrap_or(job.filter.text());
        let again = ClearJob::parse(&words(&format!("q {filter} ALL CONFIRM q")), FILTER_IDENTITY_NOW_MS);
        assert_eq!(again.expect("parses").filter.text(), own, "{filter}");
    }
}

#[test]
fn resent_clear_is_equal_although_now_has_changed() {
    let at = |now_ms| {
        ClearJob::parse(&words("q WHERE eta LT now ALL CONFIRM q"), now_ms).expect("parses").fingerprint(0)
    };
    assert_eq!(at(NOW_MS), at(NOW_MS + 5000));
    assert_ne!(at(NOW_MS), clear("q WHERE eta LT 1700000000 ALL CONFIRM q"));
}

#[test]
fn any_difference_makes_another_clear() {
    let lines = [
        "q TASK t ALL CONFIRM q",
        "p TASK t ALL CONFIRM p",
        "q TASK u ALL CONFIRM q",
        "q TASK t KEEPONE CONFIRM q",
        "q TASK t ALL DRYRUN",
        "q TASK t ALL CONFIRM q ACTOR a",
        "q TASK t ALL CONFIRM q REASON a",
        "q TASK t ALL CONFIRM q ACTOR a REASON a",
        "q TASK t ALL CONFIRM q PRIORITY ALL",
        "q TASK t ALL CONFIRM q PRIORITY 0",
    ];
    for (i, one) in lines.iter().enumerate() {
        for other in &lines[i + 1..] {
            assert_ne!(clear(one), clear(other), "{one} / {other}");
        }
        assert_ne!(clear(one), get::<ClearJob>(one).fingerprint(1), "another database");
    }
}

fn preview(db: i32, queue: &[u8], kind: MessageKind, filter: &[u8]) -> [u8; 32] {
    preview_key(&JobTarget { db, messages: kind, ..target(queue) }, filter, false)
}

#[test]
fn borders_between_values_count() {
    let over = |lists: &[(&[u8], Option<u8>)]| {
        let list = |(key, step): &(&[u8], Option<u8>)| (List { key: key.to_vec(), step: *step }, 0);
        let target = JobTarget { lists: lists.iter().map(list).collect(), ..target(b"a") };
        preview_key(&target, b"", false)
    };
    assert_ne!(over(&[(b"a", None), (b"b", None)]), over(&[(b"ab", None)]));
    assert_ne!(over(&[(b"a", Some(0))]), over(&[(b"a", None)]));
    assert_ne!(preview(0, b"ab", MessageKind::Celery, b"c"), preview(0, b"a", MessageKind::Celery, b"bc"));
    assert_ne!(preview(0, b"", MessageKind::Celery, b"abc"), preview(0, b"abc", MessageKind::Celery, b""));
    assert_ne!(preview(0, b"q", MessageKind::Celery, b"f"), preview(1, b"q", MessageKind::Celery, b"f"));
    assert_ne!(preview(0, b"q", MessageKind::Celery, b"f"), preview(-1, b"q", MessageKind::Celery, b"f"));
    assert_ne!(preview(0, b"q", MessageKind::Celery, b"f"), preview(0, b"q", MessageKind::Resque, b"f"));
    assert_eq!(preview(3, b"q", MessageKind::Celery, b"f"), preview(3, b"q", MessageKind::Celery, b"f"));
}

#[test]
fn unacked_count_key_has_index_but_not_length() {
    let (preview, stats) = (get::<Preview>("q TASK t"), get::<Stats>("q GROUPBY 1 task"));
    let of = |index: Option<&[u8]>, entries| {
        let start = |index: &[u8]| IndexStart { index: index.to_vec(), entries, bound: None };
        let lists = vec![(List { key: b"q".to_vec(), step: None }, entries)];
        let target = JobTarget {
            lists,
            storage: index.map_or(Storage::Lists, |index| Storage::Unacked(start(index))),
            ..target(b"q")
        };
        [preview.key(&target), stats.key(&target)]
    };
    let same = of(Some(b"q_index"), 1);
    assert_eq!(same, of(Some(b"q_index"), 2), "more messages by now");
    for other in [of(Some(b"other"), 1), of(None, 1)] {
        assert!(same.iter().zip(&other).all(|(same, other)| same != other));
    }
}

#[test]
fn counts_with_and_without_pickled_bodies_are_different() {
    let reads = |reads_pickle| JobTarget { reads_pickle, ..target(b"q") };
    let (preview, stats) = (get::<Preview>("q TASK t"), get::<Stats>("q GROUPBY 1 task"));
    assert_ne!(preview.key(&reads(true)), preview.key(&reads(false)));
    assert_ne!(stats.key(&reads(true)), stats.key(&reads(false)));
}

#[test]
fn preview_key_is_queue_and_filter() {
    let key = |line| {
        let preview = get::<Preview>(line);
        preview.key(&target(&preview.target.queue))
    };
    assert_eq!(key("q TASK t"), key("q SAMPLE 5 FIELDS 1 id BUST FORMAT JSON TASK t"));
    assert_ne!(key("q TASK t"), key("p TASK t"));
    assert_ne!(key("q TASK t"), key("q TASK u"));
    assert_ne!(key("q TASK t"), key("q TASK t INEXACT"), "what is known by texts alone counts, or does not");
}

#[test]
fn stats_are_known_by_queue_filter_fields_and_top() {
    let key = |line| {
        let stats = get::<Stats>(line);
        stats.key(&target(&stats.target.queue))
    };
    let same = key("q TASK t GROUPBY 2 task repoid TOP 20");
    assert_eq!(same, key("q bust format json groupby 2 task repoid TASK t"));
    for other in [
        "p TASK t GROUPBY 2 task repoid",
        "q TASK u GROUPBY 2 task repoid",
        "q GROUPBY 2 task repoid",
        "q TASK t GROUPBY 2 repoid task",
        "q TASK t GROUPBY 1 task",
        "q TASK t GROUPBY 2 task kwargs.repoid",
        "q TASK t GROUPBY 2 task repoid TOP 21",
        "q TASK t GROUPBY 2 task repoid INEXACT",
    ] {
        assert_ne!(same, key(other), "{other}");
    }
    assert_ne!(
        same,
        get::<Stats>("q TASK t GROUPBY 2 task repoid").key(&JobTarget { db: 1, ..target(b"q") }),
        "another database"
    );
    assert_ne!(key("q TASK t GROUPBY 1 task"), get::<Preview>("q TASK t").key(&target(b"q")));
}
