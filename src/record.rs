//! The record of a clear in the keyspace: its key, how it is written, and how it is found again.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::RangeInclusive;

use qadmin_core::error::EndReason;
use qadmin_core::job::{Job, JobKind, Member, Record, count_to_evict};
use qadmin_core::slot;
use uuid::Uuid;

use crate::audit::{self, Entry};
use crate::moved;
use crate::redis::call::{CallMode, call};
use crate::redis::hash::{Hash, OpenedHash};
use crate::redis::{Ctx, RString, fault, log};
use crate::refusal::{Refusal, reason};
use crate::settings;

/// The prefix of every record's key.
pub(crate) const PREFIX: &[u8] = b"qadmin:job:";

/// Records that may be pending at once. Beyond it the oldest is given up: its end is then only in memory and in
/// the log.
const PENDING_MAX: usize = 1_000;
/// Bytes that these records may take.
const PENDING_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes that all records in the keyspace take together. Beyond it the records of the jobs that started first are
/// deleted, even before their time to live is over. Some five thousand records of usual size fit.
const RECORDS_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Memory that a record takes in addition to its texts, bytes: measured by MEMORY USAGE of Redis 7.0.15.
const RECORD_OVERHEAD: usize = 6 * 1024;
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
    let (tag, id) = rest.split_at(rest.len().checked_sub(36)?);
    // A longer key belongs to somebody else. It is not a record, and not kept.
    if tag.len() > "{4294967295}:".len() {
        return None;
    }
    Uuid::try_parse_ascii(id).ok()
}

/// A record that is to be written: all of its fields, and its audit entry.
#[derive(Debug)]
pub(crate) struct PendingWrite {
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

/// The field of the hash that holds the digest of the request. STATUS does not show it.
const REQUEST: &str = "request";

impl PendingWrite {
    /// Returns the record of a job in its present state.
    pub(crate) fn of(job: &mut Job, audit: Option<Entry>) -> Self {
        let record = job.record();
        let start = job.start();
        Self { db: start.db, id: start.id, queue: start.queue.clone(), record, digest: start.digest, audit }
    }

    /// Updates the whole record under its key, with its time to live, and writes the audit entry: one unit with
    /// everything else that the callback replicates.
    ///
    /// # Errors
    /// The server's refusal; in this case nothing was written. If the key permanently holds something else, the
    /// audit entry is written nevertheless.
    pub(crate) fn write(&self, ctx: Ctx<'_>) -> Result<(), Refusal> {
        let written = self.write_hash(ctx).map_err(|line| reason(&line));
        if let (Ok(()) | Err(Refusal::RecordKey), Some(entry)) = (&written, &self.audit) {
            audit::write(ctx, entry, &self.queue, &self.record, ctx.flags().cluster());
        }
        written
    }

    /// Writes the fields that differ from those under the key. The hash is read first each time: if the key or one
    /// of its fields was deleted or has expired since the last write, the whole record is restored, and a partial
    /// record cannot come into existence. Replicas and the append-only file then receive only the few fields that
    /// a slice changes, and a long filter once.
    fn write_hash(&self, ctx: Ctx<'_>) -> Result<(), Vec<u8>> {
        ctx.select(self.db);
        let name = key(&self.queue, self.id, ctx.flags().cluster());
        let there = hash_at(ctx, &RString::new(&name));
        let mut hset = vec![RString::new(&name)];
        let request = (REQUEST, hex(&self.digest).into_bytes());
        for (field, value) in self.record.hash_fields().chain([request]) {
            if there.get(field.as_bytes()) != Some(&value) {
                hset.push(RString::new(field));
                hset.push(RString::new(value));
            }
        }
        if hset.len() > 1 {
            call(ctx, c"HSET", CallMode::Write, &hset)?;
        }
        fault::point("writing a record");
        expire(ctx, &name)?;
        if let Err(refusal) = self.write_more(ctx) {
            let refusal = String::from_utf8_lossy(&refusal).into_owned();
            log::warning(&format!(
                "an update that belongs to the record of job {} was refused: {refusal}",
                self.id
            ));
        }
        Ok(())
    }

