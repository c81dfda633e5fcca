use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::*;
use crate::args::Args;
use crate::error::EndReason;
use crate::field::Field;
use crate::filter::{Filter, FilterBuilder, Grouping, Projection};
use crate::job::Storage;
use crate::job::{
    ClearOptions, Destination, Expect, Groups, Job, JobKind, JobStatus, Keep, Origin, Record, Start, Undoing,
};
use crate::kind::{DEFAULT_FIELDS, MessageKind};
use crate::match_notices::MatchNoticeCounts;
use crate::priorities::{List, Priority};
use crate::scan::{Counters, Effect, IndexStart};

fn filter(words: &[&[u8]]) -> Filter {
    let mut filter = FilterBuilder::default();
    for pair in words.chunks(2) {
        filter.accept(&mut Args::new(pair), 0).expect("a term");
    }
    filter.finish().expect("a filter")
}

/// A preview without any option.
fn preview() -> Start {
    Start {
        id: Uuid::from_u128(7),
        kind: JobKind::Preview,
        db: 3,
        queue: b"celery".to_vec(),
        priority: None,
        lists: vec![(List { key: b"celery".to_vec(), step: None }, 10)],
        messages: MessageKind::Celery,
        filter: filter(&[b"TASK", b"a"]),
        projection: Projection::new(DEFAULT_FIELDS).expect("fields"),
        fields: None,
        sample: 20,
        grouping: None,
        top: 0,
        effect: Effect::Count,
        clear_options: ClearOptions::default(),
        continues: None,
        dry_run: false,
        reads_all: false,
        origin: Origin::default(),
        digest: [0; 32],
        storage: Storage::Lists,
        reads_pickle: true,
        now_ms: 1_000,
        now_ns: 0,
    }
}

/// One job of each kind, with and without the options that members show.
fn jobs() -> Vec<(&'static str, Start)> {
    let origin = || Origin {
        user: Some(b"default".to_vec()),
        actor: Some(b"jane".to_vec()),
        client: Some(b"id=7 addr=127.0.0.1:4242".to_vec()),
        reason: Some(b"it floods".to_vec()),
    };
    let clear_options = ClearOptions {
        keep: Keep::Newest,
        by: vec![Field::parse(b"id").expect("a field")],
        limit: Some(5),
        rate: Some(100),
        expect: Some(Expect { matches: 4, tolerance: 10 }),
        to: Some(Destination { key: b"parked".to_vec(), front: true, own: true }),
        inexact: true,
        undo: None,
    };
    let undo = ClearOptions {
        to: Some(Destination { key: b"celery".to_vec(), front: false, own: false }),
        undo: Some(Undoing { job: Uuid::from_u128(8), moved: 5, undone: 2 }),
        ..ClearOptions::default()
    };
    let unacked = IndexStart { index: b"unacked_index".to_vec(), entries: 0, bound: None };
    let all: &[&[u8]] = &[b"TASK", b"a", b"REPOID", b"7", b"COMMITID", b"c"];
    vec![
        ("preview", preview()),
        (
            "stats",
            Start {
                kind: JobKind::Stats,
                filter: Filter::all(),
                effect: Effect::Group,
                grouping: Some(Grouping::new(&[b"task"]).expect("a field")),
                ..preview()
            },
        ),
        ("clear", Start { kind: JobKind::Clear, effect: Effect::ClearAll, origin: origin(), ..preview() }),
        (
            "keep one of each",
            Start {
                kind: JobKind::Clear,
                filter: filter(all),
                effect: Effect::KeepEach,
                priority: Some(Priority::Step(3)),
                lists: vec![(List { key: b"celery3".to_vec(), step: Some(3) }, 10)],
                clear_options,
                dry_run: true,
                origin: origin(),
                ..preview()
            },
        ),
        (
            "undo",
            Start {
                kind: JobKind::Undo,
                filter: Filter::all(),
                effect: Effect::ClearAll,
                clear_options: undo,
                ..preview()
            },
        ),
        ("unacknowledged", Start { storage: Storage::Unacked(unacked), ..preview() }),
    ]
}

/// Records of these jobs when they start, when they were changed, and when they ended in different ways.
fn records() -> Vec<(String, Record)> {
    let mut records = Vec::new();
    for (name, start) in jobs() {
        let mut job = Job::new(start);
        records.push((format!("{name}, at its start"), job.record()));
        job.runs();
        job.throttle(50);
        job.set_duty(10);
        job.pause(2_000);
        job.note("a notice".to_owned());
        records.push((format!("{name}, paused"), job.record()));
        job.resume(3_000);
        job.request_cancel();
        job.end(JobStatus::Cancelled, Some(EndReason::Cancelled), 4_000);
        let mut record = job.record();
        records.push((format!("{name}, cancelled"), record.clone()));
        record.mark_undone(b"00000000-0000-0000-0000-000000000009", 3);
        records.push((format!("{name}, undone"), record));
    }
    records
}

fn hash(record: &Record) -> BTreeMap<&'static str, Vec<u8>> {
    record.hash_fields().collect()
}

fn read(hash: &BTreeMap<&'static str, Vec<u8>>) -> Record {
    Record::from_hash(|name| hash.get(name).map(Vec::as_slice)).expect("it is a record")
}

