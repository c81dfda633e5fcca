//! What an index counted of messages that were not read.

/// Messages that an index counted. None of them was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CountedUnread {
    /// The messages.
    pub messages: u64,
    /// Matches; with INEXACT also messages of which only the sender's texts show that they match.
    pub matched: u64,
    /// The size of the matches, bytes.
    pub matched_bytes: u64,
    /// Messages of which only the sender's texts show that they match, or which group they are in.
    pub inexact: u64,
    /// Elements that are not JSON objects.
    pub undecodable: u64,
    /// Messages whose verdict is unknown.
    pub unreadable: u64,
    /// Of these, messages with a value that could not be compared.
    pub uncompared: u64,
}

/// The matches of one group that an index counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupCount {
    /// The number that the judge gave to the group.
    pub group: u32,
    /// Matches, at least one.
    pub count: u64,
    /// The size of the matches, bytes.
    pub bytes: u64,
    /// The distance from the consumer end of the match that runs next.
    pub next: u64,
    /// The distance of the match that runs last.
    pub last: u64,
}

/// How far an index has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// The distance of the first message that was not counted.
    pub at: u64,
    /// Only the bytes of that message can tell whether it matches, or which group it is in.
    pub has_to_be_read: bool,
}

/// What an index counted in earlier slices and did not give yet, because nothing happened to the list since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// The distance of the first message that was not counted.
    pub at: u64,
    /// The messages before it.
    pub counted: CountedUnread,
}
