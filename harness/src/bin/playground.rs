//! `make playground`: a temporary server with the module and the queue of the documentation's examples, for
//! trying commands by hand. It ends when the user presses Enter or Ctrl-C or its input ends, and removes
//! everything.

use std::io;
use std::process::ExitCode;

use qadmin_harness::{EXAMPLES_QUEUE, Server, fill_examples};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let server = Server::builder().module().try_start()?;
    fill_examples(server.port()).map_err(|e| format!("filling the queue: {e}"))?;
    println!(
        "A throw-away server is running with the module and a queue `{EXAMPLES_QUEUE}`. In another terminal, run:"
    );
    println!("\n    redis-cli -3 -p {}\n", server.port());
    println!("Press Enter to end it.");
    let mut line = String::new();
    io::stdin().read_line(&mut line).map(drop).map_err(|e| e.to_string())
}
