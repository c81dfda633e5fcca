//! `QADMIN.SHOW queue id [PRIORITY ALL|step] [INDEX key] [AS kind] [FORMAT RESP|JSON]`

use super::digest::Digest;
use super::options::Options;
use super::spec::CommandSpec;
use super::{Request, TargetOptions, commands};
use crate::args::Args;
use crate::error::Error;
use crate::filter::{Filter, FilterBuilder, Projection};
use crate::job::{Accepted, JobKind, Start};

/// Shows one message whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Show {
    /// The queue, and its messages.
    pub target: TargetOptions,
    /// The id of the message, as given.
    pub id: Vec<u8>,
    /// Messages whose field `id` is that id.
    pub filter: Filter,
}

impl Show {
    /// Returns what the job starts with that searches for the message. No other request shares it, because a message
    /// that was pushed after the other one is not searched by its job.
    ///
    /// # Errors
    /// No error that a caller can cause: `id` is a field.
    pub fn start(&self, accepted: Accepted) -> Result<Start, Error> {
        let projection = Projection::of(accepted.target.messages, &[b"id"])?;
        let digest = Digest::new("show").bytes(accepted.id.as_bytes()).finish();
        let accepted = Accepted { digest, ..accepted };
        Ok(Start {
            sample: 1,
            reads_all: true,
            ..Start::counting(JobKind::Show, accepted, self.filter.clone(), projection)
        })
    }
}

impl Request for Show {
    const COMMAND: &'static CommandSpec = &commands::SHOW;

    fn parse(args: &[&[u8]], now_ms: i64) -> Result<Self, Error> {
        let mut options = Options::new(Self::COMMAND, args);
        let mut target = TargetOptions::of_queue(&mut options)?;
        let id = options.fixed()?;
        while let Some(keyword) = options.keyword()? {
            target.accept(keyword, &mut options)?;
        }
        let words: [&[u8]; 4] = [b"WHERE", b"id", b"=", id];
        let mut filter = FilterBuilder::default();
        filter.accept(&mut Args::new(&words), now_ms)?;
        Ok(Self { target, id: id.to_vec(), filter: filter.finish()? })
    }
}
