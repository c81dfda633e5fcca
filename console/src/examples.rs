//! Examples of the commands, for `--help` and for man pages, and the meaning of exit codes.
//!
//! The examples fit the queue of `make playground`, so that tests can run them.

use clap::{Command, CommandFactory as _, FromArgMatches as _};

use crate::cli::Cli;

/// What an example does, and the line to type.
pub(crate) type Example = (&'static str, &'static str);

/// The examples by the name of their command; those of the whole program have its name.
const EXAMPLES: [(&str, &[Example]); 17] = [
    (
        "qadmin",
        &[
            ("See which queues are deep, and which tasks fill one of them:", "qadmin queues"),
            ("", "qadmin stats celery --by task"),
            (
                "Show the messages of one customer; move them away, which can be undone:",
                "qadmin preview celery --where 'kwargs.ownerid = 1008'",
            ),
            ("", "qadmin clear celery --where 'kwargs.ownerid = 1008' --all --park"),
            ("See what is wrong where a command does not work:", "qadmin doctor"),
        ],
    ),
    (
        "preview",
        &[
            (
                "Count the messages of one task, and show ten of them:",
                "qadmin preview celery --task app.tasks.upload.Upload",
            ),
            (
                "Select by an argument, and show the fields that matter:",
                "qadmin preview celery --where 'kwargs.ownerid = 1008' --fields args,kwargs",
            ),
            (
                "Only the number, for a script:",
                "qadmin preview celery --where 'retries >= 3' --sample 0 --json",
            ),
        ],
    ),
    (
        "clear",
        &[
            (
                "Rehearse: count what would be cleared, and change nothing:",
                "qadmin clear celery --task app.tasks.upload.Upload --all --dry-run",
            ),
            (
                "Move the matches to a list from which qadmin undo brings them back:",
                "qadmin clear celery --where 'kwargs.ownerid = 1008' --all --park",
            ),
            (
                "Keep one of equal messages, and delete the others for good:",
                "qadmin clear celery --task app.tasks.notify.Notify --keep-one --by kwargs",
            ),
            (
                "In a script, which cannot be asked:",
                "qadmin clear celery --where 'retries >= 3' --all --park --yes celery",
            ),
        ],
    ),
    (
        "undo",
        &[
            ("Count what would be moved back, then move it back:", "qadmin undo 6f1c2b8e --dry-run"),
            ("", "qadmin undo 6f1c2b8e"),
            ("Move it back so that it runs before everything else:", "qadmin undo 6f1c2b8e --front"),
        ],
    ),
    (
        "stats",
        &[
            ("See which tasks fill a queue:", "qadmin stats celery"),
            ("See whose messages these are:", "qadmin stats celery --by task,kwargs.ownerid --top 5"),
            (
                "Count only some of the messages, by a header:",
                "qadmin stats celery --where 'retries >= 1' --by task,retries",
            ),
        ],
    ),
    (
        "jobs",
        &[
            ("See what runs and what ran, newest first:", "qadmin jobs"),
            ("Only the clears of one queue:", "qadmin jobs celery --kind clear"),
        ],
    ),
    ("status", &[("See what a job did:", "qadmin status 6f1c2b8e")]),
    (
        "watch",
        &[
            ("Follow a job; Ctrl-C leaves it running unless you answer otherwise:", "qadmin watch 6f1c2b8e"),
            ("In a cluster, the queue leads to the node:", "qadmin watch 6f1c2b8e --queue celery"),
        ],
    ),
    (
        "cancel",
        &[("Stop one job, or everything that runs:", "qadmin cancel 6f1c2b8e"), ("", "qadmin cancel --all")],
    ),
    ("resume", &[("Continue a clear that a restart interrupted:", "qadmin resume 6f1c2b8e")]),
    ("throttle", &[("Slow a job down to 500 messages per second:", "qadmin throttle 6f1c2b8e --rate 500")]),
    ("queues", &[("See the deepest queues first:", "qadmin queues"), ("", "qadmin queues --glob 'cel*'")]),
    (
        "top",
        &[
            ("Watch the queues, and see which tasks fill one of them:", "qadmin top"),
            ("See whose messages come in:", "qadmin top --glob 'cel*' --by kwargs.ownerid"),
        ],
    ),
    (
        "index",
        &[
            (
                "Know from now on since when messages wait, and group them at once:",
                "qadmin index create celery --fields task,kwargs.ownerid",
            ),
            ("", "qadmin index info celery"),
        ],
    ),
    ("audit", &[("See who cleared what in the last two hours, and why:", "qadmin audit --since 2h")]),
    (
        "doctor",
        &[
            ("Check the server of the address, on its own machine if possible:", "qadmin doctor"),
            ("Check a replica:", "qadmin doctor --redis redis://replica.example:6379"),
            ("See what is left to do before the module can be removed:", "qadmin doctor --remove"),
        ],
    ),
    (
        "serve",
        &[
            ("On this machine only: http://127.0.0.1:8379/", "qadmin serve"),
            (
                "With a login, behind a proxy with TLS on this machine:",
                "qadmin serve --token-file /etc/qadmin/token --allow-host qadmin.example",
            ),
        ],
    ),
];

