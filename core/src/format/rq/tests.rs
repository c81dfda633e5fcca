use super::{DATA_MAX, NUMBERS, ORIGIN, OTHERS_MAX, RQ_FIELDS, RqPlace, STATUS, TOO_LARGE};
use crate::filter::filter_of as filter;
use crate::filter::{Grouping, Matcher, Projection};
use crate::kind::MessageKind;
use crate::reply::Reply;

/// Jobs that RQ 3.0.0 wrote, as the module reads them: tests/python/record_rq.py.
const RECORDED: &str = include_str!("../rq.jsonl");

fn matcher(words: &str) -> Matcher {
    Matcher::of(MessageKind::Rq, &filter(words), None)
}

/// The letters of the ids of the recorded jobs that match.
fn matching(words: &str) -> String {
    let mut matcher = matcher(words);
    let verdicts = RECORDED.lines().map(|message| matcher.examine(message.as_bytes()));
    ('a'..).zip(verdicts).filter(|(_, verdict)| verdict.matched).map(|(letter, _)| letter).collect()
}

/// The fields of a job of the queue `uploads` with this status.
fn fields(status: &'static str, data: &'static [u8]) -> [Option<&'static [u8]>; RQ_FIELDS.len()] {
    let mut fields = [None; RQ_FIELDS.len()];
    (fields[0], fields[1]) = (Some(data), Some(status.as_bytes()));
    fields[ORIGIN] = Some(b"uploads");
    fields
}

/// The position of a field.
fn at(name: &str) -> usize {
    RQ_FIELDS.iter().position(|own| *own == name).expect("a field")
}

/// The text of a job in that queue.
fn rq_message(id: &[u8], fields: &[Option<&[u8]>; RQ_FIELDS.len()], has_dependents: bool) -> Vec<u8> {
    super::rq_message(&RqPlace { id, queue: b"uploads", status: "queued", has_dependents }, fields)
}

#[test]
fn recorded_jobs_match_as_expected() {
    let table: &[(&str, &str)] = &[
        // Another job waits for the first one, and the sixth one is not queued.
        ("TASK jobs.upload", "bcegh"),
        ("TASK jobs.archive", "d"),
        ("TASK joinpath", "i"),
        ("WHERE args.0 = 147107", "e"),
        ("WHERE args.0 IN 2 2 3", "bc"),
        ("WHERE args.0 = 2026-11-28T12:00:00", "d"),
        ("WHERE args.1.1.a = 2", "d"),
        ("WHERE args.0 = x", "i"),
        ("WHERE kwargs.kind = full", "e"),
        ("COMMITID x", "b"),
        ("WHERE id = job-c", "c"),
        ("WHERE enqueued < 2027-01-01T00:00:00Z WHERE enqueued > 2026-11-28T00:00:00Z", "bcdeghi"),
        ("WHERE retries EXISTS", ""),
        ("WHERE headers.retries_left = 3", "c"),
        ("WHERE headers.timeout > 180", "c"),
        ("WHERE headers.ttl EXISTS", "b"),
        ("WHERE headers.rate_limit_key = slow", "g"),
        ("WHERE group = g", "h"),
        ("WHERE routing_key = plain", "e"),
        ("WHERE headers.description = Größe", "b"),
        ("WHERE headers.description GLOB *full*", "e"),
        ("WHERE headers.status = queued", "bcdeghi"),
        // It is not known which other fields the hash has.
        ("WHERE headers.meta MISSING", ""),
        ("WHERE eta MISSING", "bcdeghi"),
        ("WHERE undecodable = 1", ""),
    ];
    for (words, wanted) in table {
        assert_eq!(matching(words), *wanted, "{words}");
    }
}

