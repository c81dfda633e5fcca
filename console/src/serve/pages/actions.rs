//! What can be done with matches: dry run, clear all, clear all but one; move or clear for good.

use maud::{Markup, html};
use uuid::Uuid;

use crate::serve::app::App;
use crate::serve::params::Target;
use crate::text::{escape, grouped};

/// What can be done, and why not.
#[derive(Default)]
pub(super) struct Actions<'a> {
    /// Nothing is known yet.
    pub(super) locked: bool,
    pub(super) matches: Option<u64>,
    /// Beside these, messages that a clear takes only where it is told to.
    pub(super) inexact: u64,
    pub(super) refusal: Option<&'a str>,
    /// Messages are those that workers hold: the server moves none of them.
    pub(super) held: bool,
    pub(super) count_error: Option<&'a str>,
}

/// The form of the three things that can be done.
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
                                span { "Also the " span #inexact-count { (grouped(state.inexact)) " " } "that argsrepr or kwargsrepr alone tell of" }
                            }
                            // The first one is what Enter presses in a field: the one that changes nothing.
                            button #dry-run name="action" value="dry_run" formnovalidate { "Dry run" }
                            button.danger #clear-all name="action" value="all" { (verb()) " all" }
                            button.danger #keep-one name="action" value="keep_one" hidden[state.matches.is_some_and(|n| n + state.inexact <= 1)] { (verb()) " all but one" }
                        } @else {
                            p { "This Redis user may look, but not clear." }
                        }
                    }
                }
            }
        }
    }
}

/// What becomes of what is taken out. Moving is what is chosen where nobody chooses: it can be undone.
fn whereto(target: &Target, held: bool) -> Markup {
    html! {
        // In one list nobody would know any more of which step a message was.
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
                    "Destination list (empty: a list of its own, made for this job)"
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

/// "Delete", or "Move" where that is chosen: the style shows one of them.
fn verb() -> Markup {
    html! { span.when-clear { "Delete" } span.when-move { "Move" } }
}

/// Who acts.
pub(super) fn actor(app: &App) -> Markup {
    html! {
        label {
            "Who are you?"
            input name="actor" maxlength="256" value=(app.actor.as_deref().unwrap_or_default());
        }
    }
}
