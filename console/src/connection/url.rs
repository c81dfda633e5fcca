//! URLs of servers, in the forms of redis-py, Celery (kombu), `redis-cli` and Sentinel clients.
//!
//! They are parsed here and not by a library for URLs, because the forms for Sentinel name several hosts. Errors repeat
//! nothing but the scheme: everything else can be a password.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use super::place::{Address, Login, Node, PORT, Place, SENTINEL_PORT, Tls};

/// Parses an address.
///
/// # Errors
/// A text that says what is wrong and does not repeat the address.
pub(super) fn parse(text: &str) -> Result<Address, String> {
    let text = text.trim();
    let (scheme, rest) = text.split_once("://").ok_or("it has no scheme such as redis://")?;
    let scheme = scheme.to_ascii_lowercase();
    let parts = match scheme.as_str() {
        "sentinel" | "redis+sentinel" | "redis-sentinel" | "rediss+sentinel" | "rediss-sentinel" => {
            return sentinels(&scheme, rest);
        }
        _ if rest.contains(';') && rest.contains("://") => {
            return Err("it names several servers; give one of them".to_owned());
        }
        _ => Parts::of(rest)?,
    };
    let has_tls = matches!(scheme.as_str(), "rediss" | "valkeys");
    let place = match scheme.as_str() {
        "redis" | "valkey" | "rediss" | "valkeys" => {
            let node = parts.hosts.first().filter(|_| parts.hosts.len() == 1);
            Place::Tcp(node.cloned().ok_or("it names several hosts")?.at(PORT))
        }
        "unix" | "redis+unix" | "redis+socket" | "socket" => {
            let path = format!("{}{}", parts.hosts.first().map_or("", |host| &host.name), parts.path);
            if !path.starts_with('/') {
                return Err("a socket is named by its whole path, as in unix:///path/redis.sock".to_owned());
            }
            Place::Unix(PathBuf::from(path))
        }
        scheme
            if !scheme.is_empty()
                && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) =>
        {
            return Err(format!("{scheme}:// is not Redis"));
        }
        _ => return Err("its scheme is not one of Redis".to_owned()),
    };
    let path = if matches!(place, Place::Unix(_)) { "" } else { parts.path.trim_matches('/') };
    finish(place, &parts, path, has_tls)
}

/// `redis+sentinel://[user:password@]host:port,host:port/service/db`, or Celery's
/// `sentinel://[user:password@]host:port/db;sentinel://host:port`. User and password are those of the servers; those
/// of the Sentinels are the parameters `sentinel_username` and `sentinel_password`.
fn sentinels(scheme: &str, rest: &str) -> Result<Address, String> {
    let mut each = rest.split(';').map(|one| Parts::of(one.split_once("://").map_or(one, |(_, rest)| rest)));
    let mut parts = each.next().unwrap_or_else(|| Parts::of(""))?;
    for more in each {
        let more = more?;
        parts.hosts.extend(more.hosts);
        parts.query.extend(more.query);
        if parts.login == Login::default() {
            parts.login = more.login;
        }
        if parts.path.trim_matches('/').is_empty() {
            parts.path = more.path;
        }
    }
    let path = parts.path.trim_matches('/').to_owned();
    let (service, db) = match path.split_once('/') {
        _ if scheme == "sentinel" => ("", path.as_str()),
        Some(both) => both,
        None => (path.as_str(), ""),
    };
    let service = Some(service.to_owned()).filter(|name| !name.is_empty());
    let place = Place::Sentinels {
        nodes: parts.hosts.iter().map(|host| host.clone().at(SENTINEL_PORT)).collect(),
        service: service.or_else(|| parts.parameter(&["master_name", "service_name"])),
        login: Login {
            user: parts.parameter(&["sentinel_username"]),
            password: parts.parameter(&["sentinel_password"]),
        },
    };
    finish(place, &parts, db, scheme.starts_with("rediss"))
}

/// Adds what the parameters say. `path` is the number of the database, or empty.
fn finish(place: Place, parts: &Parts, path: &str, has_tls: bool) -> Result<Address, String> {
    let db = parts.parameter(&["db", "virtual_host"]);
    let db = db.as_deref().map_or(path, |db| db.trim_start_matches('/'));
    let db = if db.is_empty() { 0 } else { db.parse().map_err(|_| "the database is not a number")? };
    let login = Login {
        user: parts.login.user.clone().or_else(|| parts.parameter(&["username", "user"])),
        password: parts.login.password.clone().or_else(|| parts.parameter(&["password", "pass"])),
    };
    let tls = if has_tls { Some(tls(parts)?) } else { None };
    if !has_tls && parts.parameter(&["ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile"]).is_some() {
        return Err("its parameters are about TLS, for which it has to begin with rediss://".to_owned());
    }
    Ok(Address { login, db, tls, ..Address::at(place) })
}

