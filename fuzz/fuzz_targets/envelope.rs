//! Messages of each kind through the matcher and the projection. What must hold:
//!
//! - the verdicts of some filters are those of a naive judge over a parsed tree (`oracle`);
//! - the filter of the first line agrees with its parts (`parts`);
//! - what is shown of a message can be typed back (`shown`);
//! - a matcher that knows the layouts of other messages says what one says that knows none;
//! - if a body can be read, the texts that could replace it are not used.
//!
//! The first line of the input names the kind and a filter, separated by tabs; where it does not, it is a message of
//! Celery as the other lines are. Few filters are asked of one input, by its bytes, so that many inputs are run.
#![no_main]

use std::cell::RefCell;
use std::collections::HashMap;

use libfuzzer_sys::fuzz_target;
use qadmin_core::filter::{Filter, Matcher, Projection, Verdict};
use qadmin_core::kind::MessageKind;
use qadmin_core::reply::Reply;
use qadmin_fuzz::oracle::{ASKED, judge};
use qadmin_fuzz::question::{Asker, Question, header};
use qadmin_fuzz::{filter, parts, shown, words};

/// Most messages of one input.
const LINES_MAX: usize = 4;

thread_local! {
    /// The filters that the judge is asked.
    static FILTERS: Vec<Filter> =
        ASKED.iter().map(|(text, _)| filter(&words(text.as_bytes())).expect("a filter")).collect();
    /// Rows of samples, by kind.
    static ROWS: RefCell<HashMap<&'static str, Projection>> = RefCell::default();
}

/// Nothing that a row shows is longer than rows may be.
fn check_row(kind: MessageKind, message: &[u8]) {
    let spec = kind.spec();
    let new = || Projection::of(kind, spec.sample).expect("fields");
    let mut projection = ROWS.with_borrow_mut(|rows| rows.entry(spec.name).or_insert_with(new).clone());
    let row = projection.row(message);
    assert_eq!(row.len(), kind.spec().sample.len());
    for (name, value) in row {
        if let Reply::Text(text) = value {
            assert!(text.len() <= 1_024 && std::str::from_utf8(&text).is_ok(), "{name}");
        }
    }
}

/// FNV-1a: which questions an input is asked.
fn choice(data: &[u8]) -> usize {
    let hash = data.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    });
    (hash >> 32) as usize
}

/// One filter over all messages, twice, so that what the first round learns is used by the second.
fn check_verdicts(kind: MessageKind, filter: &Filter, messages: &[&[u8]]) -> Vec<Verdict> {
    let new = Matcher::of(kind, filter, None);
    let (mut warm, mut by_text) = (new.clone(), new.clone().inexact(true));
    let verdicts: Vec<Verdict> = messages.iter().map(|message| new.clone().examine(message)).collect();
    for (message, verdict) in messages.iter().chain(messages).zip(verdicts.iter().chain(&verdicts)) {
        let says = || {
            format!(
                "{:?} of {:?}",
                String::from_utf8_lossy(&filter.canonical()),
                String::from_utf8_lossy(message)
            )
        };
        assert_eq!(warm.examine(message), *verdict, "layouts: {}", says());
        let shown = by_text.examine(message);
        if !verdict.unreadable {
            assert_eq!(shown, *verdict, "a body that can be read is the only truth: {}", says());
        }
        assert_eq!(shown.matched && !verdict.matched, by_text.is_inexact(), "text: {}", says());
    }
    verdicts
}

fuzz_target!(|data: &[u8]| {
    let lines = words(data);
    let (kind, asked, messages) = match header(lines[0]) {
        Some((kind, words)) => (kind, Question::new(&words), &lines[1..]),
        None => (MessageKind::Celery, None, &lines[..]),
    };
    let messages = &messages[..messages.len().min(LINES_MAX)];
    let Some(first) = messages.first() else { return };
    let choice = choice(data);
    messages.iter().for_each(|message| check_row(kind, message));
    shown::check(kind, first, choice);
    if let Some(question) = asked {
        let verdicts = check_verdicts(kind, &question.filter, messages);
        if verdicts[0].missing {
            return;
        }
        parts::check(&question, &Asker { kind, message: first, inexact: false }, verdicts[0].undecodable);
        if verdicts[0].unreadable {
            parts::check(&question, &Asker { kind, message: first, inexact: true }, false);
        }
    }
    if kind == MessageKind::Celery {
        let at = choice / 64 % ASKED.len();
        let verdicts = FILTERS.with(|filters| check_verdicts(kind, &filters[at], messages));
        for (message, verdict) in messages.iter().zip(verdicts) {
            if let Some(expected) = judge(ASKED[at].1, message) {
                assert_eq!(
                    verdict,
                    expected,
                    "judge: {:?} of {:?}",
                    ASKED[at].0,
                    String::from_utf8_lossy(message)
                );
            }
        }
    }
});
