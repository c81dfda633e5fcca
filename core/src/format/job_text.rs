//! Jobs that have keys of their own, as the texts that a filter examines.

use super::asynq::{ASYNQ_FIELDS, AsynqText};
use super::bull::{BULL_FIELDS, BullJob, BullText};
use super::rq::{self, RQ_FIELDS, RqPlace, rq_message};
use crate::message_place::JobKeys;

/// The one field of a job that is a string: all of it.
const SAQ_FIELDS: [&str; 1] = [""];

/// Writes the jobs of one key of ids. It serves any number of jobs.
#[derive(Debug)]
pub struct JobText {
    keys: JobKeys,
    bull: BullText,
    asynq: AsynqText,
}

impl JobText {
    /// Prepares for the jobs of these keys.
    #[must_use]
    pub fn new(keys: JobKeys) -> Self {
        Self { keys, bull: BullText::default(), asynq: AsynqText::default() }
    }

    /// Returns the names of the keys.
    #[must_use]
    pub fn keys(&self) -> &JobKeys {
        &self.keys
    }

    /// Returns the fields of a hash that are read; fewer than 32. A string has one.
    #[must_use]
    pub fn fields(&self) -> &'static [&'static str] {
        match self.keys {
            JobKeys::Rq(_) => &RQ_FIELDS,
            JobKeys::Bull(_) => &BULL_FIELDS,
            JobKeys::Asynq(_) => &ASYNQ_FIELDS,
            JobKeys::Saq(_) => &SAQ_FIELDS,
        }
    }

    /// Returns the position of the field among [`Self::fields`] that says what the job may have reserved: see
    /// [`JobKeys::reserved`].
    #[must_use]
    pub fn reserving_field(&self) -> Option<usize> {
        let name = self.keys.reserving_field()?;
        self.fields().iter().position(|field| *field == name)
    }

    /// Writes of a job the fields by which a filter can rule it out. `fields` has the values of [`Self::fields`], and `None`
    /// for those that are not read ([`Skim::reads`](super::Skim::reads)). Returns false if nothing can be said by these alone. `json` is empty.
    pub fn skim(&mut self, id: &[u8], fields: &[Option<&[u8]>], json: &mut Vec<u8>) -> bool {
        match &self.keys {
            JobKeys::Rq(_) => fields.try_into().is_ok_and(|fields| rq::skim(id, fields, json)),
            JobKeys::Bull(_) => fields.try_into().is_ok_and(|fields| self.bull.skim(id, fields, json)),
            JobKeys::Asynq(_) => fields.try_into().is_ok_and(|fields| self.asynq.skim(fields, json)),
            JobKeys::Saq(_) => false,
        }
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
            JobKeys::Asynq(keys) => {
                fields.try_into().map_or_else(|_| Vec::new(), |fields| self.asynq.of(keys, fields))
            }
            JobKeys::Saq(_) => fields.first().copied().flatten().unwrap_or_default().to_vec(),
        }
    }
}

const _: () =
    assert!(RQ_FIELDS.len() < 32 && BULL_FIELDS.len() < 32, "each field has a bit, and one is left");
