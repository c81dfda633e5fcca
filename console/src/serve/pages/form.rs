//! The filter form: rows of field, operator and value, and how the messages are read.

use maud::{Markup, html};

use crate::filter_syntax::FIELDS;
use crate::group::{Selection, selection};
use crate::kind::MessageKind;
use crate::serve::params::{Target, encode};
use crate::serve::rows::{OPERATORS, Row};
use crate::text::escape;

/// What else is suggested in a condition. The script adds the fields that it finds in the queue.
const IN_CONDITIONS: [&str; 4] = ["kwargs.*", "args.*", "args.0", "undecodable"];

/// The form; with it, the messages that it selects are counted and shown.
pub(super) fn form(target: &Target) -> Markup {
    let (rows, texts) = target.rows();
    html! {
        details.card #filter-box open {
            summary { "Filter" @if !rows.is_empty() || !texts.is_empty() { ": " code { (said(&rows, &texts)) } } }
            (fields_of(target, &rows, &texts))
        }
    }
}

/// The conditions in one line.
fn said(rows: &[Row], texts: &[String]) -> String {
    let mut said = String::new();
    for row in rows {
        let join = if said.is_empty() {
            ""
        } else if row.or {
            " or "
        } else {
            " and "
        };
        said += &format!("{join}{} {} {}", row.field, row.operator, row.value);
    }
    for text in texts {
        said += &format!("{}{text}", if said.is_empty() { "" } else { " and " });
    }
    escape(said.trim_end().as_bytes())
}

fn fields_of(target: &Target, rows: &[Row], texts: &[String]) -> Markup {
    let about = target.queue_query();
    html! {
        form.filter #filter method="get" action="/preview" data-fields={ "/api/fields?" (about) } {
            div.reading {
                @if std::str::from_utf8(&target.queue).is_ok_and(|name| !name.contains(char::is_control)) {
                    label { "Queue" input name="queue" value=(String::from_utf8_lossy(&target.queue)) required; }
                } @else {
                    label { "Queue" input name="shown" value=(escape(&target.queue)) required; }
                }
                label {
                    "Message format"
                    select name="as" {
                        option value="" { "the server's default" }
                        @for kind in MessageKind::ALL {
                            option value=(kind.word()) selected[target.kind() == Some(kind)] { (kind.name()) }
                        }
                    }
                }
                label {
                    "Priority lists"
                    select name="priority" {
                        option value="" { "the list with that name" }
                        option value="all" selected[target.is_of_all_lists()] { "all, as one queue" }
                        @if let Some(step) = target.priority.as_ref().filter(|_| !target.is_of_all_lists()) {
                            option value=(step) selected { "step " (step) }
                        }
                    }
                }
            }
            @for text in texts {
                label { "Condition as text" input name="where" value=(text) autocomplete="off" autocapitalize="off" spellcheck="false"; }
            }
            div #rows {
                @for (at, row) in rows.iter().chain(std::iter::once(&Row::default())).enumerate() { (self::row(at, row)) }
            }
            div.buttons {
                button.primary { "Count and show" }
                button name="count_skipped" value="1" { "Show without a count" }
                button #add-row type="button" hidden { "Add a condition" }
            }
            (suggestions())
        }
    }
}

fn row(at: usize, row: &Row) -> Markup {
    html! {
        div.row role="group" aria-label={ "Condition " (at + 1) } {
            label.join hidden[at == 0] {
                "Join"
                select name="join" {
                    option value="and" { "and" }
                    option value="or" selected[row.or] { "or" }
                }
            }
            label.field {
                "Field"
                input name="field" value=(row.field) list="fields" placeholder="kwargs.account" autocomplete="off" autocapitalize="off" spellcheck="false";
            }
            label.operator {
                "Operator"
                select name="op" {
                    @for (word, meaning) in OPERATORS { option value=(word) selected[row.operator == word] { (meaning) } }
                }
            }
            label.value {
                "Value"
                input name="value" value=(row.value) list="values" autocomplete="off" autocapitalize="off" spellcheck="false";
            }
            button.remove type="button" hidden { "Remove" }
        }
    }
}

/// The form that groups the messages of a target by fields. `action` is the page that shows them.
pub(super) fn grouping(target: &Target, action: &str, by: &str) -> Markup {
    html! {
        form.grouping method="get" action=(action) {
            @for (name, value) in target.pairs() {
                @match std::str::from_utf8(&value) {
                    Ok(text) if !text.contains(char::is_control) => input type="hidden" name=(name) value=(text);,
                    // A form can hold the name of the queue in its escaped form; conditions are ASCII where it matters.
                    _ => input type="hidden" name=(if name == "queue" { "shown" } else { name }) value=(escape(&value));,
                }
            }
            label {
                "Group by fields, separated by commas"
                input name="by" value=(by) list="fields" required autocomplete="off" autocapitalize="off" spellcheck="false";
            }
            button { "Group" }
        }
    }
}

/// The lists of suggestions for fields and values.
pub(super) fn suggestions() -> Markup {
    html! {
        datalist #fields { @for field in FIELDS.into_iter().chain(IN_CONDITIONS) { option value=(field) {} } }
        datalist #values {}
    }
}

/// The URL of a preview of one group: the values that its messages have in some fields.
pub(super) fn group_url(about: &str, group: &[(&str, Option<Vec<u8>>)]) -> String {
    group.iter().fold(format!("/preview?{about}"), |url, (field, value)| {
        match selection(field, value.as_deref()) {
            Selection::Task(name) => format!("{url}&task={}", encode(name)),
            Selection::Condition(text) => format!("{url}&where={}", encode(text.as_bytes())),
        }
    })
}
