//! What a scan over lists needs of an opened list.

/// An opened queue. Nobody else changes it between opening it and the end of the slice.
pub trait Queue {
    /// Returns the number of messages in it.
    fn len(&self) -> u64;

    /// Returns whether it is empty.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads the message at `index` (0 = head). `None` if it cannot be read. After a [`Queue::delete`] only the
    /// same index or higher ones can be read.
    fn read<R>(&mut self, index: u64, f: impl FnOnce(&[u8]) -> R) -> Option<R>;

    /// Reads the message at `index` as far as it is needed to judge it. `f` may be called with a part of it first, and with
    /// false; if it answers `None`, it is called with the whole message, and with true. Only then can the message be
    /// deleted. `None` if the message cannot be read.
    fn examine<R>(&mut self, index: u64, mut f: impl FnMut(&[u8], bool) -> Option<R>) -> Option<R> {
        self.read(index, |message| f(message, true)).flatten()
    }

    /// Reads a message that is not judged, to recognise a position.
    fn peek<R>(&mut self, index: u64, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        self.read(index, f)
    }

    /// The message that was read last is kept in the queue, and is remembered as one of the last `most` kept ones.
    /// This is needed only where others are deleted: elsewhere a message can be read again at its index.
    fn keep(&mut self, _most: usize) {}

    /// The message that was read last is to be deleted by a second walk of the same slice. Until then, reading it gives the
    /// same message, also if it is elsewhere and its time ends in between.
    fn plan(&mut self) {}

    /// Returns the remembered messages, the last one first, at most `most` of them, and forgets them.
    fn stayed(&mut self, _most: usize, _f: impl FnMut(&[u8])) {}

    /// Deletes the message at `index`, which was just read while walking away from the head. Later indexes shift
    /// down by one. Returns whether it was deleted.
    fn delete(&mut self, index: u64) -> bool;

    /// Lets the next [`Queue::read`] find its message from the nearer end of the list, and not step from the
    /// one that was read last. Deletions before it and the remembered messages stay known. Returns whether it
    /// did so.
    fn reseek(&mut self) -> bool {
        false
    }

    /// Resets the iterator so that a walk away from the head, which may delete, can start. It must not be called
    /// after a deletion. Returns false if the list has changed.
    fn reopen(&mut self) -> bool;
}
