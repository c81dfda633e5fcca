//! Questions about a server as a whole: whether it answers, the section `qadmin` of its INFO, and whether it shows messages.

use std::collections::HashMap;

use redis::Value;

use crate::client::Client;
use crate::failure::{Exit, Failure};

impl Client {
    /// Whether the server of the address answers and accepts the login.
    pub(crate) fn reach(&mut self) -> Result<(), Failure> {
        self.server.reach()
    }

    /// Whether this Redis user may be shown messages of that queue. The server decides this before the module sees the command,
    /// which has an invalid option, so that nothing is searched.
    pub(crate) fn may_show(&mut self, queue: &[u8]) -> bool {
        let mut command = redis::cmd("QADMIN.SHOW");
        command.arg(queue).arg(&["x", "FORMAT", "NONE"]);
        self.server.call(&command, "QADMIN.SHOW").is_err_and(|why| why.exit == Exit::Refused)
    }

    /// The numbers in the section `qadmin` of INFO, by their names without the prefix; of a cluster, those of all
    /// primaries together: the largest where `is_maximum` says so, otherwise the sum.
    pub(crate) fn info(&mut self, is_maximum: fn(&str) -> bool) -> Result<HashMap<String, u64>, Failure> {
        let mut command = redis::cmd("INFO");
        command.arg("qadmin");
        let mut all = HashMap::new();
        for reply in self.server.call_everywhere(&command, "INFO")? {
            let text = match &reply {
                Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                Value::VerbatimString { text, .. } => text.clone(),
                _ => return Err(Failure::new(Exit::Refused, "the reply to INFO has an unexpected type")),
            };
            for (field, value) in numbers(&text) {
                let known = all.entry(field.to_owned()).or_insert(0_u64);
                *known = if is_maximum(field) { value.max(*known) } else { value.saturating_add(*known) };
            }
        }
        Ok(all)
    }
}

/// The fields of the section whose values are numbers.
fn numbers(text: &str) -> impl Iterator<Item = (&str, u64)> {
    let pairs = text.lines().filter_map(|line| line.strip_prefix("qadmin_")?.split_once(':'));
    pairs.filter_map(|(field, value)| Some((field, value.trim().parse().ok()?)))
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_of_the_section_are_read() {
        let text = "# qadmin_qadmin\r\nqadmin_jobs_live:3\r\nother:4\r\nqadmin_index_0:db=0,queue=celery\r\n";
        assert_eq!(super::numbers(text).collect::<Vec<_>>(), [("jobs_live", 3)]);
    }
}
