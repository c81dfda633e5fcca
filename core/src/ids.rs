//! Lists and sorted sets whose elements are not messages but ids of jobs that are kept elsewhere.
//!
//! Several libraries store a job under a separate key, or in a field of a hash, and put its id into a list.
//! Removing only the id does harm: the job remains, is never run, and may keep its id reserved, hold its
//! lock, or block other jobs that wait for it. The keys of each library were recorded from RQ 3.0.0, BullMQ
//! 5.81.5 and 6.7.0, Bull 4.16.5, Dramatiq 2.2.1, SAQ 0.26.4 and arq 0.28, and read in the sources of Asynq
//! (`internal/base/base.go`) and Bee-Queue (`lib/queue.js`).

use crate::kind::MessageKind;

/// The longest element that can be an id, bytes.
pub const ID_MAX: usize = 256;
/// The number of ids of one list whose jobs are looked up.
pub const IDS_LOOKED_UP: usize = 8;

/// A library that keeps jobs and ids apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Library {
    /// RQ.
    Rq,
    /// Asynq.
    Asynq,
    /// Bee-Queue.
    BeeQueue,
    /// BullMQ and Bull, which look the same in Redis.
    Bull,
    /// Dramatiq.
    Dramatiq,
    /// SAQ.
    Saq,
    /// arq.
    Arq,
}

impl Library {
    /// Returns its usual name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rq => "RQ",
            Self::Asynq => "Asynq",
            Self::BeeQueue => "Bee-Queue",
            Self::Bull => "BullMQ or Bull",
            Self::Dramatiq => "Dramatiq",
            Self::Saq => "SAQ",
            Self::Arq => "arq",
        }
    }

    /// Returns where it stores a job.
    #[must_use]
    pub fn records(self) -> &'static str {
        match self {
            Self::Rq => "hash <prefix>:job:<id>",
            Self::Asynq => "hash asynq:{<queue>}:t:<id>",
            Self::BeeQueue => "hash bq:<queue>:jobs",
            Self::Bull => "hash <prefix>:<queue>:<id>",
            Self::Dramatiq => "hash <queue>.msgs",
            Self::Saq => "the key that the id names",
            Self::Arq => "string arq:job:<id>",
        }
    }

    /// Returns how the names of its lists begin unless another prefix was configured.
    fn default_prefix(self) -> &'static [u8] {
        match self {
            Self::Rq => b"rq:",
            Self::Asynq => b"asynq:{",
            Self::BeeQueue => b"bq:",
            Self::Bull => b"bull:",
            Self::Dramatiq => b"dramatiq:",
            Self::Saq => b"saq:",
            Self::Arq => b"arq:",
        }
    }

    /// Returns whether the list has a name that this library gives to its lists by default. The name decides
    /// if the caller may not read the keys of jobs.
    #[must_use]
    pub fn names_so(self, list: &[u8]) -> bool {
        list.starts_with(self.default_prefix())
    }

    /// Returns the kind of messages that reads the jobs of a list of this library, if there is one.
    #[must_use]
    pub fn kind(self) -> Option<MessageKind> {
        match self {
            Self::Dramatiq => Some(MessageKind::Dramatiq),
            Self::Rq => Some(MessageKind::Rq),
            Self::Bull => Some(MessageKind::BullMq),
            Self::Asynq => Some(MessageKind::Asynq),
            Self::Saq => Some(MessageKind::Saq),
            _ => None,
        }
    }

    /// Returns the notice of a preview of such a list, or of such a sorted set.
    #[must_use]
    pub fn notice(self, is_sorted_set: bool) -> String {
        if let Some(kind) = self.kind() {
            return format!(
                "the elements look like ids of jobs that {} keeps elsewhere ({}); add AS {} to read them",
                self.name(),
                self.records(),
                kind.spec().name
            );
        }
        let takes = match is_sorted_set {
            true => "CLEARJOB refuses such a sorted set, because their jobs would remain",
            false => "CLEARJOB takes such ids only with AS ids, because their jobs would remain",
        };
        format!(
            "the elements look like ids of jobs that {} keeps elsewhere ({}); qadmin does not read fields of these jobs, and {takes}",
            self.name(),
            self.records()
        )
    }
}

/// How a job is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept<'a> {
    /// A hash of its own, with all of these fields.
    Hash(&'static [&'static str]),
    /// A field of a hash.
    Field(&'a [u8]),
    /// A string.
    String,
}

