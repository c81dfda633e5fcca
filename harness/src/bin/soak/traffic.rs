//! Producers and workers of the queue that is accounted for.

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use qadmin_harness::TARGET_TASK;
use redis::Value;

use crate::client::{Answer, Client};
use crate::world::{GARBAGE, HELD, LIVE};

/// Producers stop above this depth until workers and clears have caught up.
const DEEP: i64 = 20_000;

/// Returns whether no filter of the run matches the message.
pub(crate) fn is_innocent(message: &[u8]) -> bool {
    let task = format!("\"task\": \"{TARGET_TASK}\"");
    !message.starts_with(GARBAGE.as_bytes()) && !message.windows(task.len()).any(|at| at == task.as_bytes())
}

/// Waits between the requests of one client. This sets its pace; it does not wait for an event.
pub(crate) fn rest(client: &mut Client<'_>, most_ms: u64) {
    let micros = client.chance.below(most_ms * 1_000);
    thread::sleep(Duration::from_micros(micros));
}

/// Pushes batches, some of whose messages clears can match.
pub(crate) fn produce(mut client: Client<'_>, producer: usize) {
    let mut factory = client.world.factory(40.0);
    let mut next = (producer as u64 + 1) << 32;
    let mut depth = 0;
    while !client.world.stopped() {
        let inside = client.step();
        if depth > DEEP {
            if let Answer::Value(Value::Int(length)) = client.say(&["LLEN", LIVE]) {
                depth = length;
            }
        } else {
            let batch = if client.chance.percent(5) { 200 } else { client.chance.within(1, 12) };
            let messages: Vec<Vec<u8>> = (next..next + batch).map(|i| factory.message(i)).collect();
            let ledger = || client.world.ledger.lock().expect("no thread panics while it holds this lock");
            let innocent = || messages.iter().zip(next..).filter(|(message, _)| is_innocent(message));
            innocent().for_each(|(message, i)| ledger().will_push(message, producer, i));
            let command: Vec<&[u8]> =
                [b"LPUSH", LIVE.as_bytes()].into_iter().chain(messages.iter().map(Vec::as_slice)).collect();
            match client.call(&command) {
                Answer::Value(Value::Int(length)) => depth = length,
                Answer::Value(other) => client.world.violated(format!("LPUSH answered {other:?}")),
                Answer::Refused(_) => {
                    let mut ledger =
                        client.world.ledger.lock().expect("no thread panics while it holds this lock");
                    innocent().for_each(|(message, _)| ledger.refused(message));
                }
                // The client has already recorded this.
                Answer::Cut => {}
            }
            next += batch;
        }
        drop(inside);
        rest(&mut client, 12);
    }
}

/// The way in which a worker takes messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worker {
    /// As Celery takes them.
    Brpop,
    /// Several at once.
    Rpop,
    /// At the other end.
    Lpop,
    /// By LMOVE, as reliable queues do.
    Lmove,
    /// A worker that takes some and returns them.
    Returner,
}

/// Takes messages until the end.
pub(crate) fn work(mut client: Client<'_>, worker: Worker) {
    let mut last: HashMap<usize, u64> = HashMap::new();
    while !client.world.stopped() {
        let inside = client.step();
        let count = client.chance.within(1, 8).to_string();
        match worker {
            Worker::Brpop => {
                let popped = strings(client.brpop(&[LIVE], "0.2"));
                // The queue's name comes first.
                for message in popped.iter().skip(1) {
                    took(&client, message, Some(&mut last));
                }
            }
            Worker::Rpop => {
                for message in strings(client.say(&["RPOP", LIVE, &count])) {
                    took(&client, &message, Some(&mut last));
                }
            }
            Worker::Lpop => {
                for message in strings(client.say(&["LPOP", LIVE, &count])) {
                    took(&client, &message, None);
                }
            }
            Worker::Lmove => {
                let moved = strings(client.say(&["LMOVE", LIVE, HELD, "RIGHT", "LEFT"]));
                if let [message] = &moved[..] {
                    took(&client, message, Some(&mut last));
                    while !matches!(client.say(&["RPOP", HELD]), Answer::Value(_)) && !client.world.stopped()
                    {
                        rest(&mut client, 5);
                    }
                }
            }
            Worker::Returner => give_back(&mut client, &count),
        }
        drop(inside);
        rest(&mut client, 10);
    }
}

/// Pops some messages and puts them back at the consumer end, as a worker that is stopped does.
fn give_back(client: &mut Client<'_>, count: &str) {
    let held = strings(client.say(&["RPOP", LIVE, count]));
    let ledger = || client.world.ledger.lock().expect("no thread panics while it holds this lock");
    for message in held.iter().filter(|message| is_innocent(message)) {
        if let Err(why) = ledger().returned(message) {
            client.world.violated(why);
        }
    }
    if held.is_empty() {
        return;
    }
    let back = held.iter().rev().map(Vec::as_slice);
    let command: Vec<&[u8]> = [b"RPUSH", LIVE.as_bytes()].into_iter().chain(back).collect();
    if !matches!(client.call(&command), Answer::Value(Value::Int(_))) {
        // If the push is refused (memory, replicas), the worker keeps the popped messages.
        for message in &held {
            took(client, message, None);
        }
    }
}

/// Records that a message has reached a worker. A worker receives the messages of one producer in their
/// order.
fn took(client: &Client<'_>, message: &[u8], order: Option<&mut HashMap<usize, u64>>) {
    if !is_innocent(message) {
        return;
    }
    let popped =
        client.world.ledger.lock().expect("no thread panics while it holds this lock").popped(message);
    let place = match popped {
        Ok(place) => place,
        Err(why) => return client.world.violated(why),
    };
    if let (Some((producer, number)), Some(last)) = (place, order)
        && last.insert(producer, number).is_some_and(|before| before >= number)
    {
        client.world.violated(format!("order: message {number} of producer {producer} came late"));
    }
}

/// Returns the strings of a reply: one, or a list of them.
fn strings(answer: Answer) -> Vec<Vec<u8>> {
    match answer {
        Answer::Value(Value::BulkString(one)) => vec![one],
        Answer::Value(Value::Array(items)) => items
            .into_iter()
            .filter_map(|item| match item {
                Value::BulkString(bytes) => Some(bytes),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}
