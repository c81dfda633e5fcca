//! QADMIN.FIELDS and QADMIN.SHOW: what is known of the messages of a queue, and one of them whole.

use crate::client::{Client, say_index, say_kind};
use crate::failure::Failure;
use crate::kind::MessageKind;
use crate::reply::Map;

/// A queue, and how its messages are read.
#[derive(Debug, Default)]
pub(crate) struct QueueOf {
    pub(crate) queue: Vec<u8>,
    /// The key of the index, if the queue is the hash of unacknowledged messages.
    pub(crate) index: Option<Vec<u8>>,
    pub(crate) kind: Option<MessageKind>,
    pub(crate) priority: Option<String>,
}

impl QueueOf {
    fn say(&self, command: &mut redis::Cmd) {
        say_index(command, self.index.as_ref());
        say_kind(command, self.kind, self.priority.as_deref());
    }
}

/// QADMIN.FIELDS, with the words of a filter; none for all messages.
pub(crate) fn fields(client: &mut Client, of: &QueueOf, filter: &[Vec<u8>]) -> Result<Map, Failure> {
    let mut command = redis::cmd("QADMIN.FIELDS");
    command.arg(&of.queue).arg(filter);
    of.say(&mut command);
    client.map(command, "QADMIN.FIELDS")
}

/// QADMIN.SHOW. It waits until the queue was searched.
pub(crate) fn show(client: &mut Client, of: &QueueOf, id: &[u8]) -> Result<Map, Failure> {
    let mut command = redis::cmd("QADMIN.SHOW");
    command.arg(&of.queue).arg(id);
    of.say(&mut command);
    client.map(command, "QADMIN.SHOW")
}
