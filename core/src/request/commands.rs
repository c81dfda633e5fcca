//! The commands: one row each. Parsers, error hints, help, registration and documentation read them.
//!
//! How the flags of the rows are chosen: `readonly` and `write` decide where a command may run (replicas,
//! read-only scripts, a primary that refuses writes). CANCEL and the other commands of control have neither,
//! because they change memory only and must work where writes are refused, also while a script keeps the
//! server busy (`allow-busy`). No command is `deny-oom`: previewing, cancelling and clearing are what a user
//! has to do at maxmemory.

use super::spec::{Arg, ArgKind, CommandSpec, KeyAccess, Keys};

/// Every public command, in the order of the documentation.
pub static COMMANDS: [&CommandSpec; 15] = [
    &PREVIEW, &CLEARJOB, &UNDO, &STATUS, &CANCEL, &PAUSE, &RESUME, &THROTTLE, &JOBS, &QUEUES, &STATS,
    &FIELDS, &SHOW, &INDEX, &HELP,
];

/// QADMIN.PREVIEW
pub static PREVIEW: CommandSpec = CommandSpec {
    name: "QADMIN.PREVIEW",
    summary: "Counts the messages of a queue that match a filter and shows some of them.",
    complexity: "O(N) with N being the length of the queue, in slices between which other clients are \
                 served; O(1) where the count is cached or skipped.",
    since: "0.1.0",
    arity: -2,
    flags: &["readonly"],
    categories: &["read", "qadmin"],
    keys: Keys::At { index: 1, access: KeyAccess::Read },
    fixed: 1,
    args: &[
        Arg::key("queue"),
        FILTER,
        Arg::new("sample", ArgKind::Integer).token("SAMPLE").optional().shown("n"),
        Arg::new("fields", ArgKind::Block(FIELD_NAMES)).token("FIELDS").optional(),
        Arg::word("bust", "BUST").optional(),
        Arg::word("nocount", "NOCOUNT").optional(),
        Arg::word("inexact", "INEXACT").optional(),
        PRIORITY,
        INDEX_KEY,
        AS,
        FORMAT,
        VERBOSE,
    ],
};

/// QADMIN.CLEARJOB
pub static CLEARJOB: CommandSpec = CommandSpec {
    name: "QADMIN.CLEARJOB",
    summary: "Starts a job that removes the messages of a queue that match a filter.",
    complexity: "O(1) to start; the job is O(N) with N being the length of the queue, in slices between \
                 which other clients are served.",
    since: "0.1.0",
    arity: -2,
    flags: &["write", "deny-script"],
    categories: &["write", "dangerous", "qadmin"],
    keys: Keys::At { index: 1, access: KeyAccess::ReadDelete },
    fixed: 1,
    args: &[
        Arg::key("queue"),
        FILTER,
        Arg::new("mode", ArgKind::OneOf(MODES)).optional(),
        Arg::new("keep", ArgKind::OneOf(KEEPS)).token("KEEP").optional(),
        Arg::new("by", ArgKind::Block(BYS)).token("BY").optional(),
        Arg::new("limit", ArgKind::Integer).token("LIMIT").optional().shown("n"),
        Arg::new("rate", ArgKind::Integer).token("RATE").optional().shown("n"),
        Arg::new("expect", ArgKind::Integer).token("EXPECT").optional().shown("n"),
        Arg::new("tolerance", ArgKind::Integer).token("TOLERANCE").optional().shown("percent"),
        Arg::new("destination", ArgKind::OneOf(DESTINATIONS)).optional(),
        Arg::word("front", "FRONT").optional(),
        Arg::word("inexact", "INEXACT").optional(),
        Arg::word("dryrun", "DRYRUN").optional(),
        Arg::new("confirm", ArgKind::String).token("CONFIRM").optional().shown("queue"),
        Arg::new("id", ArgKind::String).token("ID").optional().shown("uuid"),
        Arg::new("actor", ArgKind::String).token("ACTOR").optional().shown("name"),
        Arg::new("reason", ArgKind::String).token("REASON").optional().shown("text"),
        PRIORITY,
        INDEX_KEY,
        AS,
        FORMAT,
        VERBOSE,
    ],
};

