//! Distinguishes messages by the values of some fields.

use sha2::{Digest as _, Sha256};

use super::Work;
use super::uuid;
use super::value::Seen;
use crate::error::{Error, FilterError};
use crate::field::{Field, FieldType};
use crate::format::{FieldValue, Reader};
use crate::json::Shape;
use crate::kind::MessageKind;

/// The maximum number of fields of one BY.
pub const BY_MAX: usize = 16;

/// Reads the name of a BY field: a filter field or a short name of samples.
///
/// # Errors
/// Returns the errors of [`Field::parse_grouped`]. Texts that their sender shortened are refused, because two
/// of them can be equal without being the same value.
pub fn parse_by(name: &[u8]) -> Result<Field, Error> {
    if matches!(name, b"argsrepr" | b"kwargsrepr") {
        let why = "is shortened by the sender, so it cannot tell messages apart; use args or kwargs";
        return Err(FilterError::FieldName { got: name.to_vec(), why }.into());
    }
    Field::parse_grouped(name)
}

/// Digests of the values of some fields. Two messages have the same digest exactly if each value has the same
/// type and the same text: strings after JSON decoding, wrapped scalars as the scalar, everything else as it
/// is in the message. Values are different unless they are known to be the same.
#[derive(Debug, Clone)]
pub struct Distinct {
    count: usize,
    reader: Reader,
    scratch: Vec<u8>,
    work: Work,
}

impl Distinct {
    /// Creates the digests of these fields for messages of a kind.
    #[must_use]
    pub fn new(kind: MessageKind, fields: &[Field]) -> Self {
        Self {
            count: fields.len(),
            reader: Reader::new(kind, fields).learning(),
            scratch: Vec::new(),
            work: Work::default(),
        }
    }

    /// The same, with a choice: whether pickled bodies are read.
    #[must_use]
    pub fn pickle(self, reads: bool) -> Self {
        Self { reader: self.reader.pickle(reads), ..self }
    }

    /// Returns the digest of one message; `None` if a value cannot be read, or if the values together are so
    /// long that their digest is more work than one message may take. Absent and null are values like any
    /// other.
    pub fn digest(&mut self, message: &[u8]) -> Option<u128> {
        self.work = Work::on(message.len());
        let wants_body = |reader: &Reader| (0..self.count).any(|at| reader.in_body(at));
        if self.reader.envelope(message) && wants_body(&self.reader) {
            self.reader.open_body(message);
        }
        let mut digest = Sha256::new();
        for at in 0..self.count {
            match self.reader.get(at, message) {
                FieldValue::Unknown | FieldValue::Partial(_) => return None,
                FieldValue::Absent => digest.update([0]),
                FieldValue::Number(number) => part(&mut digest, 1, &number.to_le_bytes()),
                FieldValue::Value(raw) if !self.work.take(raw.len().saturating_mul(DIGEST_STEPS)) => {
                    return None;
                }
                FieldValue::Value(raw) => value(&mut digest, raw, &mut self.scratch),
            }
        }
        let digest: [u8; 32] = digest.finalize().into();
        let (half, _) = digest.split_first_chunk::<16>()?;
        Some(u128::from_le_bytes(*half))
    }

    /// Returns the work for the last digest, in steps: the message is read once more for it.
    #[must_use]
    pub fn work(&self, message: &[u8]) -> usize {
        message.len() + self.reader.decoded() + self.work.done()
    }
}

/// The cost of a byte of a value, in steps: it is decoded and added to a SHA-256. It is equal to the number
/// of steps that a message has for each of its bytes, so that values which are not inside one another never
/// exceed the limit.
const DIGEST_STEPS: usize = super::work::WORK_PER_BYTE;

/// Adds the type and the length before a value, so that no two sequences of values have the same bytes.
fn part(digest: &mut Sha256, kind: u8, bytes: &[u8]) {
    digest.update([kind]);
    digest.update((bytes.len() as u64).to_le_bytes());
    digest.update(bytes);
}

