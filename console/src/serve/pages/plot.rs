//! Plots of the last hour as SVG within the page. Attributes say where lines are, and the style sheet how they look.

use std::fmt::Write as _;

use maud::{Markup, html};

use crate::serve::history::{Past, Sample};
use crate::text::{counted, duration, grouped};

/// Seconds that a plot shows at most, and at least.
const SPAN: u32 = 3_600;
const SPAN_MIN: u32 = 300;

/// The size of a drawing, in units of its own.
#[derive(Debug, Clone, Copy)]
struct Size {
    width: u32,
    height: u32,
}

const SMALL: Size = Size { width: 120, height: 24 };
const LARGE: Size = Size { width: 720, height: 120 };

/// Points of lines for the attribute `points`, a line for each stretch of time without a gap. The value `top` is at the upper
/// edge, 0 at the lower one.
fn lines(past: &Past, size: Size, top: u64, value: impl Fn(&Sample) -> Option<u64>) -> Vec<String> {
    // While the history is short, it fills the plot all the same.
    let known = past.samples.first().map_or(0, |first| past.now.saturating_sub(first.at));
    let span = known.clamp(SPAN_MIN, SPAN);
    let begin = past.now.saturating_sub(span);
    let early = span.saturating_sub(past.now);
    let mut lines: Vec<String> = Vec::new();
    let mut before: Option<u32> = None;
    for sample in &past.samples {
        let Some(value) = value(sample) else {
            before = None;
            continue;
        };
        if before.is_none_or(|at| sample.at - at > past.gap) {
            lines.push(String::new());
        }
        before = Some(sample.at);
        let x = u64::from(sample.at.saturating_sub(begin) + early) * u64::from(size.width) / u64::from(span);
        let room = u128::from(size.height - 2);
        let up = u64::try_from(u128::from(value.min(top)) * room / u128::from(top.max(1))).unwrap_or(0);
        let y = u64::from(size.height - 1) - up;
        if let Some(line) = lines.last_mut() {
            // Writing to a String cannot fail.
            let _ = write!(line, "{}{x},{y}", if line.is_empty() { "" } else { " " });
        }
    }
    lines
}

/// The depths of a queue in one row of a table.
pub(super) fn small(past: &Past) -> Markup {
    let depths = || past.samples.iter().map(|sample| sample.depth);
    let (Some(low), Some(high), true) = (depths().min(), depths().max(), past.samples.len() > 1) else {
        return html! {};
    };
    let words = format!("between {} and {} in the last hour", grouped(low), grouped(high));
    drawing(SMALL, "spark", &words, &[("depth", lines(past, SMALL, high, |sample| Some(sample.depth)))])
}

/// The depths of a queue, and what came and went where an index knows it.
pub(super) fn large(past: &Past) -> Markup {
    let (Some(first), Some(last), true) = (past.samples.first(), past.samples.last(), past.samples.len() > 1)
    else {
        return html! { p.quiet { "The plot of the last hour begins when this program has sampled the queue twice." } };
    };
    let depths = || past.samples.iter().map(|sample| sample.depth);
    let (low, high) = (depths().min().unwrap_or(0), depths().max().unwrap_or(0));
    let span = duration(u64::from(last.at - first.at) * 1_000);
    let words = format!(
        "between {} and {}, sampled for {span} within the last hour",
        grouped(low),
        counted(high, "message")
    );
    let rates = past.samples.iter().filter_map(|sample| sample.rates);
    let fastest = rates.map(|(pushed, popped)| u64::from(pushed.max(popped))).max();
    html! {
        figure {
            (drawing(LARGE, "plot", &words, &[("depth", lines(past, LARGE, high, |sample| Some(sample.depth)))]))
            figcaption { strong { (counted(last.depth, "message")) } ", " (words) "." }
        }
        @if let Some(fastest) = fastest {
            @let words = format!("up to {} per minute, as the index knows them", grouped(fastest));
            @let rate = |which: fn((u32, u32)) -> u32| lines(past, LARGE, fastest, |sample| sample.rates.map(|both| u64::from(which(both))));
            figure {
                (drawing(LARGE, "plot", &words, &[("in", rate(|both| both.0)), ("out", rate(|both| both.1))]))
                figcaption { span.in { "In (line)" } " and " span.out { "out (dashed)" } ": " (words) "." }
            }
        } @else {
            @let change = past.change_per_minute();
            p.quiet {
                @if let Some(change) = change { "Changed by " (signed(change)) " in the last minute, from depths. " }
                "What comes in and goes out is known with an index only."
            }
        }
    }
}

/// A number with its sign.
pub(super) fn signed(n: i64) -> String {
    let sign = match n {
        0 => "",
        1.. => "+",
        _ => "-",
    };
    format!("{sign}{}", grouped(n.unsigned_abs()))
}

fn drawing(size: Size, class: &str, words: &str, curves: &[(&str, Vec<String>)]) -> Markup {
    html! {
        svg class=(class) viewBox={ "0 0 " (size.width) " " (size.height) } preserveAspectRatio="none" role="img" aria-label=(words) {
            @for (name, lines) in curves {
                @for points in lines { polyline class=(name) points=(points) vector-effect="non-scaling-stroke" {} }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: u32, depth: u64) -> Sample {
        Sample { at, depth, rates: None }
    }

    #[test]
    fn lines_stay_in_the_drawing_and_stop_at_gaps() {
        let samples = vec![sample(0, 0), sample(10, u64::MAX), sample(3_000, 5), sample(3_600, 0)];
        let past = Past { samples, now: 3_600, gap: 60 };
        assert_eq!(
            lines(&past, SMALL, u64::MAX, |sample| Some(sample.depth)),
            ["0,23 0,1", "100,23", "120,23"]
        );
        // Within the first hour the newest sample is at the right, too.
        let young = Past { samples: vec![sample(10, 3), sample(20, 3)], now: 20, gap: 60 };
        assert_eq!(lines(&young, SMALL, 3, |sample| Some(sample.depth)), ["116,1 120,1"]);
        let empty = Past { samples: vec![sample(0, 0), sample(10, 0)], now: 10, gap: 60 };
        assert!(large(&empty).into_string().contains("between 0 and 0 messages"));
        assert_eq!([0, 7, -1_234].map(signed), ["0", "+7", "-1,234"]);
    }
}
