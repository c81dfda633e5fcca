//! `qadmin serve`, from outside.

mod actions;
mod answers;
mod audit;
mod browser;
mod connections;
mod gate;
mod index;
mod login;
mod message;
mod monitoring;
mod queues;

use qadmin_harness::{Server, fill_examples};

use crate::support::page::Page;

/// The preview of the examples' matches.
pub(crate) const TARGET: &str = "queue=celery&task=app.tasks.upload.Upload&repoid=147107";

/// A server with the queue of the examples, and a page about it.
fn examples() -> (Server, Page) {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let page = Page::start(&server.url(0), &["--actor", "jane"]);
    (server, page)
}

fn depth(server: &Server) -> u64 {
    redis::cmd("LLEN").arg("celery").query(&mut server.conn()).expect("LLEN")
}
