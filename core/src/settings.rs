//! The settings as data: registration, `CONFIG SET`, the load arguments of the module and the documentation read
//! one row each.
//!
//! To add a setting: a constant, a row and a getter here; the position of the row is its index for good.

mod texts;

use crate::args::parse_u64;
use crate::error::{Error, FilterError, SettingError};
use crate::filter::Projection;
use crate::index::Definition;
use crate::kind::{self, MessageKind};
use crate::priorities::Priorities;
pub use texts::{INDEX, PRIORITY_STEPS, SAMPLE_FIELDS, SEP, TEXTS, TextSpec};

/// One setting. All are integers; a setting with words shows and accepts the word at that position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettingSpec {
    /// The name after `qadmin.` and in the load arguments.
    pub name: &'static str,
    /// The default value.
    pub default: i64,
    /// Smallest accepted value.
    pub min: i64,
    /// Largest accepted value.
    pub max: i64,
    /// What the number counts.
    pub unit: &'static str,
    /// The words for the numbers from 0 on; empty if the number itself is meant.
    pub words: &'static [&'static str],
    /// One line for the documentation.
    pub doc: &'static str,
}

/// Index of `inline-limit`.
pub const INLINE_LIMIT: usize = 0;
/// Index of `inline-wait`.
pub const INLINE_WAIT: usize = 1;
/// Index of `cache-ttl`.
pub const CACHE_TTL: usize = 2;
/// Index of `job-lock-ttl`.
pub const JOB_LOCK_TTL: usize = 3;
/// Index of `job-ttl`.
pub const JOB_TTL: usize = 4;
/// Index of `sample-window`.
pub const SAMPLE_WINDOW: usize = 5;
/// Index of `slice-us`.
pub const SLICE_US: usize = 6;
/// Index of `duty`.
pub const DUTY: usize = 7;
/// Index of `max-jobs`.
pub const MAX_JOBS: usize = 8;
/// Index of `audit-maxlen`.
pub const AUDIT_MAXLEN: usize = 9;

/// Index of `default-kind`.
pub const DEFAULT_KIND: usize = 10;

/// Index of `index-max-memory`.
pub const INDEX_MAX_MEMORY: usize = 11;

/// Index of `index-audit`.
pub const INDEX_AUDIT: usize = 12;
/// Index of `pickle`.
pub const PICKLE: usize = 13;

