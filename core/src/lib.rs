//! The server-independent core of qadmin: parsing, filtering, scanning, and the state of jobs.
//!
//! This crate decides what a command means, which message matches, where a scan is and how a job ends. It knows no
//! Redis, reads no clock and keeps no global. The module crate gives it requests, an opened queue and the time,
//! and turns its results into replies.
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
pub mod message_place;
pub mod moved;
pub mod near;
pub mod no_match;
mod numbered;
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
pub mod tokens;
pub mod unit;
