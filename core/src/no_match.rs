//! Explains why nothing matches, by comparing messages with what the filter asks for.
//!
//! A count of 0 often answers a wrong question: the name of a task lacks a letter, a pattern follows TASK, a
//! number is compared with a text. [`NoMatchReasons`] reads some messages and names the first such reason that it
//! finds. It never decides about a message.

use std::collections::HashMap;

use crate::error::quote;
use crate::field::Field;
use crate::filter::{Filter, words};
use crate::format::{FieldValue, Reader};
use crate::json::{Decimal, Shape, decode_lossy, inner};
use crate::kind::MessageKind;
use crate::near;

/// Names of tasks that are remembered.
const NAMES_MAX: usize = 64;
/// Names of tasks that a text shows.
const NAMES_SHOWN: usize = 3;
/// Conditions that are examined.
const CONDITIONS_MAX: usize = 16;
/// Longest name or value that is remembered, bytes.
const SHOWN_MAX: usize = 100;

/// What the values of one field were.
#[derive(Debug, Clone, Default)]
struct Values {
    numbers: u64,
    texts: u64,
    others: u64,
    unknown: u64,
    absent: u64,
    example: Option<Vec<u8>>,
}

impl Values {
    fn see(&mut self, found: FieldValue<'_>) {
        let (counter, shown) = match found {
            FieldValue::Absent => (&mut self.absent, None),
            FieldValue::Unknown | FieldValue::Partial(_) => (&mut self.unknown, None),
            FieldValue::Number(n) => (&mut self.numbers, Some(n.to_string().into_bytes())),
            FieldValue::Value(raw) => match Shape::of(raw) {
                Shape::Null => (&mut self.absent, None),
                Shape::Number => (&mut self.numbers, Some(raw.to_vec())),
                Shape::Text => (&mut self.texts, Some(decode_lossy(inner(raw), SHOWN_MAX).into_bytes())),
                // The JSON of a scalar that a library has wrapped does not show its type.
                Shape::Compound if is_wrapped(raw) => (&mut self.unknown, None),
                Shape::Bool | Shape::Compound => (&mut self.others, Some(raw.to_vec())),
            },
        };
        *counter += 1;
        if let (None, Some(mut shown)) = (&self.example, shown) {
            shown.truncate(SHOWN_MAX);
            self.example = Some(shown);
        }
    }
}

fn is_wrapped(object: &[u8]) -> bool {
    let head = &object[..object.len().min(64)];
    [&b"\"__type__\""[..], b"\"_aj_"].iter().any(|mark| head.windows(mark.len()).any(|bytes| bytes == *mark))
}

/// One condition of the filter that compares with a value.
#[derive(Debug, Clone)]
struct Asked {
    name: String,
    operand: Vec<u8>,
    values: Values,
}

impl Asked {
    /// Returns the reason, if all values that were seen are of another type.
    fn explain(&self) -> Option<String> {
        let Values { numbers, texts, others, unknown, absent, example } = &self.values;
        let is_number = std::str::from_utf8(&self.operand).is_ok() && Decimal::parse(&self.operand).is_some();
        // Times are compared with numbers and with texts, and truth values have words.
        let is_time = self
            .operand
            .get(..5)
            .is_some_and(|year| year[..4].iter().all(u8::is_ascii_digit) && year[4] == b'-');
        let is_truth = [&b"true"[..], b"false"].iter().any(|word| self.operand.eq_ignore_ascii_case(word));
        let name = quote(self.name.as_bytes());
        let shown = || quote(example.as_deref().unwrap_or_default());
        match (numbers + texts + others, unknown, absent) {
            (0, 0, 1..) => Some(format!("none of them has {name}")),
            (0, ..) => None,
            _ if is_time || (is_truth && *others > 0) => None,
            (seen, ..) if *others == seen => {
                Some(format!("{name} is neither a number nor text in them; an example is {}", shown()))
            }
            (seen, ..) if *numbers == seen && !is_number => {
                let operand = quote(&self.operand);
                Some(format!("{name} is a number in them, such as {}, and {operand} is not", shown()))
            }
            (seen, ..) if *texts == seen && is_number => {
                let numeric = example.as_deref().is_some_and(|text| Decimal::parse(text).is_some());
                (!numeric).then(|| format!("{name} is text in them, such as {}, and not a number", shown()))
            }
            _ => None,
        }
    }
}

