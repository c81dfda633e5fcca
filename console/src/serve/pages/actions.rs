//! The actions on matches: dry run, clear all, clear all but one; moving or deleting.

use maud::{Markup, html};
use uuid::Uuid;

use crate::serve::app::App;
use crate::serve::params::Target;
use crate::text::{escape, grouped};

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
}

/// The form with the three actions.
pub(super) fn actions(app: &App, target: &Target, state: &Actions<'_>) -> Markup {
    let shown = escape(&target.queue);
    html! {
        section #actions {
            h2 { "What do you want to do with these messages?" }
            form.card method="post" action={ "/clear?" (target.query()) } {
                input type="hidden" name="csrf" value=(app.csrf());
                input type="hidden" name="id" value=(Uuid::new_v4());
                input #count-error type="hidden" name="count_error" value=(state.count_error.unwrap_or_default());
                p.error #refusal { @if let Some(words) = state.refusal { (words.lines().next().unwrap_or_default()) } }
                fieldset #locked disabled[state.locked] {
                    @if state.refusal.is_none() {
                        div #destructive {
                            (whereto(target, state.held))
                            label {
                                "Type the name of the queue: " code { (shown) }
                                input name="confirm" required autocomplete="off" autocapitalize="off" spellcheck="false";
                            }
                            label { "Reason" input name="reason" maxlength="1024"; }
                            (actor(app))
                        }
                    }
                    div.buttons {
                        @if state.refusal.is_none() {
                            label.option #inexact hidden[state.inexact == 0] {
                                input type="checkbox" name="inexact" value="1";
                                span { "Include " span #inexact-count { (grouped(state.inexact)) " " } "more, matched by argsrepr or kwargsrepr only" }
                            }
                            // Enter in a field presses the first button, so it is the one that changes nothing.
                            button #dry-run name="action" value="dry_run" formnovalidate { "Dry run" }
                            button.danger #clear-all name="action" value="all" { (verb()) " all" }
                            button.danger #keep-one name="action" value="keep_one" hidden[state.matches.is_some_and(|n| n + state.inexact <= 1)] { (verb()) " all but one" }
                        } @else {
                            p { "This Redis user may preview, but not clear." }
                        }
                    }
                }
            }
        }
    }
}

/// The choice between moving and deleting. Moving is the default, because it can be undone.
fn whereto(target: &Target, held: bool) -> Markup {
    html! {
        // In one list the priority step of each message would be lost.
        @if held || target.is_of_all_lists() {
            input type="hidden" name="how" value="clear";
        } @else {
            fieldset.choice {
                legend { "How" }
                label.option {
                    input #how-move type="radio" name="how" value="move" checked;
                    "Move (can be undone)"
                }
                label.within {
                    "Destination list (if empty, a new list for this job)"
                    input name="to_shown" autocomplete="off" autocapitalize="off" spellcheck="false";
                }
                label.option {
                    input #how-clear type="radio" name="how" value="clear";
                    "Delete"
                }
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
    html! {
        label {
            "Who are you?"
            input name="actor" maxlength="256" value=(app.actor.as_deref().unwrap_or_default());
        }
    }
}
