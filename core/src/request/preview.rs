//! `QADMIN.PREVIEW queue filter [SAMPLE n] [FIELDS n field ...] [BUST] [NOCOUNT] [INEXACT]
//! [PRIORITY ALL|step] [INDEX key] [AS kind] [FORMAT RESP|JSON] [VERBOSE]`

use super::options::Options;
use super::spec::CommandSpec;
use super::{CountRequest, Request, SampleOptions, TargetOptions, commands, preview_key, unacked_key};
use crate::error::Error;
use crate::filter::{FIELDS_MAX, Filter, FilterBuilder, Projection};
use crate::job::{Accepted, ClearOptions, JobKind, JobTarget, Start};

/// Rows of a sample without SAMPLE.
pub const SAMPLE_DEFAULT: usize = 20;
/// Most rows of a sample.
pub const SAMPLE_MAX: usize = 100;

/// Counts the matches and shows some.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    /// The queue, and its messages.
    pub target: TargetOptions,
    /// The filter.
    pub filter: Filter,
    /// Most rows of the sample, up to [`SAMPLE_MAX`].
    pub sample: usize,
    /// The fields of a row in their order; `None` for the default ones.
    pub fields: Option<Vec<Vec<u8>>>,
    /// Whether to count anew, whatever is cached or was counted by a completed job.
    pub bust: bool,
    /// Whether to omit the count.
    pub nocount: bool,
    /// Messages that match by `argsrepr` or `kwargsrepr` alone are matches, as they are for a clear with this
    /// word.
    pub inexact: bool,
}

impl Preview {
    /// Returns what rows of the sample show for the messages of a target.
    ///
    /// # Errors
    /// What is wrong with the names in FIELDS, as [`Projection::of`] says.
    pub fn projection(&self, target: &JobTarget) -> Result<Projection, Error> {
        match &self.fields {
            None => target.default_projection(),
            Some(fields) => {
                let names: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
                Projection::of(target.messages, &names).map(Projection::named)
            }
        }
    }
}

impl CountRequest for Preview {
    fn target(&self) -> &TargetOptions {
        &self.target
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    fn busts(&self) -> bool {
        self.bust
    }

    fn skips_count(&self) -> bool {
        self.nocount
    }

    fn sample(&self) -> Option<SampleOptions<'_>> {
        Some(SampleOptions { rows: self.sample, fields: self.fields.as_deref() })
    }

    // The sample is not part of it, because samples always show the present messages.
    fn key(&self, target: &JobTarget) -> [u8; 32] {
        let key = preview_key(target, self.filter.text(), self.inexact);
        target.index().map_or(key, |index| unacked_key(&key, index))
    }

    fn start(&self, accepted: Accepted) -> Result<Start, Error> {
        let projection = self.projection(&accepted.target)?;
        Ok(Start {
            fields: self.fields.clone(),
            sample: self.sample,
            clear_options: ClearOptions { inexact: self.inexact, ..ClearOptions::default() },
            reads_all: self.bust,
            ..Start::counting(JobKind::Preview, accepted, self.filter.clone(), projection)
        })
    }
}

impl Request for Preview {
    const COMMAND: &'static CommandSpec = &commands::PREVIEW;

    fn parse(args: &[&[u8]], now_ms: i64) -> Result<Self, Error> {
        let mut options = Options::new(Self::COMMAND, args);
        let mut target = TargetOptions::of_queue(&mut options)?;
        let mut filter = FilterBuilder::default();
        let mut sample = SAMPLE_DEFAULT;
        let mut fields = None;
        let (mut bust, mut nocount, mut inexact) = (false, false, false);
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
                other => target.accept(other, &mut options)?,
            }
        }
        let filter = filter.finish()?;
        Ok(Self { target, filter, sample, fields, bust, nocount, inexact })
    }
}

fn parse_fields(options: &mut Options<'_>) -> Result<Vec<Vec<u8>>, Error> {
    let want = options.count("FIELDS", 1, FIELDS_MAX)?;
    let names = options.values("FIELDS", want)?;
    Projection::new(&names)?;
    Ok(names.into_iter().map(<[u8]>::to_vec).collect())
}
