//! Errors about showing one message.

use super::Code;
use super::quote::quote;

/// Why a message is not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShowError {
    /// No message of the queue has the id.
    NotThere {
        /// The id as the client wrote it.
        id: Vec<u8>,
        /// The queue.
        queue: Vec<u8>,
        /// The number of messages that were searched.
        searched: u64,
    },
    /// The message was found and left the queue before it could be read.
    HasLeft {
        /// The id as the client wrote it.
        id: Vec<u8>,
        /// The queue.
        queue: Vec<u8>,
    },
    /// Only the messages that run next were searched, because the client cannot wait for a job.
    CannotWait {
        /// The id as the client wrote it.
        id: Vec<u8>,
        /// The number of messages that were searched.
        searched: u64,
        /// The number of messages in the queue.
        depth: u64,
    },
    /// The search ended before it had read all messages.
    Stopped {
        /// The id as the client wrote it.
        id: Vec<u8>,
        /// The number of messages that were searched.
        searched: u64,
        /// Why, in the words of the job that searched.
        why: String,
    },
    /// Entries about messages that were shown wait to be written to the audit stream.
    TooManyUnaudited {
        /// The largest number of them.
        max: usize,
    },
    /// As many clients wait for jobs as may.
    TooManyWaiting {
        /// The largest number of them.
        max: usize,
    },
}

impl ShowError {
    pub(super) fn describe(&self) -> (Code, String) {
        match self {
            Self::NotThere { id, queue, searched } => (
                Code::NoMessage,
                format!(
                    "no message with id {} in queue {} ({} searched)",
                    quote(id),
                    quote(queue),
                    if *searched == 1 {
                        "1 message was".to_owned()
                    } else {
                        format!("{searched} messages were")
                    }
                ),
            ),
            Self::HasLeft { id, queue } => (
                Code::NoMessage,
                format!(
                    "the message with id {} has left queue {} since it was found",
                    quote(id),
                    quote(queue)
                ),
            ),
            Self::CannotWait { id, searched, depth } => (
                Code::Err,
                format!(
                    "none of the {searched} messages that run next has id {}; the other {} are not searched in MULTI and in \
                     scripts, so send QADMIN.SHOW outside of them",
                    quote(id),
                    depth.saturating_sub(*searched)
                ),
            ),
            Self::Stopped { id, searched, why } => (
                Code::Err,
                format!(
                    "the search for id {} ended after {searched} messages: {why}; send QADMIN.SHOW again to search all of them",
                    quote(id)
                ),
            ),
            Self::TooManyUnaudited { max } => (
                Code::Err,
                format!(
                    "{max} entries about messages that were shown wait to be written to the audit stream, which is the limit; \
                     retry later"
                ),
            ),
            Self::TooManyWaiting { max } => {
                (Code::Err, format!("{max} clients already wait for jobs, which is the limit; retry later"))
            }
        }
    }
}
