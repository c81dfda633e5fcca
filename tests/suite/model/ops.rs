//! Commands of other clients: what is sent, its effect on the simple queue, and the expected reply of the
//! server.

use redis::{Cmd, Value};

use super::queue::{End, Maker, Queue, Text};
use super::rng::Rng;

/// A script that pushes its arguments from the second on with the command of the first, then pops two
/// messages at the tail and one at the head.
const SCRIPT: &str = "for i = 2, #ARGV do redis.call(ARGV[1], KEYS[1], ARGV[i]) end \
                      redis.call('RPOP', KEYS[1], 2) redis.call('LPOP', KEYS[1]) \
                      return redis.call('LLEN', KEYS[1])";

#[derive(Debug, Clone)]
pub(super) enum Op {
    Push(End, Vec<Text>),
    Pop(End, usize),
    BlockingPop(End),
    Lmpop(End, usize),
    Rotate { from: End, to: End, blocking: bool },
    RpoplpushOntoItself,
    ToSide(End, End),
    FromSide(End, End),
    Script(End, Vec<Text>),
    Lrem(i64, Text),
    Linsert { before: bool, pivot: Text, text: Text },
    Lset(i64, Text),
    Ltrim(i64, i64),
    SortStore(usize),
    CopyFromSide,
    Del,
    RenameAway,
    RenameOnto,
    ExpireNow,
}

fn end(rng: &mut Rng) -> End {
    rng.pick(&[End::Head, End::Tail])
}

fn texts(rng: &mut Rng, maker: &mut Maker) -> Vec<Text> {
    (0..rng.within(1, 6)).map(|_| maker.text(rng)).collect()
}

/// Returns a push or a pop, in one of the ways in which Redis can do it.
pub(super) fn at_the_ends(rng: &mut Rng, maker: &mut Maker) -> Op {
    match rng.below(16) {
        0..=2 => Op::Push(End::Head, texts(rng, maker)),
        3 => Op::Push(End::Tail, texts(rng, maker)),
        4..=5 => Op::Pop(End::Tail, rng.within(1, 9)),
        6 => Op::Pop(End::Head, rng.within(1, 5)),
        7 => Op::BlockingPop(End::Tail),
        8 => Op::BlockingPop(end(rng)),
        9 => Op::Lmpop(end(rng), rng.within(1, 7)),
        10..=11 => Op::Rotate { from: end(rng), to: end(rng), blocking: rng.percent(50) },
        12 => Op::RpoplpushOntoItself,
        13 => Op::ToSide(end(rng), end(rng)),
        14 => Op::FromSide(end(rng), end(rng)),
        _ => Op::Script(end(rng), texts(rng, maker)),
    }
}

/// Returns a change inside the list; `around` is a message that can be in it.
pub(super) fn in_place(rng: &mut Rng, maker: &mut Maker, around: Text, len: usize) -> Op {
    let text = maker.text(rng);
    let index = i64::try_from(rng.below(len + 1)).expect("small");
    match rng.below(7) {
        0..=1 => Op::Lrem(rng.pick(&[-1, 0, 1, 2]), around),
        2..=3 => Op::Linsert { before: rng.percent(50), pivot: around, text },
        4 => Op::Lset(if rng.percent(50) { index } else { -1 - index }, text),
        5 => Op::Ltrim(rng.pick(&[0, 1, 4]), rng.pick(&[-1, -2, -6])),
        _ if rng.percent(30) => Op::CopyFromSide,
        _ => Op::SortStore(rng.below(4)),
    }
}

/// Returns a command that ends this queue under this name.
pub(super) fn last(rng: &mut Rng) -> Op {
    match rng.below(4) {
        0 => Op::Del,
        1 => Op::RenameAway,
        2 => Op::RenameOnto,
        _ => Op::ExpireNow,
    }
}

fn push_word(end: End) -> &'static str {
    if end == End::Head { "LPUSH" } else { "RPUSH" }
}

