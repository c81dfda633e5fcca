//! How long messages with each value of a field had waited when workers popped them.
//!
//! A pop says how many messages left, and the rows say which: those at the consumer end, before the index
//! follows the pop. Where workers are faster than the index reads, there are no rows. Such messages are
//! counted as unread and under no value.

use std::collections::HashMap;

use super::clock::{Arrivals, Cursor};
use super::codes::{Known, OPAQUE, UNKEPT, VALUES};
use super::columns::{Chunk, META, Side};
use super::dictionary::Value;
use super::fields::FieldIndex;
use super::{ListClock, ListFields};
use crate::arrival::Arrival;
use crate::field::FieldType;
use crate::filter::{class_key, group_values};
use crate::queue::End;
use crate::reply::{MapBuilder, Reply};
use crate::scan::Event;

/// Most values of one field of which waits are counted; those of later ones are counted together.
pub(super) const WAIT_VALUES_MAX: usize = 500;
/// Most bytes of these values.
pub(super) const WAIT_VALUES_BYTES_MAX: usize = 65_536;
/// Most messages of one pop of which the values are looked up, so that a command that pops many takes no
/// longer than without an index.
pub(super) const WAIT_POPPED_MAX: u64 = 1_024;
/// Numbers of values for which hints are kept.
const HINTS: usize = 4_096;
/// Values that a reply shows, those of which most messages were popped.
const SHOWN: usize = 20;

/// Waits of messages with the same value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    waits: u64,
    sum_ms: u64,
    max_ms: u64,
}

impl Tally {
    fn record(&mut self, wait_ms: u64) {
        self.add(Self { waits: 1, sum_ms: wait_ms, max_ms: wait_ms });
    }

    fn add(&mut self, other: Self) {
        self.waits += other.waits;
        self.sum_ms = self.sum_ms.saturating_add(other.sum_ms);
        self.max_ms = self.max_ms.max(other.max_ms);
    }
}

/// Where the waits of a value were found before.
#[derive(Debug, Clone, Copy, Default)]
struct Hint {
    /// Its place; 0 = nothing was found, else one more than the place.
    place: u16,
    /// The generation of its number. A number that was given to another value since has another one.
    generation: u32,
}

/// Waits by the values of one field.
#[derive(Debug, Clone, Default)]
struct FieldWaits {
    /// Each value as messages write it (JSON), and its waits.
    tallies: Vec<(Box<[u8]>, Tally)>,
    /// The places of the values in `tallies`.
    places: HashMap<Box<[u8]>, usize>,
    /// By the number of a value in its dictionary.
    hints: Vec<Hint>,
    bytes: usize,
    /// Of messages without a value, or whose value cannot be read.
    absent: Tally,
    /// Of all other messages: there are too many values, or a value is too long.
    other: Tally,
}

const _: () = assert!(WAIT_VALUES_MAX < u16::MAX as usize, "hints are too small for the places");

impl FieldWaits {
    fn record(&mut self, number: u32, value: Value<'_>, wait_ms: u64) {
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        let hint = self.hints.get(number).filter(|hint| hint.generation == value.generation);
        let place = hint.and_then(|hint| usize::from(hint.place).checked_sub(1));
        let Some(place) = place.or_else(|| self.find(number, value)) else {
            return self.other.record(wait_ms);
        };
        if let Some((_, tally)) = self.tallies.get_mut(place) {
            tally.record(wait_ms);
        }
    }

    /// Finds the place of a value, adds the value if there is room, and remembers the place.
    #[inline(never)]
    fn find(&mut self, number: usize, value: Value<'_>) -> Option<usize> {
        let place = self.places.get(value.raw).copied().or_else(|| self.add(value.raw))?;
        if number < HINTS {
            if self.hints.len() <= number {
                self.hints.resize(number + 1, Hint::default());
            }
            let shown = u16::try_from(place + 1).unwrap_or_default();
            self.hints[number] = Hint { place: shown, generation: value.generation };
        }
        Some(place)
    }

    /// Adds a value, if there is room, and returns its place.
    fn add(&mut self, raw: &[u8]) -> Option<usize> {
        let place = self.tallies.len();
        if place >= WAIT_VALUES_MAX || self.bytes + raw.len() > WAIT_VALUES_BYTES_MAX {
            return None;
        }
        self.bytes += raw.len();
        self.tallies.push((raw.into(), Tally::default()));
        self.places.insert(raw.into(), place);
        Some(place)
    }

    /// Bytes of memory, about.
    fn memory(&self) -> usize {
        2 * self.bytes
            + self.tallies.capacity() * size_of::<(Box<[u8]>, Tally)>()
            + self.places.capacity() * size_of::<(Box<[u8]>, usize)>()
            + self.hints.capacity() * size_of::<Hint>()
            + size_of::<Self>()
    }
}

/// Waits by the values of the fields of one index, since it was created or gave its memory back.
#[derive(Debug, Clone, Default)]
pub struct ValueWaits {
    fields: Vec<FieldWaits>,
    /// The rows that the hints are about: see [`ListFields::identity`].
    rows: Option<(u64, u64)>,
    /// Messages that were popped before they were read and whose arrival was known.
    unread: u64,
    /// Messages that were popped together with many others and not looked up.
    skipped: u64,
}

