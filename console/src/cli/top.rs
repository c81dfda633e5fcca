//! `qadmin top`

use clap::{Args, value_parser};

use crate::kind::MessageKind;

#[derive(Debug, Args)]
pub(crate) struct Top {
    /// Only queues whose names match, such as 'celery*'.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) glob: Option<String>,
    /// Fields by which the messages of the selected queue are counted, 1 to 4, such as task,kwargs.account.
    #[arg(long, value_name = "FIELD", value_delimiter = ',', default_value = "task")]
    pub(crate) by: Vec<String>,
    /// The kind of the messages. Default: the server's setting default-kind.
    #[arg(id = "top_kind", long = "as", value_enum, value_name = "KIND")]
    pub(crate) kind: Option<MessageKind>,
    /// Seconds between two looks at the server, 1 to 3,600. If a look takes long, the next one waits longer.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = value_parser!(u64).range(1..=3_600))]
    pub(crate) every: u64,
}
