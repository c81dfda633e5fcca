//! Errors in settings, from the arguments of `loadmodule` or from CONFIG SET.

use super::Code;
use super::quote::{one_of, quote};

/// What is wrong with a setting or its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingError {
    /// There is no setting with this name.
    Unknown {
        /// The name that was given.
        got: Vec<u8>,
        /// The names of all settings.
        known: String,
    },
    /// The setting was given twice.
    Repeated {
        /// The setting's name.
        name: &'static str,
    },
    /// The setting's name is the last argument: its value is missing.
    MissingValue {
        /// The setting's name.
        name: &'static str,
    },
    /// The value is not an integer, or is out of range.
    OutOfRange {
        /// The setting's name.
        name: &'static str,
        /// The smallest accepted value.
        min: i64,
        /// The largest accepted value.
        max: i64,
        /// The unit of the value.
        unit: &'static str,
        /// The value that was given.
        got: Vec<u8>,
    },
    /// The value is not one of the words that the setting takes.
    UnknownChoice {
        /// The setting's name.
        name: &'static str,
        /// The words that the setting takes.
        words: &'static [&'static str],
        /// The value that was given.
        got: Vec<u8>,
    },
    /// The value of a setting that takes a text does not follow the setting's rules.
    InvalidText {
        /// The setting's name.
        name: &'static str,
        /// What would be right, as the predicate of the sentence that the name begins.
        why: &'static str,
        /// The value that was given.
        got: Vec<u8>,
    },
}

impl SettingError {
    pub(super) fn describe(&self) -> (Code, String) {
        let text = match self {
            Self::Unknown { got, known } => {
                format!("unknown setting {}; qadmin takes pairs of name and value: {known}", quote(got))
            }
            Self::Repeated { name } => format!("setting {name} is given twice; give it once"),
            Self::MissingValue { name } => format!("setting {name} needs a value"),
            Self::OutOfRange { name, min, max, unit, got } => {
                format!("setting {name} must be an integer from {min} to {max} ({unit}), got {}", quote(got))
            }
            Self::UnknownChoice { name, words, got } => {
                format!("setting {name} must be {}, got {}", one_of(words), quote(got))
            }
            Self::InvalidText { name, why, got } => format!("setting {name} {why}, got {}", quote(got)),
        };
        (Code::Err, text)
    }
}
