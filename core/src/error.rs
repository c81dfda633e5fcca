//! Every way in which a command can fail: the code and the only wording that users see.
//!
//! An error is one line of ASCII, `CODE text`: what was wrong and what would be right. Bytes that come
//! from a user are quoted and escaped by [`quote`], never put in raw.

use std::fmt::Write as _;

/// The first word of an error reply; clients switch on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// Syntax, range, or a state that forbids the request.
    Err,
    /// A destructive command without its confirmation.
    Confirm,
    /// Unknown or forgotten job id.
    NoJob,
    /// More live jobs than `max-jobs` allows.
    TooManyJobs,
    /// The key holds something else than a list.
    WrongType,
    /// The user may not do this.
    NoPerm,
    /// A write was asked of a replica.
    ReadOnly,
}

impl Code {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Err => "ERR",
            Self::Confirm => "CONFIRM",
            Self::NoJob => "NOJOB",
            Self::TooManyJobs => "TOOMANYJOBS",
            Self::WrongType => "WRONGTYPE",
            Self::NoPerm => "NOPERM",
            Self::ReadOnly => "READONLY",
        }
    }
}

/// A failed command. One variant per way to fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// A keyword stands at the end where its value should follow.
    MissingValue {
        /// The keyword as documented.
        keyword: &'static str,
    },
    /// A number is not a number or not in its range.
    NumberOutOfRange {
        /// The keyword as documented.
        keyword: &'static str,
        /// Smallest accepted value.
        min: u64,
        /// Largest accepted value.
        max: u64,
        /// What was given.
        got: Vec<u8>,
    },
}

impl Error {
    /// The first word of the reply.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::MissingValue { .. } | Self::NumberOutOfRange { .. } => Code::Err,
        }
    }

    /// What follows the code.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::MissingValue { keyword } => format!("{keyword} needs a value"),
            Self::NumberOutOfRange { keyword, min, max, got } => {
                format!("{keyword} must be an integer from {min} to {max}, got {}", quote(got))
            }
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.code().as_str(), self.text())
    }
}

impl std::error::Error for Error {}

/// Longest piece of user bytes that an error repeats; the rest shows as `...`.
pub const QUOTE_MAX: usize = 64;

/// User bytes as one line of printable ASCII between double quotes, cut at [`QUOTE_MAX`] bytes.
#[must_use]
pub fn quote(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().min(QUOTE_MAX) + 2);
    out.push('"');
    for &b in bytes.iter().take(QUOTE_MAX) {
        match b {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(b));
            }
            0x20..=0x7e => out.push(char::from(b)),
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\x{b:02x}");
            }
        }
    }
    if bytes.len() > QUOTE_MAX {
        out.push_str("...");
    }
    out.push('"');
    out
}
