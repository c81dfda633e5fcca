//! What the job of each command starts with.

use uuid::Uuid;

use super::*;
use crate::filter::Filter;
use crate::job::Storage;
use crate::job::{Accepted, Destination, JobKind, Start, Undoing};
use crate::priorities::Priority;
use crate::scan::Effect;
use crate::scan::IndexStart;

fn accepted(target: JobTarget) -> Accepted {
    Accepted {
        id: Uuid::from_u128(7),
        target,
        digest: [9; 32],
        user: Some(b"ann".to_vec()),
        client: Some(b"id=1".to_vec()),
        now_ms: NOW_MS,
        now_ns: 5,
    }
}

fn clear(line: &str) -> Start {
    let clear: ClearJob = get(line);
    let to = clear.clear_options.to.clone();
    clear.start(accepted(target(&clear.target.queue)), to).expect("fields that exist")
}

#[test]
fn a_job_knows_where_its_messages_are_and_who_asked() {
    let target = JobTarget {
        db: 3,
        queue: b"held".to_vec(),
        priority: Some(Priority::All),
        lists: vec![(List { key: b"held".to_vec(), step: Some(4) }, 12)],
        messages: MessageKind::Sidekiq,
        storage: Storage::Unacked(IndexStart { index: b"i".to_vec(), entries: 11, bound: None }),
        sample_fields: Vec::new(),
        reads_pickle: false,
    };
    let start = get::<Preview>("q TASK t").start(accepted(target.clone())).expect("fields that exist");
    assert_eq!(
        (start.id, start.digest, start.now_ms, start.now_ns),
        (Uuid::from_u128(7), [9; 32], NOW_MS, 5)
    );
    assert_eq!(start.container(), target.container());
    let JobTarget { db, queue, priority, lists, messages, storage, reads_pickle, sample_fields: _ } = target;
    assert_eq!((start.db, start.queue, start.priority), (db, queue, priority));
    assert_eq!((start.lists, start.messages, start.storage), (lists, messages, storage));
    assert_eq!(start.reads_pickle, reads_pickle);
    assert_eq!((start.origin.user, start.origin.client), (Some(b"ann".to_vec()), Some(b"id=1".to_vec())));
    assert_eq!((start.origin.actor, start.origin.reason), (None, None));
}

#[test]
fn a_preview_counts_and_keeps_the_rows_that_were_asked_for() {
    let preview: Preview = get("q TASK t SAMPLE 7 FIELDS 2 id task INEXACT");
    let start = preview.start(accepted(target(b"q"))).expect("fields that exist");
    assert_eq!((start.kind, start.effect, start.dry_run), (JobKind::Preview, Effect::Count, false));
    assert_eq!((start.sample, start.fields), (7, Some(vec![b"id".to_vec(), b"task".to_vec()])));
    assert!(start.filter == preview.filter && start.clear_options.inexact && start.grouping.is_none());
    let unknown = Preview { fields: Some(vec![b"nothing".to_vec()]), ..preview };
    assert!(unknown.start(accepted(target(b"q"))).is_err());
}

#[test]
fn stats_group_what_matches() {
    let stats: Stats = get("q GROUPBY 2 task retries TOP 3 TASK t INEXACT");
    let start = stats.start(accepted(target(b"q"))).expect("fields that exist");
    assert_eq!((start.kind, start.effect, start.dry_run), (JobKind::Stats, Effect::Group, false));
    assert_eq!((start.top, start.sample), (3, 0));
    assert!(
        start.filter == stats.filter && start.clear_options.inexact && start.grouping == Some(stats.grouping)
    );
}

