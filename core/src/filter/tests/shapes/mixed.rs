//! Compares the matcher with a naive model of what a worker does, on every mixture of headers and bodies of
//! both protocols.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::examine;
use crate::filter::tests::filter;
use crate::filter::{Matcher, Verdict};

/// The value of a field in the headers or in the body: absent, null, or a number.
type Member = Option<Option<u8>>;

/// Fields for which the header has precedence over the body.
const FIELDS: [&str; 3] = ["id", "retries", "origin"];

#[derive(Debug, Clone)]
enum Body {
    Unreadable,
    /// A body that is neither of the two which a worker can read.
    Other,
    Array,
    Object {
        args: bool,
        members: [Member; 3],
    },
}

#[derive(Debug, Clone)]
struct Mixed {
    named: bool,
    headers: [Member; 3],
    body: Body,
    kwarg: Member,
}

fn member() -> impl Strategy<Value = Member> {
    prop_oneof![Just(None), Just(Some(None)), (0..3_u8).prop_map(|n| Some(Some(n)))]
}

fn members() -> impl Strategy<Value = [Member; 3]> {
    [member(), member(), member()]
}

fn mixed() -> impl Strategy<Value = Mixed> {
    let body = prop_oneof![
        1 => Just(Body::Unreadable),
        1 => Just(Body::Other),
        3 => Just(Body::Array),
        6 => (any::<bool>(), members()).prop_map(|(args, members)| Body::Object { args, members }),
    ];
    (any::<bool>(), members(), body, member()).prop_map(|(named, headers, body, kwarg)| Mixed {
        named,
        headers,
        body,
        kwarg,
    })
}

/// `None` means unknown; `Some(None)` means absent or null.
type Known = Option<Option<u8>>;

impl Mixed {
    fn text(&self) -> String {
        let object = |members: &[Member; 3]| {
            let mut object = Map::new();
            for (name, value) in FIELDS.iter().zip(members) {
                value.map(|value| object.insert((*name).to_owned(), json!(value)));
            }
            object
        };
        let mut headers = object(&self.headers);
        if self.named {
            headers.insert("task".into(), "header".into());
        }
        let mut kwargs = Map::new();
        self.kwarg.map(|value| kwargs.insert("x".into(), json!(value)));
        let body = match &self.body {
            Body::Unreadable => Value::Null,
            Body::Other => json!(7),
            Body::Array => json!([[], kwargs, {}]),
            Body::Object { args, members } => {
                let mut body = object(members);
                body.insert("task".into(), "body".into());
                body.insert("kwargs".into(), kwargs.into());
                args.then(|| body.insert("args".into(), json!([])));
                body.into()
            }
        };
        let content_type =
            if matches!(self.body, Body::Unreadable) { "application/x-yaml" } else { "application/json" };
        json!({"headers": headers, "properties": {}, "content-type": content_type, "body": body.to_string()})
            .to_string()
    }

    /// Returns whether a worker, and likewise the matcher, can read the members of the body.
    fn is_open(&self) -> bool {
        match self.body {
            Body::Unreadable | Body::Other => false,
            Body::Array => true,
            Body::Object { args, .. } => args || !self.named,
        }
    }

    fn field(&self, at: usize) -> Known {
        let header = self.headers[at];
        match (&self.body, header) {
            (_, Some(value)) if self.named => Some(value),
            _ if !self.is_open() => None,
            (Body::Object { args: false, members }, _) => Some(members[at].flatten()),
            (_, Some(value)) => Some(value),
            (Body::Object { members, .. }, None) => Some(members[at].flatten()),
            _ => Some(None),
        }
    }

    /// Returns where the name of the task comes from.
    fn task(&self) -> Option<Option<&'static str>> {
        match self.body {
            _ if self.named => Some(Some("header")),
            _ if !self.is_open() => None,
            Body::Object { .. } => Some(Some("body")),
            _ => Some(None),
        }
    }
}

fn verdict(truth: Option<bool>) -> Verdict {
    Verdict {
        matched: truth == Some(true),
        undecodable: false,
        unreadable: truth.is_none(),
        uncompared: false,
        missing: false,
        kept: false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_mixture_of_the_protocols_is_read_as_a_worker_reads_it(messages in prop::collection::vec(mixed(), 1..5)) {
        for message in &messages {
            let text = message.text();
            for (at, name) in FIELDS.iter().enumerate() {
                let known = message.field(at);
                for (test, truth) in [
                    ("= 1", known.map(|value| value == Some(1))),
                    ("!= 1", known.map(|value| value.is_some_and(|value| value != 1))),
                    ("MISSING", known.map(|value| value.is_none())),
                ] {
                    prop_assert_eq!(examine(&format!("WHERE {name} {test}"), &text), verdict(truth), "{} {} of {}", name, test, &text);
                }
            }
            let task = message.task();
            for name in ["header", "body"] {
                prop_assert_eq!(examine(&format!("TASK {name}"), &text), verdict(task.map(|task| task == Some(name))), "{}", &text);
            }
            prop_assert_eq!(examine("WHERE task MISSING", &text), verdict(task.map(|task| task.is_none())), "{}", &text);
            let kwarg = message.is_open().then(|| message.kwarg.flatten());
            let missing = verdict(kwarg.map(|value| value.is_none()));
            prop_assert_eq!(examine("WHERE kwargs.x MISSING", &text), missing, "{}", &text);
        }
        // One matcher examines all messages and learns their layouts.
        let filter = filter("WHERE kwargs.x EXISTS WHERE retries >= 1");
        let mut one = Matcher::new(&filter);
        for message in messages.iter().chain(&messages) {
            let text = message.text();
            prop_assert_eq!(one.examine(text.as_bytes()), Matcher::new(&filter).examine(text.as_bytes()), "{}", &text);
        }
    }
}
