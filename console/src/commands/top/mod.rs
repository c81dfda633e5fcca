//! `qadmin top`: the queues live, and who fills them.
//!
//! A thread of its own asks the server (`worker.rs`), what is known and selected is in `state.rs`, and `screen.rs` draws it.
//! What changes something is done by the other commands: the screen is left, the command runs as if it had been typed, with its
//! preview and its question, and then the screen returns.

mod screen;
mod state;
mod worker;

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::os::unix::ffi::OsStringExt as _;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser as _;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::cli::{self, Cli};
use crate::client::Client;
use crate::connection::{Address, Server};
use crate::failure::{Exit, Failure};
use crate::interrupt::Following;
use crate::shell::quote;

use state::{Action, State, Verb, option};
use worker::{Ask, News, Worker};

/// The longest time until a key, news of the server or a new size of the terminal is seen.
const STEP: Duration = Duration::from_millis(100);

/// Shows the queues until the user ends it.
///
/// # Errors
/// There is no terminal, or the first question to the server fails.
pub(super) fn run(redis: &cli::Redis, args: &cli::Top, json: bool) -> Result<Exit, Failure> {
    if json || !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(Failure::new(
            Exit::Usage,
            "top needs a terminal; in a script, use qadmin queues --json and qadmin stats --json",
        ));
    }
    let address = Address::of(redis)?;
    let mut worker = Worker::new(Client::new(Server::new(&address)?), args);
    let mut state = State::new(&args.by, args.kind);
    // What is wrong with the server is said before the screen is taken.
    let look = worker.look()?;
    state.learn(News::Look(Ok(look)), Instant::now());
    let ((asks, asked), (say, news)) = (mpsc::channel(), mpsc::channel());
    thread::spawn(move || worker.run(&asked, &say));
    let mut top = Top { redis, address: address.shown(), state, asks, news };
    top.run()
}

struct Top<'a> {
    redis: &'a cli::Redis,
    address: String,
    state: State,
    asks: Sender<Ask>,
    news: Receiver<News>,
}

impl Top<'_> {
    fn run(&mut self) -> Result<Exit, Failure> {
        loop {
            // Ctrl-C is a key here; a signal that something else sends ends the loop, so that the terminal is restored.
            let following = Following::begin();
            let mut terminal = ratatui::try_init().map_err(|error| unusable(&error))?;
            let left = self.show(&mut terminal, &following);
            ratatui::restore();
            drop(following);
            match left.map_err(|error| unusable(&error))? {
                Left::End => return Ok(Exit::Done),
                Left::Run(arguments) => self.command(arguments),
            }
        }
    }

    /// Draws and answers keys until the user ends it or runs a command.
    fn show(&mut self, terminal: &mut DefaultTerminal, following: &Following) -> io::Result<Left> {
        loop {
            let now = Instant::now();
            for news in self.news.try_iter() {
                self.state.learn(news, now);
            }
            if let Some(ask) = self.state.due(now) {
                self.ask(ask);
            }
            terminal.draw(|frame| screen::draw(frame, &self.state, &self.address, now))?;
            if following.pressed() {
                return Ok(Left::End);
            }
            if !event::poll(STEP)? {
                continue;
            }
            let Event::Key(key) = event::read()? else { continue };
            let action = action(key).filter(|_| key.kind != KeyEventKind::Release);
            let page = screen::page(terminal.size()?.height);
            match action {
                Some(Action::Quit) => return Ok(Left::End),
                Some(Action::Run(verb)) => match self.state.arguments(verb) {
                    Ok(arguments) => return Ok(Left::Run(arguments)),
                    Err(first) => self.state.line = Some(first.to_owned()),
                },
                Some(Action::Watch) => match self.state.jobs.first() {
                    Some(job) => {
                        let mut arguments = vec![b"watch".to_vec(), job.job_id.clone().into_bytes()];
                        arguments.extend(option("--queue", &job.queue));
                        return Ok(Left::Run(arguments));
                    }
                    None => self.state.line = Some("No job runs.".to_owned()),
                },
                Some(action) => {
                    if let Some(ask) = self.state.act(action, page) {
                        self.ask(ask);
                    }
                }
                None => {}
            }
        }
    }

    fn ask(&self, ask: Ask) {
        // The thread ends only with this program.
        let _ = self.asks.send(ask);
    }

    /// Runs a command of the program as if it had been typed, and waits until the user has read what it says.
    fn command(&self, arguments: Vec<Vec<u8>>) {
        let shown: Vec<String> = arguments.iter().map(|word| quote(word)).collect();
        println!("$ qadmin {}\n", shown.join(" "));
        let words = arguments.into_iter().map(OsString::from_vec);
        match Cli::try_parse_from(std::iter::once(OsString::from("qadmin")).chain(words)) {
            Ok(mut cli) => {
                cli.redis = self.redis.clone();
                if let Err(failure) = super::run(&cli) {
                    eprintln!("qadmin: {}", failure.words);
                }
            }
            Err(error) => eprintln!("{error}"),
        }
        eprint!("\nPress Enter to return to the queues. ");
        let _ = io::stdin().read_line(&mut String::new());
        self.ask(Ask::Look);
    }
}

/// Why the screen is left.
enum Left {
    End,
    /// To run a command with these arguments.
    Run(Vec<Vec<u8>>),
}

fn unusable(error: &io::Error) -> Failure {
    Failure::new(Exit::Usage, format!("the terminal cannot be used: {error}"))
}

/// What a key does; `None`: nothing.
fn action(key: KeyEvent) -> Option<Action> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return (key.code == KeyCode::Char('c')).then_some(Action::Quit);
    }
    Some(match key.code {
        KeyCode::Up | KeyCode::Char('k') => Action::Up,
        KeyCode::Down | KeyCode::Char('j') => Action::Down,
        KeyCode::PageUp => Action::PageUp,
        KeyCode::PageDown => Action::PageDown,
        KeyCode::Left | KeyCode::Esc => Action::Queues,
        KeyCode::Right | KeyCode::Enter => Action::Groups,
        KeyCode::Tab | KeyCode::BackTab => Action::Switch,
        KeyCode::Char('g') => Action::Count,
        KeyCode::Char('s') => Action::Sort,
        KeyCode::Char('p') => Action::Run(Verb::Preview),
        KeyCode::Char('m') => Action::Run(Verb::Park),
        KeyCode::Char('d') => Action::Run(Verb::Clear),
        KeyCode::Char('w') => Action::Watch,
        KeyCode::Char('?' | 'h') => Action::Help,
        KeyCode::Char('q') => Action::Quit,
        _ => return None,
    })
}