/// QADMIN.UNDO
pub static UNDO: CommandSpec = CommandSpec {
    name: "QADMIN.UNDO",
    summary: "Starts a job that moves back what a job moved to another list.",
    complexity: "O(1) to start; the job is O(N+M) with N being the length of the other list and M the number of \
                 messages moved there, in slices between which other clients are served.",
    since: "0.1.0",
    arity: -2,
    flags: &["write", "deny-script", "getkeys-api", "no-mandatory-keys"],
    categories: &["write", "dangerous", "qadmin"],
    keys: Keys::OptionalQueue,
    fixed: 1,
    args: &[
        Arg::new("job-id", ArgKind::String),
        QUEUE,
        // A string and not a key: it is checked by the command, before it is touched.
        Arg::new("confirm", ArgKind::String).token("CONFIRM").optional().shown("list"),
        Arg::word("front", "FRONT").optional(),
        Arg::word("dryrun", "DRYRUN").optional(),
        Arg::new("id", ArgKind::String).token("ID").optional().shown("uuid"),
        Arg::new("actor", ArgKind::String).token("ACTOR").optional().shown("name"),
        Arg::new("reason", ArgKind::String).token("REASON").optional().shown("text"),
        FORMAT,
        VERBOSE,
    ],
};

/// QADMIN.STATUS
pub static STATUS: CommandSpec = CommandSpec {
    name: "QADMIN.STATUS",
    summary: "Shows the state of a job, or waits for its end.",
    complexity: "O(1)",
    since: "0.1.0",
    arity: -2,
    flags: &["readonly", "getkeys-api", "no-mandatory-keys"],
    categories: &["read", "qadmin"],
    keys: Keys::OptionalQueue,
    fixed: 1,
    args: &[
        Arg::new("job-id", ArgKind::String),
        QUEUE,
        Arg::new("wait", ArgKind::Integer).token("WAIT").optional().shown("ms"),
        FORMAT,
        VERBOSE,
    ],
};

/// QADMIN.CANCEL
pub static CANCEL: CommandSpec = CommandSpec {
    name: "QADMIN.CANCEL",
    summary: "Cancels a job, or all jobs, before the next slice.",
    complexity: "O(N) with N being the number of live jobs.",
    since: "0.1.0",
    arity: -2,
    flags: &["allow-busy", "getkeys-api", "no-mandatory-keys"],
    categories: &["write", "dangerous", "qadmin"],
    keys: Keys::OptionalQueue,
    fixed: 1,
    args: &[Arg::new("target", ArgKind::OneOf(TARGETS)), QUEUE, FORMAT, VERBOSE],
};

/// QADMIN.PAUSE
pub static PAUSE: CommandSpec = CommandSpec {
    name: "QADMIN.PAUSE",
    summary: "Pauses a job.",
    complexity: "O(1)",
    since: "0.1.0",
    arity: -2,
    flags: &["allow-busy", "getkeys-api", "no-mandatory-keys"],
    categories: &["write", "dangerous", "qadmin"],
    keys: Keys::OptionalQueue,
    fixed: 1,
    args: &[Arg::new("job-id", ArgKind::String), QUEUE, FORMAT, VERBOSE],
};

/// QADMIN.RESUME
pub static RESUME: CommandSpec = CommandSpec {
    name: "QADMIN.RESUME",
    summary: "Resumes a paused job, or continues an interrupted clear.",
    complexity: "O(1); the job that continues a clear is O(N) with N being the length of the queue, in slices \
                 between which other clients are served.",
    since: "0.1.0",
    arity: -2,
    flags: &["getkeys-api", "no-mandatory-keys"],
    categories: &["write", "dangerous", "qadmin"],
    keys: Keys::OptionalQueue,
    fixed: 1,
    args: &[Arg::new("job-id", ArgKind::String), QUEUE, FORMAT, VERBOSE],
};

/// QADMIN.THROTTLE
pub static THROTTLE: CommandSpec = CommandSpec {
    name: "QADMIN.THROTTLE",
    summary: "Changes the speed of a job.",
    complexity: "O(1)",
    since: "0.1.0",
    arity: -2,
    flags: &["allow-busy", "getkeys-api", "no-mandatory-keys"],
    categories: &["write", "dangerous", "qadmin"],
    keys: Keys::OptionalQueue,
    fixed: 1,
    args: &[
        Arg::new("job-id", ArgKind::String),
        Arg::new("rate", ArgKind::Integer).token("RATE").optional().shown("n"),
        Arg::new("duty", ArgKind::Integer).token("DUTY").optional().shown("percent"),
        QUEUE,
        FORMAT,
        VERBOSE,
    ],
};

