//! The setting `index`, whose words name the lists that have an index.
//!
//! ```text
//! setting = word*                          separated by blanks
//! word    = [db "/"] queue ["@" kind] [":" field ("," field)*]
//! ```
//!
//! Every name of a queue can be written. If the name contains a colon or an at sign, its kind has to follow;
//! if it begins like a database, with digits and a slash, its database has to precede it. Blanks, quotes,
//! backslashes, `%`, and bytes that are not printable ASCII are written as `%` and two hexadecimal digits,
//! and so are colons, commas and at signs in the names of fields.

use std::fmt::Write as _;

use super::fields::INDEX_FIELDS_MAX;
use crate::field::Field;
use crate::kind::MessageKind;

/// The largest number of indexes of one server.
pub const INDEXES_MAX: usize = 64;

/// One list that has an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// The logical database.
    pub db: i32,
    /// The key of the list.
    pub queue: Vec<u8>,
    /// The kind of its messages; `None` for the kind that the setting `default-kind` names.
    pub kind: Option<MessageKind>,
    /// The names of the fields whose values are kept; empty if the index follows only arrivals.
    pub fields: Vec<Vec<u8>>,
}

impl Definition {
    /// Parses the words of the setting.
    ///
    /// # Errors
    /// The error says what would be right, as the predicate of a sentence.
    pub fn parse_all(text: &[u8]) -> Result<Vec<Self>, &'static str> {
        let words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let mut definitions: Vec<Self> = Vec::new();
        for word in words {
            let definition = Self::parse(word)?;
            if definitions.iter().any(|other| other.is_of(definition.db, &definition.queue)) {
                return Err("must not name a queue twice");
            }
            if definitions.len() >= INDEXES_MAX {
                return Err("must not name more than 64 queues");
            }
            definitions.push(definition);
        }
        Ok(definitions)
    }

    /// Returns the text of the setting for these definitions.
    #[must_use]
    pub fn text_of<'a>(definitions: impl IntoIterator<Item = &'a Self>) -> String {
        definitions.into_iter().map(Self::word).collect::<Vec<_>>().join(" ")
    }

    /// Returns whether this is the definition of the key.
    #[must_use]
    pub fn is_of(&self, db: i32, queue: &[u8]) -> bool {
        self.db == db && self.queue == queue
    }

    fn parse(word: &[u8]) -> Result<Self, &'static str> {
        let (db, rest) = match database(word) {
            Some((db, rest)) => (i32::try_from(db).map_err(|_| "has a database that is too large")?, rest),
            None => (0, word),
        };
        let (name, kind, fields) = match rest.iter().rposition(|byte| *byte == b'@') {
            Some(at) => {
                let (kind, fields) = at_colon(&rest[at + 1..]);
                (&rest[..at], Some(kind), fields)
            }
            None => {
                let (name, fields) = at_colon(rest);
                (name, None, fields)
            }
        };
        let kind = kind
            .map(|kind| MessageKind::parse(kind).map_err(|_| "must name a kind of messages after @"))
            .transpose()?;
        let escape = "must have two hexadecimal digits after each %";
        let queue = unescaped(name).ok_or(escape)?;
        let fields = fields.map_or(Ok(Vec::new()), |fields| {
            let fields = fields.split(|byte| *byte == b',').map(unescaped);
            checked(fields.collect::<Option<Vec<_>>>().ok_or(escape)?)
        })?;
        if !fields.is_empty() && kind.is_some_and(|kind| kind.spec().place.is_elsewhere()) {
            return Err("must not name fields of messages that are kept beside the list");
        }
        Ok(Self { db, queue, kind, fields })
    }

    fn word(&self) -> String {
        let mut word = String::new();
        // Writing to a String cannot fail.
        if self.db != 0 || database(&self.queue).is_some() {
            let _ = write!(word, "{}/", self.db);
        }
        escape(&self.queue, b"", &mut word);
        let ambiguous = self.queue.iter().any(|byte| matches!(byte, b'@' | b':')) || self.queue.is_empty();
        if let Some(kind) = self.kind.or(ambiguous.then_some(MessageKind::Celery)) {
            let _ = write!(word, "@{}", kind.spec().name);
        }
        for (at, field) in self.fields.iter().enumerate() {
            word.push(if at == 0 { ':' } else { ',' });
            escape(field, b":,@", &mut word);
        }
        word
    }
}

/// Appends bytes, with escapes for those that a word cannot contain and for `others`.
fn escape(bytes: &[u8], others: &[u8], word: &mut String) {
    for &byte in bytes {
        let is_plain = byte.is_ascii_graphic() && !matches!(byte, b'%' | b'"' | b'\\' | b'\'');
        if is_plain && !others.contains(&byte) {
            word.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(word, "%{byte:02x}");
        }
    }
}

/// Returns the text before and after the first colon.
fn at_colon(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let at = text.iter().position(|byte| *byte == b':');
    at.map_or((text, None), |at| (&text[..at], Some(&text[at + 1..])))
}

