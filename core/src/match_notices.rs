//! What somebody should know of the matches before they are cleared.
//!
//! None of this decides about a message; it is looked for in matches alone.

/// What one match is, besides a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MatchNotices {
    /// A chord waits for it: without it the chord's callback is never called.
    pub in_chord: bool,
    /// It is a member of a group.
    pub in_group: bool,
    /// It is not to run before a time.
    pub with_eta: bool,
    /// A worker had it and gave it back.
    pub redelivered: bool,
    /// That it matches, or in which group it is, is known by `argsrepr` or `kwargsrepr` alone.
    pub inexact: bool,
}

/// What stays behind elsewhere when a match is taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeftBehind {
    /// A lock that keeps equal jobs out: `lock_digest`, `unique_digest` or `unique_for` of Sidekiq's jobs.
    pub lock: bool,
    /// A batch that waits for it: `bid` of Sidekiq Pro, `data.batchId` of Laravel.
    pub batch: bool,
}

/// How many matches are so, and how many messages are spared that match by their sender's texts alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MatchNoticeCounts {
    /// Matches that a chord waits for.
    pub in_chord: u64,
    /// Matches that are members of a group.
    pub in_group: u64,
    /// Matches that are not to run before a time.
    pub with_eta: u64,
    /// Matches that a worker had and gave back.
    pub redelivered: u64,
    /// Messages of which `argsrepr` or `kwargsrepr` alone tells that they match, or in which group they are. They are
    /// among the matches where the request had INEXACT, else beside them. Not among [`MatchNoticeCounts::values`]: where groups
    /// are counted it is the only one that is looked for.
    pub inexact: u64,
    /// Matches that leave a lock behind.
    pub locks: u64,
    /// Matches that a batch waits for.
    pub batches: u64,
}

impl MatchNoticeCounts {
    /// What replies show of all matches: the counts of `in_chord`, `in_group`, `with_eta` and `redelivered`.
    #[must_use]
    pub fn values(&self) -> [u64; 4] {
        [self.in_chord, self.in_group, self.with_eta, self.redelivered]
    }

    /// Counts one match.
    pub fn count(&mut self, match_is: MatchNotices) {
        self.in_chord += u64::from(match_is.in_chord);
        self.in_group += u64::from(match_is.in_group);
        self.with_eta += u64::from(match_is.with_eta);
        self.redelivered += u64::from(match_is.redelivered);
        self.inexact += u64::from(match_is.inexact);
    }

    /// Counts what one match leaves behind.
    pub fn count_left(&mut self, left: LeftBehind) {
        self.locks += u64::from(left.lock);
        self.batches += u64::from(left.batch);
    }

    /// Counts a message that is no match, although its sender's texts say that it is one.
    pub fn count_spared(&mut self, message_is: MatchNotices) {
        self.inexact += u64::from(message_is.inexact);
    }

    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: &Self) {
        self.in_chord += other.in_chord;
        self.in_group += other.in_group;
        self.with_eta += other.with_eta;
        self.redelivered += other.redelivered;
        self.inexact += other.inexact;
        self.locks += other.locks;
        self.batches += other.batches;
    }
}

/// The sentence for whoever is about to clear so many members of chords.
#[must_use]
pub fn chord_notice(in_chord: u64) -> Option<String> {
    (in_chord > 0).then(|| {
        format!(
            "matches that a chord waits for: {in_chord}; a chord whose member is cleared never calls its callback"
        )
    })
}

/// The sentence about messages with a value that has no meaning for the filter's operator.
#[must_use]
pub fn uncompared_notice(uncompared: u64) -> Option<String> {
    (uncompared > 0).then(|| {
        format!(
            "messages with a value that could not be compared (an array, an object, or not of the operand's type): \
             {uncompared}; they do not match and are counted in unreadable"
        )
    })
}

/// The sentences for whoever is about to clear matches that leave something behind.
#[must_use]
pub fn left_notices(counts: &MatchNoticeCounts) -> [Option<String>; 2] {
    let locks = (counts.locks > 0).then(|| {
        format!(
            "matches that hold a lock (lock_digest, unique_digest, unique_for): {}; a clear leaves the lock, and jobs like \
             them are not added until it expires or is deleted",
            counts.locks
        )
    });
    let batches = (counts.batches > 0).then(|| {
        format!(
            "matches that a batch waits for (bid, data.batchId): {}; a batch whose job is cleared never completes",
            counts.batches
        )
    });
    [locks, batches]
}

/// The sentence for whoever counts messages of which so many match by their sender's texts alone. They are among the
/// matches where they are `taken`, else beside them.
#[must_use]
pub fn inexact_notice(inexact: u64, taken: bool) -> Option<String> {
    let what = match taken {
        true => "matches that are known by argsrepr or kwargsrepr alone",
        false => "not among the matches, because they are known by argsrepr or kwargsrepr alone",
    };
    (inexact > 0).then(|| format!("{what}: {inexact}; CLEARJOB takes them only with INEXACT"))
}
