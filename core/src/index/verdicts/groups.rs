//! Matches counted by the values of fields.

use super::{Counted, Judged};
use crate::field::FieldType;
use crate::filter::{GROUP_FIELDS_MAX, Grouping, class_key};
use crate::index::codes::{ABSENT_BY_TEXT, Known, OPAQUE, RESERVED, UNKEPT, UNREADABLE};
use crate::index::columns::META;
use crate::index::dictionary::DICTIONARY_VALUES_MAX;
use crate::index::fields::FieldIndex;
use crate::index::per_id::PerId;
use crate::numbered::Numbered;

/// Most groups that are counted, with each combination of values of several fields.
pub const INDEX_GROUPS_MAX: usize = 65_536;

/// A value that is known by the sender's texts.
pub(super) const BY_TEXT: u32 = 1 << 31;
/// A value in a body that cannot be read.
pub(super) const UNREAD_BODY: u32 = 1 << 30;
/// The message has to be read.
pub(super) const UNKNOWN: u32 = 1 << 29;
/// Numbers of groups are below this. From here on something else is to be said, too.
pub(super) const NUMBERS: u32 = UNKNOWN;
/// Lengths of tables: powers of two, the largest of which has room for all numbers of a dictionary.
const SMALL: usize = 256;
const MIDDLE: usize = 4_096;
const LARGE: usize = 2 * DICTIONARY_VALUES_MAX;
/// Rows whose values of a further field are looked up together.
const PART: usize = 256;
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
    /// By the number in the column, the reserved ones first: as long as one of the sizes of tables.
    entries: Vec<u32>,
    keys: Numbered,
}

/// One grouping over one index.
#[derive(Debug, Clone)]
pub struct Groups {
    fields: Vec<ByValue>,
    inexact: bool,
}

impl Groups {
    /// Groups by these fields; nothing where the index does not have one of them, or only hashes. With `inexact`, values that
    /// the sender's texts show make groups.
    #[must_use]
    pub fn new(grouping: &Grouping, index: &FieldIndex, inexact: bool) -> Option<Self> {
        let by_value = |field: &crate::field::Field| {
            let at = index.columns.iter().position(|column| column.field.is_same_place(field))?;
            let dictionary = index.columns[at].dictionary()?;
            let mut null = Vec::new();
            class_key(b"null", field.kind, &mut null, &mut Vec::new());
            // Values that come while a job counts have keys, too.
            let mut keys = Numbered::new(2 * dictionary.len(), index.seed);
            keys.number(&null, |_| true)?;
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
                entries: Vec::new(),
                keys,
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
            if by.numbers.is_current(dictionary) {
                return true;
            }
            let keys = &mut by.keys;
            let is_done = by.numbers.fill(dictionary, &mut steps, |value| {
                let by_text = if value.known == Known::ByText { BY_TEXT } else { 0 };
                if by_text > 0 && !inexact {
                    return (by_text | NULL, 0);
                }
                class_key(value.raw, by.kind, &mut key, &mut scratch);
                let number = keys.number(&key, |_| true).unwrap_or(NULL);
                (by_text | number, KEY_STEPS + value.raw.len())
            });
            if is_done {
                by.entries.clear();
                by.entries.extend(by.reserved.iter().chain(by.numbers.values()));
                let size = [SMALL, MIDDLE, LARGE].into_iter().find(|size| by.entries.len() <= *size);
                by.entries.resize(size.unwrap_or(LARGE), UNKNOWN);
            }
            is_done
        })
    }

    pub(super) fn is_ready(&self, index: &FieldIndex) -> bool {
        self.fields.iter().all(|by| {
            index.columns[by.field].dictionary().is_some_and(|dictionary| by.numbers.is_current(dictionary))
        })
    }

    /// How many combinations of values there are.
    pub(in crate::index) fn combinations(&self) -> usize {
        self.fields.iter().map(|by| by.keys.len()).fold(1, usize::saturating_mul)
    }

    /// Whether values that senders' texts show make groups.
    pub(super) fn inexact(&self) -> bool {
        self.inexact
    }

    /// How many values each field has.
    pub(super) fn widths(&self) -> impl Iterator<Item = usize> {
        self.fields.iter().map(|by| by.keys.len())
    }

    /// Whether there are messages that have to be read to know their group.
    pub(super) fn has_unknown(&self, index: &FieldIndex) -> bool {
        self.fields.iter().any(|by| index.columns[by.field].reserved[UNKEPT as usize] > 0)
    }

    /// Writes the key of a combination to `key`.
    pub(super) fn write_key(&self, mut number: usize, key: &mut Vec<u8>) {
        let mut parts: [&[u8]; GROUP_FIELDS_MAX] = [&[]; GROUP_FIELDS_MAX];
        for (by, part) in self.fields.iter().zip(&mut parts).rev() {
            *part = by.keys.get(number % by.keys.len());
            number /= by.keys.len();
        }
        key.clear();
        key.reserve_exact(parts.iter().map(|part| part.len()).sum());
        parts.iter().for_each(|part| key.extend_from_slice(part));
    }

    /// The combination of a row, with what else is to be said of it.
    pub(super) fn number(&self, judged: &Judged<'_>, at: usize) -> u32 {
        let (mut number, mut flags) = (0, 0);
        for by in &self.fields {
            let value = judged.chunk.column(META + by.field)[judged.rows.start + at] as usize;
            let own = by.entries.get(value).copied().unwrap_or(UNKNOWN);
            flags |= own & !(NUMBERS - 1);
            // There are at most as many combinations as the limit.
            number = number * by.keys.len() + (own & (NUMBERS - 1)) as usize;
        }
        u32::try_from(number).unwrap_or(UNKNOWN) | flags
    }

    /// Writes the combinations of all rows to `numbers`, as [`Self::number`] does for one.
    pub(super) fn look_up(&self, judged: &Judged<'_>, numbers: &mut [u32]) {
        let column = |by: &ByValue| &judged.chunk.column(META + by.field)[judged.rows.clone()];
        let Some((first, others)) = self.fields.split_first() else { return numbers.fill(NULL) };
        look_up(&first.entries, column(first), numbers);
        let mut own = [0; PART];
        for by in others {
            let width = u32::try_from(by.keys.len()).unwrap_or(u32::MAX);
            for (numbers, values) in numbers.chunks_mut(PART).zip(column(by).chunks(PART)) {
                let own = &mut own[..numbers.len()];
                look_up(&by.entries, values, own);
                for (number, own) in numbers.iter_mut().zip(own) {
                    let flags = (*number | *own) & !(NUMBERS - 1);
                    let inner = (*number & (NUMBERS - 1)).wrapping_mul(width);
                    *number = inner.wrapping_add(*own & (NUMBERS - 1)) & (NUMBERS - 1) | flags;
                }
            }
        }
    }
}

/// Looks numbers up in a table of a known length, so that no number has to be checked against it.
fn look_up(entries: &[u32], values: &[u32], out: &mut [u32]) {
    fn sized<const SIZE: usize>(entries: &[u32], values: &[u32], out: &mut [u32]) {
        let Some(entries) = entries.first_chunk::<SIZE>() else { return };
        for (out, value) in out.iter_mut().zip(values) {
            *out = entries[*value as usize & (SIZE - 1)];
        }
    }
    match entries.len() {
        SMALL => sized::<SMALL>(entries, values, out),
        MIDDLE => sized::<MIDDLE>(entries, values, out),
        _ => sized::<LARGE>(entries, values, out),
    }
}
