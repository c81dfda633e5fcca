//! What holds for every row of the commands' table, and that parsers, help and table say the same.

use super::spec::{Arg, ArgKind, Keys};
use super::*;
use crate::error::RequestError;
use crate::reply::Reply;

#[test]
fn every_row_has_a_parser_and_every_parser_its_row() {
    let rows: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
    let parsed: Vec<&str> = parsers().iter().map(|(command, _)| command.name).collect();
    assert_eq!(rows, parsed);
}

#[test]
fn rows_are_sound() {
    // The words that the server's registration knows.
    let flags =
        ["readonly", "write", "deny-script", "getkeys-api", "no-mandatory-keys", "allow-busy"].as_slice();
    let harmless = ["fast", "allow-loading", "allow-stale"].as_slice();
    for (i, command) in COMMANDS.iter().enumerate() {
        let name = command.name;
        assert!(name.strip_prefix("QADMIN.").is_some_and(|n| n.bytes().all(|b| b.is_ascii_uppercase())));
        assert!(COMMANDS[..i].iter().all(|other| other.name != name), "{name} occurs once");
        assert!(command.flags.iter().all(|flag| flags.contains(flag) || harmless.contains(flag)), "{name}");
        assert!(command.categories.contains(&"qadmin"), "{name}");
        assert!(command.summary.ends_with('.') && !command.summary.contains("  "), "{name}");
        assert!(!command.complexity.contains("  "), "{name}");
        check_siblings(name, command.args);
    }
}

fn check_siblings(at: &str, args: &[Arg]) {
    for (i, arg) in args.iter().enumerate() {
        let at = format!("{at} {}", arg.name);
        assert!(args[..i].iter().all(|other| other.name != arg.name), "{at} occurs once");
        assert_eq!(matches!(arg.kind, ArgKind::Key), arg.key_spec_index.is_some(), "{at}");
        assert!(arg.multiple || !arg.multiple_token, "{at}");
        match arg.kind {
            ArgKind::PureToken => assert!(arg.token.is_some(), "{at}"),
            ArgKind::OneOf(parts) | ArgKind::Block(parts) => assert!(!parts.is_empty(), "{at}"),
            _ => {}
        }
        if let Some(token) = arg.token {
            assert_eq!(token, token.to_ascii_uppercase(), "{at}");
        }
        check_siblings(&at, arg.parts());
    }
}

#[test]
fn arity_is_the_name_and_the_fixed_arguments() {
    for (command, parse) in parsers() {
        let least = i32::try_from(1 + command.fixed).expect("few");
        let open = command.args.len() > command.fixed;
        assert_eq!(command.arity, if open { -least } else { least }, "{}", command.name);
        for given in 0..command.fixed + 3 {
            let missing = matches!(
                parse(&vec![b"x".as_slice(); given]),
                Err(Error::Request(RequestError::MissingArgument { .. }))
            );
            assert_eq!(missing, given < command.fixed, "{} with {given}", command.name);
        }
    }
}

#[test]
fn every_keyword_of_the_table_is_parsed_and_no_other() {
    let mut words: Vec<&str> = COMMANDS.iter().flat_map(|command| command.keywords()).collect();
    words.extend([
        "KEEP",
        "OLDEST",
        "BY",
        "LIMIT",
        "TO",
        "FRONT",
        "INEXACT",
        "EXPECT",
        "TOLERANCE",
        "GROUPBY",
    ]);
    words.extend(["RESP", "JSON", "EQ", "GLOB", "celery", ""]);
    for (command, parse) in parsers() {
        for word in &words {
            for spelled in [(*word).to_owned(), word.to_ascii_lowercase()] {
                let fixed = if command.name == "QADMIN.INDEX" { "LIST" } else { UUID };
                let mut args: Vec<&[u8]> = vec![fixed.as_bytes(); command.fixed];
                args.push(spelled.as_bytes());
                let unknown =
                    matches!(parse(&args), Err(Error::Request(RequestError::UnknownKeyword { .. })));
                assert_eq!(unknown, !command.keywords().contains(word), "{} {spelled}", command.name);
            }
        }
    }
}

