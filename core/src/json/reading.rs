//! Finds the wanted values in one text after another.

use super::{Paths, Scanner, Span, Templates};

/// Reads texts in which the same values are wanted. It can learn how these texts are laid out.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    paths: Paths,
    layouts: Option<Box<Templates>>,
    /// The spans of the values in the text that was read last, if that text was scanned.
    spans: Vec<Option<Span>>,
    /// Whether the text that was read last fits a known layout and was not scanned. The layout then gives the
    /// spans.
    fits: bool,
}

impl Reading {
    /// Creates a reading that knows no layout and learns none.
    pub(crate) fn new(paths: Paths) -> Self {
        Self { spans: vec![None; paths.slots()], paths, layouts: None, fits: false }
    }

    /// Makes this a reading for many texts, which learns their layouts.
    pub(crate) fn learning(self) -> Self {
        Self { layouts: Some(Box::default()), ..self }
    }

    /// Returns whether the text is valid, by a known layout if it fits one and otherwise by a scan. Texts
    /// with the same `hint` are expected to have the same layout.
    pub(crate) fn read(&mut self, scanner: &mut Scanner, text: &[u8], hint: u64) -> bool {
        self.fits = self.layouts.as_mut().is_some_and(|layouts| layouts.fit(text, hint));
        if self.fits {
            return true;
        }
        let valid = scanner.scan(text, &self.paths, &mut self.spans);
        if let Some(layouts) = &mut self.layouts
            && valid
        {
            layouts.learn(text, &self.spans);
        }
        valid
    }

    /// Returns the value in the slot. The text that was read last must be valid.
    #[inline]
    pub(crate) fn value<'t>(&self, slot: usize, text: &'t [u8]) -> Option<&'t [u8]> {
        let span = match &self.layouts {
            Some(layouts) if self.fits => layouts.place(slot),
            _ => self.spans[slot],
        };
        span.map(|span| span.of(text))
    }

    /// Returns whether the text could be read without a scan.
    #[cfg(test)]
    pub(crate) fn knows(&mut self, text: &[u8]) -> bool {
        self.layouts.as_mut().is_some_and(|layouts| layouts.fit(text, 0))
    }
}
