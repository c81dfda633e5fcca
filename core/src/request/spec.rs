//! The structure of a command's row, and what is derived from it: keywords and the syntax line.
//!
//! The types mirror the server's command info (`RedisModuleCommandInfo`), so that registering a command
//! is a walk over its row.

/// Everything that is known about a command before it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandSpec {
    /// The name as registered, upper case.
    pub name: &'static str,
    /// One line: what it does.
    pub summary: &'static str,
    /// One line: what it costs.
    pub complexity: &'static str,
    /// The version of the module that first had it.
    pub since: &'static str,
    /// Number of arguments with the name; negative: at least that many.
    pub arity: i32,
    /// Flags for the registration.
    pub flags: &'static [&'static str],
    /// ACL categories, for servers on which modules can set them.
    pub categories: &'static [&'static str],
    /// Which arguments are keys.
    pub keys: Keys,
    /// Number of `args` that come first, each once and in this order. The rest begin with keywords.
    pub fixed: usize,
    /// The argument tree.
    pub args: &'static [Arg],
}

/// Which arguments of a command are keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// None.
    None,
    /// The argument at `index` of the command line, where the command's name is 0: one key spec.
    At {
        /// Position in the command line.
        index: u8,
        /// How the command uses it.
        access: KeyAccess,
    },
    /// The value of an optional QUEUE, only read. No key spec: one would win over the getkeys callback,
    /// which answers with [`optional_queue`](super::optional_queue).
    OptionalQueue,
    /// The argument after the first one, where the first one is an action on a queue; only read. No key spec, as above.
    AfterAction,
}

impl Keys {
    /// The server asks the getkeys callback for them.
    #[must_use]
    pub fn are_found_by_callback(self) -> bool {
        matches!(self, Self::OptionalQueue | Self::AfterAction)
    }
}

/// How a command uses a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyAccess {
    /// It reads the key: the key flags RO and ACCESS.
    Read,
    /// It reads the key and deletes in it: the key flags RW, ACCESS and DELETE.
    ReadDelete,
}

/// One argument in the tree of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arg {
    /// Name, unique among its siblings.
    pub name: &'static str,
    /// What it is.
    pub kind: ArgKind,
    /// The keyword before it; for [`ArgKind::PureToken`] the keyword that it is.
    pub token: Option<&'static str>,
    /// Whether it may be left out.
    pub optional: bool,
    /// Whether it may be repeated.
    pub multiple: bool,
    /// If it may be repeated, whether its token is, too.
    pub multiple_token: bool,
    /// For keys: which of the command's key specs it is.
    pub key_spec_index: Option<u8>,
    /// The version of the module that first had it, if that is not the command's.
    pub since: Option<&'static str>,
    /// How a syntax line shows it, if not by its name or its parts.
    pub display_text: Option<&'static str>,
}

/// What an argument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgKind {
    /// Any bytes.
    String,
    /// A decimal number.
    Integer,
    /// A key.
    Key,
    /// A glob pattern.
    Pattern,
    /// A keyword alone.
    PureToken,
    /// One of its parts.
    OneOf(&'static [Arg]),
    /// All of its parts, in their order.
    Block(&'static [Arg]),
}

impl Arg {
    /// A required argument without a keyword.
    #[must_use]
    pub const fn new(name: &'static str, kind: ArgKind) -> Self {
        Self {
            name,
            kind,
            token: None,
            optional: false,
            multiple: false,
            multiple_token: false,
            key_spec_index: None,
            since: None,
            display_text: None,
        }
    }

    /// A keyword alone.
    #[must_use]
    pub const fn word(name: &'static str, token: &'static str) -> Self {
        Self { token: Some(token), ..Self::new(name, ArgKind::PureToken) }
    }

    /// The key that the command's only key spec finds.
    #[must_use]
    pub const fn key(name: &'static str) -> Self {
        Self { key_spec_index: Some(0), ..Self::new(name, ArgKind::Key) }
    }

    /// With a keyword before it.
    #[must_use]
    pub const fn token(self, token: &'static str) -> Self {
        Self { token: Some(token), ..self }
    }

    /// Makes it optional.
    #[must_use]
    pub const fn optional(self) -> Self {
        Self { optional: true, ..self }
    }

    /// Lets it be repeated after one keyword.
    #[must_use]
    pub const fn multiple(self) -> Self {
        Self { multiple: true, ..self }
    }

    /// Lets it be repeated, each time with its keyword.
    #[must_use]
    pub const fn repeated(self) -> Self {
        Self { multiple: true, multiple_token: true, ..self }
    }

    /// Shows it as `text` in a syntax line.
    #[must_use]
    pub const fn shown(self, text: &'static str) -> Self {
        Self { display_text: Some(text), ..self }
    }

    /// The parts of a block or a choice.
    #[must_use]
    pub const fn parts(&self) -> &'static [Self] {
        match self.kind {
            ArgKind::OneOf(parts) | ArgKind::Block(parts) => parts,
            _ => &[],
        }
    }
}

