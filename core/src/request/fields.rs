//! `QADMIN.FIELDS queue [filter] [PRIORITY ALL|step] [INDEX key] [AS kind] [FORMAT RESP|JSON]`

use super::options::Options;
use super::spec::CommandSpec;
use super::{Request, TargetOptions, commands};
use crate::error::Error;
use crate::filter::{Filter, FilterBuilder};

/// Shows which fields the messages that run next have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    /// The queue, and its messages.
    pub target: TargetOptions,
    /// The filter; [`Filter::all`] if none was given.
    pub filter: Filter,
}

impl Request for Fields {
    const COMMAND: &'static CommandSpec = &commands::FIELDS;

    fn parse(args: &[&[u8]], now_ms: i64) -> Result<Self, Error> {
        let mut options = Options::new(Self::COMMAND, args);
        let mut target = TargetOptions::of_queue(&mut options)?;
        let mut filter = FilterBuilder::default();
        loop {
            if filter.accept(&mut options.args, now_ms)? {
                continue;
            }
            let Some(keyword) = options.keyword()? else { break };
            target.accept(keyword, &mut options)?;
        }
        let filter = if filter.is_empty() { Filter::all() } else { filter.finish()? };
        Ok(Self { target, filter })
    }
}