/// QADMIN.JOBS
pub static JOBS: CommandSpec = CommandSpec {
    name: "QADMIN.JOBS",
    summary: "Lists live and remembered jobs, newest first.",
    complexity: "O(N) with N being the number of live and remembered jobs.",
    since: "0.1.0",
    arity: -1,
    flags: &["readonly", "getkeys-api", "no-mandatory-keys"],
    categories: &["read", "qadmin"],
    keys: Keys::OptionalQueue,
    fixed: 0,
    args: &[
        QUEUE,
        Arg::new("count", ArgKind::Integer).token("COUNT").optional().shown("n"),
        Arg::new("kind", ArgKind::OneOf(JOB_KINDS)).token("KIND").optional(),
        Arg::new("status", ArgKind::OneOf(STATUSES)).token("STATUS").optional(),
        Arg::new("user", ArgKind::String).token("USER").optional().shown("name"),
        FORMAT,
        VERBOSE,
    ],
};

/// QADMIN.QUEUES
pub static QUEUES: CommandSpec = CommandSpec {
    name: "QADMIN.QUEUES",
    summary: "Lists the queues of the database, the deepest first.",
    complexity: "O(N) with N being the number of keys in the database, in slices between which other clients \
                 are served.",
    since: "0.1.0",
    arity: -1,
    // The list depends on the user, and a script does not name its user.
    flags: &["readonly", "deny-script"],
    categories: &["read", "qadmin"],
    keys: Keys::None,
    fixed: 0,
    args: &[Arg::new("glob", ArgKind::Pattern).token("GLOB").optional().shown("pattern"), FORMAT, VERBOSE],
};

/// QADMIN.STATS
pub static STATS: CommandSpec = CommandSpec {
    name: "QADMIN.STATS",
    summary: "Counts the messages of a queue by the values of their fields.",
    complexity: "O(N) with N being the length of the queue, in slices between which other clients are \
                 served.",
    since: "0.1.0",
    arity: -2,
    flags: &["readonly"],
    categories: &["read", "qadmin"],
    keys: Keys::At { index: 1, access: KeyAccess::Read },
    fixed: 1,
    args: &[
        Arg::key("queue"),
        FILTER.optional(),
        Arg::new("groupby", ArgKind::Block(FIELD_NAMES)).token("GROUPBY"),
        Arg::new("top", ArgKind::Integer).token("TOP").optional().shown("n"),
        Arg::word("bust", "BUST").optional(),
        Arg::word("inexact", "INEXACT").optional(),
        PRIORITY,
        INDEX_KEY,
        AS,
        FORMAT,
        VERBOSE,
    ],
};

/// QADMIN.FIELDS
pub static FIELDS: CommandSpec = CommandSpec {
    name: "QADMIN.FIELDS",
    summary: "Shows which fields the messages that run next have, with examples of their values.",
    complexity: "O(N) with N being the setting sample-window, at most; it takes no longer than five slices.",
    since: "0.1.0",
    arity: -2,
    flags: &["readonly"],
    categories: &["read", "qadmin"],
    keys: Keys::At { index: 1, access: KeyAccess::Read },
    fixed: 1,
    args: &[Arg::key("queue"), FILTER.optional(), PRIORITY, INDEX_KEY, AS, FORMAT, VERBOSE],
};

/// QADMIN.SHOW
pub static SHOW: CommandSpec = CommandSpec {
    name: "QADMIN.SHOW",
    summary: "Shows one message of a queue whole, with its body.",
    complexity: "O(N) with N being the length of the queue, in slices between which other clients are \
                 served; O(1) where the message is among those that run next.",
    since: "0.1.0",
    arity: -3,
    // Not in @read: the body of a message is not for everyone who may preview a queue.
    flags: &["readonly"],
    categories: &["dangerous", "qadmin"],
    keys: Keys::At { index: 1, access: KeyAccess::Read },
    fixed: 2,
    args: &[Arg::key("queue"), Arg::new("id", ArgKind::String), PRIORITY, INDEX_KEY, AS, FORMAT, VERBOSE],
};

