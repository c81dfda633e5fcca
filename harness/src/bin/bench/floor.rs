//! The floors: the same walk without slices, by a module that does nothing else (tests/module/benchfloor.c).

use qadmin_harness::{Series, text};

use crate::bed::{Bed, QUEUE, check, factory, timed};

/// Reads the whole queue.
pub(crate) fn walk(bed: &mut Bed) -> Result<Series, String> {
    let expected = bed.depth()?;
    bed.repeat(|bed| {
        let (seconds, read) = timed(|| bed.command(&["BENCHFLOOR.WALK", QUEUE]))?;
        check("floor", text(&read).parse().unwrap_or(0), expected)?;
        Ok(seconds)
    })
}

/// Reads the whole queue, freshly filled each time, and deletes its matches.
pub(crate) fn walk_and_delete(bed: &mut Bed, messages: u64, share: f64) -> Result<Series, String> {
    let made = factory(share);
    // The first message is at the tail.
    let indexes = (0..messages).filter(|index| made.matches(messages - 1 - index));
    let packed: Vec<u8> =
        indexes.flat_map(|index| u32::try_from(index).unwrap_or(u32::MAX).to_ne_bytes()).collect();
    let expected = packed.len() as u64 / 4;
    bed.repeat(|bed| {
        bed.filled(messages, share)?;
        bed.spoiled();
        let mut command = redis::cmd("BENCHFLOOR.DELETE");
        command.arg(QUEUE).arg(&packed);
        let delete = || command.query::<u64>(&mut bed.conn).map_err(|e| format!("the floor of a clear: {e}"));
        let (seconds, deleted) = timed(delete)?;
        check("floor of a clear", deleted, expected)?;
        check("left by the floor of a clear", bed.depth()?, messages - expected)?;
        Ok(seconds)
    })
}