/// The parameters of redis-py and kombu about TLS. CERT_OPTIONAL is CERT_REQUIRED for a client (Python's module `ssl`).
fn tls(parts: &Parts) -> Result<Tls, String> {
    let file = |name: &str| parts.parameter(&[name]).map(PathBuf::from);
    let mut insecure = match parts.fragment.as_str() {
        "" => false,
        "insecure" => true,
        _ => return Err("what follows # can only be insecure".to_owned()),
    };
    match parts.parameter(&["ssl_cert_reqs"]).as_deref() {
        None | Some("required" | "optional" | "CERT_REQUIRED" | "CERT_OPTIONAL") => {}
        Some("none" | "CERT_NONE") => insecure = true,
        Some(_) => return Err("ssl_cert_reqs is one of required, optional and none".to_owned()),
    }
    let checks_name = parts.parameter(&["ssl_check_hostname"]);
    Ok(Tls {
        insecure,
        any_name: checks_name
            .is_some_and(|yes| matches!(yes.to_ascii_lowercase().as_str(), "false" | "no" | "0")),
        ca: file("ssl_ca_certs"),
        cert: file("ssl_certfile"),
        key: file("ssl_keyfile"),
    })
}

/// A host, and its port if there is one.
#[derive(Clone)]
struct Host {
    name: String,
    port: Option<u16>,
}

impl Host {
    fn at(self, port: u16) -> Node {
        let name = if self.name.is_empty() { "127.0.0.1".to_owned() } else { self.name };
        (name, self.port.unwrap_or(port))
    }

    fn of(text: &str) -> Result<Self, String> {
        let no_number = |_| "after the host there is no number of a port";
        // An address of IPv6 is in brackets.
        let (name, port) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
            Some(Some((name, port))) => (name, port.strip_prefix(':').unwrap_or(port)),
            Some(None) => return Err("a bracket of the host is not closed".to_owned()),
            None => text.rsplit_once(':').unwrap_or((text, "")),
        };
        let port = if port.is_empty() { None } else { Some(port.parse().map_err(no_number)?) };
        Ok(Self { name: decoded(name)?, port })
    }
}

/// The parts of a URL after its scheme, decoded.
struct Parts {
    login: Login,
    hosts: Vec<Host>,
    /// With its first slash, or empty.
    path: String,
    query: Vec<(String, String)>,
    fragment: String,
}

impl Parts {
    fn of(text: &str) -> Result<Self, String> {
        let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
        let (text, query) = text.split_once('?').unwrap_or((text, ""));
        let (authority, path) = text.split_at(text.find('/').unwrap_or(text.len()));
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (credentials(login)?, hosts),
            None => (Login::default(), authority),
        };
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            // As Python's parse_qs reads them.
            Ok((decoded(name)?, decoded(&value.replace('+', " "))?))
        });
        Ok(Self {
            login,
            hosts: hosts.split(',').map(Host::of).collect::<Result<_, _>>()?,
            path: decoded(path)?,
            query: pairs.collect::<Result<_, String>>()?,
            fragment: fragment.to_owned(),
        })
    }

    /// The first parameter with one of these names that has a value.
    fn parameter(&self, names: &[&str]) -> Option<String> {
        let found =
            self.query.iter().find(|(name, value)| names.contains(&name.as_str()) && !value.is_empty());
        found.map(|(_, value)| value.clone())
    }
}

fn credentials(text: &str) -> Result<Login, String> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let given = |text: &str| decoded(text).map(|text| Some(text).filter(|text| !text.is_empty()));
    Ok(Login { user: given(user)?, password: given(password)? })
}

