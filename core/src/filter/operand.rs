//! The values with which fields are compared.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::uuid;
use super::value::{Class, PLAIN_DIGITS, Seen, quoted};
use crate::arrival::{Span, duration_ms};
use crate::error::{Error, FilterError};
use crate::field::FieldType;
use crate::json::{Decimal, Integer, compact, differ, inner, is_plain_ascii};
use crate::time;

/// The value with which `=`, `!=`, IN and CONTAINS compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operand {
    /// It is equal to the scalars of its class, and to the string that is written like it.
    Scalar {
        /// The string.
        text: Box<[u8]>,
        class: Class,
        /// The moment that the text means, in microseconds since 1970. A value of another class that is the
        /// same moment is neither equal to it nor different from it.
        moment: Option<i64>,
    },
    /// It is equal to every value that is this moment, in microseconds since 1970.
    Time(i64),
    /// In a field of times, integers or flags: it is equal to a value that is none of these, as the scalar
    /// inside would be in a field of any values.
    Stray(Box<Self>),
}

impl Operand {
    /// Reads the operand of a field. `of` is the field's name, for errors; `now_ms`, in Unix milliseconds, is
    /// the value of `now`. In a field of times, integers or flags, an operand in double quotes is a value
    /// that is none of these.
    pub(super) fn new(kind: FieldType, of: &str, text: &[u8], now_ms: i64) -> Result<Self, Error> {
        if !matches!(kind, FieldType::Value | FieldType::Duration)
            && let Some(inside) = in_quotes(text)
        {
            return Ok(Self::stray(kind, inside));
        }
        match kind {
            FieldType::Time => time_operand(of, text, now_ms).map(Self::Time),
            FieldType::Integer | FieldType::Flag => integer_operand(kind, of, text).map(Self::number),
            FieldType::Duration => duration_operand(of, text).map(Self::number),
            FieldType::Value => Ok(Self::any(text)),
        }
    }

    fn any(text: &[u8]) -> Self {
        match quoted(text) {
            Some(text) => Self::Scalar { text: text.into(), class: Class::Text, moment: None },
            None => Self::scalar(text),
        }
    }

    /// Reads the text in quotes. If it is a value of the field's type after all, the quotes have no meaning.
    fn stray(kind: FieldType, inside: &[u8]) -> Self {
        match kind {
            FieldType::Time => time::parse(inside).map(Self::Time),
            _ => Integer::parse(inside).map(|integer| Self::number(integer.canonical().into())),
        }
        .unwrap_or_else(|| Self::Stray(Box::new(Self::any(inside))))
    }

    /// Returns the integer with this canonical text.
    pub(super) fn number(canonical: Box<[u8]>) -> Self {
        Self::Scalar { class: Class::of(&canonical), text: canonical, moment: None }
    }

    fn scalar(text: &[u8]) -> Self {
        let class = Class::of(text);
        let moment = match &class {
            Class::Moment(micros) => Some(*micros),
            Class::Text => time::iso(text).map(|iso| iso.micros),
            // A number is not the text of a time.
            _ => None,
        };
        // All notations of these are one operand. Integers keep all their digits, because with an exponent
        // they would not be operands of an integer field.
        let text: Box<[u8]> = match &class {
            Class::Number(_) => {
                Integer::parse(text).map_or_else(|| text.into(), |integer| integer.canonical().into())
            }
            Class::Uuid(uuid) => Box::new(uuid::text(*uuid)),
            Class::Moment(micros) => time::canonical(*micros).into_bytes().into(),
            Class::Bool(_) | Class::Compound(_) | Class::Text => text.into(),
        };
        Self::Scalar { text, class, moment }
    }

