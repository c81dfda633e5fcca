//! Command line -> the request it means.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::priorities::Priority;

fn uuid() -> Uuid {
    Uuid::try_parse(UUID).expect("a UUID")
}

#[test]
fn preview_has_defaults_and_takes_options_in_any_order_and_case() {
    let plain: Preview = get("celery TASK t");
    assert_eq!(plain.target.queue, b"celery");
    assert_eq!((plain.sample, plain.fields.clone()), (20, None));
    assert_eq!((plain.bust, plain.nocount, plain.target.format), (false, false, Format::RESP));

    let full: Preview = get("celery format json fields 2 task id Bust TASK t NoCount sample 100");
    assert_eq!(full.sample, 100);
    assert_eq!(full.fields, Some(vec![b"task".to_vec(), b"id".to_vec()]));
    assert_eq!((full.bust, full.nocount, full.target.format), (true, true, Format::JSON));
    assert_eq!(full.filter, plain.filter);
    assert_eq!(full, get("celery TASK t SAMPLE 100 FIELDS 2 task id BUST NOCOUNT FORMAT JSON"));
    assert_eq!(get::<Preview>("celery TASK t SAMPLE 0").sample, 0);
}

#[test]
fn options_about_a_queue_are_the_same_in_all_commands() {
    let options = "priority 3 INDEX i as sidekiq Format json";
    let expected = TargetOptions {
        queue: b"q".to_vec(),
        priority: Some(Priority::Step(3)),
        index: Some(b"i".to_vec()),
        kind: Some(MessageKind::Sidekiq),
        format: Format::JSON,
    };
    assert_eq!(get::<Preview>(&format!("q {options} TASK t")).target, expected);
    assert_eq!(get::<Stats>(&format!("q {options} GROUPBY 1 task")).target, expected);
    assert_eq!(get::<ClearJob>(&format!("q {options} TASK t DRYRUN")).target, expected);
    let none = TargetOptions { priority: None, index: None, kind: None, format: Format::RESP, ..expected };
    assert_eq!(get::<Preview>("q TASK t").target, none);
    assert_eq!(get::<Stats>("q GROUPBY 1 task").target, none);
    assert_eq!(get::<ClearJob>("q TASK t DRYRUN").target, none);
}

#[test]
fn a_queue_can_have_any_name() {
    for name in [b"".as_slice(), b"TASK", b"a}b{", b"\0\r\n\xff"] {
        let args = [name, b"TASK", b"t", b"KEEPONE", b"CONFIRM", name];
        assert_eq!(ClearJob::parse(&args, NOW_MS).map(|job| job.target.queue), Ok(name.to_vec()));
        let args = [UUID.as_bytes(), b"QUEUE", name];
        assert_eq!(Status::parse(&args, NOW_MS).map(|status| status.queue), Ok(Some(name.to_vec())));
    }
}

#[test]
fn values_that_look_like_keywords_are_values() {
    let job: ClearJob = get("ALL TASK ALL KEEPONE CONFIRM ALL ACTOR DRYRUN REASON CONFIRM");
    assert_eq!((job.mode, job.dry_run), (Mode::KeepOne, false));
    assert_eq!((job.actor, job.reason), (Some(b"DRYRUN".to_vec()), Some(b"CONFIRM".to_vec())));
}

#[test]
fn clearjob_knows_its_modes() {
    for (line, mode, dry_run) in [
        ("q TASK t ALL CONFIRM q", Mode::All, false),
        ("q TASK t KEEPONE CONFIRM q", Mode::KeepOne, false),
        ("q TASK t DRYRUN", Mode::All, true),
        ("q TASK t ALL DRYRUN", Mode::All, true),
        ("q dryrun TASK t keepone", Mode::KeepOne, true),
        ("q TASK t DRYRUN CONFIRM q", Mode::All, true),
    ] {
        let job: ClearJob = get(line);
        assert_eq!((job.mode, job.dry_run), (mode, dry_run), "{line}");
    }
}

