//! Templates: texts that are laid out like one that was scanned before need no scan.
//!
//! Producers write the same text over and over: same keys, same order, same spacing, and in between a handful
//! of scalars that differ. A template is one such text, with the scalars that were seen to differ *open*.
//! Another text fits it if it is the same byte for byte but for the open scalars, and has a valid scalar in each
//! of those places; then it is valid, and the wanted values stand in it where they stand in the template, moved by
//! what the open scalars before them are longer or shorter.
//!
//! # Why that is exact
//! Run the scan over the template `T` and over a text `M` that fits it, side by side. Where the bytes are the same
//! both take the same step. Where an open scalar begins (never a key, always a whole value), both are about to skip
//! or to note one value; the fit has skipped the scalar of `M` by the very rules of the scan (`string_end`, `atom`),
//! so both go on behind it, in the same state. Nothing of a scalar's content decides about what comes after it,
//! not even its kind: a wanted path that leads on below a scalar finds nothing there in both. So `M` is valid, all
//! wanted values are found at the corresponding places, and no value that was missing in `T` is there in `M`.
//! What a value *means* (null, empty, another media type) is not decided here at all: whoever wants it reads it at
//! its place in `M`. A text that fits no template is scanned, which decides as always.
//!
//! # What it learns
//! Which scalars differ is learned from the texts themselves: a template starts with none open, and opens those in
//! which a further text of the same layout differs. Texts that never repeat cost little: learning has a credit
//! that fits earn, and sleeps when it is used up.

use std::ops::Range;

use super::scan::{Span, atom};
use super::text::{no_control, string_end};

/// Longest text that is learned from, bytes.
const TEXT_MAX: usize = 16 * 1024;
/// Most scalars in a text that is learned from.
const SCALARS_MAX: usize = 512;
/// Most templates; the one that fitted least makes room.
const TEMPLATES_MAX: usize = 48;
/// Most bytes of texts that are kept.
const KEPT_MAX: usize = 256 * 1024;
/// Places in the table of guesses; a power of two.
const GUESSES: usize = 64;
/// Texts that may be learned from before one fits, and after a sleep.
const CREDIT: u32 = 64;
/// Most credit.
const CREDIT_MAX: u32 = 1_024;
/// Texts that are scanned without a try once the credit is used up.
const SLEEP: u32 = 4_096;

/// A place in a text that fits: so many bytes behind the end of an open scalar, or behind the start.
#[derive(Debug, Clone, Copy)]
struct Mark {
    /// Open scalars that end before the place.
    opens: usize,
    /// Bytes from the end of the last of them.
    offset: usize,
}

/// One layout.
#[derive(Debug, Clone)]
struct Template {
    text: Box<[u8]>,
    /// All scalars that are values, in order.
    scalars: Box<[Range<usize>]>,
    /// Those of them that differ from text to text.
    open: Vec<Range<usize>>,
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
            scalars: scalars.into(),
            open: Vec::new(),
            spans: spans.into(),
            marks: Vec::new(),
            fitted: 0,
        };
        new.mark();
        new
    }

    fn mark(&mut self) {
        let mark = |at: usize| {
            let opens = self.open.iter().take_while(|open| open.end <= at).count();
            let from = opens.checked_sub(1).map_or(0, |last| self.open[last].end);
            Mark { opens, offset: at - from }
        };
        self.marks = self.spans.iter().map(|span| span.map(|s| (mark(s.start), mark(s.end)))).collect();
    }

    /// The text fits. `ends` gets the ends of its open scalars, behind a first 0.
    fn fits(&self, text: &[u8], ends: &mut Vec<usize>) -> bool {
        ends.clear();
        ends.push(0);
        let (mut at, mut from) = (0, 0);
        for open in &self.open {
            let same = &self.text[from..open.start];
            if !text.get(at..).is_some_and(|rest| rest.starts_with(same)) {
                return false;
            }
            let Some(end) = scalar_end(text, at + same.len()) else { return false };
            at = end;
            ends.push(at);
            from = open.end;
        }
        text[at..] == self.text[from..]
    }

    /// Opens the scalars in which the text differs; false if it is laid out otherwise.
    fn widen(&mut self, text: &[u8], scalars: &[Range<usize>]) -> bool {
        if scalars.len() != self.scalars.len() {
            return false;
        }
        let (mut at, mut from) = (0, 0);
        for (own, other) in self.scalars.iter().zip(scalars) {
            if self.text[from..own.start] != text[at..other.start] {
                return false;
            }
            (at, from) = (other.end, own.end);
        }
        if self.text[from..] != text[at..] {
            return false;
        }
        let differing = self.scalars.iter().zip(scalars).filter(|(own, other)| {
            self.open.contains(own) || self.text[(*own).clone()] != text[(*other).clone()]
        });
        self.open = differing.map(|(own, _)| own.clone()).collect();
        self.mark();
        true
    }
}