#[test]
fn jobs_are_kept_where_others_depend_on_them_or_they_are_not_queued() {
    let kept = |message: &[u8]| {
        let verdict = matcher("WHERE bytes >= 0").examine(message);
        assert_eq!(verdict.kept, !verdict.matched, "{}", String::from_utf8_lossy(message));
        verdict.kept
    };
    let jobs: Vec<bool> = RECORDED.lines().map(|line| kept(line.as_bytes())).collect();
    assert_eq!(jobs, [true, false, false, false, false, true, false, false, false]);
    for status in ["started", "deferred", "QUEUED", "queued ", ""] {
        assert!(kept(&rq_message(b"x", &fields(status, b"[]"), false)), "{status}");
    }
    assert!(kept(&rq_message(b"x", &fields("queued", b"[]"), true)));
    assert!(!kept(&rq_message(b"x", &fields("queued", b"[]"), false)));
    // Its id stands in the list of another queue than its own, or its own is not known.
    for origin in [Some(&b"upload"[..]), Some(b"uploads "), Some(b""), None] {
        let mut job = fields("queued", b"[]");
        job[ORIGIN] = origin;
        assert!(kept(&rq_message(b"x", &job, false)), "{origin:?}");
    }
    // Groups of STATS count them: nothing is cleared there.
    let grouping = Grouping::new(&[b"task"]).expect("a field");
    let mut stats = Matcher::of(MessageKind::Rq, &filter("TASK jobs.upload"), Some(&grouping));
    assert!(stats.examine(RECORDED.lines().next().expect("a line").as_bytes()).matched);
}

#[test]
fn a_job_is_written_as_one_object() {
    let mut all = fields("queued", b"[\"f\",null,[],{}]");
    for (name, value) in [("timeout", "180"), ("ttl", "007"), ("group_id", "")] {
        all[at(name)] = Some(value.as_bytes());
    }
    all[at("description")] = Some(b"say \"x\"\n");
    let text = String::from_utf8(rq_message(b"a\"b", &all, true)).expect("a text");
    assert_eq!(
        text,
        r#"{"id":"a\"b","status":"queued","origin":"uploads","created_at":null,"enqueued_at":null,"timeout":180,"ttl":"007","number_of_retries":null,"retries_left":null,"description":"say \"x\"\u000a","group_id":null,"rate_limit_key":null,"dependents":1,"other_queue":0,"other_status":0,"data":"WyJmIixudWxsLFtdLHt9XQ=="}"#
    );
    assert_eq!([at("status"), at("origin")], [STATUS, ORIGIN]);
    assert!(NUMBERS.iter().all(|name| RQ_FIELDS.contains(name)));
    // Without data it is not a job.
    let mut none = all;
    none[0] = None;
    assert_eq!(rq_message(b"x", &none, false), b"");
    let verdict = matcher("WHERE undecodable = 1").examine(b"");
    assert!(verdict.missing && !verdict.matched && !verdict.kept);
}

#[test]
fn hostile_jobs_are_unreadable_and_match_nothing_about_their_call() {
    let zlib = |bytes: &[u8]| miniz_oxide::deflate::compress_to_vec_zlib(bytes, 9);
    let long = [b"[\"f\",null,[\"".as_slice(), &vec![b'x'; 600 * 1024], b"\"],{}]"].concat();
    let hostile: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"x".to_vec(),
        b"x\x9cbroken".to_vec(),
        zlib(&long),
        vec![b'['; DATA_MAX + 1],
        zlib(b"{\"f\":1}"),
        zlib(b"\x80\x05cut off"),
        zlib(b"[\"\xff\",null,[],{}]"),
        zlib(b"null"),
    ];
    for data in &hostile {
        let mut job = fields("queued", b"");
        job[0] = Some(data);
        let message = rq_message(b"x", &job, false);
        for words in ["TASK f", "WHERE task != f", "WHERE task MISSING", "WHERE args.0 MISSING"] {
            let verdict = matcher(words).examine(&message);
            assert!(verdict.unreadable && !verdict.matched && !verdict.undecodable, "{words}: {data:.20?}");
        }
        assert!(matcher("WHERE id = x").examine(&message).matched);
    }
    // RQ reads data that is not compressed, too.
    let plain = rq_message(b"x", &fields("queued", b"[\"f\",null,[1],{}]"), false);
    assert!(matcher("TASK f WHERE args.0 = 1").examine(&plain).matched);
    // Bytes that are not text are equal to nothing.
    let mut job = fields("queued", b"[]");
    job[at("group_id")] = Some(b"\xff");
    let odd = rq_message(b"\xfe", &job, false);
    let verdict = matcher("WHERE bytes > 0").examine(&odd);
    assert!(verdict.matched != verdict.kept);
    assert!(!matcher("WHERE group MISSING").examine(&odd).matched);
    // Without the setting, pickled data is not read.
    let recorded = RECORDED.lines().nth(1).expect("a line");
    assert!(matcher("TASK jobs.upload").pickle(false).examine(recorded.as_bytes()).unreadable);
}

