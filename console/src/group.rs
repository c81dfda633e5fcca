//! The filter that selects the messages of one group of STATS.

use crate::filter_syntax::{is_name, word};

/// A part of a filter.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Selection<'a> {
    /// The name of a task, for TASK.
    Task(&'a [u8]),
    /// A condition, for WHERE.
    Condition(String),
}

/// What selects the messages that have this value in a field; `None`: that have no such field. A shown value, as the operand of
/// `=`, matches the messages that the group counts.
pub(crate) fn selection<'a>(field: &str, value: Option<&'a [u8]>) -> Selection<'a> {
    let name = word(long_name(field).as_bytes());
    match value {
        Some(value) if field == "task" && is_name(value) => Selection::Task(value),
        Some(value) => Selection::Condition(format!("{name} = {}", word(value))),
        None => Selection::Condition(format!("{name} MISSING")),
    }
}

/// The field that a short name of samples and groups stands for.
fn long_name(field: &str) -> String {
    match field {
        "repoid" | "commitid" | "ownerid" | "pullid" => format!("kwargs.{field}"),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_selected_by_its_value() {
        let condition = |text: &str| Selection::Condition(text.to_owned());
        assert_eq!(selection("task", Some(b"app.a")), Selection::Task(b"app.a"));
        assert_eq!(selection("task", None), condition("task MISSING"));
        assert_eq!(selection("repoid", Some(b"7")), condition("kwargs.repoid = 7"));
        assert_eq!(selection("kwargs.a b", Some(b"\xff")), condition(r#""kwargs.a b" = "\xff""#));
    }
}
