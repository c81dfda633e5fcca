//! Recognises the message kind of some bytes.

use crate::ids::{IDS_LOOKED_UP, may_be_id};
use crate::json::{Paths, Scanner, Shape, Span};
use crate::kind::MessageKind;

use super::huey::looks_like_message;
use super::keys;

/// The number of messages at the consumer end that are read to recognise the kind of a queue's messages.
pub const LOOK_AT: u64 = 100;

/// The members that distinguish the kinds; their positions are below. Those in `payload` are inside the
/// object that Resque stores about a failure.
const MEMBERS: [&[&str]; 14] = [
    &["body"],
    &["headers"],
    &["properties"],
    &["class"],
    &["args"],
    &["jid"],
    &["payload", "class"],
    &["payload", "args"],
    &["job"],
    &["displayName"],
    &["data"],
    &["task_id"],
    &["task_name"],
    &["kwargs"],
];

/// Reads messages, one after another, and determines which kind most of them have.
#[derive(Debug, Default)]
pub struct Recogniser {
    scanner: Scanner,
    paths: Paths,
    slots: Vec<usize>,
    spans: Vec<Option<Span>>,
    examined: u64,
    celery: u64,
    sidekiq: u64,
    resque: u64,
    laravel: u64,
    taskiq: u64,
    huey: u64,
    /// The number of elements that can be ids, and the first of these elements.
    id_like: u64,
    ids: Vec<Vec<u8>>,
}

impl Recogniser {
    /// Creates a recogniser that has read no messages.
    #[must_use]
    pub fn new() -> Self {
        let (paths, slots) = Paths::new(MEMBERS.map(keys).iter());
        Self { spans: vec![None; paths.slots()], paths, slots, ..Self::default() }
    }

    /// Reads one more message.
    pub fn examine(&mut self, message: &[u8]) {
        self.examined += 1;
        match self.kind(message) {
            Some(MessageKind::Celery) => self.celery += 1,
            Some(MessageKind::Sidekiq) => self.sidekiq += 1,
            Some(MessageKind::Resque) => self.resque += 1,
            Some(MessageKind::Laravel) => self.laravel += 1,
            Some(MessageKind::Taskiq) => self.taskiq += 1,
            Some(MessageKind::Huey) => self.huey += 1,
            Some(
                MessageKind::Dramatiq
                | MessageKind::Rq
                | MessageKind::BullMq
                | MessageKind::Bull
                | MessageKind::Asynq
                | MessageKind::Saq
                | MessageKind::Ids
                | MessageKind::Unacked,
            ) => {}
            None if may_be_id(message) => {
                self.id_like += 1;
                if self.ids.len() < IDS_LOOKED_UP {
                    self.ids.push(message.to_vec());
                }
            }
            None => {}
        }
    }

    /// Returns the first elements that can be ids of jobs, if more than half of the elements can be ids. Only
    /// looking up the jobs shows whether they are ids.
    #[must_use]
    pub fn ids(&self) -> &[Vec<u8>] {
        if self.id_like * 2 > self.examined { &self.ids } else { &[] }
    }

    /// Returns the number of messages that were read.
    #[must_use]
    pub fn examined(&self) -> u64 {
        self.examined
    }

    /// Returns whether the result needs no more messages.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.examined >= LOOK_AT
    }

    /// Returns the kind of more than half of the messages.
    #[must_use]
    pub fn kind_of_most(&self) -> Option<MessageKind> {
        [
            (self.celery, MessageKind::Celery),
            (self.sidekiq, MessageKind::Sidekiq),
            (self.resque, MessageKind::Resque),
            (self.laravel, MessageKind::Laravel),
            (self.taskiq, MessageKind::Taskiq),
            (self.huey, MessageKind::Huey),
        ]
        .into_iter()
        .find(|(seen, _)| seen * 2 > self.examined)
        .map(|(_, kind)| kind)
    }

    fn kind(&mut self, message: &[u8]) -> Option<MessageKind> {
        if !self.scanner.scan(message, &self.paths, &mut self.spans) {
            return looks_like_message(message).then_some(MessageKind::Huey);
        }
        let shape = |at: usize| self.spans[self.slots[at]].map(|span| Shape::of(span.of(message)));
        let [
            body,
            headers,
            properties,
            class,
            args,
            jid,
            failed,
            failed_of,
            job,
            name,
            data,
            task_id,
            task_name,
            kwargs,
        ] = std::array::from_fn(shape);
        let (text, compound) = (Some(Shape::Text), Some(Shape::Compound));
        if body == text && headers.or(properties) == compound {
            Some(MessageKind::Celery)
        } else if class == text && args == compound {
            Some(if jid == text { MessageKind::Sidekiq } else { MessageKind::Resque })
        } else if failed == text && failed_of == compound {
            Some(MessageKind::Resque)
        } else if [job, name] == [text; 2] && data.is_some() {
            Some(MessageKind::Laravel)
        } else if [task_id, task_name] == [text; 2] && [args, kwargs] == [compound; 2] {
            Some(MessageKind::Taskiq)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CELERY: &str = include_str!("../filter/tests/celery.jsonl");
    const SIDEKIQ: &str = include_str!("../filter/tests/sidekiq.jsonl");
    const TASKIQ: &str = include_str!("taskiq.jsonl");

    fn most<'m>(messages: impl IntoIterator<Item = &'m str>) -> Option<MessageKind> {
        let mut recogniser = Recogniser::new();
        messages.into_iter().for_each(|message| recogniser.examine(message.as_bytes()));
        recogniser.kind_of_most()
    }

    #[test]
    fn recorded_messages_look_like_what_wrote_them() {
        let celery: Vec<&str> = CELERY.lines().filter(|line| line.contains("\"body\"")).collect();
        assert!(celery.len() > 5);
        assert_eq!(most(celery.iter().copied()), Some(MessageKind::Celery));
        assert_eq!(most(SIDEKIQ.lines()), Some(MessageKind::Sidekiq));
        assert_eq!(most(TASKIQ.lines()), Some(MessageKind::Taskiq));
        assert_eq!(most([r#"{"class":"A","args":[]}"#]), Some(MessageKind::Resque));
        assert_eq!(most([r#"{"payload":{"class":"A","args":[]},"error":"no"}"#]), Some(MessageKind::Resque));
        assert_eq!(most([r#"{"body":"","headers":[],"properties":{}}"#]), Some(MessageKind::Celery));
    }

    #[test]
    fn half_is_not_a_majority_and_empty_is_unknown() {
        assert_eq!(most([]), None);
        assert_eq!(most(["garbage", "[]", "{}", r#"{"class":1,"args":[]}"#]), None);
        let one = SIDEKIQ.lines().next().unwrap_or_default();
        assert_eq!(most([one, "garbage"]), None);
        assert_eq!(most([one, one, "garbage"]), Some(MessageKind::Sidekiq));
    }
}