/// Every setting; the constants above are indexes into it.
pub const SETTINGS: [SettingSpec; 14] = [
    SettingSpec {
        name: "inline-limit",
        default: 200_000,
        min: 0,
        max: 1_000_000_000,
        unit: "messages",
        words: &[],
        doc: "The deepest queue that PREVIEW counts while the client waits; 0 sends every count of a queue that is \
              not empty to a job.",
    },
    SettingSpec {
        name: "inline-wait",
        default: 2_000,
        min: 0,
        max: 60_000,
        unit: "milliseconds",
        words: &[],
        doc: "The longest time that PREVIEW blocks a client before it replies with a job; at most a minute, \
              because clients and proxies often time out then.",
    },
    SettingSpec {
        name: "cache-ttl",
        default: 60,
        min: 0,
        max: 86_400,
        unit: "seconds",
        words: &[],
        doc: "The lifetime of cached counts; 0 = no cache.",
    },
    SettingSpec {
        name: "job-lock-ttl",
        default: 300,
        min: 0,
        max: 86_400,
        unit: "seconds",
        words: &[],
        doc: "How long, from its start, a completed preview answers equal requests; 0 = off. A live one is joined \
              in any case.",
    },
    SettingSpec {
        name: "job-ttl",
        default: 86_400,
        min: 60,
        max: 2_592_000,
        unit: "seconds",
        words: &[],
        doc: "How long an ended job is remembered; at least a minute, so that a client that polls sees the \
              end, at most 30 days.",
    },
    SettingSpec {
        name: "sample-window",
        default: 2_000,
        min: 0,
        max: 100_000,
        unit: "messages",
        words: &[],
        doc: "How many messages at the consumer end an immediate sample reads; it reads them without a pause, so \
              it takes at most four times slice-us; 0 = no immediate samples.",
    },
    SettingSpec {
        name: "slice-us",
        default: 500,
        min: 50,
        max: 100_000,
        unit: "microseconds",
        words: &[],
        doc: "The longest time per slice after the seek. If two seeks in a row took longer than that, a slice may \
              take as long as the faster one. Below 50 a slice would do little but seek.",
    },
    SettingSpec {
        name: "duty",
        default: 50,
        min: 1,
        max: 100,
        unit: "percent",
        words: &[],
        doc: "The share of the main thread that jobs use while other clients are active; an idle server is used \
              fully.",
    },
    SettingSpec {
        name: "max-jobs",
        default: 16,
        min: 2,
        max: 64,
        unit: "jobs",
        words: &[],
        doc: "The largest number of live jobs; previews and stats use at most half of it, so that a clear always \
              finds room (at least 2: one of each). Jobs share the slices.",
    },
    SettingSpec {
        name: "audit-maxlen",
        default: 10_000,
        min: 0,
        max: 10_000_000,
        unit: "entries",
        words: &[],
        doc: "Entries that are kept in the audit stream; 0 = off.",
    },
    SettingSpec {
        name: "default-kind",
        default: 0,
        min: 0,
        max: kind::MESSAGE_NAMES.len() as i64 - 1,
        unit: "kind",
        words: kind::MESSAGE_NAMES,
        doc: "The message kind that a command expects without AS.",
    },
    SettingSpec {
        name: "index-max-memory",
        default: 64 * 1024 * 1024,
        min: 64 * 1024,
        max: 64 * 1024 * 1024 * 1024,
        unit: "bytes",
        words: &[],
        doc: "Most memory of all indexes together; an index that would need more gives up its own and is suspended.",
    },
    SettingSpec {
        name: "index-audit",
        default: 3_600,
        min: 0,
        max: 2_592_000,
        unit: "seconds",
        words: &[],
        doc: "The time between two audits of an index with FIELDS, which compare all messages of the list with what \
              the index keeps; 0 = none.",
    },
    SettingSpec {
        name: "pickle",
        default: 1,
        min: 0,
        max: 1,
        unit: "no or yes",
        words: &["no", "yes"],
        doc: "Whether pickled bodies of Celery messages, and messages of Huey, are read, as data: nothing in them is executed. With `no` they \
              are unreadable. A job reads them as the setting was when it was accepted.",
    },
];

impl SettingSpec {
    /// Reads a value as users write it.
    #[must_use]
    pub fn parse(&self, text: &[u8]) -> Option<i64> {
        let value = match self.words {
            [] => parse_u64(text).and_then(|n| i64::try_from(n).ok()),
            words => {
                let at = words.iter().position(|word| text.eq_ignore_ascii_case(word.as_bytes()));
                at.and_then(|at| i64::try_from(at).ok())
            }
        };
        value.filter(|n| (self.min..=self.max).contains(n))
    }

    /// Returns a value as users read it.
    #[must_use]
    pub fn show(&self, value: i64) -> String {
        let word = usize::try_from(value).ok().and_then(|at| self.words.get(at));
        word.map_or_else(|| value.to_string(), |word| (*word).to_owned())
    }
}

/// The names of all settings.
pub fn names() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|row| row.name).chain(TEXTS.iter().map(|row| row.name))
}

/// Finds a setting that is a number by its name, in any case.
#[must_use]
pub fn index_of(name: &[u8]) -> Option<usize> {
    SETTINGS.iter().position(|row| row.name.as_bytes().eq_ignore_ascii_case(name))
}

/// The values in force. Each is always in its row's range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    values: [i64; SETTINGS.len()],
    priorities: Priorities,
    sample_fields: Vec<Vec<u8>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            values: SETTINGS.map(|row| row.default),
            priorities: Priorities::default(),
            sample_fields: Vec::new(),
        }
    }
}

