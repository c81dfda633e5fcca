//! Conditions on any of the values directly inside an array or object: `args.*` and `kwargs.*`.

use super::condition::{Scratch, Test};
use super::value::Seen;
use super::work::Work;
use crate::field::FieldType;
use crate::format::Partial;
use crate::json::{decode, inner, items, members};

/// The minimum cost of a test, in steps.
pub(super) const TEST_STEPS: usize = 16;

/// Returns the disjunction of the test over each value directly inside an array or object. Null is not a
/// value.
pub(super) fn decide_any(
    (test, kind): (&Test, FieldType),
    raw: &[u8],
    partial: Option<Partial<'_>>,
    scratch: &mut Scratch,
    work: &mut Work,
) -> Option<bool> {
    let mut item_scratch = Vec::new();
    let mut decide = |raw: &[u8], work: &mut Work| {
        if raw == b"null" {
            return Some(false);
        }
        if partial.is_some_and(|partial| !partial.is_known(raw)) {
            return (*test == Test::Exists).then_some(true);
        }
        test.decide_raw(raw).or_else(|| {
            let seen = Seen::of(raw, kind, &mut item_scratch);
            let steps = raw.len().saturating_add(test.steps(seen)).saturating_add(TEST_STEPS);
            work.take(steps).then(|| test.decide(seen, scratch)).flatten()
        })
    };
    let mut one = Some(false);
    match raw.first() {
        Some(b'[') => {
            for item in items(raw) {
                match decide(item, work) {
                    Some(true) => return Some(true),
                    Some(false) => {}
                    None => one = None,
                }
            }
        }
        Some(b'{') => {
            let mut all = members(raw);
            while let Some((name, value)) = all.next() {
                let decided = decide(value, work);
                // If one value is unknown, the result is unknown unless another one is true.
                if decided == Some(false) || (decided.is_none() && one.is_none()) {
                    continue;
                }
                // The last of several members with the same name counts. Finding out whether there is a later
                // one requires reading everything that follows.
                let is_last =
                    work.take(raw.len()).then(|| !all.clone().any(|(other, _)| is_same_name(name, other)));
                match (is_last, decided) {
                    (Some(true), Some(true)) => return Some(true),
                    (Some(false), _) => {}
                    _ => one = None,
                }
            }
        }
        _ => return None,
    }
    one
}

/// Returns whether the two names, as they are in the message, are the same string.
fn is_same_name(one: &[u8], other: &[u8]) -> bool {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    match (decode(inner(one), &mut a), decode(inner(other), &mut b)) {
        (Some(one), Some(other)) => one == other,
        // A surrogate whose escape is written in other letter case is the same surrogate.
        (None, None) => one.eq_ignore_ascii_case(other),
        _ => false,
    }
}
