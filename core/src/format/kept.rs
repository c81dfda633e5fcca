//! Says which messages no clear may remove although they match.

use super::keys;
use super::{asynq, bull, rq, saq};
use crate::json::{Paths, Scanner, Span};
use crate::kind::MessageKind;

/// Says which messages no clear may remove although they match: a text says so by members that have another value than the
/// messages that are removed.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    /// A message without these members is kept as well.
    are_required: bool,
    /// The value of these members in messages that are removed.
    removed: &'static [u8],
    /// What is not kept although nothing is known of it.
    unknown: &'static [u8],
    scanner: Scanner,
    paths: Paths,
    slots: Vec<usize>,
    spans: Vec<Option<Span>>,
}

impl Kept {
    /// Returns what says this of a kind; `None` if there are no such messages.
    pub(crate) fn of(kind: MessageKind) -> Option<Self> {
        let (flags, are_required, removed, unknown): (&[&str], bool, &[u8], &[u8]) = match kind {
            MessageKind::Rq => (&rq::FLAGS, true, b"0", b""),
            MessageKind::Asynq => (&[asynq::KEPT], false, b"0", asynq::UNREADABLE),
            MessageKind::BullMq | MessageKind::Bull => (&[bull::KEPT], false, b"0", bull::UNREADABLE),
            MessageKind::Saq => (&[saq::STATUS], true, saq::QUEUED, b""),
            _ => return None,
        };
        let paths: Vec<_> = flags.iter().map(|flag| keys(&[flag])).collect();
        let (paths, slots) = Paths::new(paths.iter());
        let spans = vec![None; paths.slots()];
        Some(Self { are_required, removed, unknown, scanner: Scanner::default(), paths, slots, spans })
    }

    /// Returns whether this message has to be kept, also if that cannot be known.
    pub(crate) fn keeps(&mut self, message: &[u8]) -> bool {
        if !self.scanner.scan(message, &self.paths, &mut self.spans) {
            return message != self.unknown;
        }
        let mut flags = self.slots.iter().map(|slot| self.spans[*slot].map(|span| span.of(message)));
        flags.any(|flag| flag.map_or(self.are_required, |flag| flag != self.removed))
    }
}