impl Op {
    /// Returns the command that is sent.
    pub(super) fn command(&self) -> Cmd {
        let mut c = Cmd::new();
        match self {
            Self::Push(end, texts) => {
                c.arg(push_word(*end)).arg("q");
                for text in texts {
                    c.arg(text.bytes.as_slice());
                }
            }
            Self::Pop(end, n) => {
                c.arg(if *end == End::Head { "LPOP" } else { "RPOP" }).arg("q").arg(*n);
            }
            Self::BlockingPop(end) => {
                c.arg(if *end == End::Head { "BLPOP" } else { "BRPOP" }).arg("q").arg(0);
            }
            Self::Lmpop(end, n) => {
                c.arg(&["LMPOP", "1", "q", end.word(), "COUNT"]).arg(*n);
            }
            Self::Rotate { from, to, blocking: false } => {
                c.arg(&["LMOVE", "q", "q", from.word(), to.word()]);
            }
            Self::Rotate { from, to, blocking: true } => {
                c.arg(&["BLMOVE", "q", "q", from.word(), to.word(), "0"]);
            }
            Self::RpoplpushOntoItself => {
                c.arg(&["RPOPLPUSH", "q", "q"]);
            }
            Self::ToSide(from, to) => {
                c.arg(&["LMOVE", "q", "side", from.word(), to.word()]);
            }
            Self::FromSide(from, to) => {
                c.arg(&["LMOVE", "side", "q", from.word(), to.word()]);
            }
            Self::Script(end, texts) => {
                c.arg("EVAL").arg(SCRIPT).arg(1).arg("q").arg(push_word(*end));
                for text in texts {
                    c.arg(text.bytes.as_slice());
                }
            }
            Self::Lrem(n, text) => {
                c.arg("LREM").arg("q").arg(*n).arg(text.bytes.as_slice());
            }
            Self::Linsert { before, pivot, text } => {
                c.arg("LINSERT").arg("q").arg(if *before { "BEFORE" } else { "AFTER" });
                c.arg(pivot.bytes.as_slice()).arg(text.bytes.as_slice());
            }
            Self::Lset(index, text) => {
                c.arg("LSET").arg("q").arg(*index).arg(text.bytes.as_slice());
            }
            Self::Ltrim(from, to) => {
                c.arg("LTRIM").arg("q").arg(*from).arg(*to);
            }
            Self::SortStore(skip) => {
                c.arg(&["SORT", "q", "BY", "nosort", "LIMIT"]).arg(*skip).arg(&["1000000", "STORE", "q"]);
            }
            Self::CopyFromSide => {
                c.arg(&["COPY", "side", "q", "REPLACE"]);
            }
            Self::Del => {
                c.arg(&["DEL", "q"]);
            }
            Self::RenameAway => {
                c.arg(&["RENAME", "q", "away"]);
            }
            Self::RenameOnto => {
                c.arg(&["RENAME", "side", "q"]);
            }
            Self::ExpireNow => {
                c.arg(&["PEXPIREAT", "q", "1"]);
            }
        }
        c
    }

