//! Templates: texts that are laid out like one that was scanned before need no scan.
//!
//! Producers write the same text over and over: same keys, same order, same spacing, and in between a handful
//! of scalars that differ. A template is one such text, with a [`Freedom`] for each scalar that was seen to differ:
//! most are strings that differ in their characters and not in their length (ids, digests), the others are *open*.
//! Another text fits it if it is the same byte for byte but for these, and has in each of those places a string of
//! that length without special bytes, or any valid scalar; then it is valid, and the wanted values stand in it where
//! they stand in the template, moved by what the open scalars before them are longer or shorter.
//!
//! # Why that is exact
//! Run the scan over the template `T` and over a text `M` that fits it, side by side. Where the bytes are the same
//! both take the same step. Where a scalar begins that may differ (never a key, always a whole value), both are about
//! to skip or to note one value. If it is open, the fit has skipped the scalar of `M` by the very rules of the scan
//! (`string_end`, `atom`), so both go on behind it, in the same state. If only its characters are free, both have a
//! quote there and the next quote just behind as many bytes, and no byte between them (of `M` by comparison, of `T`
//! by [`is_plain`]) is a quote, a backslash or a control character: both have read one string, and go on behind it.
//! Nothing of a scalar's content decides about what comes after it, not even its kind: a wanted path that leads on
//! below a scalar finds nothing there in both. So `M` is valid, all wanted values are found at the corresponding
//! places, and no value that was missing in `T` is there in `M`. White space needs no rule of its own: it stands
//! between scalars, where all bytes are the same.
//! What a value *means* (null, empty, another media type) is not decided here at all: whoever wants it reads it at
//! its place in `M`. A text that fits no template is scanned, which decides as always.
//!
//! # What it learns
//! Which scalars differ is learned from the texts themselves: a template starts with none free, and frees those in
//! which a further text of the same layout differs, no more than that needs. Texts that never repeat cost little:
//! learning has a credit that fits earn, and sleeps when it is used up.
//!
//! # What it costs
//! All that stands between two open scalars is one [`Pattern`], compared without a branch whatever of it is free:
//! its length is known, so nothing in it waits for the end of a string to be found. Only open scalars have to be
//! followed byte by byte, or word by word.

use std::ops::Range;

use super::scan::{Span, atom};
use super::steps::Pattern;
use super::text::{LONG, is_plain, long_string_end, string_end};

/// Longest text that is learned from, bytes.
const TEXT_MAX: usize = 16 * 1024;
/// Most scalars in a text that is learned from.
const SCALARS_MAX: usize = 512;
/// Most templates; the one that fitted least makes room.
const TEMPLATES_MAX: usize = 48;
/// Most bytes of memory for templates.
const KEPT_MAX: usize = 512 * 1024;
/// Places in the table of guesses; a power of two.
const GUESSES: usize = 64;
/// Texts that may be learned from before one fits, and after a sleep.
const CREDIT: u32 = 64;
/// Most credit.
const CREDIT_MAX: u32 = 1_024;
/// Texts that are scanned without a try once the credit is used up.
const SLEEP: u32 = 4_096;

/// A position in a text that fits: the number of bytes after the end of an open scalar, or after the start.
#[derive(Debug, Clone, Copy)]
struct Mark {
    /// Open scalars that end before the place.
    opens: usize,
    /// Bytes from the end of the last of them.
    offset: usize,
}

/// How far the texts of a layout were seen to differ in one scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Freedom {
    /// Not at all.
    Same,
    /// In the characters of a string without special bytes, but not in its length.
    Length,
    /// Anyhow: it is open.
    Open,
}

/// An open scalar.
#[derive(Debug, Clone)]
struct Open {
    /// What stands before it.
    before: Pattern,
    /// It is a long string, mostly.
    long: bool,
}

/// One layout.
#[derive(Debug, Clone)]
struct Template {
    text: Box<[u8]>,
    /// All scalars that are values, in order.
    scalars: Box<[(Range<usize>, Freedom)]>,
    /// The open ones.
    open: Vec<Open>,
    /// What stands behind the last of them.
    behind: Pattern,
    /// Where the wanted values stand in `text`.
    spans: Box<[Option<Span>]>,
    /// The same for any text that fits, as start and end.
    marks: Vec<Option<(Mark, Mark)>>,
    /// How often it fitted; halved each time another one makes room.
    fitted: u32,
}