impl ValueWaits {
    /// Follows an event of the list, before `clock` and `fields` follow it.
    pub fn follow(&mut self, clock: &ListClock, fields: &ListFields, event: Event<'_>, now_ms: i64) {
        let Event::Popped { end, len } = event else { return };
        let Some(arrivals) = clock.arrivals().filter(|_| end == clock.consumer_end) else { return };
        let popped = match (arrivals.len().checked_sub(len), clock.rotating) {
            (Some(popped), None) => popped,
            // The message at this end is pushed again.
            (Some(0), Some(_)) => 1,
            _ => return,
        };
        let looked_up = popped.min(WAIT_POPPED_MAX);
        self.skipped += popped - looked_up;
        let index = fields.index().filter(|index| index.len() == arrivals.len());
        if let Some(index) = index {
            self.begin(index, fields.identity());
        }
        let unread = index.map_or(u64::MAX, |index| index.unread(Side::Consumer));
        let mut chunks = index.into_iter().flat_map(|index| index.rows.chunks().rev());
        if looked_up == 1 {
            let last = chunks.next().filter(|_| unread == 0);
            let row = last.and_then(|chunk| Some((chunk, chunk.len().checked_sub(1)?)));
            if let Some(arrival) = arrivals.at_end(end) {
                self.record(index.zip(row), arrival, now_ms);
            }
            return;
        }
        let mut rows = chunks.flat_map(|chunk| (0..chunk.len()).rev().map(move |row| (chunk, row)));
        let mut cursor = arrivals.cursor();
        for distance in 0..looked_up {
            let row = if distance < unread { None } else { rows.next() };
            if let Some(arrival) = at(arrivals, &mut cursor, end, distance) {
                self.record(index.zip(row), arrival, now_ms);
            }
        }
    }

    /// Makes room for the fields of an index, and forgets hints about other rows.
    fn begin(&mut self, index: &FieldIndex, rows: (u64, u64)) {
        if self.fields.len() != index.columns.len() {
            self.fields.resize_with(index.columns.len(), FieldWaits::default);
        }
        if self.rows != Some(rows) {
            self.rows = Some(rows);
            self.fields.iter_mut().for_each(|waits| waits.hints.clear());
        }
    }

    /// Counts a message that arrived at this time, and whose row is known if it was read.
    fn record(&mut self, row: Option<(&FieldIndex, (&Chunk, usize))>, arrival: Arrival, now_ms: i64) {
        if arrival.is_bound {
            return;
        }
        let wait_ms = now_ms.saturating_sub(arrival.step_ms).max(0).unsigned_abs();
        let Some((index, (chunk, row))) = row else {
            self.unread += 1;
            return;
        };
        for (at, (column, waits)) in index.columns.iter().zip(&mut self.fields).enumerate() {
            let number = chunk.column(META + at)[row];
            let value = column.numbered().filter(|_| !chunk.is_hashed(META + at));
            match value.and_then(|dictionary| dictionary.get(number)) {
                _ if number < VALUES && ![UNKEPT, OPAQUE].contains(&number) => waits.absent.record(wait_ms),
                Some(value) if value.known == Known::Exact => waits.record(number, value, wait_ms),
                _ => waits.other.record(wait_ms),
            }
        }
    }

    /// Bytes of memory, about.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.fields.iter().map(FieldWaits::memory).sum()
    }

    /// Forgets everything, and gives the memory back.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Shows the waits of each field of the index: the values of which most messages were popped.
    #[must_use]
    pub fn shown(&self, fields: &ListFields) -> Reply {
        let none = FieldWaits::default();
        let kinds = fields
            .index()
            .map(|index| index.columns.iter().map(|column| column.field.kind).collect::<Vec<_>>());
        let field = |(at, name): (usize, &[u8])| {
            let waits = self.fields.get(at).unwrap_or(&none);
            let (mut key, mut scratch) = (Vec::new(), Vec::new());
            let mut classes: HashMap<Vec<u8>, Tally> = HashMap::new();
            let kind = kinds.as_ref().and_then(|kinds| kinds.get(at)).copied().unwrap_or(FieldType::Value);
            for (raw, tally) in &waits.tallies {
                class_key(raw, kind, &mut key, &mut scratch);
                classes.entry(key.clone()).or_default().add(*tally);
            }
            class_key(b"null", kind, &mut key, &mut scratch);
            if waits.absent.waits > 0 {
                classes.entry(key).or_default().add(waits.absent);
            }
            let mut all: Vec<(Vec<u8>, Tally)> = classes.into_iter().collect();
            all.sort_unstable_by(|(one_key, one), (other_key, other)| {
                other.waits.cmp(&one.waits).then_with(|| group_values(one_key).cmp(group_values(other_key)))
            });
            let mut rest = waits.other;
            all.drain(SHOWN.min(all.len())..).for_each(|(_, tally)| rest.add(tally));
            let row = |(key, tally): (Vec<u8>, Tally)| {
                let value = group_values(&key).next().map_or(Reply::Null, Into::into);
                shown_tally(Reply::map().with("value", value), tally)
            };
            Reply::map()
                .with("field", name)
                .with("values", all.into_iter().map(row).collect::<Vec<_>>())
                .with("other", shown_tally(Reply::map(), rest))
                .with("unread", self.unread)
                .with("skipped", self.skipped)
                .build()
        };
        Reply::List(fields.names().enumerate().map(field).collect())
    }
}

fn shown_tally(map: MapBuilder, tally: Tally) -> Reply {
    map.with("waits", tally.waits)
        .with("wait_mean_ms", tally.sum_ms.checked_div(tally.waits))
        .with("wait_max_ms", (tally.waits > 0).then_some(tally.max_ms))
        .build()
}

/// The arrival of the message at this distance from an end.
fn at(arrivals: &Arrivals, cursor: &mut Cursor<'_>, end: End, distance: u64) -> Option<Arrival> {
    cursor.at(match end {
        End::Head => distance,
        End::Tail => arrivals.len().checked_sub(distance + 1)?,
    })
}
