//! The id of a job as users type it: whole, or its first characters; and a job with the way to its node.

use crate::failure::{Exit, Failure};

/// Fewest digits of a short id: those that the server takes.
const SHORT_MIN: usize = 4;
/// Length of a whole id.
const WHOLE: usize = 36;

/// An id, or the first characters of one, in small letters. The server finds the job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JobId(String);

impl std::str::FromStr for JobId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fits = |(at, byte): (usize, u8)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        };
        match (SHORT_MIN..=WHOLE).contains(&text.len()) && text.bytes().enumerate().all(fits) {
            true => Ok(Self(text.to_ascii_lowercase())),
            false => Err("must be a job's id (a UUID), or at least its first 4 digits".to_owned()),
        }
    }
}

impl std::fmt::Display for JobId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether this text can be only the beginning of an id.
pub(crate) fn is_short(id: &str) -> bool {
    id.len() < WHOLE
}

/// The failure of a short id without a queue in a cluster.
pub(crate) fn needs_queue() -> Failure {
    let words = "no node of a cluster knows whether a job of another one begins with these digits: give the whole id, or --queue";
    Failure::new(Exit::Usage, words)
}

/// A job, and the queue that leads to its node in a cluster.
#[derive(Debug, Clone)]
pub(crate) struct JobRef {
    pub(crate) id: String,
    pub(crate) queue: Option<Vec<u8>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_characters_of_an_id_are_one_and_other_texts_are_none() {
        let id = "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02";
        for length in SHORT_MIN..=WHOLE {
            let typed = &id.to_ascii_uppercase()[..length];
            let read: JobId = typed.parse().expect("the beginning of an id");
            assert_eq!((read.to_string(), is_short(&read.0)), (id[..length].to_owned(), length < WHOLE));
        }
        for wrong in [
            "",
            "6f1",
            "all",
            "6f1c2b8e4",
            "6f1c2b8e_",
            "celery",
            "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b020",
            "6f1\u{e9}",
        ] {
            assert!(wrong.parse::<JobId>().is_err(), "{wrong}");
        }
    }
}
