//! What a pickle builds. Texts and numbers stay where they are in the pickle; values refer to them.

use std::ops::Range;

use super::Unpickler;

/// A part of the pickle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    at: u32,
    len: u32,
}

impl Span {
    /// Returns `None` beyond 4 GB.
    #[inline]
    pub(super) fn new(at: usize, len: usize) -> Option<Self> {
        Some(Self { at: u32::try_from(at).ok()?, len: u32::try_from(len).ok()? })
    }

    #[inline]
    pub(super) fn range(self) -> Range<usize> {
        let at = self.at as usize;
        at..at + self.len as usize
    }

    #[inline]
    pub(super) fn of(self, pickle: &[u8]) -> &[u8] {
        pickle.get(self.range()).unwrap_or_default()
    }
}

/// The class of an opaque value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// The class, function or other object with this position among those that the pickle names.
    Named(u32),
    /// One that an opcode means, by its name.
    Known(&'static &'static str),
}

/// The names of classes that opcodes mean.
pub(super) const SET: Class = Class::Known(&"builtins.set");
pub(super) const FROZENSET: Class = Class::Known(&"builtins.frozenset");
pub(super) const BYTEARRAY: Class = Class::Known(&"builtins.bytearray");
/// A dict with a key that JSON has no form for.
pub(super) const DICT: Class = Class::Known(&"builtins.dict");
/// A text of Python 2 that is not ASCII.
pub(super) const STR: Class = Class::Known(&"builtins.str");
/// An integer that is too long.
pub(super) const INT: Class = Class::Known(&"builtins.int");
pub(super) const DELTA: Class = Class::Known(&"datetime.timedelta");
pub(super) const ZONE: Class = Class::Known(&"datetime.timezone");
pub(super) const UUID: Class = Class::Known(&"uuid.UUID");
/// An object that only the application can find, by an id or a number.
pub(super) const PERSISTENT: Class = Class::Known(&"pickle.PersistentId");
pub(super) const EXTENSION: Class = Class::Known(&"copyreg.Extension");

/// One value on the stack, in the memo or in a container.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    /// An entry of the memo that was not set.
    Unset,
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// An integer in two's complement, the lowest byte first.
    Long(Span),
    /// An integer in decimal digits.
    Digits(Span),
    /// UTF-8.
    Text(Span),
    /// UTF-8 with lone surrogates, which Python calls `surrogatepass`.
    Surrogates(Span),
    /// A text of Python 2 that is not ASCII.
    OldText(Span),
    Bytes(Span),
    /// Bytes as the text, in UTF-8, whose characters have their numbers.
    Latin(Span),
    /// The text of a `Decimal`.
    Decimal(Span),
    /// A date, a time, or both: its position among the moments.
    Moment(u32),
    /// A `timedelta`, in microseconds.
    Delta(i64),
    /// A time zone with one offset, in minutes east of UTC.
    Zone(i32),
    /// Its position among the containers.
    Container(u32),
    /// A class or function: its position among those that the pickle names.
    Named(u32),
    Opaque(Class),
    /// A text or number that can differ in pickles of the same layout: its number.
    Hole(u32),
}

/// The kind of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    List,
    Tuple,
    /// Keys and values in turn.
    Dict,
    /// A dict that is a copy of another one and does not change any more.
    Copy,
    /// An object of the class `huey.registry.Message`, a tuple whose items have names.
    Message,
    /// An object of the class `uuid.UUID`, which is known once it has a state: the high and the low half.
    Uuid(Option<u128>),
}

/// The marker for "no segment".
const NONE: u32 = u32::MAX;

/// A value that has an identity: it can change after something refers to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Container {
    pub(super) kind: Kind,
    first: u32,
    last: u32,
}

/// A run of items of one container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    start: u32,
    len: u32,
    next: u32,
}

/// A date, a time, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// The name of its type in kombu's JSON.
    pub(super) of: &'static str,
    text: [u8; Moment::BYTES],
    len: u8,
}

impl Moment {
    /// The longest ISO text: `9999-12-31T23:59:59.999999+23:59`.
    const BYTES: usize = 32;

    pub(super) fn new(of: &'static str, iso: &[u8]) -> Option<Self> {
        let mut text = [0; Self::BYTES];
        text.get_mut(..iso.len())?.copy_from_slice(iso);
        Some(Self { of, text, len: u8::try_from(iso.len()).ok()? })
    }

