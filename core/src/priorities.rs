//! Queues with priorities, as kombu stores them in Redis: one list for each step.
//!
//! The list of step 0 has the queue's own name; the others have the name, a separator and the step. Workers read
//! them in the order of the steps and pop the first message that they find (`_q_for_pri` and `_brpop_start` of
//! `kombu.transport.redis`, kombu 5.7).

use crate::error::{Error, RequestError, TargetError};

/// What kombu puts between a queue's name and the step of a priority list, and between the parts of a binding.
pub const SEPARATOR: &[u8] = b"\x06\x16";
/// Longest separator, bytes.
pub const SEPARATOR_MAX: usize = 16;
/// The default steps, in the order in which workers read their lists.
pub const STEPS: &[u8] = &[0, 3, 6, 9];
/// Most steps: the most lists that one command covers.
pub const STEPS_MAX: usize = 16;

/// The priorities that a command covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// The lists of all steps, as the one queue that workers see.
    All,
    /// The list of one step.
    Step(u8),
}

impl Priority {
    /// Reads the value of PRIORITY.
    ///
    /// # Errors
    /// [`RequestError::NoPriority`].
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        if text.eq_ignore_ascii_case(b"ALL") {
            return Ok(Self::All);
        }
        let step = crate::args::parse_u64(text).and_then(|step| u8::try_from(step).ok());
        step.map(Self::Step).ok_or_else(|| Error::Request(RequestError::NoPriority { got: text.to_vec() }))
    }

    /// The word in `priority`.
    #[must_use]
    pub fn word(self) -> String {
        match self {
            Self::All => "all".into(),
            Self::Step(step) => step.to_string(),
        }
    }
}

/// One of the lists that a job covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// Its key.
    pub key: Vec<u8>,
    /// The step whose messages it holds, if the command has PRIORITY.
    pub step: Option<u8>,
}

/// The separator and the steps of queues with priorities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Priorities {
    separator: Short<SEPARATOR_MAX>,
    steps: Short<STEPS_MAX>,
}

impl Default for Priorities {
    fn default() -> Self {
        Self { separator: Short::of(SEPARATOR), steps: Short::of(STEPS) }
    }
}

impl Priorities {
    /// With another separator.
    ///
    /// # Errors
    /// A text that says what would be valid.
    pub fn set_separator(&mut self, text: &[u8]) -> Result<(), &'static str> {
        if text.is_empty() || text.len() > SEPARATOR_MAX {
            return Err("must be 1 to 16 bytes");
        }
        self.separator = Short::of(text);
        Ok(())
    }

    /// With other steps.
    ///
    /// # Errors
    /// A text that says what would be valid.
    pub fn set_steps(&mut self, text: &[u8]) -> Result<(), &'static str> {
        let what = "must be 1 to 16 different numbers from 0 to 255, separated by spaces";
        let mut steps = Vec::new();
        for word in text.split(|byte| matches!(byte, b' ' | b',')).filter(|word| !word.is_empty()) {
            let step = crate::args::parse_u64(word).and_then(|step| u8::try_from(step).ok());
            let step = step.filter(|step| !steps.contains(step)).ok_or(what)?;
            steps.push(step);
        }
        if steps.is_empty() || steps.len() > STEPS_MAX {
            return Err(what);
        }
        self.steps = Short::of(&steps);
        Ok(())
    }

    /// Returns what separates a queue's name from a step.
    #[must_use]
    pub fn separator(&self) -> &[u8] {
        self.separator.bytes()
    }

    /// Returns the steps in the order in which workers read their lists, as the setting shows them.
    #[must_use]
    pub fn steps_text(&self) -> String {
        self.steps.bytes().iter().map(u8::to_string).collect::<Vec<_>>().join(" ")
    }

    /// Returns the key of the list of one step.
    fn key(&self, queue: &[u8], step: u8) -> Vec<u8> {
        match step {
            0 => queue.to_vec(),
            _ => [queue, self.separator(), step.to_string().as_bytes()].concat(),
        }
    }

    /// Returns the queue and the step of this list, unless it is the list of step 0.
    #[must_use]
    pub fn step_of<'a>(&self, name: &'a [u8]) -> Option<(&'a [u8], u8)> {
        let separator = self.separator();
        let at = name.windows(separator.len()).rposition(|bytes| bytes == separator)?;
        let step = crate::args::parse_u64(&name[at + separator.len()..])?;
        Some((&name[..at], u8::try_from(step).ok()?))
    }

    /// Returns the lists that a command about a queue covers, in the order in which workers read them.
    ///
    /// # Errors
    /// [`TargetError::UnknownStep`]; [`TargetError::PriorityOfList`] if the name is that of the list of some step.
    pub fn lists(&self, queue: &[u8], priority: Option<Priority>) -> Result<Vec<List>, Error> {
        let list = |step| List { key: self.key(queue, step), step: Some(step) };
        match priority {
            None => Ok(vec![List { key: queue.to_vec(), step: None }]),
            Some(_) if self.step_of(queue).is_some() => {
                Err(TargetError::PriorityOfList { queue: queue.to_vec() }.into())
            }
            Some(Priority::All) => Ok(self.steps.bytes().iter().map(|step| list(*step)).collect()),
            Some(Priority::Step(step)) if self.steps.bytes().contains(&step) => Ok(vec![list(step)]),
            Some(Priority::Step(step)) => {
                Err(TargetError::UnknownStep { step, steps: self.steps_text() }.into())
            }
        }
    }

    /// Returns the other lists of the queue to which these lists belong: its own, those of the configured steps,
    /// and those of all others from 1 to 9, because the app may use other steps than the setting.
    #[must_use]
    pub fn others(&self, lists: &[&[u8]]) -> Vec<Vec<u8>> {
        let Some(first) = lists.first() else { return Vec::new() };
        let queue = self.step_of(first).map_or(*first, |(queue, _)| queue);
        let more = (1..=9).filter(|step| !self.steps.bytes().contains(step));
        let steps = self.steps.bytes().iter().copied().chain(more);
        let mut keys: Vec<Vec<u8>> = Vec::new();
        for key in std::iter::once(0).chain(steps).map(|step| self.key(queue, step)) {
            if !keys.contains(&key) && !lists.contains(&key.as_slice()) {
                keys.push(key);
            }
        }
        keys
    }
}

