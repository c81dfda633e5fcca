//! Every way in which a command can fail: the code and the only wording that users see.
//!
//! An error is one line of ASCII, `CODE text`: what was wrong and what would be right. Bytes that come
//! from a user are quoted and escaped by [`quote`], never put in raw.

mod undo;

use std::fmt::Write as _;

pub use undo::UndoError;

/// The first word of an error reply; clients switch on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// Syntax, range, or a state that forbids the request.
    Err,
    /// A destructive command without its confirmation.
    Confirm,
    /// More match than the caller expected.
    Expect,
    /// Two keys that one node of a cluster need not have together.
    CrossSlot,
    /// Unknown or forgotten job id.
    NoJob,
    /// More live jobs than `max-jobs` allows.
    TooManyJobs,
    /// The key holds something else than a list.
    WrongType,
    /// The user may not do this.
    NoPerm,
    /// A write was asked of a replica.
    ReadOnly,
    /// The server is loading its data.
    Loading,
    /// More memory is in use than `maxmemory` allows.
    Oom,
}

impl Code {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Err => "ERR",
            Self::Confirm => "CONFIRM",
            Self::Expect => "EXPECT",
            Self::CrossSlot => "CROSSSLOT",
            Self::NoJob => "NOJOB",
            Self::TooManyJobs => "TOOMANYJOBS",
            Self::WrongType => "WRONGTYPE",
            Self::NoPerm => "NOPERM",
            Self::ReadOnly => "READONLY",
            Self::Loading => "LOADING",
            Self::Oom => "OOM",
        }
    }
}

