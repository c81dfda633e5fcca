//! qadmin's promises, proved against real servers: `make test`, or `cargo test -p qadmin-tests` after
//! `make build venv`.
#![expect(clippy::panic, reason = "a test fails by panicking")]

mod celery;
mod factory;
mod live;
mod model;
mod smoke;
mod support;