/// Adds the value of a field to a digest.
fn value(digest: &mut Sha256, raw: &[u8], scratch: &mut Vec<u8>) {
    match Seen::of(raw, FieldType::Value, scratch) {
        Seen::Text(text) if Shape::of(raw) != Shape::Number => part(digest, 2, text),
        Seen::Time(text) => part(digest, 2, text),
        Seen::Uuid(uuid) => part(digest, 2, &uuid::text(uuid)),
        Seen::Number(number) => part(digest, 3, number),
        Seen::Text(_) | Seen::Bool(_) | Seen::Compound(_) | Seen::Opaque => part(digest, 3, raw),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(by: &[&str], message: &str) -> Option<u128> {
        let fields: Vec<Field> = by.iter().map(|name| parse_by(name.as_bytes()).expect("a field")).collect();
        Distinct::new(MessageKind::Celery, &fields).digest(message.as_bytes())
    }

    /// A message of protocol 2 with its body in plain JSON.
    fn message(id: &str, body: &str) -> String {
        let body = body.replace('\\', "\\\\").replace('"', "\\\"");
        format!(
            r#"{{"content-type": "application/json", "headers": {{"task": "t", "id": {id}}}, "properties": {{}}, "body": "{body}"}}"#
        )
    }

    #[test]
    fn equal_values_in_any_spelling_have_one_digest() {
        let a = message(r#""abc""#, r#"[[1, "x"], {"k": 1}, {}]"#);
        let b = message(r#""a\u0062c""#, r#"[[1, "x"], {"k": 1}, {"chord": null}]"#);
        for by in [vec!["id"], vec!["args"], vec!["kwargs"], vec!["args.1", "kwargs.k"], vec!["task", "args"]]
        {
            assert!(digest(&by, &a).is_some());
            assert_eq!(digest(&by, &a), digest(&by, &b), "{by:?}");
        }
    }

    #[test]
    fn values_that_are_not_known_to_be_the_same_differ() {
        let values = ["1", "1.0", "\"1\"", "true", "null", "\"\"", "[]", "[1]", "{}", "\"\\ud800\""];
        let of = |value| digest(&["id"], &message(value, "[[], {}, {}]"));
        for (at, one) in values.iter().enumerate() {
            for other in &values[at + 1..] {
                assert_ne!(of(one), of(other), "{one} {other}");
            }
        }
        let two = |a: &str, b: &str| {
            digest(
                &["kwargs.a", "kwargs.b"],
                &message("1", &format!(r#"[[], {{"a": "{a}", "b": "{b}"}}, {{}}]"#)),
            )
        };
        assert_ne!(two("xy", "z"), two("x", "yz"));
    }

    #[test]
    fn unreadable_values_have_no_digest() {
        let pickled = r#"{"content-type": "application/x-python-serialize", "headers": {"task": "t", "id": "i"}, "properties": {}, "body": "gAR9"}"#;
        assert_eq!(digest(&["id", "args"], pickled), None);
        assert!(digest(&["id"], pickled).is_some());
        assert_eq!(digest(&["id"], "no json"), None);
        assert!(digest(&["bytes"], "no json").is_some());
    }

    #[test]
    fn values_that_are_too_much_work_have_no_digest() {
        let long = "x".repeat(500_000);
        let body = format!(r#"[[], {{"a": {{"b": {{"c": "{long}"}}}}}}, {{}}]"#);
        let message = message("1", &body);
        let by = ["kwargs", "kwargs.a", "kwargs.a.b", "kwargs.a.b.c", "id"];
        assert!(digest(&by[3..], &message).is_some());
        assert_eq!(digest(&by, &message), None);
        let longer = format!(r#"[["{0}"], {{"a": "{0}"}}, {{}}]"#, "y".repeat(1_500_000));
        let message = self::message("1", &longer);
        assert!(digest(&["args", "kwargs", "id"], &message).is_some(), "each byte once is never too much");
    }

    #[test]
    fn fields_that_senders_shorten_are_refused() {
        assert!(parse_by(b"argsrepr").is_err() && parse_by(b"kwargsrepr").is_err());
        assert!(parse_by(b"nothing").is_err() && parse_by(b"args.").is_err());
    }
}
