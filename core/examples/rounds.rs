//! Rounds of work of the core, for a tool that counts instructions: `make callgrind`.
//!
//! ```text
//! rounds list                 lists the cases: the name, what the figure is for, how many of those one round has
//! rounds NAME ROUNDS          runs a case
//! ```
#![expect(clippy::panic, reason = "a tool for developers: a wrong argument ends it")]

#[path = "../benches/support/mod.rs"]
mod support;

use std::hint::black_box;

use qadmin_core::filter::Matcher;
use support::{cases, decode, filter, matches, message, pickled};

const MESSAGES: u64 = 1_000;

/// Prefix of the cases that build a filter and judge nothing.
const BUILD: &str = "build: ";
const DECODE: &str = "decode of envelope and body";
/// The case `repoid` with pickled bodies.
const PICKLED: &str = "repoid, pickled";

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match &args[..] {
        [word] if word == "list" => list(),
        [name, rounds] => work(name, rounds.parse().expect("a number of rounds")),
        _ => panic!("rounds list | rounds NAME ROUNDS"),
    }
}

fn list() {
    for (name, ..) in cases() {
        println!("{name}\tmessage\t{MESSAGES}");
    }
    println!("{PICKLED}\tmessage\t{MESSAGES}");
    println!("{DECODE}\tmessage\t{MESSAGES}");
    for (name, ..) in cases() {
        println!("{BUILD}{name}\tfilter\t{MESSAGES}");
    }
}

fn work(name: &str, rounds: u64) {
    let messages: Vec<Vec<u8>> = (0..MESSAGES).map(if name == PICKLED { pickled } else { message }).collect();
    if name == PICKLED {
        let mut matcher = Matcher::new(&filter("REPOID 7"));
        for _ in 0..rounds {
            assert_eq!(matches(&mut matcher, &messages), MESSAGES / 50);
        }
        return;
    }
    if name == DECODE {
        for _ in 0..rounds {
            black_box(decode(&messages));
        }
        return;
    }
    let of = name.strip_prefix(BUILD);
    let (_, words, expected) =
        cases().into_iter().find(|(case, ..)| *case == of.unwrap_or(name)).expect("one of the list");
    if of.is_some() {
        for _ in 0..rounds * MESSAGES {
            black_box(Matcher::new(&filter(black_box(&words))));
        }
        return;
    }
    let mut matcher = Matcher::new(&filter(&words));
    for _ in 0..rounds {
        assert_eq!(matches(&mut matcher, &messages), expected(MESSAGES), "{words}");
    }
}
