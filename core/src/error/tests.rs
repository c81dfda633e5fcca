//! What holds for every error, whatever it is about.

use super::*;

/// Bytes that would break a reply if they got into it raw.
const EVIL: &[u8] = b"a\"b\\c\r\n\0\xff\xe4\xb8\x80%s";

/// One line per variant: its pattern and one of it. A variant without a line does not compile.
macro_rules! one_of_each {
    ($($variant:pat => $sample:expr;)*) => {
        fn one_of_each() -> Vec<Error> {
            fn has_a_line(error: &Error) {
                match error { $($variant => {})* }
            }
            $(
                let sample = $sample;
                assert!(matches!(sample, $variant), "{sample:?} stands in its own line");
                has_a_line(&sample);
            )*
            vec![$($sample),*]
        }
    };
}

fn got() -> Vec<u8> {
    EVIL.to_vec()
}

/// A field name may hold anything that is UTF-8.
fn of() -> Box<str> {
    "kwargs.\n\u{4e00}".into()
}

one_of_each! {
    Error::MissingValue { .. } => Error::MissingValue { keyword: "TASK" };
    Error::NumberOutOfRange { .. } =>
        Error::NumberOutOfRange { keyword: "SAMPLE", min: 0, max: 100, got: got() };
    Error::FieldTwice { .. } => Error::FieldTwice { keyword: "FIELDS", name: got() };
    Error::NoFilter => Error::NoFilter;
    Error::GivenTwice { .. } => Error::GivenTwice { keyword: "TASK", instead: "WHERE task IN 2 a b" };
    Error::EmptyOperand { .. } => Error::EmptyOperand { of: of() };
    Error::OperandTooLong { .. } => Error::OperandTooLong { of: of(), max: 4096 };
    Error::NotAnInteger { .. } => Error::NotAnInteger { of: of(), got: got() };
    Error::NotANumber { .. } => Error::NotANumber { of: of(), got: got() };
    Error::NotATime { .. } => Error::NotATime { of: of(), got: got() };
    Error::NotText { .. } => Error::NotText { of: of() };
    Error::NotAnArray { .. } => Error::NotAnArray { of: of() };
    Error::UnknownField { .. } => Error::UnknownField { got: got(), known: crate::field::names() };
    Error::FieldName { .. } => Error::FieldName { got: got(), why: "ends with a dot" };
    Error::UnknownOperator { .. } => Error::UnknownOperator { got: got() };
    Error::OrAlone => Error::OrAlone;
    Error::AnyArgument { .. } => Error::AnyArgument { of: of() };
    Error::MissingOperator { .. } => Error::MissingOperator { of: of() };
    Error::InTooShort { .. } => Error::InTooShort { count: 3, got: 1 };
    Error::TooManyConditions { .. } => Error::TooManyConditions { max: 64 };
    Error::TooManyInValues { .. } => Error::TooManyInValues { max: 20_000 };
    Error::FilterTooLong { .. } => Error::FilterTooLong { max: 524_288 };
    Error::MissingArgument { .. } =>
        Error::MissingArgument { command: "C", argument: "queue".to_owned(), syntax: "C queue".to_owned() };
    Error::UnknownKeyword { .. } => Error::UnknownKeyword { command: "C", takes: vec!["A", "B"], got: got() };
    Error::Repeated { .. } => Error::Repeated { keyword: "SAMPLE" };
    Error::NoGrouping => Error::NoGrouping;
    Error::UnknownChoice { .. } =>
        Error::UnknownChoice { keyword: "FORMAT", choices: &["RESP", "JSON"], got: got() };
    Error::TooFewValues { .. } => Error::TooFewValues { keyword: "FIELDS", want: 3, got: 1 };
    Error::EmptyText { .. } => Error::EmptyText { keyword: "ACTOR" };
    Error::TooLong { .. } => Error::TooLong { keyword: "ACTOR", max: 256, got: 257 };
    Error::NotUuid { .. } => Error::NotUuid { keyword: "ID", got: got() };
    Error::NoThrottle => Error::NoThrottle;
    Error::NoMode => Error::NoMode;
    Error::TwoModes => Error::TwoModes;
    Error::ToItself => Error::ToItself;
    Error::CrossSlot => Error::CrossSlot;
    Error::IndexSlot { .. } => Error::IndexSlot { queue: got(), index: got() };
    Error::ListsOnly { .. } => Error::ListsOnly { keyword: "TO" };
    Error::IndexAway { .. } => Error::IndexAway { index: got() };
    Error::NoIndex => Error::NoIndex;
    Error::NoList { .. } => Error::NoList { key: got() };
    Error::Needs { .. } => Error::Needs { keyword: "KEEP", other: "KEEPONE" };
    Error::Excludes { .. } =>
        Error::Excludes { keyword: "LIMIT", other: "KEEP NEWEST", why: "it cannot be exact" };
    Error::ConfirmMissing { .. } => Error::ConfirmMissing { queue: got() };
    Error::ConfirmOther { .. } => Error::ConfirmOther { queue: got(), got: got() };
    Error::ListExists { .. } => Error::ListExists { list: got() };
    Error::Undo(_) => Error::Undo(UndoError::Confirm { list: got(), got: Some(got()) });
    Error::JournalGone => Error::JournalGone;
    Error::NotClient { .. } => Error::NotClient { command: "QADMIN.CLEARJOB" };
    Error::NoJob { .. } => Error::NoJob { id: got(), give_queue: true };
    Error::OutOfMemory => Error::OutOfMemory;
    Error::MadeRoom => Error::MadeRoom;
    Error::TooManyJobs { .. } => Error::TooManyJobs { live: 16, max_jobs: 16 };
    Error::TooManyPreviews { .. } => Error::TooManyPreviews { live: 8, limit: 8, max_jobs: 16 };
    Error::IdInUse { .. } => Error::IdInUse { id: "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02".to_owned() };
    Error::WrongType => Error::WrongType;
    Error::NoPermKey => Error::NoPermKey;
    Error::NoPermCommand { .. } => Error::NoPermCommand { command: "QADMIN.CLEARJOB" };
    Error::NoCommand { .. } => Error::NoCommand { command: "HSET" };
    Error::UserOff { .. } => Error::UserOff { user: got() };
    Error::ReadOnly => Error::ReadOnly;
    Error::Loading => Error::Loading;
    Error::RoleChanged => Error::RoleChanged;
    Error::Flushed => Error::Flushed;
    Error::Swapped => Error::Swapped;
    Error::Cancelled => Error::Cancelled;
    Error::EditedInPlace { .. } => Error::EditedInPlace { times: 10 };
    Error::Unexpected { .. } => Error::Unexpected { most: 10, matched: 12, deleted: 0 };
    Error::TooManyValues { .. } => Error::TooManyValues { max: 131_072, deleted: 3 };
    Error::Interrupted { .. } => Error::Interrupted { why: "the server became a replica" };
    Error::RightLost { .. } => Error::RightLost { user: got() };
    Error::RecordKey { .. } => Error::RecordKey { key: got() };
    Error::Reentrant => Error::Reentrant;
    Error::TooManyWalks { .. } => Error::TooManyWalks { max: 8 };
    Error::TooManyWaiting { .. } => Error::TooManyWaiting { max: 10_000 };
    Error::NotReplicated { .. } => Error::NotReplicated { command: "QADMIN.APPLY" };
    Error::UnitMismatch => Error::UnitMismatch;
    Error::Internal => Error::Internal;
    Error::UnknownSetting { .. } => Error::UnknownSetting { got: got(), known: "duty, sep".to_owned() };
    Error::RepeatedSetting { .. } => Error::RepeatedSetting { name: "duty" };
    Error::MissingSettingValue { .. } => Error::MissingSettingValue { name: "duty" };
    Error::SettingOutOfRange { .. } =>
        Error::SettingOutOfRange { name: "duty", min: 1, max: 100, unit: "percent", got: got() };
    Error::Ids { .. } => Error::Ids { library: "RQ", records: "rq:job:<id>" };
    Error::NoSample { .. } => Error::NoSample { why: "they have left since" };
    Error::WrongTypeOf { .. } => Error::WrongTypeOf { holds: "a sorted set" };
    Error::LooksLike { .. } => Error::LooksLike { looks: "sidekiq", taken_for: "celery" };
    Error::SettingNoChoice { .. } =>
        Error::SettingNoChoice { name: "default-kind", words: &["a", "b", "c"], got: got() };
    Error::SettingRefused { .. } => Error::SettingRefused { name: "sep", why: "must be short", got: got() };
    Error::NoPriority { .. } => Error::NoPriority { got: got() };
    Error::UnknownStep { .. } => Error::UnknownStep { step: 4, steps: "0 3".to_owned() };
    Error::HeldOnPrimary => Error::HeldOnPrimary;
    Error::PrioritySlots { .. } => Error::PrioritySlots { queue: got() };
    Error::PriorityOfList { .. } => Error::PriorityOfList { queue: got() };
}

