//! `qadmin`: previews and clears live job queues from a terminal, a script or a browser.
//!
//! The program talks to servers that have the module of the same name. Everything that decides which message is cleared
//! happens there. This crate parses arguments and shows tables, progress bars, questions and pages.

mod ages;
mod audit;
mod cli;
mod client;
mod commands;
mod completion;
mod connection;
mod continuing;
mod csv;
mod doctor;
mod examples;
mod failure;
mod filter_syntax;
mod grid;
mod group;
mod index;
mod interrupt;
mod job_id;
mod json_text;
mod kind;
mod lists;
mod messages;
mod monitoring;
mod near;
mod progress;
mod prompt;
mod reply;
mod serve;
mod shell;
mod table;
mod terminal;
mod text;
mod undo;

use std::process::ExitCode;

fn main() -> ExitCode {
    completion::answer();
    let cli = examples::parse();
    if !matches!(cli.command, cli::Command::Serve(_)) {
        interrupt::install();
    }
    if cli.output.wide {
        terminal::widen();
    }
    let json = cli.output.json;
    match commands::run(&cli) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if json {
                terminal::print_json(&failure.json());
            }
            eprintln!("qadmin: {}", failure.words);
            failure.exit.into()
        }
    }
}