#[test]
fn keys_are_found_by_a_spec_or_by_the_callback_never_both() {
    for command in COMMANDS {
        let has = |flag| command.flags.contains(&flag);
        let optional = command.keys.are_found_by_callback();
        assert_eq!(has("getkeys-api"), optional, "{}", command.name);
        assert_eq!(has("no-mandatory-keys"), optional, "{}", command.name);
        let takes_queue = command.keys == Keys::OptionalQueue;
        assert_eq!(command.keywords().contains(&"QUEUE"), takes_queue, "{}", command.name);
        let keys = command.args.iter().filter(|arg| matches!(arg.kind, ArgKind::Key)).count();
        match command.keys {
            Keys::At { index, .. } => {
                assert_eq!(keys, 1, "{}", command.name);
                let arg = &command.args[usize::from(index) - 1];
                assert!(matches!(arg.kind, ArgKind::Key) && usize::from(index) <= command.fixed);
            }
            Keys::None | Keys::OptionalQueue | Keys::AfterAction => assert_eq!(keys, 0, "{}", command.name),
        }
    }
}

#[test]
fn flags_and_categories_are_as_promised() {
    let rows: Vec<String> = COMMANDS
        .iter()
        .map(|c| format!("{}: {} @{}", c.name, c.flags.join(" "), c.categories.join(" @")))
        .collect();
    assert_eq!(
        rows,
        [
            "QADMIN.PREVIEW: readonly @read @qadmin",
            "QADMIN.CLEARJOB: write deny-script @write @dangerous @qadmin",
            "QADMIN.UNDO: write deny-script getkeys-api no-mandatory-keys @write @dangerous @qadmin",
            "QADMIN.STATUS: readonly getkeys-api no-mandatory-keys @read @qadmin",
            "QADMIN.CANCEL: allow-busy getkeys-api no-mandatory-keys @write @dangerous @qadmin",
            "QADMIN.PAUSE: allow-busy getkeys-api no-mandatory-keys @write @dangerous @qadmin",
            "QADMIN.RESUME: getkeys-api no-mandatory-keys @write @dangerous @qadmin",
            "QADMIN.THROTTLE: allow-busy getkeys-api no-mandatory-keys @write @dangerous @qadmin",
            "QADMIN.JOBS: readonly getkeys-api no-mandatory-keys @read @qadmin",
            "QADMIN.QUEUES: readonly deny-script @read @qadmin",
            "QADMIN.STATS: readonly @read @qadmin",
            "QADMIN.FIELDS: readonly @read @qadmin",
            "QADMIN.SHOW: readonly @dangerous @qadmin",
            "QADMIN.INDEX: getkeys-api no-mandatory-keys @read @dangerous @qadmin",
            "QADMIN.HELP: readonly fast allow-loading allow-stale @read @qadmin",
        ]
    );
}

