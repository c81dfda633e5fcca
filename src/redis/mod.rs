//! The boundary: all code that calls the server's C interface, and the only `unsafe` code of the project.
//!
//! The rest of the module sees safe Rust over bytes. These numbered invariants are what every `unsafe` block below
//! relies on:
//!
//! - **S1 main thread.** The server calls every callback of this module on its main thread, and the module
//!   starts no thread of its own.
//! - **S2 callback scope.** A context pointer is valid for the callback that it was given to; [`Ctx`] cannot
//!   outlive it. The one detached context ([`Ctx::detached`]) lives from load to unload.
//! - **S3 checked symbols.** `OnLoad` refuses to load when a function of `api::REQUIRED` is missing;
//!   optional ones are asked for with `api::has`.
//! - **S4 owned once.** Strings, replies and key handles are freed by the `Drop` of the one value that owns
//!   them, with the allocator's own function, before the callback ends.
//! - **S5 no unwinding.** No panic crosses into C: every `extern "C"` function runs inside [`guard`].

pub(crate) mod acl;
mod alloc;
pub(crate) mod api;
pub(crate) mod block;
pub(crate) mod call;
pub(crate) mod caller;
pub(crate) mod clock;
pub(crate) mod command;
pub(crate) mod config;
pub(crate) mod ctx;
pub(crate) mod event_loop;
pub(crate) mod events;
pub(crate) mod fault;
pub(crate) mod guard;
pub(crate) mod hash;
pub(crate) mod info;
pub(crate) mod job_hashes;
pub(crate) mod key;
pub(crate) mod keyspace;
pub(crate) mod list;
mod load;
pub(crate) mod log;
pub(crate) mod main_cell;
pub(crate) mod message_hash;
mod opened_key;
pub(crate) mod reply;
pub(crate) mod scan;
pub(crate) mod server;
pub(crate) mod string;
pub(crate) mod zset;
pub(crate) mod zset_reader;

pub(crate) use ctx::Ctx;
pub(crate) use string::RString;