/// One place where the job of an id may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookUp<'a> {
    /// The library whose job it is.
    pub library: Library,
    /// The key.
    pub key: Vec<u8>,
    /// What has to be there.
    pub kept: Kept<'a>,
}

/// Returns whether these bytes can be an id: a short text that is not a JSON object.
#[must_use]
pub fn may_be_id(element: &[u8]) -> bool {
    !element.is_empty() && element.len() <= ID_MAX && !element.trim_ascii_start().starts_with(b"{")
}

/// What the names of RQ's lists and sorted sets have between the prefix and the name of the queue.
const RQ_KEYS: [&[u8]; 6] =
    [b":queue:", b":scheduled:", b":deferred:", b":failed:", b":finished:", b":canceled:"];

/// The places where the job of this element of the list may be, at most seven.
#[must_use]
pub fn look_ups<'a>(list: &[u8], id: &'a [u8]) -> Vec<LookUp<'a>> {
    let mut places = Vec::new();
    let mut place = |library, key: Vec<u8>, kept| places.push(LookUp { library, key, kept });
    if let Some(at) =
        RQ_KEYS.iter().find_map(|part| list.windows(part.len()).position(|bytes| bytes == *part))
    {
        place(Library::Rq, [&list[..at], b":job:", id].concat(), Kept::Hash(&["origin", "data"]));
    }
    if let Some(colon) = list.iter().rposition(|b| *b == b':') {
        let base = &list[..=colon];
        place(Library::Asynq, [base, b"t:", id].concat(), Kept::Hash(&["msg", "state"]));
        place(Library::BeeQueue, [base, b"jobs"].concat(), Kept::Field(id));
        place(Library::Bull, [base, id].concat(), Kept::Hash(&["name", "data"]));
    }
    place(Library::Dramatiq, [list, b".msgs"].concat(), Kept::Field(id));
    if id.starts_with(b"saq:job:") {
        place(Library::Saq, id.to_vec(), Kept::String);
    }
    if list.starts_with(Library::Arq.default_prefix()) {
        place(Library::Arq, [b"arq:job:", id].concat(), Kept::String);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(list: &str, id: &str) -> Vec<(Library, String)> {
        let places = look_ups(list.as_bytes(), id.as_bytes());
        places.into_iter().map(|place| (place.library, String::from_utf8(place.key).expect("text"))).collect()
    }

    #[test]
    fn jobs_are_looked_up_in_the_libraries_keys() {
        for (list, id, library, key) in [
            ("rq:queue:uploads", "job-a", Library::Rq, "rq:job:job-a"),
            ("rq:deferred:uploads", "job-c", Library::Rq, "rq:job:job-c"),
            ("arq:queue", "job-a", Library::Arq, "arq:job:job-a"),
            ("{rq}:queue:x:intermediate", "7", Library::Rq, "{rq}:job:7"),
            ("bull:uploads:wait", "1", Library::Bull, "bull:uploads:1"),
            ("asynq:{low}:pending", "a-b", Library::Asynq, "asynq:{low}:t:a-b"),
            ("bq:mail:waiting", "12", Library::BeeQueue, "bq:mail:jobs"),
            ("dramatiq:uploads.DQ", "x", Library::Dramatiq, "dramatiq:uploads.DQ.msgs"),
            ("saq:uploads:queued", "saq:job:uploads:7", Library::Saq, "saq:job:uploads:7"),
        ] {
            assert!(keys(list, id).contains(&(library, key.to_owned())), "{list}: {:?}", keys(list, id));
            assert!(
                library.notice(true).is_ascii()
                    && library.notice(false).is_ascii()
                    && library.name().is_ascii()
            );
        }
        assert_eq!(keys("celery", "junk"), [(Library::Dramatiq, "celery.msgs".to_owned())]);
        assert!(look_ups(b"a:queue:b", b"saq:job:x").len() <= 6);
    }

    #[test]
    fn possible_ids() {
        for id in [&b"1"[..], b"job-a", b"0:0", b"[1]", b"\"x\"", &[b'x'; ID_MAX]] {
            assert!(may_be_id(id), "{id:?}");
        }
        for none in [&b""[..], b"{}", b" {\"a\":1}", &[b'x'; ID_MAX + 1]] {
            assert!(!may_be_id(none), "{none:?}");
        }
        assert!(Library::Rq.names_so(b"rq:queue:x") && !Library::Bull.names_so(b"celery"));
    }
}
