//! Templates: a text with the same layout as a text that was scanned before needs no scan.
//!
//! Producers write the same text over and over: with the same keys, the same order and the same spacing, and
//! with a handful of scalars that differ. A template is one such text with a [`Freedom`] for each scalar that
//! was seen to differ. Most of them are strings that differ in their characters and not in their length (ids,
//! digests); the others are *open*. Another text fits the template if it is the same byte for byte everywhere
//! else, and if it has, in place of each such scalar, a string of that length without special bytes or, if
//! the scalar is open, any valid scalar. The text is then valid, and its wanted values are where the template
//! has them, moved by the number of bytes by which the open scalars before them are longer or shorter.
//!
//! # Why that is exact
//! Run the scan over the template `T` and over a text `M` that fits it, side by side. While the bytes are the
//! same, both scans take the same steps. When a scalar begins that can differ (never a key, always a whole
//! value), both scans are about to skip or to note one value. If the scalar is open, the fit has skipped the
//! scalar of `M` by the same rules as the scan (`string_end`, `atom`), so both scans continue after it in the
//! same state. If only its characters are free, both texts have a quote at its start and the next quote after
//! the same number of bytes, and no byte between the two quotes (in `M` by comparison, in `T` by
//! [`is_plain`]) is a quote, a backslash or a control character. Both scans have then read one string, and
//! they continue after it. The content of a scalar decides nothing about what comes after it, and neither
//! does its type: a wanted path that continues below a scalar finds nothing there in both texts. So `M` is
//! valid, all wanted values are found at the corresponding places, and no value that was missing in `T` is
//! present in `M`. White space needs no rule of its own: it is between scalars, where all bytes are the same.
//! What a value *means* (null, empty, another media type) is not decided here at all: the caller that needs a
//! value reads it at its place in `M`. A text that fits no template is scanned, and the scan decides as
//! always.
//!
//! # What it learns
//! The texts themselves show which scalars differ. A template starts with no free scalars and frees those in
//! which a further text of the same layout differs, only as far as that text needs. Texts that never repeat
//! cost little: learning uses up a credit, which texts that fit renew, and pauses when the credit is used up.
//!
//! # What it costs
//! Everything between two open scalars is one [`Pattern`], which is compared without a branch however much of
//! it is free: its length is known, so the comparison does not have to find the end of any string first. Only
//! open scalars are followed byte by byte or word by word.

use std::ops::Range;

use super::scan::{Span, atom};
use super::steps::Pattern;
use super::text::{LONG, is_plain, long_string_end, string_end};

/// The longest text from which a template is made, in bytes.
const TEXT_MAX: usize = 16 * 1024;
/// The maximum number of scalars in a text from which a template is made.
const SCALARS_MAX: usize = 512;
/// The maximum number of templates. When it is reached, a new template replaces the one that texts fitted
/// least often.
const TEMPLATES_MAX: usize = 48;
/// The maximum memory for templates, in bytes.
const KEPT_MAX: usize = 512 * 1024;
/// The number of entries in the table of guesses; a power of two.
const GUESSES: usize = 64;
/// The number of texts that may be learned from before one fits, and after a pause.
const CREDIT: u32 = 64;
/// The maximum credit.
const CREDIT_MAX: u32 = 1_024;
/// The number of texts that are scanned without trying the templates once the credit is used up.
const SLEEP: u32 = 4_096;

/// A position in a text that fits: a number of bytes after the end of an open scalar, or after the start of
/// the text.
#[derive(Debug, Clone, Copy)]
struct Mark {
    /// The number of open scalars that end before the position.
    opens: usize,
    /// The number of bytes from the end of the last of them.
    offset: usize,
}

/// How far the texts of a layout were seen to differ in one scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Freedom {
    /// The texts do not differ in it.
    Same,
    /// The texts differ in the characters of a string without special bytes, but not in its length.
    Length,
    /// The scalar is open: the texts can differ in any way.
    Open,
}