#[test]
fn help_shows_every_command() {
    let Reply::List(lines) = Help::reply() else { unreachable!("help is a list") };
    let lines: Vec<String> = lines
        .into_iter()
        .map(|line| match line {
            Reply::Text(bytes) => String::from_utf8(bytes).expect("ASCII"),
            other => unreachable!("a line is text: {other:?}"),
        })
        .collect();
    let expected = "\
QADMIN.PREVIEW queue filter [SAMPLE n] [FIELDS n field [field ...]] [BUST] [NOCOUNT] [INEXACT] [PRIORITY <ALL | step>] [INDEX key] [AS <CELERY | SIDEKIQ | RESQUE | LARAVEL | TASKIQ | HUEY | DRAMATIQ | RQ | BULLMQ | BULL | ASYNQ | SAQ | IDS>] [FORMAT <RESP | JSON>] [VERBOSE]
    Counts the messages of a queue that match a filter and shows some of them.
QADMIN.CLEARJOB queue filter [ALL | KEEPONE] [KEEP <OLDEST | NEWEST>] [BY [n] field [field ...]] [LIMIT n] [RATE n] [EXPECT n] [TOLERANCE percent] [TO key | PARK] [FRONT] [INEXACT] [DRYRUN] [CONFIRM queue] [ID uuid] [ACTOR name] [REASON text] [PRIORITY <ALL | step>] [INDEX key] [AS <CELERY | SIDEKIQ | RESQUE | LARAVEL | TASKIQ | HUEY | DRAMATIQ | RQ | BULLMQ | BULL | ASYNQ | SAQ | IDS>] [FORMAT <RESP | JSON>] [VERBOSE]
    Starts a job that removes the messages of a queue that match a filter.
QADMIN.UNDO job-id [QUEUE queue] [CONFIRM list] [FRONT] [DRYRUN] [ID uuid] [ACTOR name] [REASON text] [FORMAT <RESP | JSON>] [VERBOSE]
    Starts a job that moves back what a job moved to another list.
QADMIN.STATUS job-id [QUEUE queue] [WAIT ms] [FORMAT <RESP | JSON>] [VERBOSE]
    Shows the state of a job, or waits for its end.
QADMIN.CANCEL <job-id | ALL> [QUEUE queue] [FORMAT <RESP | JSON>] [VERBOSE]
    Cancels a job, or all jobs, before the next slice.
QADMIN.PAUSE job-id [QUEUE queue] [FORMAT <RESP | JSON>] [VERBOSE]
    Pauses a job.
QADMIN.RESUME job-id [QUEUE queue] [FORMAT <RESP | JSON>] [VERBOSE]
    Resumes a paused job, or continues an interrupted clear.
QADMIN.THROTTLE job-id [RATE n] [DUTY percent] [QUEUE queue] [FORMAT <RESP | JSON>] [VERBOSE]
    Changes the speed of a job.
QADMIN.JOBS [QUEUE queue] [COUNT n] [KIND <PREVIEW | CLEAR | STATS | UNDO | SHOW>] [STATUS <LIVE | ENDED | PENDING | RUNNING | PAUSED | COMPLETED | CANCELLED | FAILED | INTERRUPTED>] [USER name] [FORMAT <RESP | JSON>] [VERBOSE]
    Lists live and remembered jobs, newest first.
QADMIN.QUEUES [GLOB pattern] [FORMAT <RESP | JSON>] [VERBOSE]
    Lists the queues of the database, the deepest first.
QADMIN.STATS queue [filter] GROUPBY n field [field ...] [TOP n] [BUST] [INEXACT] [PRIORITY <ALL | step>] [INDEX key] [AS <CELERY | SIDEKIQ | RESQUE | LARAVEL | TASKIQ | HUEY | DRAMATIQ | RQ | BULLMQ | BULL | ASYNQ | SAQ | IDS>] [FORMAT <RESP | JSON>] [VERBOSE]
    Counts the messages of a queue by the values of their fields.
QADMIN.FIELDS queue [filter] [PRIORITY <ALL | step>] [INDEX key] [AS <CELERY | SIDEKIQ | RESQUE | LARAVEL | TASKIQ | HUEY | DRAMATIQ | RQ | BULLMQ | BULL | ASYNQ | SAQ | IDS>] [FORMAT <RESP | JSON>] [VERBOSE]
    Shows which fields the messages that run next have, with examples of their values.
QADMIN.SHOW queue id [PRIORITY <ALL | step>] [INDEX key] [AS <CELERY | SIDEKIQ | RESQUE | LARAVEL | TASKIQ | HUEY | DRAMATIQ | RQ | BULLMQ | BULL | ASYNQ | SAQ | IDS>] [FORMAT <RESP | JSON>] [VERBOSE]
    Shows one message of a queue whole, with its body.
QADMIN.INDEX <CREATE | DROP | INFO | LIST> [queue] [FIELDS n field [field ...]] [AS <CELERY | SIDEKIQ | RESQUE | LARAVEL | TASKIQ | HUEY | DRAMATIQ | RQ | BULLMQ | BULL | ASYNQ | SAQ | IDS>] [FORMAT <RESP | JSON>] [VERBOSE]
    Creates, drops and shows indexes of lists, for the ages of messages and for fast counts.
QADMIN.HELP
    Shows this text.
filter, at least one of:
    [TASK name] [REPOID id] [COMMITID sha] [WHERE field <operator value | GLOB pattern | IN count value [value ...] | CONTAINS value | EXISTS | MISSING>]... [OR field <operator value | GLOB pattern | IN count value [value ...] | CONTAINS value | EXISTS | MISSING>]...
operator, one of:
    EQ NE LT LE GT GE = != < <= > >=";
    assert_eq!(lines.join("\n"), expected);
}

#[test]
fn every_command_with_a_format_takes_verbose_after_it() {
    for command in COMMANDS {
        let keywords = command.keywords();
        let formats = keywords.iter().position(|keyword| *keyword == "FORMAT");
        let verbose = keywords.iter().position(|keyword| *keyword == "VERBOSE");
        assert_eq!(verbose, formats.map(|at| at + 1), "{}", command.name);
        assert_eq!(command.is_alone("VERBOSE"), verbose.is_some(), "{}", command.name);
        assert!(!command.is_alone("FORMAT"), "{}", command.name);
    }
}
