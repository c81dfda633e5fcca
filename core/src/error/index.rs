//! Errors about indexes of lists.

use super::Code;
use super::quote::quote;

/// Why an index is not created, not found or not of use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexError {
    /// A field needs an index of the list, and the list has none.
    NotIndexed {
        /// The field.
        field: Box<str>,
        /// The list.
        list: Vec<u8>,
    },
    /// A field needs an index, and messages of this kind of storage cannot have one.
    NeverIndexed {
        /// The field.
        field: Box<str>,
    },
    /// There is no index that could be shown or dropped.
    Missing {
        /// The list.
        list: Vec<u8>,
    },
    /// The list has an index already.
    Exists {
        /// The list.
        list: Vec<u8>,
    },
    /// There are as many indexes as there may be.
    TooMany {
        /// The largest number of indexes.
        max: usize,
    },
    /// The server refuses to report what happens to lists.
    Unfollowed,
}

impl IndexError {
    pub(super) fn describe(&self) -> (Code, String) {
        let text = match self {
            Self::NotIndexed { field, list } => format!(
                "{field} is known only for lists that have an index, and {} has none; create one with QADMIN.INDEX CREATE",
                quote(list)
            ),
            Self::NeverIndexed { field } => {
                format!(
                    "{field} is known only for lists that have an index, and these messages are not in a list"
                )
            }
            Self::Missing { list } => {
                format!("{} has no index; create one with QADMIN.INDEX CREATE", quote(list))
            }
            Self::Exists { list } => {
                format!("{} has an index already; drop it first to create another one", quote(list))
            }
            Self::TooMany { max } => {
                format!("there are {max} indexes already; drop one with QADMIN.INDEX DROP")
            }
            Self::Unfollowed => {
                "the server does not report changes of lists to qadmin, and an index needs these reports"
                    .into()
            }
        };
        (Code::Err, text)
    }
}
