//! How the bytes of a message are laid out: one file per format.
//!
//! A message is an *envelope*, a JSON object that is read always, and a *body* inside it, possibly encoded,
//! that is read only when a question needs it. A format may have several *variants* (Celery: protocols 1
//! and 2) which are told apart by the envelope. For each field and variant the format says in which part
//! the field stands and on which paths; [`Reader`] does the rest, the same for every format.

mod body;
mod celery;
mod reader;

pub(crate) use celery::Celery;
pub(crate) use reader::{Found, Reader};

use crate::field::Field;
use crate::json::Path;

/// Most variants of one format.
pub(crate) const VARIANTS: usize = 2;

/// The part of a message in which a field stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Not in the bytes: their number.
    Size,
    /// Not in the bytes: whether they are an envelope.
    Undecodable,
    /// In the envelope.
    Envelope,
    /// In the decoded body.
    Body,
}

/// Where to look for a field. The first path with a value that is not null is taken.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) part: Part,
    pub(crate) paths: Vec<Path>,
}

/// A layout of messages.
pub(crate) trait Format {
    /// Paths in the envelope that the format itself needs, in the order in which it gets their values.
    fn own_paths() -> Vec<Path>;

    /// Where `field` stands, per variant.
    fn places(field: &Field) -> [Place; VARIANTS];

    /// The variant of an envelope, below [`VARIANTS`]. `own` are the raw values at [`Format::own_paths`].
    fn variant(own: &[Option<&[u8]>]) -> usize;

    /// The raw name of the task, where the envelope has it.
    fn task<'m>(own: &[Option<&'m [u8]>]) -> Option<&'m [u8]>;

    /// Puts the body as JSON text into `body`. False if it cannot be had: then the body's fields are unknown, and
    /// `body` holds what was decoded until that showed.
    fn open_body(own: &[Option<&[u8]>], body: &mut Vec<u8>, scratch: &mut Vec<u8>) -> bool;
}
