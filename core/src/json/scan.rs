//! The pass over one JSON text.

use super::paths::{Node, Paths};
use super::text;

/// Where a value stands in its text, in bytes: start and one past the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    /// The bytes of the value.
    pub(crate) fn of(self, text: &[u8]) -> &[u8] {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// Most bytes of scratch that stay allocated from one text to the next.
const SCRATCH_KEEP: usize = 64 * 1024;

/// The scratch memory of scans; one serves any number of texts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scanner {
    /// Closing brackets that are still to come inside a skipped value.
    open: Vec<u8>,
    /// A key with its escapes undone.
    key: Vec<u8>,
    /// Where strings may end.
    map: text::Map,
}

impl Scanner {
    /// Is `text` one valid JSON value, with nothing but white space around it? If so, `slots` (one per slot
    /// of `paths`) hold the spans of the wanted values; otherwise what they hold means nothing.
    pub(crate) fn scan(&mut self, text: &[u8], paths: &Paths, slots: &mut [Option<Span>]) -> bool {
        self.map.draw(text);
        slots.fill(None);
        let mut pass = Pass { text, nodes: &paths.nodes, slots, scratch: self };
        let end = pass.white(0);
        let valid = pass.wanted(0, end).is_some_and(|end| pass.white(end) == text.len());
        self.open.shrink_to(SCRATCH_KEEP);
        self.key.shrink_to(SCRATCH_KEEP);
        self.map.shrink(SCRATCH_KEEP / size_of::<u64>());
        valid
    }
}

/// One pass. Every function takes the position to start at and gives the one after what it read, or
/// nothing where the text is not valid.
struct Pass<'a> {
    text: &'a [u8],
    nodes: &'a [Node],
    slots: &'a mut [Option<Span>],
    scratch: &'a mut Scanner,
}

impl Pass<'_> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.text.get(at).copied()
    }

    fn white(&self, mut at: usize) -> usize {
        while matches!(self.text.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            at += 1;
        }
        at
    }

    /// A value that is wanted, or has wanted values inside. Recurses along the wanted paths only.
    fn wanted(&mut self, node: usize, at: usize) -> Option<usize> {
        let nodes = self.nodes;
        let this = &nodes[node];
        let end = match self.byte(at)? {
            b'{' if !this.children.is_empty() => self.object(this, at + 1)?,
            b'[' if !this.children.is_empty() => self.array(this, at + 1)?,
            _ => self.skip(at)?,
        };
        if this.wanted {
            self.slots[this.slots.start] = Some(Span { start: at, end });
        }
        Some(end)
    }

    fn object(&mut self, this: &Node, at: usize) -> Option<usize> {
        let mut at = self.white(at);
        if self.byte(at)? == b'}' {
            return Some(at + 1);
        }
        loop {
            let (key_start, key_end, escaped) = self.key(at)?;
            let child = self.child(this, key_start, key_end, escaped);
            at = self.colon(key_end + 1)?;
            at = match child {
                Some(child) => {
                    // The last of equal keys wins: forget what an earlier one had inside.
                    self.slots[self.nodes[child].slots.clone()].fill(None);
                    self.wanted(child, at)?
                }
                None => self.skip(at)?,
            };
            at = self.white(at);
            match self.byte(at)? {
                b',' => at = self.white(at + 1),
                b'}' => return Some(at + 1),
                _ => return None,
            }
        }
    }

    fn array(&mut self, this: &Node, at: usize) -> Option<usize> {
        let mut at = self.white(at);
        if self.byte(at)? == b']' {
            return Some(at + 1);
        }
        for position in 0.. {
            let nodes = self.nodes;
            let child = this.children.iter().find(|&&c| nodes[c].segment.index == Some(position));
            at = match child {
                Some(&child) => self.wanted(child, at)?,
                None => self.skip(at)?,
            };
            at = self.white(at);
            match self.byte(at)? {
                b',' => at = self.white(at + 1),
                b']' => return Some(at + 1),
                _ => return None,
            }
        }
        None
    }

    /// A key at `at`: where it starts and ends between its quotes, and whether it has escapes.
    fn key(&self, at: usize) -> Option<(usize, usize, bool)> {
        if self.byte(at)? != b'"' {
            return None;
        }
        let (end, escaped) = text::end(self.text, &self.scratch.map, at + 1)?;
        Some((at + 1, end, escaped))
    }

    fn colon(&self, at: usize) -> Option<usize> {
        let at = self.white(at);
        if self.byte(at)? == b':' { Some(self.white(at + 1)) } else { None }
    }

    fn child(&mut self, this: &Node, start: usize, end: usize, escaped: bool) -> Option<usize> {
        let raw = &self.text[start..end];
        let name = if escaped { text::decode(raw, &mut self.scratch.key)? } else { raw };
        let nodes = self.nodes;
        this.children.iter().copied().find(|&c| nodes[c].segment.key.as_deref() == Some(name))
    }

    /// A value of which nothing is wanted. A loop with a stack of its own: depth is the sender's choice.
    fn skip(&mut self, mut at: usize) -> Option<usize> {
        self.scratch.open.clear();
        loop {
            at = match self.byte(at)? {
                b'"' => text::end(self.text, &self.scratch.map, at + 1)?.0 + 1,
                b'{' => {
                    let inside = self.white(at + 1);
                    if self.byte(inside)? == b'}' {
                        inside + 1
                    } else {
                        self.scratch.open.push(b'}');
                        at = self.member(inside)?;
                        continue;
                    }
                }
                b'[' => {
                    let inside = self.white(at + 1);
                    if self.byte(inside)? == b']' {
                        inside + 1
                    } else {
                        self.scratch.open.push(b']');
                        at = inside;
                        continue;
                    }
                }
                _ => atom(self.text, at)?,
            };
            loop {
                let Some(&close) = self.scratch.open.last() else { return Some(at) };
                at = self.white(at);
                match self.byte(at)? {
                    b',' => {
                        at = self.white(at + 1);
                        if close == b'}' {
                            at = self.member(at)?;
                        }
                        break;
                    }
                    b if b == close => {
                        self.scratch.open.pop();
                        at += 1;
                    }
                    _ => return None,
                }
            }
        }
    }

    /// A key and its colon inside a skipped object.
    fn member(&self, at: usize) -> Option<usize> {
        let (_, end, _) = self.key(at)?;
        self.colon(end + 1)
    }
}

/// One past the number or literal at `at`.
pub(super) fn atom(text: &[u8], at: usize) -> Option<usize> {
    let literal: &[u8] = match text.get(at)? {
        b'n' => b"null",
        b't' => b"true",
        b'f' => b"false",
        b'N' => b"NaN",
        b'I' => b"Infinity",
        b'-' if text.get(at + 1) == Some(&b'I') => b"-Infinity",
        _ => return number(text, at),
    };
    text[at..].starts_with(literal).then_some(at + literal.len())
}

/// One past the number at `at`.
pub(crate) fn number(text: &[u8], mut at: usize) -> Option<usize> {
    at += usize::from(text.get(at) == Some(&b'-'));
    at = match text.get(at)? {
        b'0' => at + 1,
        b'1'..=b'9' => digits(text, at)?,
        _ => return None,
    };
    if text.get(at) == Some(&b'.') {
        at = digits(text, at + 1)?;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        at += 1;
        at += usize::from(matches!(text.get(at), Some(b'+' | b'-')));
        at = digits(text, at)?;
    }
    Some(at)
}

/// One past one digit or more.
fn digits(text: &[u8], start: usize) -> Option<usize> {
    let count = text[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    (count > 0).then_some(start + count)
}