/// QADMIN.INDEX
pub static INDEX: CommandSpec = CommandSpec {
    name: "QADMIN.INDEX",
    summary: "Creates, drops and shows indexes of lists, for the ages of messages and for fast counts.",
    complexity: "O(1) for CREATE and DROP; O(N) for INFO and LIST with N being the number of different arrival times.",
    since: "0.1.0",
    arity: -2,
    // It changes memory of this node only, on replicas too, and reads no message.
    flags: &["getkeys-api", "no-mandatory-keys"],
    categories: &["read", "dangerous", "qadmin"],
    keys: Keys::AfterAction,
    fixed: 1,
    args: &[
        Arg::new("action", ArgKind::OneOf(ACTIONS)),
        // A string and not a key: the tree may call a key only what a key spec finds.
        Arg::new("queue", ArgKind::String).optional(),
        Arg::new("fields", ArgKind::Block(FIELD_NAMES)).token("FIELDS").optional(),
        AS,
        FORMAT,
        VERBOSE,
    ],
};

/// QADMIN.HELP
pub static HELP: CommandSpec = CommandSpec {
    name: "QADMIN.HELP",
    summary: "Shows this text.",
    complexity: "O(1)",
    since: "0.1.0",
    arity: 1,
    // It accesses nothing, so it need not be refused in any state of the server.
    flags: &["readonly", "fast", "allow-loading", "allow-stale"],
    categories: &["read", "qadmin"],
    keys: Keys::None,
    fixed: 0,
    args: &[],
};

/// The command that carries the units of a clear to replicas and into the append-only file; not for clients.
/// It has only the flag `write`, because it must be loaded from an append-only file and be applied at
/// maxmemory.
pub static APPLY: CommandSpec = CommandSpec {
    name: "QADMIN.APPLY",
    summary: "Internal: repeats a slice of a clear on a replica or while the append-only file is loaded.",
    complexity: "O(N) with N being the distance between the first and the last removed message.",
    since: "0.1.0",
    arity: -5,
    flags: &["write"],
    categories: &["write", "dangerous", "qadmin"],
    keys: Keys::At { index: 1, access: KeyAccess::ReadDelete },
    fixed: 4,
    args: &[
        Arg::key("queue"),
        Arg::new("length", ArgKind::Integer),
        Arg::new("indexes", ArgKind::String),
        Arg::new("fingerprints", ArgKind::String),
        Arg::new("destination", ArgKind::Block(PUT)).optional(),
    ],
};

/// The filter that PREVIEW, CLEARJOB, STATS and FIELDS share; a syntax line shows it as one word.
pub const FILTER: Arg = Arg::new(
    "filter",
    ArgKind::Block(&[
        Arg::new("task", ArgKind::String).token("TASK").optional().shown("name"),
        Arg::new("repoid", ArgKind::Integer).token("REPOID").optional().shown("id"),
        Arg::new("commitid", ArgKind::String).token("COMMITID").optional().shown("sha"),
        Arg::new("where", ArgKind::Block(WHERE)).token("WHERE").optional().repeated(),
        Arg::new("or", ArgKind::Block(WHERE)).token("OR").optional().repeated(),
    ]),
)
.shown("filter");

const WHERE: &[Arg] =
    &[Arg::new("field", ArgKind::String), Arg::new("condition", ArgKind::OneOf(CONDITIONS))];

const CONDITIONS: &[Arg] = &[
    Arg::new("comparison", ArgKind::Block(&[OPERATOR, Arg::new("value", ArgKind::String)])),
    Arg::new("glob", ArgKind::Pattern).token("GLOB").shown("pattern"),
    Arg::new(
        "in",
        ArgKind::Block(&[Arg::new("count", ArgKind::Integer), Arg::new("value", ArgKind::String).multiple()]),
    )
    .token("IN"),
    Arg::new("contains", ArgKind::String).token("CONTAINS").shown("value"),
    Arg::word("exists", "EXISTS"),
    Arg::word("missing", "MISSING"),
];