#[test]
fn fields_that_are_too_large_are_unknown() {
    let quotes = vec![b'"'; OTHERS_MAX + 1];
    for (name, asks, keeps) in [
        ("description", "WHERE headers.description MISSING", false),
        ("rate_limit_key", "WHERE headers.rate_limit_key MISSING", false),
        ("group_id", "WHERE group MISSING", false),
        ("status", "WHERE headers.status MISSING", true),
        ("origin", "WHERE routing_key != x", true),
    ] {
        for len in [OTHERS_MAX, OTHERS_MAX + 1] {
            let mut job = fields("queued", b"[\"f\",null,[],{}]");
            job[at(name)] = Some(&quotes[..len]);
            let message = rq_message(b"x", &job, false);
            assert_eq!(message.len() < 600, len > OTHERS_MAX, "{name} {len}");
            let verdict = matcher("TASK f").examine(&message);
            assert_eq!((verdict.matched, verdict.kept), (!keeps, keeps), "{name} {len}");
            let verdict = matcher(asks).examine(&message);
            assert_eq!(verdict.unreadable, len > OTHERS_MAX, "{name} {len}: {verdict:?}");
            let mut other = quotes[..len].to_vec();
            other[0] = b'x';
            job[at(name)] = Some(&other);
            assert_ne!(message, rq_message(b"x", &job, false), "the fingerprint depends on it");
        }
    }
    // So are data that are too long, as they are in the hash.
    let long = vec![b'['; DATA_MAX + 1];
    let mut job = fields("queued", b"");
    job[0] = Some(&long);
    assert!(matcher("WHERE headers.data MISSING").examine(&rq_message(b"x", &job, false)).unreadable);
    // Nothing is known of a job with a longer id, and it is kept.
    assert_eq!(rq_message(&quotes, &fields("queued", b"[]"), false), TOO_LARGE);
    let verdict = matcher("WHERE undecodable = 1").examine(TOO_LARGE);
    assert!(verdict.undecodable && verdict.kept);
    // Without data it is missing, however large it is.
    let mut job = fields("queued", b"");
    job[0] = None;
    job[at("description")] = Some(&quotes);
    assert_eq!(rq_message(b"x", &job, false), b"");
}

#[test]
fn sample_rows_show_the_call_and_how_rq_describes_it() {
    let kind = MessageKind::Rq;
    let mut projection = Projection::of(kind, kind.spec().sample).expect("fields");
    let row = projection.row(RECORDED.lines().next().expect("a line").as_bytes());
    let text = |name: &str| match &row.iter().find(|(own, _)| &**own == name).expect("a member").1 {
        Reply::Text(text) => String::from_utf8_lossy(text).into_owned(),
        other => format!("{other:?}"),
    };
    assert_eq!((text("task").as_str(), text("id").as_str()), ("jobs.upload", "job-a"));
    assert_eq!(text("args"), r#"[147107,"e0ca38f7"]"#);
    assert_eq!(text("kwargs"), r#"{"kind":"full"}"#);
    assert!(text("headers.description").starts_with("jobs.upload(147107"));
}