#[test]
fn by_takes_a_count_or_all_fields_that_follow() {
    for (line, by) in [
        ("q TASK t KEEPONE BY 2 task args CONFIRM q", "task args"),
        ("q TASK t KEEPONE BY task args CONFIRM q", "task args"),
        ("q KEEPONE BY kwargs TASK t CONFIRM q", "kwargs"),
        ("q TASK t CONFIRM q keepone by repoid kwargs.a.b", "repoid kwargs.a.b"),
        ("q TASK t DRYRUN KEEPONE BY 1 id LIMIT 5", "id"),
        ("q TASK t DRYRUN KEEPONE BY id limit 5", "id"),
    ] {
        let job: ClearJob = get(line);
        assert_eq!(job.clear_options.by_text().as_deref(), Some(by), "{line}");
    }
}

#[test]
fn another_option_is_another_request() {
    let fingerprint = |options: &str| get::<ClearJob>(&format!("q TASK t DRYRUN {options}")).fingerprint(0);
    let lines = [
        "ALL",
        "KEEPONE",
        "KEEPONE KEEP NEWEST",
        "KEEPONE BY id",
        "KEEPONE BY id task",
        "ALL LIMIT 1",
        "ALL LIMIT 2",
        "ALL RATE 1",
        "ALL EXPECT 1",
        "ALL EXPECT 1 TOLERANCE 1",
        "ALL EXPECT 2",
        "ALL TO p",
        "ALL TO p FRONT",
        "ALL TO p2",
        "ALL PARK",
        "ALL PARK FRONT",
        "ALL INEXACT",
    ];
    for (i, one) in lines.iter().enumerate() {
        assert_eq!(fingerprint(one), fingerprint(&one.replace("ALL", "all")));
        for other in &lines[..i] {
            assert_ne!(fingerprint(one), fingerprint(other), "{one}, {other}");
        }
    }
    // What one may leave out.
    assert_eq!(fingerprint("KEEPONE"), fingerprint("KEEPONE KEEP OLDEST"));
    assert_eq!(fingerprint("EXPECT 1"), fingerprint("EXPECT 1 TOLERANCE 0"));
    assert_eq!(fingerprint("KEEPONE BY 1 id"), fingerprint("KEEPONE BY id"));
}

#[test]
fn ids_come_in_any_case_and_are_kept_in_one() {
    let line = format!("q TASK t DRYRUN ID {}", UUID.to_ascii_uppercase());
    let job: ClearJob = get(&line);
    assert_eq!(job.id.map(|id| id.to_string()), Some(UUID.to_owned()));
    assert_eq!(get::<Status>(&UUID.to_ascii_uppercase()).job, uuid().into());
}

#[test]
fn commands_about_jobs() {
    assert_eq!(
        get::<Status>("UUID WAIT 0 FORMAT JSON QUEUE q"),
        Status { job: uuid().into(), queue: Some(b"q".to_vec()), wait_ms: Some(0), format: Format::JSON }
    );
    assert_eq!(
        get::<Status>("UUID"),
        Status { job: uuid().into(), queue: None, wait_ms: None, format: Format::RESP }
    );
    assert_eq!(
        get::<Cancel>("all queue q"),
        Cancel { target: Target::All, queue: Some(b"q".to_vec()), format: Format::RESP }
    );
    assert_eq!(get::<Cancel>("UUID").target, Target::One(uuid().into()));
    assert_eq!(
        get::<Jobs>(""),
        Jobs { queue: None, count: 20, kind: None, status: None, user: None, format: Format::RESP }
    );
    assert_eq!(
        get::<Jobs>("COUNT 100 QUEUE count USER LIVE FORMAT resp kind Clear status LIVE verbose"),
        Jobs {
            queue: Some(b"count".to_vec()),
            count: 100,
            kind: Some(crate::job::JobKind::Clear),
            status: Some(StatusFilter::Live),
            user: Some(b"LIVE".to_vec()),
            format: Format { verbose: true, ..Format::RESP },
        }
    );
    assert_eq!(get::<Status>("6f1C").job.text(), "6f1c");
    assert_eq!(get::<Cancel>("6f1c VERBOSE").format, Format { verbose: true, ..Format::RESP });
    assert_eq!(get::<Help>(""), Help);
    let undo = get::<Undo>("UUID confirm parked front QUEUE q dryrun ID UUID actor a REASON r format json");
    let text = |text: &str| Some(text.as_bytes().to_vec());
    assert_eq!(
        undo,
        Undo {
            job: uuid().into(),
            queue: text("q"),
            confirm: text("parked"),
            front: true,
            dry_run: true,
            id: Some(uuid()),
            actor: text("a"),
            reason: text("r"),
            format: Format::JSON,
        }
    );
    // What is the same undo and what is another one.
    let fingerprint = |line: &str| get::<Undo>(line).fingerprint(0, uuid());
    let same = fingerprint("UUID");
    assert_eq!(same, fingerprint("UUID QUEUE q CONFIRM parked FORMAT JSON ID UUID"));
    for other in ["UUID FRONT", "UUID DRYRUN", "UUID ACTOR a", "UUID REASON a"] {
        assert_ne!(same, fingerprint(other), "{other}");
    }
    assert_ne!(same, get::<Undo>("UUID").fingerprint(1, uuid()), "another database");
}