impl CommandSpec {
    /// The keywords after the fixed arguments, in the order of the syntax line.
    #[must_use]
    pub fn keywords(&self) -> Vec<&'static str> {
        let mut found = Vec::new();
        for arg in &self.args[self.fixed..] {
            collect_keywords(arg, &mut found);
        }
        found
    }

    /// Returns whether no value follows this keyword, which is one of [`Self::keywords`].
    #[must_use]
    pub fn is_alone(&self, keyword: &str) -> bool {
        let options = &self.args[self.fixed..];
        options.iter().any(|arg| arg.token == Some(keyword) && matches!(arg.kind, ArgKind::PureToken))
    }

    /// The keyword that `arg` is, in any case of its letters, as the table spells it.
    #[must_use]
    pub fn keyword(&self, arg: &[u8]) -> Option<&'static str> {
        self.keywords().into_iter().find(|keyword| keyword.as_bytes().eq_ignore_ascii_case(arg))
    }
}

// What follows a token belongs to that token; only arguments without one show their parts' keywords.
fn collect_keywords(arg: &Arg, found: &mut Vec<&'static str>) {
    match arg.token {
        Some(token) => found.push(token),
        None => arg.parts().iter().for_each(|part| collect_keywords(part, found)),
    }
}

/// The command as one types it: `QADMIN.STATUS job-id [QUEUE queue] [WAIT ms] ...`.
#[must_use]
pub fn syntax(command: &CommandSpec) -> String {
    let mut line = command.name.to_owned();
    for arg in command.args {
        line.push(' ');
        line.push_str(&show(arg));
    }
    line
}

/// The parts of a block or choice, also where a syntax line shows one word for it.
#[must_use]
pub fn expand(arg: &Arg) -> String {
    let separator = if matches!(arg.kind, ArgKind::OneOf(_)) { " | " } else { " " };
    arg.parts().iter().map(show).collect::<Vec<_>>().join(separator)
}

/// One argument as a syntax line shows it.
#[must_use]
pub fn show(arg: &Arg) -> String {
    let value = match (arg.display_text, arg.kind) {
        (_, ArgKind::PureToken) => String::new(),
        (Some(text), _) => text.to_owned(),
        // The brackets of an optional choice also hold it together.
        (None, ArgKind::OneOf(_)) if arg.optional && arg.token.is_none() => expand(arg),
        (None, ArgKind::OneOf(_)) => format!("<{}>", expand(arg)),
        (None, ArgKind::Block(_)) => expand(arg),
        (None, _) => arg.name.to_owned(),
    };
    let value = if arg.multiple && !arg.multiple_token { format!("{value} [{value} ...]") } else { value };
    let full = match arg.token {
        Some(token) if value.is_empty() => token.to_owned(),
        Some(token) => format!("{token} {value}"),
        None => value,
    };
    match (arg.optional, arg.multiple_token) {
        (true, true) => format!("[{full}]..."),
        (true, false) => format!("[{full}]"),
        (false, true) => format!("{full} [{full}]..."),
        (false, false) => full,
    }
}
