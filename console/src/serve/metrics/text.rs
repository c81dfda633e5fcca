//! The text format of Prometheus, version 0.0.4: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::fmt::{Display, Write as _};

use crate::text::escape;

/// Metrics in their order. A family without samples is left out.
#[derive(Debug, Default)]
pub(super) struct Families {
    text: String,
    /// The head of the family that has no sample yet.
    head: String,
    name: &'static str,
}

impl Families {
    pub(super) fn gauge(&mut self, name: &'static str, help: &str) {
        self.begin(name, "gauge", help);
    }

    pub(super) fn counter(&mut self, name: &'static str, help: &str) {
        self.begin(name, "counter", help);
    }

    fn begin(&mut self, name: &'static str, kind: &str, help: &str) {
        self.name = name;
        self.head = format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    /// A sample of the last family. `labels` is empty, or what [`label`] returned.
    pub(super) fn sample(&mut self, labels: &str, value: impl Display) {
        self.text.push_str(&std::mem::take(&mut self.head));
        let name = self.name;
        // Writing to a String cannot fail.
        let _ = match labels {
            "" => writeln!(self.text, "{name} {value}"),
            labels => writeln!(self.text, "{name}{{{labels}}} {value}"),
        };
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// A label with any bytes as its value: different bytes give different labels.
pub(super) fn label(name: &str, value: &[u8]) -> String {
    let value = escape(value).replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
    format!("{name}=\"{value}\"")
}

/// Microseconds as seconds.
pub(super) fn seconds(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}
