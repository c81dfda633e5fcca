//! The queue that a command is about and the options that describe its messages: `[PRIORITY ALL|step] [INDEX key]
//! [AS kind] [FORMAT RESP|JSON] [VERBOSE]`, which PREVIEW, STATS and CLEARJOB share.

use super::Format;
use super::options::{Options, key_name, queue_name};
use crate::error::Error;
use crate::kind::MessageKind;
use crate::priorities::Priority;

/// What a command says about its queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetOptions {
    /// The key of the list, or of the hash of unacknowledged messages. Any bytes.
    pub queue: Vec<u8>,
    /// Which lists of a queue with priorities; `None` for the list that has the queue's name.
    pub priority: Option<Priority>,
    /// The key of the index, if the queue is a hash of unacknowledged messages; `None` for the hash's name and
    /// `_index`.
    pub index: Option<Vec<u8>>,
    /// What the messages are; `None` for the setting `default-kind`.
    pub kind: Option<MessageKind>,
    /// The format of the reply.
    pub format: Format,
}

impl TargetOptions {
    /// Takes the queue, which is the first argument. The options follow: see [`Self::accept`].
    pub(super) fn of_queue(options: &mut Options<'_>) -> Result<Self, Error> {
        let queue = queue_name(options.fixed()?)?;
        Ok(Self { queue, priority: None, index: None, kind: None, format: Format::default() })
    }

    /// Takes the value of `keyword`, which was just read. A keyword that is not one of these options is an error: a
    /// parser asks for its own keywords first.
    pub(super) fn accept(&mut self, keyword: &str, options: &mut Options<'_>) -> Result<(), Error> {
        let args = &mut options.args;
        match keyword {
            "PRIORITY" => self.priority = Some(Priority::parse(args.value("PRIORITY")?)?),
            "INDEX" => self.index = Some(key_name("INDEX", args.value("INDEX")?)?),
            "AS" => self.kind = Some(MessageKind::parse(args.value("AS")?)?),
            other => {
                if !self.format.accept(other, args)? {
                    return Err(options.unknown(other.as_bytes()));
                }
            }
        }
        Ok(())
    }
}