    /// Returns the operand as the canonical text of the filter contains it. Parsed again, it is the same
    /// operand.
    pub(super) fn canonical(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Time(micros) => Cow::Owned(time::canonical(*micros).into_bytes()),
            Self::Stray(inside) => Cow::Owned([b"\"", &*inside.canonical(), b"\""].concat()),
            Self::Scalar { text, class: Class::Text, .. }
                if text.is_empty() || quoted(text).is_some() || Class::of(text) != Class::Text =>
            {
                Cow::Owned([b"\"", &**text, b"\""].concat())
            }
            Self::Scalar { text, .. } => Cow::Borrowed(text),
        }
    }

    /// Returns whether `raw`, a JSON value, is equal to the operand; `None` if its bytes alone do not decide
    /// that.
    #[inline]
    pub(super) fn equals_raw(&self, raw: &[u8]) -> Option<bool> {
        match self {
            Self::Scalar { class: Class::Number(wanted), .. } if is_plain(raw) && is_plain(wanted) => {
                Some(raw == &**wanted)
            }
            Self::Scalar { text, class: Class::Text, moment: None } if is_other_text(raw, text) => {
                Some(false)
            }
            _ => None,
        }
    }

    /// Returns whether a value of which only a span is known is equal to the operand; `None` if the span does
    /// not decide that. A closed span is one step of time, and all of it is equal to a moment in it.
    pub(super) fn equals_span(&self, span: Span) -> Option<bool> {
        let wanted = match self {
            Self::Time(micros) => *micros,
            Self::Scalar { text, .. } => integer_of(text),
            Self::Stray(_) => return Some(false),
        };
        let is_below = span.least.is_some_and(|least| wanted < least);
        let is_above = span.most.is_some_and(|most| wanted > most);
        match (span.least, span.most) {
            _ if is_below || is_above => Some(false),
            (Some(_), Some(_)) => Some(true),
            _ => None,
        }
    }

    /// Returns whether the value is equal to the operand; `None` if the two cannot be compared.
    pub(super) fn equals(&self, seen: Seen<'_>, scratch: &mut Vec<u8>) -> Option<bool> {
        match self {
            Self::Time(time) => seen.moment().map(|moment| moment == *time),
            Self::Stray(inside) => inside.equals(seen, scratch),
            Self::Scalar { text, class, moment } => {
                let equal = equals(text, class, seen, scratch)?;
                if !equal && moment.is_some() && seen.moment() == *moment { None } else { Some(equal) }
            }
        }
    }
}

/// Returns whether `raw`, a JSON value, is certainly a string with another text than this one. A string with bytes that are no
/// characters, or with half of a surrogate pair, has no text that could be compared, so the first bytes that differ are
/// not enough; nor are they known to be characters where the string has escapes.
#[inline]
pub(super) fn is_other_text(raw: &[u8], text: &[u8]) -> bool {
    raw.first() == Some(&b'"') && differ(inner(raw), text) && is_plain_ascii(inner(raw))
}

/// Returns the canonical text of a number of milliseconds.
fn duration_operand(of: &str, text: &[u8]) -> Result<Box<[u8]>, Error> {
    duration_ms(text)
        .map(|ms| ms.to_string().into_bytes().into())
        .ok_or_else(|| Error::Filter(FilterError::NotADuration { of: of.into(), got: text.to_vec() }))
}

/// Returns the integer with this canonical text, clamped to the range of an `i64`.
fn integer_of(text: &[u8]) -> i64 {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(i64::MAX)
}