/// The exit codes and their meaning; docs/console.md has the same table.
pub(crate) const EXIT_STATUS: [(u8, &str); 12] = [
    (0, "done"),
    (1, "the server refused"),
    (2, "usage"),
    (3, "not confirmed"),
    (4, "a job or a count failed"),
    (5, "the Redis user lacks a permission"),
    (6, "no connection or login"),
    (7, "the module is not loaded"),
    (8, "the server is a replica"),
    (9, "no such job"),
    (10, "doctor found a failure or an open step"),
    (130, "Ctrl-C"),
];

/// Returns the examples of a command; none if it has none.
pub(crate) fn of(command: &str) -> &'static [Example] {
    EXAMPLES.iter().find(|(name, _)| *name == command).map_or(&[], |(_, examples)| examples)
}

/// Parses the arguments of this process. Wrong ones, `--help` and `--version` end the process with clap's codes
/// (2, 0, 0).
pub(crate) fn parse() -> Cli {
    let matches = describe(Cli::command()).get_matches();
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// Adds the examples and the exit codes to the help of the program and of its commands.
fn describe(command: Command) -> Command {
    let codes: Vec<String> = EXIT_STATUS.iter().map(|(code, meaning)| format!("{code} {meaning}")).collect();
    let help = format!("{}\n\nExit codes: {}.", help(of("qadmin")), codes.join("; "));
    command.after_help(help).mut_subcommands(|sub| match of(sub.get_name()) {
        [] => sub,
        examples => sub.after_help(self::help(examples)),
    })
}

/// Returns the text of `--help`: each line below what it does.
fn help(examples: &[Example]) -> String {
    let mut text = "Examples:".to_owned();
    for (what, line) in examples {
        if !what.is_empty() {
            text.push_str("\n  ");
            text.push_str(what);
        }
        text.push_str("\n    ");
        text.push_str(line);
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::{EXAMPLES, describe, of};
    use crate::cli::Cli;

    /// Returns the words of a line up to a pipe, without the quotation marks around them.
    fn words(line: &str) -> Vec<String> {
        let line = line.split(" | ").next().unwrap_or_default();
        let mut words = vec![String::new()];
        let mut quoted = false;
        for c in line.chars() {
            match c {
                '\'' => quoted = !quoted,
                ' ' if !quoted => words.push(String::new()),
                c => words.last_mut().expect("a word").push(c),
            }
        }
        words
    }

    #[test]
    fn every_example_is_accepted_and_is_one_of_its_command() {
        for (command, examples) in EXAMPLES {
            assert!(!examples.is_empty(), "{command}");
            for (_, line) in examples {
                let words = words(line);
                assert_eq!(words[0], "qadmin", "{line}");
                assert!(command == "qadmin" || words[1] == command, "{line} is not an example of {command}");
                let refused = Cli::try_parse_from(&words).err();
                assert!(refused.is_none(), "{line}: {refused:?}");
            }
        }
    }

    #[test]
    fn examples_belong_to_commands_and_fit_80_columns() {
        let command = describe(Cli::command());
        for (name, examples) in EXAMPLES {
            assert!(name == "qadmin" || command.find_subcommand(name).is_some(), "{name}");
            for (what, line) in examples {
                assert!(what.len() <= 78 && line.len() <= 76, "{name}: {line}");
            }
        }
        for name in ["preview", "clear", "undo", "stats", "watch", "doctor", "serve"] {
            assert!(!of(name).is_empty(), "{name} has no examples");
            let help = command.find_subcommand(name).and_then(|sub| sub.get_after_help()).expect("a text");
            assert!(help.to_string().contains(&format!("    qadmin {name}")), "{name}");
        }
    }
}
