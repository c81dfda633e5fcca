use crate::filter::filter_of as filter;
use crate::filter::{Matcher, Projection};
use crate::format::JobText;
use crate::kind::MessageKind;
use crate::message_place::{IdKey, MessageKeys};
use crate::reply::Reply;

/// Jobs that SAQ 0.26.4 wrote: see tests/python/record_saq.py.
const RECORDED: &str = include_str!("../saq.jsonl");

fn matcher(words: &str) -> Matcher {
    Matcher::of(MessageKind::Saq, &filter(words), None)
}

#[test]
fn recorded_jobs_match_as_expected() {
    let table: &[(&str, &[usize])] = &[
        ("TASK upload", &[0, 1, 2]),
        ("REPOID 147107", &[1]),
        ("COMMITID e0ca38f7", &[1]),
        ("WHERE kwargs.repoid = 22", &[3, 4]),
        ("WHERE kwargs.nested.path = a.b WHERE kwargs.name = Zo\u{eb}", &[2]),
        ("WHERE kwargs.nested.list.1.0 = 2", &[2]),
        ("WHERE id = bill-1 WHERE headers.meta.tenant = acme", &[3]),
        ("WHERE headers.timeout = 30 WHERE headers.ttl = -1", &[3]),
        ("WHERE eta EXISTS", &[4]),
        ("WHERE retries = 1", &[5]),
        ("WHERE retries MISSING WHERE task != upload", &[3, 4]),
        ("WHERE headers.error GLOB *luck", &[5]),
        ("WHERE enqueued > 2026-11-28T00:00:00Z WHERE routing_key = uploads", &[0, 1, 2, 3, 4, 5]),
        ("WHERE args EXISTS", &[]),
        ("WHERE undecodable = 1", &[]),
    ];
    for (words, wanted) in table {
        let mut matcher = matcher(words);
        let examined = RECORDED.lines().map(|job| matcher.examine(job.as_bytes()));
        let matching: Vec<usize> =
            examined.enumerate().filter(|(_, verdict)| verdict.matched).map(|(at, _)| at).collect();
        assert_eq!(matching, *wanted, "{words}");
    }
}

#[test]
fn a_job_that_does_not_wait_is_kept_and_nothing_is_known_of_other_texts() {
    let job = RECORDED.lines().next().unwrap_or_default();
    let examine = |words: &str, job: &str| matcher(words).examine(job.as_bytes());
    for status in ["active", "aborting", "complete", "QUEUED"] {
        let verdict = examine(
            "TASK upload",
            &job.replace("\"status\": \"queued\"", &format!("\"status\": \"{status}\"")),
        );
        assert!(!verdict.matched && verdict.kept, "{status}");
    }
    let verdict = examine("TASK upload", r#"{"function":"upload","key":"k"}"#);
    assert!(!verdict.matched && verdict.kept, "without a status it is not known whether it waits");
    // Another serializer.
    let verdict = examine("WHERE undecodable = 1", "\u{80}\u{4}.");
    assert!(!verdict.matched && verdict.kept);
    assert!(examine("WHERE bytes > 0", "").missing);
    for words in ["WHERE task MISSING", "WHERE kwargs.x != 1"] {
        let verdict = examine(words, r#"{"task":"t","status":"queued"}"#);
        assert!(!verdict.matched && verdict.unreadable, "{words}");
    }
}

#[test]
fn a_row_shows_the_arguments() {
    let mut rows = Projection::of(MessageKind::Saq, MessageKind::Saq.spec().sample).expect("fields");
    let job = RECORDED.lines().nth(1).unwrap_or_default();
    let row: Vec<Reply> = rows.row(job.as_bytes()).into_iter().map(|(_, value)| value).collect();
    assert_eq!(row[0], Reply::Text(b"upload".to_vec()));
    assert_eq!(row[2], Reply::Text(br#"{"repoid":147107,"commitid":"e0ca38f7"}"#.to_vec()));
    assert!(row[3] == Reply::Null && matches!(row[4], Reply::Int(1_796_000_000_000..)), "{row:?}");
}

#[test]
fn the_text_of_a_job_is_its_string() {
    let keys = MessageKind::Saq.spec().place.keys_of(b"saq:uploads:queued", IdKey::List);
    let Some(MessageKeys::Jobs(jobs)) = keys else { unreachable!("each job has a key") };
    assert_eq!(jobs.job(b"saq:job:uploads:7").as_deref(), Some(&b"saq:job:uploads:7"[..]));
    assert_eq!(jobs.job(b"saq:job:other:7"), None);
    assert_eq!(jobs.id_of(b"saq:job:uploads:7"), Some(&b"saq:job:uploads:7"[..]));
    let mut text = JobText::new(jobs);
    assert_eq!(text.fields().len(), 1);
    assert_eq!(text.of(b"saq:job:uploads:7", &[Some(b"{}")], false), b"{}");
}
