//! Parameters of URLs and forms. Values are bytes: names of queues need not be UTF-8.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

use crate::filter_syntax;
use crate::kind::MessageKind;
use crate::text::unescape;

/// Bytes that need no escaping in a value.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Encodes a value for a URL.
pub(crate) fn encode(value: &[u8]) -> String {
    percent_encode(value, PLAIN).to_string()
}

/// The pairs of `a=1&b=2`, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Vec<(String, Vec<u8>)>);

impl Params {
    pub(crate) fn new(text: &[u8]) -> Self {
        let pairs = text.split(|b| *b == b'&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let mut halves = pair.splitn(2, |b| *b == b'=');
                    let mut half = || {
                        let plain: Vec<u8> = halves
                            .next()
                            .unwrap_or_default()
                            .iter()
                            .map(|b| if *b == b'+' { b' ' } else { *b })
                            .collect();
                        percent_decode(&plain).collect::<Vec<u8>>()
                    };
                    let name = String::from_utf8_lossy(&half()).into_owned();
                    (name, half())
                })
                .collect(),
        )
    }

    /// The first value of this name that is not empty.
    pub(crate) fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        self.0
            .iter()
            .find(|(given, value)| given == name && !value.is_empty())
            .map(|(_, value)| value.clone())
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.bytes(name).map(|value| String::from_utf8_lossy(&value).into_owned())
    }

    /// All values of this name, as text.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        self.all(name).map(|value| String::from_utf8_lossy(value).into_owned()).collect()
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.bytes(name).is_some_and(|value| value == b"1")
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &Vec<u8>> {
        self.0.iter().filter(move |(given, value)| given == name && !value.is_empty()).map(|(_, value)| value)
    }
}

/// The queue and the filter in the URL of a preview.
#[derive(Debug, Clone, Default)]
pub(crate) struct Target {
    pub(crate) queue: Vec<u8>,
    pub(crate) task: Vec<u8>,
    pub(crate) repoid: Vec<u8>,
    pub(crate) commitid: Vec<u8>,
    pub(crate) wheres: Vec<Vec<u8>>,
    /// The kind of the messages, as the URL contains it.
    kind: Option<String>,
    /// The lists of a queue with priorities: all, or the list of one step.
    pub(crate) priority: Option<String>,
}

impl Target {
    pub(crate) fn new(params: &Params) -> Self {
        let one = |name| params.bytes(name).unwrap_or_default();
        Self {
            // A form contains a name that is not UTF-8 in its escaped form.
            queue: params.text("shown").and_then(|shown| unescape(&shown)).unwrap_or_else(|| one("queue")),
            task: one("task"),
            repoid: one("repoid"),
            commitid: one("commitid"),
            wheres: params.all("where").cloned().collect(),
            kind: params.text("as"),
            priority: params.text("priority"),
        }
    }

    /// The same filter on all lists of the queue. `queue` is the queue to which this list belongs, if the server says that
    /// it is the list of one step; only the server knows the separator between a name and a step.
    fn of_all_lists(&self, queue: Option<&[u8]>) -> Self {
        let queue = queue.unwrap_or(&self.queue).to_vec();
        Self { queue, priority: Some("all".to_owned()), ..self.clone() }
    }

    /// The URL of the preview of all lists of the queue; `queue` is as for [`Self::of_all_lists`].
    pub(crate) fn all_lists_url(&self, queue: Option<&[u8]>) -> String {
        format!("/preview?{}", self.of_all_lists(queue).query())
    }

    /// Whether all lists of a queue with priorities are meant.
    pub(crate) fn is_of_all_lists(&self) -> bool {
        self.priority.as_ref().is_some_and(|priority| priority.eq_ignore_ascii_case("all"))
    }

    /// The same target with messages of another kind.
    pub(crate) fn taken_for(&self, kind: Option<MessageKind>) -> Self {
        Self { kind: kind.map(|kind| kind.word().to_owned()), ..self.clone() }
    }

    pub(crate) fn kind(&self) -> Option<MessageKind> {
        MessageKind::parse(self.kind.as_deref()?)
    }

    /// Whether the filter has a condition.
    pub(crate) fn has_filter(&self) -> bool {
        !self.wheres.is_empty()
            || [&self.task, &self.repoid, &self.commitid].iter().any(|value| !value.is_empty())
    }

