//! What commands about a queue share.
//!
//! - `target` finds the keys that a command is about, and checks the caller's right to them.
//! - `tiers` answers commands that count messages: from a count that was made before, from a job that is live, or from a new
//!   job. A new command that counts is a type that implements [`tiers::CountCommand`].
//! - `indexed` counts by the values that indexes keep.
//! - `reply` has the members that the replies of these commands share.
//! - `sample` finds rows for a reply that does not wait for a scan.
//! - `recognise` says what the messages of a list look like.

pub(super) mod indexed;
pub(super) mod recognise;
pub(super) mod reply;
pub(super) mod sample;
pub(super) mod target;
pub(super) mod tiers;
