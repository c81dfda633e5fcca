//! The server's replies as structs.
//!
//! Replies are the server's JSON (FORMAT JSON). In it, integers beyond 2^53-1 are strings, and bytes that are not UTF-8
//! are complete in a second member `<name>_b64`.

use std::ops::Deref;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map as JsonMap, Value};

use crate::kind::MessageKind;
use crate::text::{duration, grouped, place, time};

/// One map of a reply, with its members in the server's order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Map(pub(crate) JsonMap<String, Value>);

impl Map {
    /// Takes a reply that is a map; any other reply becomes an empty map.
    pub(crate) fn new(value: Value) -> Self {
        match value {
            Value::Object(members) => Self(members),
            _ => Self::default(),
        }
    }

    pub(crate) fn int(&self, name: &str) -> Option<i64> {
        integer(self.0.get(name)?)
    }

    /// A number that is never negative. `None`: the member is null, or the server does not send it.
    pub(crate) fn count(&self, name: &str) -> Option<u64> {
        u64::try_from(self.int(name)?).ok()
    }

    /// A number that is never negative; 0 for null.
    pub(crate) fn sum(&self, name: &str) -> u64 {
        self.count(name).unwrap_or(0)
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.int(name) == Some(1)
    }

    /// The member of a sample row that is a time or an age of its message, for people. Of an age or an
    /// arrival the server may know a bound only, which is a text with a mark before the number.
    pub(crate) fn time(&self, name: &str) -> Option<String> {
        let shown = match name {
            "run_at" | "delivered_at" | "arrived" => time,
            "age" => |ms: i64| duration(u64::try_from(ms).unwrap_or(0)),
            _ => return None,
        };
        let bound = self.0.get(name)?.as_str().and_then(|text| text.split_at_checked(2));
        match bound {
            Some((mark @ (">=" | "<="), ms)) => Some(format!("{mark} {}", shown(ms.parse().ok()?))),
            _ => self.int(name).map(shown),
        }
    }

    /// All bytes of a text, also if it is not UTF-8.
    pub(crate) fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        if let Some(Value::String(twin)) = self.0.get(&format!("{name}_b64")) {
            return STANDARD.decode(twin).ok();
        }
        match self.0.get(name)? {
            Value::String(text) => Some(text.clone().into_bytes()),
            Value::Number(n) => Some(n.to_string().into_bytes()),
            _ => None,
        }
    }

    /// A text that the module itself wrote.
    pub(crate) fn word(&self, name: &str) -> Option<String> {
        self.0.get(name)?.as_str().map(str::to_owned)
    }

    pub(crate) fn maps(&self, name: &str) -> Vec<Self> {
        match self.0.get(name) {
            Some(Value::Array(items)) => items.iter().cloned().map(Self::new).collect(),
            _ => Vec::new(),
        }
    }

    /// Takes over what a job has counted, or why it has not: the doubts that the reply has members for, and the given
    /// members from those of the job.
    fn fill_in(&mut self, job: &Status, members: &[(&str, &str)]) {
        if job.completed() {
            let doubts = Doubts::NAMES.iter().filter(|name| self.0.contains_key(**name));
            let doubts: Vec<(&str, &str)> = doubts.map(|name| (*name, *name)).collect();
            for (name, from) in members.iter().chain(&doubts) {
                if let Some(value) = job.map.0.get(*from) {
                    self.0.insert((*name).to_owned(), value.clone());
                }
            }
        } else {
            let why = job.error.clone().unwrap_or_else(|| format!("ERR the count was {}", job.status));
            self.0.insert("mode".to_owned(), "failed".into());
            self.0.insert("count_error".to_owned(), why.into());
        }
    }

    /// The position of the `next` or `last` message of a group, as text.
    pub(crate) fn runs(&self, which: &str) -> Option<String> {
        let place = grouped(place(self.int(&format!("{which}_index"))?));
        let step = self.count(&format!("{which}_priority"));
        Some(place + &step.map(|step| format!(" of step {step}")).unwrap_or_default())
    }

    /// The names of its members, without the additional `<name>_b64`.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0
            .keys()
            .map(String::as_str)
            .filter(|name| name.strip_suffix("_b64").is_none_or(|twin_of| !self.0.contains_key(twin_of)))
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(n) => n.as_i64(),
        Value::String(digits) => digits.parse().ok(),
        _ => None,
    }
}

