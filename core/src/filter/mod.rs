//! Placeholder of the filter: takes the terms whole, keeps their bytes, understands none.

use crate::args::Args;
use crate::error::Error;

/// Fields of a sample row where none are named.
pub const DEFAULT_FIELDS: &[&[u8]] =
    &[b"task", b"id", b"repoid", b"commitid", b"ownerid", b"pullid", b"retries", b"eta", b"redelivered"];
/// Most fields of a sample row.
pub const FIELDS_MAX: usize = 32;

/// Collects the terms of one filter.
#[derive(Debug, Default)]
pub struct FilterBuilder {
    terms: Vec<u8>,
}

impl FilterBuilder {
    /// Takes the term that stands next, if one does.
    ///
    /// # Errors
    /// [`Error::MissingValue`].
    pub fn accept(&mut self, args: &mut Args<'_>, now_ms: i64) -> Result<bool, Error> {
        for keyword in ["TASK", "REPOID", "COMMITID"] {
            if args.keyword(keyword) {
                let value = args.value(keyword)?;
                self.push(keyword.as_bytes(), value);
                return Ok(true);
            }
        }
        if args.keyword("WHERE") {
            for _ in 0..3 {
                let value = args.value("WHERE")?;
                let now = now_ms.to_string();
                self.push(b"WHERE", if value == b"now" { now.as_bytes() } else { value });
            }
            return Ok(true);
        }
        Ok(false)
    }

    fn push(&mut self, keyword: &[u8], value: &[u8]) {
        for part in [keyword, b" ", value, b" "] {
            self.terms.extend_from_slice(part);
        }
    }

    /// The filter.
    ///
    /// # Errors
    /// [`Error::MissingValue`] without a term.
    pub fn finish(self) -> Result<Filter, Error> {
        if self.terms.is_empty() {
            return Err(Error::MissingValue { keyword: "TASK" });
        }
        Ok(Filter { canonical: self.terms })
    }
}

/// What a message must match.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    canonical: Vec<u8>,
}

impl Filter {
    /// One text for all spellings of the same filter.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        self.canonical.clone()
    }
}

/// The fields of a sample row.
#[derive(Debug, Clone)]
pub struct Projection;

impl Projection {
    /// Checks the fields' names.
    ///
    /// # Errors
    /// [`Error::MissingValue`] for an empty name.
    pub fn new(fields: &[&[u8]]) -> Result<Self, Error> {
        if fields.iter().any(|f| f.is_empty()) {
            return Err(Error::MissingValue { keyword: "FIELDS" });
        }
        Ok(Self)
    }
}
