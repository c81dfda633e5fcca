//! Messages recorded from celery 5.7.0 with kombu 5.7.0.

use super::*;
use crate::match_notices::MatchNotices;

const LINES: &str = include_str!("celery.jsonl");

fn message(line: usize) -> &'static [u8] {
    LINES.lines().nth(line).expect("a line").as_bytes()
}

const PLAIN: usize = 0;
const ETA: usize = 1;
const PROTOCOL_1: usize = 2;
const GZIP: usize = 3;
const PICKLE: usize = 4;

/// The messages in these lines match, whether pickled bodies are read or not, except that those in `unreadable` are
/// not readable if they are not.
#[track_caller]
fn check(words: &str, lines: &[usize], unreadable: &[usize]) {
    for reads in [true, false] {
        let mut matcher = Matcher::new(&filter(words)).pickle(reads);
        // The second round shows that the matcher keeps nothing of earlier messages.
        for line in (0..5).chain((0..5).rev()) {
            let unreadable = unreadable.contains(&line) && !reads;
            let wanted = Verdict {
                matched: lines.contains(&line) && !unreadable,
                undecodable: false,
                unreadable,
                uncompared: false,
                missing: false,
                kept: false,
            };
            assert_eq!(matcher.examine(message(line)), wanted, "{words} on line {line}, {reads}");
        }
    }
}

#[test]
fn recorded_messages_match_as_expected() {
    let closed = &[PICKLE];
    check("TASK app.tasks.upload.Upload", &[PLAIN, PROTOCOL_1, GZIP, PICKLE], &[]);
    check("TASK app.tasks.notify.Notify", &[ETA], &[]);
    check("TASK app.tasks.upload", &[], &[]);
    check("REPOID 7", &[PLAIN, ETA, PROTOCOL_1, GZIP, PICKLE], closed);
    check("REPOID 8", &[], closed);
    check("TASK app.tasks.upload.Upload REPOID 007", &[PLAIN, PROTOCOL_1, GZIP, PICKLE], closed);
    check("TASK app.tasks.notify.Notify REPOID 7", &[ETA], &[]);
    check("REPOID 7 COMMITID abc", &[PROTOCOL_1], closed);
    check("WHERE kwargs.pullid MISSING", &[PLAIN, ETA, PROTOCOL_1, GZIP, PICKLE], closed);
    check("WHERE kwargs.report EXISTS", &[PLAIN, GZIP, PICKLE], closed);
    check("WHERE kwargs.report.n = 1", &[PLAIN, GZIP, PICKLE], closed);
    check("WHERE args.2.1 = 2", &[PLAIN], closed);
    check("WHERE args.1 = x", &[PLAIN], closed);
    check("WHERE args.0 <= 1", &[PLAIN, PROTOCOL_1], closed);
    check("WHERE retries = 0", &[PLAIN, ETA, PROTOCOL_1, GZIP, PICKLE], &[]);
    check("WHERE eta > 2026-01-01", &[ETA, PROTOCOL_1], &[]);
    check("WHERE expires EXISTS", &[ETA], &[]);
    check("WHERE priority >= 3", &[ETA], &[]);
    check("WHERE routing_key = celery WHERE exchange EXISTS", &[PLAIN, ETA, PROTOCOL_1, GZIP, PICKLE], &[]);
    check("WHERE redelivered MISSING", &[PLAIN, ETA, PROTOCOL_1, GZIP, PICKLE], &[]);
    check("WHERE compression = application/x-gzip", &[GZIP], &[]);
    check("WHERE content_type GLOB *pickle*", &[], &[]);
    check("WHERE content_type GLOB *python*", &[PICKLE], &[]);
    check("WHERE lang = py", &[PLAIN, ETA, GZIP, PICKLE], &[]);
    check("WHERE kwargsrepr GLOB *'repoid':?7*", &[PLAIN, GZIP, PICKLE], &[]);
    check("WHERE origin GLOB *@worker-[0-9]", &[PLAIN, ETA, GZIP, PICKLE], &[]);
    check("WHERE headers.stamps EXISTS", &[PLAIN, ETA, GZIP, PICKLE], &[]);
    check("WHERE headers.timelimit.0 MISSING", &[PLAIN, ETA, PROTOCOL_1, GZIP, PICKLE], &[]);
    check(
        "WHERE properties.delivery_info.routing_key = celery",
        &[PLAIN, ETA, PROTOCOL_1, GZIP, PICKLE],
        &[],
    );
    check("WHERE bytes < 1100", &[ETA, PROTOCOL_1], &[]);
    check("WHERE undecodable = 0", &[PLAIN, ETA, PROTOCOL_1, GZIP, PICKLE], &[]);
    check("WHERE group MISSING", &[PLAIN, ETA, PROTOCOL_1, GZIP, PICKLE], &[]);
    check("WHERE id IN 2 nope f62d4492-bcf2-4d5d-a45e-77584cc78b3c", &[PLAIN], &[]);
}