/// The notice without the command of the module that it ends with: the program names its own commands, and the page has buttons.
fn without_commands(notice: &str) -> Option<String> {
    let end = match notice.strip_prefix("QADMIN.") {
        Some(_) => 0,
        None => notice.find("; QADMIN.").unwrap_or(notice.len()),
    };
    Some(notice[..end].to_owned()).filter(|rest| !rest.is_empty())
}

/// Writes [`Doubts`]: a field has the name of the member that it is read from.
macro_rules! doubts {
    ($($name:ident)+) => {
        /// What one should know of a count before one trusts it, and of matches before they are cleared.
        #[derive(Debug, Clone, Default)]
        pub(crate) struct Doubts {
            $(pub(crate) $name: u64,)+
            pub(crate) notice: Option<String>,
        }

        impl Doubts {
            /// The members that they are read from.
            const NAMES: &[&str] = &[$(stringify!($name),)+ "notice"];

            fn new(map: &Map) -> Self {
                Self { $($name: map.sum(stringify!($name)),)+ notice: map.word("notice").and_then(|notice| without_commands(&notice)) }
            }

            /// Whether some messages are undecided because only a bound of their age is known, and not only
            /// because they cannot be read. The server's notice says so.
            pub(crate) fn have_bounds(&self) -> bool {
                self.notice.as_ref().is_some_and(|notice| notice.contains("it is only known that they have waited"))
            }
        }
    };
}

doubts! { undecodable unreadable drifted in_chord in_group with_eta redelivered inexact }

/// What the replies of PREVIEW, STATS and STATUS have in common. Each of them can be used as this.
#[derive(Debug, Clone)]
pub(crate) struct Common {
    /// Of PREVIEW and STATS how the reply came about, of STATUS what the job does with matches.
    pub(crate) mode: String,
    pub(crate) queue: Vec<u8>,
    /// Empty where there is none.
    pub(crate) filter: String,
    pub(crate) doubts: Doubts,
    /// The reply itself.
    pub(crate) map: Map,
}

impl Common {
    fn new(map: Map) -> Self {
        Self {
            mode: map.word("mode").unwrap_or_default(),
            queue: map.bytes("queue").unwrap_or_default(),
            filter: map.word("filter").unwrap_or_default(),
            doubts: Doubts::new(&map),
            map,
        }
    }
}

/// Lets a reply be used as what it has in common with the others.
macro_rules! has_common {
    ($($reply:ident)+) => {$(
        impl Deref for $reply {
            type Target = Common;

            fn deref(&self) -> &Common {
                &self.common
            }
        }
    )+};
}

has_common! { Preview Stats Status }

/// QADMIN.PREVIEW
#[derive(Debug, Clone)]
pub(crate) struct Preview {
    pub(crate) common: Common,
    pub(crate) depth: u64,
    pub(crate) match_count: Option<u64>,
    pub(crate) matched_bytes: Option<u64>,
    pub(crate) sample: Vec<Map>,
    /// The requested number of rows; `None`: the server's default.
    pub(crate) sample_asked: Option<u32>,
    pub(crate) sample_error: Option<String>,
    pub(crate) cached_at: Option<i64>,
    pub(crate) job_id: Option<String>,
    pub(crate) count_error: Option<String>,
    /// For the list of one priority step: the queue to which it belongs.
    pub(crate) queue_of_list: Option<Vec<u8>>,
    pub(crate) other_priorities_depth: Option<u64>,
    /// The kind that the messages look like, if they were read as another kind.
    pub(crate) looks_like: Option<MessageKind>,
}

