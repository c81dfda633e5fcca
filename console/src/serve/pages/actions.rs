//! The actions on matches: a dry run, moving, deleting, and everything that a clear can be told.

use maud::{Markup, html};
use uuid::Uuid;

use crate::serve::app::App;
use crate::serve::params::{Params, Target};
use crate::text::{counted, escape, grouped};

/// Which actions are possible, and why others are not.
#[derive(Default)]
pub(super) struct Actions<'a> {
    /// The count is not known yet.
    pub(super) locked: bool,
    pub(super) matches: Option<u64>,
    /// The number of further messages that a clear takes only with INEXACT.
    pub(super) inexact: u64,
    pub(super) refusal: Option<&'a str>,
    /// Whether the messages are unacknowledged ones, which the server does not move.
    pub(super) held: bool,
    pub(super) count_error: Option<&'a str>,
    /// The form as it was sent, and why it was refused.
    pub(super) refused: Option<(&'a Params, &'a str)>,
}

impl Actions<'_> {
    /// The text that the form had in this field when it was sent.
    fn kept(&self, name: &str) -> Option<String> {
        self.refused.and_then(|(form, _)| form.text(name))
    }

    /// Whether this choice was made when the form was sent. `default`: before it was ever sent.
    fn is_chosen(&self, name: &str, value: &str, default: bool) -> bool {
        self.kept(name).map_or(default, |kept| kept == value)
    }
}

/// The form with the actions, or what a user without the permission for them can know.
pub(super) fn actions(app: &App, target: &Target, state: &Actions<'_>) -> Markup {
    html! {
        section #actions {
            h2 { "What do you want to do with these messages?" }
            @if let Some(words) = state.refusal {
                div.card { (rehearsal(words, state.matches)) }
            } @else {
                (form(app, target, state))
            }
        }
    }
}

fn form(app: &App, target: &Target, state: &Actions<'_>) -> Markup {
    let shown = escape(&target.queue);
    html! {
        form.card #clear method="post" action={ "/clear?" (target.query()) } data-back=(target.query()) {
            input type="hidden" name="csrf" value=(app.csrf());
            input type="hidden" name="id" value=(Uuid::new_v4());
            input #count-error type="hidden" name="count_error" value=(state.count_error.unwrap_or_default());
            fieldset #locked disabled[state.locked] {
                (whereto(target, state))
                (which(state))
                (more(state))
                label.option #inexact hidden[state.inexact == 0] {
                    input type="checkbox" name="inexact" value="1" checked[state.is_chosen("inexact", "1", false)];
                    span { "Include " span #inexact-count { (grouped(state.inexact)) " " } "more, matched by argsrepr or kwargsrepr only" }
                }
                div.who {
                    label { "Reason" input name="reason" maxlength="1024" value=[state.kept("reason")]; }
                    (actor_of(app, state.kept("actor").as_deref()))
                }
                p.buttons {
                    // Enter in a field presses the first button, so it is the one that changes nothing.
                    button #dry-run name="action" value="dry_run" formnovalidate { "Dry run" }
                    span.quiet #rehearsed role="status" { "A dry run counts what would be removed and changes nothing." }
                }
                div.confirm {
                    p #summary {
                        strong #summary-count { @if let Some(n) = state.matches { (matching(n)) " " } }
                        span.when-move { "Moving can be undone on the page of the job." } span.when-clear { "Deleted messages are gone for good." }
                    }
                    label {
                        "Type the name of the queue: " code { (shown) }
                        input name="confirm" required autocomplete="off" autocapitalize="off" spellcheck="false" value=[state.kept("confirm")];
                    }
                    p.error #refusal role="alert" { @if let Some((_, why)) = state.refused { (why) } }
                    p.buttons { button.danger #clear-all name="action" value="all" { (verb()) } }
                }
            }
        }
    }
}

/// How many messages match, as a sentence.
fn matching(n: u64) -> String {
    format!("{} {}.", counted(n, "message"), if n == 1 { "matches" } else { "match" })
}