/// Returns the text between double quotes, if the operand begins and ends with one.
fn in_quotes(operand: &[u8]) -> Option<&[u8]> {
    operand.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

fn time_operand(of: &str, text: &[u8], now_ms: i64) -> Result<i64, Error> {
    time::operand(text, now_ms)
        .ok_or_else(|| Error::Filter(FilterError::NotATime { of: of.into(), got: text.to_vec() }))
}

/// Returns the canonical text of an integer; a flag is 0 or 1, and `true` and `false` are these.
pub(super) fn integer_operand(kind: FieldType, of: &str, text: &[u8]) -> Result<Box<[u8]>, Error> {
    let text = match Class::of(text) {
        Class::Bool(is) if kind == FieldType::Flag => {
            if is {
                b"1"
            } else {
                b"0"
            }
        }
        _ => text,
    };
    Integer::parse(text)
        .map(|integer| integer.canonical().into())
        .ok_or_else(|| Error::Filter(FilterError::NotAnInteger { of: of.into(), got: text.to_vec() }))
}

/// Returns whether a value of this class, or the string `text`, is equal; `None` if the two cannot be compared.
fn equals(text: &[u8], class: &Class, seen: Seen<'_>, scratch: &mut Vec<u8>) -> Option<bool> {
    match (class, seen) {
        (_, Seen::Opaque) => None,
        (Class::Compound(wanted), Seen::Compound(raw)) => compound_equals(wanted, raw, scratch),
        (_, Seen::Compound(_)) => None,
        (_, Seen::Text(seen)) if seen == text => Some(true),
        (Class::Compound(wanted), Seen::Text(seen) | Seen::Time(seen)) => Some(seen == &**wanted),
        (Class::Compound(_), _) => None,
        (Class::Number(wanted), Seen::Number(seen)) => Some(number_equals(wanted, seen)),
        (Class::Number(wanted), Seen::Text(seen)) => {
            Some(seen == &**wanted || (Integer::parse(seen).is_some() && number_equals(wanted, seen)))
        }
        // 32 digits can be a UUID.
        (Class::Number(_), Seen::Uuid(seen)) => (uuid::parse(text) != Some(seen)).then_some(false),
        (Class::Bool(wanted), Seen::Bool(seen)) => Some(*wanted == seen),
        (Class::Bool(wanted), Seen::Text(seen)) => {
            Some(seen == if *wanted { &b"true"[..] } else { b"false" })
        }
        (Class::Uuid(wanted), Seen::Uuid(seen)) => Some(*wanted == seen),
        (Class::Uuid(wanted), Seen::Text(seen)) => Some(uuid::parse(seen) == Some(*wanted)),
        (Class::Moment(wanted), Seen::Text(seen) | Seen::Time(seen)) => {
            Some(time::iso(seen).is_some_and(|seen| seen.is_exact && seen.micros == *wanted))
        }
        (Class::Text, Seen::Time(seen)) => Some(seen == text),
        _ => Some(false),
    }
}

/// Compares numbers; parses nothing if the bytes decide.
fn number_equals(canonical: &[u8], number: &[u8]) -> bool {
    if canonical == number {
        return true;
    }
    if is_plain(number) && is_plain(canonical) {
        return false;
    }
    match (Decimal::parse(canonical), Decimal::parse(number)) {
        (Some(wanted), Some(seen)) => seen.compare(&wanted).is_eq(),
        _ => false,
    }
}

/// Returns whether these are digits without a leading zero: two such texts are the same number only if they
/// are the same text.
fn is_plain(number: &[u8]) -> bool {
    number.iter().all(u8::is_ascii_digit) && (number.len() == 1 || number.first() != Some(&b'0'))
}

/// Arrays and objects are equal if their compact texts are equal. It is unknown whether two objects that are
/// written differently are different, because the order of members and repeated names have no meaning.
fn compound_equals(wanted: &[u8], raw: &[u8], scratch: &mut Vec<u8>) -> Option<bool> {
    scratch.clear();
    compact(raw, scratch, &mut Vec::new());
    if **scratch == *wanted {
        return Some(true);
    }
    if scratch.contains(&b'{') || wanted.contains(&b'{') { None } else { Some(false) }
}

/// The value with which `<`, `<=`, `>` and `>=` compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Limit {
    /// The canonical text of a number.
    Number(Box<[u8]>),
    /// A moment in microseconds since 1970.
    Time(i64),
}

