//! The parts that commands about a queue share.
//!
//! - `target` finds the keys that a command is about, and checks that the caller has the right to them.
//! - `ids` finds the keys that have the messages, where those of a queue are ids.
//! - `tiers` answers commands that count messages: from indexes, from an earlier count, from a live job, or
//!   from a new job. A new command that counts is a type that implements [`tiers::CountCommand`].
//! - `indexed` counts messages by the values that indexes keep.
//! - `reply` has the members that the replies of these commands share.
//! - `sample` finds rows for a reply that does not wait for a scan.
//! - `next_messages` reads the messages that run next, for commands that need no count.
//! - `recognise` finds out of which kind the messages of a list seem to be.

mod ids;
pub(super) mod indexed;
pub(super) mod next_messages;
pub(super) mod recognise;
pub(super) mod reply;
pub(super) mod sample;
pub(super) mod target;
pub(super) mod tiers;
