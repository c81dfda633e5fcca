//! Properties of all errors, and the exact text of some.

use super::*;

/// Bytes that would break a reply if they were inserted raw.
const EVIL: &[u8] = b"a\"b\\c\r\n\0\xff\xe4\xb8\x80%s";

/// Makes one sample of every variant, from one line per variant. A variant without a line does not compile.
macro_rules! one_of_each {
    ($($area:ident($type:ident) { $($variant:ident $({ $dots:tt })? => $sample:expr;)* })*) => {
        fn one_of_each() -> Vec<Error> {
            fn has_a_line(error: &Error) {
                match error { $($(Error::$area($type::$variant $({ $dots })?) => {})*)* }
            }
            let mut samples = Vec::new();
            $($(
                let sample = Error::$area($sample);
                assert!(
                    matches!(sample, Error::$area($type::$variant $({ $dots })?)),
                    "{sample:?} is in the line of another variant"
                );
                has_a_line(&sample);
                samples.push(sample);
            )*)*
            samples
        }
    };
}

fn got() -> Vec<u8> {
    EVIL.to_vec()
}

/// A field name, which can hold any UTF-8.
fn of() -> Box<str> {
    "kwargs.\n\u{4e00}".into()
}

fn id() -> String {
    "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02".to_owned()
}

