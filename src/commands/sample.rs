//! The sample of a reply that does not wait for its count: a look at the messages that run next.

use qadmin_core::error::Error;
use qadmin_core::filter::{Matcher, Projection};
use qadmin_core::format::{LOOK_AT, Recogniser};
use qadmin_core::job::{marked, sample_row};
use qadmin_core::kind::MessageKind;
use qadmin_core::priorities::List as Listed;
use qadmin_core::reply::Reply;
use qadmin_core::request::Preview;
use qadmin_core::scan::{Queue, shown_index};

use super::looks::{LookTime, recognised};
use super::unacked::{HeldSample, Unacked};
use crate::library::Looks;
use crate::redis::list::{List, Mode, Opened};
use crate::redis::{Ctx, RString};
use crate::settings;

/// Longest look for an immediate sample, in slices: the 2,000 messages of the default window take no longer, as far
/// as they are of usual size.
const SAMPLE_SLICES: u64 = 4;

/// What a look at the messages that run next found.
pub(super) struct Looked {
    /// Rows of the sample.
    pub(super) rows: Result<Vec<Reply>, Error>,
    /// How many messages of each list were looked at for them.
    pub(super) distances: Vec<u64>,
    /// What most of the messages look like.
    pub(super) looks_like: Option<Looks>,
}

impl Default for Looked {
    fn default() -> Self {
        Self { rows: Ok(Vec::new()), distances: Vec::new(), looks_like: None }
    }
}

/// What is looked at for the sample of a preview.
pub(super) struct Sampling<'a> {
    pub(super) ctx: Ctx<'a>,
    pub(super) request: &'a Preview,
    /// What the messages are taken for.
    pub(super) kind: MessageKind,
    /// Where they are, in the order in which workers look into the lists.
    pub(super) lists: &'a [Listed],
    /// Where workers hold them.
    pub(super) held: Option<&'a Unacked>,
}

impl Sampling<'_> {
    /// Looks at the messages that run next: until the sample is full, `sample-window` of them at most, and no
    /// longer than a slice may take, for everybody waits meanwhile. What kind they are of shows on the way.
    pub(super) fn look(&self) -> Looked {
        let settings = settings::now();
        let window = settings.sample_window();
        if let Some(held) = self.held {
            return Looked { rows: self.look_at_held(held).map(|sample| sample.rows), ..Looked::default() };
        }
        let (mut matcher, mut projection) = match self.readers() {
            Ok(readers) => readers,
            Err(error) => return Looked { rows: Err(error), ..Looked::default() },
        };
        let longest = settings.slice_us() * 1_000 * SAMPLE_SLICES;
        let mut recogniser = Recogniser::new();
        let (mut rows, mut distances) = (Vec::new(), Vec::new());
        let mut time = LookTime::begin(longest);
        let next_end = self.kind.spec().next_end;
        // Messages that run before those of the list.
        let mut before = 0;
        // The list whose messages are looked at first.
        let mut first = None;
        'lists: for listed in self.lists {
            let name = RString::new(&listed.key);
            distances.push(0);
            let Opened::List(mut list) = List::open(self.ctx, &name, Mode::Read) else { continue };
            let len = list.len();
            for distance in 0..len {
                let samples = rows.len() < self.request.sample && before + distance < window;
                let looks = !recogniser.is_done() && before + distance < LOOK_AT;
                if (!samples && !looks) || time.is_over() {
                    break 'lists;
                }
                if let Some(looked) = distances.last_mut().filter(|_| samples) {
                    *looked = distance + 1;
                }
                list.read(next_end.index(distance, len), |message| {
                    let mut work = message.len();
                    if looks {
                        recogniser.look(message);
                        first = first.or(Some(&listed.key));
                    }
                    if samples {
                        let matched = matcher.examine(message).matched;
                        work += matcher.work();
                        if matched && (self.request.inexact || !matcher.is_inexact()) {
                            let members = self.members(&matcher, &mut projection, message);
                            work += projection.work(message);
                            let index = shown_index(next_end, distance);
                            rows.push(sample_row(index, listed.step, message.len() as u64, &members));
                        }
                    }
                    time.took(work);
                });
            }
            before += len;
        }
        let looks_like = first.and_then(|key| recognised(self.ctx, &recogniser, key));
        Looked { rows: Ok(rows), distances, looks_like }
    }

    /// The same for what workers hold.
    ///
    /// # Errors
    /// FIELDS names a field that messages do not have.
    pub(super) fn look_at_held(&self, held: &Unacked) -> Result<HeldSample<'_>, Error> {
        let longest = settings::now().slice_us() * 1_000 * SAMPLE_SLICES;
        let mut sample = HeldSample::new(self.ctx, self.request, self.readers()?, longest);
        sample.look(held);
        Ok(sample)
    }

    fn readers(&self) -> Result<(Matcher, Projection), Error> {
        let projection = projection(self.request, self.kind)?.inexact(true);
        Ok((Matcher::of(self.kind, &self.request.filter, None).inexact(true), projection))
    }

    /// What a row shows of the message that was examined last.
    fn members(
        &self,
        matcher: &Matcher,
        projection: &mut Projection,
        message: &[u8],
    ) -> Vec<(Box<str>, Reply)> {
        marked(self.request.inexact.then(|| matcher.is_inexact()), projection.row(message))
    }
}

/// What rows of this preview show.
pub(super) fn projection(request: &Preview, kind: MessageKind) -> Result<Projection, Error> {
    match &request.fields {
        None => Projection::of(kind, kind.spec().sample),
        Some(fields) => Projection::of(kind, &fields.iter().map(Vec::as_slice).collect::<Vec<_>>()),
    }
}