impl Preview {
    pub(crate) fn new(map: Map, sample_asked: Option<u32>) -> Self {
        Self {
            depth: map.sum("depth"),
            match_count: map.count("match_count"),
            matched_bytes: map.count("matched_bytes"),
            sample: map.maps("sample"),
            sample_asked,
            sample_error: map.word("sample_error"),
            cached_at: map.int("cached_at"),
            job_id: map.word("job_id"),
            count_error: map.word("count_error"),
            queue_of_list: map.bytes("queue_of_list"),
            other_priorities_depth: map.count("other_priorities_depth"),
            looks_like: map.word("looks_like").as_deref().and_then(MessageKind::parse),
            common: Common::new(map),
        }
    }

    /// Whether these are unacknowledged messages, which have no position and cannot be moved.
    pub(crate) fn is_of_workers(&self) -> bool {
        self.map.word("container").as_deref() == Some("unacked")
    }

    /// The preview with the members that its job has found since the server answered. A job can keep a larger sample
    /// than this client requested, so only the first rows are taken.
    pub(crate) fn with_job(mut self, job: &Status) -> Self {
        let rows = self.sample_asked;
        self.common.map.fill_in(
            job,
            &[
                ("match_count", "matched"),
                ("matched_bytes", "matched_bytes"),
                ("sample", "sample"),
                ("ages", "ages"),
            ],
        );
        if let (Some(rows), Some(Value::Array(sample))) = (rows, self.common.map.0.get_mut("sample")) {
            sample.truncate(usize::try_from(rows).unwrap_or(usize::MAX));
        }
        Self::new(self.common.map, rows)
    }
}

/// QADMIN.STATS
#[derive(Debug, Clone)]
pub(crate) struct Stats {
    pub(crate) common: Common,
    pub(crate) depth: u64,
    pub(crate) matched: Option<u64>,
    pub(crate) groups: Vec<Map>,
    pub(crate) other: Map,
    pub(crate) groups_total: Option<u64>,
    pub(crate) cached_at: Option<i64>,
    pub(crate) job_id: Option<String>,
    pub(crate) count_error: Option<String>,
    pub(crate) other_priorities_depth: Option<u64>,
}

impl Stats {
    pub(crate) fn new(map: Map) -> Self {
        Self {
            depth: map.sum("depth"),
            matched: map.count("matched"),
            groups: map.maps("groups"),
            other: Map::new(map.0.get("other").cloned().unwrap_or_default()),
            groups_total: map.count("groups_total"),
            cached_at: map.int("cached_at"),
            job_id: map.word("job_id"),
            count_error: map.word("count_error"),
            other_priorities_depth: map.count("other_priorities_depth"),
            common: Common::new(map),
        }
    }

    /// The stats with the members that their job has found since the server answered.
    pub(crate) fn with_job(mut self, job: &Status) -> Self {
        self.common.map.fill_in(
            job,
            &[
                ("total", "processed"),
                ("matched", "matched"),
                ("matched_bytes", "matched_bytes"),
                ("groups", "groups"),
                ("other", "other"),
                ("groups_total", "groups_total"),
                ("ages", "ages"),
            ],
        );
        Self::new(self.common.map)
    }
}

/// QADMIN.CLEARJOB
#[derive(Debug, Clone)]
pub(crate) struct Accepted {
    pub(crate) job_id: String,
    /// The reply itself.
    pub(crate) map: Map,
}

impl Accepted {
    pub(crate) fn new(map: Map) -> Self {
        Self { job_id: map.word("job_id").unwrap_or_default(), map }
    }
}

