//! The sample of a reply that does not wait for its count: it reads the messages that run next.

use qadmin_core::arrival::{Arrival, Placed};
use qadmin_core::error::{Error, TargetError};
use qadmin_core::filter::{Matcher, Projection};
use qadmin_core::format::{LOOK_AT, Recogniser};
use qadmin_core::job::{FoundMatches, JobTarget, Storage, marked, sample_row};
use qadmin_core::reply::Reply;
use qadmin_core::request::{CountRequest as _, Preview};
use qadmin_core::scan::{IndexPosition, Queue, index_row, shown_index};

use super::next_messages::time_of;
use super::recognise::{SampleTime, looks_like, recognised};
use crate::container::list::names_of;
use crate::container::walked::Walked;
use crate::container::{OpenedKeys, Storage as Keys};
use crate::index::{self, Lent, Moment};
use crate::library::Recognised;
use crate::redis::list::{List, Mode, OpenedList};
use crate::redis::{Ctx, RString};
use crate::settings;

/// The longest time for an immediate sample, in slices. The 2,000 messages of the default window take less if
/// they are of usual size.
const SAMPLE_SLICES: u64 = 4;

/// Reasons why an earlier count has no sample.
const HAVE_LEFT: &str = "the matches that were counted have left the queue since";
const NOT_KNOWN: &str =
    "the positions of the counted matches are no longer known, or not known for these fields";
/// The reason why the count of an index has no sample.
const CONTRADICTED: &str =
    "a message differs from what the index knows, so the count of the index may be wrong";

/// If two matches are further apart than this number of messages, it is faster to open the list again than to
/// step from one to the other: a step takes about 80 ns, and the way from an end half a nanosecond for each
/// message.
const STEPPED_OVER: u64 = 256;

/// A sample of the messages that run next.
pub(in crate::commands) struct Sample {
    /// The rows of the sample.
    pub(in crate::commands) rows: Result<Vec<Reply>, Error>,
    /// What most of the messages look like; `None` if that is not known, as for unacknowledged messages.
    pub(in crate::commands) looks_like: Option<Recognised>,
}

/// Takes the sample of a preview.
pub(in crate::commands) struct Sampler<'a> {
    pub(in crate::commands) ctx: Ctx<'a>,
    pub(in crate::commands) request: &'a Preview,
    pub(in crate::commands) target: &'a JobTarget,
}

impl<'a> Sampler<'a> {
    /// Reads the messages that run next: until the sample is full, at most `sample-window` of them, and for
    /// no longer than four slices, because all other clients wait meanwhile.
    pub(in crate::commands) fn sample(&self) -> Sample {
        let reader = match self.reader() {
            Ok(reader) => reader,
            Err(error) => return Sample { rows: Err(error), looks_like: None },
        };
        if self.target.storage.is_listed() {
            let (rows, _, looks_like) = self.sample_lists(reader);
            return Sample { rows: Ok(rows), looks_like };
        }
        let mut sample = IndexSample { reader, target: self.target, last: None };
        sample.walk();
        Sample { rows: Ok(sample.reader.rows), looks_like: looks_like(self.ctx, self.target) }
    }

    /// Reads the messages that run next, as [`Self::sample`] does, for an earlier count that found `matches`
    /// messages. The sample continues with the matches that the scan found, if their present positions are
    /// known.
    pub(in crate::commands) fn sample_beyond(&self, found: Option<&FoundMatches>, matches: usize) -> Sample {
        let wanted = self.request.sample.min(matches);
        let reader = match self.reader() {
            Ok(reader) => reader,
            Err(error) => return Sample { rows: Err(error), looks_like: None },
        };
        let (rows, is_known, looks_like) = match self.target.storage {
            Storage::Unacked(_) | Storage::SortedSet(_) | Storage::SetOfIds(..) => {
                let mut sample = IndexSample { reader, target: self.target, last: None };
                sample.walk();
                let places = match found {
                    Some(FoundMatches::Unacked(places)) if sample.reader.rows.len() < wanted => Some(places),
                    _ => None,
                };
                if let Some(places) = places {
                    sample.go_on(places);
                }
                (sample.reader.rows, places.is_some(), looks_like(self.ctx, self.target))
            }
            Storage::Lists | Storage::ListOfIds(_) => {
                let (mut rows, distances, looks_like) = self.sample_lists(reader);
                let known = match found {
                    Some(FoundMatches::Lists(found)) if rows.len() < wanted => {
                        found.rows(self.target.depth(), &distances)
                    }
                    _ => None,
                };
                let is_known = known.is_some();
                let missing = self.request.sample.saturating_sub(rows.len());
                rows.extend(known.into_iter().flatten().take(missing));
                (rows, is_known, looks_like)
            }
        };
        let rows = match (rows.is_empty() && wanted > 0, is_known) {
            (false, _) => Ok(rows),
            (true, true) => Err(TargetError::NoSample { why: HAVE_LEFT }.into()),
            (true, false) => Err(TargetError::NoSample { why: NOT_KNOWN }.into()),
        };
        Sample { rows, looks_like }
    }