#[test]
fn match_notices_of_recorded_messages() {
    let index = include_str!("../../../../harness/data/celery-templates.index.jsonl");
    let lines = include_str!("../../../../harness/data/celery-templates.jsonl");
    // The first filter needs no body and the second one does. In the second round the layouts of the
    // envelopes are known.
    for words in ["WHERE undecodable = 0", "WHERE kwargs.nosuch MISSING"] {
        let mut matcher = Matcher::new(&filter(words));
        let mut seen = 0;
        for (row, message) in index.lines().zip(lines.lines()).chain(index.lines().zip(lines.lines())) {
            let row: serde_json::Value = serde_json::from_str(row).expect("JSON");
            if !matcher.examine(message.as_bytes()).matched {
                continue;
            }
            let kind = row["kind"].as_str().expect("a kind");
            let wanted = MatchNotices {
                in_chord: kind == "p2-chord",
                in_group: ["p2-chord", "p2-group"].contains(&kind),
                with_eta: ["p2-eta", "p2-countdown", "p1-eta"].contains(&kind),
                redelivered: kind.contains("redelivered"),
                inexact: false,
            };
            assert_eq!(matcher.match_notices(message.as_bytes()), wanted, "{words}: {row}");
            seen += usize::from(wanted != MatchNotices::default());
        }
        assert!(seen >= 2 * 8, "{seen}");
    }
    let chord = |words: &str, body: &str, headers: &str| {
        let mut matcher = Matcher::new(&filter(words));
        let message = plain(body, headers);
        assert!(matcher.examine(message.as_bytes()).matched);
        matcher.match_notices(message.as_bytes()).in_chord
    };
    let v1 = r#"{"task": "t", "args": [], "kwargs": {}, "chord": {"task": "c"}}"#;
    assert!(chord("TASK t", v1, ""));
    assert!(!chord("TASK t", &v1.replace("\"c\"", "\"c\"}, \"chord\": {"), ""), "the last of equal keys");
    let last = r#"[[], {}, {"chord": null, "chain": [{"options": {"chord": {"task": "c"}}}, {}]}]"#;
    assert!(chord("TASK t", last, r#""task": "t""#));
    assert!(!chord("TASK t", &last.replace("[{", "[{}, {"), r#""task": "t""#));
}

#[test]
fn compressed_and_msgpack_bodies_are_read() {
    // All have the same arguments: as msgpack, as msgpack in zlib, as JSON in zstd, and as msgpack in zstd.
    let lines = [5, 6, 7, 8];
    let kinds: Vec<_> = lines
        .map(|line| (message(line), examine("WHERE content_type = application/json", message(line)).matched))
        .into();
    assert_eq!(kinds.iter().map(|(_, json)| *json).collect::<Vec<_>>(), [false, false, true, false]);
    for (words, matched) in [
        ("REPOID 7", true),
        ("REPOID 8", false),
        ("COMMITID aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true),
        ("WHERE kwargs.report.n = 1", true),
        ("WHERE kwargs.pullid MISSING", true),
        ("WHERE args.0 = 1 WHERE args.1 MISSING", true),
        ("WHERE kwargs.ownerid > 12", false),
    ] {
        let mut matcher = Matcher::new(&filter(words));
        for _ in 0..3 {
            for line in lines {
                let wanted = Verdict {
                    matched,
                    undecodable: false,
                    unreadable: false,
                    uncompared: false,
                    missing: false,
                    kept: false,
                };
                assert_eq!(matcher.examine(message(line)), wanted, "{words} on line {line}");
                assert!(matcher.work() > 100);
            }
        }
    }
}
