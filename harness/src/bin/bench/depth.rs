//! Deep queues, small messages and scattered memory: the longest slice, and the cost of a message.

use std::io::Write as _;

use qadmin_harness::{Factory, Size, fill, fill_between, grouped};

use crate::bed::{Bed, QUEUE, TARGET, check, count, factory};
use crate::floor;
use crate::split::middle;
use crate::table::{Table, duration};

/// The number of lists that are emptied while a scattered queue grows into the memory that they free.
const OTHERS: u64 = 64;

/// The size of a node of a list in bytes: `list-max-listpack-size -2`.
const NODE: u64 = 8_192;

/// The deep lists are measured only if the other measurements have at least this depth: filling them takes
/// minutes.
const DEEP_FROM: u64 = 1_000_000;

/// The list of one measurement.
#[derive(Debug, Clone, Copy)]
struct Layout {
    /// Its depth as a multiple of the depth of other measurements.
    times: u64,
    size: Size,
    scattered: bool,
}

const LAYOUTS: [Layout; 6] = [
    Layout { times: 1, size: Size::Full, scattered: false },
    Layout { times: 1, size: Size::Full, scattered: true },
    Layout { times: 1, size: Size::Slim, scattered: false },
    Layout { times: 1, size: Size::Slim, scattered: true },
    Layout { times: 10, size: Size::Slim, scattered: false },
    Layout { times: 10, size: Size::Slim, scattered: true },
];

#[expect(clippy::too_many_lines, reason = "the rows of the table in their order")]
pub(crate) fn measure(main: &mut Bed) -> Result<Vec<Table>, String> {
    // This frees memory for the deep lists.
    main.emptied()?;
    let head = [
        "messages",
        "bytes each",
        "memory",
        "floor",
        "count",
        "after the seeks",
        "with them",
        "work of a slice",
        "seek",
        "clear 1 %",
        "work of a slice ",
        "seek ",
    ];
    let mut table = Table::new("Depth, small messages and scattered memory", &head);
    // The cost per message of a fresh list of the same messages at the usual depth: without the seeks and
    // with them.
    let mut base = None;
    for layout in LAYOUTS {
        if layout.times > 1 && main.messages < DEEP_FROM {
            table.note(format!(
                "The lists of {} times the depth are omitted, because this run has few messages.",
                layout.times
            ));
            break;
        }
        let messages = main.messages * layout.times;
        let mut made = factory(1.0).size(layout.size);
        let bytes = (0..1_000).map(|i| made.message(i).len() as u64).sum::<u64>() / 1_000;
        let expected = made.count(0..messages);
        // A separate server has untouched memory, and counters of this list alone.
        let mut bed = Bed::new(messages, main.repetitions.min(3))?;
        match layout.scattered {
            false => fill(bed.server.port(), QUEUE, 0..messages, &mut made),
            true => scatter(&mut bed, bytes, &mut made),
        }
        .map_err(|e| format!("filling: {e}"))?;
        let floor = floor::walk(&mut bed)?;
        let counting = middle(&mut bed, |bed| {
            let status = bed.count_job(&TARGET)?;
            check("count", count(&status, "matched"), expected)?;
            Ok(status)
        })?;
        let longest = |bed: &Bed| (bed.counter("slice_work_max_us"), bed.counter("seek_max_us"));
        let (work, seek) = longest(&bed);
        let status = bed.clear_job(&TARGET)?;
        check("cleared", count(&status, "deleted"), expected)?;
        check("left", bed.depth()?, messages - expected)?;
        let (clear_work, clear_seek) = longest(&bed);
        let ns = |seconds: f64| seconds * 1e9 / messages as f64;
        let (after, with) = (ns(counting.main_thread - counting.seek), ns(counting.main_thread));
        let memory = if layout.scattered { "scattered" } else { "fresh" };
        table.row(&[
            grouped(messages),
            bytes.to_string(),
            memory.to_string(),
            format!("{:.0} ns", ns(floor.median())),
            duration(counting.whole),
            format!("{after:.0} ns"),
            format!("{with:.0} ns"),
            format!("{work} us"),
            format!("{seek} us"),
            duration(count(&status, "main_thread_us") as f64 / 1e6),
            format!("{clear_work} us"),
            format!("{clear_seek} us"),
        ]);
        let name = format!("{} messages of {bytes} B, {memory}", grouped(messages));
        let slice_us = bed.slice_us()?;
        for (kind, work, seek) in [("a count", work, seek), ("a clear, too", clear_work, clear_seek)] {
            let limit = 1.2 * slice_us.max(seek) as f64;
            let what = format!("longest slice after its seek, {kind}, {name} (seek {seek} us)");
            main.targets.at_most(&what, work as f64, limit, " us");
        }
        if layout.size == Size::Slim && !layout.scattered {
            let (base_after, base_with) = *base.get_or_insert((after, with));
            if layout.times > 1 {
                let what = format!("{name}: a message after the seeks, beside one at a tenth of the depth");
                main.targets.at_most(&what, after / base_after, 1.2, " x");
                let what = format!("{name}: a message with the seeks, beside one at a tenth of the depth");
                main.targets.at_most(&what, with / base_with, 2.0, " x");
            }
        }
    }
    table.note(
        "Each row has a server of its own. Scattered: the queue was built in the memory that 64 other lists had \
         left, which lost their nodes in random order, so that neighbouring nodes are far apart. Figures per \
         message are main thread time. Work of a slice is the longest stretch after the seek, and seek the \
         longest seek, both of all runs so far on that server. The clear is main thread time of one run.",
    );
    Ok(vec![table])
}

/// Fills the queue so that its nodes are anywhere in memory.
fn scatter(bed: &mut Bed, bytes: u64, made: &mut Factory) -> std::io::Result<()> {
    let messages = bed.messages;
    let each = messages / OTHERS;
    fill(bed.server.port(), "other:0", 0..each, made)?;
    for other in 1..OTHERS {
        bed.command(&["COPY", "other:0", &format!("other:{other}")]).map_err(std::io::Error::other)?;
    }
    let per_node = (NODE / bytes).max(1);
    let mut chance = 1u64;
    fill_between(bed.server.port(), QUEUE, 0..messages, made, per_node, |out| {
        // Knuth's MMIX generator; it only decides which list is shortened.
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let other = format!("other:{}", (chance >> 33) % OTHERS);
        // Writing to a Vec cannot fail.
        let _ = write!(out, "*4\r\n$5\r\nLTRIM\r\n${}\r\n{other}\r\n$1\r\n0\r\n", other.len());
        let last = format!("-{}", per_node + 1);
        let _ = write!(out, "${}\r\n{last}\r\n", last.len());
    })?;
    for other in 0..OTHERS {
        bed.command(&["DEL", &format!("other:{other}")]).map_err(std::io::Error::other)?;
    }
    Ok(())
}
