//! `qadmin completions` and `qadmin man`. They are generated from the arguments and need no server.

use std::io;
use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::completion;
use crate::failure::{Exit, Failure};
use crate::terminal;

pub(crate) fn completions(shell: Shell) -> Result<Exit, Failure> {
    let mut out = Vec::new();
    let failed = |error: io::Error| Failure::new(Exit::Refused, error.to_string());
    completion::registration(shell, &mut out).map_err(failed)?;
    print(&out)
}

/// Prints the man page of the program, or writes all pages into a folder.
pub(crate) fn man(folder: Option<&Path>) -> Result<Exit, Failure> {
    let failed = |error: io::Error| Failure::new(Exit::Refused, error.to_string());
    if let Some(folder) = folder {
        clap_mangen::generate_to(Cli::command(), folder).map_err(failed)?;
        return Ok(Exit::Done);
    }
    let mut command = Cli::command();
    command.build();
    let mut out = Vec::new();
    clap_mangen::Man::new(command).render(&mut out).map_err(failed)?;
    print(&out)
}

fn print(text: &[u8]) -> Result<Exit, Failure> {
    terminal::print(String::from_utf8_lossy(text).trim_end());
    Ok(Exit::Done)
}