one_of_each! {
    Filter(FilterError) {
        FieldTwice { .. } => FilterError::FieldTwice { keyword: "FIELDS", name: got() };
        NoFilter => FilterError::NoFilter;
        GivenTwice { .. } => FilterError::GivenTwice { keyword: "TASK", instead: "WHERE task IN 2 a b" };
        EmptyOperand { .. } => FilterError::EmptyOperand { of: of() };
        OperandTooLong { .. } => FilterError::OperandTooLong { of: of(), max: 4096 };
        NotAnInteger { .. } => FilterError::NotAnInteger { of: of(), got: got() };
        NotANumber { .. } => FilterError::NotANumber { of: of(), got: got() };
        NotATime { .. } => FilterError::NotATime { of: of(), got: got() };
        NotADuration { .. } => FilterError::NotADuration { of: of(), got: got() };
        NotText { .. } => FilterError::NotText { of: of() };
        NotAnArray { .. } => FilterError::NotAnArray { of: of() };
        UnknownField { .. } => FilterError::UnknownField { got: got(), known: crate::field::names() };
        FieldName { .. } => FilterError::FieldName { got: got(), why: "ends with a dot" };
        UnknownOperator { .. } => FilterError::UnknownOperator { got: got() };
        OrAlone => FilterError::OrAlone;
        AnyArgument { .. } => FilterError::AnyArgument { of: of() };
        MissingOperator { .. } => FilterError::MissingOperator { of: of() };
        InTooShort { .. } => FilterError::InTooShort { count: 3, got: 1 };
        TooManyConditions { .. } => FilterError::TooManyConditions { max: 64 };
        TooManyInValues { .. } => FilterError::TooManyInValues { max: 20_000 };
        FilterTooLong { .. } => FilterError::FilterTooLong { max: 524_288 };
    }
    Request(RequestError) {
        MissingValue { .. } => RequestError::MissingValue { keyword: "TASK" };
        NumberOutOfRange { .. } => RequestError::NumberOutOfRange { keyword: "SAMPLE", min: 0, max: 100, got: got() };
        MissingArgument { .. } => RequestError::MissingArgument { command: "C", argument: "queue".to_owned(), syntax: "C queue".to_owned() };
        UnknownKeyword { .. } => RequestError::UnknownKeyword { command: "C", takes: vec!["A", "B"], got: got() };
        Repeated { .. } => RequestError::Repeated { keyword: "SAMPLE" };
        NoGrouping => RequestError::NoGrouping;
        UnknownChoice { .. } => RequestError::UnknownChoice { keyword: "FORMAT", choices: &["RESP", "JSON"], got: got() };
        TooFewValues { .. } => RequestError::TooFewValues { keyword: "FIELDS", want: 3, got: 1 };
        EmptyText { .. } => RequestError::EmptyText { keyword: "ACTOR" };
        TooLong { .. } => RequestError::TooLong { keyword: "ACTOR", max: 256, got: 257 };
        NotUuid { .. } => RequestError::NotUuid { keyword: "ID", got: got() };
        NoThrottle => RequestError::NoThrottle;
        NoMode => RequestError::NoMode;
        TwoModes => RequestError::TwoModes;
        ToItself => RequestError::ToItself;
        Needs { .. } => RequestError::Needs { keyword: "KEEP", other: "KEEPONE" };
        Excludes { .. } => RequestError::Excludes { keyword: "LIMIT", other: "KEEP NEWEST", why: "it cannot be exact" };
        ConfirmMissing { .. } => RequestError::ConfirmMissing { queue: got() };
        ConfirmOther { .. } => RequestError::ConfirmOther { queue: got(), got: got() };
        NotClient { .. } => RequestError::NotClient { command: "QADMIN.CLEARJOB" };
        NoPriority { .. } => RequestError::NoPriority { got: got() };
    }
    Index(IndexError) {
        NotIndexed { .. } => IndexError::NotIndexed { field: "age".into(), list: got() };
        NeverIndexed { .. } => IndexError::NeverIndexed { field: "age".into() };
        Missing { .. } => IndexError::Missing { list: got() };
        Exists { .. } => IndexError::Exists { list: got() };
        TooMany { .. } => IndexError::TooMany { max: 64 };
        Unfollowed => IndexError::Unfollowed;
    }
    Target(TargetError) {
        CrossSlot => TargetError::CrossSlot;
        IndexSlot { .. } => TargetError::IndexSlot { queue: got(), index: got() };
        MessageSlot { .. } => TargetError::MessageSlot { queue: got(), hash: got() };
        JobSlot { .. } => TargetError::JobSlot { queue: got(), job: got() };
        NotOfLibrary { .. } => TargetError::NotOfLibrary { queue: got(), kind: "AS rq", names: "names" };
        NotCleared { .. } => TargetError::NotCleared { kind: "AS bullmq" };
        DelayedOfResque { .. } => TargetError::DelayedOfResque { list: got() };
        NotTaken { .. } => TargetError::NotTaken { keyword: "TO", messages: "unacknowledged messages" };
        SetOfIds { .. } => TargetError::SetOfIds { library: "RQ", records: "rq:job:<id>", read_as: None };
        IndexMigrating { .. } => TargetError::IndexMigrating { index: got() };
        NoIndex => TargetError::NoIndex;
        ListExists { .. } => TargetError::ListExists { list: got() };
        ListOfIds { .. } => TargetError::ListOfIds { library: "RQ", records: "rq:job:<id>", read_as: None };
        NoSample { .. } => TargetError::NoSample { why: "they have left since" };
        NotASortedSet { .. } => TargetError::NotASortedSet { key: got() };
        WrongTypeOf { .. } => TargetError::WrongTypeOf { holds: "a sorted set" };
        LooksLike { .. } => TargetError::LooksLike { looks: "sidekiq", taken_for: "celery" };
        UnknownStep { .. } => TargetError::UnknownStep { step: 4, steps: "0 3".to_owned() };
        PrimaryOnly { .. } => TargetError::PrimaryOnly { messages: "unacknowledged messages" };
        PrioritySlots { .. } => TargetError::PrioritySlots { queue: got() };
        PriorityOfList { .. } => TargetError::PriorityOfList { queue: got() };
    }
    Job(JobError) {
        NoJob { .. } => JobError::NoJob { id: got(), give_queue: true };
        NoShort { .. } => JobError::NoShort { short: "6f1c".to_owned(), give_queue: true };
        Ambiguous { .. } => JobError::Ambiguous {
            short: "6f1c".to_owned(),
            jobs: vec![(id(), got(), "running"), (id(), got(), "completed")],
            more: true
        };
        OutOfMemory => JobError::OutOfMemory;
        TooManyJobs { .. } => JobError::TooManyJobs { live: 16, max_jobs: 16 };
        TooManyPreviews { .. } => JobError::TooManyPreviews { live: 8, limit: 8, max_jobs: 16 };
        IdInUse { .. } => JobError::IdInUse { id: id() };
        TooManyWalks { .. } => JobError::TooManyWalks { max: 8 };
        TooManyWaiting { .. } => JobError::TooManyWaiting { max: 10_000 };
    }
    Undo(UndoError) {
        Confirm { .. } => UndoError::Confirm { list: got(), got: Some(got()) };
        Forgotten { .. } => UndoError::Forgotten { id: got() };
        Nothing { .. } => UndoError::Nothing { id: id(), why: "it moved nothing" };
        Already { .. } => UndoError::Already { id: id(), by: id(), undone: Some(3) };
        MovesUnknown { .. } => UndoError::MovesUnknown { id: id(), why: "its journal is gone", list: got(), queue: got() };
        OtherDatabase { .. } => UndoError::OtherDatabase { id: id(), db: 3 };
    }
    Resume(ResumeError) {
        Impossible { .. } => ResumeError::Impossible { id: id(), why: "it was a dry run" };
        LimitReached { .. } => ResumeError::LimitReached { id: id(), limit: 3 };
        IsUndo { .. } => ResumeError::IsUndo { id: id(), undoes: id() };
        OtherDatabase { .. } => ResumeError::OtherDatabase { id: id(), db: 3 };
        Refused { .. } => ResumeError::Refused { why: "the cluster is down".to_owned() };
    }
    Show(ShowError) {
        NotThere { .. } => ShowError::NotThere { id: got(), queue: got(), searched: 7 };
        HasLeft { .. } => ShowError::HasLeft { id: got(), queue: got() };
        CannotWait { .. } => ShowError::CannotWait { id: got(), searched: 7, depth: 9 };
        Stopped { .. } => ShowError::Stopped { id: got(), searched: 7, why: "job was cancelled".to_owned() };
        TooManyUnaudited { .. } => ShowError::TooManyUnaudited { max: 1_000 };
        TooManyWaiting { .. } => ShowError::TooManyWaiting { max: 10_000 };
    }
    Setting(SettingError) {
        Unknown { .. } => SettingError::Unknown { got: got(), known: "duty, sep".to_owned() };
        Repeated { .. } => SettingError::Repeated { name: "duty" };
        MissingValue { .. } => SettingError::MissingValue { name: "duty" };
        OutOfRange { .. } => SettingError::OutOfRange { name: "duty", min: 1, max: 100, unit: "percent", got: got() };
        UnknownChoice { .. } => SettingError::UnknownChoice { name: "default-kind", words: &["a", "b", "c"], got: got() };
        InvalidText { .. } => SettingError::InvalidText { name: "sep", why: "must be short", got: got() };
    }
    Server(ServerError) {
        WrongType => ServerError::WrongType;
        NoPermKey => ServerError::NoPermKey;
        NoPermCommand { .. } => ServerError::NoPermCommand { command: "QADMIN.CLEARJOB" };
        NoCommand { .. } => ServerError::NoCommand { command: "HSET" };
        UserOff { .. } => ServerError::UserOff { user: got() };
        ReadOnly => ServerError::ReadOnly;
        Loading => ServerError::Loading;
        Reentrant => ServerError::Reentrant;
        NotReplicated { .. } => ServerError::NotReplicated { command: "QADMIN.APPLY" };
        UnitMismatch => ServerError::UnitMismatch;
        Internal => ServerError::Internal;
    }
    End(EndReason) {
        DestinationReplaced { .. } => EndReason::DestinationReplaced { key: got(), wanted: "a list" };
        JournalLost => EndReason::JournalLost;
        MessagesReplaced => EndReason::MessagesReplaced;
        Evicted => EndReason::Evicted;
        RoleChanged => EndReason::RoleChanged;
        Flushed => EndReason::Flushed;
        DatabasesSwapped => EndReason::DatabasesSwapped;
        Cancelled => EndReason::Cancelled;
        EditedInPlace { .. } => EndReason::EditedInPlace { times: 10 };
        MoreThanExpected { .. } => EndReason::MoreThanExpected { most: 10, matched: 12, deleted: 0 };
        TooManyValues { .. } => EndReason::TooManyValues { max: 131_072, deleted: 3 };
        RightLost { .. } => EndReason::RightLost { user: got() };
        RecordKeyTaken { .. } => EndReason::RecordKeyTaken { key: got() };
        BecameReplica => EndReason::BecameReplica;
        DatasetReplaced => EndReason::DatasetReplaced;
        QueueMigrated => EndReason::QueueMigrated;
        ServerGone => EndReason::ServerGone;
        Loading => EndReason::Loading;
        Internal => EndReason::Internal;
    }
}

