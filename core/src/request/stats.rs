//! `QADMIN.STATS queue [filter] GROUPBY n field ... [TOP n] [BUST] [INEXACT] [PRIORITY ALL|step] [INDEX key]
//! [AS kind] [FORMAT RESP|JSON]`

use super::digest::Digest;
use super::options::{Options, key_name, queue_name};
use super::spec::CommandSpec;
use super::{Format, Request, commands, unacked_key};
use crate::error::{Error, RequestError};
use crate::filter::{Filter, FilterBuilder, GROUP_FIELDS_MAX, Grouping};
use crate::job::{TOP_DEFAULT, TOP_MAX};
use crate::kind::MessageKind;
use crate::priorities::{List, Priority};

/// Count what matches by the values of fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Stats {
    /// The key of the list, or of the hash of what workers hold. Any bytes.
    pub queue: Vec<u8>,
    /// What to count; [`Filter::all`] where none was given.
    pub filter: Filter,
    /// By what.
    pub grouping: Grouping,
    /// Most groups that the reply shows.
    pub top: usize,
    /// Count anew, whatever was counted by a completed job.
    pub bust: bool,
    /// What `argsrepr` and `kwargsrepr` tell alone counts: that a message matches, and the value by which it is grouped.
    pub inexact: bool,
    /// Which lists of a queue with priorities; `None` for the one that has the queue's name.
    pub priority: Option<Priority>,
    /// The key of the index, where the queue is a hash of what workers hold; `None` for the hash's name and `_index`.
    pub index: Option<Vec<u8>>,
    /// What the messages are; `None` for the setting `default-kind`.
    pub kind: Option<MessageKind>,
    /// How the reply is written.
    pub format: Format,
}

impl Stats {
    /// What equal stats of messages of that kind in those lists share: all but how the reply is written.
    #[must_use]
    pub fn key(&self, db: i32, kind: MessageKind, lists: &[List]) -> [u8; 32] {
        let mut digest = Digest::new("stats").int(db).lists(lists).bytes(self.filter.text());
        digest = digest.count(self.top).bytes(kind.spec().name.as_bytes()).flag(self.inexact);
        for name in self.grouping.names() {
            digest = digest.bytes(name.as_bytes());
        }
        let key = digest.finish();
        self.index.as_ref().map_or(key, |index| unacked_key(&key, index))
    }
}

impl Request for Stats {
    const COMMAND: &'static CommandSpec = &commands::STATS;

    fn parse(args: &[&[u8]], now_ms: i64) -> Result<Self, Error> {
        let mut options = Options::new(Self::COMMAND, args);
        let queue = queue_name(options.fixed()?)?;
        let mut filter = FilterBuilder::default();
        let mut grouping = None;
        let mut top = TOP_DEFAULT;
        let (mut bust, mut inexact) = (false, false);
        let (mut priority, mut index, mut kind) = (None, None, None);
        let mut format = Format::default();
        loop {
            if filter.accept(&mut options.args, now_ms)? {
                continue;
            }
            let Some(keyword) = options.keyword()? else { break };
            match keyword {
                "GROUPBY" => {
                    let want = options.count("GROUPBY", 1, GROUP_FIELDS_MAX)?;
                    grouping = Some(Grouping::new(&options.values("GROUPBY", want)?)?);
                }
                "TOP" => top = options.count("TOP", 0, TOP_MAX)?,
                "BUST" => bust = true,
                "INEXACT" => inexact = true,
                "PRIORITY" => priority = Some(Priority::parse(options.args.value("PRIORITY")?)?),
                "INDEX" => index = Some(key_name("INDEX", options.args.value("INDEX")?)?),
                "AS" => kind = Some(MessageKind::parse(options.args.value("AS")?)?),
                "FORMAT" => format = Format::parse(&mut options.args)?,
                other => return Err(options.unknown(other.as_bytes())),
            }
        }
        let filter = if filter.is_empty() { Filter::all() } else { filter.finish()? };
        let grouping = grouping.ok_or(RequestError::NoGrouping)?;
        Ok(Self { queue, filter, grouping, top, bust, inexact, priority, index, kind, format })
    }
}