/// An open scalar.
#[derive(Debug, Clone)]
struct Open {
    /// The bytes before it.
    before: Pattern,
    /// Whether it is usually a long string.
    long: bool,
}

/// One layout.
#[derive(Debug, Clone)]
struct Template {
    text: Box<[u8]>,
    /// All scalars that are values, in order.
    scalars: Box<[(Range<usize>, Freedom)]>,
    /// The open scalars.
    open: Vec<Open>,
    /// The bytes after the last open scalar.
    end: Pattern,
    /// The positions of the wanted values in `text`.
    spans: Box<[Option<Span>]>,
    /// The same positions for any text that fits, each as start and end.
    marks: Vec<Option<(Mark, Mark)>>,
    /// How often a text fitted; halved each time another template is replaced.
    fitted: u32,
}

impl Template {
    fn new(text: &[u8], scalars: Vec<Range<usize>>, spans: &[Option<Span>]) -> Self {
        let mut new = Self {
            text: text.into(),
            scalars: scalars.into_iter().map(|scalar| (scalar, Freedom::Same)).collect(),
            open: Vec::new(),
            end: Pattern::new(&[]),
            spans: spans.into(),
            marks: Vec::new(),
            fitted: 0,
        };
        new.compile();
        new
    }

    /// Returns the memory that the template can need at most, in bytes.
    fn size(&self) -> usize {
        let each = size_of::<(Range<usize>, Freedom)>() + size_of::<Open>();
        Pattern::size(self.text.len()) + self.text.len() + self.scalars.len() * each
    }

    /// Makes the patterns from what is known about the scalars.
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
        self.end = Pattern::new(&bytes[from..]);
        let mark = |at: usize| {
            let opens = open.iter().take_while(|open| open.end <= at).count();
            let from = opens.checked_sub(1).map_or(0, |last| open[last].end);
            Mark { opens, offset: at - from }
        };
        self.marks = self.spans.iter().map(|span| span.map(|s| (mark(s.start), mark(s.end)))).collect();
    }

    /// Returns whether the text fits. `ends` receives the ends of its open scalars, after a first 0.
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
        text.get(at..).is_some_and(|rest| rest.len() == self.end.len() && self.end.begins(rest))
    }

    /// Gives the scalars the freedom that the text needs; returns false if the text has a different layout.
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

/// The layouts that were seen in texts in which the same values are wanted.
#[derive(Debug, Clone)]
pub(crate) struct Templates {
    list: Vec<Template>,
    /// For each hint, the template that a text with this hint fitted last.
    guesses: [u8; GUESSES],
    /// The template that the text tried last fits, and the ends of its open scalars, after a first 0.
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
    /// Returns true if the text is valid and [`Templates::place`] gives the positions of its wanted values;
    /// false means that nothing is known about the text. Texts with the same `hint` are expected to have the
    /// same layout; the hint only decides which template is tried first.
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

    /// Returns the position of a wanted value in the text that was tried last, if that text fitted.
    #[inline]
    pub(super) fn place(&self, slot: usize) -> Option<Span> {
        let place = |mark: Mark| self.ends[mark.opens] + mark.offset;
        self.list[self.fitting].marks[slot].map(|(start, end)| Span { start: place(start), end: place(end) })
    }

    /// Learns from a text that fitted no template and that a scan found valid, with the wanted values at
    /// `slots`.
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

/// Returns the position after the scalar at `at`, by the rules of the scan; `None` for an array, an object or
/// invalid text.
#[inline(always)]
fn scalar_end(text: &[u8], at: usize, long: bool) -> Option<usize> {
    match *text.get(at)? {
        b'"' if long => Some(long_string_end(text, at + 1)? + 1),
        b'"' => Some(string_end(text, at + 1)? + 1),
        _ => atom(text, at),
    }
}

/// Returns the scalars of a valid text that are values and not keys, in order; `None` if there are too many.
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
