//! What requests have in common that count the messages of a queue and change nothing.

use super::{Request, TargetOptions};
use crate::arrival::ArrivalField;
use crate::error::Error;
use crate::field::Field;
use crate::filter::Filter;
use crate::job::{Accepted, JobTarget, Start};

/// A request that counts messages. Equal requests share one job: see [`Self::key`].
pub trait CountRequest: Request + Clone {
    /// Returns the queue, and its messages.
    fn target(&self) -> &TargetOptions;

    /// Returns the filter; [`Filter::all`] if the command requires none and none was given.
    fn filter(&self) -> &Filter;

    /// Returns whether it requests a new count, whatever was counted before.
    fn busts(&self) -> bool;

    /// Returns whether it requests no count.
    fn skips_count(&self) -> bool {
        false
    }

    /// Returns the sample that it requests; `None` if the command has none.
    fn sample(&self) -> Option<SampleOptions<'_>> {
        None
    }

    /// The field, if the filter or the sample has one, that only an index of the list knows.
    fn arrival_field(&self) -> Option<&str> {
        let shown = self.sample().and_then(|sample| sample.fields).unwrap_or_default();
        let shown = shown.iter().filter_map(|name| Field::parse_sample(name).ok());
        let of_sample = shown.filter_map(|field| field.arrival()).next().map(ArrivalField::name);
        self.filter().arrival_field().or(of_sample)
    }

    /// Returns the key by which equal requests find each other's jobs and counts: it tells apart everything that
    /// changes what is counted.
    fn key(&self, target: &JobTarget) -> [u8; 32];

    /// Returns what its job starts with.
    ///
    /// # Errors
    /// What is wrong with the fields of the sample.
    fn start(&self, accepted: Accepted) -> Result<Start, Error>;
}

/// The requested sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleOptions<'a> {
    /// Most rows.
    pub rows: usize,
    /// Names of the fields, if the request chose them. A live job is joined only by requests with the same names,
    /// because it keeps its rows as they are shown.
    pub fields: Option<&'a [Vec<u8>]>,
}
