//! Matches counted by the values of fields.

use std::collections::HashMap;
use std::ops::Range;

use super::states::{Verdict, verdict};
use super::{Counted, Judged, Verdicts};
use crate::field::FieldType;
use crate::filter::{Grouping, class_key};
use crate::index::codes::{ABSENT_BY_TEXT, Known, OPAQUE, RESERVED, UNKEPT, UNREADABLE};
use crate::index::columns::META;
use crate::index::fields::FieldIndex;
use crate::index::per_id::PerId;

/// Most groups that are counted, with each combination of values of several fields.
pub const INDEX_GROUPS_MAX: usize = 65_536;

/// A value that is known by the sender's texts.
const BY_TEXT: u32 = 1 << 31;
/// A value in a body that cannot be read.
const UNREAD_BODY: u32 = 1 << 30;
/// The message has to be read.
const UNKNOWN: u32 = 1 << 29;
/// The group without a value.
const NULL: u32 = 0;
/// Steps of making the key of a value.
const KEY_STEPS: usize = 128;

/// The matches of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyCount {
    /// The values of the fields: see [`crate::filter::group_values`].
    pub key: Vec<u8>,
    /// Matches.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The distance from the consumer end of the one that runs next.
    pub next: u64,
    /// The distance of the one that runs last.
    pub last: u64,
}

/// What was counted by groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grouped {
    /// All matches. `unreadable` includes matches whose group cannot be read, and `inexact` matches whose group is known by their
    /// sender's texts. `candidates` includes matches whose group has to be read.
    pub counted: Counted,
    /// Groups with a match, in no particular order.
    pub groups: Vec<KeyCount>,
}

/// The numbers of the values of one field.
#[derive(Debug, Clone)]
struct ByValue {
    /// Position among the fields of the index.
    field: usize,
    kind: FieldType,
    reserved: [u32; RESERVED],
    numbers: PerId<u32>,
    known: HashMap<Box<[u8]>, u32>,
    keys: Vec<Box<[u8]>>,
}

/// One grouping over one index.
#[derive(Debug, Clone)]
pub struct Groups {
    fields: Vec<ByValue>,
    inexact: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    count: u32,
    next: u32,
    last: u32,
    bytes: u64,
}

impl Groups {
    /// Groups by these fields; nothing where the index does not have one of them, or only hashes. With `inexact`, values that
    /// the sender's texts show make groups.
    #[must_use]
    pub fn new(grouping: &Grouping, index: &FieldIndex, inexact: bool) -> Option<Self> {
        let by_value = |field: &crate::field::Field| {
            let at = index.columns.iter().position(|column| column.field.is_same_place(field))?;
            index.columns[at].dictionary()?;
            let mut null = Vec::new();
            class_key(b"null", field.kind, &mut null, &mut Vec::new());
            let null = null.into_boxed_slice();
            let reserved = std::array::from_fn(|number| match u32::try_from(number).unwrap_or(u32::MAX) {
                UNREADABLE | OPAQUE => UNREAD_BODY,
                UNKEPT => UNKNOWN,
                ABSENT_BY_TEXT => BY_TEXT,
                _ => NULL,
            });
            Some(ByValue {
                field: at,
                kind: field.kind,
                reserved,
                numbers: PerId::new(NULL),
                known: HashMap::from([(null.clone(), NULL)]),
                keys: vec![null],
            })
        };
        let fields = grouping.fields().iter().map(by_value).collect::<Option<Vec<_>>>()?;
        Some(Self { fields, inexact })
    }

    /// Makes the keys of values that were not met before, as far as `steps` go: a step is about a nanosecond. Returns
    /// whether all are made; needed before each answer. False as well once a field has got too many values.
    pub fn prepare(&mut self, index: &FieldIndex, mut steps: usize) -> bool {
        let inexact = self.inexact;
        let (mut key, mut scratch) = (Vec::new(), Vec::new());
        self.fields.iter_mut().all(|by| {
            let Some(dictionary) = index.columns[by.field].dictionary() else { return false };
            let (known, keys) = (&mut by.known, &mut by.keys);
            by.numbers.fill(dictionary, &mut steps, |value| {
                let by_text = if value.known == Known::ByText { BY_TEXT } else { 0 };
                if by_text > 0 && !inexact {
                    return (by_text | NULL, 0);
                }
                class_key(value.raw, by.kind, &mut key, &mut scratch);
                let next = u32::try_from(keys.len()).unwrap_or(NULL);
                let number = *known.entry(key.as_slice().into()).or_insert_with(|| {
                    keys.push(key.as_slice().into());
                    next
                });
                (by_text | number, KEY_STEPS + value.raw.len())
            })
        })
    }

    fn is_ready(&self, index: &FieldIndex) -> bool {
        self.fields.iter().all(|by| {
            index.columns[by.field].dictionary().is_some_and(|dictionary| by.numbers.is_current(dictionary))
        })
    }

    /// How many combinations of values there are.
    fn combinations(&self) -> usize {
        self.fields.iter().map(|by| by.keys.len()).fold(1, usize::saturating_mul)
    }