/// Reads messages of which none matches.
#[derive(Debug)]
pub struct NoMatchReasons {
    reader: Reader,
    /// The messages are unacknowledged messages.
    is_held: bool,
    task: Option<Vec<u8>>,
    asked: Vec<Asked>,
    names: HashMap<Vec<u8>, u64>,
    nearest: Option<(usize, Vec<u8>)>,
    examined: u64,
    messages: u64,
    of_task: u64,
}

impl NoMatchReasons {
    /// Creates one for messages of a kind, and a filter that none of them matched.
    #[must_use]
    pub fn new(kind: MessageKind, filter: &Filter) -> Self {
        let mut conditions = comparisons(&filter.canonical());
        conditions.truncate(CONDITIONS_MAX);
        let is_task = |(field, _): &(Field, Vec<u8>)| &*field.name == "task";
        let task = conditions.iter().find(|condition| is_task(condition)).map(|(_, operand)| operand.clone());
        conditions.retain(|condition| !is_task(condition));
        let name = Field::parse(b"task").ok();
        let fields = name.iter().chain(conditions.iter().map(|(field, _)| field));
        let reader = Reader::new(kind, fields);
        let asked = conditions.into_iter().map(|(field, operand)| Asked {
            name: field.name.into(),
            operand,
            values: Values::default(),
        });
        Self {
            reader,
            is_held: kind == MessageKind::Unacked,
            task,
            asked: asked.collect(),
            names: HashMap::new(),
            nearest: None,
            examined: 0,
            messages: 0,
            of_task: 0,
        }
    }

    /// The same, with a choice: whether pickled bodies are read.
    #[must_use]
    pub fn pickle(self, reads: bool) -> Self {
        Self { reader: self.reader.pickle(reads), ..self }
    }

    /// Reads one message; returns how many bytes were decoded for it.
    pub fn examine(&mut self, message: &[u8]) -> usize {
        self.examined += 1;
        if !self.reader.envelope(message) {
            return 0;
        }
        self.messages += 1;
        let opened = self.reader.in_body(0) && self.reader.open_body(message);
        let text = |found| match found {
            FieldValue::Value(raw) if Shape::of(raw) == Shape::Text => {
                Some(decode_lossy(inner(raw), 256).into_bytes())
            }
            _ => None,
        };
        let name = text(self.reader.get(0, message)).unwrap_or_default();
        let is_asked = self.task.as_ref().is_none_or(|task| *task == name);
        self.remember(name);
        if is_asked {
            self.of_task += 1;
            let wants_body = (1..=self.asked.len()).any(|at| self.reader.in_body(at));
            if wants_body && !opened {
                self.reader.open_body(message);
            }
            for (at, asked) in self.asked.iter_mut().enumerate() {
                asked.values.see(self.reader.get(at + 1, message));
            }
        }
        self.reader.decoded()
    }

    fn remember(&mut self, name: Vec<u8>) {
        if name.is_empty() {
            return;
        }
        if let Some(task) = &self.task
            && let Some(rank) = near::task(task, &name)
            && self.nearest.as_ref().is_none_or(|(best, _)| rank < *best)
        {
            self.nearest = Some((rank, name.clone()));
        }
        if self.names.len() < NAMES_MAX || self.names.contains_key(&name) {
            *self.names.entry(name).or_default() += 1;
        }
    }

