//! The program `qadmin` as people and scripts use it, against real servers: `make test`, or
//! `cargo test -p qadmin-console` after `make build`.
#![expect(clippy::panic, reason = "a test fails by panicking")]

mod clear;
mod cluster;
mod continuing;
mod docs;
mod doctor;
mod failures;
mod hostile;
mod index;
mod lists;
mod man;
mod preview;
mod priorities;
mod serve;
mod support;
mod terminal;
mod tls;
