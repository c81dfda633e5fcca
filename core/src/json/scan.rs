//! The single pass over a JSON text.

use super::paths::{Node, Paths};
use super::text;

/// The position of a value in its text, in bytes: its start and the position after its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    /// Returns the bytes of the value.
    pub(crate) fn of(self, text: &[u8]) -> &[u8] {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// The scratch memory in bytes that is kept from one text to the next; more than this is freed.
const SCRATCH_KEEP: usize = 64 * 1024;

/// Scratch memory for scans. One scanner serves any number of texts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scanner {
    /// Closing brackets that are still expected inside a skipped value.
    open: Vec<u8>,
    /// A key after its escapes were decoded.
    key: Vec<u8>,
    /// The positions at which strings can end.
    map: text::Map,
}

impl Scanner {
    /// Returns whether `text` is one valid JSON value with nothing but white space around it. If it is,
    /// `slots` (one per slot of `paths`) contains the spans of the wanted values; otherwise the content of
    /// `slots` has no meaning.
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

/// One pass. Every function takes the position at which it starts and returns the position after the part
/// that it read, or `None` if the text is not valid.
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

    /// Reads a value that is wanted or contains wanted values. Recurses only along the wanted paths.
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
                    // The last of several equal keys counts, so the values inside an earlier one are cleared.
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

    /// Reads a key at `at`. Returns where it starts and ends between its quotes, and whether it has escapes.
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

    /// Skips a value in which nothing is wanted. This is a loop with its own stack because the sender of the
    /// message chooses the depth.
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

    /// Skips a key and its colon inside a skipped object.
    fn member(&self, at: usize) -> Option<usize> {
        let (_, end, _) = self.key(at)?;
        self.colon(end + 1)
    }
}

/// Returns the position after the number or literal at `at`.
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

/// Returns the position after the number at `at`.
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

/// Returns the position after one or more digits.
fn digits(text: &[u8], start: usize) -> Option<usize> {
    let count = text[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    (count > 0).then_some(start + count)
}
