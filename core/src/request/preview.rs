//! `QADMIN.PREVIEW queue filter [SAMPLE n] [FIELDS n field ...] [BUST] [NOCOUNT] [INEXACT]
//! [PRIORITY ALL|step] [INDEX key] [AS kind] [FORMAT RESP|JSON]`

use super::options::{Options, key_name, queue_name};
use super::spec::CommandSpec;
use super::{Format, Request, commands, preview_key, unacked_key};
use crate::error::Error;
use crate::filter::{FIELDS_MAX, Filter, FilterBuilder, Projection};
use crate::kind::MessageKind;
use crate::priorities::{List, Priority};

/// Rows of a sample where SAMPLE is not given.
pub const SAMPLE_DEFAULT: usize = 20;
/// Most rows of a sample.
pub const SAMPLE_MAX: usize = 100;

/// Count what matches and show some.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    /// The key of the list, or of the hash of what workers hold. Any bytes.
    pub queue: Vec<u8>,
    /// What to count.
    pub filter: Filter,
    /// Most rows of the sample, up to [`SAMPLE_MAX`].
    pub sample: usize,
    /// The fields of a row in their order; `None` for the default ones.
    pub fields: Option<Vec<Vec<u8>>>,
    /// Count anew, whatever is cached or was counted by a completed job.
    pub bust: bool,
    /// Do not count.
    pub nocount: bool,
    /// Messages that match by `argsrepr` or `kwargsrepr` alone are matches, as they are for a clear with this word.
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

impl Preview {
    /// Under what the count of this preview is cached and found by equal ones, with messages of that kind in those lists:
    /// not the sample, which is always live.
    #[must_use]
    pub fn key(&self, db: i32, kind: MessageKind, lists: &[List]) -> [u8; 32] {
        let key = preview_key(db, lists, kind, self.filter.text(), self.inexact);
        self.index.as_ref().map_or(key, |index| unacked_key(&key, index))
    }
}

impl Request for Preview {
    const COMMAND: &'static CommandSpec = &commands::PREVIEW;

    fn parse(args: &[&[u8]], now_ms: i64) -> Result<Self, Error> {
        let mut options = Options::new(Self::COMMAND, args);
        let queue = queue_name(options.fixed()?)?;
        let mut filter = FilterBuilder::default();
        let mut sample = SAMPLE_DEFAULT;
        let mut fields = None;
        let (mut bust, mut nocount, mut inexact) = (false, false, false);
        let (mut priority, mut index, mut kind) = (None, None, None);
        let mut format = Format::default();
        loop {
            if filter.accept(&mut options.args, now_ms)? {
                continue;
            }
            let Some(keyword) = options.keyword()? else { break };
            match keyword {
                "SAMPLE" => sample = options.count("SAMPLE", 0, SAMPLE_MAX)?,
                "FIELDS" => fields = Some(parse_fields(&mut options)?),
                "BUST" => bust = true,
                "NOCOUNT" => nocount = true,
                "INEXACT" => inexact = true,
                "PRIORITY" => priority = Some(Priority::parse(options.args.value("PRIORITY")?)?),
                "INDEX" => index = Some(key_name("INDEX", options.args.value("INDEX")?)?),
                "AS" => kind = Some(MessageKind::parse(options.args.value("AS")?)?),
                "FORMAT" => format = Format::parse(&mut options.args)?,
                other => return Err(options.unknown(other.as_bytes())),
            }
        }
        let filter = filter.finish()?;
        Ok(Self { queue, filter, sample, fields, bust, nocount, inexact, priority, index, kind, format })
    }
}

fn parse_fields(options: &mut Options<'_>) -> Result<Vec<Vec<u8>>, Error> {
    let want = options.count("FIELDS", 1, FIELDS_MAX)?;
    let names = options.values("FIELDS", want)?;
    Projection::new(&names)?;
    Ok(names.into_iter().map(<[u8]>::to_vec).collect())
}
