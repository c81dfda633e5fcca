//! Finds which messages are missing from a queue in which many are alike.

/// One message that the queue would contain if no job had changed it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot<'a> {
    pub(super) bytes: &'a [u8],
    /// Whether a live job can clear it.
    pub(super) may_go: bool,
}

/// Finds messages that can be cleared and without which `before` is exactly `now`; returns `None` if there
/// are none. With many equal messages several answers are right: the first `i` messages were matched with
/// some numbers of missing ones, and each step keeps all numbers that are still possible.
pub(super) fn missing(before: &[Slot<'_>], now: &[Vec<u8>]) -> Option<Vec<usize>> {
    let gone = before.len().checked_sub(now.len())?;
    let mut possible: Vec<Vec<usize>> = vec![vec![0]];
    for (i, slot) in before.iter().enumerate() {
        let mut next: Vec<usize> = Vec::new();
        let mut add = |k: usize| {
            if k <= gone && next.last() != Some(&k) {
                next.push(k);
            }
        };
        for &k in &possible[i] {
            if now.get(i - k).is_some_and(|seen| seen == slot.bytes) {
                add(k);
            }
            if slot.may_go {
                add(k + 1);
            }
        }
        if next.is_empty() {
            return None;
        }
        possible.push(next);
    }
    let mut k = gone;
    possible.last()?.binary_search(&k).ok()?;
    let mut found = Vec::new();
    for i in (0..before.len()).rev() {
        let stayed = possible[i].binary_search(&k).is_ok()
            && now.get(i - k).is_some_and(|seen| seen == before[i].bytes);
        if !stayed {
            found.push(i);
            k -= 1;
        }
    }
    found.reverse();
    Some(found)
}

#[test]
fn equal_messages_resolve_by_removable_ones() {
    let slots = |text: &'static str| -> Vec<Slot<'static>> {
        let words = text.split(' ');
        words.map(|w| Slot { bytes: &w.as_bytes()[..1], may_go: w.ends_with('?') }).collect()
    };
    let list = |text: &str| -> Vec<Vec<u8>> { text.split(' ').map(|w| w.as_bytes().to_vec()).collect() };
    assert_eq!(missing(&slots("a a? b a?"), &list("a b a")), Some(vec![1]));
    assert_eq!(missing(&slots("a? b? a"), &list("a")), Some(vec![0, 1]));
    assert_eq!(missing(&slots("a? b a"), &list("a")), None);
    assert_eq!(missing(&slots("a b"), &list("b a")), None);
}