/// Checks that an index can keep these fields.
fn checked(names: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, &'static str> {
    if names.len() > INDEX_FIELDS_MAX {
        return Err("must not name more than 8 fields of a queue");
    }
    let mut fields: Vec<Field> = Vec::with_capacity(names.len());
    for name in &names {
        let field = Field::parse_indexed(name).map_err(|_| {
            "must name fields that an index can keep after the colon; write a queue whose name has a colon with its \
             kind, as in queue:a@sidekiq"
        })?;
        if fields.iter().any(|other| other.is_same_place(&field)) {
            return Err("must not name a field twice");
        }
        fields.push(field);
    }
    Ok(names)
}

/// Returns the number before the first slash and the text after it, if only digits precede the slash.
fn database(word: &[u8]) -> Option<(u64, &[u8])> {
    let slash = word.iter().position(|byte| *byte == b'/')?;
    let db = crate::args::parse_u64(&word[..slash])?;
    Some((db, &word[slash + 1..]))
}

fn unescaped(name: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let (digits, after) = rest.split_at_checked(2)?;
            let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
            bytes.push(digit(digits[0])? << 4 | digit(digits[1])?);
            rest = after;
        } else {
            bytes.push(byte);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(db: i32, queue: &[u8], kind: Option<MessageKind>) -> Definition {
        Definition { db, queue: queue.to_vec(), kind, fields: Vec::new() }
    }

    #[test]
    fn words_name_lists() {
        for (text, wanted) in [
            ("", vec![]),
            ("celery", vec![of(0, b"celery", None)]),
            ("  a \t 1/b ", vec![of(0, b"a", None), of(1, b"b", None)]),
            ("queue:default@sidekiq", vec![of(0, b"queue:default", Some(MessageKind::Sidekiq))]),
            ("2/q@x@RESQUE", vec![of(2, b"q@x", Some(MessageKind::Resque))]),
            ("celery%06%163", vec![of(0, b"celery\x06\x163", None)]),
            ("0/1/q", vec![of(0, b"1/q", None)]),
            ("a/b", vec![of(0, b"a/b", None)]),
        ] {
            assert_eq!(Definition::parse_all(text.as_bytes()), Ok(wanted), "{text}");
        }
        for (text, why) in [
            ("a a", "twice"),
            ("a 0/a@celery", "twice"),
            ("queue:default", "fields"),
            ("q:", "fields"),
            ("q:task,,id", "fields"),
            ("q:age", "fields"),
            ("q@sidekiq:bytes", "fields"),
            ("q:repoid,kwargs.repoid", "field twice"),
            (
                "q:kwargs.a,kwargs.b,kwargs.c,kwargs.d,kwargs.e,kwargs.f,kwargs.g,kwargs.h,kwargs.i",
                "8 fields",
            ),
            ("q:kwargs.a%4", "hexadecimal"),
            ("q@nothing", "kind"),
            ("q%4", "hexadecimal"),
            ("q%zz", "hexadecimal"),
            ("99999999999/q", "database"),
        ] {
            let error = Definition::parse_all(text.as_bytes()).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
        let many = (0..=INDEXES_MAX).map(|n| format!("q{n} ")).collect::<String>();
        assert!(Definition::parse_all(many.as_bytes()).is_err_and(|error| error.contains("64")));
    }

    #[test]
    fn words_name_fields() {
        let fields = |names: &[&str]| names.iter().map(|name| name.as_bytes().to_vec()).collect::<Vec<_>>();
        let name = "kwargs.\"a:b,c@d %\"";
        for (names, text) in [
            (fields(&["task", "kwargs.repoid"]), "q:task,kwargs.repoid"),
            (fields(&[name]), "q:kwargs.%22a%3ab%2cc%40d%20%25%22"),
        ] {
            let wanted = Definition { fields: names, ..of(0, b"q", None) };
            assert_eq!(Definition::text_of([&wanted]), text);
            assert_eq!(Definition::parse_all(text.as_bytes()), Ok(vec![wanted]));
        }
        let sidekiq =
            Definition { fields: fields(&["task"]), ..of(3, b"queue:default", Some(MessageKind::Sidekiq)) };
        assert_eq!(Definition::text_of([&sidekiq]), "3/queue:default@sidekiq:task");
        assert_eq!(Definition::parse_all(b"3/queue:default@sidekiq:task"), Ok(vec![sidekiq]));
    }

    #[test]
    fn a_written_definition_is_read_as_the_same_definition() {
        let kinds = [None, Some(MessageKind::Celery), Some(MessageKind::Sidekiq), Some(MessageKind::Resque)];
        let all: Vec<u8> = (0..=255).collect();
        let names = [&b"celery"[..], b"a:b", b"a@b", b"1/a", b"/a", b"", b"%41", b"a b", b"\x06\x16", &all];
        for name in names {
            for kind in kinds {
                for db in [0, 15] {
                    let wanted = of(db, name, kind);
                    let text = Definition::text_of([&wanted]);
                    assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"'), "{text}");
                    let read = Definition::parse_all(text.as_bytes()).expect("a definition");
                    // If the name needs a kind and the definition has none, `celery` is written.
                    let same = Definition { kind: kind.or(read[0].kind), ..wanted };
                    assert_eq!(read, [same], "{text}");
                }
            }
        }
    }
}
