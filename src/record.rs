//! The record of a clear in the keyspace: where it stands, how it is written and found again.

use std::collections::{HashMap, VecDeque};

use qadmin_core::job::Record;
use qadmin_core::reply::Reply;
use qadmin_core::slot;
use uuid::Uuid;

use crate::audit::{self, Entry};
use crate::redis::call::{How, call};
use crate::redis::{Ctx, RString};
use crate::settings;

/// What every record's key begins with.
pub(crate) const PREFIX: &[u8] = b"qadmin:job:";

/// Records that may be owed at once; beyond it the oldest is given up (its job's end is then only in
/// memory and in the log).
const OWED_MAX: usize = 1_000;

/// The key of a job's record: in the queue's slot where slots exist.
pub(crate) fn key(queue: &[u8], id: Uuid, cluster: bool) -> Vec<u8> {
    if cluster {
        format!("qadmin:job:{{{}}}:{id}", slot::tag(slot::of(queue))).into_bytes()
    } else {
        format!("qadmin:job:{id}").into_bytes()
    }
}

/// The id in a record's key.
fn id_of(key: &[u8]) -> Option<Uuid> {
    let rest = key.strip_prefix(PREFIX)?;
    Uuid::try_parse_ascii(rest.get(rest.len().checked_sub(36)?..)?).ok()
}

/// A record that is to be written: all its fields, and the audit entry that goes with it.
#[derive(Debug)]
pub(crate) struct Owed {
    /// Logical database.
    pub(crate) db: i32,
    /// The job's id.
    pub(crate) id: Uuid,
    /// The job's queue.
    pub(crate) queue: Vec<u8>,
    /// The fields.
    pub(crate) record: Record,
    /// Digest of the request that started the job.
    pub(crate) digest: [u8; 32],
    /// The audit entry.
    pub(crate) audit: Option<Entry>,
}

/// The field of the hash that holds the digest of the request; not shown by STATUS.
const REQUEST: &str = "request";

impl Owed {
    /// Writes the record whole, with its time to live, and the audit entry: one unit with whatever else the
    /// callback replicates.
    ///
    /// # Errors
    /// The server's refusal; nothing was written then.
    pub(crate) fn write(&self, ctx: Ctx<'_>) -> Result<(), Vec<u8>> {
        let cluster = ctx.flags().cluster();
        ctx.select(self.db);
        let key = key(&self.queue, self.id, cluster);
        let mut hset = vec![RString::new(&key)];
        for (field, value) in self.record.hash_fields() {
            hset.push(RString::new(field));
            hset.push(RString::new(value));
        }
        hset.push(RString::new(REQUEST));
        hset.push(RString::new(hex(&self.digest)));
        call(ctx, c"HSET", How::Write, &hset)?;
        let ttl = settings::now().job_ttl_ms().to_string();
        call(ctx, c"PEXPIRE", How::Write, &[RString::new(&key), RString::new(ttl)])?;
        if let Some(entry) = &self.audit {
            audit::write(ctx, entry, &self.queue, &self.record, cluster);
        }
        Ok(())
    }
}

/// Queues a record that could not be written yet.
pub(crate) fn owe(owed: &mut VecDeque<Owed>, record: Owed) {
    if owed.len() >= OWED_MAX {
        owed.pop_front();
    }
    owed.push_back(record);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &[u8]) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let (pairs, _) = text.as_chunks::<2>();
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    (text.len() == 64).then_some(bytes)
}

/// A record found in the keyspace.
pub(crate) struct Stored {
    /// Its fields.
    pub(crate) record: Record,
    /// Digest of the request that started the job.
    request: Option<[u8; 32]>,
}

impl Stored {
    /// The request with this digest started the job.
    pub(crate) fn is_from(&self, digest: &[u8; 32]) -> bool {
        self.request.as_ref() == Some(digest)
    }
}

/// Reads the record under a key of the given database. A live status without a live job is shown as
/// interrupted on a primary.
pub(crate) fn read(ctx: Ctx<'_>, db: i32, key: &[u8]) -> Option<Stored> {
    let mut stored = read_as_is(ctx, db, key)?;
    if ctx.flags().primary() {
        stored.record.interrupt();
    }
    Some(stored)
}

/// A record that says its job lives, as the record that says it was interrupted. `None` where it says
/// anything else.
pub(crate) fn orphan(ctx: Ctx<'_>, id: Uuid, db: i32, key: &[u8], now_ms: i64) -> Option<Owed> {
    let Stored { mut record, request } = read_as_is(ctx, db, key)?;
    if record.status().has_ended() {
        return None;
    }
    record.interrupt();
    record.set("completed_at", Reply::Int(now_ms));
    record.set("updated_at", Reply::Int(now_ms));
    let queue = record.text("queue").to_vec();
    let digest = request.unwrap_or_default();
    Some(Owed { db, id, queue, record, digest, audit: Some(Entry::Interrupted) })
}

fn read_as_is(ctx: Ctx<'_>, db: i32, key: &[u8]) -> Option<Stored> {
    let before = ctx.db();
    if !ctx.select(db) {
        return None;
    }
    let answer = call(ctx, c"HGETALL", How::Read, &[RString::new(key)]);
    ctx.select(before);
    let fields = answer.ok()?.list();
    let (pairs, _) = fields.as_chunks::<2>();
    let get = |name: &str| {
        pairs.iter().find(|[field, _]| field == name.as_bytes()).map(|[_, value]| value.as_slice())
    };
    let record = Record::from_hash(get)?;
    let request = get(REQUEST).and_then(unhex);
    Some(Stored { record, request })
}

/// Where the records are that this server has seen: by id, so that an id alone finds them.
#[derive(Default)]
pub(crate) struct Index {
    places: HashMap<Uuid, (i32, Vec<u8>)>,
}

impl Index {
    /// Records that are indexed at most; a server with more answers those by QUEUE or from their database.
    const MAX: usize = 100_000;

    /// A key was written or loaded.
    pub(crate) fn seen(&mut self, db: i32, key: &[u8]) {
        if let Some(id) = id_of(key)
            && self.places.len() < Self::MAX
        {
            self.places.insert(id, (db, key.to_vec()));
        }
    }

    /// A key is gone.
    pub(crate) fn gone(&mut self, db: i32, key: &[u8]) {
        if let Some(id) = id_of(key)
            && self.places.get(&id).is_some_and(|place| place.0 == db && place.1 == key)
        {
            self.places.remove(&id);
        }
    }

    /// A database was emptied (`None`: all).
    pub(crate) fn flushed(&mut self, db: Option<i32>) {
        self.places.retain(|_, place| db.is_some_and(|db| place.0 != db));
    }

    /// Two databases changed places.
    pub(crate) fn swapped(&mut self, a: i32, b: i32) {
        for place in self.places.values_mut() {
            if place.0 == a {
                place.0 = b;
            } else if place.0 == b {
                place.0 = a;
            }
        }
    }

    /// Where the record with this id is.
    pub(crate) fn find(&self, id: Uuid) -> Option<(i32, Vec<u8>)> {
        self.places.get(&id).cloned()
    }

    /// Every place.
    pub(crate) fn all(&self) -> Vec<(Uuid, i32, Vec<u8>)> {
        self.places.iter().map(|(id, (db, key))| (*id, *db, key.clone())).collect()
    }
}
