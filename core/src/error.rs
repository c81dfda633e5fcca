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
    /// A command that needs a filter has no condition.
    NoFilter,
    /// A keyword that may stand once stands again.
    GivenTwice {
        /// The keyword as documented.
        keyword: &'static str,
        /// What says the same for several values.
        instead: &'static str,
    },
    /// An operand of no bytes.
    EmptyOperand {
        /// The keyword or field that it belongs to.
        of: Box<str>,
    },
    /// An operand that is too long.
    OperandTooLong {
        /// The keyword or field that it belongs to.
        of: Box<str>,
        /// Most bytes.
        max: usize,
    },
    /// An operand that must be an integer.
    NotAnInteger {
        /// The keyword or field that it belongs to.
        of: Box<str>,
        /// What was given.
        got: Vec<u8>,
    },
    /// An operand of a comparison by size that must be a number.
    NotANumber {
        /// The field.
        of: Box<str>,
        /// What was given.
        got: Vec<u8>,
    },
    /// An operand that must be a time.
    NotATime {
        /// The field.
        of: Box<str>,
        /// What was given.
        got: Vec<u8>,
    },
    /// GLOB on a field that is no text.
    NotText {
        /// The field.
        of: Box<str>,
    },
    /// A field that does not exist.
    UnknownField {
        /// What was given.
        got: Vec<u8>,
    },
    /// A field name that cannot be one.
    FieldName {
        /// What was given.
        got: Vec<u8>,
        /// What is wrong, as it follows the name.
        why: &'static str,
    },
    /// An operator that does not exist.
    UnknownOperator {
        /// What was given.
        got: Vec<u8>,
    },
    /// WHERE with a field and nothing after it.
    MissingOperator {
        /// The field.
        of: Box<str>,
    },
    /// IN with fewer values than its count says.
    InTooShort {
        /// The count.
        count: u64,
        /// How many follow.
        got: usize,
    },
    /// More conditions than a filter may have.
    TooManyConditions {
        /// Most of them.
        max: usize,
    },
    /// A filter whose operands are too long together.
    FilterTooLong {
        /// Most bytes of its canonical text.
        max: usize,
    },
}

impl Error {
    /// The first word of the reply.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::MissingValue { .. } | Self::NumberOutOfRange { .. } => Code::Err,
            Self::NoFilter
            | Self::GivenTwice { .. }
            | Self::EmptyOperand { .. }
            | Self::OperandTooLong { .. }
            | Self::NotAnInteger { .. }
            | Self::NotANumber { .. }
            | Self::NotATime { .. }
            | Self::NotText { .. }
            | Self::UnknownField { .. }
            | Self::FieldName { .. }
            | Self::UnknownOperator { .. }
            | Self::MissingOperator { .. }
            | Self::InTooShort { .. }
            | Self::TooManyConditions { .. }
            | Self::FilterTooLong { .. } => Code::Err,
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
            Self::NoFilter => "a filter is needed: at least one of TASK, REPOID, COMMITID and WHERE".into(),
            Self::GivenTwice { keyword, instead } => format!("{keyword} may be given once; use {instead}"),
            Self::EmptyOperand { of } => format!("the value of {} must not be empty", plain(of)),
            Self::OperandTooLong { of, max } => {
                format!("the value of {} must not be longer than {max} bytes", plain(of))
            }
            Self::NotAnInteger { of, got } => {
                format!("{} must be an integer, got {}", plain(of), quote(got))
            }
            Self::NotANumber { of, got } => {
                format!("{} can only be less or greater than a number, got {}", plain(of), quote(got))
            }
            Self::NotATime { of, got } => format!(
                "{} must be a time (ISO-8601, Unix seconds or now[+-]N[s|m|h|d]), got {}",
                plain(of),
                quote(got)
            ),
            Self::NotText { of } => format!("GLOB compares text, and {} is no text", plain(of)),
            Self::UnknownField { got } => {
                format!("unknown field {}; fields are {}", quote(got), crate::field::names())
            }
            Self::FieldName { got, why } => format!("the field name {} {why}", quote(got)),
            Self::UnknownOperator { got } => format!(
                "unknown operator {}; operators are = != < <= > >= EQ NE LT LE GT GE GLOB IN EXISTS MISSING",
                quote(got)
            ),
            Self::MissingOperator { of } => format!("WHERE {} needs an operator", plain(of)),
            Self::InTooShort { count, got } => format!("IN {count} needs {count} values, got {got}"),
            Self::TooManyConditions { max } => format!("a filter may have at most {max} conditions"),
            Self::FilterTooLong { max } => format!("a filter must not be longer than {max} bytes"),
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.code().as_str(), self.text())
    }
}

impl std::error::Error for Error {}

/// A keyword or field name in the middle of a sentence: as it is where it is made of harmless characters.
fn plain(name: &str) -> String {
    let harmless = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if name.len() <= QUOTE_MAX && name.bytes().all(harmless) { name.into() } else { quote(name.as_bytes()) }
}

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
