//! Errors that come from the server or from the state of the module, not from the request.

use super::Code;
use super::quote::quote;

/// Why the server does not permit a command now or for this user, or what is wrong inside the module.
///
/// [`WrongType`](Self::WrongType), [`NoPermKey`](Self::NoPermKey), [`NoPermCommand`](Self::NoPermCommand),
/// [`ReadOnly`](Self::ReadOnly) and [`Loading`](Self::Loading) have the wording of Redis 7.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerError {
    /// The key holds a type that the command does not work on.
    WrongType,
    /// The user has no permission for the key.
    NoPermKey,
    /// The user has no permission for the command.
    NoPermCommand {
        /// The command's name.
        command: &'static str,
    },
    /// The server does not have a command that the module calls.
    NoCommand {
        /// The command's name.
        command: &'static str,
    },
    /// The user is switched off, while a connection of that user is still open.
    UserOff {
        /// The name of the user.
        user: Vec<u8>,
    },
    /// A write was sent to a replica.
    ReadOnly,
    /// The server is loading its dataset.
    Loading,
    /// A command of the module was called while the module was at one of its own writes.
    Reentrant,
    /// A client sent a command that only a primary or an append-only file may send.
    NotReplicated {
        /// The command's name.
        command: &'static str,
    },
    /// The list does not hold the messages that a replicated deletion names.
    UnitMismatch,
    /// The module has a fault; the server's log has the details.
    Internal,
}

impl ServerError {
    pub(super) fn describe(&self) -> (Code, String) {
        match self {
            Self::WrongType => {
                (Code::WrongType, "Operation against a key holding the wrong kind of value".into())
            }
            Self::NoPermKey => (
                Code::NoPerm,
                "this user has no permissions to access one of the keys used as arguments".into(),
            ),
            Self::NoPermCommand { command } => {
                (Code::NoPerm, format!("this user has no permissions to run the '{command}' command"))
            }
            Self::NoCommand { command } => (
                Code::Err,
                format!(
                    "this server has no command {command}, which qadmin needs for this; remove the \
                     rename-command line that takes the name away"
                ),
            ),
            Self::UserOff { user } => (
                Code::NoPerm,
                format!(
                    "the user {} is disabled; use an enabled user, or enable this one (ACL SETUSER ... on)",
                    quote(user)
                ),
            ),
            Self::ReadOnly => (Code::ReadOnly, "You can't write against a read only replica.".into()),
            Self::Loading => (Code::Loading, "Redis is loading the dataset in memory".into()),
            Self::Reentrant => {
                (Code::Err, "qadmin was called during one of its own writes; retry the command".into())
            }
            Self::NotReplicated { command } => (
                Code::Err,
                format!("{command} is internal; only a primary or an append-only file may send it"),
            ),
            Self::UnitMismatch => (
                Code::Err,
                "the list does not hold the messages that the primary removed; nothing was changed".into(),
            ),
            Self::Internal => (Code::Err, "internal error of the module; see the server's log".into()),
        }
    }
}
