//! qadmin's promises, proved against real servers: `make test`, or `cargo test -p qadmin-tests` after
//! `make build venv`.
#![expect(clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::too_many_lines, reason = "a test may be one table of cases")]

mod access;
mod bodies;
mod bounds;
mod busy;
mod callers;
mod celery;
mod clients;
mod cluster;
mod containers;
mod control;
mod docs;
mod durability;
mod errors;
mod events;
mod examples;
mod factory;
mod failures;
mod faults;
mod found;
mod hostile;
mod ids;
mod inexact;
mod introspection;
mod joins;
mod kinds;
mod limits;
mod live;
mod model;
mod moves;
mod neighbours;
mod no_match;
mod observability;
mod options;
mod priorities;
mod queues;
mod renamed;
mod replies;
mod room;
mod sample;
mod selectors;
mod settings;
mod shapes;
mod sizes;
mod smoke;
mod stage;
mod stats;
mod support;
mod tiers;
mod unacked;
mod undo;
mod unload;
mod valkey;
mod values;