#[test]
fn members_have_unique_names_and_a_description() {
    let mut names = BTreeSet::new();
    for (place, member) in Member::ALL.into_iter().enumerate() {
        assert_eq!(member as usize, place, "{member:?}");
        let camel: String =
            member.name().split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
        assert_eq!(format!("{member:?}"), camel, "the name of the variant is the name in replies");
        assert!(names.insert(member.name()), "two members are named {}", member.name());
        let doc = member.doc();
        assert!(doc.ends_with(['.', ')']) || doc.ends_with("`."), "{}: {doc}", member.name());
        assert!(!doc.contains(['|', '\n']) && !doc.contains("  "), "{}: {doc}", member.name());
    }
}

#[test]
fn a_member_can_be_null_only_if_its_kind_and_its_text_say_so() {
    for member in Member::ALL {
        let says_it = ["null", "Null"].iter().any(|word| member.doc().contains(word));
        // What kind its messages are, every job says; the records of earlier versions do not.
        let of_every_job = member == Member::MessageKind;
        assert_eq!(says_it || of_every_job, member.kind().ends_with("or null"), "{}", member.name());
    }
    for (name, record) in records() {
        for member in Member::recorded() {
            let value = record.get(member);
            let fits = match (member.kind(), value) {
                ("text", Reply::Text(_)) | ("integer", Reply::Int(_)) => true,
                ("text or null", Reply::Text(text)) => !text.is_empty(),
                ("integer or null", Reply::Int(_)) => true,
                ("text or null" | "integer or null", Reply::Null) => true,
                ("flag", Reply::Int(flag)) => [0, 1].contains(flag),
                _ => false,
            };
            assert!(fits, "{name}: {} is {value:?}", member.name());
        }
    }
}

#[test]
fn each_counter_of_a_scan_is_shown_by_one_member() {
    let counters = Counters {
        total: 101,
        processed: 102,
        matched: 103,
        matched_bytes: 104,
        deleted: 105,
        would_delete: 106,
        drifted: 107,
        arrived: 108,
        undecodable: 109,
        unreadable: 110,
        passes_run: 111,
        examined_total: 112,
        match_notices: MatchNoticeCounts {
            in_chord: 113,
            in_group: 114,
            with_eta: 115,
            redelivered: 116,
            inexact: 117,
            ..MatchNoticeCounts::default()
        },
        unkeyed: 118,
        ..Counters::default()
    };
    let (_, start) = jobs().swap_remove(3);
    let job = Job::new(start);
    let view = View { counters: &counters, ..View::new(&job) };
    let mut shown: Vec<i64> = Member::ALL
        .into_iter()
        .filter_map(|member| if let Reply::Int(n) = member.compute(&view) { Some(n) } else { None })
        .filter(|n| (101..=118).contains(n))
        .collect();
    shown.sort_unstable();
    assert_eq!(shown, (101..=118).collect::<Vec<_>>());
}

#[test]
fn a_record_is_the_same_after_it_was_written_and_read_back() {
    for (name, record) in records() {
        assert_eq!(read(&hash(&record)), record, "{name}");
    }
}

#[test]
fn missing_members_of_an_old_record_are_null_or_unset() {
    for (name, record) in records() {
        for member in Member::recorded() {
            let mut hash = hash(&record);
            hash.remove(member.name());
            if [Member::JobId, Member::Status].contains(&member) {
                assert_eq!(Record::from_hash(|name| hash.get(name).map(Vec::as_slice)), None, "{name}");
                continue;
            }
            let read = read(&hash);
            let missing = if member.kind() == "flag" { Reply::Int(0) } else { Reply::Null };
            if member != Member::Container {
                assert_eq!(*read.get(member), missing, "{name}: {}", member.name());
            }
            for other in Member::recorded().filter(|other| *other != member) {
                assert_eq!(read.get(other), record.get(other), "{name}: {}", other.name());
            }
        }
    }
}

#[test]
fn status_has_all_members_and_jobs_those_of_records() {
    let names = |reply: Reply| match reply {
        Reply::Map(members) => members.into_iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>(),
        other => unreachable!("{other:?}"),
    };
    let record = records().swap_remove(0).1;
    let wanted: Vec<&str> = Member::ALL.map(Member::name).to_vec();
    assert_eq!(names(record.clone().show(Reply::List(Vec::new()), Groups::NONE, Reply::Null)), wanted);
    let wanted: Vec<&str> = Member::recorded().map(Member::name).collect();
    assert_eq!(names(record.row()), wanted);
    let shown: Vec<&str> =
        Member::ALL.into_iter().filter(|member| !member.is_recorded()).map(Member::name).collect();
    assert_eq!(shown, ["sample", "groups", "other", "groups_total", "ages"]);
}

#[test]
fn match_notice_counts_are_in_the_order_of_their_members() {
    let counts = MatchNoticeCounts {
        in_chord: 1,
        in_group: 2,
        with_eta: 3,
        redelivered: 4,
        ..MatchNoticeCounts::default()
    };
    let names = Member::MATCH_NOTICES.map(Member::name);
    assert_eq!(names, ["in_chord", "in_group", "with_eta", "redelivered"]);
    assert_eq!(counts.values(), [1, 2, 3, 4]);
}