/// A failed command. One variant per way to fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// A keyword stands at the end where its value should follow.
    MissingValue {
        /// The keyword as documented.
        keyword: &'static str,
    },
    /// FIELDS or GROUPBY names a field twice: a row would have two members of that name.
    FieldTwice {
        /// The keyword as documented.
        keyword: &'static str,
        /// The name.
        name: Vec<u8>,
    },
    /// A number is not a number or not in its range.
    NumberOutOfRange {
        /// The keyword as documented.
        keyword: &'static str,
        /// Smallest accepted value.
        min: u64,
        /// Largest accepted value.
        max: u64,
        /// What was given.
        got: Vec<u8>,
    },

    // Filters.
    /// A command that needs a filter has no condition.
    NoFilter,
    /// A keyword that may stand once stands again.
    GivenTwice {
        /// The keyword as documented.
        keyword: &'static str,
        /// What says the same for several values.
        instead: &'static str,
    },
    /// An operand of no bytes.
    EmptyOperand {
        /// The keyword or field that it belongs to.
        of: Box<str>,
    },
    /// An operand that is too long.
    OperandTooLong {
        /// The keyword or field that it belongs to.
        of: Box<str>,
        /// Most bytes.
        max: usize,
    },
    /// An operand that must be an integer.
    NotAnInteger {
        /// The keyword or field that it belongs to.
        of: Box<str>,
        /// What was given.
        got: Vec<u8>,
    },
    /// An operand of a comparison by size that must be a number.
    NotANumber {
        /// The field.
        of: Box<str>,
        /// What was given.
        got: Vec<u8>,
    },
    /// An operand that must be a time.
    NotATime {
        /// The field.
        of: Box<str>,
        /// What was given.
        got: Vec<u8>,
    },
    /// GLOB on a field that is no text.
    NotText {
        /// The field.
        of: Box<str>,
    },
    /// CONTAINS on a field that is never an array.
    NotAnArray {
        /// The field.
        of: Box<str>,
    },
    /// A field that does not exist.
    UnknownField {
        /// What was given.
        got: Vec<u8>,
        /// The fields that there are.
        known: String,
    },
    /// A field name that cannot be one.
    FieldName {
        /// What was given.
        got: Vec<u8>,
        /// What is wrong, as it follows the name.
        why: &'static str,
    },
    /// An operator that does not exist.
    UnknownOperator {
        /// What was given.
        got: Vec<u8>,
    },
    /// OR where no WHERE condition stands before it.
    OrAlone,
    /// A condition that cannot be asked of any argument.
    AnyArgument {
        /// The field: `args.*` or `kwargs.*`.
        of: Box<str>,
    },
    /// WHERE with a field and nothing after it.
    MissingOperator {
        /// The field.
        of: Box<str>,
    },
    /// IN with fewer values than its count says.
    InTooShort {
        /// The count.
        count: u64,
        /// How many follow.
        got: usize,
    },
    /// More conditions than a filter may have.
    TooManyConditions {
        /// Most of them.
        max: usize,
    },
    /// All INs of a filter have more values than a filter may have.
    TooManyInValues {
        /// Most of them.
        max: u64,
    },
    /// A filter whose operands are too long together.
    FilterTooLong {
        /// Most bytes of its canonical text.
        max: usize,
    },

    // Requests.
    /// A fixed argument is missing.
    MissingArgument {
        /// The command's name.
        command: &'static str,
        /// The argument as its syntax line shows it.
        argument: String,
        /// The command's syntax line.
        syntax: String,
    },
    /// An argument stands where a keyword should, and is none of the command's.
    UnknownKeyword {
        /// The command's name.
        command: &'static str,
        /// The keywords that the command takes.
        takes: Vec<&'static str>,
        /// What was given.
        got: Vec<u8>,
    },
    /// An option is given twice.
    Repeated {
        /// The keyword as documented.
        keyword: &'static str,
    },
    /// STATS without GROUPBY.
    NoGrouping,
    /// A value is not one of a keyword's few words.
    UnknownChoice {
        /// The keyword as documented.
        keyword: &'static str,
        /// The words it takes.
        choices: &'static [&'static str],
        /// What was given.
        got: Vec<u8>,
    },
    /// A count promises more values than follow it.
    TooFewValues {
        /// The keyword as documented.
        keyword: &'static str,
        /// How many values the count promises.
        want: usize,
        /// How many arguments follow it.
        got: usize,
    },
    /// A value of a keyword is empty.
    EmptyText {
        /// The keyword as documented.
        keyword: &'static str,
    },
    /// A value of a keyword is too long.
    TooLong {
        /// The keyword as documented.
        keyword: &'static str,
        /// Most bytes that it takes.
        max: usize,
        /// How many were given.
        got: usize,
    },
    /// A value should be a UUID and is none.
    NotUuid {
        /// The keyword as documented.
        keyword: &'static str,
        /// What was given.
        got: Vec<u8>,
    },
    /// Neither RATE nor DUTY.
    NoThrottle,
    /// Neither ALL, KEEPONE nor DRYRUN.
    NoMode,
    /// TO with the queue itself.
    ToItself,
    /// TO with a key of another slot.
    CrossSlot,
    /// The index of a hash is in another slot.
    IndexSlot {
        /// The hash.
        queue: Vec<u8>,
        /// The index.
        index: Vec<u8>,
    },
    /// The index of a hash is not here any more: its slot moves.
    IndexAway {
        /// The index.
        index: Vec<u8>,
    },
    /// What can be done to a list and not to the hash of what workers hold.
    ListsOnly {
        /// The keyword as documented.
        keyword: &'static str,
    },
    /// INDEX beside a list.
    NoIndex,
    /// Both ALL and KEEPONE.
    TwoModes,
    /// A keyword that means something only beside another one.
    Needs {
        /// The keyword as documented.
        keyword: &'static str,
        /// The other one.
        other: &'static str,
    },
    /// Two keywords that cannot both be kept to.
    Excludes {
        /// The keyword as documented.
        keyword: &'static str,
        /// The other one.
        other: &'static str,
        /// Why, as a sentence.
        why: &'static str,
    },
    /// A clear without CONFIRM.
    ConfirmMissing {
        /// The queue to clear.
        queue: Vec<u8>,
    },
    /// CONFIRM names another queue.
    ConfirmOther {
        /// The queue to clear.
        queue: Vec<u8>,
        /// What was given.
        got: Vec<u8>,
    },
    /// The list that PARK would make exists.
    ListExists {
        /// Its key.
        list: Vec<u8>,
    },
    /// An undo is refused.
    Undo(UndoError),
    /// A clear was sent by a script or by another module.
    NotClient {
        /// The command's name.
        command: &'static str,
    },

    // Jobs.
    /// No such job, or it is forgotten.
    NoJob {
        /// The id as the client wrote it.
        id: Vec<u8>,
        /// Whether QUEUE, not given, might lead to the cluster node that knows the job.
        give_queue: bool,
    },
    /// A dry run would leave a record, and more memory is in use than `maxmemory` allows.
    OutOfMemory,
    /// A paused preview ended so that another job found room.
    MadeRoom,
    /// As many jobs are live as `max-jobs` allows.
    TooManyJobs {
        /// How many are live.
        live: usize,
        /// The setting's value.
        max_jobs: usize,
    },
    /// As many previews and stats are live as may be; clears still find room.
    TooManyPreviews {
        /// How many are live.
        live: usize,
        /// How many may be.
        limit: usize,
        /// The setting's value.
        max_jobs: usize,
    },
    /// The id that the caller chose belongs to a job with other arguments.
    IdInUse {
        /// The canonical id.
        id: String,
    },

    // What the server itself says, in its own words.
    /// The key holds something else than a list.
    WrongType,
    /// The user may not touch the key.
    NoPermKey,
    /// The user may not run the command.
    NoPermCommand {
        /// The command's name.
        command: &'static str,
    },
    /// A command of the server that the module calls is not there.
    NoCommand {
        /// The command's name.
        command: &'static str,
    },
    /// The user is switched off, and their connection still open.
    UserOff {
        /// The user.
        user: Vec<u8>,
    },
    /// A write was asked of a replica.
    ReadOnly,
    /// The server is loading its data.
    Loading,

    // Why a count or a job ended before its time.
    /// A primary became a replica or the other way round.
    RoleChanged,
    /// FLUSHDB or FLUSHALL.
    Flushed,
    /// SWAPDB.
    Swapped,
    /// Somebody cancelled it.
    Cancelled,
    /// The queue was edited in its middle too often.
    EditedInPlace {
        /// How often.
        times: u64,
    },
    /// More match than EXPECT says.
    Unexpected {
        /// The most that EXPECT and TOLERANCE allow.
        most: u64,
        /// How many match.
        matched: u64,
        /// How many were cleared before an edit in place made it count again.
        deleted: u64,
    },
    /// The matches have more distinct values than can be told apart.
    TooManyValues {
        /// How many can.
        max: usize,
        /// How many were cleared before.
        deleted: u64,
    },
    /// The server stopped being the one that may go on with it.
    Interrupted {
        /// Why, as a clause.
        why: &'static str,
    },
    /// The user who started the job is gone or lost the right to.
    RightLost {
        /// The user.
        user: Vec<u8>,
    },
    /// Where matches were to go.
    NoList {
        /// The key.
        key: Vec<u8>,
    },
    /// The key of the job's record holds something else than a hash.
    RecordKey {
        /// The key.
        key: Vec<u8>,
    },
    /// What the job moved that an undo undoes is not known any more.
    JournalGone,
    /// A fault of the module; the details stand in the server's log.
    Internal,
    /// A command of the module was called from inside one of the module's own writes.
    Reentrant,
    /// As many clients wait for walks over the keys as may.
    TooManyWalks {
        /// Most of them.
        max: usize,
    },
    /// More clients wait for jobs than may.
    TooManyWaiting {
        /// Most of them.
        max: usize,
    },

    // The internal command.
    /// A client sent what only a primary's link or an append-only file may.
    NotReplicated {
        /// The command's name.
        command: &'static str,
    },
    /// A unit does not fit the list that it is for.
    UnitMismatch,

    // Settings.
    /// No setting has this name.
    UnknownSetting {
        /// What was given.
        got: Vec<u8>,
        /// The settings that there are.
        known: String,
    },
    /// A setting is given twice.
    RepeatedSetting {
        /// The setting's name.
        name: &'static str,
    },
    /// A setting's name stands at the end where its value should follow.
    MissingSettingValue {
        /// The setting's name.
        name: &'static str,
    },
    /// A setting's value is not a number or not in its range.
    SettingOutOfRange {
        /// The setting's name.
        name: &'static str,
        /// Smallest accepted value.
        min: i64,
        /// Largest accepted value.
        max: i64,
        /// What the number counts.
        unit: &'static str,
        /// What was given.
        got: Vec<u8>,
    },
    /// A clear does not say what the messages are, and they look like another kind than the setting says.
    LooksLike {
        /// The kind that most look like.
        looks: &'static str,
        /// The kind that they would be taken for.
        taken_for: &'static str,
    },
    /// A clear of a list whose elements are ids of jobs that are kept elsewhere, without the word that says so.
    Ids {
        /// The library that looks into the list.
        library: &'static str,
        /// Where it keeps a job.
        records: &'static str,
    },
    /// A count that was made before has matches, and none of them can be shown.
    NoSample {
        /// Why none beyond the messages that run next.
        why: &'static str,
    },
    /// The key holds a type of which nothing is read.
    WrongTypeOf {
        /// What it holds, and what to do instead.
        holds: &'static str,
    },
    /// A setting's value is none of its words.
    SettingNoChoice {
        /// The setting's name.
        name: &'static str,
        /// The words it takes.
        words: &'static [&'static str],
        /// What was given.
        got: Vec<u8>,
    },
    /// A setting that is a text is not what it may be.
    SettingRefused {
        /// The setting's name.
        name: &'static str,
        /// What would be right, as the rest of a sentence.
        why: &'static str,
        /// What was given.
        got: Vec<u8>,
    },
    /// PRIORITY has neither ALL nor a step.
    NoPriority {
        /// What was given.
        got: Vec<u8>,
    },
    /// PRIORITY has a step that is not set.
    UnknownStep {
        /// The step.
        step: u8,
        /// Those that are.
        steps: String,
    },
    /// In a cluster what workers hold is asked of a replica.
    HeldOnPrimary,
    /// In a cluster the lists of a queue with priorities are on different nodes.
    PrioritySlots {
        /// The queue's name.
        queue: Vec<u8>,
    },
    /// PRIORITY of what is itself the list of a step.
    PriorityOfList {
        /// The name.
        queue: Vec<u8>,
    },
}

