//! Parameters of URLs and forms. Values are bytes: names of queues need not be UTF-8.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

use super::rows::{self, Row};
use crate::filter_syntax;
use crate::kind::MessageKind;
use crate::text::unescape;

/// Bytes that need no escaping in a value.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The keywords of filters that have parameters of their own, with the same names in lower case.
const KEYWORDS: [&str; 3] = ["TASK", "REPOID", "COMMITID"];

/// Encodes a value for a URL.
pub(crate) fn encode(value: &[u8]) -> String {
    percent_encode(value, PLAIN).to_string()
}

/// The pairs of `a=1&b=2`, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Vec<(String, Vec<u8>)>);

impl Params {
    pub(crate) fn new(text: &[u8]) -> Self {
        let pairs = text.split(|b| *b == b'&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let mut halves = pair.splitn(2, |b| *b == b'=');
                    let mut half = || {
                        let plain: Vec<u8> = halves
                            .next()
                            .unwrap_or_default()
                            .iter()
                            .map(|b| if *b == b'+' { b' ' } else { *b })
                            .collect();
                        percent_decode(&plain).collect::<Vec<u8>>()
                    };
                    let name = String::from_utf8_lossy(&half()).into_owned();
                    (name, half())
                })
                .collect(),
        )
    }

    /// The first value of this name that is not empty.
    pub(crate) fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        self.0
            .iter()
            .find(|(given, value)| given == name && !value.is_empty())
            .map(|(_, value)| value.clone())
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.bytes(name).map(|value| String::from_utf8_lossy(&value).into_owned())
    }

    /// All values of this name, as text.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        self.all(name).map(|value| String::from_utf8_lossy(value).into_owned()).collect()
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.bytes(name).is_some_and(|value| value == b"1")
    }

    /// All pairs in their order, also those with empty values.
    fn pairs(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// Whether a form of ours was sent, whose rows have not become conditions yet.
    pub(crate) fn has_rows(&self) -> bool {
        self.pairs().any(|(name, _)| name == "field")
    }

    /// The rows of the filter form. A row begins with its join or, without one, with its field.
    fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        let mut or = false;
        for (name, value) in self.pairs() {
            let text = || String::from_utf8_lossy(value).into_owned();
            match (name, rows.last_mut()) {
                ("join", _) => or = value == b"or",
                ("field", _) => {
                    rows.push(Row { or, field: text(), operator: "=".to_owned(), value: String::new() });
                    or = false;
                }
                ("op", Some(row)) => row.operator = text(),
                ("value", Some(row)) => row.value = text(),
                _ => {}
            }
        }
        rows
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &Vec<u8>> {
        self.0.iter().filter(move |(given, value)| given == name && !value.is_empty()).map(|(_, value)| value)
    }
}

/// The queue and the filter in the URL of a preview.
#[derive(Debug, Clone, Default)]
pub(crate) struct Target {
    pub(crate) queue: Vec<u8>,
    pub(crate) task: Vec<u8>,
    pub(crate) repoid: Vec<u8>,
    pub(crate) commitid: Vec<u8>,
    pub(crate) wheres: Vec<Vec<u8>>,
    /// The rows of a form, if one of them is wrong, and why.
    wrong: Option<(Vec<Row>, String)>,
    /// The kind of the messages, as the URL contains it.
    kind: Option<String>,
    /// The lists of a queue with priorities: all, or the list of one step.
    pub(crate) priority: Option<String>,
}

impl Target {
    pub(crate) fn new(params: &Params) -> Self {
        let one = |name: &str| params.bytes(name).unwrap_or_default();
        let rows = params.rows();
        let mut wheres: Vec<Vec<u8>> = params.all("where").cloned().collect();
        // Rows with these words as their fields come from links that contain the keyword.
        let (keywords, others): (Vec<Row>, Vec<Row>) =
            rows.iter().cloned().partition(|row| KEYWORDS.contains(&row.field.as_str()));
        let keyword = |word: &str| keywords.iter().find(|row| row.field == word).map(|row| row.value.clone());
        let is_joined = rows.windows(2).any(|two| two[1].or && KEYWORDS.contains(&two[0].field.as_str()));
        let is_odd = keywords.iter().any(|row| row.or || row.operator != "=");
        let texts = if is_joined || is_odd {
            Err("TASK, REPOID and COMMITID take the operator = only, and no \"or\"".to_owned())
        } else {
            rows::conditions(&others)
        };
        let wrong = match texts {
            Ok(texts) => {
                wheres.extend(texts.into_iter().map(String::into_bytes));
                None
            }
            Err(why) => Some((rows.clone(), why)),
        };
        let [task, repoid, commitid] = KEYWORDS.map(|word| {
            let given = keyword(word).filter(|_| wrong.is_none()).map(String::into_bytes);
            given.unwrap_or_else(|| one(&word.to_ascii_lowercase()))
        });
        Self {
            // A form contains a name that is not UTF-8 in its escaped form.
            queue: params.text("shown").and_then(|shown| unescape(&shown)).unwrap_or_else(|| one("queue")),
            task,
            repoid,
            commitid,
            wheres,
            wrong,
            kind: params.text("as"),
            priority: params.text("priority"),
        }
    }

