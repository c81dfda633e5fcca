//! Which jobs JOBS lists: the values of KIND and STATUS.

use crate::error::{Error, RequestError};
use crate::job::{JobKind, JobStatus};

/// The value of STATUS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusFilter {
    /// Jobs that have not ended.
    Live,
    /// Jobs that have ended, in whatever way.
    Ended,
    /// Jobs with this status.
    Is(JobStatus),
}

impl StatusFilter {
    const WORDS: &'static [&'static str] =
        &["LIVE", "ENDED", "PENDING", "RUNNING", "PAUSED", "COMPLETED", "CANCELLED", "FAILED", "INTERRUPTED"];

    /// Reads the value of STATUS, in any case of its letters.
    pub(super) fn parse(word: &[u8]) -> Result<Self, Error> {
        match word.to_ascii_lowercase().as_slice() {
            b"live" => Ok(Self::Live),
            b"ended" => Ok(Self::Ended),
            status => JobStatus::parse(status).map(Self::Is).ok_or_else(|| {
                let choices = Self::WORDS;
                RequestError::UnknownChoice { keyword: "STATUS", choices, got: word.to_vec() }.into()
            }),
        }
    }

    /// Returns whether jobs with this status are meant.
    #[must_use]
    pub fn includes(self, status: JobStatus) -> bool {
        match self {
            Self::Live => !status.has_ended(),
            Self::Ended => status.has_ended(),
            Self::Is(wanted) => status == wanted,
        }
    }
}

const KINDS: &[&str] = &["PREVIEW", "CLEAR", "STATS", "UNDO", "SHOW"];

/// Reads the value of KIND, in any case of its letters.
pub(super) fn parse_kind(word: &[u8]) -> Result<JobKind, Error> {
    JobKind::parse(&word.to_ascii_lowercase()).ok_or_else(|| {
        RequestError::UnknownChoice { keyword: "KIND", choices: KINDS, got: word.to_vec() }.into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{COMMANDS, commands, spec::Arg};

    /// The words that the row of JOBS names after a keyword.
    fn words_of(token: &str) -> Vec<&'static str> {
        let arg: Option<&Arg> = commands::JOBS.args.iter().find(|arg| arg.token == Some(token));
        arg.map(|arg| arg.parts().iter().filter_map(|part| part.token).collect()).unwrap_or_default()
    }

    #[test]
    fn every_word_of_the_table_is_read_and_no_other() {
        assert!(COMMANDS.contains(&&commands::JOBS));
        assert_eq!(words_of("KIND"), KINDS);
        assert_eq!(words_of("STATUS"), StatusFilter::WORDS);
        for word in KINDS {
            let kind = parse_kind(word.as_bytes()).expect("the table has it");
            assert_eq!(kind.as_str(), word.to_ascii_lowercase());
        }
        for word in StatusFilter::WORDS {
            assert!(StatusFilter::parse(word.to_ascii_lowercase().as_bytes()).is_ok(), "{word}");
        }
        for status in JobStatus::ALL {
            let live = !status.has_ended();
            assert_eq!(StatusFilter::Live.includes(status), live);
            assert_eq!(StatusFilter::Ended.includes(status), !live);
            assert_eq!(StatusFilter::parse(status.as_str().as_bytes()), Ok(StatusFilter::Is(status)));
        }
        for word in [&b""[..], b"clears", b"livee", b"running ", b"\xff"] {
            assert!(parse_kind(word).is_err() && StatusFilter::parse(word).is_err());
        }
    }
}
