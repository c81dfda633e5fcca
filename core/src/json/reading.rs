//! The wanted values of one text after another.

use super::{Paths, Scanner, Span, Templates};

/// Reads texts in which the same values are wanted; it may learn how they are laid out.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    paths: Paths,
    layouts: Option<Box<Templates>>,
    /// Where the values stand in the text that was read last, if it was scanned.
    spans: Vec<Option<Span>>,
    /// It was not: it fits a layout, which says so.
    fits: bool,
}

impl Reading {
    /// One that knows no layout and learns none.
    pub(crate) fn new(paths: Paths) -> Self {
        Self { spans: vec![None; paths.slots()], paths, layouts: None, fits: false }
    }

    /// The same for many texts: it learns their layouts.
    pub(crate) fn learning(self) -> Self {
        Self { layouts: Some(Box::default()), ..self }
    }

    /// Is the text valid? By the layouts that are known, else by a scan. Texts with the same `hint` are thought to be
    /// of the same layout.
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

    /// The value in the slot, in the text that was read last and is valid.
    #[inline]
    pub(crate) fn value<'t>(&self, slot: usize, text: &'t [u8]) -> Option<&'t [u8]> {
        let span = match &self.layouts {
            Some(layouts) if self.fits => layouts.place(slot),
            _ => self.spans[slot],
        };
        span.map(|span| span.of(text))
    }

    /// The text would not have to be scanned.
    #[cfg(test)]
    pub(crate) fn knows(&mut self, text: &[u8]) -> bool {
        self.layouts.as_mut().is_some_and(|layouts| layouts.fit(text, 0))
    }
}