    /// Reads lists. Returns the rows, the number of messages of each list that were read for them, and what
    /// most of the messages look like.
    fn sample_lists(&self, mut reader: RowReader<'a>) -> (Vec<Reply>, Vec<u64>, Option<Recognised>) {
        let window = settings::now().sample_window();
        let mut recogniser = Recogniser::new();
        let mut distances = Vec::new();
        let consumer_end = self.target.messages.spec().consumer_end;
        // The number of messages that run before those of the list.
        let mut before = 0;
        // The first list that has messages.
        let mut first = None;
        let has_ids = self.target.storage.message_keys().is_some();
        'lists: for (listed, _) in &self.target.lists {
            let names = names_of(&self.target.storage, &listed.key);
            distances.push(0);
            let OpenedKeys::Keys(mut list) = <List<'_> as Keys<'_>>::open(self.ctx, &names, Mode::Read)
            else {
                continue;
            };
            let len = list.len();
            let lent = reader.asks_arrivals.then(|| index::lend(self.target.db, &listed.key, len)).flatten();
            let mut arrivals = lent.as_ref().and_then(Lent::cursor);
            for distance in 0..len {
                let samples = !reader.is_full() && before + distance < window;
                let looks = !has_ids && !recogniser.is_done() && before + distance < LOOK_AT;
                if (!samples && !looks) || reader.time.is_over() {
                    break 'lists;
                }
                if let Some(looked) = distances.last_mut().filter(|_| samples) {
                    *looked = distance + 1;
                }
                let at = consumer_end.index(distance, len);
                if reader.asks_arrivals {
                    let arrival = arrivals.as_mut().and_then(|cursor| cursor.at(at));
                    reader.place(arrival);
                }
                list.read(at, |message| {
                    if looks {
                        recogniser.examine(message);
                        first = first.or(Some(&listed.key));
                    }
                    if samples {
                        reader.read(message, |bytes, members| {
                            sample_row(shown_index(consumer_end, distance), listed.step, bytes, members)
                        });
                    } else {
                        reader.time.took(message.len());
                    }
                });
            }
            before += len;
        }
        let looks_like = match has_ids {
            true => looks_like(self.ctx, self.target),
            false => first.and_then(|key| recognised(self.ctx, &recogniser, key)),
        };
        (reader.rows, distances, looks_like)
    }

    /// Returns the rows of the matches that indexes found, at these distances from the consumer end of each
    /// list. If one of these messages does not match, the index is wrong about it, and is built again.
    pub(in crate::commands) fn sample_at(&self, found: &[Vec<u64>]) -> Sample {
        let looks_like = looks_like(self.ctx, self.target);
        let mut reader = match self.reader() {
            Ok(reader) => reader,
            Err(error) => return Sample { rows: Err(error), looks_like },
        };
        let consumer_end = self.target.messages.spec().consumer_end;
        for ((listed, _), distances) in self.target.lists.iter().zip(found) {
            let name = RString::new(&listed.key);
            let OpenedList::List(mut list) = List::open(self.ctx, &name, Mode::Read) else { continue };
            let len = list.len();
            let lent = reader.asks_arrivals.then(|| index::lend(self.target.db, &listed.key, len)).flatten();
            let mut arrivals = lent.as_ref().and_then(Lent::cursor);
            let mut before = 0;
            for &distance in distances.iter().filter(|distance| **distance < len) {
                if reader.is_full() || reader.time.is_over() {
                    break;
                }
                if distance - before > STEPPED_OVER && !list.reopen() {
                    break;
                }
                before = distance;
                let at = consumer_end.index(distance, len);
                reader.place(arrivals.as_mut().and_then(|cursor| cursor.at(at)));
                let rows = reader.rows.len();
                list.read(at, |message| {
                    reader.read(message, |bytes, members| {
                        sample_row(shown_index(consumer_end, distance), listed.step, bytes, members)
                    });
                });
                if reader.rows.len() == rows {
                    index::doubt(self.target.db, &listed.key);
                    let error = TargetError::NoSample { why: CONTRADICTED };
                    return Sample { rows: Err(error.into()), looks_like };
                }
            }
        }
        Sample { rows: Ok(reader.rows), looks_like }
    }

    /// Returns a reader without rows.
    ///
    /// # Errors
    /// FIELDS names a field that messages of this kind do not have.
    fn reader(&self) -> Result<RowReader<'a>, Error> {
        let (kind, pickle, request) = (self.target.messages, self.target.reads_pickle, self.request);
        Ok(RowReader {
            ctx: self.ctx,
            request,
            matcher: Matcher::of(kind, &request.filter, None).inexact(true).pickle(pickle),
            projection: request.projection(self.target)?.inexact(true).pickle(pickle),
            asks_arrivals: request.arrival_field().is_some(),
            asked: Moment::now(),
            time: SampleTime::begin(settings::now().slice_us() * 1_000 * SAMPLE_SLICES),
            rows: Vec::new(),
        })
    }
}