/// How a field is compared with a value; a syntax line shows it as one word.
pub const OPERATOR: Arg = Arg::new(
    "operator",
    ArgKind::OneOf(&[
        Arg::word("eq", "EQ"),
        Arg::word("ne", "NE"),
        Arg::word("lt", "LT"),
        Arg::word("le", "LE"),
        Arg::word("gt", "GT"),
        Arg::word("ge", "GE"),
        Arg::word("eq-sign", "="),
        Arg::word("ne-sign", "!="),
        Arg::word("lt-sign", "<"),
        Arg::word("le-sign", "<="),
        Arg::word("gt-sign", ">"),
        Arg::word("ge-sign", ">="),
    ]),
)
.shown("operator");

const FIELD_NAMES: &[Arg] =
    &[Arg::new("count", ArgKind::Integer).shown("n"), Arg::new("field", ArgKind::String).multiple()];

const BYS: &[Arg] = &[
    Arg::new("count", ArgKind::Integer).optional().shown("n"),
    Arg::new("field", ArgKind::String).multiple(),
];

const MODES: &[Arg] = &[Arg::word("all", "ALL"), Arg::word("keepone", "KEEPONE")];

/// The destination of the removed messages.
const PUT: &[Arg] = &[
    Arg::new("key", ArgKind::String),
    Arg::new("end", ArgKind::OneOf(&[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")])),
    Arg::new("its-length", ArgKind::Integer),
];

// A string and not a key, as QUEUE: it is checked by the command, before it is touched.
const DESTINATIONS: &[Arg] =
    &[Arg::new("to", ArgKind::String).token("TO").shown("key"), Arg::word("park", "PARK")];

const KEEPS: &[Arg] = &[Arg::word("oldest", "OLDEST"), Arg::word("newest", "NEWEST")];

const ACTIONS: &[Arg] = &[
    Arg::word("create", "CREATE"),
    Arg::word("drop", "DROP"),
    Arg::word("info", "INFO"),
    Arg::word("list", "LIST"),
];

const TARGETS: &[Arg] = &[Arg::new("job-id", ArgKind::String), Arg::word("all", "ALL")];

// A string and not a key: the tree may call a key only what a key spec finds.
const QUEUE: Arg = Arg::new("queue", ArgKind::String).token("QUEUE").optional();

// ALL or a step.
const PRIORITY: Arg = Arg::new("priority", ArgKind::OneOf(PRIORITIES)).token("PRIORITY").optional();

const PRIORITIES: &[Arg] = &[Arg::word("all", "ALL"), Arg::new("step", ArgKind::Integer)];
// A string and not a key, as TO: it is checked by the command, before it is touched.
const INDEX_KEY: Arg = Arg::new("index", ArgKind::String).token("INDEX").optional().shown("key");

const AS: Arg = Arg::new(
    "kind",
    ArgKind::OneOf(&[
        Arg::word("celery", "CELERY"),
        Arg::word("sidekiq", "SIDEKIQ"),
        Arg::word("resque", "RESQUE"),
        Arg::word("laravel", "LARAVEL"),
        Arg::word("taskiq", "TASKIQ"),
        Arg::word("huey", "HUEY"),
        Arg::word("dramatiq", "DRAMATIQ"),
        Arg::word("rq", "RQ"),
        Arg::word("bullmq", "BULLMQ"),
        Arg::word("bull", "BULL"),
        Arg::word("asynq", "ASYNQ"),
        Arg::word("saq", "SAQ"),
        Arg::word("ids", "IDS"),
    ]),
)
.token("AS")
.optional();

const FORMAT: Arg =
    Arg::new("format", ArgKind::OneOf(&[Arg::word("resp", "RESP"), Arg::word("json", "JSON")]))
        .token("FORMAT")
        .optional();

// Leaves null members in a reply of RESP.
const VERBOSE: Arg = Arg::word("verbose", "VERBOSE").optional();

const JOB_KINDS: &[Arg] = &[
    Arg::word("preview", "PREVIEW"),
    Arg::word("clear", "CLEAR"),
    Arg::word("stats", "STATS"),
    Arg::word("undo", "UNDO"),
    Arg::word("show", "SHOW"),
];

const STATUSES: &[Arg] = &[
    Arg::word("live", "LIVE"),
    Arg::word("ended", "ENDED"),
    Arg::word("pending", "PENDING"),
    Arg::word("running", "RUNNING"),
    Arg::word("paused", "PAUSED"),
    Arg::word("completed", "COMPLETED"),
    Arg::word("cancelled", "CANCELLED"),
    Arg::word("failed", "FAILED"),
    Arg::word("interrupted", "INTERRUPTED"),
];
