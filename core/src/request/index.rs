//! `QADMIN.INDEX <CREATE | DROP | INFO | LIST> [queue] [FIELDS n field ...] [AS kind]
//! [FORMAT RESP|JSON] [VERBOSE]`

use super::options::{Options, queue_name};
use super::spec::{CommandSpec, syntax};
use super::{Format, Request, commands};
use crate::container::ContainerOption;
use crate::error::{Error, RequestError};
use crate::index::INDEX_FIELDS_MAX;
use crate::kind::MessageKind;

/// An action on an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexAction {
    /// Create the index of a list.
    Create {
        /// The key of the list.
        queue: Vec<u8>,
        /// The kind of its messages; `None` for the kind that the setting `default-kind` names.
        kind: Option<MessageKind>,
        /// The names of the fields whose values are kept; empty if the index follows only arrivals.
        fields: Vec<Vec<u8>>,
    },
    /// Drop the index of a list.
    Drop {
        /// The key of the list.
        queue: Vec<u8>,
    },
    /// Show the index of a list.
    Info {
        /// The key of the list.
        queue: Vec<u8>,
    },
    /// Show all indexes.
    List,
}

/// A parsed QADMIN.INDEX.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// The action.
    pub action: IndexAction,
    /// The format of the reply.
    pub format: Format,
}

/// The actions, in the order of the documentation; those before the last one are about a queue.
const ACTIONS: &[&str] = &["CREATE", "DROP", "INFO", "LIST"];

impl Request for Index {
    const COMMAND: &'static CommandSpec = &commands::INDEX;

    fn parse(args: &[&[u8]], _now_ms: i64) -> Result<Self, Error> {
        let mut options = Options::new(Self::COMMAND, args);
        let word = options.fixed()?;
        let action = ACTIONS.iter().find(|action| action.as_bytes().eq_ignore_ascii_case(word));
        let Some(action) = action.copied() else {
            let keyword = "the first argument of QADMIN.INDEX";
            return Err(RequestError::UnknownChoice { keyword, choices: ACTIONS, got: word.to_vec() }.into());
        };
        let mut queue = Vec::new();
        if action != "LIST" {
            let name = options.args.next().ok_or_else(|| RequestError::MissingArgument {
                command: Self::COMMAND.name,
                argument: "queue".to_owned(),
                syntax: syntax(Self::COMMAND),
            })?;
            queue = queue_name(name)?;
        }
        let (mut kind, mut format, mut fields) = (None, Format::default(), Vec::new());
        while let Some(keyword) = options.keyword()? {
            match keyword {
                "AS" => kind = Some(MessageKind::parse(options.args.value("AS")?)?),
                "FIELDS" => {
                    let want = options.count("FIELDS", 1, INDEX_FIELDS_MAX)?;
                    fields = options.values("FIELDS", want)?.into_iter().map(<[u8]>::to_vec).collect();
                }
                other => {
                    if !format.accept(other, &mut options.args)? {
                        return Err(options.unknown(other.as_bytes()));
                    }
                }
            }
        }
        if kind.is_some() && action != "CREATE" {
            return Err(RequestError::Needs { keyword: "AS", other: "CREATE" }.into());
        }
        if !fields.is_empty() && action != "CREATE" {
            return Err(RequestError::Needs { keyword: "FIELDS", other: "CREATE" }.into());
        }
        if let Some(kind) = kind.filter(|kind| !fields.is_empty() && kind.spec().place.is_elsewhere()) {
            let why = "the list holds ids, and the values are in a hash that an index does not follow";
            let other = ContainerOption::As(kind).keyword();
            return Err(RequestError::Excludes { keyword: "FIELDS", other, why }.into());
        }
        let action = match action {
            "CREATE" => IndexAction::Create { queue, kind, fields },
            "DROP" => IndexAction::Drop { queue },
            "INFO" => IndexAction::Info { queue },
            _ => IndexAction::List,
        };
        Ok(Self { action, format })
    }
}

/// Returns the position of the queue in the command line, in which the command's name is at 0; `None` if the
/// action takes no queue.
pub(super) fn queue_at(args: &[&[u8]]) -> Option<usize> {
    let names_one =
        |word: &[u8]| ACTIONS[..3].iter().any(|action| action.as_bytes().eq_ignore_ascii_case(word));
    (args.len() >= 2 && args.first().is_some_and(|word| names_one(word))).then_some(2)
}