    /// The same filter on all lists of the queue. `queue` is the queue to which this list belongs, if the server says that
    /// it is the list of one step; only the server knows the separator between a name and a step.
    fn of_all_lists(&self, queue: Option<&[u8]>) -> Self {
        let queue = queue.unwrap_or(&self.queue).to_vec();
        Self { queue, priority: Some("all".to_owned()), ..self.clone() }
    }

    /// The URL of the preview of all lists of the queue; `queue` is as for [`Self::of_all_lists`].
    pub(crate) fn all_lists_url(&self, queue: Option<&[u8]>) -> String {
        format!("/preview?{}", self.of_all_lists(queue).query())
    }

    /// Whether all lists of a queue with priorities are meant.
    pub(crate) fn is_of_all_lists(&self) -> bool {
        self.priority.as_ref().is_some_and(|priority| priority.eq_ignore_ascii_case("all"))
    }

    /// The same target with messages of another kind.
    pub(crate) fn taken_for(&self, kind: Option<MessageKind>) -> Self {
        Self { kind: kind.map(|kind| kind.word().to_owned()), ..self.clone() }
    }

    pub(crate) fn kind(&self) -> Option<MessageKind> {
        MessageKind::parse(self.kind.as_deref()?)
    }

    /// Whether the filter has a condition.
    pub(crate) fn has_filter(&self) -> bool {
        !self.wheres.is_empty()
            || self.wrong.is_some()
            || [&self.task, &self.repoid, &self.commitid].iter().any(|value| !value.is_empty())
    }

    /// Whether a condition is on the age or the arrival of messages.
    pub(crate) fn asks_for_ages(&self) -> bool {
        let field =
            |text: &Vec<u8>| text.split(|byte| !byte.is_ascii_alphanumeric()).next().map(<[u8]>::to_vec);
        self.wheres.iter().filter_map(field).any(|field| matches!(&field[..], b"age" | b"arrived"))
    }

