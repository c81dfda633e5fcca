//! The cost of further conditions.

use qadmin_harness::{TARGET_TASK, grouped};

use crate::bed::{Bed, REPOID, check, count, factory, timed};
use crate::table::{Table, duration};

/// Conditions that are true of every message, so that each of them is tested.
const ALWAYS: [&str; 10] = [
    "WHERE kwargs.repoid > 0",
    "WHERE kwargs.ownerid > 0",
    "WHERE retries >= 0",
    "WHERE task GLOB app.*",
    "WHERE kwargs.pullid > 0",
    "WHERE lang = py",
    "WHERE kwargs.commitid EXISTS",
    "WHERE content_type = application/json",
    "WHERE id EXISTS",
    "WHERE eta MISSING",
];

/// The numbers of conditions that are measured.
const NUMBERS: [usize; 3] = [1, 4, 10];

pub(crate) fn measure(bed: &mut Bed) -> Result<Vec<Table>, String> {
    let messages = bed.messages;
    bed.filled(messages, 1.0)?;
    let made = factory(1.0);
    let both = made.count(0..messages);
    let by_task = (0..messages).filter(|i| made.facts(*i).task == TARGET_TASK).count() as u64;
    let (task, repoid) = (format!("TASK {TARGET_TASK}"), format!("REPOID {REPOID}"));
    let head =
        ["first conditions", "number", "true of", "median", "min .. max", "runs", "more per condition"];
    let mut table = Table::new(format!("Counting by several conditions among {}", grouped(messages)), &head);
    for lead in [vec![], vec![task.as_str(), repoid.as_str()]] {
        let mut one = None;
        for number in NUMBERS {
            let conditions = lead.iter().copied().chain(ALWAYS).take(number);
            let filter: Vec<&str> = conditions.flat_map(|condition| condition.split(' ')).collect();
            let expected = match (lead.is_empty(), number) {
                (true, _) => messages,
                (false, 1) => by_task,
                (false, _) => both,
            };
            let series = bed.repeat(|bed| {
                let (seconds, status) = timed(|| bed.count_job(&filter))?;
                check(&filter.join(" "), count(&status, "matched"), expected)?;
                Ok(seconds)
            })?;
            let base = *one.get_or_insert(series.median());
            let growth = (series.median() / base - 1.0) * 100.0 / (number - 1).max(1) as f64;
            table.row(&[
                if lead.is_empty() { "true of all" } else { "TASK, REPOID" }.to_string(),
                number.to_string(),
                grouped(expected),
                duration(series.median()),
                format!("{} .. {}", duration(series.min()), duration(series.max())),
                series.len().to_string(),
                if number == 1 { String::new() } else { format!("{growth:.1} %") },
            ]);
            if number > 1 {
                let kind = if lead.is_empty() { "all true" } else { "TASK and REPOID first" };
                let what = format!("count with {number} conditions, {kind}: more per condition");
                bed.targets.at_most(&what, growth, 15.0, " %");
            }
        }
    }
    Ok(vec![table])
}