/// Reads messages of any container and keeps a row of each one that matches.
struct RowReader<'a> {
    ctx: Ctx<'a>,
    request: &'a Preview,
    matcher: Matcher,
    projection: Projection,
    /// Whether the filter or the rows depend on when messages arrived.
    asks_arrivals: bool,
    /// The moment at which ages are measured.
    asked: Moment,
    time: SampleTime,
    rows: Vec<Reply>,
}

impl RowReader<'_> {
    fn is_full(&self) -> bool {
        self.rows.len() >= self.request.sample
    }

    /// Sets when the message that is read next arrived; `None` if that is not known.
    fn place(&mut self, arrival: Option<Arrival>) {
        let Moment { ahead_ms, .. } = self.asked;
        let now_ms = self.asked.wall_ms();
        let placed = arrival.map(|arrival| Placed { arrival: arrival.shifted(ahead_ms), now_ms });
        self.matcher.place(placed);
        self.projection.place(placed);
    }

    /// Reads a message. If it matches, `row` makes its row from its length in bytes and its members.
    fn read(&mut self, message: &[u8], row: impl FnOnce(u64, &[(Box<str>, Reply)]) -> Reply) {
        let mut work = message.len();
        if self.matcher.examine(message).matched && (self.request.inexact || !self.matcher.is_inexact()) {
            let inexact = self.request.inexact.then(|| self.matcher.is_inexact());
            let members = marked(inexact, self.projection.row(message));
            self.rows.push(row(message.len() as u64, &members));
            work += self.projection.work(message);
        }
        self.time.took(work + self.matcher.work());
    }
}

/// A sample of messages that are walked in the order of a sorted set.
struct IndexSample<'a> {
    reader: RowReader<'a>,
    target: &'a JobTarget,
    /// The last entry that was read.
    last: Option<IndexPosition>,
}

impl IndexSample<'_> {
    fn is_over(&mut self) -> bool {
        self.reader.is_full() || self.reader.time.is_over()
    }

    fn read(&mut self, score: f64, message: &[u8]) {
        let time = time_of(self.target, score);
        self.reader.read(message, |bytes, members| index_row(time, bytes, members));
    }

    /// Reads the entries with the lowest scores, at most `sample-window` of them.
    fn walk(&mut self) {
        let names = Walked::names(&self.target.storage, &self.target.queue);
        let Some(mut keys) = Walked::open(self.reader.ctx, &self.target.storage, &names) else { return };
        keys.begin();
        for _ in 0..settings::now().sample_window() {
            if self.is_over() {
                return;
            }
            let read = keys.next(|score, tag, value| {
                self.last = Some(IndexPosition { score, tag: tag.to_vec() });
                match value {
                    Some(message) => self.read(score, message),
                    None => self.reader.time.took(0),
                }
            });
            if read.is_none() {
                return;
            }
        }
    }

    /// Continues with the matches that a count has found, as far as they are still there.
    fn go_on(&mut self, found: &[IndexPosition]) {
        let names = Walked::names(&self.target.storage, &self.target.queue);
        let Some(mut keys) = Walked::open(self.reader.ctx, &self.target.storage, &names) else { return };
        let last = self.last.take();
        let is_further = |place: &&IndexPosition| {
            last.as_ref().is_none_or(|last| last.cmp(place.score, &place.tag).is_lt())
        };
        for place in found.iter().filter(is_further) {
            if self.is_over() {
                return;
            }
            keys.read_at(place, |message| self.read(place.score, message));
        }
    }
}
