//! One file for each command: it asks the server, shows the reply and decides the exit code.

mod audit;
mod cancel;
mod clear;
mod control;
mod doctor;
mod fields;
mod index;
mod jobs;
mod live;
mod man;
mod preview;
mod queues;
mod render;
mod session;
mod show;
mod stats;
mod status;
mod top;
mod undo;
mod watch;

use crate::cli::{Cli, Command};
use crate::client::Client;
use crate::connection::{Address, Server};
use crate::failure::{Exit, Failure};

use session::Session;

/// Runs the command of the arguments.
pub(crate) fn run(cli: &Cli) -> Result<Exit, Failure> {
    match &cli.command {
        Command::Completions { shell } => man::completions(*shell),
        Command::Serve(args) => crate::serve::run(&cli.redis, args),
        Command::Man { folder } => man::man(folder.as_deref()),
        Command::Top(args) => top::run(&cli.redis, args, cli.output.json),
        Command::Audit(args) => {
            let mut server = Server::new(&Address::of(&cli.redis)?)?;
            audit::run(&mut server, args, cli.output.json)
        }
        Command::Doctor(args) => {
            let mut server = Server::new(&Address::of(&cli.redis)?)?;
            doctor::run(&mut server, args, cli.output.json)
        }
        command => {
            let server = Server::new(&Address::of(&cli.redis)?)?;
            let session =
                Session { client: Client::new(server), json: cli.output.json, quiet: cli.output.quiet };
            with_server(session, command)
        }
    }
}

fn with_server(mut session: Session, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Preview(args) => preview::run(&mut session, args),
        Command::Clear(args) => clear::run(&mut session, args),
        Command::Undo(args) => undo::run(&mut session, args),
        Command::Stats(args) => stats::run(&mut session, args),
        Command::Fields(args) => fields::run(&mut session, args),
        Command::Show(args) => show::run(&mut session, args),
        Command::Jobs(args) => jobs::run(&mut session, args),
        Command::Status(args) => status::run(&mut session, args),
        Command::Watch(args) => watch::run(&mut session, args),
        Command::Cancel(args) => cancel::run(&mut session, args),
        Command::Pause(args) => control::pause(&mut session, args),
        Command::Resume(args) => control::resume(&mut session, args),
        Command::Throttle(args) => control::throttle(&mut session, args),
        Command::Queues(args) => queues::run(&mut session, args),
        Command::Index { command } => index::run(&mut session, command),
        Command::Audit(_)
        | Command::Doctor(_)
        | Command::Serve(_)
        | Command::Top(_)
        | Command::Completions { .. }
        | Command::Man { .. } => Ok(Exit::Done),
    }
}