/// The layouts seen so far of texts in which the same values are wanted.
#[derive(Debug, Clone)]
pub(crate) struct Templates {
    list: Vec<Template>,
    /// Which template a text with this hint fitted last.
    guesses: [u8; GUESSES],
    ends: Vec<usize>,
    kept: usize,
    credit: u32,
    sleep: u32,
}

impl Default for Templates {
    fn default() -> Self {
        let ends = Vec::new();
        Self { list: Vec::new(), guesses: [0; GUESSES], ends, kept: 0, credit: CREDIT, sleep: 0 }
    }
}

impl Templates {
    /// The text is valid, and `slots` hold where its wanted values stand; or nothing is known about it. Texts with
    /// the same `hint` are thought to be of the same layout, which only decides what is tried first.
    pub(crate) fn fit(&mut self, text: &[u8], hint: u64, slots: &mut [Option<Span>]) -> bool {
        if self.sleep > 0 {
            self.sleep -= 1;
            return false;
        }
        // Inside a string a control character is not valid, outside it is white space: the scan's to tell apart.
        if self.list.is_empty() || !no_control(text) {
            return false;
        }
        let guess = &mut self.guesses[usize::try_from(hint % GUESSES as u64).unwrap_or(0)];
        let first = usize::from(*guess).min(self.list.len() - 1);
        let ends = &mut self.ends;
        let mut order = std::iter::once(first).chain((0..self.list.len()).filter(|at| *at != first));
        let Some(at) = order.find(|at| self.list[*at].fits(text, ends)) else { return false };
        *guess = u8::try_from(at).unwrap_or(0);
        let template = &mut self.list[at];
        template.fitted = template.fitted.saturating_add(1);
        let place = |mark: Mark| ends[mark.opens] + mark.offset;
        for (slot, marks) in slots.iter_mut().zip(&template.marks) {
            *slot = marks.map(|(start, end)| Span { start: place(start), end: place(end) });
        }
        self.credit += u32::from(self.credit < CREDIT_MAX);
        true
    }

    /// Learns from a text that fitted no template and that a scan found valid, with the wanted values at `slots`.
    pub(crate) fn learn(&mut self, text: &[u8], slots: &[Option<Span>]) {
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
        while self.list.len() >= TEMPLATES_MAX || self.kept + text.len() > KEPT_MAX {
            let fitted = |at: &usize| self.list[*at].fitted;
            let Some(least) = (0..self.list.len()).min_by_key(fitted) else { break };
            self.kept -= self.list.swap_remove(least).text.len();
            self.list.iter_mut().for_each(|template| template.fitted /= 2);
        }
        self.kept += text.len();
        self.list.push(Template::new(text, scalars, slots));
    }
}

/// One past the scalar at `at`, by the rules of the scan; nothing for an array or an object, or what is not valid.
#[inline]
fn scalar_end(text: &[u8], at: usize) -> Option<usize> {
    if *text.get(at)? == b'"' { Some(string_end(text, at + 1)? + 1) } else { atom(text, at) }
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
        let end = scalar_end(text, at)?;
        let is_key = *byte == b'"' && text[end..].trim_ascii_start().first() == Some(&b':');
        if !is_key {
            all.push(at..end);
        }
        at = end;
    }
    (all.len() <= SCALARS_MAX).then_some(all)
}

#[cfg(test)]
mod tests;
