//! One client: it sends commands, and reads, counts and checks each reply of the module.

use qadmin_harness::Raw;
use redis::Value;

use crate::chance::Chance;
use crate::gate::Inside;
use crate::tally::End;
use crate::world::World;

/// The error codes with which the module and the server can refuse a command of the module. OOM is not among
/// them: only a dry run and a transaction can be refused for lack of memory.
const CODES: [&str; 13] = [
    "ERR",
    "CONFIRM",
    "NOJOB",
    "TOOMANYJOBS",
    "WRONGTYPE",
    "NOPERM",
    "READONLY",
    "LOADING",
    "NOREPLICAS",
    "MISCONF",
    "MASTERDOWN",
    "EXECABORT",
    "UNBLOCKED",
];

/// The result of a command.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A reply.
    Value(Value),
    /// An error line.
    Refused(String),
    /// The connection ended before the reply.
    Cut,
}

/// The connection of one client.
pub(crate) struct Client<'w> {
    pub(crate) world: &'w World,
    pub(crate) chance: Chance,
    pub(crate) port: u16,
    number: u64,
    /// Whether other clients can kill its connection; false for every client whose pops are accounted for.
    victim: bool,
    raw: Option<Raw>,
    generation: u64,
    /// Whether a transaction is open: if memory is short, the server itself then refuses to queue any
    /// command.
    in_multi: bool,
}

impl<'w> Client<'w> {
    /// Creates a client that is not connected yet.
    pub(crate) fn new(world: &'w World, number: u64, port: u16, victim: bool) -> Self {
        let chance = Chance::of(world.seed, number);
        Self { world, chance, port, number, victim, raw: None, generation: 0, in_multi: false }
    }

    /// Begins one step; the gate cannot close until the step ends.
    pub(crate) fn step(&mut self) -> Inside<'w> {
        let inside = self.world.gate.enter();
        if self.generation != inside.generation {
            self.generation = inside.generation;
            self.hang_up();
        }
        inside
    }

    /// Sends a command of texts.
    pub(crate) fn say(&mut self, words: &[&str]) -> Answer {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        self.call(&words)
    }

    /// Sends BRPOP of some keys.
    pub(crate) fn brpop(&mut self, keys: &[&str], seconds: &str) -> Answer {
        let _blocked = self.world.blocked.read().expect("no thread panics while it holds this lock");
        self.say(&[&["BRPOP"], keys, &[seconds]].concat())
    }

    /// Sends a command and reads its reply.
    pub(crate) fn call(&mut self, args: &[&[u8]]) -> Answer {
        let name = name_of(args);
        let answer = self.exchange(args);
        match (name.as_str(), &answer) {
            ("MULTI", Answer::Value(_)) => self.in_multi = true,
            ("EXEC" | "DISCARD", _) => self.in_multi = false,
            _ => {}
        }
        match &answer {
            Answer::Value(value) => {
                self.world.tally.note(&name, End::Fine);
                if name.starts_with("QADMIN.")
                    && let Err(why) = crate::replies::judge(&name, args, value)
                {
                    self.world.violated(format!("{why}: {} answered {value:?}", shown(args)));
                }
            }
            Answer::Refused(line) => {
                let code = line.split(' ').next().unwrap_or_default();
                self.world.tally.note(&name, End::Refused(code));
                // A dry run leaves a record, which needs memory.
                let dry_run = args.iter().any(|arg| arg.eq_ignore_ascii_case(b"DRYRUN"));
                let known = CODES.contains(&code) || (code == "OOM" && (self.in_multi || dry_run));
                // While the module is unloaded, the server itself replies and repeats the arguments
                // unchanged.
                let away = line.starts_with("ERR unknown command");
                let lawful = away || known && line.bytes().all(|byte| (b' '..0x7f).contains(&byte));
                if name.starts_with("QADMIN.") && !lawful {
                    self.world.violated(format!("{} answered {line:?}", shown(args)));
                }
            }
            Answer::Cut => {
                self.hang_up();
                self.world.tally.note(&name, End::Cut);
                if !self.victim {
                    self.world.violated(format!("the connection ended during {}", shown(args)));
                }
            }
        }
        answer
    }

    fn exchange(&mut self, args: &[&[u8]]) -> Answer {
        if self.raw.is_none() && !self.connect() {
            return Answer::Cut;
        }
        self.world.begins(self.number, shown(args));
        let reply = self.raw.as_mut().map(|raw| raw.try_call(args));
        self.world.ends(self.number);
        match reply {
            Some(Ok(bytes)) => self.parse(&bytes),
            Some(Err(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
                self.world.violated(format!("the reply to {} is not valid RESP", shown(args)));
                Answer::Cut
            }
            _ => Answer::Cut,
        }
    }

    fn parse(&self, bytes: &[u8]) -> Answer {
        if let Some(line) = bytes.strip_prefix(b"-") {
            return Answer::Refused(String::from_utf8_lossy(line).trim_end_matches("\r\n").to_string());
        }
        match redis::parse_redis_value(bytes) {
            Ok(value) => Answer::Value(value),
            Err(error) => {
                self.world.violated(format!("a reply does not parse ({error}): {bytes:?}"));
                Answer::Cut
            }
        }
    }

    /// Connects; half of the clients that can be killed speak RESP3.
    fn connect(&mut self) -> bool {
        let Ok(mut raw) = Raw::try_connect(self.port) else { return false };
        if self.victim {
            let resp3 = self.chance.percent(50);
            let Ok(id) = raw.try_call(&[b"CLIENT", b"ID"]) else { return false };
            if resp3 && raw.try_call(&[b"HELLO", b"3"]).is_err() {
                return false;
            }
            if self.port == self.world.port {
                self.world.victim(String::from_utf8_lossy(&id).trim_matches([':', '\r', '\n']).to_string());
            }
        }
        self.raw = Some(raw);
        true
    }

    /// Drops the connection; the next command creates another one.
    pub(crate) fn hang_up(&mut self) {
        self.in_multi = false;
        self.raw = None;
    }
}

/// Returns the name of a command in the summary.
fn name_of(args: &[&[u8]]) -> String {
    let word = |i: usize| args.get(i).map(|arg| String::from_utf8_lossy(arg).to_uppercase());
    let first = word(0).unwrap_or_default();
    match first.as_str() {
        "CLIENT" | "DEBUG" | "ACL" | "SCRIPT" | "MODULE" | "CONFIG" => {
            format!("{first} {}", word(1).unwrap_or_default())
        }
        _ => first,
    }
}

/// Returns a command as a line for a person.
fn shown(args: &[&[u8]]) -> String {
    let words = args.iter().map(|arg| arg.escape_ascii().to_string().chars().take(120).collect::<String>());
    words.take(24).collect::<Vec<_>>().join(" ")
}
