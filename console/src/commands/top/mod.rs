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
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser as _;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, enable_raw_mode};
use ratatui::{DefaultTerminal, Terminal};
use signal_hook::consts::{SIGHUP, SIGQUIT, SIGTERM};
use signal_hook::flag;

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
/// Time between two drawings of what has not changed, apart from ages.
const REDRAWN: Duration = Duration::from_secs(1);
/// Fields by which messages are grouped.
const BY: usize = 4;

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
    if args.by.len() > BY {
        return Err(Failure::new(Exit::Usage, format!("--by takes at most {BY} fields")));
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
        let signals = Signals::catch().map_err(|error| unusable(&error))?;
        // Once: it also has the terminal restored after a panic.
        let mut terminal = ratatui::try_init().map_err(|error| unusable(&error))?;
        loop {
            let left = self.show(&mut terminal, &signals);
            ratatui::restore();
            match left.map_err(|error| unusable(&error))? {
                Left::End => return Ok(Exit::Done),
                Left::Run(arguments) => signals.without(|| self.command(arguments)),
            }
            terminal = again().map_err(|error| unusable(&error))?;
        }
    }

    /// Draws and answers keys until the user ends it or runs a command.
    fn show(&mut self, terminal: &mut DefaultTerminal, signals: &Signals) -> io::Result<Left> {
        // Ctrl-C is a key here; a signal that something else sends ends the loop, so that the terminal is restored.
        let following = Following::begin();
        // What was typed before this screen was there is not meant for it.
        skip_keys()?;
        let mut drawn: Option<Instant> = None;
        loop {
            let now = Instant::now();
            loop {
                match self.news.try_recv() {
                    Ok(news) => {
                        self.state.learn(news, now);
                        drawn = None;
                    }
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => {
                        return Err(io::Error::other("the thread that asks the server is gone"));
                    }
                }
            }
            if let Some(ask) = self.state.due(now) {
                self.ask(ask);
            }
            if drawn.is_none_or(|drawn| now.saturating_duration_since(drawn) >= REDRAWN) {
                terminal.draw(|frame| screen::draw(frame, &self.state, &self.address, now))?;
                drawn = Some(now);
            }
            if following.pressed() || signals.caught() {
                return Ok(Left::End);
            }
            if !event::poll(STEP)? {
                continue;
            }
            drawn = None;
            let Event::Key(key) = event::read()? else { continue };
            let action = action(key).filter(|_| key.kind != KeyEventKind::Release);
            if let Some(left) = self.act(action, screen::page(terminal.size()?.height), now) {
                if matches!(left, Left::Run(_)) {
                    skip_keys()?;
                }
                return Ok(left);
            }
        }
    }

    /// Does what a key asks for. Returns why the screen is left, if it is.
    fn act(&mut self, action: Option<Action>, page: usize, now: Instant) -> Option<Left> {
        let action = match action {
            Some(Action::Quit) => return Some(Left::End),
            // What is below the help is not seen.
            _ if self.state.helps => Action::Help,
            action => action?,
        };
        match action {
            Action::Run(verb) => match self.state.arguments(verb) {
                Ok(arguments) => return Some(Left::Run(arguments)),
                Err(first) => self.state.line = Some(first.to_owned()),
            },
            Action::Watch => match self.state.jobs.as_ref().map(|jobs| jobs.first()) {
                Ok(Some(job)) => {
                    let mut arguments = vec![b"watch".to_vec(), job.job_id.clone().into_bytes()];
                    arguments.extend(option("--queue", &job.queue));
                    return Some(Left::Run(arguments));
                }
                Ok(None) => self.state.line = Some("No job runs.".to_owned()),
                Err(why) => self.state.line = Some(why.clone()),
            },
            action => {
                if let Some(ask) = self.state.act(action, page, now) {
                    self.ask(ask);
                }
            }
        }
        None
    }

    fn ask(&self, ask: Ask) {
        // If the thread is gone, the next look at its news says so.
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

/// Takes the screen again.
fn again() -> io::Result<DefaultTerminal> {
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen)?;
    Terminal::new(CrosstermBackend::new(io::stdout()))
}

/// Reads keys that were pressed and does nothing.
fn skip_keys() -> io::Result<()> {
    while event::poll(Duration::ZERO)? {
        event::read()?;
    }
    Ok(())
}

/// The signals that end the program, caught while the screen is shown.
struct Signals {
    caught: Arc<AtomicBool>,
    /// They end the program at once.
    is_away: Arc<AtomicBool>,
}

impl Signals {
    fn catch() -> io::Result<Self> {
        let signals = Self { caught: Arc::default(), is_away: Arc::default() };
        for signal in [SIGTERM, SIGHUP, SIGQUIT] {
            flag::register_conditional_default(signal, Arc::clone(&signals.is_away))?;
            flag::register(signal, Arc::clone(&signals.caught))?;
        }
        Ok(signals)
    }

    fn caught(&self) -> bool {
        self.caught.load(Ordering::SeqCst)
    }

    /// Does something during which the signals end the program.
    fn without(&self, what: impl FnOnce()) {
        self.is_away.store(true, Ordering::SeqCst);
        what();
        self.is_away.store(false, Ordering::SeqCst);
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
    match key.modifiers {
        KeyModifiers::CONTROL => return (key.code == KeyCode::Char('c')).then_some(Action::Quit),
        // Esc and another key soon after it arrive as one key with Alt.
        modifiers if modifiers.contains(KeyModifiers::ALT) => return Some(Action::Queues),
        _ => {}
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