    /// Checks everything except the filter.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.queue.is_empty() {
            return Err("a queue is required".to_owned());
        }
        if self.kind.is_some() && self.kind().is_none() {
            return Err(
                "the kind of messages must be celery, sidekiq, resque, laravel, taskiq, huey, dramatiq, rq, bullmq, bull, asynq, saq or ids"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// The filter as the server's commands take it, or an error text.
    pub(crate) fn words(&self) -> Result<Vec<Vec<u8>>, String> {
        self.check()?;
        if let Some((_, why)) = &self.wrong {
            return Err(why.clone());
        }
        let mut words = Vec::new();
        for (keyword, value) in [("TASK", &self.task), ("REPOID", &self.repoid), ("COMMITID", &self.commitid)]
        {
            if !value.is_empty() {
                words.extend([keyword.as_bytes().to_vec(), value.clone()]);
            }
        }
        if !self.repoid.is_empty()
            && std::str::from_utf8(&self.repoid).ok().and_then(|id| id.parse::<i128>().ok()).is_none()
        {
            return Err("the repository must be a number".to_owned());
        }
        for text in &self.wheres {
            let text = std::str::from_utf8(text).map_err(|_| "a condition is not UTF-8".to_owned())?;
            words.extend(filter_syntax::condition(text)?);
        }
        if words.is_empty() {
            return Err("a filter needs at least one condition: a field, an operator and a value".to_owned());
        }
        Ok(words)
    }

    /// The filter as rows of a form, and the conditions that a row cannot hold, as texts.
    pub(crate) fn rows(&self) -> (Vec<Row>, Vec<String>) {
        let mut texts: Vec<Vec<u8>> = Vec::new();
        for (field, keyword, value, is_same) in [
            ("task", KEYWORDS[0], &self.task, filter_syntax::is_name(&self.task)),
            ("kwargs.repoid", KEYWORDS[1], &self.repoid, is_integer(&self.repoid)),
            ("kwargs.commitid", KEYWORDS[2], &self.commitid, is_digest(&self.commitid)),
        ] {
            // These keywords compare texts byte for byte. Where `=` does the same, the row has the field, and so has
            // a text that no row can hold.
            let field = if is_same || rows::typed(value).is_none() { field } else { keyword };
            if !value.is_empty() {
                texts.push(format!("{field} = {}", filter_syntax::word(value)).into_bytes());
            }
        }
        texts.extend(self.wheres.iter().cloned());
        let (mut all, mut others) = (Vec::new(), Vec::new());
        for text in texts {
            match rows::of_condition(&text) {
                Some(rows) => all.extend(rows),
                None => others.push(String::from_utf8_lossy(&text).into_owned()),
            }
        }
        all.extend(self.wrong.iter().flat_map(|(rows, _)| rows.iter().cloned()));
        (all, others)
    }

    /// The names and values of its parameters.
    pub(crate) fn pairs(&self) -> Vec<(&'static str, Vec<u8>)> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default().into_bytes();
        let mut pairs = vec![
            ("queue", self.queue.clone()),
            ("task", self.task.clone()),
            ("repoid", self.repoid.clone()),
            ("commitid", self.commitid.clone()),
        ];
        pairs.extend(self.wheres.iter().map(|text| ("where", text.clone())));
        pairs.extend([("as", text(&self.kind)), ("priority", text(&self.priority))]);
        pairs.retain(|(_, value)| !value.is_empty());
        pairs
    }

    /// The target as a query string.
    pub(crate) fn query(&self) -> String {
        let pairs = self.pairs();
        pairs.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
    }

    /// The queue without the filter, as a query string.
    pub(crate) fn queue_query(&self) -> String {
        let (queue, kind, priority) = (self.queue.clone(), self.kind.clone(), self.priority.clone());
        Self { queue, kind, priority, ..Self::default() }.query()
    }
}

fn is_integer(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// Whether the text is a hexadecimal digest that is neither a number nor a UUID, which `=` would compare as such.
fn is_digest(text: &[u8]) -> bool {
    let hex = text.iter().all(u8::is_ascii_hexdigit);
    hex && text.len() != 32 && text.iter().any(|b| b.is_ascii_alphabetic() && !b.eq_ignore_ascii_case(&b'e'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_survives_its_query_string() {
        let text =
            b"queue=%ff+x&task=a.b&repoid=7&where=eta+EXISTS&where=task+%3D+%22a%26b%22&as=sidekiq&priority=3&commitid=";
        let target = Target::new(&Params::new(text));
        assert_eq!(target.queue, b"\xff x");
        assert_eq!(target.wheres.len(), 2);
        let again = Target::new(&Params::new(target.query().as_bytes()));
        assert_eq!(format!("{target:?}"), format!("{again:?}"));
        assert_eq!(again.words().expect("a filter").len(), 4 + 3 + 4);
    }

    #[test]
    fn rows_of_a_form_become_conditions_and_conditions_rows() {
        let form = "queue=q&where=eta+EXISTS&field=task&op=%3D&value=a+b&join=or&field=id&op=MISSING&value=&join=and&field=&op=%3D&value=";
        let target = Target::new(&Params::new(form.as_bytes()));
        assert_eq!(
            target.query(),
            "queue=q&where=eta%20EXISTS&where=task%20%3D%20%22a%20b%22%20OR%20id%20MISSING"
        );
        let (rows, others) = target.rows();
        let shown: Vec<_> = rows.iter().map(|row| (row.or, row.field.as_str(), row.value.as_str())).collect();
        assert_eq!(shown, [(false, "eta", ""), (false, "task", "a b"), (true, "id", "")]);
        assert!(others.is_empty());
        // A row that is wrong is shown again, and nothing is asked.
        let wrong = Target::new(&Params::new(b"queue=q&field=task&op=%3D&value="));
        assert!(wrong.has_filter() && wrong.words().is_err());
        assert_eq!(wrong.rows().0.len(), 1);
    }

    #[test]
    fn filters_of_old_links_become_rows_that_mean_the_same() {
        let fields = |query: &str| {
            let (rows, others) = Target::new(&Params::new(query.as_bytes())).rows();
            let names = rows.into_iter().map(|row| row.field).chain(others);
            names.collect::<Vec<_>>().join(",")
        };
        let sha = "5656ae5ffedbe286ff73bc25eb5894b06f40b5b5";
        assert_eq!(
            fields(&format!("task=a.b&repoid=7&commitid={sha}")),
            "task,kwargs.repoid,kwargs.commitid"
        );
        // `=` would compare these as a number, a UUID or an array.
        assert_eq!(fields("task=7&commitid=1234e5678"), "TASK,COMMITID");
        assert_eq!(fields("task=%5B%5D&commitid=0b4f7c626d534c0e9a570c2b8f1f3d11"), "TASK,COMMITID");
        assert_eq!(fields("task=%ff"), "task = \"\\xff\"");
        // Sent again, such a row is the keyword.
        let again = Target::new(&Params::new(b"queue=q&field=TASK&op=%3D&value=7&field=task&op=%3D&value=x"));
        assert_eq!(again.query(), "queue=q&task=7&where=task%20%3D%20x");
    }

    #[test]
    fn one_list_leads_to_all_lists_of_its_queue() {
        for (list, said, queue) in [("q", None, "q"), ("q:3", Some(&b"q"[..]), "q"), ("q:3", None, "q:3")] {
            let target = Target { queue: list.into(), task: b"t".to_vec(), ..Target::default() };
            let all = target.of_all_lists(said);
            assert_eq!((all.queue.as_slice(), all.is_of_all_lists()), (queue.as_bytes(), true));
            assert_eq!(all.task, b"t");
        }
    }

    #[test]
    fn an_invalid_filter_is_reported_without_asking_the_server() {
        for wrong in [
            "",
            "queue=q",
            "queue=q&repoid=x",
            "queue=q&where=task",
            "queue=q&where=retries+%3D+1+BUST",
            "task=a",
            "queue=q&where=%ff+%3D+1",
            "queue=q&repoid=1&as=arq",
        ] {
            assert!(Target::new(&Params::new(wrong.as_bytes())).words().is_err(), "{wrong}");
        }
    }
}
