//! `qadmin completions` and `qadmin man`. They are generated from the arguments and need no server.

use std::io;
use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::cli::Cli;
use crate::completion;
use crate::examples::{self, EXIT_STATUS};
use crate::failure::{Exit, Failure};
use crate::terminal;

/// What man pages say about files, beside those of options.
const FILES: [(&str, &str); 3] = [
    ("/usr/share/doc/qadmin/docs/runbook.md", "what to type in an incident, by symptom"),
    ("/usr/share/doc/qadmin/docs/README.md", "the index of the documentation"),
    (
        "/usr/lib/redis/modules/libqadmin.so",
        "the module, where a Debian package installs it; /usr/lib64 in other packages",
    ),
];

/// Variables that are not options.
const VARIABLES: [(&str, &str); 5] = [
    ("QADMIN_REDIS_URL", "Address of the server, without --redis, -h and -p."),
    ("CELERY_BROKER_URL", "Likewise, without the variable before."),
    ("REDIS_URL", "Likewise, without the variables before."),
    ("REDISCLI_AUTH", "Password, if neither -a nor the URL contains one."),
    ("NO_COLOR", "If it is set, the output has no colours."),
];

pub(crate) fn completions(shell: Shell) -> Result<Exit, Failure> {
    let mut out = Vec::new();
    let failed = |error: io::Error| Failure::new(Exit::Refused, error.to_string());
    completion::registration(shell, &mut out).map_err(failed)?;
    print(&out)
}

/// Prints the man page of the program, or writes all pages into a folder.
pub(crate) fn man(folder: Option<&Path>) -> Result<Exit, Failure> {
    let failed = |error: io::Error| Failure::new(Exit::Refused, error.to_string());
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    if let Some(folder) = folder {
        write_all(&program, &program, folder).map_err(failed)?;
        return Ok(Exit::Done);
    }
    print(&page(&program, &program).map_err(failed)?)
}

/// Writes the pages of a command and of those below it.
fn write_all(program: &Command, command: &Command, folder: &Path) -> io::Result<()> {
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        write_all(program, sub, folder)?;
    }
    std::fs::write(folder.join(format!("{}.1", name_of(command))), page(program, command)?)
}

/// Returns the name of a command's page: `qadmin-index-create`.
fn name_of(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

/// Returns the page of a command: the sections that clap knows, then those that it does not.
fn page(program: &Command, command: &Command) -> io::Result<Vec<u8>> {
    let version = program.get_version().unwrap_or_default();
    let man = Man::new(command.clone()).date(date()).source(format!("qadmin {version}")).manual("qadmin");
    let mut out = Vec::new();
    man.render_title(&mut out)?;
    man.render_name_section(&mut out)?;
    man.render_synopsis_section(&mut out)?;
    man.render_description_section(&mut out)?;
    man.render_options_section(&mut out)?;
    if command.get_subcommands().any(|sub| !sub.is_hide_set()) {
        man.render_subcommands_section(&mut out)?;
    }
    let mut more = Roff::default();
    add_examples(&mut more, command);
    add_list(
        &mut more,
        "EXIT STATUS",
        EXIT_STATUS.map(|(code, meaning)| (code.to_string(), meaning.to_owned())),
    );
    add_list(&mut more, "ENVIRONMENT", variables(command));
    add_list(&mut more, "FILES", FILES.map(|(name, what)| (name.to_owned(), what.to_owned())));
    add_references(&mut more, program, command);
    more.to_writer(&mut out)?;
    Ok(out)
}

/// Returns the day of the page: that of the sources (SOURCE_DATE_EPOCH, seconds), so that packing twice makes
/// the same bytes; without it, today.
fn date() -> String {
    let seconds = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    let time = seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.unwrap_or_else(jiff::Timestamp::now).strftime("%Y-%m-%d").to_string()
}

fn add_examples(page: &mut Roff, command: &Command) {
    let examples = examples::of(command.get_name());
    if examples.is_empty() {
        return;
    }
    page.control("SH", ["EXAMPLES"]);
    for (at, (what, line)) in examples.iter().enumerate() {
        // The heading begins a paragraph itself.
        if !what.is_empty() && at > 0 {
            page.control("PP", []);
        }
        if !what.is_empty() {
            page.text([roman(*what)]);
        }
        page.control("RS", ["4"]);
        page.control("nf", []);
        page.text([bold(*line)]);
        page.control("fi", []);
        page.control("RE", []);
    }
}

/// Adds a section of names with their descriptions.
fn add_list(page: &mut Roff, section: &str, rows: impl IntoIterator<Item = (String, String)>) {
    page.control("SH", [section]);
    for (name, what) in rows {
        page.control("TP", []);
        page.text([bold(name)]);
        page.text([roman(what)]);
    }
}

/// Returns the variables of a command's options, with the names and the help of these options.
fn variables(command: &Command) -> Vec<(String, String)> {
    let of_options = command.get_arguments().filter(|arg| !arg.is_hide_set()).filter_map(|arg| {
        let name = arg.get_env()?.to_string_lossy().into_owned();
        let option = arg.get_long().map_or_else(String::new, |long| format!("As --{long}: "));
        Some((name, format!("{option}{}", arg.get_help()?)))
    });
    let others = VARIABLES.iter().map(|(name, what)| ((*name).to_owned(), (*what).to_owned()));
    of_options.chain(others).collect()
}

/// Adds the names of the other pages.
fn add_references(page: &mut Roff, program: &Command, command: &Command) {
    let pages = std::iter::once(program).chain(program.get_subcommands().filter(|sub| !sub.is_hide_set()));
    let own = pages.map(name_of).filter(|name| *name != name_of(command));
    let mut names: Vec<String> = own.map(str::to_owned).collect();
    names.sort();
    names.extend(["redis-cli".to_owned(), "redis-server".to_owned()]);
    page.control("SH", ["SEE ALSO"]);
    let last = names.len().saturating_sub(1);
    for (at, name) in names.iter().enumerate() {
        let comma = if at == last { "" } else { "," };
        page.text([bold(name.as_str()), roman(format!("(1){comma}"))]);
    }
}

fn print(text: &[u8]) -> Result<Exit, Failure> {
    terminal::print(String::from_utf8_lossy(text).trim_end());
    Ok(Exit::Done)
}