    /// Renews the time to live of the journal of a job that moved messages, and notes in the record of the job that this one
    /// undoes or continues that it does.
    fn write_more(&self, ctx: Ctx<'_>) -> Result<(), Vec<u8>> {
        let cluster = ctx.flags().cluster();
        if self.record.int(Member::Deleted) > 0 && !self.record.text(Member::To).is_empty() {
            moved::renew(ctx, &RString::new(moved::key(&self.queue, self.id, cluster)))?;
        }
        let other = |member| Uuid::try_parse_ascii(self.record.text(member)).ok();
        // The first record of a job says it, and the last one keeps both as long; those of its slices need not.
        if let Some(id) = other(Member::Continues).filter(|_| self.audit.is_some()) {
            self.note_in(ctx, id, &[(Member::ContinuedBy, self.id.to_string())])?;
        }
        // A dry run undoes nothing.
        let Some(id) = other(Member::Undoes).filter(|_| !self.record.flag(Member::DryRun)) else {
            return Ok(());
        };
        let undone = self.record.int(Member::Undone).to_string();
        let notes = [(Member::UndoneBy, self.id.to_string()), (Member::Undone, undone)];
        match self.note_in(ctx, id, &notes)? {
            true => moved::renew(ctx, &RString::new(moved::key(&self.queue, id, cluster))),
            false => Ok(()),
        }
    }

    /// Sets members of the record of another job of the same queue, which is then kept as long as this one. Returns whether
    /// there is such a record.
    fn note_in(&self, ctx: Ctx<'_>, id: Uuid, notes: &[(Member, String)]) -> Result<bool, Vec<u8>> {
        let key = key(&self.queue, id, ctx.flags().cluster());
        if call(ctx, c"EXISTS", CallMode::Read, &[RString::new(&key)])?.int() != Some(1) {
            return Ok(false);
        }
        let names = notes.iter().map(|(member, _)| RString::new(member.name()));
        let read: Vec<RString> = std::iter::once(RString::new(&key)).chain(names).collect();
        let there = call(ctx, c"HMGET", CallMode::Read, &read)?.list();
        if !there.iter().eq(notes.iter().map(|(_, value)| value.as_bytes())) {
            let fields = notes.iter().flat_map(|(member, value)| [member.name(), value.as_str()]);
            let hset: Vec<RString> =
                std::iter::once(RString::new(&key)).chain(fields.map(RString::new)).collect();
            call(ctx, c"HSET", CallMode::Write, &hset)?;
        }
        expire(ctx, &key)?;
        Ok(true)
    }

    /// Follows SWAPDB of two databases.
    pub(crate) fn swapped(&mut self, a: i32, b: i32) {
        self.db = swapped(self.db, a, b);
    }

