//! Jobs of BullMQ and Bull, opened for one callback together with the list of their ids. Each job is a hash of its own.
//! They are read only.

use qadmin_core::format::{BULL_FIELDS, BullText};
use qadmin_core::message_place::BullKeys;

use super::api::raw;
use super::ctx::Ctx;
use super::opened_key::{Key, reading};
use super::string::RString;

/// The jobs of one list.
pub(crate) struct BullHashes<'c> {
    ctx: Ctx<'c>,
    keys: BullKeys,
    /// [`BULL_FIELDS`], as the server takes them.
    names: [RString; BULL_FIELDS.len()],
    text: BullText,
    /// The flags with which jobs are opened.
    flags: u32,
}

impl<'c> BullHashes<'c> {
    /// Prepares to read jobs.
    pub(super) fn new(ctx: Ctx<'c>, keys: BullKeys) -> Self {
        Self { ctx, keys, names: BULL_FIELDS.map(RString::new), text: BullText::default(), flags: reading() }
    }

    /// Returns the job of an id as one text. It is empty if there is none.
    pub(super) fn message(&mut self, id: &RString) -> RString {
        let key = Key::open(self.ctx, self.keys.job(id.bytes()), self.flags);
        let Some(job) = key.filter(|key| key.is(raw::REDISMODULE_KEYTYPE_HASH)) else {
            return RString::new(b"");
        };
        let fields = job.fields(&self.names);
        let fields = fields.each_ref().map(|field| field.as_ref().map(RString::bytes));
        RString::new(self.text.of(id.bytes(), &fields))
    }
}
