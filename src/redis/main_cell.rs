//! State of the main thread in a static.

use std::cell::{RefCell, RefMut};

/// A `RefCell` in a static that only the main thread touches.
pub(crate) struct MainCell<T>(RefCell<T>);

// SAFETY: S1: every access happens on the server's main thread.
unsafe impl<T> Sync for MainCell<T> {}

impl<T> MainCell<T> {
    /// A cell with its first value.
    pub(crate) const fn new(value: T) -> Self {
        Self(RefCell::new(value))
    }

    /// Returns the value, unless a caller further up the stack holds it already.
    pub(crate) fn try_borrow_mut(&self) -> Option<RefMut<'_, T>> {
        self.0.try_borrow_mut().ok()
    }
}
