//! A ledger of every message that no filter matches, from its push to its pop.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};

/// A message that no filter matches and no worker has popped yet.
#[derive(Debug, Clone, Copy)]
struct Entry {
    producer: usize,
    number: u64,
    /// Whether it was popped and put back: its position then has no meaning any more.
    returned: bool,
}

/// The messages that were pushed and not popped. Every popped message must be in it, once; every message in
/// it must be in the queue when all clients are stopped.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    outstanding: HashMap<u64, Entry>,
    /// The number of messages without a matching filter that were pushed so far.
    pub(crate) pushed: u64,
    /// The number of these messages that workers took and kept.
    pub(crate) popped: u64,
}

fn digest(message: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    message.hash(&mut hasher);
    hasher.finish()
}

impl Ledger {
    /// Records that a message is about to be pushed (in advance, because a worker can be faster than the
    /// reply).
    pub(crate) fn will_push(&mut self, message: &[u8], producer: usize, number: u64) {
        self.pushed += 1;
        self.outstanding.insert(digest(message), Entry { producer, number, returned: false });
    }

    /// Records that the push was refused.
    pub(crate) fn refused(&mut self, message: &[u8]) {
        self.pushed -= 1;
        self.outstanding.remove(&digest(message));
    }

    /// Records that a worker took a message. Returns the producer and the number of the message, if its order
    /// is known.
    ///
    /// # Errors
    /// Returns an error if it was never pushed, or was popped before.
    pub(crate) fn popped(&mut self, message: &[u8]) -> Result<Option<(usize, u64)>, String> {
        self.popped += 1;
        let entry = self.outstanding.remove(&digest(message)).ok_or_else(|| stranger(message))?;
        Ok((!entry.returned).then_some((entry.producer, entry.number)))
    }

    /// Records that a worker took a message and is about to put it back.
    ///
    /// # Errors
    /// Returns an error if it was never pushed, or was popped before.
    pub(crate) fn returned(&mut self, message: &[u8]) -> Result<(), String> {
        let entry = self.outstanding.get_mut(&digest(message)).ok_or_else(|| stranger(message))?;
        entry.returned = true;
        Ok(())
    }

    /// Compares the ledger with the messages of the queue that no filter matches, the one that runs next
    /// first, while all clients are stopped.
    ///
    /// # Errors
    /// Returns which messages are missing, duplicated, unknown or out of order.
    pub(crate) fn compare(&self, queue: &[&[u8]]) -> Result<(), String> {
        let mut seen = HashMap::new();
        let mut last: HashMap<usize, u64> = HashMap::new();
        for message in queue {
            let key = digest(message);
            let entry = self.outstanding.get(&key).ok_or_else(|| stranger(message))?;
            if seen.insert(key, ()).is_some() {
                return Err(format!(
                    "message {} of producer {} is there twice",
                    entry.number, entry.producer
                ));
            }
            if entry.returned {
                continue;
            }
            if let Some(before) = last.insert(entry.producer, entry.number)
                && before >= entry.number
            {
                let (producer, number) = (entry.producer, entry.number);
                return Err(format!(
                    "order: message {number} of producer {producer} is after message {before}"
                ));
            }
        }
        match self.outstanding.iter().find(|(key, _)| !seen.contains_key(*key)) {
            Some((_, entry)) => Err(format!(
                "lost: message {} of producer {} is neither popped nor in the queue ({} in the queue, {} \
                 outstanding)",
                entry.number,
                entry.producer,
                queue.len(),
                self.outstanding.len()
            )),
            None => Ok(()),
        }
    }

    /// Records that the checks themselves emptied the queue.
    pub(crate) fn drained(&mut self) {
        self.outstanding.clear();
    }
}

fn stranger(message: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(message).chars().take(200).collect();
    format!("popped or queued, but never pushed, or popped before: {text}")
}

#[cfg(test)]
mod tests {
    use super::Ledger;

    fn ledger() -> Ledger {
        let mut ledger = Ledger::default();
        for (number, message) in [b"a", b"b", b"c"].iter().enumerate() {
            ledger.will_push(*message, 0, number as u64);
        }
        ledger
    }

    #[test]
    fn missing_doubled_unknown_and_reordered_messages_are_detected() {
        assert!(ledger().compare(&[b"a", b"b", b"c"]).is_ok());
        for wrong in [&[b"a", b"b"][..], &[b"a", b"b", b"b"], &[b"a", b"c", b"b"], &[b"a", b"b", b"x"]] {
            let queue: Vec<&[u8]> = wrong.iter().map(|message| &message[..]).collect();
            assert!(ledger().compare(&queue).is_err(), "{queue:?}");
        }
    }

    #[test]
    fn a_message_is_popped_once() {
        let mut ledger = ledger();
        assert_eq!(ledger.popped(b"a"), Ok(Some((0, 0))));
        assert!(ledger.popped(b"a").is_err());
        assert_eq!(ledger.returned(b"b"), Ok(()));
        assert!(ledger.compare(&[b"c", b"b"]).is_ok(), "what was put back may stand anywhere");
    }
}
