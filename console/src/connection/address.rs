//! Which server is meant: options first, then variables of the environment.

use super::place::{Address, PORT, Place, Source, Tls};
use super::url;
use crate::cli::Redis;
use crate::failure::{Exit, Failure};
use crate::text::escape;

/// Variables that can contain a URL, in the order in which they are read.
const VARIABLES: [&str; 3] = ["QADMIN_REDIS_URL", "CELERY_BROKER_URL", "REDIS_URL"];
/// The variable of `redis-cli` for a password.
const PASSWORD: &str = "REDISCLI_AUTH";

impl Address {
    /// The address that options and environment name.
    ///
    /// # Errors
    /// An option or a variable is invalid. The text names it and repeats nothing that can be a password.
    pub(crate) fn of(options: &Redis) -> Result<Self, Failure> {
        Self::from(options, |name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn from(options: &Redis, variable: impl Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let usage = |words: String| Err(Failure::new(Exit::Usage, words));
        let has_parts = options.host.is_some() || options.port.is_some();
        if options.url.is_some() && has_parts {
            return usage("--redis and -h or -p both name a server; give one of them".to_owned());
        }
        let found = VARIABLES.iter().find_map(|name| Some((Source::Variable(name), variable(name)?)));
        let mut address = match (&options.url, found) {
            (Some(text), _) => parsed(text, Source::Url)?,
            (None, Some((source, text))) if !has_parts => parsed(&text, source)?,
            _ => {
                let host = options.host.clone().unwrap_or_else(|| "127.0.0.1".to_owned());
                let source = if has_parts { Source::Parts } else { Source::Default };
                Self { source, ..Self::at(Place::Tcp((host, options.port.unwrap_or(PORT)))) }
            }
        };
        if options.tls && matches!(address.source, Source::Parts | Source::Default) {
            address.tls = Some(Tls::default());
        } else if options.tls && address.tls.is_none() {
            return usage(format!(
                "--tls goes with -h and -p; the URL ({}) has to begin with rediss:// for TLS",
                address.source
            ));
        }
        address.db = options.db.unwrap_or(address.db);
        let given = |value: &Option<String>| value.clone().filter(|text| !text.is_empty());
        address.login.user = given(&options.user).or(address.login.user);
        address.login.password =
            given(&options.password).or(address.login.password).or_else(|| variable(PASSWORD));
        if let Place::Sentinels { service, .. } = &mut address.place {
            *service = service.take().or_else(|| given(&options.sentinel_master));
            if service.is_none() {
                return usage(format!(
                    "{} names Sentinels, but not the service whose primary they know: add --sentinel-master NAME (in Celery \
                     it is master_name of broker_transport_options)",
                    address.source
                ));
            }
        }
        if let Some(tls) = &mut address.tls {
            tls.ca = options.cacert.clone().or(tls.ca.take());
            tls.cert = options.cert.clone().or(tls.cert.take());
            tls.key = options.key.clone().or(tls.key.take());
            if tls.key.is_some() && tls.cert.is_none() {
                return usage("--key needs the certificate of the key: --cert FILE".to_owned());
            }
        }
        Ok(address)
    }
}

fn parsed(text: &str, source: Source) -> Result<Address, Failure> {
    let address = url::parse(text).map_err(|why| {
        let hint = match source {
            Source::Variable("QADMIN_REDIS_URL") | Source::Url => "",
            _ => ". --redis URL and QADMIN_REDIS_URL come before this variable",
        };
        Failure::new(
            Exit::Usage,
            format!(
                "the address of the server in {source} is invalid: {}; expected redis://user:password@host:6379/0, \
                 rediss://host:6379/0, unix:///path/redis.sock or redis+sentinel://host:26379/service/0{hint}",
                escape(why.as_bytes())
            ),
        )
    })?;
    Ok(Address { source, ..address })
}

#[cfg(test)]
mod tests {
    use super::super::place::Login;
    use super::*;

    fn of(options: &Redis, variables: &[(&str, &str)]) -> Result<Address, String> {
        let variable = |name: &str| {
            variables.iter().find(|(given, _)| *given == name).map(|(_, value)| (*value).to_owned())
        };
        Address::from(options, variable).map_err(|failure| failure.words)
    }

    fn host(address: &Address) -> &str {
        match &address.place {
            Place::Tcp((host, _)) => host,
            Place::Unix(_) | Place::Sentinels { .. } => "",
        }
    }

    #[test]
    fn options_come_before_variables_in_their_order() {
        let all = [
            ("REDIS_URL", "redis://c/3"),
            ("CELERY_BROKER_URL", "redis://b/2"),
            ("QADMIN_REDIS_URL", "redis://u:p@a/1"),
        ];
        let none = Redis::default();
        for (count, wanted) in [(3, ("a", 1)), (2, ("b", 2)), (1, ("c", 3)), (0, ("127.0.0.1", 0))] {
            let found = of(&none, &all[..count]).expect("an address");
            assert_eq!((host(&found), found.db), wanted);
        }
        let url = Redis { url: Some("redis://o".to_owned()), ..Redis::default() };
        assert_eq!(host(&of(&url, &all).expect("an address")), "o");
        // The password of a variable is not sent to another host.
        let parts = Redis { host: Some("h".to_owned()), db: Some(7), ..Redis::default() };
        let found = of(&parts, &all).expect("an address");
        assert_eq!((host(&found), found.db, &found.login), ("h", 7, &Login::default()));
        let over = Redis { db: Some(9), user: Some("x".to_owned()), ..Redis::default() };
        let found = of(&over, &all).expect("an address");
        assert_eq!((host(&found), found.db, found.login.user.as_deref()), ("a", 9, Some("x")));
        assert_eq!(found.login.password.as_deref(), Some("p"));
    }

    #[test]
    fn the_password_of_redis_cli_is_the_last_choice() {
        let auth = ("REDISCLI_AUTH", "auth");
        let password = |options: &Redis, url: &str| {
            of(options, &[auth, ("REDIS_URL", url)]).expect("an address").login.password
        };
        assert_eq!(password(&Redis::default(), "redis://a").as_deref(), Some("auth"));
        assert_eq!(password(&Redis::default(), "redis://:own@a").as_deref(), Some("own"));
        let option = Redis { password: Some("typed".to_owned()), ..Redis::default() };
        assert_eq!(password(&option, "redis://:own@a").as_deref(), Some("typed"));
    }

    #[test]
    fn errors_name_what_named_the_server_and_show_no_password() {
        for (name, value, words) in [
            ("CELERY_BROKER_URL", "amqp://jane:hunter2@rabbit//", "amqp:// is not Redis"),
            ("REDIS_URL", "redis://jane:hunter2@host:port", "no number"),
            ("QADMIN_REDIS_URL", "redis://jane:hunter2", "no number"),
            ("CELERY_BROKER_URL", "sentinel://:hunter2@host", "--sentinel-master"),
            ("REDIS_URL", "redis://:hunter2@a/hunter2", "database"),
        ] {
            let error = of(&Redis::default(), &[(name, value)]).expect_err(value);
            assert!(error.contains(name) && error.contains(words) && !error.contains("hunter2"), "{error}");
        }
        let both = Redis { url: Some("redis://a".into()), port: Some(1), ..Redis::default() };
        assert!(of(&both, &[]).is_err());
    }
}
