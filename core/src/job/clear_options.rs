//! The options of a clear beyond ALL and KEEPONE.

use uuid::Uuid;

use crate::container::ContainerOption;
use crate::field::Field;
use crate::filter::words;
use crate::queue::End;
use crate::slot;

/// The match that KEEPONE keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    /// The match that runs next.
    #[default]
    Oldest,
    /// The match that runs last.
    Newest,
}

impl Keep {
    /// The words, as typed.
    pub const WORDS: &'static [&'static str] = &["OLDEST", "NEWEST"];

    /// Returns the word in `keep`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Oldest => "oldest",
            Self::Newest => "newest",
        }
    }
}

/// How many matches the caller expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expect {
    /// This many ...
    pub matches: u64,
    /// ... and this many percent more.
    pub tolerance: u64,
}

impl Expect {
    /// Returns the largest number of matches that does not stop the clear.
    #[must_use]
    pub fn most(self) -> u64 {
        let more = u128::from(self.matches) * u128::from(self.tolerance) / 100;
        self.matches.saturating_add(u64::try_from(more).unwrap_or(u64::MAX))
    }
}

/// The list to which matches are moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The key of that list. With PARK it is empty until the job has its id: see [`Destination::parked`].
    pub key: Vec<u8>,
    /// FRONT: matches are moved to its consumer end, before the messages there; otherwise to its producer end,
    /// after them.
    pub front: bool,
    /// PARK: the list belongs to the job, and did not exist when the job was accepted.
    pub own: bool,
}

impl Destination {
    /// Returns the destination with the name of the list that PARK makes for this job.
    #[must_use]
    pub fn parked(self, queue: &[u8], id: Uuid, cluster: bool) -> Self {
        if self.own { Self { key: parked_list(queue, id, cluster), ..self } } else { self }
    }

    /// Returns the end at which messages are pushed to a list whose workers pop from `consumer_end`.
    #[must_use]
    pub fn end(&self, consumer_end: End) -> End {
        if self.front { consumer_end } else { consumer_end.other() }
    }
}

/// Returns the name of the list to which PARK moves messages: `<queue>:parked:<first 8 digits of the id>`. In a
/// cluster the name is in the queue's slot: if that name is not, the queue's name is put in braces, and if it has
/// braces itself, a number in braces is put before it.
#[must_use]
pub fn parked_list(queue: &[u8], id: Uuid, cluster: bool) -> Vec<u8> {
    let id = id.simple().to_string();
    let suffix = [b":parked:", &id.as_bytes()[..8]].concat();
    let names = [
        [queue, &suffix].concat(),
        [b"{", queue, b"}", &suffix].concat(),
        [format!("{{{}}}", slot::tag(slot::of(queue))).as_bytes(), queue, &suffix].concat(),
    ];
    let fits = |name: &Vec<u8>| !cluster || slot::of(name) == slot::of(queue);
    names.into_iter().find(fits).unwrap_or_default()
}

/// The job whose moves an undo reverses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undoing {
    /// Its id.
    pub job: Uuid,
    /// How many messages it moved.
    pub moved: u64,
    /// How many of them earlier undos moved back.
    pub undone: u64,
}

/// Options of a clear.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClearOptions {
    /// KEEP, with KEEPONE.
    pub keep: Keep,
    /// BY, with KEEPONE: one match is kept for each value of these fields; empty = one of all.
    pub by: Vec<Field>,
    /// LIMIT.
    pub limit: Option<u64>,
    /// RATE, messages per second; 0 = any number.
    pub rate: Option<u64>,
    /// EXPECT.
    pub expect: Option<Expect>,
    /// TO or PARK, and FRONT; for an undo, the queue to which messages are moved back.
    pub to: Option<Destination>,
    /// INEXACT: matches that are known by the texts of their senders alone count, too.
    pub inexact: bool,
    /// For an undo: what it undoes.
    pub undo: Option<Undoing>,
}

impl ClearOptions {
    /// Returns those of the given options that some containers do not accept.
    pub fn container_options(&self) -> impl Iterator<Item = ContainerOption> {
        let is_front = self.to.as_ref().is_some_and(|to| to.front);
        let given = [
            (self.to.as_ref().is_some_and(|to| to.own), ContainerOption::Park),
            (self.to.is_some(), ContainerOption::To),
            (is_front, ContainerOption::Front),
            (!self.by.is_empty(), ContainerOption::By),
            (self.keep == Keep::Newest, ContainerOption::KeepNewest),
            (self.expect.is_some(), ContainerOption::Expect),
        ];
        given.into_iter().filter_map(|(given, option)| given.then_some(option))
    }

    /// Returns the names of the BY fields as one text.
    #[must_use]
    pub fn by_text(&self) -> Option<String> {
        (!self.by.is_empty()).then(|| words(self.by.iter().map(|field| field.name.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parked_list_is_named_after_its_queue_and_in_its_slot() {
        let id = Uuid::try_parse("6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02").expect("an id");
        let name = |queue: &str, cluster| {
            String::from_utf8(parked_list(queue.as_bytes(), id, cluster)).expect("ASCII")
        };
        assert_eq!(name("celery", false), "celery:parked:6f1c2b8e");
        assert_eq!(name("celery", true), "{celery}:parked:6f1c2b8e");
        assert_eq!(name("{a}celery", true), "{a}celery:parked:6f1c2b8e");
        for queue in ["", "celery", "{a}b", "a}b", "{}x", "a{b", "}{", "{", "}", "{{a}}", "a{}b}"] {
            assert_eq!(slot::of(name(queue, true).as_bytes()), slot::of(queue.as_bytes()), "{queue}");
            assert!(name(queue, true).contains(queue), "{queue}");
            assert_eq!(name(queue, false), format!("{queue}:parked:6f1c2b8e"));
        }
    }

    #[test]
    fn a_tolerance_is_rounded_down() {
        let most = |matches, tolerance| Expect { matches, tolerance }.most();
        assert_eq!(
            [most(100, 0), most(100, 10), most(9, 10), most(10, 15), most(0, 100)],
            [100, 110, 9, 11, 0]
        );
        assert_eq!(most(u64::MAX, 100), u64::MAX);
    }
}