impl Template {
    fn new(text: &[u8], scalars: Vec<Range<usize>>, spans: &[Option<Span>]) -> Self {
        let mut new = Self {
            text: text.into(),
            scalars: scalars.into_iter().map(|scalar| (scalar, Freedom::Same)).collect(),
            open: Vec::new(),
            behind: Pattern::new(&[]),
            spans: spans.into(),
            marks: Vec::new(),
            fitted: 0,
        };
        new.compile();
        new
    }

    /// Bytes of memory that it may come to take.
    fn size(&self) -> usize {
        let each = size_of::<(Range<usize>, Freedom)>() + size_of::<Open>();
        Pattern::size(self.text.len()) + self.text.len() + self.scalars.len() * each
    }

    /// Makes what is compared with of what is known.
    fn compile(&mut self) {
        let mut bytes: Vec<Option<u8>> = self.text.iter().copied().map(Some).collect();
        for (scalar, _) in self.scalars.iter().filter(|(_, freedom)| *freedom == Freedom::Length) {
            bytes[scalar.start + 1..scalar.end - 1].fill(None);
        }
        let open = self.scalars.iter().filter(|(_, freedom)| *freedom == Freedom::Open);
        let open: Vec<_> = open.map(|(scalar, _)| scalar.clone()).collect();
        let mut from = 0;
        self.open.clear();
        for scalar in &open {
            let before = Pattern::new(&bytes[from..scalar.start]);
            self.open.push(Open { before, long: scalar.len() > LONG });
            from = scalar.end;
        }
        self.behind = Pattern::new(&bytes[from..]);
        let mark = |at: usize| {
            let opens = open.iter().take_while(|open| open.end <= at).count();
            let from = opens.checked_sub(1).map_or(0, |last| open[last].end);
            Mark { opens, offset: at - from }
        };
        self.marks = self.spans.iter().map(|span| span.map(|s| (mark(s.start), mark(s.end)))).collect();
    }

    /// The text fits. `ends` gets the ends of its open scalars, behind a first 0.
    #[inline(always)]
    fn fits(&self, text: &[u8], ends: &mut Vec<usize>) -> bool {
        ends.resize(self.open.len() + 1, 0);
        let mut at = 0;
        for (Open { before, long }, end) in self.open.iter().zip(&mut ends[1..]) {
            if !text.get(at..).is_some_and(|rest| before.begins(rest)) {
                return false;
            }
            let Some(found) = scalar_end(text, at + before.len(), *long) else { return false };
            (at, *end) = (found, found);
        }
        text.get(at..).is_some_and(|rest| rest.len() == self.behind.len() && self.behind.begins(rest))
    }

    /// Gives the scalars the freedom that the text makes use of; false if it is laid out otherwise.
    fn widen(&mut self, text: &[u8], scalars: &[Range<usize>]) -> bool {
        if scalars.len() != self.scalars.len() {
            return false;
        }
        let (mut at, mut from) = (0, 0);
        for ((own, _), other) in self.scalars.iter().zip(scalars) {
            if self.text[from..own.start] != text[at..other.start] {
                return false;
            }
            (at, from) = (other.end, own.end);
        }
        if self.text[from..] != text[at..] {
            return false;
        }
        for ((own, freedom), other) in self.scalars.iter_mut().zip(scalars) {
            let (own, other) = (&self.text[own.clone()], &text[other.clone()]);
            if *freedom != Freedom::Open && own != other {
                let same_length = own.len() == other.len() && is_plain(own) && is_plain(other);
                *freedom = if same_length { Freedom::Length } else { Freedom::Open };
            }
        }
        self.compile();
        true
    }
}

/// The layouts seen so far of texts in which the same values are wanted.
#[derive(Debug, Clone)]
pub(crate) struct Templates {
    list: Vec<Template>,
    /// Which template a text with this hint fitted last.
    guesses: [u8; GUESSES],
    /// The one that the text tried last fits, and the ends of the open scalars there, behind a first 0.
    fitting: usize,
    ends: Vec<usize>,
    kept: usize,
    credit: u32,
    sleep: u32,
}