fn decoded(text: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(std::borrow::Cow::into_owned).map_err(|_| "a part of it is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(user: &str, password: &str) -> Login {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Login { user: given(user), password: given(password) }
    }

    #[test]
    fn forms_of_redis_py_and_kombu() {
        for (text, host, port, db, user, password) in [
            ("redis://", "127.0.0.1", 6379, 0, "", ""),
            ("redis://localhost", "localhost", 6379, 0, "", ""),
            ("redis://:p%40ss@cache:7000/3", "cache", 7000, 3, "", "p@ss"),
            ("redis://jane:pw@[::1]:7000//2", "::1", 7000, 2, "jane", "pw"),
            ("redis://[::1]", "::1", 6379, 0, "", ""),
            ("valkey://a?db=4&password=x+y", "a", 6379, 4, "", "x y"),
            ("redis://a/1?virtual_host=5&socket_timeout=3", "a", 6379, 5, "", ""),
            ("redis://a:b:c@d/", "d", 6379, 0, "a", "b:c"),
        ] {
            let found = parse(text).expect(text);
            assert_eq!(found.place, Place::Tcp((host.to_owned(), port)), "{text}");
            assert_eq!((found.db, &found.login), (db, &login(user, password)), "{text}");
            assert_eq!(found.tls, None, "{text}");
        }
        for (text, db, password) in [
            ("unix:///run/redis.sock?db=2", 2, ""),
            ("redis+socket:///run/redis.sock?virtual_host=0", 0, ""),
            ("redis+socket://:pw@/run/redis.sock?virtual_host=/7", 7, "pw"),
            ("socket:///run/redis.sock", 0, ""),
        ] {
            let found = parse(text).expect(text);
            assert_eq!(found.place, Place::Unix("/run/redis.sock".into()), "{text}");
            assert_eq!((found.db, found.login), (db, login("", password)), "{text}");
        }
    }

    #[test]
    fn parameters_about_certificates() {
        let tls = |text: &str| parse(text).map(|found| found.tls.expect("TLS"));
        assert_eq!(tls("rediss://a?ssl_cert_reqs=CERT_REQUIRED"), Ok(Tls::default()));
        assert_eq!(tls("rediss://a?ssl_cert_reqs=optional"), Ok(Tls::default()));
        for none in
            ["rediss://a?ssl_cert_reqs=none", "rediss://a/0?ssl_cert_reqs=CERT_NONE", "rediss://a#insecure"]
        {
            assert_eq!(tls(none), Ok(Tls { insecure: true, ..Tls::default() }));
        }
        assert_eq!(
            tls(
                "valkeys://a?ssl_ca_certs=%2Fca.pem&ssl_certfile=/c.pem&ssl_keyfile=/k.pem&ssl_check_hostname=False"
            ),
            Ok(Tls {
                insecure: false,
                any_name: true,
                ca: Some("/ca.pem".into()),
                cert: Some("/c.pem".into()),
                key: Some("/k.pem".into())
            })
        );
        for wrong in ["rediss://a?ssl_cert_reqs=maybe", "rediss://a#other", "redis://a?ssl_cert_reqs=none"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn forms_of_sentinel() {
        let nodes = [("a".to_owned(), 26379), ("b".to_owned(), 7)];
        for (text, service, db, password) in [
            ("redis+sentinel://:pw@a,b:7/main/3", Some("main"), 3, "pw"),
            ("redis+sentinel://a,b:7/main", Some("main"), 0, ""),
            ("sentinel://:pw@a/1;sentinel://b:7/1", None, 1, "pw"),
            ("sentinel://a;sentinel://b:7?master_name=main", Some("main"), 0, ""),
            ("sentinel://a;b:7/2", None, 2, ""),
        ] {
            let found = parse(text).expect(text);
            let wanted = Place::Sentinels {
                nodes: nodes.to_vec(),
                service: service.map(str::to_owned),
                login: Login::default(),
            };
            assert_eq!(found.place, wanted, "{text}");
            assert_eq!((found.db, found.login), (db, login("", password)), "{text}");
        }
        let found =
            parse("rediss+sentinel://a/main?sentinel_password=s&sentinel_username=u").expect("an address");
        let of_sentinels = login("u", "s");
        assert!(matches!(found.place, Place::Sentinels { login, .. } if login == of_sentinels));
        assert_eq!(found.tls, Some(Tls::default()));
    }

    #[test]
    fn what_is_not_an_address() {
        for wrong in [
            "",
            "localhost",
            "redis:/a",
            "http://a",
            "redis://a,b",
            "redis://a;redis://b",
            "redis://a:x",
            "redis://[::1",
            "redis://a/x",
            "redis://a/-1",
            "unix://relative",
            "redis://%ff:x@a",
            "\u{1b}://a",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