impl Settings {
    /// Returns the value of the setting at `index`; `None` if there is no such setting.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<i64> {
        self.values.get(index).copied()
    }

    /// Changes the setting at `index`.
    ///
    /// # Errors
    /// [`SettingError::OutOfRange`]; [`SettingError::Unknown`] if there is no such index.
    pub fn set(&mut self, index: usize, value: i64) -> Result<(), Error> {
        let (Some(row), Some(slot)) = (SETTINGS.get(index), self.values.get_mut(index)) else {
            return Err(unknown(index.to_string().into_bytes()));
        };
        if !(row.min..=row.max).contains(&value) {
            return Err(out_of_range(row, value.to_string().as_bytes()));
        }
        *slot = value;
        Ok(())
    }

    /// Returns the text of the setting at `index` of [`TEXTS`]; empty if there is no such setting.
    #[must_use]
    pub fn text(&self, index: usize) -> Vec<u8> {
        match index {
            SEP => self.priorities.separator().to_vec(),
            PRIORITY_STEPS => self.priorities.steps_text().into_bytes(),
            SAMPLE_FIELDS => self.sample_fields.join(&b' '),
            _ => Vec::new(),
        }
    }

    /// Changes the setting at `index` of [`TEXTS`].
    ///
    /// # Errors
    /// [`SettingError::InvalidText`]; [`SettingError::Unknown`] if there is no such index.
    pub fn set_text(&mut self, index: usize, text: &[u8]) -> Result<(), Error> {
        let set = match index {
            // The server passes a default as a C string, and Valkey 8.1 writes other bytes into its configuration
            // in a way that it cannot read again.
            _ if text.iter().any(|byte| matches!(byte, 0 | b'"' | b'\\')) => {
                Err("must not contain a zero byte, a double quote or a backslash")
            }
            SEP => self.priorities.set_separator(text),
            PRIORITY_STEPS => self.priorities.set_steps(text),
            // The indexes themselves are the setting: they are not kept here.
            INDEX => Definition::parse_all(text).map(drop),
            SAMPLE_FIELDS => parse_sample_fields(text).map(|fields| self.sample_fields = fields),
            _ => return Err(unknown(index.to_string().into_bytes())),
        };
        set.map_err(|why| {
            Error::Setting(SettingError::InvalidText { name: TEXTS[index].name, why, got: text.to_vec() })
        })
    }

    /// The separator and the steps of queues with priorities.
    #[must_use]
    pub fn priorities(&self) -> &Priorities {
        &self.priorities
    }

    /// The fields of a row of a sample without FIELDS; empty for those of the kind.
    #[must_use]
    pub fn sample_fields(&self) -> &[Vec<u8>] {
        &self.sample_fields
    }

    /// The deepest queue that PREVIEW counts while the client waits, in messages.
    #[must_use]
    pub fn inline_limit(&self) -> u64 {
        self.at(INLINE_LIMIT)
    }

    /// The longest time that PREVIEW blocks a client, in milliseconds.
    #[must_use]
    pub fn inline_wait_ms(&self) -> u64 {
        self.at(INLINE_WAIT)
    }

    /// The lifetime of a cached count, in milliseconds; 0 = no cache.
    #[must_use]
    pub fn cache_ttl_ms(&self) -> u64 {
        self.at(CACHE_TTL) * 1000
    }

    /// How long after its start a completed preview answers equal requests, in milliseconds; 0 = never.
    #[must_use]
    pub fn job_lock_ttl_ms(&self) -> u64 {
        self.at(JOB_LOCK_TTL) * 1000
    }

    /// How long an ended job is remembered, in milliseconds.
    #[must_use]
    pub fn job_ttl_ms(&self) -> u64 {
        self.at(JOB_TTL) * 1000
    }

    /// Messages at the consumer end that an immediate sample reads.
    #[must_use]
    pub fn sample_window(&self) -> u64 {
        self.at(SAMPLE_WINDOW)
    }

    /// The longest time per slice after the seek, in microseconds.
    #[must_use]
    pub fn slice_us(&self) -> u64 {
        self.at(SLICE_US)
    }

    /// Percent of the main thread while other clients are active, 1 to 100.
    #[must_use]
    pub fn duty_percent(&self) -> u64 {
        self.at(DUTY)
    }

    /// Most live jobs.
    #[must_use]
    pub fn max_jobs(&self) -> u64 {
        self.at(MAX_JOBS)
    }

    /// Most live previews and stats: half of the jobs, at least one.
    #[must_use]
    pub fn max_previews(&self) -> u64 {
        self.max_jobs() / 2
    }

    /// Entries kept in the audit stream; 0 = no audit.
    #[must_use]
    pub fn audit_maxlen(&self) -> u64 {
        self.at(AUDIT_MAXLEN)
    }

    /// Most memory of all indexes, bytes.
    #[must_use]
    pub fn index_max_memory(&self) -> u64 {
        self.at(INDEX_MAX_MEMORY)
    }

    /// Seconds between two audits of an index; 0 = none.
    #[must_use]
    pub fn index_audit(&self) -> u64 {
        self.at(INDEX_AUDIT)
    }

    /// The message kind that commands without AS expect.
    #[must_use]
    pub fn default_kind(&self) -> MessageKind {
        usize::try_from(self.at(DEFAULT_KIND))
            .ok()
            .and_then(|at| kind::KINDS.get(at))
            .map_or(MessageKind::default(), |row| row.kind)
    }

    /// Whether pickled bodies are read.
    #[must_use]
    pub fn pickle(&self) -> bool {
        self.at(PICKLE) != 0
    }

    // No row admits a negative value, so this loses no sign.
    fn at(&self, index: usize) -> u64 {
        self.values[index].unsigned_abs()
    }
}