#[test]
fn every_error_is_one_line_of_ascii_after_its_code() {
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
fn every_error_stays_short_however_long_the_users_bytes_are() {
    let long = vec![0xff; 1 << 20];
    let errors = [
        Error::Request(RequestError::ConfirmOther { queue: long.clone(), got: long.clone() }),
        Error::Job(JobError::NoJob { id: long.clone(), give_queue: true }),
        Error::Job(JobError::Ambiguous {
            short: id(),
            jobs: vec![(id(), long[..80].to_vec(), "interrupted"); 2],
            more: true,
        }),
        crate::settings::parse_load_args(&[&long]).expect_err("no setting has this name"),
    ];
    for error in errors {
        assert!(error.to_string().len() < 1200, "{} bytes", error.to_string().len());
    }
}

#[test]
fn errors_of_the_server_have_the_wording_of_the_server() {
    let lines: Vec<String> = [
        Error::Server(ServerError::WrongType),
        Error::Server(ServerError::NoPermKey),
        Error::Server(ServerError::NoPermCommand { command: "QADMIN.CLEARJOB" }),
        Error::Server(ServerError::ReadOnly),
        Error::Server(ServerError::Loading),
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
        (Error::Job(JobError::NoJob { id: b"x".to_vec(), give_queue: false }), r#"NOJOB no job with id "x""#),
        (
            Error::Job(JobError::NoJob { id: b"x".to_vec(), give_queue: true }),
            r#"NOJOB no job with id "x" on this node; give QUEUE with the job's queue"#,
        ),
        (
            Error::Job(JobError::NoShort { short: "6f1c".to_owned(), give_queue: false }),
            "NOJOB no job has an id that begins with 6f1c; QADMIN.JOBS lists jobs",
        ),
        (
            Error::Job(JobError::NoShort { short: "6f1c".to_owned(), give_queue: true }),
            "NOJOB no job on this node has an id that begins with 6f1c; give QUEUE with the job's queue",
        ),
        (
            Error::Job(JobError::Ambiguous {
                short: "6f1c".to_owned(),
                jobs: vec![(id(), b"a b".to_vec(), "running"), (id(), b"q".to_vec(), "failed")],
                more: false,
            }),
            r#"AMBIGUOUS 6f1c is the beginning of the ids of several jobs, give more digits of one: 6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02 ("a b" running), 6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02 ("q" failed)"#,
        ),
        (
            Error::Job(JobError::TooManyJobs { live: 16, max_jobs: 16 }),
            "TOOMANYJOBS 16 jobs are unfinished and the setting max-jobs is 16; wait for one to end, \
             cancel one, or raise max-jobs",
        ),
        (
            Error::Job(JobError::TooManyPreviews { live: 8, limit: 8, max_jobs: 16 }),
            "TOOMANYJOBS 8 previews and stats are unfinished and the limit is 8, half of the setting \
             max-jobs (16); wait for one to end, cancel one, or raise max-jobs",
        ),
        (
            Error::Job(JobError::IdInUse { id: "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02".to_owned() }),
            "ERR ID 6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02 belongs to a job with other arguments; \
             choose another ID",
        ),
        (
            Error::Request(RequestError::NotClient { command: "QADMIN.CLEARJOB" }),
            "ERR QADMIN.CLEARJOB must come from a client, not from a script or a module",
        ),
        (
            Error::End(EndReason::RoleChanged),
            "READONLY the server changed its role between primary and replica while the job ran; start the job again",
        ),
        (
            Error::End(EndReason::Flushed),
            "ERR the database was flushed while the job ran; start the job again",
        ),
        (
            Error::End(EndReason::DatabasesSwapped),
            "ERR databases were swapped while the job ran; start the job again",
        ),
        (Error::End(EndReason::Cancelled), "ERR the job was cancelled"),
        (Error::End(EndReason::EditedInPlace { times: 10 }), "ERR queue was edited in place 10 times"),
        (
            Error::End(EndReason::MoreThanExpected { most: 10, matched: 12, deleted: 0 }),
            "EXPECT expected at most 10 matches and found 12; nothing was cleared",
        ),
        (
            Error::End(EndReason::MoreThanExpected { most: 10, matched: 12, deleted: 1 }),
            "EXPECT expected at most 10 matches and found 12; 1 message had been cleared",
        ),
        (
            Error::End(EndReason::TooManyValues { max: 131_072, deleted: 3 }),
            "ERR the matches have more than 131072 distinct values of BY; 3 messages had been cleared; narrow the \
             filter",
        ),
        (
            Error::Undo(UndoError::Already { id: "A".to_owned(), by: "B".to_owned(), undone: None }),
            "ERR job A is being undone by job B; wait for it to end, or cancel it",
        ),
        (
            Error::Undo(UndoError::Already { id: "A".to_owned(), by: "B".to_owned(), undone: Some(3) }),
            "ERR job A was undone by job B, which moved back 3 messages",
        ),
        (Error::Server(ServerError::Internal), "ERR internal error of the module; see the server's log"),
    ];
    for (error, line) in table {
        assert_eq!(error.to_string(), line);
    }
}