impl Default for Templates {
    fn default() -> Self {
        let ends = Vec::new();
        Self { list: Vec::new(), guesses: [0; GUESSES], fitting: 0, ends, kept: 0, credit: CREDIT, sleep: 0 }
    }
}

impl Templates {
    /// The text is valid, and [`Templates::place`] says where its wanted values stand; or nothing is known about it.
    /// Texts with the same `hint` are thought to be of the same layout, which only decides what is tried first.
    pub(super) fn fit(&mut self, text: &[u8], hint: u64) -> bool {
        if self.sleep > 0 {
            self.sleep -= 1;
            return false;
        }
        if self.list.is_empty() {
            return false;
        }
        let guess = &mut self.guesses[usize::try_from(hint % GUESSES as u64).unwrap_or(0)];
        let first = usize::from(*guess).min(self.list.len() - 1);
        let ends = &mut self.ends;
        let at = if self.list[first].fits(text, ends) {
            first
        } else {
            let mut others = (0..self.list.len()).filter(|at| *at != first);
            let Some(at) = others.find(|at| self.list[*at].fits(text, ends)) else { return false };
            at
        };
        *guess = u8::try_from(at).unwrap_or(0);
        self.fitting = at;
        let template = &mut self.list[at];
        template.fitted = template.fitted.saturating_add(1);
        self.credit += u32::from(self.credit < CREDIT_MAX);
        true
    }

    /// Where a wanted value stands in the text that was tried last, if that fitted.
    #[inline]
    pub(super) fn place(&self, slot: usize) -> Option<Span> {
        let place = |mark: Mark| self.ends[mark.opens] + mark.offset;
        self.list[self.fitting].marks[slot].map(|(start, end)| Span { start: place(start), end: place(end) })
    }

    /// Learns from a text that fitted no template and that a scan found valid, with the wanted values at `slots`.
    pub(super) fn learn(&mut self, text: &[u8], slots: &[Option<Span>]) {
        if self.sleep > 0 || text.len() > TEXT_MAX {
            return;
        }
        if self.credit == 0 {
            (self.sleep, self.credit) = (SLEEP, CREDIT);
            return;
        }
        self.credit -= 1;
        let Some(scalars) = scalars(text) else { return };
        if self.list.iter_mut().any(|template| template.widen(text, &scalars)) {
            return;
        }
        let new = Template::new(text, scalars, slots);
        while self.list.len() >= TEMPLATES_MAX || self.kept + new.size() > KEPT_MAX {
            let fitted = |at: &usize| self.list[*at].fitted;
            let Some(least) = (0..self.list.len()).min_by_key(fitted) else { break };
            self.kept -= self.list.swap_remove(least).size();
            self.list.iter_mut().for_each(|template| template.fitted /= 2);
        }
        self.kept += new.size();
        self.list.push(new);
    }
}

/// One past the scalar at `at`, by the rules of the scan; nothing for an array or an object, or what is not valid.
#[inline(always)]
fn scalar_end(text: &[u8], at: usize, long: bool) -> Option<usize> {
    match *text.get(at)? {
        b'"' if long => Some(long_string_end(text, at + 1)? + 1),
        b'"' => Some(string_end(text, at + 1)? + 1),
        _ => atom(text, at),
    }
}

/// The scalars of a valid text that are values and not keys, in order. Nothing where there are too many.
fn scalars(text: &[u8]) -> Option<Vec<Range<usize>>> {
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        if matches!(byte, b'{' | b'}' | b'[' | b']' | b',' | b':' | b' ' | b'\n' | b'\r' | b'\t') {
            at += 1;
            continue;
        }
        let end = scalar_end(text, at, false)?;
        let is_key = *byte == b'"' && text[end..].trim_ascii_start().first() == Some(&b':');
        if !is_key {
            all.push(at..end);
        }
        at = end;
    }
    (all.len() <= SCALARS_MAX).then_some(all)
}

#[cfg(test)]
mod borders;
#[cfg(test)]
mod tests;
