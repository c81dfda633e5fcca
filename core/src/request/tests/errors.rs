//! Command line -> exact error.

use super::*;

/// Runs a whole command line through the parser of its command.
fn error(line: &str) -> String {
    let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
    let parser = parsers().into_iter().find(|(spec, _)| spec.name == format!("QADMIN.{name}"));
    let (_, parse) = parser.unwrap_or_else(|| unreachable!("no parser for {line}"));
    parse(&words(rest)).map_or_else(|error| error.to_string(), |()| "no error".to_owned())
}

#[test]
fn every_wrong_command_line_says_what_would_be_right() {
    let table = [
        // Fixed arguments.
        (
            "PREVIEW",
            "ERR QADMIN.PREVIEW needs queue: QADMIN.PREVIEW queue filter [SAMPLE n] \
             [FIELDS n field [field ...]] [BUST] [NOCOUNT] [INEXACT] [PRIORITY <ALL | step>] [INDEX key] [AS <CELERY | SIDEKIQ | RESQUE | LARAVEL | TASKIQ | HUEY | DRAMATIQ | RQ | BULLMQ | BULL | ASYNQ | SAQ | IDS>] [FORMAT <RESP | JSON>] [VERBOSE]",
        ),
        (
            "STATUS",
            "ERR QADMIN.STATUS needs job-id: QADMIN.STATUS job-id [QUEUE queue] [WAIT ms] \
             [FORMAT <RESP | JSON>] [VERBOSE]",
        ),
        (
            "CANCEL",
            "ERR QADMIN.CANCEL needs <job-id | ALL>: QADMIN.CANCEL <job-id | ALL> [QUEUE queue] \
             [FORMAT <RESP | JSON>] [VERBOSE]",
        ),
        // Unknown keywords.
        (
            "PREVIEW q TASK t XYZ",
            "ERR unknown keyword \"XYZ\"; QADMIN.PREVIEW takes TASK, REPOID, COMMITID, WHERE, OR, SAMPLE, \
             FIELDS, BUST, NOCOUNT, INEXACT, PRIORITY, INDEX, AS, FORMAT, VERBOSE",
        ),
        (
            "CLEARJOB q TASK t ALL XYZ",
            "ERR unknown keyword \"XYZ\"; QADMIN.CLEARJOB takes TASK, REPOID, COMMITID, WHERE, OR, ALL, KEEPONE, \
             KEEP, BY, LIMIT, RATE, EXPECT, TOLERANCE, TO, PARK, FRONT, INEXACT, DRYRUN, CONFIRM, ID, ACTOR, REASON, PRIORITY, INDEX, AS, FORMAT, VERBOSE",
        ),
        // Terms of a clear.
        ("CLEARJOB q TASK t ALL LIMIT 0", "ERR LIMIT must be an integer from 1 to 1000000000000, got \"0\""),
        ("CLEARJOB q TASK t ALL KEEP NEWEST", "ERR KEEP can be used only together with KEEPONE"),
        ("CLEARJOB q TASK t ALL BY 1 id", "ERR BY can be used only together with KEEPONE"),
        ("CLEARJOB q TASK t KEEPONE KEEP both", "ERR KEEP must be OLDEST or NEWEST, got \"both\""),
        ("CLEARJOB q TASK t KEEPONE BY 2 id", "ERR BY 2 needs 2 values after it, got 1"),
        ("CLEARJOB q TASK t KEEPONE BY 0", "ERR BY must be an integer from 1 to 16, got \"0\""),
        ("CLEARJOB q TASK t KEEPONE BY", "ERR BY needs a value"),
        (
            "CLEARJOB q TASK t KEEPONE BY argsrepr",
            "ERR the field name \"argsrepr\" is shortened by the sender, so it cannot tell messages apart; \
             use args or kwargs",
        ),
        ("CLEARJOB q TASK t KEEPONE BY 1 id task", "ERR TASK needs a value"),
        (
            "CLEARJOB q TASK t KEEPONE BY 3 id repoid kwargs.repoid",
            "ERR BY can name each field only once, got \"kwargs.repoid\" twice",
        ),
        (
            "CLEARJOB q TASK t KEEPONE BY id task id ALL",
            "ERR BY can name each field only once, got \"id\" twice",
        ),
        (
            "CLEARJOB q TASK t KEEPONE BY args.0 args.1 args.2 args.3 args.4 args.5 args.6 args.7 args.8 args.9 \
             args.10 args.11 args.12 args.13 args.14 args.15 args.16",
            "ERR the field name \"args.16\" exceeds the limit of BY, which takes at most 16 fields",
        ),
        ("CLEARJOB q TASK t ALL TO q", "ERR TO must name a key other than the queue itself"),
        ("PREVIEW q TASK t PRIORITY", "ERR PRIORITY needs a value"),
        (
            "STATS q GROUPBY 1 task PRIORITY 256",
            "ERR PRIORITY must be ALL or a step of qadmin.priority-steps, got \"256\"",
        ),
        (
            "CLEARJOB q TASK t ALL TO p PRIORITY ALL",
            "ERR TO and PRIORITY ALL cannot be combined: a single list does not keep which step each \
             message came from; move one step at a time",
        ),
        (
            "CLEARJOB q TASK t ALL TO p PARK",
            "ERR PARK and TO cannot be combined: PARK moves to a list of the job's own, and TO to the list \
             that it names",
        ),
        (
            "CLEARJOB q TASK t ALL PARK PRIORITY ALL",
            "ERR PARK and PRIORITY ALL cannot be combined: a single list does not keep which step each \
             message came from; move one step at a time",
        ),
        ("UNDO x", "NOJOB no job with id \"x\""),
        (
            "UNDO UUID FILTER x",
            "ERR unknown keyword \"FILTER\"; QADMIN.UNDO takes QUEUE, CONFIRM, FRONT, DRYRUN, ID, ACTOR, REASON, FORMAT, VERBOSE",
        ),
        ("UNDO UUID CONFIRM", "ERR CONFIRM needs a value"),
        ("UNDO UUID ID x", "ERR ID must be a UUID like 6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02, got \"x\""),
        ("CLEARJOB q TASK t ALL TO ''", "ERR TO must not be empty"),
        ("CLEARJOB q TASK t ALL FRONT", "ERR FRONT can be used only together with TO or PARK"),
        (
            "CLEARJOB q TASK t ALL TO p FRONT LIMIT 5",
            "ERR LIMIT and FRONT cannot be combined: FRONT moves the newest match first, before it is known \
             which matches run next",
        ),
        (
            "CLEARJOB q TASK t KEEPONE BY id FRONT TO p",
            "ERR BY and FRONT cannot be combined: FRONT moves the newest match first, before it is known \
             which matches run next",
        ),
        ("CLEARJOB q TASK t ALL TOLERANCE 5", "ERR TOLERANCE can be used only together with EXPECT"),
        (
            "CLEARJOB q TASK t KEEPONE KEEP NEWEST LIMIT 5",
            "ERR LIMIT and KEEP NEWEST cannot be combined: LIMIT clears the matches that run next, and \
             which one to keep is known only at the end of the scan",
        ),
        (
            "CLEARJOB q TASK t KEEPONE KEEP NEWEST BY 1 id",
            "ERR BY and KEEP NEWEST cannot be combined: which message of each value is the newest is known \
             only at the end of the scan",
        ),
        ("STATUS UUID ALL", "ERR unknown keyword \"ALL\"; QADMIN.STATUS takes QUEUE, WAIT, FORMAT, VERBOSE"),
        ("CANCEL UUID WAIT 5", "ERR unknown keyword \"WAIT\"; QADMIN.CANCEL takes QUEUE, FORMAT, VERBOSE"),
        ("CANCEL UUID ALL", "ERR unknown keyword \"ALL\"; QADMIN.CANCEL takes QUEUE, FORMAT, VERBOSE"),
        (
            "JOBS celery",
            "ERR unknown keyword \"celery\"; QADMIN.JOBS takes QUEUE, COUNT, KIND, STATUS, USER, FORMAT, VERBOSE",
        ),
        (
            "JOBS ''",
            "ERR unknown keyword \"\"; QADMIN.JOBS takes QUEUE, COUNT, KIND, STATUS, USER, FORMAT, VERBOSE",
        ),
        ("HELP me", "ERR unknown keyword \"me\"; QADMIN.HELP takes no arguments"),
        // Each option once.
        ("PREVIEW q TASK t SAMPLE 5 sample x", "ERR SAMPLE is given twice; give it once"),
        ("PREVIEW q TASK t BUST BUST", "ERR BUST is given twice; give it once"),
        ("PREVIEW q TASK t FIELDS 1 task FIELDS 1 id", "ERR FIELDS is given twice; give it once"),
        ("CLEARJOB q TASK t ALL all", "ERR ALL is given twice; give it once"),
        ("JOBS QUEUE a QUEUE b", "ERR QUEUE is given twice; give it once"),
        // Values.
        ("PREVIEW q TASK t SAMPLE", "ERR SAMPLE needs a value"),
        ("PREVIEW q TASK t SAMPLE 101", "ERR SAMPLE must be an integer from 0 to 100, got \"101\""),
        ("PREVIEW q TASK t SAMPLE -1", "ERR SAMPLE must be an integer from 0 to 100, got \"-1\""),
        ("PREVIEW q TASK t FIELDS 0", "ERR FIELDS must be an integer from 1 to 32, got \"0\""),
        ("PREVIEW q TASK t FIELDS task", "ERR FIELDS must be an integer from 1 to 32, got \"task\""),
        ("PREVIEW q TASK t FIELDS 3 task id", "ERR FIELDS 3 needs 3 values after it, got 2"),
        ("PREVIEW q TASK t FORMAT xml", "ERR FORMAT must be RESP or JSON, got \"xml\""),
        ("PREVIEW q TASK t FORMAT", "ERR FORMAT needs a value"),
        ("STATUS UUID WAIT 86400001", "ERR WAIT must be an integer from 0 to 86400000, got \"86400001\""),
        ("STATUS UUID WAIT", "ERR WAIT needs a value"),
        ("STATUS UUID QUEUE", "ERR QUEUE needs a value"),
        ("JOBS COUNT 0", "ERR COUNT must be an integer from 1 to 100, got \"0\""),
        ("JOBS COUNT 101", "ERR COUNT must be an integer from 1 to 100, got \"101\""),
        (
            "CLEARJOB q TASK t ALL ID 5",
            "ERR ID must be a UUID like 6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02, got \"5\"",
        ),
        (
            "CLEARJOB q TASK t ALL ID 6f1c2b8e4d7a4b599a601c3f5e7d9b02",
            "ERR ID must be a UUID like 6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02, \
             got \"6f1c2b8e4d7a4b599a601c3f5e7d9b02\"",
        ),
        ("CLEARJOB q TASK t ALL ACTOR ''", "ERR ACTOR must not be empty"),
        ("CLEARJOB q TASK t ALL REASON ''", "ERR REASON must not be empty"),
        // Groups.
        ("STATS q", "ERR GROUPBY is missing; give the fields to group by, such as GROUPBY 1 task"),
        (
            "STATS q TASK t TOP 5",
            "ERR GROUPBY is missing; give the fields to group by, such as GROUPBY 1 task",
        ),
        ("STATS q GROUPBY", "ERR GROUPBY needs a value"),
        ("STATS q GROUPBY 0", "ERR GROUPBY must be an integer from 1 to 4, got \"0\""),
        ("STATS q GROUPBY 5 a b c d e", "ERR GROUPBY must be an integer from 1 to 4, got \"5\""),
        ("STATS q GROUPBY task", "ERR GROUPBY must be an integer from 1 to 4, got \"task\""),
        ("STATS q GROUPBY 2 task", "ERR GROUPBY 2 needs 2 values after it, got 1"),
        ("STATS q GROUPBY 2 task task", "ERR GROUPBY can name each field only once, got \"task\" twice"),
        (
            "STATS q GROUPBY 2 repoid kwargs.repoid",
            "ERR GROUPBY can name each field only once, got \"kwargs.repoid\" twice",
        ),
        ("STATS q GROUPBY 1 task GROUPBY 1 id", "ERR GROUPBY is given twice; give it once"),
        ("STATS q GROUPBY 1 task TOP 1001", "ERR TOP must be an integer from 0 to 1000, got \"1001\""),
        ("STATS q GROUPBY 1 task TOP", "ERR TOP needs a value"),
        (
            "STATS q GROUPBY 1 task SAMPLE 5",
            "ERR unknown keyword \"SAMPLE\"; QADMIN.STATS takes TASK, REPOID, COMMITID, WHERE, OR, GROUPBY, TOP, \
             BUST, INEXACT, PRIORITY, INDEX, AS, FORMAT, VERBOSE",
        ),
        // Modes, then CONFIRM.
        ("CLEARJOB q TASK t ALL KEEPONE DRYRUN", "ERR ALL and KEEPONE cannot be combined; give one of them"),
        (
            "CLEARJOB q TASK t CONFIRM q",
            "ERR the mode is missing; give ALL to clear every match, KEEPONE to clear all but the oldest, \
             or DRYRUN to only count them",
        ),
        ("CLEARJOB q TASK t ALL", "CONFIRM repeat the queue's name to confirm the clear: CONFIRM \"q\""),
        ("CLEARJOB '' TASK t KEEPONE", "CONFIRM repeat the queue's name to confirm the clear: CONFIRM \"\""),
        (
            "CLEARJOB q TASK t ALL CONFIRM Q",
            "CONFIRM \"Q\" is not the name of queue \"q\"; to clear it, give CONFIRM \"q\"",
        ),
        (
            "CLEARJOB q TASK t DRYRUN CONFIRM other",
            "CONFIRM \"other\" is not the name of queue \"q\"; to clear it, give CONFIRM \"q\"",
        ),
        // What cannot be an id is unknown; what is wrong besides comes first.
        ("STATUS 5", "NOJOB no job with id \"5\""),
        ("STATUS ''", "NOJOB no job with id \"\""),
        ("CANCEL every", "NOJOB no job with id \"every\""),
        ("STATUS 5 WAIT x", "ERR WAIT must be an integer from 0 to 86400000, got \"x\""),
    ];
    for (line, expected) in table {
        assert_eq!(error(line), expected, "{line}");
    }
}

#[test]
fn actor_and_reason_have_limits() {
    for (keyword, max) in [("ACTOR", ACTOR_MAX), ("REASON", REASON_MAX)] {
        let run = |bytes: usize| {
            let text = vec![0xff; bytes];
            let args: Vec<&[u8]> = vec![b"q", b"TASK", b"t", b"DRYRUN", keyword.as_bytes(), &text];
            ClearJob::parse(&args, NOW_MS)
        };
        assert!(run(max).is_ok());
        let line = run(max + 1).expect_err("too long").to_string();
        assert_eq!(line, format!("ERR {keyword} must be at most {max} bytes, got {}", max + 1));
    }
}