/// The reply to QADMIN.STATUS, and each job of QADMIN.JOBS.
#[derive(Debug, Clone)]
pub(crate) struct Status {
    pub(crate) common: Common,
    pub(crate) job_id: String,
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) waiting: Option<String>,
    pub(crate) dry_run: bool,
    /// The list to which matches are moved; for an undo, the queue.
    pub(crate) to: Option<Vec<u8>>,
    /// For an undo: the job that it undoes.
    pub(crate) undoes: Option<String>,
    /// The last job that undid this one.
    pub(crate) undone_by: Option<String>,
    /// How many of the messages that the job moved have been moved back.
    pub(crate) undone: Option<u64>,
    /// `all` or the step of PRIORITY; `None`: the list with the queue's name.
    pub(crate) priority: Option<String>,
    pub(crate) user: Option<Vec<u8>>,
    pub(crate) actor: Option<Vec<u8>>,
    pub(crate) reason: Option<Vec<u8>>,
    pub(crate) started_at: i64,
    pub(crate) completed_at: Option<i64>,
    pub(crate) total_estimated: u64,
    pub(crate) queue_depth: u64,
    pub(crate) processed: u64,
    pub(crate) matched: u64,
    pub(crate) deleted: u64,
    pub(crate) would_delete: u64,
    pub(crate) kept_index: Option<i64>,
    pub(crate) arrived: u64,
    pub(crate) passes_run: u64,
    pub(crate) progress: u64,
    pub(crate) eta_ms: Option<u64>,
    pub(crate) per_second: u64,
    pub(crate) slice_max_us: u64,
    pub(crate) error: Option<String>,
    pub(crate) sample: Vec<Map>,
}

impl Status {
    /// Whether its messages are in a sorted set, where the score decides which one runs next.
    pub(crate) fn is_of_sorted_set(&self) -> bool {
        self.map.word("container").as_deref() == Some("sorted_set")
    }

    pub(crate) fn new(map: Map) -> Self {
        Self {
            job_id: map.word("job_id").unwrap_or_default(),
            kind: map.word("kind").unwrap_or_default(),
            status: map.word("status").unwrap_or_default(),
            waiting: map.word("waiting"),
            dry_run: map.flag("dry_run"),
            to: map.bytes("to"),
            undoes: map.word("undoes"),
            undone_by: map.word("undone_by"),
            undone: map.count("undone"),
            priority: map.word("priority"),
            user: map.bytes("user"),
            actor: map.bytes("actor"),
            reason: map.bytes("reason"),
            started_at: map.int("started_at").unwrap_or_default(),
            completed_at: map.int("completed_at"),
            total_estimated: map.sum("total_estimated"),
            queue_depth: map.sum("queue_depth"),
            processed: map.sum("processed"),
            matched: map.sum("matched"),
            deleted: map.sum("deleted"),
            would_delete: map.sum("would_delete"),
            kept_index: map.int("kept_index"),
            arrived: map.sum("arrived"),
            passes_run: map.sum("passes_run"),
            progress: map.sum("progress"),
            eta_ms: map.count("eta_ms"),
            per_second: map.sum("per_second"),
            slice_max_us: map.sum("slice_max_us"),
            error: map.word("error"),
            sample: map.maps("sample"),
            common: Common::new(map),
        }
    }

    /// Whether the job has ended.
    pub(crate) fn has_ended(&self) -> bool {
        !matches!(self.status.as_str(), "pending" | "running" | "paused")
    }

    pub(crate) fn completed(&self) -> bool {
        self.status == "completed"
    }

    /// What the job does, in one or two words.
    pub(crate) fn what(&self) -> String {
        match (self.kind.as_str(), self.mode.as_str(), self.dry_run) {
            ("clear", "keepone", false) => format!("{}, keep one", self.verb()),
            ("clear", "keepone", true) => "dry run, keep one".to_owned(),
            ("clear", _, true) => "dry run".to_owned(),
            ("clear", _, false) => self.verb().to_owned(),
            ("undo", _, true) => "dry run of an undo".to_owned(),
            (kind, _, _) => kind.to_owned(),
        }
    }

    /// The position of the match that is kept, as text.
    pub(crate) fn kept(&self) -> Option<String> {
        let place = grouped(place(self.kept_index?));
        let step = self.map.count("kept_priority").map(|step| format!(" of step {step}")).unwrap_or_default();
        Some(format!("the message that runs as number {place}{step}"))
    }

    fn verb(&self) -> &'static str {
        if self.to.is_some() { "move" } else { "clear" }
    }
}

/// QADMIN.QUEUES
#[derive(Debug, Clone)]
pub(crate) struct Queues {
    pub(crate) queues: Vec<Map>,
    pub(crate) complete: bool,
    pub(crate) unacked: Option<u64>,
    /// The reply itself.
    pub(crate) map: Map,
}