    /// Returns the first reason that is true of the messages that were read, in one line of printable ASCII.
    #[must_use]
    pub fn explain(&self) -> Option<String> {
        let pattern = self.task.as_ref().filter(|task| task.iter().any(|b| b"*?".contains(b)));
        if let Some(pattern) = pattern.filter(|_| self.of_task == 0) {
            return Some(format!(
                "TASK compares byte for byte; for a pattern use WHERE task GLOB {}",
                words([pattern.as_slice()])
            ));
        }
        if self.examined == 0 {
            return None;
        }
        let examined = match self.examined {
            1 => "of the one examined message".to_owned(),
            n if self.is_held => format!("of the {n} messages that were delivered first"),
            n => format!("of the {n} messages that run next"),
        };
        if self.messages == 0 {
            return Some(format!("{examined} none is a JSON object"));
        }
        match &self.task {
            Some(task) if self.of_task == 0 => Some(self.other_names(&examined, task)),
            _ => {
                let reason = self.asked.iter().find_map(Asked::explain)?;
                Some(match &self.task {
                    Some(_) => format!("examined messages with this task: {}; {reason}", self.of_task),
                    None => format!("{examined}: {reason}"),
                })
            }
        }
    }

    fn other_names(&self, examined: &str, task: &[u8]) -> String {
        let near =
            self.nearest.as_ref().map(|(_, name)| format!(", but one has a similar name: {}", quote(name)));
        let mut names: Vec<_> = self.names.iter().collect();
        names.sort_unstable_by_key(|(name, count)| (std::cmp::Reverse(**count), *name));
        let shown: Vec<String> = names.iter().take(NAMES_SHOWN).map(|(name, _)| quote(name)).collect();
        let seen = match (shown.is_empty(), names.len().saturating_sub(NAMES_SHOWN)) {
            (true, _) => "; none has a task".to_owned(),
            (false, 0) => format!("; tasks found: {}", shown.join(", ")),
            (false, more) => format!("; tasks found: {} and {more} more", shown.join(", ")),
        };
        format!("{examined} none has the task {}{}{seen}", quote(task), near.unwrap_or_default())
    }
}

/// The fields of a filter's text that are compared with one value, and that value.
fn comparisons(canonical: &[u8]) -> Vec<(Field, Vec<u8>)> {
    let words = split(canonical);
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let name: &[u8] = match words[at].as_slice() {
            b"TASK" => b"task",
            b"REPOID" => b"kwargs.repoid",
            b"COMMITID" => b"kwargs.commitid",
            b"WHERE" | b"OR" => {
                let operator = words.get(at + 2).map_or(&b""[..], Vec::as_slice);
                let operand = words.get(at + 3);
                if [&b"="[..], b"<", b"<=", b">", b">="].contains(&operator)
                    && let (Some(Ok(field)), Some(operand)) =
                        (words.get(at + 1).map(|name| Field::parse(name)), operand)
                {
                    found.push((field, operand.clone()));
                }
                let digits = operand.and_then(|count| std::str::from_utf8(count).ok());
                at += match operator {
                    b"EXISTS" | b"MISSING" => 3,
                    b"IN" => 4 + digits.and_then(|count| count.parse::<usize>().ok()).unwrap_or(0),
                    _ => 4,
                };
                continue;
            }
            _ => {
                at += 1;
                continue;
            }
        };
        if let (Ok(field), Some(operand)) = (Field::parse(name), words.get(at + 1)) {
            found.push((field, operand.clone()));
        }
        at += 2;
    }
    found
}

/// Returns the words of a canonical text, without the quotes around a whole word.
fn split(text: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.first() {
        if *first == b' ' {
            rest = &rest[1..];
        } else if *first == b'"' {
            let mut word = Vec::new();
            let mut at = 1;
            while at < rest.len() && rest[at] != b'"' {
                let (byte, len) = match &rest[at..] {
                    [b'\\', b'x', digits @ ..] => (hex(digits).unwrap_or(b'?'), 4),
                    [b'\\', byte, ..] => (*byte, 2),
                    [byte, ..] => (*byte, 1),
                    [] => break,
                };
                word.push(byte);
                at += len;
            }
            rest = rest.get(at + 1..).unwrap_or_default();
            words.push(word);
        } else {
            let end = rest.iter().position(|b| *b == b' ').unwrap_or(rest.len());
            words.push(rest[..end].to_vec());
            rest = &rest[end..];
        }
    }
    words
}

fn hex(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits.get(..2)?).ok()?;
    u8::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests;
