use super::{BULL_FIELDS, BullJob, BullText, DATA_MAX, OTHERS_MAX, UNREADABLE, UNREADABLE_AND_KEPT};
use crate::filter::Matcher;
use crate::filter::filter_of as filter;
use crate::kind::MessageKind;
use crate::message_place::{BullKeys, IdKey, JobKeys, MessageKeys, MessagePlace};

/// Jobs that BullMQ 5.81.5, BullMQ 6.7.0 and Bull 4.16.5 wrote, as the module reads them: tests/python/record_bull.py.
const RECORDED: &str = include_str!("../bull.jsonl");
/// The number of recorded jobs of each version of BullMQ; those of Bull follow.
const OF_BULLMQ: usize = 14;

/// The ids of these messages that match.
fn matching<'a>(words: &str, messages: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let mut matcher = Matcher::of(MessageKind::BullMq, &filter(words), None);
    let id = |message: &[u8]| {
        let job: serde_json::Value = serde_json::from_slice(message).ok()?;
        Some(job["id"].as_str()?.to_owned())
    };
    let found = messages.filter(|message| matcher.examine(message).matched);
    found.map(|message| id(message).unwrap_or_else(|| "?".into())).collect()
}

/// The fields of a job: pairs of a name and a value.
fn job(values: &[(&str, &'static str)]) -> [Option<&'static [u8]>; BULL_FIELDS.len()] {
    BULL_FIELDS.map(|field| values.iter().find(|(name, _)| *name == field).map(|(_, value)| value.as_bytes()))
}

/// The names of the keys of jobs in this key.
fn keys_of(name: &str, of: IdKey) -> BullKeys {
    let keys = match MessagePlace::JobOfBull.keys_of(name.as_bytes(), of) {
        Some(MessageKeys::Jobs(JobKeys::Bull(keys))) => Some(keys),
        _ => None,
    };
    keys.expect("a key of BullMQ")
}

/// The text of a job that waits.
fn text(id: &[u8], fields: &[Option<&[u8]>; BULL_FIELDS.len()]) -> Vec<u8> {
    let keys = keys_of("bull:uploads:wait", IdKey::List);
    BullText::default().of(&BullJob { id, keys: &keys, is_locked: false }, fields)
}

/// The text of a job with this name and these data.
fn text_with(name: &'static str, data: &str) -> Vec<u8> {
    let mut fields = job(&[("name", name)]);
    fields[BULL_FIELDS.len() - 1] = Some(data.as_bytes());
    text(b"a", &fields)
}

fn written(id: &str, values: &[(&str, &'static str)]) -> Vec<u8> {
    text(id.as_bytes(), &job(values))
}

#[test]
fn recorded_jobs_of_bullmq_match_as_expected() {
    let jobs: Vec<&str> = RECORDED.lines().collect();
    let table: &[(&str, &str)] = &[
        ("TASK upload", "3 4"),
        ("REPOID 147107", "3"),
        ("COMMITID e0ca38f7", "3"),
        ("WHERE kwargs.repoid > 5 WHERE task != upload", "job-d job-e"),
        ("WHERE kwargs.tags CONTAINS a", "3"),
        ("WHERE kwargs.nested.list.0.x = 1", "job-g"),
        ("WHERE task = Größe", "job-g"),
        ("WHERE kwargs.f = 1.5 WHERE kwargs.t = true", "job-c"),
        ("WHERE headers.data.1 = two", "job-p"),
        ("WHERE priority > 0", "job-p"),
        ("WHERE id = job-t", "job-t"),
        ("WHERE headers.data = just\u{a0}a\u{a0}text", ""),
        ("WHERE headers.opts.attempts = 3", "4"),
        ("WHERE headers.delay > 1000", "job-d"),
        ("WHERE headers.deid = repo-26", "job-e"),
        ("WHERE headers.rjk = nightly", "repeat:nightly:*"),
        ("WHERE group = bull:uploads:par-1", "ch-1"),
        ("WHERE headers.failedReason GLOB *luck*", "job-no"),
        ("WHERE retries = 1", "job-no job-ok"),
        ("WHERE headers.returnvalue.done = 1 WHERE headers.progress = 50", "job-ok"),
        (
            "WHERE enqueued > 2026-11-28T00:00:00Z WHERE enqueued < 2126-01-01T00:00:00Z WHERE retries MISSING",
            "*",
        ),
        // It is not known which other fields the hash has, when the job is due, and where it was sent.
        ("WHERE headers.stacktrace MISSING", ""),
        ("WHERE eta MISSING", ""),
        ("WHERE routing_key MISSING", ""),
        ("WHERE undecodable = 1", ""),
    ];
    for (words, wanted) in table {
        for version in jobs[..2 * OF_BULLMQ].chunks(OF_BULLMQ) {
            let found = matching(words, version.iter().map(|line| line.as_bytes()));
            let found: Vec<&str> = found
                .iter()
                .map(|id| if id.starts_with("repeat:nightly:") { "repeat:nightly:*" } else { id })
                .collect();
            match *wanted {
                "*" => assert_eq!(found.len(), OF_BULLMQ - 2, "{words}: {found:?}"),
                wanted => assert_eq!(found.join(" "), wanted, "{words}"),
            }
        }
    }
}

#[test]
fn recorded_jobs_of_bull_match_as_expected() {
    let jobs = || RECORDED.lines().skip(2 * OF_BULLMQ).map(str::as_bytes);
    for (words, wanted) in [
        ("TASK __default__", "1"),
        ("REPOID 5", "job-b"),
        ("WHERE headers.delay = 3600000", "job-d"),
        ("WHERE priority = 2", "job-b"),
        ("WHERE headers.opts.attempts = 3", "job-b"),
    ] {
        assert_eq!(matching(words, jobs()).join(" "), wanted, "{words}");
    }
}

#[test]
fn a_job_is_written_as_its_hash_has_it() {
    let text =
        written("a\"b", &[("data", "{\"x\":1}"), ("name", "n\\"), ("timestamp", "12"), ("delay", "1e3")]);
    assert_eq!(
        String::from_utf8_lossy(&text),
        r#"{"id":"a\"b","name":"n\\","timestamp":12,"delay":"1e3","data":{"x":1}}"#
    );
}

#[test]
fn a_hash_without_these_fields_is_a_missing_message() {
    assert_eq!(written("a", &[]), b"");
    for words in ["WHERE bytes >= 0", "WHERE undecodable = 1", "WHERE task MISSING"] {
        assert!(matching(words, [&b""[..]].into_iter()).is_empty(), "{words}");
    }
}

#[test]
fn json_that_is_more_than_one_value_adds_no_member() {
    for data in ["1,\"name\":\"other\"", "{}}", "", "{\"x\":", "\"a\nb\"", "1 2", "]["] {
        let text = text_with("upload", data);
        let texts = || [text.as_slice()].into_iter();
        for words in ["TASK other", "WHERE undecodable = 1", "TASK upload WHERE kwargs.x MISSING"] {
            assert!(matching(words, texts()).is_empty(), "{data:?}: {words}");
        }
        // What is not in the data does not depend on it.
        for words in ["TASK upload", "WHERE task != x", "WHERE kwargs.x MISSING OR task = upload"] {
            assert_eq!(matching(words, texts()), ["a"], "{data:?}: {words}");
        }
        let mut matcher = Matcher::of(MessageKind::BullMq, &filter("WHERE kwargs.x MISSING"), None);
        assert!(matcher.examine(&text).unreadable, "{data:?}");
        let other = text_with("upload", "{\"other\":");
        assert_ne!(text, other, "the fingerprint depends on what is not read: {data:?}");
    }
}

#[test]
fn nothing_is_known_of_a_job_without_a_name() {
    let text = written("7", &[("data", "{\"repoid\":5}"), ("atm", "1")]);
    for words in ["REPOID 5", "WHERE task MISSING", "WHERE kwargs.repoid != 6", "WHERE retries = 1"] {
        assert!(matching(words, [text.as_slice()].into_iter()).is_empty(), "{words}");
    }
}

#[test]
fn jobs_that_others_need_are_kept_where_jobs_are_removed() {
    let plain = [("name", "upload"), ("data", "{}")];
    type Fields = &'static [(&'static str, &'static str)];
    let cases: [(&str, Fields, bool, bool); 8] = [
        ("7", &[], false, false),
        ("7", &[("parentKey", "bull:other:1")], false, true),
        ("7", &[("parentKey", "")], false, false),
        ("7", &[("rjk", "nightly")], false, true),
        ("repeat:nightly:1795868838649", &[], false, true),
        ("7", &[], true, true),
        ("7", &[("priority", "3")], false, false),
        ("7", &[("deid", "repo-26"), ("failedReason", "no luck")], false, false),
    ];
    let mut matcher = Matcher::of(MessageKind::BullMq, &filter("WHERE bytes > 0"), None);
    for (id, more, is_locked, expected) in cases {
        for (name, of) in [
            ("bull:q:wait", IdKey::List),
            ("bull:q:active", IdKey::List),
            ("bull:q:failed", IdKey::SortedSet),
            ("bull:q:waiting-children", IdKey::SortedSet),
        ] {
            let keys = keys_of(name, of);
            let values: Vec<_> = plain.iter().chain(more).copied().collect();
            for data in [None, Some(&b"{"[..])] {
                let mut fields = job(&values);
                fields[BULL_FIELDS.len() - 1] = data.or(fields[BULL_FIELDS.len() - 1]);
                let job = BullJob { id: id.as_bytes(), keys: &keys, is_locked };
                let verdict = matcher.examine(&BullText::default().of(&job, &fields));
                let is_kept = expected && keys.are_removed();
                assert_eq!(
                    (verdict.kept, verdict.matched),
                    (is_kept, !is_kept),
                    "{name} {id} {more:?} {data:?}"
                );
            }
        }
    }
    // A hash without a name is not a job.
    assert!(matcher.examine(&written("7", &[("data", "{}")])).kept);
}

#[test]
fn fields_that_are_too_large_are_unknown() {
    let long = "1".repeat(DATA_MAX + 1);
    assert!(
        matching("WHERE kwargs.x MISSING", [text_with("n", &long[1..]).as_slice()].into_iter()).len() == 1
    );
    let text_of = text_with("n", &long);
    assert!(text_of.len() < 200);
    assert!(matching("WHERE kwargs.x MISSING", [text_of.as_slice()].into_iter()).is_empty());
    assert_eq!(matching("TASK n", [text_of.as_slice()].into_iter()), ["a"]);
    for (field, words) in [
        ("name", "WHERE task != x"),
        ("failedReason", "WHERE headers.failedReason != x"),
        ("atm", "WHERE retries MISSING"),
        ("opts", "WHERE headers.opts.attempts MISSING"),
        ("parentKey", "WHERE group MISSING"),
    ] {
        for (len, is_read) in [(OTHERS_MAX, true), (OTHERS_MAX + 1, false)] {
            let mut fields = job(&[("name", "n"), ("data", "{}")]);
            let at = BULL_FIELDS.iter().position(|name| *name == field).expect("a field");
            fields[at] = Some(&long.as_bytes()[..len]);
            let text = text(b"a", &fields);
            assert_eq!(text.len() > OTHERS_MAX, is_read, "{field}");
            let verdict = Matcher::of(MessageKind::BullMq, &filter(words), None).examine(&text);
            assert_eq!(verdict.unreadable, !is_read, "{field}: {verdict:?}");
        }
    }
    let id = &long.as_bytes()[..=OTHERS_MAX];
    assert_eq!(text(id, &job(&[("name", "n")])), UNREADABLE);
    assert_eq!(text(id, &job(&[("name", "n"), ("rjk", "x")])), UNREADABLE_AND_KEPT);
}
