//! Errors about what a command is to work on: the key, what it holds, and the node that has it.

use super::Code;
use super::quote::quote;

/// Why a command does not work on this key, or not on this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetError {
    /// The queue and another key of the command are in different slots.
    CrossSlot,
    /// The hash of unacknowledged messages and its index are in different slots.
    IndexSlot {
        /// The hash.
        queue: Vec<u8>,
        /// The index.
        index: Vec<u8>,
    },
    /// A list of ids and the hash of its messages are in different slots.
    MessageSlot {
        /// The list.
        queue: Vec<u8>,
        /// The hash.
        hash: Vec<u8>,
    },
    /// A list of ids of jobs and the keys of these jobs are in different slots.
    JobSlot {
        /// The list.
        queue: Vec<u8>,
        /// A key of a job.
        job: Vec<u8>,
    },
    /// The name of the key is not one that a library gives to a list or a sorted set of ids of jobs.
    NotOfLibrary {
        /// The key.
        queue: Vec<u8>,
        /// The words that say the kind.
        kind: &'static str,
        /// The names that the library gives: [`crate::kind::KindSpec::names`].
        names: &'static str,
    },
    /// Jobs of this state are read and not cleared.
    NotCleared {
        /// The words that say the kind.
        kind: &'static str,
    },
    /// The list has delayed jobs of resque-scheduler, whose other keys a clear would leave.
    DelayedOfResque {
        /// The list.
        list: Vec<u8>,
    },
    /// The index of a hash is not on this node any more: its slot is being migrated.
    IndexMigrating {
        /// The index.
        index: Vec<u8>,
    },
    /// A keyword was given that this container does not take.
    NotTaken {
        /// The keyword as documented.
        keyword: &'static str,
        /// What the messages of the container are called.
        messages: &'static str,
    },
    /// The elements of the sorted set are ids of jobs that a library keeps in other keys.
    SetOfIds {
        /// The library.
        library: &'static str,
        /// The keys in which it keeps a job.
        records: &'static str,
        /// The kind that reads the jobs of this library and clears them, if there is one.
        read_as: Option<&'static str>,
    },
    /// INDEX was given for a list.
    NoIndex,
    /// In a cluster, a replica was asked about a container that only commands of the server can read.
    PrimaryOnly {
        /// What the messages of the container are called.
        messages: &'static str,
    },
    /// The list that PARK would create exists already.
    ListExists {
        /// The key of the list.
        list: Vec<u8>,
    },
    /// PRIORITY names a step that the setting does not have.
    UnknownStep {
        /// The step that was given.
        step: u8,
        /// The steps of the setting, separated by blanks.
        steps: String,
    },
    /// The lists of a queue with priorities are in different slots of the cluster.
    PrioritySlots {
        /// The queue's name.
        queue: Vec<u8>,
    },
    /// PRIORITY was given for a key that is itself the list of one step.
    PriorityOfList {
        /// The key.
        queue: Vec<u8>,
    },
    /// AS is missing, and the messages look like another kind than the one they would be read as.
    LooksLike {
        /// The kind that most of the messages look like.
        looks: &'static str,
        /// The kind that they would be read as.
        taken_for: &'static str,
    },
    /// AS ids is missing, and the elements of the list are ids of jobs that a library keeps in other keys.
    ListOfIds {
        /// The library.
        library: &'static str,
        /// The keys in which it keeps a job.
        records: &'static str,
        /// The kind that reads the jobs of this library, if there is one.
        read_as: Option<&'static str>,
    },
    /// An earlier count has matches, and none of them can be shown.
    NoSample {
        /// Why none can be shown beyond the messages that run next, as a clause.
        why: &'static str,
    },
    /// Messages of a sorted set were to be moved to a key of another type.
    NotASortedSet {
        /// The key.
        key: Vec<u8>,
    },
    /// The key holds a type that no command reads.
    WrongTypeOf {
        /// What the key holds and what to do instead.
        holds: &'static str,
    },
}

