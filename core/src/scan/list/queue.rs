//! What a scan over lists needs of an opened list.

/// An opened queue. Nobody else changes it between opening and the end of the slice.
pub trait Queue {
    /// Messages in it.
    fn len(&self) -> u64;

    /// It holds nothing.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads the message at `index` (0 = head). `None` if it cannot be read. After a [`Queue::delete`] only
    /// the same index or higher ones can.
    fn read<R>(&mut self, index: u64, f: impl FnOnce(&[u8]) -> R) -> Option<R>;

    /// The same for a message that is not judged: it is looked at to know the place again.
    fn peek<R>(&mut self, index: u64, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        self.read(index, f)
    }

    /// The message that was read last stays in the queue, and is remembered as one of the last `most` that do. Only where
    /// others are taken out: elsewhere a message can be read again at its index.
    fn keep(&mut self, _most: usize) {}

    /// Hands over those that were remembered, the last one first, at most `most` of them, and forgets them.
    fn stayed(&mut self, _most: usize, _f: impl FnMut(&[u8])) {}

    /// Takes out the message at `index`, which was just read on a walk away from the head. What follows it
    /// moves up. Says whether it did.
    fn delete(&mut self, index: u64) -> bool;

    /// Forgets where it stands: a walk away from the head may follow, and delete. Nothing may have been deleted
    /// before. Says whether the queue is still the one that it was.
    fn reopen(&mut self) -> bool;
}
