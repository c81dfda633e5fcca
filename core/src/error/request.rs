//! Errors in the arguments of a command, whatever the key holds.

use super::Code;
use super::quote::{one_of, quote};

/// What is wrong with the arguments of a command, apart from its filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestError {
    /// A keyword is the last argument: its value is missing.
    MissingValue {
        /// The keyword as documented.
        keyword: &'static str,
    },
    /// A value is not an integer, or is out of range.
    NumberOutOfRange {
        /// The keyword as documented.
        keyword: &'static str,
        /// The smallest accepted value.
        min: u64,
        /// The largest accepted value.
        max: u64,
        /// The value that was given.
        got: Vec<u8>,
    },
    /// A fixed argument is missing.
    MissingArgument {
        /// The command's name.
        command: &'static str,
        /// The argument as the command's syntax line shows it.
        argument: String,
        /// The command's syntax line.
        syntax: String,
    },
    /// An argument is in the place of a keyword, and the command does not take that keyword.
    UnknownKeyword {
        /// The command's name.
        command: &'static str,
        /// The keywords that the command takes.
        takes: Vec<&'static str>,
        /// The argument that was given.
        got: Vec<u8>,
    },
    /// An option was given twice.
    Repeated {
        /// The keyword as documented.
        keyword: &'static str,
    },
    /// STATS was given without GROUPBY.
    NoGrouping,
    /// A value is not one of the words that a keyword takes.
    UnknownChoice {
        /// The keyword as documented.
        keyword: &'static str,
        /// The words that the keyword takes.
        choices: &'static [&'static str],
        /// The value that was given.
        got: Vec<u8>,
    },
    /// Fewer values follow a keyword than its count says.
    TooFewValues {
        /// The keyword as documented.
        keyword: &'static str,
        /// The count.
        want: usize,
        /// The number of arguments that follow it.
        got: usize,
    },
    /// The value of a keyword is empty.
    EmptyText {
        /// The keyword as documented.
        keyword: &'static str,
    },
    /// The value of a keyword is too long.
    TooLong {
        /// The keyword as documented.
        keyword: &'static str,
        /// The longest accepted value, in bytes.
        max: usize,
        /// The length of the value that was given, in bytes.
        got: usize,
    },
    /// A value must be a UUID and is not one.
    NotUuid {
        /// The keyword as documented.
        keyword: &'static str,
        /// The value that was given.
        got: Vec<u8>,
    },
    /// THROTTLE was given neither RATE nor DUTY.
    NoThrottle,
    /// CLEARJOB was given neither ALL nor KEEPONE nor DRYRUN.
    NoMode,
    /// CLEARJOB was given both ALL and KEEPONE.
    TwoModes,
    /// A keyword was given that has a meaning only together with another one.
    Needs {
        /// The keyword as documented.
        keyword: &'static str,
        /// The missing keyword.
        other: &'static str,
    },
    /// Two keywords were given that cannot be combined.
    Excludes {
        /// The keyword as documented.
        keyword: &'static str,
        /// What it cannot be combined with.
        other: &'static str,
        /// Why not, as a clause.
        why: &'static str,
    },
    /// TO names the queue itself.
    ToItself,
    /// PRIORITY has neither ALL nor a step as its value.
    NoPriority {
        /// The value that was given.
        got: Vec<u8>,
    },
    /// A clear was given without CONFIRM.
    ConfirmMissing {
        /// The queue to clear.
        queue: Vec<u8>,
    },
    /// CONFIRM has another name than the queue's.
    ConfirmOther {
        /// The queue to clear.
        queue: Vec<u8>,
        /// The name that was given.
        got: Vec<u8>,
    },
    /// A command that only clients may send came from a script or from another module.
    NotClient {
        /// The command's name.
        command: &'static str,
    },
}

impl RequestError {
    pub(super) fn describe(&self) -> (Code, String) {
        let text = match self {
            Self::MissingValue { keyword } => format!("{keyword} needs a value"),
            Self::NumberOutOfRange { keyword, min, max, got } => {
                format!("{keyword} must be an integer from {min} to {max}, got {}", quote(got))
            }
            Self::MissingArgument { command, argument, syntax } => {
                format!("{command} needs {argument}: {syntax}")
            }
            Self::UnknownKeyword { command, takes, got } if takes.is_empty() => {
                format!("unknown keyword {}; {command} takes no arguments", quote(got))
            }
            Self::UnknownKeyword { command, takes, got } => {
                format!("unknown keyword {}; {command} takes {}", quote(got), takes.join(", "))
            }
            Self::Repeated { keyword } => format!("{keyword} is given twice; give it once"),
            Self::NoGrouping => {
                "GROUPBY is missing; give the fields to group by, such as GROUPBY 1 task".into()
            }
            Self::UnknownChoice { keyword, choices, got } => {
                format!("{keyword} must be {}, got {}", one_of(choices), quote(got))
            }
            Self::TooFewValues { keyword, want, got } => {
                format!("{keyword} {want} needs {want} values after it, got {got}")
            }
            Self::EmptyText { keyword } => format!("{keyword} must not be empty"),
            Self::TooLong { keyword, max, got } => {
                format!("{keyword} must be at most {max} bytes, got {got}")
            }
            Self::NotUuid { keyword, got } => format!(
                "{keyword} must be a UUID like 6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02, got {}",
                quote(got)
            ),
            Self::NoThrottle => "give RATE n (messages removed per second, 0 = no limit), DUTY percent (0 = \
                                 the value of the setting), or both"
                .into(),
            Self::NoMode => "the mode is missing; give ALL to clear every match, KEEPONE to clear all but \
                             the oldest, or DRYRUN to only count them"
                .into(),
            Self::TwoModes => "ALL and KEEPONE cannot be combined; give one of them".into(),
            Self::Needs { keyword, other } => format!("{keyword} can be used only together with {other}"),
            Self::Excludes { keyword, other, why } => {
                format!("{keyword} and {other} cannot be combined: {why}")
            }
            Self::ToItself => "TO must name a key other than the queue itself".into(),
            Self::NoPriority { got } => {
                format!("PRIORITY must be ALL or a step of qadmin.priority-steps, got {}", quote(got))
            }
            Self::ConfirmMissing { queue } => {
                let text = format!("repeat the queue's name to confirm the clear: CONFIRM {}", quote(queue));
                return (Code::Confirm, text);
            }
            Self::ConfirmOther { queue, got } => {
                let (queue, got) = (quote(queue), quote(got));
                let text =
                    format!("{got} is not the name of queue {queue}; to clear it, give CONFIRM {queue}");
                return (Code::Confirm, text);
            }
            Self::NotClient { command } => {
                format!("{command} must come from a client, not from a script or a module")
            }
        };
        (Code::Err, text)
    }
}