impl Limit {
    /// Reads the operand of a field; see [`Operand::new`].
    pub(super) fn new(kind: FieldType, of: &str, text: &[u8], now_ms: i64) -> Result<Self, Error> {
        match kind {
            FieldType::Time => time_operand(of, text, now_ms).map(Self::Time),
            // All digits are kept, because with an exponent the canonical text would not be a filter.
            FieldType::Integer | FieldType::Flag => integer_operand(kind, of, text).map(Self::Number),
            FieldType::Duration => duration_operand(of, text).map(Self::Number),
            FieldType::Value => match Decimal::parse(text) {
                Some(number) => Ok(Self::Number(number.canonical().into())),
                None => time::operand(text, now_ms).map(Self::Time).ok_or_else(|| {
                    Error::Filter(FilterError::NotANumber { of: of.into(), got: text.to_vec() })
                }),
            },
        }
    }

    /// Returns the number, or the microseconds since 1970; a number that is not an `i64` is clamped.
    pub(super) fn integer(&self) -> i64 {
        match self {
            Self::Number(text) => integer_of(text),
            Self::Time(micros) => *micros,
        }
    }

    /// Returns the order of the value relative to the operand; `None` if the two have no order.
    pub(super) fn order(&self, seen: Seen<'_>) -> Option<Ordering> {
        match self {
            Self::Number(text) => Some(seen.decimal()?.compare(&Decimal::parse(text)?)),
            Self::Time(time) => Some(seen.moment()?.cmp(time)),
        }
    }

    /// Returns the operand as the canonical text of the filter contains it.
    pub(super) fn canonical(&self) -> Vec<u8> {
        match self {
            Self::Number(text) => text.to_vec(),
            Self::Time(micros) => time::canonical(*micros).into_bytes(),
        }
    }
}

/// The operands of IN, sorted so that thousands of them cost a message no more than a few.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Set {
    /// All operands, each once, in the order of their canonical texts.
    operands: Vec<Operand>,
    /// Operands that are equal to strings byte for byte and are neither a UUID nor a moment.
    texts: Vec<Box<[u8]>>,
    /// The canonical texts of numbers.
    numbers: Vec<Box<[u8]>>,
    uuids: Vec<[u8; 16]>,
    /// The operands of a time field, and texts that mean a certain moment.
    moments: Vec<i64>,
    /// Every moment that an operand can mean, including those of texts without an offset.
    ambiguous: Vec<i64>,
    /// The indexes of the other operands: booleans, arrays, objects, and quoted values.
    others: Vec<usize>,
    /// Whether the operands are the moments of a time field, except for quoted values; every value that is a
    /// moment is then compared with them.
    of_times: bool,
}

impl Set {
    /// Creates the set of `operands`.
    pub(super) fn new(operands: Vec<Operand>) -> Self {
        let mut set = Self { operands: sorted(operands), ..Self::default() };
        for (at, operand) in set.operands.iter().enumerate() {
            match operand {
                Operand::Time(micros) => {
                    set.moments.push(*micros);
                    set.of_times = true;
                }
                Operand::Stray(_) => set.others.push(at),
                Operand::Scalar { text, class, moment } => {
                    set.ambiguous.extend(moment);
                    match class {
                        // A string that is the operand's text can also be a UUID or a moment.
                        Class::Uuid(uuid) => {
                            set.uuids.push(*uuid);
                            continue;
                        }
                        Class::Moment(micros) => {
                            set.moments.push(*micros);
                            continue;
                        }
                        Class::Number(canonical) => {
                            set.numbers.push(canonical.clone());
                            if canonical != text {
                                set.texts.push(canonical.clone());
                            }
                        }
                        Class::Bool(_) | Class::Compound(_) => set.others.push(at),
                        Class::Text => {}
                    }
                    set.texts.push(text.clone());
                }
            }
        }
        set.texts.sort_unstable();
        set.numbers.sort_unstable();
        set.uuids.sort_unstable();
        set.moments.sort_unstable();
        set.ambiguous.sort_unstable();
        set
    }