    /// The key of a combination.
    fn key(&self, mut number: usize) -> Vec<u8> {
        let mut parts = Vec::with_capacity(self.fields.len());
        for by in self.fields.iter().rev() {
            parts.push(&*by.keys[number % by.keys.len()]);
            number /= by.keys.len();
        }
        parts.reverse();
        parts.concat()
    }

    /// The combination of a row, with what else is to be said of it.
    fn number(&self, judged: &Judged<'_>, at: usize) -> u32 {
        let (mut number, mut flags) = (0, 0);
        for by in &self.fields {
            let value = judged.chunk.column(META + by.field)[judged.rows.start + at] as usize;
            let own = match value.checked_sub(RESERVED) {
                None => by.reserved[value],
                Some(value) => by.numbers.values().get(value).copied().unwrap_or(UNKNOWN),
            };
            flags |= own & (BY_TEXT | UNREAD_BODY | UNKNOWN);
            // There are at most as many combinations as the limit.
            number = number * by.keys.len() + (own & (UNKNOWN - 1)) as usize;
        }
        u32::try_from(number).unwrap_or(UNKNOWN) | flags
    }
}

impl Verdicts {
    /// Counts the messages whose distances from the consumer end are in `range` by groups. Nothing where [`Self::count`] gives none,
    /// where the groups were not prepared since the index changed, where there are too many combinations of values, and
    /// beyond 2^32 messages.
    pub fn count_by(
        &mut self,
        groups: &Groups,
        index: &FieldIndex,
        range: Range<u64>,
        candidates: usize,
    ) -> Option<Grouped> {
        let range = self.answerable(index, range)?;
        let combinations = groups.combinations();
        let is_too_long = u32::try_from(range.end).is_err();
        if combinations > INDEX_GROUPS_MAX || is_too_long || !groups.is_ready(index) {
            return None;
        }
        let mut tallies = vec![Tally::default(); combinations];
        let mut counted = Counted::default();
        let fits = self.judge(index, range, &mut |judged| {
            add(groups, &mut tallies, &mut counted, judged);
            counted.candidates.len() <= candidates
        });
        let met = tallies.iter().enumerate().filter(|(_, tally)| tally.count > 0);
        let groups = met.map(|(number, tally)| KeyCount {
            key: groups.key(number),
            count: u64::from(tally.count),
            bytes: tally.bytes,
            next: u64::from(tally.next),
            last: u64::from(tally.last),
        });
        fits.then(|| Grouped { counted, groups: groups.collect() })
    }
}

/// Adds the rows of one chunk, those at the consumer end first.
fn add(groups: &Groups, tallies: &mut [Tally], counted: &mut Counted, judged: &Judged<'_>) {
    let mut distance = u32::try_from(judged.last).unwrap_or(u32::MAX);
    let single = if let [by] = &groups.fields[..] { Some(by) } else { None };
    let lengths = judged.lengths();
    let column = single.map(|by| &judged.chunk.column(META + by.field)[judged.rows.clone()]);
    for at in (0..judged.states.len()).rev() {
        let here = distance;
        distance = distance.saturating_add(1);
        let state = judged.states[at];
        let is_plain = super::plain(state).0;
        if !is_plain && super::plain(state).1 {
            counted.examined += 1;
            continue;
        }
        let length = u64::from(lengths[at]);
        if let (true, Some(by), Some(column)) = (is_plain, single, column) {
            let number = by.numbers.values().get((column[at] as usize).wrapping_sub(RESERVED)).copied();
            if let Some(tally) = number.and_then(|number| tallies.get_mut(number as usize)) {
                counted.examined += 1;
                counted.matched += 1;
                counted.matched_bytes += length;
                tally.add(here, length);
                continue;
            }
        }
        add_row(groups, tallies, counted, judged, at, length);
    }
}

/// Adds a row about which there is something to say.
fn add_row(
    groups: &Groups,
    tallies: &mut [Tally],
    counted: &mut Counted,
    judged: &Judged<'_>,
    at: usize,
    length: u64,
) {
    let (verdict, is_undecodable) = verdict(judged.states[at]);
    let is_match = verdict == Verdict::Matched || (verdict == Verdict::Inexact && groups.inexact);
    let number = groups.number(judged, at);
    if verdict == Verdict::Unread || (is_match && number & UNKNOWN > 0) {
        return counted.candidates.push(judged.distance(at));
    }
    counted.examined += 1;
    counted.undecodable += u64::from(is_undecodable);
    let by_text = is_match && number & BY_TEXT > 0;
    if verdict == Verdict::Inexact || by_text {
        counted.inexact += 1;
        counted.inexact_bytes += length;
    }
    match verdict {
        Verdict::Unreadable { uncompared } => {
            counted.unreadable += 1;
            counted.uncompared += u64::from(uncompared);
        }
        _ if is_match => {
            counted.matched += 1;
            counted.matched_bytes += length;
            counted.unreadable += u64::from(number & UNREAD_BODY > 0);
            let distance = u32::try_from(judged.distance(at)).unwrap_or(u32::MAX);
            tallies[(number & (UNKNOWN - 1)) as usize].add(distance, length);
        }
        _ => {}
    }
}

impl Tally {
    #[inline(always)]
    fn add(&mut self, distance: u32, length: u64) {
        self.next = if self.count == 0 { distance } else { self.next };
        self.last = distance;
        self.count += 1;
        self.bytes += length;
    }
}