    /// Returns whether this is the key that [`PendingWrite::write`] writes.
    pub(crate) fn lies_under(&self, place: &[u8], ctx: Ctx<'_>) -> bool {
        place == key(&self.queue, self.id, ctx.flags().cluster())
    }
}

/// Returns the number of a database after two were swapped.
fn swapped(db: i32, a: i32, b: i32) -> i32 {
    match db {
        _ if db == a => b,
        _ if db == b => a,
        _ => db,
    }
}

/// Returns whether half of the places for pending records are used.
pub(crate) fn is_backlog_long(pending: &VecDeque<PendingWrite>) -> bool {
    pending.len() >= PENDING_MAX / 2
}

/// Queues a record that is to be written later. It replaces an older one of the same job.
pub(crate) fn queue_write(pending: &mut VecDeque<PendingWrite>, record: PendingWrite) {
    pending.retain(|older| older.id != record.id || older.audit.is_some());
    let sizes = pending.iter().map(|pending| pending.record.bytes());
    let gone = count_to_evict(sizes, record.record.bytes(), PENDING_MAX, PENDING_BYTES_MAX);
    pending.drain(..gone);
    pending.push_back(record);
}

/// Sets the time to live of a record.
fn expire(ctx: Ctx<'_>, key: &[u8]) -> Result<(), Vec<u8>> {
    let ttl = settings::now().job_ttl_ms().to_string();
    call(ctx, c"PEXPIRE", CallMode::Write, &[RString::new(key), RString::new(ttl)]).map(drop)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Reverses [`hex`] for a digest. Anything else becomes zeros.
fn digest(hex: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    let (pairs, rest) = hex.as_chunks::<2>();
    if rest.is_empty() && pairs.len() == digest.len() {
        for (byte, pair) in digest.iter_mut().zip(pairs) {
            let digits = std::str::from_utf8(pair).unwrap_or_default();
            *byte = u8::from_str_radix(digits, 16).unwrap_or_default();
        }
    }
    digest
}

/// A record found in the keyspace.
pub(crate) struct Stored {
    /// Its fields.
    pub(crate) record: Record,
    /// Digest of the request that started the job, as text.
    request: Vec<u8>,
}

impl Stored {
    /// Returns whether the request with this digest started the job.
    pub(crate) fn is_from(&self, digest: &[u8; 32]) -> bool {
        self.request == hex(digest).as_bytes()
    }

    /// Converts it to a record that is to be written again.
    pub(crate) fn rewritten(self, id: Uuid, db: i32, audit: Entry) -> PendingWrite {
        let queue = self.record.text(Member::Queue).to_vec();
        let digest = digest(&self.request);
        PendingWrite { db, id, queue, record: self.record, digest, audit: Some(audit) }
    }
}

/// Largest number of fields of a hash that can be a record. A record has fewer; a hash with more is not read.
const RECORD_FIELDS_MAX: u64 = 256;

/// Returns the fields of the hash under a key of the selected database. There are none if the key is missing,
/// holds another type, or holds a hash with so many fields that it is not a record.
fn hash_at(ctx: Ctx<'_>, key: &RString) -> HashMap<Vec<u8>, Vec<u8>> {
    match Hash::open(ctx, key) {
        OpenedHash::Hash(hash) if hash.len() <= RECORD_FIELDS_MAX => {}
        _ => return HashMap::new(),
    }
    let answer = call(ctx, c"HGETALL", CallMode::Read, &[RString::new(key.bytes())]);
    let mut fields = answer.map(|answer| answer.list()).unwrap_or_default().into_iter();
    std::iter::from_fn(|| fields.next().zip(fields.next())).collect()
}

/// Reads the record under a key of the given database. On a primary, a live status without a live job is shown as
/// interrupted.
pub(crate) fn read(ctx: Ctx<'_>, db: i32, key: &[u8]) -> Option<Stored> {
    let mut stored = read_as_it_stands(ctx, db, key)?;
    if ctx.flags().primary() {
        stored.record.interrupt(&EndReason::ServerGone);
    }
    Some(stored)
}

/// Reads the record under a key of the given database.
pub(crate) fn read_as_it_stands(ctx: Ctx<'_>, db: i32, key: &[u8]) -> Option<Stored> {
    let before = ctx.db();
    if !ctx.select(db) {
        return None;
    }
    let fields = hash_at(ctx, &RString::new(key));
    ctx.select(before);
    let get = |name: &str| fields.get(name.as_bytes()).map(Vec::as_slice);
    let record = Record::from_hash(get)?;
    let request = get(REQUEST).unwrap_or_default().to_vec();
    Some(Stored { record, request })
}

/// Completes the record of an ended job with the undo and the continuing job that its hash names: these may have run
/// while another server was the primary.
pub(crate) fn read_later_jobs(ctx: Ctx<'_>, db: i32, key: &[u8], record: &mut Record) {
    let before = ctx.db();
    if !JobKind::parse(record.text(Member::Kind)).is_some_and(JobKind::is_recorded) || !ctx.select(db) {
        return;
    }
    let members = [Member::UndoneBy, Member::Undone, Member::ContinuedBy];
    let [by, undone, continued] = members.map(|member| member.name().as_bytes());
    let answer = call(ctx, c"HMGET", CallMode::Read, &[key, by, undone, continued].map(RString::new));
    ctx.select(before);
    let fields = answer.map(|answer| answer.list()).unwrap_or_default();
    let [by, undone, continued] = fields.as_slice() else { return };
    if !by.is_empty()
        && let Some(undone) = std::str::from_utf8(undone).ok().and_then(|digits| digits.parse().ok())
    {
        record.mark_undone(by, undone);
    }
    if !continued.is_empty() {
        record.mark_continued(continued);
    }
}

/// Records to check for jobs that died without writing their end.
pub(crate) type OrphanedRecords = VecDeque<(Uuid, i32, Vec<u8>)>;

/// The keys of the records that this server has seen, by id, so that an id alone finds them.
#[derive(Default)]
pub(crate) struct Index {
    places: BTreeMap<Uuid, (i32, Vec<u8>)>,
    /// For records that were read once: the start of their jobs, and their size in memory in bytes.
    started: HashMap<Uuid, (i64, usize)>,
    /// The sum of these sizes.
    bytes: usize,
    /// The same, in the order of the start.
    by_start: BTreeSet<(i64, Uuid)>,
    /// The other records, which nobody has read yet.
    unread: BTreeSet<Uuid>,
}

impl Index {
    /// Largest number of records in the index. If the server has more, they are found by QUEUE or in their
    /// database.
    const MAX: usize = 100_000;

    /// A key was written or loaded.
    pub(crate) fn seen(&mut self, db: i32, key: &[u8]) {
        if let Some(id) = id_of(key)
            && self.places.len() < Self::MAX
        {
            self.places.insert(id, (db, key.to_vec()));
            if !self.started.contains_key(&id) {
                self.unread.insert(id);
            }
        }
    }

    /// A key is gone.
    pub(crate) fn gone(&mut self, db: i32, key: &[u8]) {
        if let Some(id) = id_of(key)
            && self.places.get(&id).is_some_and(|place| place.0 == db && place.1 == key)
        {
            self.places.remove(&id);
            self.forget_start(id);
        }
    }

    fn forget_start(&mut self, id: Uuid) {
        self.unread.remove(&id);
        if let Some((started, bytes)) = self.started.remove(&id) {
            self.by_start.remove(&(started, id));
            self.bytes -= bytes;
        }
    }

    /// Notes what a record says: the start of its job never changes. A key that is not a record counts as the
    /// oldest.
    pub(crate) fn learn(&mut self, id: Uuid, record: Option<&Record>) {
        if self.unread.remove(&id) {
            let started = record.map_or(i64::MIN, |record| record.int(Member::StartedAt));
            let bytes = record.map_or(0, |record| record.bytes() + RECORD_OVERHEAD);
            self.started.insert(id, (started, bytes));
            self.by_start.insert((started, id));
            self.bytes += bytes;
        }
    }

    /// Returns a record that nobody has read yet.
    pub(crate) fn some_unread(&self) -> Option<(Uuid, i32, Vec<u8>)> {
        let id = self.unread.first()?;
        self.places.get(id).map(|(db, key)| (*id, *db, key.clone()))
    }

    /// Returns whether all records together take more than [`RECORDS_BYTES_MAX`].
    pub(crate) fn takes_too_much(&self) -> bool {
        self.bytes > RECORDS_BYTES_MAX
    }

    /// Returns the ids of the records that were read once, the earliest start first.
    pub(crate) fn oldest(&self) -> impl Iterator<Item = Uuid> {
        self.by_start.iter().map(|(_, id)| *id)
    }

    /// Returns the records that were read once, the latest start first.
    pub(crate) fn newest(&self) -> impl Iterator<Item = (i64, Uuid)> {
        self.by_start.iter().rev().copied()
    }

    /// A database was emptied (`None`: all).
    pub(crate) fn flushed(&mut self, db: Option<i32>) {
        let gone = |place: &(i32, Vec<u8>)| db.is_none_or(|db| place.0 == db);
        let ids: Vec<Uuid> = self.places.iter().filter(|(_, place)| gone(place)).map(|(id, _)| *id).collect();
        for id in ids {
            self.places.remove(&id);
            self.forget_start(id);
        }
    }

    /// Follows SWAPDB of two databases.
    pub(crate) fn swapped(&mut self, a: i32, b: i32) {
        for place in self.places.values_mut() {
            place.0 = swapped(place.0, a, b);
        }
    }

    /// Returns where the record with this id is.
    pub(crate) fn find(&self, id: Uuid) -> Option<(i32, Vec<u8>)> {
        self.places.get(&id).cloned()
    }

    /// Returns the records whose ids are in a range, in the order of their ids.
    pub(crate) fn within(&self, ids: RangeInclusive<Uuid>) -> impl Iterator<Item = (Uuid, i32, &[u8])> {
        self.places.range(ids).map(|(id, (db, key))| (*id, *db, key.as_slice()))
    }

    /// Returns all places of records.
    pub(crate) fn all(&self) -> Vec<(Uuid, i32, Vec<u8>)> {
        self.places.iter().map(|(id, (db, key))| (*id, *db, key.clone())).collect()
    }
}
