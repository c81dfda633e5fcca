//! qadmin's promises, proved against real servers: `make test`, or `cargo test -p qadmin-tests` after
//! `make build venv`.
#![expect(clippy::panic, reason = "a test fails by panicking")]

mod celery;
mod clients;
mod errors;
mod durability;
mod docs;
mod factory;
mod failures;
mod replies;
mod sample;
mod settings;
mod smoke;
mod stage;
mod support;
mod tiers;
