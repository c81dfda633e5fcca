//! The settings that are texts.

use crate::priorities::SEPARATOR;

/// One setting that is a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextSpec {
    /// The name after `qadmin.` and in the load arguments.
    pub name: &'static str,
    /// The default value.
    pub default: &'static [u8],
    /// The default as the documentation shows it.
    pub shown: &'static str,
    /// The accepted values.
    pub range: &'static str,
    /// One line for the documentation.
    pub doc: &'static str,
}

/// Index of `sep`.
pub const SEP: usize = 0;
/// Index of `priority-steps`.
pub const PRIORITY_STEPS: usize = 1;

/// Index of `index`.
pub const INDEX: usize = 2;

/// Index of `sample-fields`.
pub const SAMPLE_FIELDS: usize = 3;

/// Every setting that is a text; the constants above are indexes into it.
pub const TEXTS: [TextSpec; 4] = [
    TextSpec {
        name: "sep",
        default: SEPARATOR,
        shown: r"\x06\x16",
        range: "1 to 16 bytes, no zero, double quote or backslash",
        doc: "The text between the name of a queue and the step of a priority list, and between the parts of a \
              binding: the transport option `sep` of the app.",
    },
    TextSpec {
        name: "priority-steps",
        default: b"0 3 6 9",
        shown: "0 3 6 9",
        range: "1 to 16 numbers from 0 to 255",
        doc: "The steps of queues with priorities, in the order in which workers read their lists: the transport \
              option `priority_steps` of the app.",
    },
    TextSpec {
        name: "index",
        default: b"",
        shown: "",
        range: "at most 64 words `[db/]queue[@kind][:field,...]`",
        doc: "The lists that have an index, and the fields whose values it keeps, separated by blanks. QADMIN.INDEX CREATE and DROP change it, too.",
    },
    TextSpec {
        name: "sample-fields",
        default: b"",
        shown: "",
        range: "at most 32 names of fields, not age and arrived",
        doc: "The fields that a row of a sample shows without FIELDS, separated by blanks, for messages of all kinds; empty for the fields of the kind. A row leaves out those that its message lacks.",
    },
];