impl Error {
    /// The first word of the reply.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::MissingValue { .. } | Self::NumberOutOfRange { .. } => Code::Err,
            Self::NoFilter
            | Self::GivenTwice { .. }
            | Self::FieldTwice { .. }
            | Self::EmptyOperand { .. }
            | Self::OperandTooLong { .. }
            | Self::NotAnInteger { .. }
            | Self::NotANumber { .. }
            | Self::NotATime { .. }
            | Self::NotText { .. }
            | Self::NotAnArray { .. }
            | Self::UnknownField { .. }
            | Self::FieldName { .. }
            | Self::UnknownOperator { .. }
            | Self::OrAlone
            | Self::AnyArgument { .. }
            | Self::MissingOperator { .. }
            | Self::InTooShort { .. }
            | Self::TooManyConditions { .. }
            | Self::TooManyInValues { .. }
            | Self::FilterTooLong { .. } => Code::Err,
            Self::MissingArgument { .. }
            | Self::UnknownKeyword { .. }
            | Self::Repeated { .. }
            | Self::NoGrouping
            | Self::UnknownChoice { .. }
            | Self::TooFewValues { .. }
            | Self::EmptyText { .. }
            | Self::TooLong { .. }
            | Self::NotUuid { .. }
            | Self::NoThrottle
            | Self::NoMode
            | Self::TwoModes
            | Self::ToItself
            | Self::ListsOnly { .. }
            | Self::NoIndex
            | Self::IndexAway { .. }
            | Self::Needs { .. }
            | Self::Excludes { .. }
            | Self::NotClient { .. }
            | Self::ListExists { .. }
            | Self::IdInUse { .. } => Code::Err,
            Self::Undo(error) => error.code(),
            Self::ConfirmMissing { .. } | Self::ConfirmOther { .. } => Code::Confirm,
            Self::Unexpected { .. } => Code::Expect,
            Self::CrossSlot | Self::IndexSlot { .. } | Self::PrioritySlots { .. } => Code::CrossSlot,
            Self::NoJob { .. } => Code::NoJob,
            Self::TooManyJobs { .. } | Self::TooManyPreviews { .. } => Code::TooManyJobs,
            Self::OutOfMemory => Code::Oom,
            Self::WrongType | Self::WrongTypeOf { .. } | Self::RecordKey { .. } | Self::NoList { .. } => {
                Code::WrongType
            }
            Self::NoPermKey | Self::NoPermCommand { .. } | Self::UserOff { .. } | Self::RightLost { .. } => {
                Code::NoPerm
            }
            Self::ReadOnly | Self::RoleChanged => Code::ReadOnly,
            Self::Loading => Code::Loading,
            Self::Flushed
            | Self::Swapped
            | Self::Cancelled
            | Self::MadeRoom
            | Self::EditedInPlace { .. }
            | Self::TooManyValues { .. }
            | Self::Interrupted { .. }
            | Self::Reentrant
            | Self::TooManyWaiting { .. }
            | Self::TooManyWalks { .. }
            | Self::NotReplicated { .. }
            | Self::UnitMismatch
            | Self::JournalGone
            | Self::Internal
            | Self::UnknownSetting { .. }
            | Self::RepeatedSetting { .. }
            | Self::MissingSettingValue { .. }
            | Self::SettingOutOfRange { .. }
            | Self::SettingNoChoice { .. }
            | Self::SettingRefused { .. }
            | Self::NoPriority { .. }
            | Self::UnknownStep { .. }
            | Self::PriorityOfList { .. }
            | Self::HeldOnPrimary
            | Self::Ids { .. }
            | Self::NoSample { .. }
            | Self::NoCommand { .. }
            | Self::LooksLike { .. } => Code::Err,
        }
    }

    /// What follows the code.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::MissingValue { keyword } => format!("{keyword} needs a value"),
            Self::NumberOutOfRange { keyword, min, max, got } => {
                format!("{keyword} must be an integer from {min} to {max}, got {}", quote(got))
            }

            Self::NoFilter => "a filter is needed: at least one of TASK, REPOID, COMMITID and WHERE".into(),
            Self::GivenTwice { keyword, instead } => format!("{keyword} may be given once; use {instead}"),
            Self::FieldTwice { keyword, name } => {
                format!("{keyword} may name each field once, got {} twice", quote(name))
            }
            Self::EmptyOperand { of } => format!("the value of {} must not be empty", plain(of)),
            Self::OperandTooLong { of, max } => {
                format!("the value of {} must not be longer than {max} bytes", plain(of))
            }
            Self::NotAnInteger { of, got } => {
                format!("{} must be an integer, got {}", plain(of), quote(got))
            }
            Self::NotANumber { of, got } => {
                format!(
                    "<, <=, > and >= need a number or a time (ISO-8601 or now[+-]N[s|m|h|d]) for {}, got {}",
                    plain(of),
                    quote(got)
                )
            }
            Self::NotATime { of, got } => format!(
                "{} must be a time (ISO-8601, Unix seconds or milliseconds, or now[+-]N[s|m|h|d]), got {}",
                plain(of),
                quote(got)
            ),
            Self::NotText { of } => format!("GLOB needs a text field; {} is not one", plain(of)),
            Self::NotAnArray { of } => {
                format!("CONTAINS needs a field that may be an array; {} is not one", plain(of))
            }
            Self::UnknownField { got, known } => {
                format!("unknown field {}; fields are {}", quote(got), known)
            }
            Self::FieldName { got, why } => format!("the field name {} {why}", quote(got)),
            Self::UnknownOperator { got } => format!(
                "unknown operator {}; operators are = != < <= > >= EQ NE LT LE GT GE GLOB IN CONTAINS EXISTS MISSING",
                quote(got)
            ),
            Self::OrAlone => "OR must follow a WHERE condition: WHERE field = a OR field = b".into(),
            Self::AnyArgument { of } => format!(
                "!= and MISSING cannot be asked of any argument; name one, such as {}",
                if &**of == "args.*" { "args.0" } else { "kwargs.name" }
            ),
            Self::MissingOperator { of } => format!("WHERE {} needs an operator", plain(of)),
            Self::InTooShort { count, got } => format!("IN {count} needs {count} values, got {got}"),
            Self::TooManyConditions { max } => format!("a filter may have at most {max} conditions"),
            Self::TooManyInValues { max } => {
                format!("all INs of a filter may have at most {max} values together")
            }
            Self::FilterTooLong { max } => format!("a filter must not be longer than {max} bytes"),

            Self::MissingArgument { command, argument, syntax } => {
                format!("{command} needs {argument}: {syntax}")
            }
            Self::UnknownKeyword { command, takes, got } if takes.is_empty() => {
                format!("unknown keyword {}; {command} takes no arguments", quote(got))
            }
            Self::UnknownKeyword { command, takes, got } => {
                format!("unknown keyword {}; {command} takes {}", quote(got), takes.join(", "))
            }
            Self::Repeated { keyword } => format!("{keyword} is given twice; give it once"),
            Self::NoGrouping => "say what to group by: GROUPBY 1 task".into(),
            Self::UnknownChoice { keyword, choices, got } => {
                format!("{keyword} must be {}, got {}", one_of(choices), quote(got))
            }
            Self::TooFewValues { keyword, want, got } => {
                format!("{keyword} {want} needs {want} values after it, got {got}")
            }
            Self::EmptyText { keyword } => format!("{keyword} must not be empty"),
            Self::TooLong { keyword, max, got } => {
                format!("{keyword} must be at most {max} bytes, got {got}")
            }
            Self::NotUuid { keyword, got } => {
                format!(
                    "{keyword} must be a UUID like 6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02, got {}",
                    quote(got)
                )
            }
            Self::NoThrottle => "give RATE n (messages taken out per second, 0 = any number), DUTY percent \
                                 (0 = as the setting says), or both"
                .to_owned(),
            Self::NoMode => "say what to do with the matches: ALL clears them, \
                             KEEPONE clears all but the oldest, DRYRUN only counts"
                .to_owned(),
            Self::TwoModes => "ALL and KEEPONE exclude each other; give one of them".to_owned(),
            Self::ToItself => "TO needs another key than the queue itself".to_owned(),
            Self::CrossSlot => "Keys in request don't hash to the same slot".to_owned(),
            Self::IndexSlot { queue, index } => format!(
                "Keys in request don't hash to the same slot: {} and its index {}; both names need the same {{tag}}",
                quote(queue),
                quote(index)
            ),
            Self::IndexAway { index } => {
                format!("the index {} is on its way to another node of the cluster; ask again", quote(index))
            }
            Self::ListsOnly { keyword } => {
                format!("{keyword} is for lists, and this key is the hash of messages that workers hold")
            }
            Self::NoIndex => {
                "INDEX is for the hash of messages that workers hold, and this key is a list".to_owned()
            }
            Self::Needs { keyword, other } => format!("{keyword} needs {other} beside it"),
            Self::Excludes { keyword, other, why } => {
                format!("{keyword} and {other} exclude each other: {why}")
            }
            Self::ConfirmMissing { queue } => {
                format!("type the queue's name again to clear it: CONFIRM {}", quote(queue))
            }
            Self::ConfirmOther { queue, got } => {
                let queue = quote(queue);
                format!("{} is not the name of queue {queue}; to clear it: CONFIRM {queue}", quote(got))
            }
            Self::ListExists { list } => format!(
                "the key {} exists; PARK needs one that does not: choose another ID, or move to it by TO",
                quote(list)
            ),
            Self::Undo(error) => error.text(),
            Self::NotClient { command } => {
                format!("{command} must come from a client, not from a script or a module")
            }

            Self::NoJob { id, give_queue: false } => format!("no job with id {}", quote(id)),
            Self::NoJob { id, give_queue: true } => {
                format!("no job with id {} on this node; give QUEUE with the job's queue", quote(id))
            }
            Self::OutOfMemory => {
                "more memory is in use than maxmemory allows and a dry run leaves a record; \
                                  use QADMIN.PREVIEW, which counts the same and leaves nothing"
                    .to_owned()
            }
            Self::TooManyJobs { live, max_jobs } => format!(
                "{live} jobs are live and the setting max-jobs is {max_jobs}; \
                 wait for one, cancel one or raise max-jobs"
            ),
            Self::TooManyPreviews { live, limit, max_jobs } => format!(
                "{live} previews and stats are live and at most {limit} may be, \
                 half of the setting max-jobs ({max_jobs}); wait for one, cancel one or raise max-jobs"
            ),
            Self::IdInUse { id } => {
                format!("ID {id} belongs to a job with other arguments; choose another ID")
            }

            Self::WrongType => "Operation against a key holding the wrong kind of value".to_owned(),
            Self::NoPermKey => {
                "this user has no permissions to access one of the keys used as arguments".to_owned()
            }
            Self::NoPermCommand { command } => {
                format!("this user has no permissions to run the '{command}' command")
            }
            Self::NoCommand { command } => format!(
                "this server has no command {command}, which qadmin calls for this; it works where no \
                 rename-command takes that name away"
            ),
            Self::UserOff { user } => {
                format!(
                    "the user {} is switched off; clear as one who is on (ACL SETUSER ... on)",
                    quote(user)
                )
            }
            Self::ReadOnly => "You can't write against a read only replica.".to_owned(),
            Self::Loading => "Redis is loading the dataset in memory".to_owned(),

            Self::RoleChanged => {
                "the server changed its role between primary and replica meanwhile; ask again".to_owned()
            }
            Self::Flushed => "the database was flushed meanwhile; ask again".to_owned(),
            Self::Swapped => "databases were swapped meanwhile; ask again".to_owned(),
            Self::Cancelled => "it was cancelled".to_owned(),
            Self::MadeRoom => "it was paused and another job needed its place; start it again".to_owned(),
            Self::EditedInPlace { times } => format!("queue was edited in place {times} times"),
            Self::Unexpected { most, matched, deleted } => {
                format!("expected at most {most} matches and found {matched}; {}", cleared(*deleted))
            }
            Self::TooManyValues { max, deleted } => format!(
                "the matches have more than {max} distinct values of BY; {}; narrow the filter",
                cleared(*deleted)
            ),
            Self::Interrupted { why } => (*why).to_owned(),
            Self::RightLost { user } => format!(
                "the user {} who started the job was deleted, is switched off or may no longer clear this queue",
                quote(user)
            ),
            Self::NoList { key } => format!("the key {} holds no list any more", quote(key)),
            Self::RecordKey { key } => {
                format!("the key {} holds something else than the record of the job", quote(key))
            }
            Self::Reentrant => "called from inside a write of the module itself; call again".to_owned(),
            Self::TooManyWalks { max } => {
                format!("{max} clients wait for QADMIN.QUEUES already; ask again")
            }
            Self::TooManyWaiting { max } => {
                format!("{max} clients wait for jobs already; ask without WAIT")
            }
            Self::NotReplicated { command } => {
                format!("{command} is internal: it comes from a primary or an append-only file only")
            }
            Self::UnitMismatch => {
                "the list does not hold what the primary cleared; nothing was touched".to_owned()
            }
            Self::JournalGone => {
                "which messages the job moved is not known any more: its list qadmin:moved:<id> is \
                                  gone or was changed"
                    .to_owned()
            }
            Self::Internal => "internal fault of the module; the server's log says more".to_owned(),

            Self::UnknownSetting { got, known } => {
                format!("unknown setting {}; qadmin takes pairs of name and value: {}", quote(got), known)
            }
            Self::RepeatedSetting { name } => format!("setting {name} is given twice; give it once"),
            Self::MissingSettingValue { name } => format!("setting {name} needs a value"),
            Self::SettingOutOfRange { name, min, max, unit, got } => {
                format!("setting {name} must be an integer from {min} to {max} ({unit}), got {}", quote(got))
            }
            Self::LooksLike { looks, taken_for } => format!(
                "the messages look like {looks}'s and would be read as {taken_for}'s; say which: AS {looks} or AS \
                 {taken_for}"
            ),
            Self::Ids { library, records } => format!(
                "the elements are ids of jobs that {library} keeps elsewhere ({records}): a clear of this list alone takes \
                 the ids and leaves the jobs behind, which then never run and may keep their ids, locks or memory; remove \
                 jobs with {library}, or say AS ids to treat the ids as elements all the same"
            ),
            Self::NoSample { why } => {
                format!(
                    "none of the messages that run next matches, and {why}; BUST counts anew and shows some"
                )
            }
            Self::WrongTypeOf { holds } => {
                format!("Operation against a key holding the wrong kind of value: it is {holds}")
            }
            Self::SettingNoChoice { name, words, got } => {
                format!("setting {name} must be {}, got {}", one_of(words), quote(got))
            }
            Self::SettingRefused { name, why, got } => format!("setting {name} {why}, got {}", quote(got)),
            Self::NoPriority { got } => {
                format!("PRIORITY must be ALL or a step of the queue's priorities, got {}", quote(got))
            }
            Self::UnknownStep { step, steps } => {
                format!("there is no step {step}; qadmin.priority-steps has {steps}")
            }
            Self::HeldOnPrimary => {
                "in a cluster what workers hold is looked at on the primary, not on a replica".to_owned()
            }
            Self::PrioritySlots { queue } => format!(
                "the lists of queue {} with its priorities are in different slots of the cluster; only a name with a \
                 hash tag, {{like this}}, keeps them together",
                quote(queue)
            ),
            Self::PriorityOfList { queue } => {
                format!("{} is the list of one step; PRIORITY goes with the queue's own name", quote(queue))
            }
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.code().as_str(), self.text())
    }
}