    /// Whether a condition is on the age or the arrival of messages.
    pub(crate) fn asks_for_ages(&self) -> bool {
        let field =
            |text: &Vec<u8>| text.split(|byte| !byte.is_ascii_alphanumeric()).next().map(<[u8]>::to_vec);
        self.wheres.iter().filter_map(field).any(|field| matches!(&field[..], b"age" | b"arrived"))
    }

    /// Checks everything except the filter.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.queue.is_empty() {
            return Err("a queue is required".to_owned());
        }
        if self.kind.is_some() && self.kind().is_none() {
            return Err(
                "the kind of messages must be celery, sidekiq, resque, laravel, taskiq, huey, dramatiq, rq, bullmq, bull, asynq, saq or ids"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// The filter as the server's commands take it, or an error text.
    pub(crate) fn words(&self) -> Result<Vec<Vec<u8>>, String> {
        self.check()?;
        let mut words = Vec::new();
        for (keyword, value) in [("TASK", &self.task), ("REPOID", &self.repoid), ("COMMITID", &self.commitid)]
        {
            if !value.is_empty() {
                words.extend([keyword.as_bytes().to_vec(), value.clone()]);
            }
        }
        if !self.repoid.is_empty()
            && std::str::from_utf8(&self.repoid).ok().and_then(|id| id.parse::<i128>().ok()).is_none()
        {
            return Err("the repository must be a number".to_owned());
        }
        for text in &self.wheres {
            let text = std::str::from_utf8(text).map_err(|_| "a condition is not UTF-8".to_owned())?;
            words.extend(filter_syntax::condition(text)?);
        }
        if words.is_empty() {
            return Err(
                "a filter needs at least one condition: task, repository, commit or another field".to_owned()
            );
        }
        Ok(words)
    }

    /// The target as a query string.
    pub(crate) fn query(&self) -> String {
        let kind = self.kind.clone().unwrap_or_default().into_bytes();
        let priority = self.priority.clone().unwrap_or_default().into_bytes();
        let mut pairs = vec![
            ("queue", &self.queue),
            ("task", &self.task),
            ("repoid", &self.repoid),
            ("commitid", &self.commitid),
        ];
        pairs.extend(self.wheres.iter().map(|text| ("where", text)));
        pairs.extend([("as", &kind), ("priority", &priority)]);
        let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        pairs.map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
    }

    /// The queue without the filter, as a query string.
    pub(crate) fn queue_query(&self) -> String {
        let (queue, kind, priority) = (self.queue.clone(), self.kind.clone(), self.priority.clone());
        Self { queue, kind, priority, ..Self::default() }.query()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_survives_its_query_string() {
        let text =
            b"queue=%ff+x&task=a.b&repoid=7&where=eta+EXISTS&where=task+%3D+%22a%26b%22&as=sidekiq&priority=3&commitid=";
        let target = Target::new(&Params::new(text));
        assert_eq!(target.queue, b"\xff x");
        assert_eq!(target.wheres.len(), 2);
        let again = Target::new(&Params::new(target.query().as_bytes()));
        assert_eq!(format!("{target:?}"), format!("{again:?}"));
        assert_eq!(again.words().expect("a filter").len(), 4 + 3 + 4);
    }

    #[test]
    fn one_list_leads_to_all_lists_of_its_queue() {
        for (list, said, queue) in [("q", None, "q"), ("q:3", Some(&b"q"[..]), "q"), ("q:3", None, "q:3")] {
            let target = Target { queue: list.into(), task: b"t".to_vec(), ..Target::default() };
            let all = target.of_all_lists(said);
            assert_eq!((all.queue.as_slice(), all.is_of_all_lists()), (queue.as_bytes(), true));
            assert_eq!(all.task, b"t");
        }
    }

    #[test]
    fn an_invalid_filter_is_reported_without_asking_the_server() {
        for wrong in [
            "",
            "queue=q",
            "queue=q&repoid=x",
            "queue=q&where=task",
            "queue=q&where=retries+%3D+1+BUST",
            "task=a",
            "queue=q&where=%ff+%3D+1",
            "queue=q&repoid=1&as=arq",
        ] {
            assert!(Target::new(&Params::new(wrong.as_bytes())).words().is_err(), "{wrong}");
        }
    }
}
