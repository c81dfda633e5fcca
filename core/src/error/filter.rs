//! Errors in filters and in lists of fields.

use super::Code;
use super::quote::{plain, quote};

/// What is wrong with a filter, or with the fields of FIELDS, GROUPBY or BY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterError {
    /// A command that needs a filter was given no condition.
    NoFilter,
    /// A keyword that a filter takes at most once was given again.
    GivenTwice {
        /// The keyword as documented.
        keyword: &'static str,
        /// The words that express the same for several values.
        instead: &'static str,
    },
    /// FIELDS, GROUPBY or BY names a field twice: a row would have two members of the same name.
    FieldTwice {
        /// The keyword as documented.
        keyword: &'static str,
        /// The name of the field.
        name: Vec<u8>,
    },
    /// An operand is empty.
    EmptyOperand {
        /// The keyword or field that the operand belongs to.
        of: Box<str>,
    },
    /// An operand is too long.
    OperandTooLong {
        /// The keyword or field that the operand belongs to.
        of: Box<str>,
        /// The longest accepted operand, in bytes.
        max: usize,
    },
    /// An operand must be an integer and is not one.
    NotAnInteger {
        /// The keyword or field that the operand belongs to.
        of: Box<str>,
        /// The operand.
        got: Vec<u8>,
    },
    /// An operand of `<`, `<=`, `>` or `>=` must be a number or a time and is neither.
    NotANumber {
        /// The field.
        of: Box<str>,
        /// The operand.
        got: Vec<u8>,
    },
    /// An operand must be a time and is not one.
    NotATime {
        /// The field.
        of: Box<str>,
        /// The operand.
        got: Vec<u8>,
    },
    /// An operand must be a duration and is not one.
    NotADuration {
        /// The field.
        of: Box<str>,
        /// The operand.
        got: Vec<u8>,
    },
    /// GLOB was used on a field that never holds text.
    NotText {
        /// The field.
        of: Box<str>,
    },
    /// CONTAINS was used on a field that never holds an array.
    NotAnArray {
        /// The field.
        of: Box<str>,
    },
    /// The field does not exist.
    UnknownField {
        /// The name that was given.
        got: Vec<u8>,
        /// The names of all fields.
        known: String,
    },
    /// The name is not a valid field name, or the command cannot use that field.
    FieldName {
        /// The name that was given.
        got: Vec<u8>,
        /// What is wrong with it, as the predicate of the sentence that the name begins.
        why: &'static str,
    },
    /// The operator does not exist.
    UnknownOperator {
        /// The word that was given.
        got: Vec<u8>,
    },
    /// OR does not follow a WHERE condition.
    OrAlone,
    /// `args.*` or `kwargs.*` was used with an operator that needs one certain argument.
    AnyArgument {
        /// The field: `args.*` or `kwargs.*`.
        of: Box<str>,
    },
    /// WHERE and a field are the last arguments: the operator is missing.
    MissingOperator {
        /// The field.
        of: Box<str>,
    },
    /// Fewer values follow IN than its count says.
    InTooShort {
        /// The count.
        count: u64,
        /// The number of arguments that follow it.
        got: usize,
    },
    /// The filter has too many conditions.
    TooManyConditions {
        /// The largest accepted number of conditions.
        max: usize,
    },
    /// All INs of the filter have too many values together.
    TooManyInValues {
        /// The largest accepted number of values.
        max: u64,
    },
    /// The canonical text of the filter is too long.
    FilterTooLong {
        /// The longest accepted text, in bytes.
        max: usize,
    },
}

impl FilterError {
    pub(super) fn describe(&self) -> (Code, String) {
        let text = match self {
            Self::NoFilter => "a filter is needed: at least one of TASK, REPOID, COMMITID and WHERE".into(),
            Self::GivenTwice { keyword, instead } => {
                format!("{keyword} can be given only once; use {instead}")
            }
            Self::FieldTwice { keyword, name } => {
                format!("{keyword} can name each field only once, got {} twice", quote(name))
            }
            Self::EmptyOperand { of } => format!("the value of {} must not be empty", plain(of)),
            Self::OperandTooLong { of, max } => {
                format!("the value of {} must not be longer than {max} bytes", plain(of))
            }
            Self::NotAnInteger { of, got } => {
                format!("{} must be an integer, got {}", plain(of), quote(got))
            }
            Self::NotANumber { of, got } => format!(
                "<, <=, > and >= need a number or a time (ISO-8601 or now[+-]N[s|m|h|d]) for {}, got {}",
                plain(of),
                quote(got)
            ),
            Self::NotATime { of, got } => format!(
                "{} must be a time (ISO-8601, Unix seconds or milliseconds, or now[+-]N[s|m|h|d]), got {}",
                plain(of),
                quote(got)
            ),
            Self::NotADuration { of, got } => format!(
                "{} must be a number of milliseconds, or a number with s, m, h or d such as 30s or 2h, got {}",
                plain(of),
                quote(got)
            ),
            Self::NotText { of } => format!("GLOB needs a text field; {} is not one", plain(of)),
            Self::NotAnArray { of } => {
                format!("CONTAINS needs a field that can hold an array; {} cannot", plain(of))
            }
            Self::UnknownField { got, known } => format!("unknown field {}; fields are {known}", quote(got)),
            Self::FieldName { got, why } => format!("the field name {} {why}", quote(got)),
            Self::UnknownOperator { got } => format!(
                "unknown operator {}; operators are = != < <= > >= EQ NE LT LE GT GE GLOB IN CONTAINS EXISTS MISSING",
                quote(got)
            ),
            Self::OrAlone => "OR must follow a WHERE condition: WHERE field = a OR field = b".into(),
            Self::AnyArgument { of } => {
                let (all, one) =
                    if &**of == "args.*" { ("args.*", "args.0") } else { ("kwargs.*", "kwargs.name") };
                format!("!= and MISSING cannot be used with {all}; name one argument, such as {one}")
            }
            Self::MissingOperator { of } => format!("WHERE {} needs an operator", plain(of)),
            Self::InTooShort { count, got } => format!("IN {count} needs {count} values, got {got}"),
            Self::TooManyConditions { max } => format!("a filter can have at most {max} conditions"),
            Self::TooManyInValues { max } => {
                format!("the INs of a filter can have at most {max} values in total")
            }
            Self::FilterTooLong { max } => format!("a filter must not be longer than {max} bytes"),
        };
        (Code::Err, text)
    }
}
