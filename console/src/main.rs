//! `qadmin`: looks at live job queues and clears them, from a terminal or a script.
//!
//! It speaks to servers that have the module of the same name; everything that decides which message goes happens
//! there. Here is what people see of it: arguments in, tables, bars and questions out.

mod cli;
mod client;
mod commands;
mod connection;
mod failure;
mod filter_syntax;
mod interrupt;
mod kind;
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

use clap::Parser as _;

fn main() -> ExitCode {
    // Usage errors, --help and --version end the process in here, with clap's own codes (2, 0, 0).
    let cli = cli::Cli::parse();
    if !matches!(cli.command, cli::Command::Serve(_)) {
        interrupt::install();
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
