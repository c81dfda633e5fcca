//! qadmin's promises, proved against real servers: `make test`, or `cargo test -p qadmin-tests` after
//! `make build venv`.
#![expect(clippy::panic, reason = "a test fails by panicking")]

mod access;
mod celery;
mod cluster;
mod durability;
mod factory;
mod smoke;
mod support;
