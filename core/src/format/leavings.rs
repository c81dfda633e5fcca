//! What a removed message leaves elsewhere: locks and batches that are named in its envelope.

use crate::json::{Paths, Scanner, Shape, Span};
use crate::kind::MessageKind;
use crate::match_notices::LeftBehind;

use super::keys;

/// Members that name a lock. The gem sidekiq-unique-jobs writes `lock_digest` and, before version 7,
/// `unique_digest`; Sidekiq Enterprise writes `unique_for`.
const LOCKS: [&[&str]; 3] = [&["lock_digest"], &["unique_digest"], &["unique_for"]];
/// Members that name a batch: `bid` of Sidekiq Pro and `data.batchId` of Laravel (as of 12.51).
const BATCHES: [&[&str]; 2] = [&["bid"], &["data", "batchId"]];

/// Reads matches and finds what they leave elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Leavings {
    scanner: Scanner,
    paths: Paths,
    slots: Vec<usize>,
    spans: Vec<Option<Span>>,
}

impl Leavings {
    /// Creates a reader for messages of a kind; `None` if messages of this kind name no locks and batches.
    /// Laravel's messages are read as Resque's.
    pub(crate) fn of(kind: MessageKind) -> Option<Self> {
        match kind {
            MessageKind::Sidekiq | MessageKind::Resque => {
                let members = LOCKS.iter().chain(&BATCHES).map(|names| keys(names));
                let (paths, slots) = Paths::new(members.collect::<Vec<_>>().iter());
                Some(Self { spans: vec![None; paths.slots()], paths, slots, ..Self::default() })
            }
            MessageKind::Celery | MessageKind::Ids | MessageKind::Unacked => None,
        }
    }

    /// Returns what this message leaves elsewhere.
    pub(crate) fn examine(&mut self, message: &[u8]) -> LeftBehind {
        if !self.scanner.scan(message, &self.paths, &mut self.spans) {
            return LeftBehind::default();
        }
        let names = |at: usize| {
            let span = self.spans[self.slots[at]];
            span.map(|span| span.of(message))
                .is_some_and(|raw| Shape::of(raw) != Shape::Null && raw != b"false" && raw != b"\"\"")
        };
        let locks = LOCKS.len();
        LeftBehind { lock: (0..locks).any(names), batch: (locks..locks + BATCHES.len()).any(names) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_and_batches_are_seen_where_their_libraries_write_them() {
        let mut sidekiq = Leavings::of(MessageKind::Sidekiq).expect("some");
        let mut examine = |message: &str| {
            let LeftBehind { lock, batch } = sidekiq.examine(message.as_bytes());
            (lock, batch)
        };
        assert_eq!(examine(r#"{"class":"A","args":[],"lock_digest":"uniquejobs:ab"}"#), (true, false));
        assert_eq!(examine(r#"{"class":"A","args":[],"unique_digest":"ab","bid":"b-1"}"#), (true, true));
        assert_eq!(examine(r#"{"class":"A","args":[],"unique_for":600}"#), (true, false));
        assert_eq!(examine(r#"{"job":"J","data":{"batchId":"9d0f"}}"#), (false, true));
        for nothing in [
            r#"{"class":"A","args":["lock_digest"],"lock_digest":null,"unique_for":false,"bid":""}"#,
            r#"{"data":{"batchId":null}}"#,
            "junk",
        ] {
            assert_eq!(examine(nothing), (false, false), "{nothing}");
        }
        assert!(Leavings::of(MessageKind::Celery).is_none());
    }
}
