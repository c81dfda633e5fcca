//! The naive queue: a list of messages that know which one they are.

use std::collections::VecDeque;
use std::rc::Rc;

use super::align::{Slot, missing};
use super::job::{Job, Status};
use super::rng::Rng;

/// Which side of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Head,
    Tail,
}

impl End {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Head => "LEFT",
            Self::Tail => "RIGHT",
        }
    }
}

/// What a message is to the filters of the jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    A,
    B,
    Other,
    /// No JSON at all.
    Undecodable,
}

pub(super) const KINDS: [Kind; 4] = [Kind::A, Kind::B, Kind::Other, Kind::Undecodable];

/// A message before it is in a queue.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) kind: Kind,
    pub(super) bytes: Rc<Vec<u8>>,
}

/// A message in a queue. The server never sees `uid`: it tells byte-identical messages apart, and a message
/// that left and came back from the one that it was.
#[derive(Debug, Clone)]
pub(super) struct Msg {
    pub(super) uid: u64,
    pub(super) text: Text,
}

/// Makes messages of one run.
#[derive(Debug)]
pub(super) struct Maker {
    /// Each message has an id of its own; else all of a kind are the same bytes.
    pub(super) unique: bool,
    /// How often each kind comes, in percent.
    pub(super) shares: [usize; 4],
    pub(super) padding: usize,
    pub(super) made: u64,
}

impl Maker {
    pub(super) fn text(&mut self, rng: &mut Rng) -> Text {
        let mut dice = rng.below(100);
        let at = self.shares.iter().position(|share| match dice.checked_sub(*share) {
            Some(rest) => {
                dice = rest;
                false
            }
            None => true,
        });
        let kind = KINDS[at.unwrap_or(2)];
        self.made += u64::from(self.unique);
        let (id, pad) = (self.made, "-".repeat(self.padding));
        let bytes = match kind {
            Kind::Undecodable => format!("no message {id} {pad}"),
            Kind::A | Kind::B | Kind::Other => format!(
                r#"{{"body":"W10=","headers":{{"task":"{kind:?}","id":"{id}","pad":"{pad}"}},"properties":{{}}}}"#
            ),
        };
        Text { kind, bytes: Rc::new(bytes.into_bytes()) }
    }
}

/// One queue with the jobs that work on it.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Front = head.
    pub(super) list: VecDeque<Msg>,
    /// Another list in the same database, without jobs.
    pub(super) side: VecDeque<Text>,
    pub(super) jobs: Vec<Job>,
    uids: u64,
}

impl Queue {
    fn msg(&mut self, text: Text) -> Msg {
        self.uids += 1;
        Msg { uid: self.uids, text }
    }

    /// Ids of the jobs.
    pub(super) fn ids(&self) -> Vec<String> {
        self.jobs.iter().map(|job| job.id.clone()).collect()
    }

    /// L/RPUSH of one message.
    pub(super) fn push(&mut self, end: End, text: &Text) {
        let msg = self.msg(text.clone());
        match end {
            End::Head => self.list.push_front(msg),
            End::Tail => self.list.push_back(msg),
        }
        self.jobs.iter_mut().for_each(Job::message_arrived);
    }

    /// Takes one message off an end; the caller calls [`Queue::gone_if_empty`] after its command.
    pub(super) fn pop(&mut self, end: End) -> Option<Text> {
        let msg = match end {
            End::Head => self.list.pop_front(),
            End::Tail => self.list.pop_back(),
        }?;
        self.jobs.iter_mut().for_each(|job| job.message_left(&msg));
        Some(msg.text)
    }

    /// A list without messages is no key: it is as good as deleted.
    pub(super) fn gone_if_empty(&mut self) {
        if self.list.is_empty() {
            self.gone();
        }
    }

    /// The key was deleted, renamed away, replaced.
    pub(super) fn gone(&mut self) {
        self.list.clear();
        self.jobs.iter_mut().for_each(Job::queue_gone);
    }

    /// The list was changed inside: `change` puts in texts at indexes and takes out others.
    pub(super) fn edit(&mut self, change: impl FnOnce(&mut VecDeque<Msg>, &mut dyn FnMut(Text) -> Msg)) {
        let mut list = std::mem::take(&mut self.list);
        let mut fresh = Vec::new();
        change(&mut list, &mut |text| {
            let msg = self.msg(text);
            fresh.push(msg.uid);
            msg
        });
        self.list = list;
        for job in &mut self.jobs {
            // What was not pushed at an end cannot be told from the snapshot: it may be examined.
            job.queue_edited(&fresh);
        }
        self.gone_if_empty();
    }

    /// Compares with what the server has after slices ran: everything is there in its order but what a job
    /// may have cleared, and the jobs' counters say the same.
    pub(super) fn settle(&mut self, now: &[Vec<u8>], statuses: &[Status]) {
        let may_go = |msg: &Msg| self.jobs.iter().any(|job| job.may_clear(msg));
        let before: Vec<Slot<'_>> =
            self.list.iter().map(|msg| Slot { bytes: &msg.text.bytes, may_go: may_go(msg) }).collect();
        let Some(indexes) = missing(&before, now) else {
            let kinds = |mut of: Vec<String>| {
                of.truncate(60);
                of.join("\n  ")
            };
            panic!(
                "the queue lost or moved a message that no job may touch\nexpected (? = may be cleared):\n  {}\nfound:\n  {}",
                kinds(
                    before
                        .iter()
                        .map(|s| format!(
                            "{}{}",
                            String::from_utf8_lossy(s.bytes),
                            if s.may_go { " ?" } else { "" }
                        ))
                        .collect()
                ),
                kinds(now.iter().map(|m| String::from_utf8_lossy(m).into_owned()).collect()),
            );
        };
        let mut taken = Vec::new();
        for index in indexes.iter().rev() {
            taken.extend(self.list.remove(*index));
        }
        let cleared = |(job, status): (&Job, &Status)| status.deleted - job.seen.deleted;
        let by: Vec<i64> = self.jobs.iter().zip(statuses).map(cleared).collect();
        let all: i64 = by.iter().sum();
        assert_eq!(
            all,
            i64::try_from(taken.len()).expect("small"),
            "cleared messages = `deleted`: {statuses:?}"
        );
        for (at, status) in statuses.iter().enumerate() {
            self.jobs[at].slices_ran(status, &taken, all - by[at], &self.list);
        }
        // Who ended is done with: nothing that happens now may change its counters, which `ended` compared.
        let mut ended = statuses.iter().map(Status::has_ended);
        self.jobs.retain(|_| !ended.next().unwrap_or(false));
    }
}
