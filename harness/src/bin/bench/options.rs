//! The cost of a clear with options, compared with a clear without any.

use qadmin_harness::{Fields as _, grouped};

use crate::bed::{Bed, TARGET, check, count, factory, timed};
use crate::table::{Table, duration};

/// The percentage of messages that match: fewer than the values that a job can distinguish.
const SHARE: f64 = 10.0;

/// The options, and whether all matches are cleared.
const OPTIONS: [(&[&str], bool); 8] = [
    (&["ALL"], true),
    (&["ALL", "LIMIT", "1000000000"], true),
    (&["ALL", "EXPECT", "1000000000"], true),
    (&["ALL", "TO", "parked"], true),
    (&["ALL", "TO", "parked", "FRONT"], true),
    (&["KEEPONE", "BY", "task", "kwargs.commitid"], false),
    (&["KEEPONE", "BY", "args", "kwargs"], false),
    (&["KEEPONE", "BY", "id"], false),
];

pub(crate) fn measure(bed: &mut Bed) -> Result<Vec<Table>, String> {
    let messages = bed.messages;
    let head =
        ["options", "median", "min .. max", "runs", "times ALL", "cleared", "longest slice", "longest seek"];
    let matches = factory(SHARE).count(0..messages);
    let title =
        format!("Options of a clear, {} matches in a queue of {}", grouped(matches), grouped(messages));
    let mut table = Table::new(title, &head);
    let mut base = None;
    for (words, all) in OPTIONS {
        let (mut slice, mut seek, mut cleared) = (0, 0, 0);
        let series = bed.repeat(|bed| {
            bed.filled(messages, SHARE)?;
            bed.command(&["DEL", "parked"])?;
            let (seconds, status) = timed(|| bed.job(&TARGET, words))?;
            cleared = count(&status, "deleted");
            check("matched", count(&status, "matched"), matches)?;
            check("left", bed.depth()?, messages - cleared)?;
            if all {
                check("cleared", cleared, matches)?;
            }
            slice = slice.max(status.int("slice_max_us"));
            seek = seek.max(status.int("seek_max_us"));
            Ok(seconds)
        })?;
        let base = *base.get_or_insert(series.median());
        table.row(&[
            words.join(" "),
            duration(series.median()),
            format!("{} .. {}", duration(series.min()), duration(series.max())),
            series.len().to_string(),
            format!("{:.2}", series.median() / base),
            grouped(cleared),
            format!("{slice} us"),
            format!("{seek} us"),
        ]);
    }
    table.note(
        "LIMIT, BY and TO walk towards the head and remove matches in a second walk, which seeks again; EXPECT \
         counts first. The seek of a slice with a second walk is the sum of both.",
    );
    Ok(vec![table])
}
