//! Addresses that the nodes of a cluster, and Sentinels, name.

use redis::{ConnectionAddr, Value};

/// The address in a redirection from `from`: `host:port`, or `:port` for the same host.
pub(super) fn redirected(from: &ConnectionAddr, to: &str) -> Option<ConnectionAddr> {
    let (host, port) = to.rsplit_once(':')?;
    with_address(from, host.trim_start_matches('[').trim_end_matches(']'), port.parse().ok()?)
}

/// The address of another server that is reached in the same way.
pub(super) fn with_address(from: &ConnectionAddr, host: &str, port: u16) -> Option<ConnectionAddr> {
    let host = |same: &String| if matches!(host, "" | "?") { same.clone() } else { host.to_owned() };
    match from {
        ConnectionAddr::Tcp(same, _) => Some(ConnectionAddr::Tcp(host(same), port)),
        ConnectionAddr::TcpTls { host: same, insecure, tls_params, .. } => Some(ConnectionAddr::TcpTls {
            host: host(same),
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        }),
        // The nodes of a cluster name TCP addresses, which a Unix socket cannot reach.
        _ => None,
    }
}

/// Host and port of every primary, each once. Each entry of CLUSTER SLOTS is: first slot, last slot, primary, replicas.
pub(super) fn primaries(slots: &Value) -> Vec<(String, u16)> {
    let Value::Array(ranges) = slots else { return Vec::new() };
    let mut nodes = Vec::new();
    for range in ranges {
        let Value::Array(range) = range else { continue };
        let Some(Value::Array(primary)) = range.get(2) else { continue };
        let host = match primary.first() {
            Some(Value::BulkString(host)) => String::from_utf8_lossy(host).into_owned(),
            _ => String::new(),
        };
        let Some(Value::Int(port)) = primary.get(1) else { continue };
        let Ok(port) = u16::try_from(*port) else { continue };
        if !nodes.contains(&(host.clone(), port)) {
            nodes.push((host, port));
        }
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirections_keep_what_they_leave_out() {
        let from = ConnectionAddr::Tcp("cache.example".to_owned(), 1);
        let to = |text| redirected(&from, text).map(|at| at.to_string());
        assert_eq!(to("10.0.0.2:7001").as_deref(), Some("10.0.0.2:7001"));
        assert_eq!(to(":7001").as_deref(), Some("cache.example:7001"));
        assert_eq!(redirected(&from, "::1:7001"), Some(ConnectionAddr::Tcp("::1".to_owned(), 7001)));
        assert_eq!(to("nonsense"), None);
        assert_eq!(to("host:port"), None);
    }
}
