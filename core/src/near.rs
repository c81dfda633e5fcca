//! Similar names that a user may have meant.

/// Longest name that is compared, bytes.
const NAME_MAX: usize = 256;

/// Returns the number of single bytes that have to be inserted, removed or changed to turn one name into the
/// other, if it is one or two; for short names only one, because almost any two of those are similar.
#[must_use]
pub fn edits(one: &[u8], other: &[u8]) -> Option<usize> {
    let most = if one.len().min(other.len()) <= 4 { 1 } else { 2 };
    if one.len().max(other.len()) > NAME_MAX || one.len().abs_diff(other.len()) > most {
        return None;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut before = i;
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let changed = before + usize::from(a != b);
            before = row[j + 1];
            row[j + 1] = changed.min(before + 1).min(row[j] + 1);
        }
    }
    row.last().copied().filter(|edits| (1..=most).contains(edits))
}

/// Returns how similar the name of a task is to the requested one, 0 the most similar; `None` for a different
/// name.
#[must_use]
pub fn task(asked: &[u8], there: &[u8]) -> Option<usize> {
    let inside = |long: &[u8], short: &[u8]| {
        long.strip_suffix(short).and_then(<[u8]>::last).is_some_and(|b| b".:#/".contains(b))
    };
    if asked == there || asked.is_empty() || there.is_empty() {
        None
    } else if asked.eq_ignore_ascii_case(there) {
        Some(0)
    } else if inside(there, asked) || inside(asked, there) {
        Some(1)
    } else {
        edits(asked, there).map(|edits| edits + 1)
    }
}

/// Returns how similar the name of a key is to that of a missing queue, 0 the most similar; `None` for a different
/// name.
#[must_use]
pub fn queue(asked: &[u8], there: &[u8]) -> Option<usize> {
    let is_prefixed = |long: &[u8], short: &[u8]| {
        long.strip_suffix(short).and_then(<[u8]>::last).is_some_and(|b| !b.is_ascii_alphanumeric())
    };
    if asked == there || asked.is_empty() {
        None
    } else if is_prefixed(there, asked) || is_prefixed(asked, there) {
        Some(0)
    } else if asked.eq_ignore_ascii_case(there) {
        Some(1)
    } else {
        edits(asked, there).map(|edits| edits + 1)
    }
}

/// Returns the keys under which libraries store a queue of this name.
#[must_use]
pub fn queue_keys(name: &[u8]) -> Vec<Vec<u8>> {
    [
        ("queue:", ""),
        ("resque:queue:", ""),
        ("queues:", ""),
        ("laravel_database_queues:", ""),
        ("laravel-database-queues:", ""),
        ("rq:queue:", ""),
        ("bull:", ":wait"),
        ("dramatiq:", ""),
        ("asynq:{", "}:pending"),
        ("saq:", ":queued"),
        ("bq:", ":waiting"),
        ("huey.redis.", ""),
    ]
    .map(|(before, after)| [before.as_bytes(), name, after.as_bytes()].concat())
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_similar_within_one_or_two_bytes() {
        let near = |a: &str, b: &str| edits(a.as_bytes(), b.as_bytes());
        assert_eq!(near("celery", "celry"), Some(1));
        assert_eq!(near("celery", "celrey"), Some(2));
        assert_eq!(near("celery", "celeryy"), Some(1));
        assert_eq!(near("celery", "celery"), None);
        assert_eq!(near("celery", "cabbage"), None);
        assert_eq!((near("mail", "mial"), near("mail", "mails")), (None, Some(1)));
        assert_eq!((near("", "a"), near("", "")), (Some(1), None));
        assert_eq!(edits(&[b'x'; 300], &[b'x'; 299]), None);
    }

    #[test]
    fn tasks_are_near_by_their_last_part_too() {
        let near = |a: &str, b: &str| task(a.as_bytes(), b.as_bytes());
        assert_eq!(near("upload", "app.tasks.upload"), Some(1));
        assert_eq!(near("app.tasks.Upload", "app.tasks.upload"), Some(0));
        assert_eq!(near("old.app.upload", "app.upload"), Some(1));
        assert_eq!(near("app.uplaod", "app.upload"), Some(3));
        assert_eq!(near("load", "app.upload"), None);
    }

    #[test]
    fn queues_are_similar_after_a_prefix() {
        let near = |a: &str, b: &str| queue(a.as_bytes(), b.as_bytes());
        assert_eq!((near("celery", "app:celery"), near("app:celery", "celery")), (Some(0), Some(0)));
        assert_eq!((near("Celery", "celery"), near("celry", "celery")), (Some(1), Some(2)));
        assert_eq!((near("celery", "xcelery"), near("celery", "uncelery")), (Some(2), Some(3)));
        assert!(queue_keys(b"mail").contains(&b"resque:queue:mail".to_vec()));
    }
}