#[test]
fn a_show_searches_one_message_by_its_id_and_shares_its_job_with_nobody() {
    let show: Show = get("q 7D0F3C1E-3F0B-4C53-9D1C-0A5F8F6B2A11 PRIORITY 3");
    let start = show.start(accepted(target(b"q"))).expect("a field that exists");
    assert_eq!((start.kind, start.effect, start.dry_run), (JobKind::Show, Effect::Count, false));
    assert_eq!((start.sample, start.reads_all), (1, true));
    assert_eq!(start.filter.text(), b"WHERE id = 7d0f3c1e-3f0b-4c53-9d1c-0a5f8f6b2a11");
    let other = Accepted { id: Uuid::from_u128(8), ..accepted(target(b"q")) };
    assert_ne!(show.start(other).expect("a field that exists").digest, start.digest);
    assert!(parse::<Show>("q ''").is_err() && parse::<Show>("q a TASK t").is_err());
}

#[test]
fn fields_are_of_all_messages_unless_a_filter_chooses_some() {
    let all: Fields = get("q AS sidekiq FORMAT JSON");
    assert!(all.filter.is_all());
    assert_eq!((all.target.kind, all.target.format), (Some(MessageKind::Sidekiq), Format::JSON));
    let some: Fields = get("q TASK t WHERE retries > 3 PRIORITY ALL");
    assert_eq!(
        (some.filter.text(), some.target.priority),
        (&b"TASK t WHERE retries > 3"[..], Some(Priority::All))
    );
    for wrong in ["q TASK", "q SAMPLE 3", "q TASK t TASK u"] {
        assert!(parse::<Fields>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_clear_takes_what_its_filter_and_its_options_say() {
    for (options, effect) in [
        ("ALL", Effect::ClearAll),
        ("KEEPONE", Effect::KeepOne),
        ("KEEPONE KEEP OLDEST", Effect::KeepOne),
        ("KEEPONE KEEP NEWEST", Effect::KeepNewest),
        ("KEEPONE BY id", Effect::KeepEach),
    ] {
        let line = format!("q TASK t CONFIRM q RATE 5 LIMIT 2 ACTOR a REASON r {options}");
        let line = if options.contains("NEWEST") { line.replace("LIMIT 2", "") } else { line };
        let start = clear(&line);
        assert_eq!((start.kind, start.effect, start.dry_run), (JobKind::Clear, effect, false), "{line}");
        assert!(start.filter == get::<ClearJob>(&line).filter && start.filter != Filter::all());
        assert_eq!(start.clear_options, get::<ClearJob>(&line).clear_options, "{line}");
        assert_eq!((start.origin.actor, start.origin.reason), (Some(b"a".to_vec()), Some(b"r".to_vec())));
        assert_eq!(start.sample, SAMPLE_DEFAULT);
        assert!(clear(&format!("{line} DRYRUN")).dry_run, "{line}");
    }
}

#[test]
fn a_clear_moves_to_the_list_that_the_caller_of_start_names() {
    let parking: ClearJob = get("q TASK t ALL PARK CONFIRM q");
    let list = Destination { key: b"q:parked:1".to_vec(), front: false, own: true };
    let start = parking.start(accepted(target(b"q")), Some(list.clone())).expect("fields that exist");
    assert_eq!(start.clear_options.to, Some(list));
}

#[test]
fn an_undo_takes_all_messages_of_the_journal_and_moves_them_back() {
    let undo: Undo = get("UUID FRONT CONFIRM parked ACTOR a REASON r");
    let undoing = Undoing { job: Uuid::from_u128(1), moved: 4, undone: 1 };
    let start = undo.start(accepted(target(b"parked")), b"q".to_vec(), undoing).expect("fields that exist");
    assert_eq!((start.kind, start.effect, start.dry_run), (JobKind::Undo, Effect::ClearAll, false));
    assert!(start.filter.is_all());
    assert_eq!(start.clear_options.to, Some(Destination { key: b"q".to_vec(), front: true, own: false }));
    assert_eq!(start.clear_options.undo, Some(undoing));
    assert_eq!((start.origin.actor, start.origin.reason), (Some(b"a".to_vec()), Some(b"r".to_vec())));
    let dry: Undo = get("UUID DRYRUN");
    assert!(
        dry.start(accepted(target(b"parked")), b"q".to_vec(), undoing).expect("fields that exist").dry_run
    );
}