#[test]
fn every_error_is_one_line_of_ascii_behind_its_code() {
    for error in one_of_each() {
        let line = error.to_string();
        assert!(line.bytes().all(|b| (0x20..=0x7e).contains(&b)), "printable ASCII: {line:?}");
        let text = line.strip_prefix(error.code().as_str()).and_then(|rest| rest.strip_prefix(' '));
        assert!(text.is_some_and(|text| !text.is_empty() && text == text.trim()), "CODE text: {line:?}");
        assert!(!line.contains("  "), "no gaps from broken lines: {line:?}");
        // Quoted bytes show escaped: not one quote, backslash or byte above ASCII got through.
        if line.contains("a\\\"b") {
            assert!(line.contains(r#""a\"b\\c\x0d\x0a\x00\xff\xe4\xb8\x80%s""#), "{line}");
        }
    }
}

#[test]
fn every_error_stays_short_whatever_the_user_sends() {
    let long = vec![0xff; 1 << 20];
    let errors = [
        Error::ConfirmOther { queue: long.clone(), got: long.clone() },
        Error::NoJob { id: long.clone(), give_queue: true },
        crate::settings::parse_load_args(&[&long]).expect_err("no setting has this name"),
    ];
    for error in errors {
        assert!(error.to_string().len() < 1200, "{} bytes", error.to_string().len());
    }
}

#[test]
fn what_the_server_says_is_said_in_its_words() {
    let lines: Vec<String> = [
        Error::WrongType,
        Error::NoPermKey,
        Error::NoPermCommand { command: "QADMIN.CLEARJOB" },
        Error::ReadOnly,
        Error::Loading,
    ]
    .iter()
    .map(ToString::to_string)
    .collect();
    assert_eq!(
        lines,
        [
            "WRONGTYPE Operation against a key holding the wrong kind of value",
            "NOPERM this user has no permissions to access one of the keys used as arguments",
            "NOPERM this user has no permissions to run the 'QADMIN.CLEARJOB' command",
            "READONLY You can't write against a read only replica.",
            "LOADING Redis is loading the dataset in memory",
        ]
    );
}

#[test]
fn errors_about_jobs_and_counts_read_as_documented() {
    let table = [
        (Error::NoJob { id: b"x".to_vec(), give_queue: false }, r#"NOJOB no job with id "x""#),
        (
            Error::NoJob { id: b"x".to_vec(), give_queue: true },
            r#"NOJOB no job with id "x" on this node; give QUEUE with the job's queue"#,
        ),
        (
            Error::TooManyJobs { live: 16, max_jobs: 16 },
            "TOOMANYJOBS 16 jobs are live and the setting max-jobs is 16; \
             wait for one, cancel one or raise max-jobs",
        ),
        (
            Error::TooManyPreviews { live: 8, limit: 8, max_jobs: 16 },
            "TOOMANYJOBS 8 previews and stats are live and at most 8 may be, \
             half of the setting max-jobs (16); wait for one, cancel one or raise max-jobs",
        ),
        (
            Error::IdInUse { id: "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02".to_owned() },
            "ERR ID 6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02 belongs to a job with other arguments; \
             choose another ID",
        ),
        (
            Error::NotClient { command: "QADMIN.CLEARJOB" },
            "ERR QADMIN.CLEARJOB must come from a client, not from a script or a module",
        ),
        (
            Error::RoleChanged,
            "READONLY the server changed its role between primary and replica meanwhile; ask again",
        ),
        (Error::Flushed, "ERR the database was flushed meanwhile; ask again"),
        (Error::Swapped, "ERR databases were swapped meanwhile; ask again"),
        (Error::Cancelled, "ERR it was cancelled"),
        (Error::EditedInPlace { times: 10 }, "ERR queue was edited in place 10 times"),
        (Error::Internal, "ERR internal fault of the module; the server's log says more"),
    ];
    for (error, line) in table {
        assert_eq!(error.to_string(), line);
    }
}
