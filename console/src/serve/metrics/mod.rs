//! GET /metrics: what is known of queues and jobs, in the text format of Prometheus.
//!
//! What the Redis user may not ask is left out, and `qadmin_part_known` says so. An answer is used again for a moment,
//! so that several scrapers, or one that is set wrong, cost the server nothing much.

mod fields;
mod text;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};

use super::app::App;
use super::fresh::{Lives, Shared};
use crate::failure::{Exit, Failure};
use crate::reply::{Map, Queues};

use text::Families;

/// The path, for which the guard accepts the token as a bearer token.
pub(crate) const PATH: &str = "/metrics";

/// How long an answer is used again. A failure is, too, because a server that does not answer has to be waited for.
const LIVES: Lives = Lives { answer: Duration::from_secs(2), failure: Duration::from_secs(2) };
/// Maximum number of queues, the deepest first.
const QUEUES: usize = 500;
/// Maximum length of a queue's name in bytes, as it is escaped. Labels of unlimited length would fill the memory of the
/// program that stores them.
const NAME: usize = 256;

/// GET /metrics
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let asking = Arc::clone(&app);
    let info = app.info.get(LIVES, async move { asking.ask(|client| client.info(fields::is_maximum)).await });
    let queues = app.queues(LIVES);
    let (info, queues) = tokio::join!(info, queues);
    let body = exposition(&info, &queues);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], body).into_response()
}

/// Whether the server answered, be it with a refusal.
fn is_up<T>(answer: &Shared<T>) -> bool {
    answer.as_ref().as_ref().map_or_else(|failure: &Failure| failure.exit != Exit::Unreachable, |_| true)
}

fn exposition(info: &Shared<HashMap<String, u64>>, queues: &Shared<Queues>) -> String {
    let mut families = Families::default();
    families.gauge("qadmin_server_up", "1: the server of the address answers.");
    families.sample("", u64::from(is_up(info) && is_up(queues)));
    families
        .gauge("qadmin_part_known", "1: the Redis user may ask for this part (info: INFO, queues: QUEUES).");
    families.sample("part=\"info\"", u64::from(info.is_ok()));
    families.sample("part=\"queues\"", u64::from(queues.is_ok()));
    if let Ok(info) = info.as_ref() {
        fields::write(&mut families, info);
    }
    if let Ok(queues) = queues.as_ref() {
        of_queues(&mut families, queues);
    }
    families.finish()
}

fn of_queues(families: &mut Families, queues: &Queues) {
    let named: Vec<(String, &Map)> = queues
        .queues
        .iter()
        .filter_map(|row| {
            let name = text::label("queue", &row.bytes("queue").unwrap_or_default());
            (name.len() <= NAME).then_some((name, row))
        })
        .take(QUEUES)
        .collect();
    families
        .gauge("qadmin_queues", "Queues that the Redis user may read, also those that are not listed below.");
    families.sample("", queues.queues.len());
    families.gauge(
        "qadmin_queues_left_out",
        "Queues beyond the 500 deepest, or with names of more than 256 bytes.",
    );
    families.sample("", queues.queues.len() - named.len());
    families.gauge(
        "qadmin_queues_complete",
        "0: the walk over the keys was cut short, and there can be more queues.",
    );
    families.sample("", u64::from(queues.complete));
    if let Some(unacked) = queues.unacked {
        families.gauge(
            "qadmin_unacknowledged_messages",
            "Messages of Celery that workers have not acknowledged.",
        );
        families.sample("", unacked);
    }
    of_each_queue(families, &named);
}

/// What is known of each queue, by its label.
fn of_each_queue(families: &mut Families, named: &[(String, &Map)]) {
    for (name, member, help) in [
        ("qadmin_queue_messages", "depth", "Messages in the queue, with those of its priority lists."),
        ("qadmin_queue_bytes", "bytes_estimate", "Size of the messages, estimated from a few of them."),
        (
            "qadmin_queue_pushed_per_minute",
            "pushed_per_minute",
            "Messages that came in the last minute (index).",
        ),
        (
            "qadmin_queue_popped_per_minute",
            "popped_per_minute",
            "Messages that went in the last minute (index).",
        ),
        (
            "qadmin_queue_next_age_at_least",
            "next_at_least",
            "1: the message that runs next can have waited longer (index).",
        ),
        (
            "qadmin_queue_oldest_age_at_least",
            "oldest_at_least",
            "1: the oldest message can have waited longer (index).",
        ),
    ] {
        families.gauge(name, help);
        for (label, row) in named {
            if let Some(value) = row.count(member) {
                families.sample(label, value);
            }
        }
    }
    for (name, member, help) in [
        (
            "qadmin_queue_next_age_seconds",
            "next_age",
            "How long the message that runs next has waited (index).",
        ),
        ("qadmin_queue_oldest_age_seconds", "oldest_age", "How long the oldest message has waited (index)."),
        (
            "qadmin_queue_wait_mean_seconds",
            "wait_mean_ms",
            "How long messages had waited when workers took them, on average (index).",
        ),
    ] {
        families.gauge(name, help);
        for (label, row) in named {
            if let Some(ms) = row.count(member) {
                families.sample(label, text::seconds(ms.saturating_mul(1_000)));
            }
        }
    }
    families
        .counter("qadmin_queue_waits_total", "Messages that workers took and whose wait is known (index).");
    for (label, row) in named {
        if let Some(value) = row.count("waits") {
            families.sample(label, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn queues(rows: &[serde_json::Value]) -> Queues {
        Queues::new(Map::new(json!({"queues": rows, "complete": 1, "unacked": 3})))
    }

    #[test]
    fn names_become_labels_and_queues_are_bounded() {
        let mut rows = vec![
            json!({"queue": "a\"b\\c\nd", "depth": 7, "bytes_estimate": 70}),
            json!({"queue": "\u{fffd}", "queue_b64": "/w==", "depth": 6, "oldest_age": 61_250, "oldest_at_least": 1}),
            json!({"queue": "x".repeat(400), "depth": 5}),
        ];
        rows.extend((0..600).map(|n| json!({"queue": format!("q{n}"), "depth": 1})));
        let mut families = Families::default();
        of_queues(&mut families, &queues(&rows));
        let text = families.finish();
        for line in [
            r#"qadmin_queue_messages{queue="a\"b\\\\c\\x0ad"} 7"#,
            r#"qadmin_queue_oldest_age_seconds{queue="\\xff"} 61.250000"#,
            r#"qadmin_queue_oldest_age_at_least{queue="\\xff"} 1"#,
            "qadmin_queues 603",
            "qadmin_queues_left_out 103",
            "qadmin_unacknowledged_messages 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert_eq!(text.matches("qadmin_queue_messages{").count(), QUEUES);
        assert!(!text.contains("xxxx"));
    }

    #[test]
    fn a_server_that_is_away_is_down_and_a_refusal_is_not() {
        let failed =
            |exit| -> Shared<HashMap<String, u64>> { Arc::new(Err(Failure::new(exit, "secret name"))) };
        let away = Arc::new(Err(Failure::new(Exit::Unreachable, "secret name")));
        let text = exposition(&failed(Exit::Unreachable), &away);
        assert!(text.contains("\nqadmin_server_up 0\n") && !text.contains("secret"), "{text}");
        let text = exposition(&failed(Exit::NoRight), &Arc::new(Ok(queues(&[]))));
        assert!(text.contains("\nqadmin_server_up 1\n"), "{text}");
        assert!(
            text.contains("qadmin_part_known{part=\"info\"} 0\nqadmin_part_known{part=\"queues\"} 1"),
            "{text}"
        );
    }
}
