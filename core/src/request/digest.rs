//! SHA-256 over values with visible borders: each has a fixed width or its length before it, so no two sequences
//! of values have the same bytes.

use crate::job::JobTarget;
use crate::priorities::List;
use sha2::{Digest as _, Sha256};

/// A digest that is being computed.
pub(super) struct Digest(Sha256);

impl Digest {
    /// `purpose` keeps digests of different things apart.
    pub(super) fn new(purpose: &str) -> Self {
        Self(Sha256::new()).bytes(purpose.as_bytes())
    }

    pub(super) fn int(mut self, n: i32) -> Self {
        self.0.update(n.to_le_bytes());
        self
    }

    pub(super) fn flag(mut self, on: bool) -> Self {
        self.0.update([u8::from(on)]);
        self
    }

    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    pub(super) fn count(mut self, n: usize) -> Self {
        self.0.update((n as u64).to_le_bytes());
        self
    }

    /// Adds the lists of a queue and the priority of each, if the command has PRIORITY. Their lengths are not part
    /// of it.
    pub(super) fn lists(self, lists: &[(List, u64)]) -> Self {
        let each =
            |digest: Self, (list, _): &(List, u64)| digest.bytes(&list.key).number(list.step.map(u64::from));
        lists.iter().fold(self.count(lists.len()), each)
    }

    pub(super) fn optional(self, bytes: Option<&[u8]>) -> Self {
        match bytes {
            None => self.flag(false),
            Some(bytes) => self.flag(true).bytes(bytes),
        }
    }

    pub(super) fn number(self, number: Option<u64>) -> Self {
        self.optional(number.map(u64::to_le_bytes).as_ref().map(<[u8; 8]>::as_slice))
    }

    pub(super) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// Returns the key under which a count of a preview is cached and a live preview is joined. It tells apart logical
/// databases, the lists of the queue, the message kind, the canonical text of the filter, whether matches that are
/// known by the texts of their sender alone count, whether pickled bodies are read, and the default fields of rows.
#[must_use]
pub(super) fn preview_key(target: &JobTarget, canonical_filter: &[u8], inexact: bool) -> [u8; 32] {
    let kind = target.messages.spec().name.as_bytes();
    let digest = Digest::new("preview").int(target.db).lists(&target.lists);
    let digest = digest.bytes(kind).bytes(canonical_filter).flag(inexact).flag(target.reads_pickle);
    // Live and remembered jobs keep their rows as they are shown.
    target.sample_fields.iter().fold(digest, |digest, name| digest.bytes(name)).finish()
}

/// Returns the same for unacknowledged messages, in the order of that index.
pub(super) fn unacked_key(key: &[u8; 32], index: &[u8]) -> [u8; 32] {
    Digest::new("unacked").bytes(key).bytes(index).finish()
}
