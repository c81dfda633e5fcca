//! The differences between the containers whose messages are walked in the order of a sorted set.

use std::fmt::Debug;

use super::{IndexScan, TASKS_GO_ON, lost_notice};

/// One of these containers.
pub trait Layout: Debug + Sized + 'static {
    /// The member of a sample row that has the score, as a time in Unix milliseconds.
    const TIME: &'static str;

    /// Returns notices about this container for a reader of the counts.
    fn notices(scan: &IndexScan<Self>) -> Vec<String>;
}

/// kombu's hash of unacknowledged messages. The members of its index are the fields of the hash.
#[derive(Debug)]
pub struct Unacked;

/// A sorted set whose members are the messages themselves. The score is the time at which a message is to run
/// or was given up.
#[derive(Debug)]
pub struct SortedSet;

/// A sorted set whose members are ids. The messages are elsewhere, and a missing one is counted like any other.
#[derive(Debug)]
pub struct SetOfIds;

impl Layout for Unacked {
    const TIME: &'static str = "delivered_at";

    fn notices(scan: &IndexScan<Self>) -> Vec<String> {
        let mut notices = vec![TASKS_GO_ON.to_owned()];
        notices.extend(lost_notice(scan.lost));
        if scan.empty > 0 {
            notices.push(format!("entries of the index without a message, which were kept: {}", scan.empty));
        }
        if scan.doubtful > 0 {
            notices.push(format!(
                "matches that were kept because they may have been delivered after the command: {}; another job clears \
                 those that are still unacknowledged",
                scan.doubtful
            ));
        }
        if scan.index_gone && !scan.gone {
            notices.push(
                "the index was emptied, deleted or replaced before the scan reached its end".to_owned(),
            );
        }
        notices
    }
}

impl Layout for SortedSet {
    const TIME: &'static str = "run_at";

    fn notices(scan: &IndexScan<Self>) -> Vec<String> {
        let mut notices = doubtful_notice(scan);
        if scan.kept_back > 0 {
            notices.push(format!(
                "matches that were not moved because the destination holds the same messages already: {}",
                scan.kept_back
            ));
        }
        notices
    }
}

impl Layout for SetOfIds {
    const TIME: &'static str = SortedSet::TIME;

    fn notices(scan: &IndexScan<Self>) -> Vec<String> {
        doubtful_notice(scan)
    }
}

fn doubtful_notice<L: Layout>(scan: &IndexScan<L>) -> Vec<String> {
    let notice = (scan.doubtful > 0).then(|| {
        format!(
            "matches that were kept because they may have been added after the command: {}; another job clears those that \
             are still there",
            scan.doubtful
        )
    });
    notice.into_iter().collect()
}
