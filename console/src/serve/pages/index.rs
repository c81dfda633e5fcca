//! The page of the index of one list: what is known of it, and forms that create or drop it.

use maud::{Markup, html};

use super::layout::{self, Frame, facts, text};
use crate::client::IndexRights;
use crate::index::ListIndex;
use crate::kind::MessageKind;
use crate::serve::app::App;
use crate::serve::params::encode;
use crate::text::escape;

/// What the page is about: the list, its index, and what this Redis user may do with it.
pub(super) struct About {
    pub(super) queue: Vec<u8>,
    pub(super) index: Option<ListIndex>,
    pub(super) rights: IndexRights,
}

/// The URL of the page of a list.
pub(super) fn place(queue: &[u8]) -> String {
    format!("/index?queue={}", encode(queue))
}

pub(super) fn page(frame: &Frame, app: &App, about: &About) -> Markup {
    let (shown, queue) = (escape(&about.queue), encode(&about.queue));
    let body = html! {
        h1 { "Index of " a href={ "/queue?queue=" (queue) } { (shown) } }
        @match &about.index {
            Some(index) => {
                section.card #index {
                    (facts(&index.lines().iter().map(|(name, value)| (*name, text(value))).collect::<Vec<_>>()))
                    p { a href=(place(&about.queue)) { "Reload" } }
                }
                @if about.rights.drop { (drop_form(app, &queue)) }
                @else { p { "This Redis user may look at indexes, but not drop them." } }
            }
            None => {
                section.card #index {
                    p { "This list has no index, so it is not known since when its messages wait." }
                }
                @if about.rights.create { (create_form(app, &queue)) }
                @else { p { "This Redis user may look at indexes, but not create them." } }
            }
        }
    };
    layout::page(&format!("Index of {shown}"), frame, &body)
}

fn create_form(app: &App, queue: &str) -> Markup {
    html! {
        form.card #create method="post" action={ "/index/create?queue=" (queue) } {
            input type="hidden" name="csrf" value=(app.csrf());
            p {
                "An index follows the pushes and pops of the list from now on. With fields, the messages are read once, and \
                 counts by these fields are answered at once."
            }
            label {
                "Fields whose values are kept, separated by commas, such as task, kwargs.repoid (can be empty)"
                input name="fields" autocomplete="off" autocapitalize="off" spellcheck="false";
            }
            label {
                "Message format"
                select name="as" {
                    option value="" { "that of the server's setting" }
                    @for kind in MessageKind::ALL {
                        option value=(kind.word()) { (kind.name()) }
                    }
                }
            }
            p { button.primary { "Create the index" } }
        }
    }
}

fn drop_form(app: &App, queue: &str) -> Markup {
    html! {
        form.card #drop method="post" action={ "/index/drop?queue=" (queue) } {
            input type="hidden" name="csrf" value=(app.csrf());
            p { "Without its index it is not known since when the messages of this list wait. The messages stay." }
            p { button.danger { "Drop the index" } }
        }
    }
}
