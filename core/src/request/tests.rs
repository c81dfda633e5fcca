//! The commands as a client types them.

mod errors;
mod identity;
mod start;
mod table;
mod values;

use super::*;
use crate::job::JobTarget;
use crate::kind::MessageKind;
use crate::priorities::List;

const UUID: &str = "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02";
const NOW_MS: i64 = 1_700_000_000_000;

/// The words of a command line; `''` is an empty one, `UUID` a job id.
fn words(line: &str) -> Vec<&[u8]> {
    let word = |word| match word {
        "''" => "",
        "UUID" => UUID,
        word => word,
    };
    line.split_whitespace().map(|text| word(text).as_bytes()).collect()
}

fn parse<R: Request>(line: &str) -> Result<R, Error> {
    R::parse(&words(line), NOW_MS)
}

fn get<R: Request>(line: &str) -> R {
    parse(line).unwrap_or_else(|error| unreachable!("{line}: {error}"))
}

/// A queue that is one list of Celery messages.
fn target(queue: &[u8]) -> JobTarget {
    JobTarget {
        db: 0,
        queue: queue.to_vec(),
        priority: None,
        lists: vec![(List { key: queue.to_vec(), step: None }, 10)],
        messages: MessageKind::Celery,
        storage: crate::job::Storage::Lists,
        reads_pickle: true,
        sample_fields: Vec::new(),
    }
}

type Parser = fn(&[&[u8]]) -> Result<(), Error>;

/// Every parser beside its row.
fn parsers() -> Vec<(&'static CommandSpec, Parser)> {
    fn of<R: Request>() -> (&'static CommandSpec, Parser) {
        (R::COMMAND, |args| R::parse(args, NOW_MS).map(|_| ()))
    }
    vec![
        of::<Preview>(),
        of::<ClearJob>(),
        of::<Undo>(),
        of::<Status>(),
        of::<Cancel>(),
        of::<Pause>(),
        of::<Resume>(),
        of::<Throttle>(),
        of::<Jobs>(),
        of::<Queues>(),
        of::<Stats>(),
        of::<Fields>(),
        of::<Show>(),
        of::<Index>(),
        of::<Help>(),
    ]
}
