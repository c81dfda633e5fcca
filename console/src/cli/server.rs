//! Options that name the server: those of `redis-cli`, and a URL.

use std::path::PathBuf;

use clap::Args;

/// Where the server is and how to log in.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct Redis {
    /// Address of the server or of any node of a cluster: redis://user:password@host:6379/0, rediss:// for TLS,
    /// unix:///path/redis.sock, redis+sentinel://host:26379,host:26379/service/0. Default: the first of the variables
    /// QADMIN_REDIS_URL, CELERY_BROKER_URL and REDIS_URL that is set, or redis://127.0.0.1:6379/0. Put a URL with a
    /// password into a variable.
    #[arg(long = "redis", value_name = "URL", global = true)]
    pub(crate) url: Option<String>,
    /// Host of the server, as in redis-cli (help is --help). With -h or -p no URL of a variable is used.
    #[arg(short = 'h', long, value_name = "HOST", global = true)]
    pub(crate) host: Option<String>,
    /// Port of the server.
    #[arg(short = 'p', long, value_name = "PORT", global = true)]
    pub(crate) port: Option<u16>,
    /// Number of the database.
    #[arg(short = 'n', long, value_name = "N", global = true)]
    pub(crate) db: Option<u32>,
    /// Password. Other users of the machine can see it here, but not in the variable REDISCLI_AUTH.
    #[arg(short = 'a', long, value_name = "PASSWORD", global = true)]
    pub(crate) password: Option<String>,
    /// Name of the Redis user. This option stands before the command.
    #[arg(id = "login", long = "user", value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// Use TLS with -h and -p. A URL says so by rediss://.
    #[arg(long, global = true)]
    pub(crate) tls: bool,
    /// Certificates (PEM) of the authority that signed the server's certificate. Default: those of the system.
    #[arg(long, value_name = "FILE", env = "QADMIN_REDIS_CACERT", global = true)]
    pub(crate) cacert: Option<PathBuf>,
    /// Certificate (PEM) that this program shows to the server.
    #[arg(long, value_name = "FILE", env = "QADMIN_REDIS_CERT", global = true)]
    pub(crate) cert: Option<PathBuf>,
    /// Private key (PEM) of that certificate. Default: the key in the file of --cert.
    #[arg(id = "cert_key", long = "key", value_name = "FILE", env = "QADMIN_REDIS_KEY", global = true)]
    pub(crate) key: Option<PathBuf>,
    /// Name of the service that the Sentinels watch, if the URL does not contain it.
    #[arg(long, value_name = "NAME", env = "QADMIN_SENTINEL_MASTER", global = true)]
    pub(crate) sentinel_master: Option<String>,
}