    /// Applies the same change to the simple queue and compares the reply.
    pub(super) fn follow(&self, queue: &mut Queue, answer: &Value) {
        let len = |queue: &Queue| Value::Int(i64::try_from(queue.list.len()).expect("small"));
        let there = !queue.list.is_empty();
        match self {
            Self::Push(end, texts) => {
                texts.iter().for_each(|text| queue.push(*end, text));
                assert_eq!(*answer, len(queue), "{self:?}");
            }
            Self::Pop(end, n) => {
                let popped: Vec<Value> =
                    (0..*n).map_while(|_| queue.pop(*end)).map(|text| bulk(&text)).collect();
                assert_eq!(
                    *answer,
                    if popped.is_empty() { Value::Nil } else { Value::Array(popped) },
                    "{self:?}"
                );
            }
            Self::Lmpop(end, n) => {
                let popped: Vec<Value> =
                    (0..*n).map_while(|_| queue.pop(*end)).map(|text| bulk(&text)).collect();
                let named =
                    Value::Array(vec![Value::BulkString(b"q".to_vec()), Value::Array(popped.clone())]);
                assert_eq!(*answer, if popped.is_empty() { Value::Nil } else { named }, "{self:?}");
            }
            Self::BlockingPop(end) => {
                let popped = queue.pop(*end).map(|text| bulk(&text));
                let named = popped.map(|m| Value::Array(vec![Value::BulkString(b"q".to_vec()), m]));
                assert_eq!(*answer, named.unwrap_or(Value::Nil), "{self:?}");
            }
            Self::Rotate { from, to, .. } => rotate(queue, *from, *to, answer),
            Self::RpoplpushOntoItself => rotate(queue, End::Tail, End::Head, answer),
            Self::ToSide(from, to) => {
                let moved = queue.pop(*from);
                assert_eq!(*answer, moved.as_ref().map_or(Value::Nil, bulk), "{self:?}");
                match to {
                    End::Head => moved.into_iter().for_each(|text| queue.side.push_front(text)),
                    End::Tail => queue.side.extend(moved),
                }
            }
            Self::FromSide(from, to) => {
                let side = &mut queue.side;
                let moved = if *from == End::Head { side.pop_front() } else { side.pop_back() };
                moved.iter().for_each(|text| queue.push(*to, text));
                assert_eq!(*answer, moved.as_ref().map_or(Value::Nil, bulk), "{self:?}");
            }
            Self::Script(end, texts) => {
                texts.iter().for_each(|text| queue.push(*end, text));
                for end in [End::Tail, End::Tail, End::Head] {
                    if queue.pop(end).is_some() {
                        queue.gone_if_empty();
                    }
                }
                assert_eq!(*answer, len(queue), "{self:?}");
            }
            Self::Del | Self::ExpireNow => {
                assert_eq!(*answer, Value::Int(i64::from(there)), "{self:?}");
                queue.list.clear();
            }
            // On a missing key it is an error and changes nothing.
            Self::RenameAway => queue.list.clear(),
            Self::RenameOnto if queue.side.is_empty() => {}
            Self::RenameOnto => {
                queue.gone();
                let side = std::mem::take(&mut queue.side);
                side.iter().for_each(|text| queue.push(End::Tail, text));
            }
            _ => self.follow_edit(queue),
        }
        if there {
            queue.gone_if_empty();
        }
    }

    fn follow_edit(&self, queue: &mut Queue) {
        let len = queue.list.len();
        let at = |index: i64| {
            let len = i64::try_from(len).expect("small");
            usize::try_from(if index < 0 { len + index } else { index }).ok()
        };
        let place = |text: &Text| queue.list.iter().position(|msg| msg.text.bytes == text.bytes);
        match self {
            Self::Lrem(n, text) => {
                let mut found: Vec<usize> =
                    (0..len).filter(|i| queue.list[*i].text.bytes == text.bytes).collect();
                match n {
                    0 => {}
                    n if *n > 0 => found.truncate(usize::try_from(*n).expect("small")),
                    _ => found.drain(..found.len().saturating_sub(1)).for_each(drop),
                }
                if !found.is_empty() {
                    queue.edit(|list, _| found.iter().rev().for_each(|i| drop(list.remove(*i))));
                }
            }
            Self::Linsert { before, pivot, text } => {
                if let Some(at) = place(pivot) {
                    queue.edit(|list, make| list.insert(at + usize::from(!before), make(text.clone())));
                }
            }
            Self::Lset(index, text) => {
                if let Some(at) = at(*index).filter(|at| *at < len) {
                    queue.edit(|list, make| list[at] = make(text.clone()));
                }
            }
            Self::Ltrim(from, to) if len > 0 => {
                let (from, to) = (at(*from).unwrap_or(0), at(*to));
                queue.edit(|list, _| {
                    list.truncate(to.map_or(0, |to| to + 1));
                    list.drain(..from.min(list.len()));
                });
            }
            Self::SortStore(skip) if len > 0 => {
                queue.edit(|list, _| drop(list.drain(..(*skip).min(len))));
            }
            Self::CopyFromSide if !queue.side.is_empty() => {
                let side = queue.side.clone();
                queue.edit(|list, make| *list = side.into_iter().map(make).collect());
            }
            _ => {}
        }
    }
}

fn bulk(text: &Text) -> Value {
    Value::BulkString(text.bytes.to_vec())
}

/// A message that is popped and put back is not in any snapshot any more.
fn rotate(queue: &mut Queue, from: End, to: End, answer: &Value) {
    let moved = queue.pop(from);
    moved.iter().for_each(|text| queue.push(to, text));
    assert_eq!(*answer, moved.as_ref().map_or(Value::Nil, bulk));
}
