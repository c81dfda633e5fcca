//! The meaning of qadmin, without a server.
//!
//! Everything that decides what a command means, which message matches, where a scan stands and how a
//! job ends lives here; nothing here knows Redis, reads a clock or keeps a global. The module crate feeds
//! it requests, an opened queue and the time, and turns what it answers into replies.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::too_many_lines, reason = "a test may be one table of cases"))]

pub mod args;
pub mod arrival;
#[cfg(test)]
mod circles_test;
pub mod container;
pub mod error;
pub mod excerpt;
pub mod field;
pub mod filter;
pub mod format;
pub mod ids;
pub mod index;
pub mod job;
mod json;
pub mod kind;
pub mod match_notices;
pub mod moved;
pub mod near;
pub mod no_match;
pub mod priorities;
pub mod queue;
pub mod queues;
pub mod reply;
pub mod request;
pub mod rules;
pub mod scan;
pub mod settings;
pub mod slot;
mod time;
pub mod unit;
