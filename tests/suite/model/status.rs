//! The members of STATUS that the model compares.

use qadmin_harness::Fields as _;
use redis::Value;

/// The part of STATUS that is compared.
#[derive(Debug, Clone, Default)]
pub(super) struct Status {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) error: String,
    pub(super) total: i64,
    pub(super) depth: i64,
    pub(super) processed: i64,
    pub(super) matched: i64,
    pub(super) deleted: i64,
    pub(super) would_delete: i64,
    pub(super) drifted: i64,
    pub(super) arrived: i64,
    pub(super) passes: i64,
    pub(super) progress: i64,
    pub(super) kept_index: Option<i64>,
    /// The number of distinct values of BY, and the number of matches whose value cannot be read.
    pub(super) distinct: i64,
    pub(super) unkeyed: i64,
}

impl Status {
    pub(super) fn read(reply: &Value) -> Self {
        let map = qadmin_harness::map(reply);
        let int = |name: &str| map.int(name);
        let maybe = |name: &str| (!map.is_null(name)).then(|| map.text(name));
        Self {
            id: map.text("job_id"),
            status: map.text("status"),
            error: maybe("error").unwrap_or_default(),
            total: int("total_estimated"),
            depth: int("queue_depth"),
            processed: int("processed"),
            matched: int("matched"),
            deleted: int("deleted"),
            would_delete: int("would_delete"),
            drifted: int("drifted"),
            arrived: int("arrived"),
            passes: int("passes_run"),
            progress: int("progress"),
            distinct: maybe("distinct").map_or(0, |text| text.parse().expect("a number")),
            unkeyed: maybe("unkeyed").map_or(0, |text| text.parse().expect("a number")),
            kept_index: maybe("kept_index").map(|text| text.parse().expect("a number")),
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        !["pending", "running"].contains(&self.status.as_str())
    }
}
