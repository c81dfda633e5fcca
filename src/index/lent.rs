//! What a slice or a command borrows of an index. It goes back when it is dropped. What happens to the list
//! meanwhile cannot be followed, so what was borrowed is in doubt then.

use qadmin_core::index::{Cursor, IndexState, ListClock, ListFields};

use super::time::clock_ms;
use super::{MISSED, lose_track, wake, with};

/// The arrivals of an index.
pub(crate) struct Lent {
    db: i32,
    key: Vec<u8>,
    clock: Option<Box<ListClock>>,
}

impl Lent {
    /// Finds arrivals, by the clock of arrivals.
    pub(crate) fn cursor(&self) -> Option<Cursor<'_>> {
        Some(self.clock.as_ref()?.arrivals()?.cursor())
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let back = with(|indexes| {
            // It may have been dropped meanwhile, and another one created.
            let Some(entry) = indexes.find(self.db, &self.key).filter(|entry| entry.clock.is_none()) else {
                return;
            };
            entry.clock = self.clock.take();
            if std::mem::take(&mut entry.missed)
                && let Some(clock) = &mut entry.clock
            {
                clock.doubt(MISSED);
                wake();
            }
        });
        if back.is_none() {
            lose_track();
        }
    }
}

/// Borrows the index of a list that holds `len` messages now, if there is one that can answer.
pub(crate) fn lend(db: i32, key: &[u8], len: u64) -> Option<Lent> {
    with(|indexes| {
        let entry = indexes.find(db, key)?;
        entry.clock.as_mut()?.observe(len, clock_ms());
        let clock = entry.clock.take_if(|clock| clock.state() == IndexState::Ready);
        clock.map(|clock| Lent { db, key: key.to_vec(), clock: Some(clock) })
    })?
}

/// The values that an index keeps.
pub(crate) struct LentFields {
    db: i32,
    key: Vec<u8>,
    fields: Option<Box<ListFields>>,
}

impl LentFields {
    /// The values.
    pub(crate) fn get(&self) -> Option<&ListFields> {
        self.fields.as_deref()
    }
}

impl Drop for LentFields {
    fn drop(&mut self) {
        let back = with(|indexes| {
            let Some(entry) = indexes.find(self.db, &self.key).filter(|entry| entry.lends_fields) else {
                return;
            };
            (entry.fields, entry.lends_fields) = (self.fields.take(), false);
            if std::mem::take(&mut entry.fields_missed)
                && let Some(fields) = &mut entry.fields
            {
                fields.doubt(MISSED);
                wake();
            }
        });
        if back.is_none() {
            lose_track();
        }
    }
}

/// Borrows the values that the index of a list keeps, if it has read all of the `len` messages.
pub(crate) fn lend_fields(db: i32, key: &[u8], len: u64) -> Option<LentFields> {
    with(|indexes| {
        let entry = indexes.find(db, key)?;
        let is_read = |fields: &ListFields| {
            fields.index().is_some_and(|index| index.len() == len && index.rows() == len)
        };
        let fields = entry.fields.take_if(|fields| is_read(fields))?;
        entry.lends_fields = true;
        Some(LentFields { db, key: key.to_vec(), fields: Some(fields) })
    })?
}
