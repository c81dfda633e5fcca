//! Celery messages as kombu stores them while they are unacknowledged: `[message, exchange, routing_key]`, in
//! a hash.
//!
//! The message is the first item, with the same layout as in a queue. The other two are its destination; they
//! are used for `exchange` and `routing_key` if the message itself has none.

use super::celery::{Celery, OWN_PATHS};
use super::{FieldPlace, FieldPlaces, Format, Opened, Own};
use crate::field::{Field, Source};
use crate::json::{Path, Segment};

/// The format of these messages; see the module's documentation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unacked;

/// Items of the array.
const MESSAGE: usize = 0;
const EXCHANGE: usize = 1;
const ROUTING_KEY: usize = 2;
/// An array with one more item is something else: a worker unpacks three.
const ITEMS: usize = 3;

impl Format for Unacked {
    /// The paths of the Celery format, followed by the items and by the item that must be absent.
    fn own_paths(&self) -> Vec<Path> {
        let celery = Celery.own_paths().into_iter().map(inside_message);
        celery.chain((MESSAGE..=ITEMS).map(|at| vec![Segment::index(at)])).collect()
    }

    fn is_message(&self, _: &[u8], own: Own<'_>) -> bool {
        let item = |at: usize| own.get(OWN_PATHS + at);
        item(MESSAGE).is_some_and(|raw| raw.starts_with(b"{"))
            && item(EXCHANGE).is_some()
            && item(ROUTING_KEY).is_some()
            && item(ITEMS).is_none()
    }

    fn places(&self, field: &Field) -> FieldPlaces {
        let item = match field.source {
            Source::Delivery("exchange") => Some(EXCHANGE),
            Source::Delivery("routing_key") => Some(ROUTING_KEY),
            _ => None,
        };
        Celery.places(field).map(|place| {
            let envelope = place.envelope.into_iter().map(inside_message);
            FieldPlace {
                envelope: envelope.chain(item.map(|at| vec![Segment::index(at)])).collect(),
                ..place
            }
        })
    }

    fn variant(&self, own: Own<'_>) -> usize {
        Celery.variant(own)
    }

    fn task<'m>(&self, own: Own<'m>) -> Option<&'m [u8]> {
        Celery.task(own)
    }

    fn reprs(&self) -> Option<(usize, [Path; 2])> {
        Celery.reprs().map(|(variant, paths)| (variant, paths.map(inside_message)))
    }

    fn object_mark(&self) -> Option<Path> {
        Celery.object_mark()
    }

    fn takes_object(&self, variant: usize, marked: bool) -> bool {
        Celery.takes_object(variant, marked)
    }

    fn can_be_pickled(&self) -> bool {
        Celery.can_be_pickled()
    }

    fn open_body(&self, own: Own<'_>, opened: &mut Opened) -> bool {
        Celery.open_body(own, opened)
    }
}

fn inside_message(mut path: Path) -> Path {
    path.insert(0, Segment::index(MESSAGE));
    path
}