#[test]
fn the_position_of_the_key_is_the_one_the_parser_used() {
    let at = |command, line| optional_queue(command, &words(line));
    assert_eq!(at(&commands::JOBS, "QUEUE q"), Some(2));
    assert_eq!(at(&commands::JOBS, "COUNT 5 QUEUE QUEUE"), Some(4));
    assert_eq!(at(&commands::JOBS, "COUNT 5"), None);
    assert_eq!(at(&commands::STATUS, "QUEUE QUEUE q"), Some(3), "the first is the id");
    assert_eq!(at(&commands::CANCEL, "ALL FORMAT JSON queue ''"), Some(5));
    assert_eq!(at(&commands::UNDO, "UUID CONFIRM QUEUE FRONT queue q"), Some(6));
    assert_eq!(at(&commands::UNDO, "6f1c VERBOSE DRYRUN FORMAT JSON queue q"), Some(7));
    assert_eq!(at(&commands::UNDO, "UUID FRONT DRYRUN"), None);
    for line in ["UUID QUEUE", "UUID QUEUE a QUEUE b", "UUID QUEUE a COUNT 5", ""] {
        assert_eq!(at(&commands::STATUS, line), None, "{line} does not run");
    }
    assert_eq!(at(&commands::PREVIEW, "q QUEUE q"), None, "its key has a spec");
}

/// Arguments that are keywords more often than chance would have it.
fn any_args() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let mut known: Vec<Vec<u8>> = COMMANDS.iter().flat_map(|c| c.keywords()).map(Into::into).collect();
    known.extend(["1", "2", "", "q", "json", UUID, "task", "="].map(Into::into));
    let word = prop_oneof![4 => prop::sample::select(known), 1 => any::<Vec<u8>>()];
    prop::collection::vec(word, 0..12)
}

proptest! {
    #[test]
    fn no_arguments_make_a_parser_panic(args in any_args(), now_ms in any::<i64>()) {
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        for (_, parse) in parsers() {
            if let Err(error) = parse(&args) {
                prop_assert!(error.to_string().bytes().all(|b| (0x20..=0x7e).contains(&b)));
            }
        }
        let _ = Preview::parse(&args, now_ms);
        let _ = ClearJob::parse(&args, now_ms);
    }

    #[test]
    fn the_getkeys_callback_agrees_with_the_parser(args in any_args()) {
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        let key = |command| optional_queue(command, &args).map(|at| args[at - 1].to_vec());
        if let Ok(request) = Jobs::parse(&args, NOW_MS) {
            prop_assert_eq!(request.queue, key(&commands::JOBS));
        }
        if let Ok(request) = Status::parse(&args, NOW_MS) {
            prop_assert_eq!(request.queue, key(&commands::STATUS));
        }
        if let Ok(request) = Undo::parse(&args, NOW_MS) {
            prop_assert_eq!(request.queue, key(&commands::UNDO));
        }
        if let Ok(request) = Cancel::parse(&args, NOW_MS) {
            prop_assert_eq!(request.queue, key(&commands::CANCEL));
        }
    }
}