    /// Returns whether the value is equal to one of the operands; `None` if it is not and cannot be compared
    /// with one of them.
    pub(super) fn contains(&self, seen: Seen<'_>, scratch: &mut Vec<u8>) -> Option<bool> {
        let among_moments = |moment: i64| self.moments.binary_search(&moment).is_ok();
        if !self.of_times && self.has_class_of(seen) {
            return Some(true);
        }
        let mut all = match seen {
            _ if self.of_times => match seen.moment().map(among_moments) {
                Some(true) => return Some(true),
                other => other,
            },
            Seen::Opaque => None,
            // A scalar cannot be compared with an array or object.
            Seen::Compound(_) => (self.others.len() == self.operands.len()).then_some(false),
            _ if self.ambiguous.is_empty() => Some(false),
            _ => {
                let same = seen.moment().is_some_and(|moment| self.ambiguous.binary_search(&moment).is_ok());
                (!same).then_some(false)
            }
        };
        for other in &self.others {
            match self.operands[*other].equals(seen, scratch) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => all = None,
            }
        }
        all
    }

    fn has_class_of(&self, seen: Seen<'_>) -> bool {
        match seen {
            Seen::Number(number) => self.has_number(number),
            Seen::Text(text) => {
                let has = |text: &[u8]| self.texts.binary_search_by(|known| (**known).cmp(text)).is_ok();
                has(text)
                    || (!self.numbers.is_empty() && Integer::parse(text).is_some() && self.has_number(text))
                    || (!self.uuids.is_empty()
                        && uuid::parse(text).is_some_and(|uuid| self.uuids.binary_search(&uuid).is_ok()))
                    || self.has_moment(text)
            }
            Seen::Time(text) => {
                self.has_moment(text) || self.texts.binary_search_by(|known| (**known).cmp(text)).is_ok()
            }
            Seen::Uuid(uuid) => self.uuids.binary_search(&uuid).is_ok(),
            Seen::Bool(_) | Seen::Compound(_) | Seen::Opaque => false,
        }
    }

    fn has_moment(&self, text: &[u8]) -> bool {
        let is = |iso: time::Iso| iso.is_exact && self.moments.binary_search(&iso.micros).is_ok();
        !self.moments.is_empty() && time::iso(text).is_some_and(is)
    }

    fn has_number(&self, number: &[u8]) -> bool {
        let has = |canonical: &[u8]| self.numbers.binary_search_by(|known| (**known).cmp(canonical)).is_ok();
        if number.len() <= PLAIN_DIGITS && is_plain(number) {
            return has(number);
        }
        Decimal::parse(number).is_some_and(|number| has(&number.canonical()))
    }

    /// Returns all operands, each once, in a fixed order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Operand> {
        self.operands.iter()
    }

    /// Returns the number of operands.
    pub(super) fn len(&self) -> usize {
        self.operands.len()
    }
}

/// Returns the operands in the order of their canonical texts, each once.
fn sorted(operands: Vec<Operand>) -> Vec<Operand> {
    let texts: Vec<Cow<'_, [u8]>> = operands.iter().map(Operand::canonical).collect();
    // They are compared by the eight bytes after their common beginning, so that only few have to be compared
    // as a whole.
    let first = texts.first().map_or(&[][..], |first| &**first);
    let common = texts.iter().fold(first.len(), |most, text| {
        first.iter().zip(text.iter()).take(most).take_while(|(a, b)| a == b).count()
    });
    let head = |text: &[u8]| {
        let mut head = [0; 8];
        head.iter_mut().zip(&text[common..]).for_each(|(to, from)| *to = *from);
        u64::from_be_bytes(head)
    };
    let mut order: Vec<(u64, usize)> = texts.iter().enumerate().map(|(at, text)| (head(text), at)).collect();
    order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| texts[a.1].cmp(&texts[b.1])));
    order.dedup_by(|a, b| a.0 == b.0 && texts[a.1] == texts[b.1]);
    drop(texts);
    let mut operands: Vec<Option<Operand>> = operands.into_iter().map(Some).collect();
    order.into_iter().filter_map(|(_, at)| operands[at].take()).collect()
}
