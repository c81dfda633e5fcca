//! Jobs that are hashes of their own, as the texts that a filter examines.

use super::bull::{BULL_FIELDS, BullJob, BullText};
use super::rq::{RQ_FIELDS, RqPlace, rq_message};
use crate::message_place::JobKeys;

/// Writes the jobs of one key of ids. It serves any number of jobs.
#[derive(Debug)]
pub struct JobText {
    keys: JobKeys,
    bull: BullText,
}

impl JobText {
    /// Prepares for the jobs of these keys.
    #[must_use]
    pub fn new(keys: JobKeys) -> Self {
        Self { keys, bull: BullText::default() }
    }

    /// Returns the names of the keys.
    #[must_use]
    pub fn keys(&self) -> &JobKeys {
        &self.keys
    }

    /// Returns the fields of a hash that are read; fewer than 32.
    #[must_use]
    pub fn fields(&self) -> &'static [&'static str] {
        match self.keys {
            JobKeys::Rq(_) => &RQ_FIELDS,
            JobKeys::Bull(_) => &BULL_FIELDS,
        }
    }

    /// Returns the position of the field that holds a deduplication id among [`Self::fields`].
    #[must_use]
    pub fn deduplication_field(&self) -> Option<usize> {
        self.fields().iter().position(|field| *field == "deid")
    }

    /// Writes a job. `fields` has the values of [`Self::fields`]. `is_blocked` says whether there is the key that forbids
    /// removing it. The result is empty, which stands for a missing message, if the hash is not a job.
    #[must_use]
    pub fn of(&mut self, id: &[u8], fields: &[Option<&[u8]>], is_blocked: bool) -> Vec<u8> {
        match &self.keys {
            JobKeys::Rq(keys) => {
                let place =
                    RqPlace { id, queue: keys.queue(), status: keys.status(), has_dependents: is_blocked };
                fields.try_into().map_or_else(|_| Vec::new(), |fields| rq_message(&place, fields))
            }
            JobKeys::Bull(keys) => {
                let job = BullJob { id, keys, is_locked: is_blocked };
                fields.try_into().map_or_else(|_| Vec::new(), |fields| self.bull.of(&job, fields))
            }
        }
    }
}

const _: () =
    assert!(RQ_FIELDS.len() < 32 && BULL_FIELDS.len() < 32, "each field has a bit, and one is left");
