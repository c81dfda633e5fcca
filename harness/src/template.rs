//! A recorded message, cut at the places where messages differ from each other.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

/// Every message that the recorder kept: one raw list element per line.
pub(crate) const RECORDED: &str = include_str!("../data/celery-templates.jsonl");

/// The description of each line, in the same order.
const INDEX: &str = include_str!("../data/celery-templates.index.jsonl");

/// The list key from which every message was recorded (see the recorder).
const RECORDED_QUEUE: &str = "celery";

/// A value that differs from message to message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// The task's id: in the headers, also as root_id and as correlation_id.
    Id,
    /// The transport's own id of the message.
    Tag,
    /// The queue that the message was sent to.
    Queue,
    /// kwargs.repoid: in the body and in kwargsrepr.
    Repoid,
    /// kwargs.commitid, likewise.
    Commitid,
    /// kwargs.ownerid, likewise.
    Ownerid,
    /// kwargs.pullid, likewise.
    Pullid,
    /// The base64 of the body.
    Body,
}

/// A part of the recorded text, and what is inserted after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) text: Vec<u8>,
    pub(crate) slot: Option<Slot>,
}

/// One recorded message, ready to be written with other values.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    /// The task's name, which is not changed.
    pub(crate) task: String,
    /// The list element, with one [`Slot::Body`].
    pub(crate) envelope: Vec<Part>,
    /// The body before base64.
    pub(crate) body: Vec<Part>,
}

/// A value to search for, only after this prefix, which is kept.
type Needle = (String, String, Slot);

impl Template {
    /// Returns the plain messages (protocol 2, JSON, uncompressed, no extras): one for each task.
    pub(crate) fn recorded() -> Vec<Self> {
        plain_lines().map(Self::new).collect()
    }

    /// Returns the same messages as a slim producer sends them: without the members that workers do not
    /// require, about 400 bytes. The envelope is the recorded one with members left out.
    pub(crate) fn slim() -> Vec<Self> {
        plain_lines().map(|line| Self::new(&slimmed(line))).collect()
    }

    /// Cuts one list element at its values.
    fn new(element: &str) -> Self {
        let envelope: Value = serde_json::from_str(element).expect("recorded messages are JSON");
        let text = |path: &str| envelope.pointer(path).and_then(Value::as_str).map(str::to_string);
        let must = |path: &str| text(path).expect("recorded messages have this member");

        let body = must("/body");
        let plain = BASE64.decode(&body).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let plain = plain.expect("recorded JSON bodies are base64 of text");
        let kwargs: Value = serde_json::from_str(&plain).expect("recorded bodies are JSON");

        let mut outside = vec![
            (String::new(), body, Slot::Body),
            (String::new(), must("/headers/id"), Slot::Id),
            (String::new(), must("/properties/delivery_tag"), Slot::Tag),
            ("\"routing_key\": \"".to_string(), RECORDED_QUEUE.to_string(), Slot::Queue),
        ];
        let mut inside = Vec::new();
        let slots = [Slot::Repoid, Slot::Commitid, Slot::Ownerid, Slot::Pullid];
        for (name, slot) in ["repoid", "commitid", "ownerid", "pullid"].into_iter().zip(slots) {
            let (value, quote) = match kwargs.pointer(&format!("/1/{name}")) {
                Some(Value::Number(n)) => (n.to_string(), ""),
                Some(Value::String(text)) => (text.clone(), "\""),
                _ => continue,
            };
            inside.push((format!("\"{name}\": {quote}"), value.clone(), slot));
            // kwargsrepr is written in Python's notation.
            outside.push((format!("'{name}': {}", quote.replace('"', "'")), value, slot));
        }
        Self { task: must("/headers/task"), envelope: cut(element, &outside), body: cut(&plain, &inside) }
    }
}

/// Returns the recorded list elements that the index calls plain.
fn plain_lines() -> impl Iterator<Item = &'static str> {
    RECORDED.lines().zip(INDEX.lines()).filter_map(|(line, about)| {
        let about: Value = serde_json::from_str(about).expect("the index is JSON");
        (about["kind"] == "plain").then_some(line)
    })
}

/// Returns a list element without the members that workers do not need. The order of members is that of the
/// recording.
fn slimmed(element: &str) -> String {
    let envelope: Value = serde_json::from_str(element).expect("recorded messages are JSON");
    let text =
        |path: &str| envelope.pointer(path).and_then(Value::as_str).expect("recorded messages have it");
    let body = BASE64.decode(text("/body")).expect("recorded bodies are base64");
    let body: Value = serde_json::from_slice(&body).expect("recorded bodies are JSON");
    let body = BASE64.encode(format!("[[], {{\"repoid\": {}}}, {{}}]", body[1]["repoid"]));
    format!(
        "{{\"body\": \"{body}\", \"content-encoding\": \"utf-8\", \"content-type\": \"application/json\", \
         \"headers\": {{\"task\": \"{}\", \"id\": \"{}\"}}, \"properties\": {{\"delivery_info\": \
         {{\"exchange\": \"\", \"routing_key\": \"{RECORDED_QUEUE}\"}}, \"body_encoding\": \"base64\", \
         \"delivery_tag\": \"{}\"}}}}",
        text("/headers/task"),
        text("/headers/id"),
        text("/properties/delivery_tag"),
    )
}

/// Cuts a text at every occurrence of one of the needles.
fn cut(text: &str, needles: &[Needle]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let next = needles.iter().filter_map(|(prefix, value, slot)| {
            let at = rest.find(&format!("{prefix}{value}"))? + prefix.len();
            Some((at, value.len(), *slot))
        });
        let Some((at, len, slot)) = next.min_by_key(|(at, ..)| *at) else { break };
        parts.push(Part { text: rest[..at].into(), slot: Some(slot) });
        rest = &rest[at + len..];
    }
    parts.push(Part { text: rest.into(), slot: None });
    parts
}

#[cfg(test)]
mod tests {
    use super::{Slot, Template, cut};

    #[test]
    fn a_text_is_cut_at_every_value_and_nowhere_else() {
        let needles = [("'n': ".to_string(), "12".to_string(), Slot::Repoid)];
        let parts = cut("{'n': 12, 'm': 12}", &needles);
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[0].text, b"{'n': ");
        assert_eq!(parts[1].text, b", 'm': 12}");
    }

    #[test]
    fn every_recorded_message_has_all_its_slots() {
        for template in Template::recorded() {
            let count = |slot| {
                let parts = template.envelope.iter().chain(&template.body);
                parts.filter(|part| part.slot == Some(slot)).count()
            };
            assert_eq!(count(Slot::Id), 3, "{}", template.task);
            for once in [Slot::Tag, Slot::Queue, Slot::Body] {
                assert_eq!(count(once), 1, "{} {once:?}", template.task);
            }
            for twice in [Slot::Repoid, Slot::Commitid, Slot::Ownerid, Slot::Pullid] {
                assert_eq!(count(twice), 2, "{} {twice:?}", template.task);
            }
        }
    }
}
