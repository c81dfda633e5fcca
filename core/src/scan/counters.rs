//! The counters of a job, and what one slice adds to them.

use super::judge::Judgement;
use super::unread::CountedUnread;
use crate::match_notices::MatchNoticeCounts;

/// The counters of one job. All but `deleted`, `examined_total` and `passes_run` count the present pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages that this pass has to examine.
    pub total: u64,
    /// Examined.
    pub processed: u64,
    /// Examined and matching.
    pub matched: u64,
    /// Bytes of the matching messages.
    pub matched_bytes: u64,
    /// Messages cleared, over all passes.
    pub deleted: u64,
    /// Matches that the effect would clear (equals what was cleared in this pass unless it is a dry run).
    pub would_delete: u64,
    /// Snapshot messages that left the queue before they were examined.
    pub drifted: u64,
    /// Messages pushed since the pass began.
    pub arrived: u64,
    /// Examined elements whose envelope is not a JSON object.
    pub undecodable: u64,
    /// Examined ids whose message is missing.
    pub missing: u64,
    /// Examined messages that match and are kept.
    pub kept: u64,
    /// Examined messages whose verdict is unknown.
    pub unreadable: u64,
    /// Of these, messages with a value that has no meaning for the operator.
    pub uncompared: u64,
    /// Passes begun.
    pub passes_run: u64,
    /// Examined over all passes.
    pub examined_total: u64,
    /// Counts for the match notices.
    pub match_notices: MatchNoticeCounts,
    /// Matches that are kept because a value by which they would be told apart cannot be read.
    pub unkeyed: u64,
    /// Matches that an index counted without reading them: nothing else is known of them, so they are in none
    /// of `match_notices` but `inexact`.
    pub matched_unread: u64,
}

impl Counters {
    /// Adds what one slice saw. A slice that was not carried out is never added.
    pub(super) fn add(&mut self, slice: &SliceCounts) {
        self.processed += slice.examined;
        self.examined_total += slice.examined;
        self.matched += slice.matched;
        self.matched_bytes += slice.matched_bytes;
        self.would_delete += slice.would_delete;
        self.undecodable += slice.undecodable;
        self.missing += slice.missing;
        self.kept += slice.kept;
        self.unreadable += slice.unreadable;
        self.uncompared += slice.uncompared;
        self.unkeyed += slice.unkeyed;
        self.matched_unread += slice.matched_unread;
        self.match_notices.add(&slice.match_notices);
    }
}

/// What one slice saw, in any container. [`Counters`] explains each of the counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SliceCounts {
    /// Messages examined.
    pub examined: u64,
    /// Matches.
    pub matched: u64,
    /// Bytes of the matches.
    pub matched_bytes: u64,
    /// Matches that the effect clears, or would clear if the job wrote.
    pub would_delete: u64,
    /// Messages whose envelope is not a JSON object.
    pub undecodable: u64,
    /// Ids whose message is missing.
    pub missing: u64,
    /// Messages that match and are kept.
    pub kept: u64,
    /// Messages whose verdict is unknown.
    pub unreadable: u64,
    /// Of these, messages with a value that has no meaning for the operator.
    pub uncompared: u64,
    /// Matches that are kept because a value by which they would be told apart cannot be read.
    pub unkeyed: u64,
    /// Matches that an index counted without reading them.
    pub matched_unread: u64,
    /// Counts for the match notices.
    pub match_notices: MatchNoticeCounts,
}

impl SliceCounts {
    /// Counts what the verdict about one examined message says.
    #[inline]
    pub(super) fn add_verdict(&mut self, verdict: &Judgement) {
        self.undecodable += u64::from(verdict.undecodable);
        self.missing += u64::from(verdict.missing);
        self.kept += u64::from(verdict.kept);
        self.unreadable += u64::from(verdict.unreadable);
        self.uncompared += u64::from(verdict.uncompared);
        if !verdict.matched {
            self.match_notices.count_spared(verdict.match_notices);
        }
    }

    /// Counts messages that an index excludes, of which some are not JSON objects.
    pub(super) fn add_passed(&mut self, messages: u64, undecodable: u64) {
        self.examined += messages;
        self.undecodable += undecodable;
    }

    /// Counts messages that an index counted without reading them.
    pub(super) fn add_unread(&mut self, counted: &CountedUnread) {
        self.examined += counted.messages;
        self.matched += counted.matched;
        self.matched_unread += counted.matched;
        self.matched_bytes += counted.matched_bytes;
        self.undecodable += counted.undecodable;
        self.unreadable += counted.unreadable;
        self.uncompared += counted.uncompared;
        self.match_notices.inexact += counted.inexact;
    }

    /// Counts one match of this many bytes, which is cleared if `is_cleared`: in addition to
    /// [`Self::add_verdict`].
    #[inline]
    pub(super) fn add_match(&mut self, verdict: &Judgement, bytes: u64, is_cleared: bool) {
        self.matched += 1;
        self.matched_bytes += bytes;
        self.match_notices.count(verdict.match_notices);
        self.match_notices.count_left(verdict.left);
        self.would_delete += u64::from(is_cleared);
    }
}
