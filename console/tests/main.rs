//! The program `qadmin` as people and scripts use it, against real servers: `make test`, or
//! `cargo test -p qadmin-console` after `make build`.
#![expect(clippy::panic, reason = "a test fails by panicking")]

mod address;
mod audit;
mod clear;
mod cluster;
mod completion;
mod continuing;
mod docs;
mod doctor;
mod failures;
mod hostile;
mod index;
mod lists;
mod live;
mod man;
mod messages;
mod preview;
mod priorities;
mod sentinel;
mod serve;
mod support;
mod terminal;
mod tls;
mod top;
mod widths;