impl TargetError {
    pub(super) fn describe(&self) -> (Code, String) {
        match self {
            Self::CrossSlot => (Code::CrossSlot, "Keys in request don't hash to the same slot".into()),
            Self::IndexSlot { queue, index } => {
                (Code::CrossSlot, two_slots(queue, "its index", index, "{like this}"))
            }
            Self::MessageSlot { queue, hash } => {
                let tag = "as with the namespace {dramatiq}";
                (Code::CrossSlot, two_slots(queue, "the hash of its messages", hash, tag))
            }
            Self::JobSlot { queue, job } => {
                let tag = "as with RQ_KEY_PREFIX={rq} or the prefix {bull}";
                (Code::CrossSlot, two_slots(queue, "the keys of its jobs, such as", job, tag))
            }
            Self::NotOfLibrary { queue, kind, names } => {
                (Code::Err, format!("{kind} reads {names}; the key {} has none of these names", quote(queue)))
            }
            Self::NotCleared { kind } => (Code::Err, not_cleared(kind)),
            Self::DelayedOfResque { list } => (Code::Err, delayed_of_resque(list)),
            Self::PrioritySlots { queue } => (Code::CrossSlot, priority_slots(queue)),
            Self::NotASortedSet { key } => (Code::WrongType, not_a_sorted_set(key)),
            Self::WrongTypeOf { holds } => (
                Code::WrongType,
                format!("Operation against a key holding the wrong kind of value: it is {holds}"),
            ),
            Self::IndexMigrating { index } => (
                Code::Err,
                format!(
                    "the key {} is being migrated to another node of the cluster; retry the command",
                    quote(index)
                ),
            ),
            Self::NotTaken { keyword, messages } => {
                (Code::Err, format!("{keyword} is not supported for {messages}"))
            }
            Self::SetOfIds { library, records, read_as } => {
                (Code::Err, set_of_ids(library, records, *read_as))
            }
            Self::NoIndex => (
                Code::Err,
                "INDEX is for kombu's hash of unacknowledged messages, and this key is a list; omit INDEX"
                    .into(),
            ),
            Self::PrimaryOnly { messages } => (
                Code::Err,
                format!("in a cluster, {messages} can be read on the primary only; send the command there"),
            ),
            Self::ListExists { list } => (
                Code::Err,
                format!(
                    "the key {} exists already, and PARK needs a new one; choose another ID, or use TO to \
                     move to this key",
                    quote(list)
                ),
            ),
            Self::UnknownStep { step, steps } => (
                Code::Err,
                format!("there is no priority step {step}; the steps of qadmin.priority-steps are {steps}"),
            ),
            Self::PriorityOfList { queue } => (
                Code::Err,
                format!(
                    "{} is the list of a single priority step; use PRIORITY with the queue's own name",
                    quote(queue)
                ),
            ),
            Self::LooksLike { looks, taken_for } => (Code::Err, looks_like(looks, taken_for)),
            Self::ListOfIds { library, records, read_as } => {
                (Code::Err, list_of_ids(library, records, *read_as))
            }
            Self::NoSample { why } => (
                Code::Err,
                format!(
                    "none of the messages that run next matches, and {why}; add BUST to count again and get \
                     a sample"
                ),
            ),
        }
    }
}

fn priority_slots(queue: &[u8]) -> String {
    format!(
        "the priority lists of queue {} are in different slots of the cluster; only a name with a hash tag, {{like \
         this}}, keeps them in one slot",
        quote(queue)
    )
}

fn not_cleared(kind: &str) -> String {
    format!(
        "{kind} reads jobs in :active and :waiting-children and does not clear them: workers hold the first, and the others \
         wait for their children; remove them with their library"
    )
}

fn delayed_of_resque(list: &[u8]) -> String {
    format!(
        "{} has delayed jobs of resque-scheduler, which has a set of the times of each job as well; a clear of the list would \
         leave these sets, so remove the jobs with Resque.remove_delayed_selection",
        quote(list)
    )
}

fn two_slots(queue: &[u8], what: &str, other: &[u8], tag: &str) -> String {
    format!(
        "Keys in request don't hash to the same slot: {} and {what} {}; give both names the same hash tag, {tag}",
        quote(queue),
        quote(other)
    )
}

fn looks_like(looks: &str, taken_for: &str) -> String {
    format!(
        "the messages look like those of {looks} but would be read as those of {taken_for}; add AS {looks} or AS \
         {taken_for}"
    )
}

fn list_of_ids(library: &str, records: &str, read_as: Option<&str>) -> String {
    read_as.map_or_else(
        || {
            format!(
                "the elements are ids of jobs that {library} keeps elsewhere ({records}); clearing this list removes only the \
                 ids and leaves the jobs, which then never run and may keep their ids, locks or memory; remove the jobs with \
                 {library}, or add AS ids to clear the ids anyway"
            )
        },
        |kind| with_their_jobs(library, records, kind),
    )
}

fn set_of_ids(library: &str, records: &str, read_as: Option<&str>) -> String {
    read_as.map_or_else(
        || {
            format!(
                "the members are ids of jobs that {library} keeps elsewhere ({records}); clearing this sorted set would \
                 remove only the ids and leave the jobs; remove the jobs with {library}"
            )
        },
        |kind| with_their_jobs(library, records, kind),
    )
}

fn with_their_jobs(library: &str, records: &str, kind: &str) -> String {
    format!(
        "the elements are ids of jobs that {library} keeps elsewhere ({records}); add AS {kind} to read the jobs and to clear \
         them together with their ids"
    )
}

fn not_a_sorted_set(key: &[u8]) -> String {
    format!(
        "Operation against a key holding the wrong kind of value: messages of a sorted set are moved to a sorted set, and \
         {} is not one",
        quote(key)
    )
}
