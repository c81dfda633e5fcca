//! Where a server is, how to log in, and how TLS is spoken.

use std::fmt;
use std::path::PathBuf;

use crate::text::escape;

/// Default port of a server.
pub(super) const PORT: u16 = 6379;
/// Default port of a Sentinel.
pub(super) const SENTINEL_PORT: u16 = 26379;

/// What named the server, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// `--redis`
    Url,
    /// `-h` and `-p`
    Parts,
    Variable(&'static str),
    /// Nothing did.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url => f.write_str("--redis"),
            Self::Parts => f.write_str("-h and -p"),
            Self::Variable(name) => f.write_str(name),
            Self::Default => f.write_str("the default; --redis, -h or QADMIN_REDIS_URL name another server"),
        }
    }
}

/// Host and port.
pub(super) type Node = (String, u16);

/// Where the server is.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(super) enum Place {
    Tcp(Node),
    Unix(PathBuf),
    /// Sentinels that know where the primary of a service is. The service can follow from an option.
    Sentinels {
        nodes: Vec<Node>,
        service: Option<String>,
        login: Login,
    },
}

/// User and password.
#[derive(Clone, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(super) struct Login {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
}

/// How TLS is spoken.
#[derive(Clone, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(super) struct Tls {
    /// Whether no certificate of the server is checked.
    pub(super) insecure: bool,
    /// Whether the server's certificate may have another name.
    pub(super) any_name: bool,
    pub(super) ca: Option<PathBuf>,
    pub(super) cert: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
}

/// A server, and how to log in. It has no `Debug`, because it can contain a password.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Address {
    pub(super) place: Place,
    pub(super) login: Login,
    pub(super) db: u32,
    /// `None`: no TLS.
    pub(super) tls: Option<Tls>,
    pub(super) source: Source,
}

impl Address {
    /// The server for people, without user and password.
    pub(crate) fn shown(&self) -> String {
        match &self.place {
            Place::Tcp((host, port)) => escape(format!("{host}:{port}").as_bytes()),
            Place::Unix(path) => escape(path.as_os_str().as_encoded_bytes()),
            Place::Sentinels { service, .. } => {
                let service = service.as_deref().unwrap_or_default();
                format!("the primary of {}", escape(service.as_bytes()))
            }
        }
    }

    /// A place without a login.
    pub(super) fn at(place: Place) -> Self {
        Self { place, login: Login::default(), db: 0, tls: None, source: Source::Default }
    }
}
