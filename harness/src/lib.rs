//! Real servers and realistic Celery messages for qadmin's tests, demo and benchmark.
//!
//! [`Server`] starts a temporary redis-server (or valkey-server) with or without the module, [`Factory`]
//! generates any number of messages from templates that the real Celery made, [`fill()`] pushes them to a
//! queue, [`map`] and [`Fields`] read the module's replies in RESP2 and RESP3, [`Raw`] counts bytes on the
//! wire, and [`Probe`] and [`Traffic`] measure the delays of other clients meanwhile.
//!
//! Everything listens on loopback only; no process outlives the process that started it.
#![expect(clippy::panic, reason = "helpers of tests fail the way tests do, with a sentence")]

mod cluster;
mod examples;
mod factory;
mod fill;
mod native;
mod paths;
mod port;
mod probe;
mod raw;
mod reply;
mod require;
mod server;
mod spawner;
mod stats;
mod template;
mod traffic;
mod wait;

pub use cluster::Cluster;
pub use examples::{EXAMPLES_QUEUE, fill_examples};
pub use factory::{Factory, Facts, Size, TARGET_REPOID, TARGET_TASK};
pub use fill::{fill, fill_between};
pub use native::c_module;
pub use paths::{faults_module_path, module_path, python, server_binary, workspace_root};
pub use port::free_port;
pub use probe::Probe;
pub use raw::Raw;
pub use reply::{Fields, map, maps, text};
pub use require::leave_out;
pub use server::{Builder, Server};
pub use spawner::spawn;
pub use stats::{Series, grouped, rounded};
pub use traffic::{Traffic, TrafficReport};
pub use wait::eventually;