impl Queues {
    /// Whether a list of these queues has an index, so that the ages of its messages are known.
    pub(crate) fn know_ages(&self) -> bool {
        self.queues.iter().any(|row| row.count("pushed_per_minute").is_some())
    }

    pub(crate) fn new(map: Map) -> Self {
        Self {
            queues: map.maps("queues"),
            complete: map.flag("complete"),
            unacked: map.count("unacked"),
            map,
        }
    }

    /// Merges the queues of several nodes into one list, the deepest first.
    pub(crate) fn merge(all: Vec<Self>) -> Self {
        let mut all = all.into_iter();
        let mut sum = all.next().unwrap_or_else(|| Self::new(Map::default()));
        for other in all {
            sum.queues.extend(other.queues);
            sum.complete &= other.complete;
            sum.unacked = sum.unacked.zip(other.unacked).map(|(a, b)| a + b);
            let keys = sum.map.sum("keys") + other.map.sum("keys");
            let elapsed = sum.map.sum("elapsed_us") + other.map.sum("elapsed_us");
            sum.map.0.insert("keys".to_owned(), keys.into());
            sum.map.0.insert("elapsed_us".to_owned(), elapsed.into());
        }
        sum.queues.sort_by_key(|row| std::cmp::Reverse(row.sum("depth")));
        let rows = sum.queues.iter().map(|row| Value::Object(row.0.clone())).collect();
        sum.map.0.insert("queues".to_owned(), Value::Array(rows));
        sum.map.0.insert("complete".to_owned(), i32::from(sum.complete).into());
        sum.map.0.insert("unacked".to_owned(), sum.unacked.map_or(Value::Null, Value::from));
        sum
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn large_integers_and_bytes_are_read_whole() {
        let map = Map::new(
            json!({"n": "9223372036854775807", "q": "\u{fffd}", "q_b64": "/w==", "none": null, "x_b64": "y"}),
        );
        assert_eq!(map.int("n"), Some(i64::MAX));
        assert_eq!(map.bytes("q").as_deref(), Some(&b"\xff"[..]));
        assert_eq!(map.bytes("none"), None);
        assert_eq!(map.names().collect::<Vec<_>>(), ["n", "q", "none", "x_b64"]);
    }

    #[test]
    fn a_preview_whose_job_failed_has_no_count() {
        let map = Map::new(json!({"mode": "job", "depth": 3, "match_count": null, "count_error": null}));
        let preview = Preview::new(map, None);
        let job = Status::new(Map::new(json!({"status": "cancelled", "matched": 0, "error": null})));
        let preview = preview.with_job(&job);
        assert_eq!((preview.mode.as_str(), preview.match_count), ("failed", None));
        assert_eq!(preview.count_error.as_deref(), Some("ERR the count was cancelled"));
    }

    #[test]
    fn a_reply_takes_the_counts_of_its_job_for_members_it_has() {
        let job = json!({"status": "completed", "matched": 7, "drifted": 2, "in_chord": 3, "notice": "n"});
        let job = Status::new(Map::new(job));
        let map =
            json!({"mode": "job", "match_count": null, "drifted": null, "in_chord": null, "notice": null});
        let preview = Preview::new(Map::new(map), None).with_job(&job);
        assert_eq!((preview.match_count, preview.doubts.drifted, preview.doubts.in_chord), (Some(7), 2, 3));
        assert_eq!(preview.doubts.notice.as_deref(), Some("n"));
        for (notice, shown) in [
            ("QADMIN.STATUS 7 WAIT 0 waits for the count", None),
            (
                "throttled: use QADMIN.RESUME; QADMIN.UNDO 7 CONFIRM p moves",
                Some("throttled: use QADMIN.RESUME"),
            ),
            ("one; two", Some("one; two")),
        ] {
            assert_eq!(without_commands(notice).as_deref(), shown);
        }
        // STATS does not say what belongs to a chord.
        let map = json!({"mode": "job", "matched": null, "drifted": null, "notice": null});
        let stats = Stats::new(Map::new(map)).with_job(&job);
        assert_eq!((stats.matched, stats.doubts.drifted), (Some(7), 2));
        assert!(!stats.map.0.contains_key("in_chord"));
    }
}