    /// Returns the ISO text, which is ASCII.
    pub(super) fn text(&self) -> &[u8] {
        self.text.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// A class, function or other object that a pickle names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named {
    pub(super) module: Span,
    pub(super) name: Span,
    /// A member of it.
    pub(super) member: Option<Span>,
    pub(super) known: Known,
}

/// What is known of a class or function that a pickle names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Nothing,
    DateTime,
    Date,
    Time,
    Delta,
    Zone,
    /// A class of time zones that are UTC.
    Utc,
    ZoneInfo,
    /// `ZoneInfo._unpickle`.
    ZoneOfKey,
    Decimal,
    Uuid,
    /// A kind of dict.
    Dict,
    /// `celery.canvas.signature`, which returns a dict of the class `Signature` with the items of another
    /// dict.
    Signature,
    /// `_codecs.encode`: how protocols below 3 write bytes.
    Encode,
    Bytes,
    GetAttr,
    Tuple,
    /// `huey.registry.Message`.
    Message,
    /// `copyreg.__newobj__`: how protocols below 2 create an object.
    NewObject,
    /// `copyreg._reconstructor`, likewise.
    Reconstructor,
}

impl Unpickler {
    /// Creates an empty container.
    pub(super) fn create(&mut self, kind: Kind) -> Option<Value> {
        let at = u32::try_from(self.containers.len()).ok()?;
        self.containers.push(Container { kind, first: NONE, last: NONE });
        Some(Value::Container(at))
    }

    /// Creates a container with the values of the stack from `from` on, which leave the stack.
    pub(super) fn create_of(&mut self, kind: Kind, from: usize) -> Option<Value> {
        let created = self.create(kind)?;
        let Value::Container(at) = created else { return None };
        self.extend(at, from)?;
        Some(created)
    }

    /// Moves the values of the stack from `from` on to the end of a container.
    pub(super) fn extend(&mut self, at: u32, from: usize) -> Option<()> {
        let start = self.items.len();
        self.items.extend_from_slice(self.stack.get(from..)?);
        self.stack.truncate(from);
        self.join(at, start)
    }

    /// Makes the last items, from `start` on, those at the end of a container.
    fn join(&mut self, at: u32, start: usize) -> Option<()> {
        let len = u32::try_from(self.items.len() - start).ok()?;
        if len == 0 {
            return Some(());
        }
        let new = u32::try_from(self.segments.len()).ok()?;
        self.segments.push(Segment { start: u32::try_from(start).ok()?, len, next: NONE });
        let container = self.containers.get_mut(at as usize)?;
        if container.first == NONE {
            container.first = new;
        } else {
            self.segments.get_mut(container.last as usize)?.next = new;
        }
        container.last = new;
        Some(())
    }

    /// Creates a container of a kind with the items that another one has now.
    pub(super) fn copy(&mut self, at: u32, kind: Kind) -> Option<Value> {
        let copy = *self.containers.get(at as usize)?;
        let new = u32::try_from(self.containers.len()).ok()?;
        self.containers.push(Container { kind, ..copy });
        Some(Value::Container(new))
    }

    pub(super) fn container(&self, at: u32) -> Option<&Container> {
        self.containers.get(at as usize)
    }

    /// Returns the first run of items of a container.
    pub(super) fn first_run(container: &Container) -> Option<u32> {
        (container.first != NONE).then_some(container.first)
    }

    /// Returns the items of a run of a container, and its next run.
    pub(super) fn run_of(&self, container: &Container, run: u32) -> (&[Value], Option<u32>) {
        let Some(segment) = self.segments.get(run as usize) else { return (&[], None) };
        let start = segment.start as usize;
        let items = self.items.get(start..start + segment.len as usize).unwrap_or_default();
        // A copy ends where the other dict ended when it was made.
        let is_last = run == container.last || segment.next == NONE;
        (items, (!is_last).then_some(segment.next))
    }

    /// Returns the items of a container in their order.
    pub(super) fn items(&self, container: &Container) -> impl Iterator<Item = Value> {
        let container = *container;
        let mut next = Self::first_run(&container);
        std::iter::from_fn(move || {
            let (items, after) = self.run_of(&container, next?);
            next = after;
            Some(items)
        })
        .flatten()
        .copied()
    }

    /// Returns the items of a tuple; `None` for any other value. A tuple has at most one run.
    pub(super) fn tuple(&self, value: Value) -> Option<&[Value]> {
        let Value::Container(at) = value else { return None };
        let container = self.container(at).filter(|container| container.kind == Kind::Tuple)?;
        Some(Self::first_run(container).map_or(&[][..], |run| self.run_of(container, run).0))
    }
}
