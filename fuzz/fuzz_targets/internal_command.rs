//! QADMIN.APPLY's arguments, and what it does with them to a list: all of a unit or nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use qadmin_core::args::parse_u64;
use qadmin_core::scan::{Deletion, fingerprint};
use qadmin_core::unit::{UNIT_MAX, pack, unpack};

/// The steps of `try_apply` (src/unit.rs) over a list of the naive kind.
fn apply(list: &mut Vec<Vec<u8>>, len: &[u8], indexes: &[u8], prints: &[u8]) -> Option<Vec<Deletion>> {
    let deletions = unpack(parse_u64(len)?, indexes, prints)?;
    assert!(!deletions.is_empty() && deletions.len() <= UNIT_MAX);
    assert!(deletions.windows(2).all(|pair| pair[0].index < pair[1].index));
    let holds = |deletion: &Deletion| {
        let at = usize::try_from(deletion.index).ok();
        at.and_then(|at| list.get(at)).is_some_and(|message| fingerprint(message) == deletion.fingerprint)
    };
    if parse_u64(len)? != list.len() as u64 || !deletions.iter().all(holds) {
        return None;
    }
    for (taken, deletion) in deletions.iter().enumerate() {
        let index = usize::try_from(deletion.index).expect("it is in the list") - taken;
        assert_eq!(fingerprint(&list.remove(index)), deletion.fingerprint);
    }
    Some(deletions)
}

fuzz_target!(|data: &[u8]| {
    let [kind, list_len, cut, rest @ ..] = data else { return };
    let before: Vec<Vec<u8>> = (0..*list_len).map(|n| vec![n % 7, n / 7]).collect();
    let mut list = before.clone();
    if kind % 2 == 0 {
        // Any bytes: refused, or a sound unit that packs to the same hits.
        let (indexes, prints) = rest.split_at(usize::from(*cut).min(rest.len()));
        for len in [list_len.to_string(), u64::MAX.to_string()] {
            if let Some(deletions) = unpack(len.parse().expect("a number"), indexes, prints) {
                let (again, same) = pack(&deletions);
                assert_eq!(same, prints);
                assert_eq!(unpack(u64::MAX, &again, &same), Some(deletions));
            }
            let done = apply(&mut list, len.as_bytes(), indexes, prints);
            assert!(done.is_some() || list == before, "refused, and yet something is gone");
        }
        return;
    }
    // A sound unit, perhaps broken afterwards: applied whole, or not at all.
    let deletions: Vec<Deletion> = before
        .iter()
        .enumerate()
        .filter(|(at, _)| rest.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1))
        .map(|(at, message)| Deletion { index: at as u64, fingerprint: fingerprint(message) })
        .collect();
    let (mut indexes, mut prints) = pack(&deletions);
    let sound = *cut == 0 && !deletions.is_empty();
    if *cut > 0 {
        let all = if cut % 2 == 0 { &mut indexes } else { &mut prints };
        if let Some(byte) = all.get_mut(usize::from(cut / 2) % 64) {
            *byte ^= kind | 1;
        }
    }
    let done = apply(&mut list, list_len.to_string().as_bytes(), &indexes, &prints);
    assert!(done.is_some() || list == before);
    if sound {
        assert_eq!(done, Some(deletions.clone()));
        let left: Vec<_> = (0u64..)
            .zip(before)
            .filter(|(at, _)| deletions.iter().all(|deletion| deletion.index != *at))
            .map(|(_, message)| message)
            .collect();
        assert_eq!(list, left);
    }
});