/// A few bytes that are copied with what they are a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Short<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Short<N> {
    /// The first `N` bytes of a text.
    fn of(text: &[u8]) -> Self {
        let len = text.len().min(N);
        let mut bytes = [0; N];
        bytes[..len].copy_from_slice(&text[..len]);
        Self { bytes, len }
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(priorities: &Priorities, priority: Option<Priority>) -> Vec<String> {
        let lists = priorities.lists(b"q", priority).expect("lists");
        lists.iter().map(|list| String::from_utf8_lossy(&list.key).replace("\x06\x16", "|")).collect()
    }

    #[test]
    fn lists_are_in_worker_order() {
        let mut priorities = Priorities::default();
        assert_eq!(keys(&priorities, None), ["q"]);
        assert_eq!(keys(&priorities, Some(Priority::All)), ["q", "q|3", "q|6", "q|9"]);
        assert_eq!(keys(&priorities, Some(Priority::Step(6))), ["q|6"]);
        priorities.set_steps(b"5, 0 1").expect("steps");
        assert_eq!(keys(&priorities, Some(Priority::All)), ["q|5", "q", "q|1"]);
        assert_eq!(priorities.steps_text(), "5 0 1");
        priorities.set_separator(b":").expect("a separator");
        assert_eq!(keys(&priorities, Some(Priority::Step(5))), ["q:5"]);
    }

    #[test]
    fn unknown_step_is_an_error() {
        let priorities = Priorities::default();
        assert!(matches!(
            priorities.lists(b"q", Some(Priority::Step(4))),
            Err(Error::Target(TargetError::UnknownStep { step: 4, .. }))
        ));
        assert!(matches!(
            priorities.lists(b"q\x06\x163", Some(Priority::All)),
            Err(Error::Target(TargetError::PriorityOfList { .. }))
        ));
        assert!(priorities.lists(b"q\x06\x163", None).is_ok(), "by its own name");
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let mut priorities = Priorities::default();
        for text in ["", " ", "a", "0 0", "256", "-1", "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"] {
            assert!(priorities.set_steps(text.as_bytes()).is_err(), "{text:?}");
        }
        assert!(priorities.set_separator(b"").is_err());
        assert!(priorities.set_separator(&[b'x'; 17]).is_err());
        assert_eq!(priorities, Priorities::default());
    }

    #[test]
    fn others_are_uncovered_lists_of_the_queue() {
        let mut priorities = Priorities::default();
        let others = |priorities: &Priorities, lists: &[&[u8]]| {
            let others = priorities.others(lists);
            others.iter().map(|key| String::from_utf8_lossy(key).replace("\x06\x16", "|")).collect::<Vec<_>>()
        };
        let plain = ["q|3", "q|6", "q|9", "q|1", "q|2", "q|4", "q|5", "q|7", "q|8"];
        assert_eq!(others(&priorities, &[b"q"]), plain);
        let of_three = others(&priorities, &[b"q\x06\x163"]);
        assert_eq!(of_three[..2], ["q", "q|6"]);
        assert_eq!(of_three.len(), 9);
        let all: &[&[u8]] = &[b"q", b"q\x06\x163", b"q\x06\x166", b"q\x06\x169"];
        assert_eq!(others(&priorities, all), ["q|1", "q|2", "q|4", "q|5", "q|7", "q|8"]);
        priorities.set_steps(b"0 20").expect("steps");
        assert_eq!(others(&priorities, &[b"q"])[0], "q|20");
    }

    #[test]
    fn a_priority_is_all_or_a_number() {
        assert_eq!(Priority::parse(b"all").ok(), Some(Priority::All));
        assert_eq!(Priority::parse(b"3").ok(), Some(Priority::Step(3)));
        for text in ["", "256", "-1", "high", "3.0"] {
            assert!(Priority::parse(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