/// Reads the names of `sample-fields`.
fn parse_sample_fields(text: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
    let names: Vec<&[u8]> = text.split(u8::is_ascii_whitespace).filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let projection = Projection::new(&names).map_err(|error| match error {
        Error::Request(_) => "has more than 32 fields",
        Error::Filter(FilterError::FieldTwice { .. }) => "names a field twice",
        _ => "must be the names of fields as FIELDS takes them, separated by blanks, such as: task id kwargs.account",
    })?;
    if projection.arrival_field().is_some() {
        return Err("must not name age or arrived, which need an index; name them in FIELDS");
    }
    Ok(names.into_iter().map(<[u8]>::to_vec).collect())
}

/// The load arguments of the module.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Index in [`SETTINGS`] and value, in the order given.
    pub numbers: Vec<(usize, i64)>,
    /// Index in [`TEXTS`] and value, in the order given.
    pub texts: Vec<(usize, Vec<u8>)>,
}

/// Reads the module's load arguments: pairs of a setting's name, in any case, and its value.
///
/// # Errors
/// [`SettingError::Unknown`], [`SettingError::Repeated`], [`SettingError::MissingValue`],
/// [`SettingError::OutOfRange`], [`SettingError::InvalidText`].
pub fn parse_load_args(args: &[&[u8]]) -> Result<Given, Error> {
    let mut given = Given::default();
    for pair in args.chunks(2) {
        let name = pair[0];
        let text_at = TEXTS.iter().position(|row| row.name.as_bytes().eq_ignore_ascii_case(name));
        if let Some(at) = text_at {
            let row = &TEXTS[at];
            if given.texts.iter().any(|(earlier, _)| *earlier == at) {
                return Err(SettingError::Repeated { name: row.name }.into());
            }
            let text = *pair.get(1).ok_or(SettingError::MissingValue { name: row.name })?;
            Settings::default().set_text(at, text)?;
            given.texts.push((at, text.to_vec()));
            continue;
        }
        let index = index_of(name).ok_or_else(|| unknown(name.to_vec()))?;
        let row = &SETTINGS[index];
        if given.numbers.iter().any(|&(earlier, _)| earlier == index) {
            return Err(SettingError::Repeated { name: row.name }.into());
        }
        let text = *pair.get(1).ok_or(SettingError::MissingValue { name: row.name })?;
        given.numbers.push((index, row.parse(text).ok_or_else(|| out_of_range(row, text))?));
    }
    Ok(given)
}

fn unknown(got: Vec<u8>) -> Error {
    Error::Setting(SettingError::Unknown { got, known: names().collect::<Vec<_>>().join(", ") })
}

fn out_of_range(row: &SettingSpec, got: &[u8]) -> Error {
    let SettingSpec { name, min, max, unit, words, .. } = *row;
    let got = got.to_vec();
    match words {
        [] => Error::Setting(SettingError::OutOfRange { name, min, max, unit, got }),
        words => Error::Setting(SettingError::UnknownChoice { name, words, got }),
    }
}

#[cfg(test)]
mod tests;