/// What a user who may not clear can know: the count of the preview is what a clear would remove.
fn rehearsal(words: &str, matches: Option<u64>) -> Markup {
    html! {
        p #rehearsal {
            @if let Some(n) = matches { "A clear of all matches would remove " strong { (counted(n, "message")) } ": a preview counts what a clear with the same filter removes." }
            @else { "A preview counts what a clear with the same filter removes." }
        }
        p.error #refusal { (missing(words)) }
        p.quiet { "This Redis user may preview, but not clear." }
    }
}

/// Which permission is missing, from the words of the server.
pub(crate) fn missing(words: &str) -> String {
    let first = words.lines().next().unwrap_or_default();
    if words.contains("no permissions to run") {
        "The Redis user needs the permission +qadmin.clearjob to clear or to start a dry run.".to_owned()
    } else if words.contains("no permissions to access") || words.contains("keys") {
        "The Redis user needs permission to read and write this key (such as ~celery instead of %R~celery) to clear or to start a dry run."
            .to_owned()
    } else {
        first.to_owned()
    }
}

/// The choice between moving and deleting. Moving is the default, because it can be undone.
fn whereto(target: &Target, state: &Actions<'_>) -> Markup {
    html! {
        // In one list the priority step of each message would be lost.
        @if state.held || target.is_of_all_lists() {
            input type="hidden" name="how" value="clear";
        } @else {
            fieldset.choice {
                legend { "How" }
                label.option {
                    input #how-move type="radio" name="how" value="move" checked[state.is_chosen("how", "move", true)];
                    "Move (can be undone)"
                }
                div.within.when-move {
                    label {
                        "Destination list (if empty, a new list for this job)"
                        input name="to_shown" value=[state.kept("to_shown")] autocomplete="off" autocapitalize="off" spellcheck="false";
                    }
                    label.option {
                        input type="checkbox" name="front" value="1" checked[state.is_chosen("front", "1", false)];
                        "Before the messages in that list, so that they run next there"
                    }
                }
                label.option {
                    input #how-clear type="radio" name="how" value="clear" checked[state.is_chosen("how", "clear", false)];
                    "Delete"
                }
            }
        }
    }
}

/// Which matches are kept.
fn which(state: &Actions<'_>) -> Markup {
    let one = |value: &str, words: &str| {
        let is_default = value == "none";
        html! {
            label.option {
                input id={ "keep-" (value) } type="radio" name="keep" value=(value) checked[state.is_chosen("keep", value, is_default)];
                (words)
            }
        }
    };
    html! {
        fieldset.choice {
            legend { "Which of them" }
            (one("none", "All matches"))
            (one("oldest", "All but one: keep the match that runs next"))
            (one("newest", "All but one: keep the newest match"))
            (one("by", "All but one of each value: keep the match that runs next, for each value of these fields"))
            label.within {
                "Fields, separated by commas"
                input name="by" value=[state.kept("by")] list="fields" placeholder="kwargs.account" autocomplete="off" autocapitalize="off" spellcheck="false";
            }
        }
    }
}

/// Limits, which few clears need.
fn more(state: &Actions<'_>) -> Markup {
    let names = ["limit", "rate", "expect", "tolerance"];
    let number = |name: &str, words: &str, max: Option<&str>| {
        html! {
            label {
                (words)
                input name=(name) type="number" min="0" max=[max] inputmode="numeric" value=[state.kept(name)];
            }
        }
    };
    html! {
        details open[names.iter().any(|name| state.kept(name).is_some())] {
            summary { "Limits" }
            div.limits {
                (number("limit", "At most this many messages, those that run next", None))
                (number("rate", "At most this many messages per second", None))
                (number("expect", "Clear nothing if more than this many match", None))
                (number("tolerance", "and accept this many percent more", Some("1000")))
            }
        }
    }
}

/// "Delete" and "Move"; the style sheet shows the chosen one.
fn verb() -> Markup {
    html! { span.when-clear { "Delete" } span.when-move { "Move" } }
}

/// The field for the actor's name.
pub(super) fn actor(app: &App) -> Markup {
    actor_of(app, None)
}

fn actor_of(app: &App, typed: Option<&str>) -> Markup {
    html! {
        label {
            "Who are you?"
            input name="actor" maxlength="256" value=(typed.or(app.actor.as_deref()).unwrap_or_default());
        }
    }
}
