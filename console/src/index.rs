//! The reply to QADMIN.INDEX CREATE and INFO, and each index of QADMIN.INDEX LIST.

use serde_json::Value;

use crate::ages::Ages;
use crate::reply::Map;
use crate::text::{bytes, counted, duration, escape, grouped, time};

/// One index.
#[derive(Debug, Clone)]
pub(crate) struct ListIndex {
    pub(crate) queue: Vec<u8>,
    pub(crate) db: u64,
    pub(crate) state: String,
    /// Why there are no ages, why some are bounds, or why messages are read again.
    pub(crate) reason: Option<String>,
    pub(crate) depth: u64,
    /// `None` while it cannot answer.
    pub(crate) ages: Option<Ages>,
    pub(crate) memory: u64,
    /// The reply itself.
    pub(crate) map: Map,
}

impl ListIndex {
    pub(crate) fn new(map: Map) -> Self {
        Self {
            queue: map.bytes("queue").unwrap_or_default(),
            db: map.sum("db"),
            state: map.word("state").unwrap_or_default(),
            reason: map.word("reason"),
            depth: map.sum("depth"),
            ages: Ages::of(&map).filter(|_| map.count("exact").is_some()),
            memory: map.sum("memory"),
            map,
        }
    }

    /// The state, and how far messages are read.
    pub(crate) fn state(&self) -> String {
        let state = escape(self.state.as_bytes());
        match (self.state.as_str(), self.map.count("read"), self.map.count("unread")) {
            ("building", Some(read), Some(unread)) if unread > 0 => {
                format!("{state}, {} of {} read", grouped(read), counted(read + unread, "message"))
            }
            _ => state,
        }
    }

    /// The fields whose values are kept, each with the number of its different values.
    pub(crate) fn fields(&self) -> Vec<String> {
        let list = |name: &str| match self.map.0.get(name) {
            Some(Value::Array(items)) => items.clone(),
            _ => Vec::new(),
        };
        let distinct = list("distinct");
        let field = |(at, name): (usize, &Value)| {
            let name = escape(name.as_str().unwrap_or_default().as_bytes());
            match distinct.get(at).map(Value::as_u64) {
                Some(Some(n)) => format!("{name} ({})", counted(n, "value")),
                Some(None) => format!("{name} (hashes)"),
                None => name,
            }
        };
        list("fields").iter().enumerate().map(field).collect()
    }

    /// Names and values for people, one for each line.
    pub(crate) fn lines(&self) -> Vec<(&'static str, String)> {
        let (map, kind) = (&self.map, self.map.word("message_kind").unwrap_or_default());
        let mut lines = vec![
            ("kind", escape(kind.as_bytes())),
            ("state", self.state()),
            ("depth", counted(self.depth, "message")),
        ];
        if let Some(reason) = &self.reason {
            lines.insert(2, ("reason", escape(reason.as_bytes())));
        }
        lines.extend(self.ages.iter().flat_map(Ages::lines));
        if let (Some(exact), Some(bounds)) = (map.count("exact"), map.count("at_least")) {
            lines
                .push(("arrivals", format!("{} known, {} only by a bound", grouped(exact), grouped(bounds))));
        }
        if map.sum("waits") > 0 {
            let longest = map.count("wait_max_ms").map_or_else(|| "-".to_owned(), duration);
            lines.push(("longest wait", longest));
        }
        if map.sum("waits_unknown") > 0 {
            lines.push(("unknown waits", counted(map.sum("waits_unknown"), "message")));
        }
        let [pushed, popped, removed] = ["pushed", "popped", "removed"].map(|name| grouped(map.sum(name)));
        lines.push(("since", time(map.int("since").unwrap_or_default())));
        lines.push(("so far", format!("{pushed} pushed, {popped} popped, {removed} removed otherwise")));
        let fields = self.fields();
        if !fields.is_empty() {
            lines.push(("fields", fields.join(", ")));
        }
        lines.push(("memory", bytes(self.memory)));
        lines
    }
}
