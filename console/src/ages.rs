//! How long the messages of a queue have waited, as an index of its lists knows it.

use crate::reply::Map;
use crate::text::{age, counted, duration, grouped};

/// What replies show of an index beside a depth.
#[derive(Debug, Clone)]
pub(crate) struct Ages {
    next_ms: Option<u64>,
    next_at_least: bool,
    oldest_ms: Option<u64>,
    oldest_at_least: bool,
    pushed: u64,
    popped: u64,
    waits: u64,
    mean_ms: Option<u64>,
}

impl Ages {
    /// Reads the members of a row of QUEUES, of INDEX INFO or of the member `ages`. `None`: no index can
    /// answer.
    pub(crate) fn of(row: &Map) -> Option<Self> {
        Some(Self {
            next_ms: row.count("next_age"),
            next_at_least: row.flag("next_at_least"),
            oldest_ms: row.count("oldest_age"),
            oldest_at_least: row.flag("oldest_at_least"),
            pushed: row.count("pushed_per_minute")?,
            popped: row.count("popped_per_minute")?,
            waits: row.sum("waits"),
            mean_ms: row.count("wait_mean_ms"),
        })
    }

    /// Reads the member `ages` of a reply.
    pub(crate) fn of_reply(reply: &Map) -> Option<Self> {
        Self::of(&Map::new(reply.0.get("ages")?.clone()))
    }

    /// How long the message that runs next has waited.
    pub(crate) fn next(&self) -> String {
        age(self.next_ms, self.next_at_least)
    }

    /// How long the message has waited that has waited longest.
    pub(crate) fn oldest(&self) -> String {
        age(self.oldest_ms, self.oldest_at_least)
    }

    /// Messages that were pushed in a minute.
    pub(crate) fn pushed(&self) -> String {
        grouped(self.pushed)
    }

    /// Messages that were popped in a minute.
    pub(crate) fn popped(&self) -> String {
        grouped(self.popped)
    }

    /// How long messages had waited on average that workers popped; `-` where that is not known of any.
    pub(crate) fn mean(&self) -> String {
        self.mean_ms.map_or_else(|| "-".to_owned(), duration)
    }

    /// Names and values for people, one for each line.
    pub(crate) fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![
            ("next waits", self.next()),
            ("oldest waits", self.oldest()),
            ("per minute", format!("{} in, {} out", self.pushed(), self.popped())),
        ];
        if self.waits > 0 {
            let messages = counted(self.waits, "message");
            lines.push(("mean wait", format!("{} ({messages} that workers took)", self.mean())));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ages_are_read_where_an_index_can_answer() {
        let map = |value| Map::new(value);
        for none in [
            json!({}),
            json!({"ages": null}),
            json!({"ages": {"pushed_per_minute": null, "popped_per_minute": null}}),
        ] {
            assert!(Ages::of_reply(&map(none)).is_none());
        }
        let some = json!({"ages": {
            "next_age": 1_250, "next_at_least": 0, "oldest_age": 7_260_000, "oldest_at_least": 1,
            "pushed_per_minute": 1_200, "popped_per_minute": 3, "waits": 1, "wait_mean_ms": 20
        }});
        let lines = Ages::of_reply(&map(some)).expect("ages").lines();
        let wanted = [
            ("next waits", "1.2 s"),
            ("oldest waits", ">= 2 h 1 min"),
            ("per minute", "1,200 in, 3 out"),
            ("mean wait", "20 ms (1 message that workers took)"),
        ];
        assert_eq!(lines, wanted.map(|(name, value)| (name, value.to_owned())));
        let empty =
            json!({"ages": {"next_age": null, "pushed_per_minute": 0, "popped_per_minute": 0, "waits": 0}});
        let empty = Ages::of_reply(&map(empty)).expect("ages");
        assert_eq!((empty.next(), empty.mean(), empty.lines().len()), ("-".to_owned(), "-".to_owned(), 3));
    }
}