impl std::error::Error for Error {}

/// `a, b or c`.
fn one_of(words: &[&str]) -> String {
    match words {
        [others @ .., second, last] => {
            let before: String = others.iter().map(|word| format!("{word}, ")).collect();
            format!("{before}{second} or {last}")
        }
        words => words.concat(),
    }
}

/// A keyword or field name in the middle of a sentence: as it is where it is made of harmless characters.
fn plain(name: &str) -> String {
    let harmless = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if name.len() <= QUOTE_MAX && name.bytes().all(harmless) { name.into() } else { quote(name.as_bytes()) }
}

/// Longest piece of user bytes that an error repeats; the rest shows as `...`.
pub const QUOTE_MAX: usize = 64;

/// User bytes as one line of printable ASCII between double quotes, cut at [`QUOTE_MAX`] bytes.
#[must_use]
pub fn quote(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().min(QUOTE_MAX) + 2);
    out.push('"');
    for &b in bytes.iter().take(QUOTE_MAX) {
        match b {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(b));
            }
            0x20..=0x7e => out.push(char::from(b)),
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\x{b:02x}");
            }
        }
    }
    if bytes.len() > QUOTE_MAX {
        out.push_str("...");
    }
    out.push('"');
    out
}

/// What a job that gave up did before.
fn cleared(deleted: u64) -> String {
    match deleted {
        0 => "nothing was cleared".to_owned(),
        _ => format!("nothing more than {deleted} was cleared"),
    }
}

#[cfg(test)]
mod tests;
