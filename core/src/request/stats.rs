//! `QADMIN.STATS queue [filter] GROUPBY n field ... [TOP n] [BUST] [INEXACT] [PRIORITY ALL|step] [INDEX key]
//! [AS kind] [FORMAT RESP|JSON] [VERBOSE]`

use super::digest::Digest;
use super::options::Options;
use super::spec::CommandSpec;
use super::{CountRequest, Request, TargetOptions, commands, unacked_key};
use crate::error::{Error, RequestError};
use crate::filter::{Filter, FilterBuilder, GROUP_FIELDS_MAX, Grouping};
use crate::job::{Accepted, ClearOptions, JobKind, JobTarget, Start, TOP_DEFAULT, TOP_MAX};
use crate::scan::Effect;

/// Counts the matches by the values of fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Stats {
    /// The queue, and its messages.
    pub target: TargetOptions,
    /// The filter; [`Filter::all`] if none was given.
    pub filter: Filter,
    /// The fields to group by.
    pub grouping: Grouping,
    /// Most groups that the reply shows.
    pub top: usize,
    /// Whether to count anew, whatever was counted by a completed job.
    pub bust: bool,
    /// What only `argsrepr` and `kwargsrepr` show counts: that a message matches, and the value by which it is
    /// grouped.
    pub inexact: bool,
}

impl CountRequest for Stats {
    fn target(&self) -> &TargetOptions {
        &self.target
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    fn busts(&self) -> bool {
        self.bust
    }

    // Everything but the format of the reply.
    fn key(&self, target: &JobTarget) -> [u8; 32] {
        let kind = target.messages.spec().name.as_bytes();
        let digest = Digest::new("stats").int(target.db).lists(&target.lists).bytes(self.filter.text());
        let digest = digest.count(self.top).bytes(kind).flag(self.inexact).flag(target.reads_pickle);
        let names = self.grouping.names();
        let key = names.fold(digest, |digest, name| digest.bytes(name.as_bytes())).finish();
        target.index().map_or(key, |index| unacked_key(&key, index))
    }

    fn start(&self, accepted: Accepted) -> Result<Start, Error> {
        let projection = accepted.target.default_projection()?;
        Ok(Start {
            grouping: Some(self.grouping.clone()),
            top: self.top,
            effect: Effect::Group,
            clear_options: ClearOptions { inexact: self.inexact, ..ClearOptions::default() },
            reads_all: self.bust,
            ..Start::counting(JobKind::Stats, accepted, self.filter.clone(), projection)
        })
    }
}

impl Request for Stats {
    const COMMAND: &'static CommandSpec = &commands::STATS;

    fn parse(args: &[&[u8]], now_ms: i64) -> Result<Self, Error> {
        let mut options = Options::new(Self::COMMAND, args);
        let mut target = TargetOptions::of_queue(&mut options)?;
        let mut filter = FilterBuilder::default();
        let mut grouping = None;
        let mut top = TOP_DEFAULT;
        let (mut bust, mut inexact) = (false, false);
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
                other => target.accept(other, &mut options)?,
            }
        }
        let filter = if filter.is_empty() { Filter::all() } else { filter.finish()? };
        let grouping = grouping.ok_or(RequestError::NoGrouping)?;
        Ok(Self { target, filter, grouping, top, bust, inexact })
    }
}
