//! Evicts the oldest pending writes to make room for the newest.

/// Returns how many of the oldest entries must be evicted, so that after adding one of `new` bytes there are at
/// most `most` entries of at most `most_bytes` together. The newest entry is kept whatever its size.
#[must_use]
pub fn count_to_evict(
    oldest_first: impl IntoIterator<Item = usize>,
    new: usize,
    most: usize,
    most_bytes: usize,
) -> usize {
    let sizes: Vec<usize> = oldest_first.into_iter().collect();
    let mut bytes = sizes.iter().fold(new, |sum, size| sum.saturating_add(*size));
    let mut gone = 0;
    while gone < sizes.len() && (sizes.len() - gone >= most || bytes > most_bytes) {
        bytes = bytes.saturating_sub(sizes[gone]);
        gone += 1;
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_are_evicted_until_the_newest_fits() {
        assert_eq!(count_to_evict([], 10, 3, 5), 0, "the newest is kept whatever it takes");
        assert_eq!(count_to_evict([1, 1], 1, 3, 5), 0);
        assert_eq!(count_to_evict([1, 1, 1], 1, 3, 5), 1, "one too many");
        assert_eq!(count_to_evict([1, 2, 1], 1, 9, 5), 0, "exactly the allowed bytes");
        assert_eq!(count_to_evict([1, 2, 1], 2, 9, 5), 1);
        assert_eq!(count_to_evict([1, 3, 1], 4, 9, 5), 2);
        assert_eq!(count_to_evict([2, 2, 2], 9, 9, 5), 3);
    }

    #[test]
    fn a_backlog_of_large_records_stays_within_its_bytes() {
        const MOST: usize = 64 * 1024 * 1024;
        let mut backlog: std::collections::VecDeque<usize> = std::collections::VecDeque::new();
        for n in 0..2_000_usize {
            let new = 400_000 + n * 7 % 300_000;
            let gone = count_to_evict(backlog.iter().copied(), new, 1_000, MOST);
            backlog.drain(..gone);
            backlog.push_back(new);
            assert!(backlog.iter().sum::<usize>() <= MOST && backlog.len() <= 1_000);
        }
        assert!(backlog.iter().sum::<usize>() > MOST - 700_000, "no more go than have to");
    }
}
