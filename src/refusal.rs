//! Why the server refuses a unit.

/// Why a unit cannot be written now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A later attempt may succeed; the text for `waiting`.
    Wait(&'static str),
    /// The slot of the queue is no longer served here.
    Moved,
    /// The record's key holds another type.
    RecordKey,
    /// The destination of the matches holds another type.
    Destination {
        /// The type that it should hold.
        wanted: &'static str,
    },
}

impl Refusal {
    /// A later attempt may succeed.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::Wait(_))
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Wait(why) => why,
            Self::Moved => "its slot moved to another node of the cluster",
            Self::RecordKey => "its key holds something else",
            Self::Destination { .. } => "the key to which matches are moved holds another type",
        })
    }
}

/// Returns what the server's refusal means for a job.
pub(crate) fn reason(line: &[u8]) -> Refusal {
    let says = |word: &[u8]| line.windows(word.len()).any(|w| w == word);
    if says(b"WRONGTYPE") {
        Refusal::RecordKey
    } else if says(b"NOREPLICAS") {
        Refusal::Wait("not enough good replicas to write (min-replicas-to-write)")
    } else if says(b"MISCONF") {
        Refusal::Wait("the server cannot persist to disk and refuses writes (MISCONF)")
    } else if says(b"READONLY") {
        Refusal::Wait("the server is a read-only replica")
    } else if says(b"non local key") {
        Refusal::Moved
    } else if says(b"cluster is down") {
        Refusal::Wait("the cluster is down")
    } else {
        Refusal::Wait("the server refuses writes")
    }
}
