//! What a user should know about the matches before clearing them.
//!
//! None of this decides about a message. It is read only for matches.

/// The notices that apply to one match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MatchNotices {
    /// A chord waits for it: without it the chord's callback is never called.
    pub in_chord: bool,
    /// It is a member of a group.
    pub in_group: bool,
    /// It must not run before a time.
    pub with_eta: bool,
    /// A worker had received it and gave it back.
    pub redelivered: bool,
    /// Only `argsrepr` or `kwargsrepr` shows that it matches, or which group it is in.
    pub inexact: bool,
}

/// What a match leaves elsewhere when it is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeftBehind {
    /// A lock that prevents equal jobs: `lock_digest`, `unique_digest` or `unique_for` of Sidekiq's jobs,
    /// `uniqueLockOwner`, `uniqueFor` or `uniqueId` of Laravel's.
    pub lock: bool,
    /// A batch that waits for it: `bid` of Sidekiq Pro, `data.batchId` of Laravel.
    pub batch: bool,
    /// Other jobs that Laravel adds once it has run.
    pub chain: bool,
    /// The rest of a pipeline that it would start: `options.pipe_target` of Dramatiq, `on_complete` of Huey.
    pub pipeline: bool,
    /// The callbacks of a group that wait for it: `options.group_completion_uuid` of Dramatiq.
    pub callback: bool,
}

/// How many matches each notice applies to, and how many messages are kept that match by their sender's texts
/// alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MatchNoticeCounts {
    /// Matches that a chord waits for.
    pub in_chord: u64,
    /// Matches that are members of a group.
    pub in_group: u64,
    /// Matches that must not run before a time.
    pub with_eta: u64,
    /// Matches that a worker had received and gave back.
    pub redelivered: u64,
    /// Messages of which only `argsrepr` or `kwargsrepr` shows that they match, or which group they are in. With
    /// INEXACT they are among the matches, otherwise in addition to them. Not among [`MatchNoticeCounts::values`]:
    /// it is the only count that is also made for groups.
    pub inexact: u64,
    /// Matches that leave a lock.
    pub locks: u64,
    /// Matches that a batch waits for.
    pub batches: u64,
    /// Matches that hold the jobs that are to follow them.
    pub chains: u64,
    /// Matches that a pipeline continues after.
    pub pipelines: u64,
    /// Matches that the callbacks of a group wait for.
    pub callbacks: u64,
}

impl MatchNoticeCounts {
    /// Returns the counts that replies show of all matches: `in_chord`, `in_group`, `with_eta` and `redelivered`.
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

    /// Counts what one match leaves elsewhere.
    pub fn count_left(&mut self, left: LeftBehind) {
        self.locks += u64::from(left.lock);
        self.batches += u64::from(left.batch);
        self.chains += u64::from(left.chain);
        self.pipelines += u64::from(left.pipeline);
        self.callbacks += u64::from(left.callback);
    }

    /// Counts a message that does not match, although its sender's texts say that it does.
    pub fn count_spared(&mut self, message_is: MatchNotices) {
        self.inexact += u64::from(message_is.inexact);
    }

    /// Adds other counts.
    pub fn add(&mut self, other: &Self) {
        self.in_chord += other.in_chord;
        self.in_group += other.in_group;
        self.with_eta += other.with_eta;
        self.redelivered += other.redelivered;
        self.inexact += other.inexact;
        self.locks += other.locks;
        self.batches += other.batches;
        self.chains += other.chains;
        self.pipelines += other.pipelines;
        self.callbacks += other.callbacks;
    }
}

/// Returns the notice about members of chords.
#[must_use]
pub fn chord_notice(in_chord: u64) -> Option<String> {
    (in_chord > 0).then(|| {
        format!(
            "matches that a chord waits for: {in_chord}; a chord whose member is cleared never calls its callback"
        )
    })
}

/// Returns the notice about what is not known of matches that an index counted without reading them.
#[must_use]
pub fn unread_notice(matched_unread: u64) -> Option<String> {
    (matched_unread > 0).then(|| {
        "in_chord, in_group, with_eta and redelivered are not counted where an index answers; BUST reads the messages and \
         counts them"
            .to_owned()
    })
}

/// Returns the notice about messages with a value that has no meaning for the filter's operator.
#[must_use]
pub fn uncompared_notice(uncompared: u64) -> Option<String> {
    (uncompared > 0).then(|| {
        format!(
            "messages with a value that could not be compared (an array, an object, or not of the operand's type): \
             {uncompared}; they do not match and are counted in unreadable"
        )
    })
}

/// Returns the notices about matches that leave locks, batches, chains, pipelines or callbacks of groups.
#[must_use]
pub fn left_notices(counts: &MatchNoticeCounts) -> [Option<String>; 5] {
    let locks = (counts.locks > 0).then(|| {
        format!(
            "matches that hold a lock (lock_digest, unique_digest, unique_for, unique jobs of Laravel): {}; a clear leaves the lock, and jobs like \
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
    let chains = (counts.chains > 0).then(|| {
        format!(
            "matches that hold the rest of a chain: {}; the jobs of a chain after one that is cleared are never added",
            counts.chains
        )
    });
    let pipelines = (counts.pipelines > 0).then(|| {
        format!(
            "matches that a pipeline continues after (options.pipe_target, on_complete of Huey): {}; the rest of the pipeline of a cleared message \
             never runs",
            counts.pipelines
        )
    });
    let callbacks = (counts.callbacks > 0).then(|| {
        format!(
            "matches that the callbacks of a group wait for (options.group_completion_uuid): {}; a group whose member is \
             cleared never calls them",
            counts.callbacks
        )
    });
    [locks, batches, chains, pipelines, callbacks]
}

/// Returns the notice about messages that match by their sender's texts alone. They are among the matches if they
/// are `taken`, otherwise in addition to them.
#[must_use]
pub fn inexact_notice(inexact: u64, taken: bool) -> Option<String> {
    let what = match taken {
        true => "matches that are known by argsrepr or kwargsrepr alone",
        false => "not among the matches, because they are known by argsrepr or kwargsrepr alone",
    };
    (inexact > 0).then(|| format!("{what}: {inexact}; CLEARJOB takes them only with INEXACT"))
}
