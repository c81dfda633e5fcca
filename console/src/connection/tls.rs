//! Certificates, and what helps where TLS fails.

use std::error::Error as _;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use redis::{Client, ClientTlsConfig, ConnectionAddr, RedisError, TlsCertificates};

use super::place::{Node, Tls};
use crate::failure::{Exit, Failure};
use crate::text::escape;

/// What begins each certificate in a PEM file.
const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// The address of a server that speaks TLS, with the certificates from files.
///
/// # Errors
/// A file cannot be read, or does not contain what it should.
pub(super) fn address((host, port): Node, tls: &Tls) -> Result<ConnectionAddr, Failure> {
    // An error means that a provider has already been chosen.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut at = ConnectionAddr::TcpTls { host, port, insecure: tls.insecure, tls_params: None };
    if tls.ca.is_some() || tls.cert.is_some() {
        let certificates = TlsCertificates { root_cert: authorities(tls)?, client_tls: own(tls)? };
        let client = Client::build_with_tls(at, certificates).map_err(|error| {
            let files = [&tls.ca, &tls.cert, &tls.key].into_iter().flatten().map(|file| shown(file));
            Failure::new(
                Exit::Usage,
                format!(
                    "{}: {}; the files contain PEM, and the private key is in the file of --cert or --key",
                    files.collect::<Vec<_>>().join(", "),
                    escape(error.to_string().as_bytes())
                ),
            )
        })?;
        at = client.get_connection_info().addr().clone();
    }
    at.set_danger_accept_invalid_hostnames(tls.any_name);
    Ok(at)
}

fn authorities(tls: &Tls) -> Result<Option<Vec<u8>>, Failure> {
    tls.ca.as_deref().map(|file| with_certificate(file, "--cacert")).transpose()
}

fn own(tls: &Tls) -> Result<Option<ClientTlsConfig>, Failure> {
    let Some(file) = &tls.cert else { return Ok(None) };
    let client_cert = with_certificate(file, "--cert")?;
    let client_key = read(tls.key.as_ref().unwrap_or(file))?;
    Ok(Some(ClientTlsConfig { client_cert, client_key }))
}

fn with_certificate(file: &Path, option: &str) -> Result<Vec<u8>, Failure> {
    let pem = read(file)?;
    if pem.windows(CERTIFICATE.len()).any(|window| window == CERTIFICATE) {
        return Ok(pem);
    }
    Err(Failure::new(
        Exit::Usage,
        format!("{}: the file of {option} contains no certificate in PEM", shown(file)),
    ))
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(file).map_err(|error| Failure::new(Exit::Usage, format!("{}: {error}", shown(file))))
}

fn shown(file: &Path) -> String {
    escape(file.as_os_str().as_encoded_bytes())
}

/// What the user can do about a connection to `at` that failed with `error`; empty if nothing special is known.
pub(super) fn remedy(error: &RedisError, at: &ConnectionAddr) -> &'static str {
    use rustls::{AlertDescription, CertificateError, Error};
    let ConnectionAddr::TcpTls { .. } = at else { return plain_remedy(error, at) };
    // A server that does not speak TLS waits for the rest of the line.
    if error.is_timeout() {
        return "\nA server that does not speak TLS on this port does not answer either: without TLS the address begins with \
                redis://, and -h and -p go without --tls.";
    }
    match fault(error) {
        Some(Error::InvalidCertificate(fault)) => match fault {
            CertificateError::UnknownIssuer => {
                "\nThe authority that signed the server's certificate is not known: give its certificate with --cacert FILE."
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "\nUse a name that the certificate contains; with ?ssl_check_hostname=false in the URL the name is not \
                 compared."
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "\nThe certificate of the server has expired: its administrator has to renew it."
            }
            _ => "\nAnother certificate of the authority is given with --cacert FILE.",
        },
        Some(Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::HandshakeFailure
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA,
        )) => {
            "\nThe server wants a certificate of this program that it trusts: give it with --cert FILE and --key FILE."
        }
        Some(Error::InvalidMessage(_) | Error::InappropriateMessage { .. }) => {
            "\nThe server does not speak TLS on this port: without TLS the address begins with redis://, and -h and -p go \
             without --tls."
        }
        _ if is_closed(error) => {
            "\nThe server closed the connection: either it does not speak TLS on this port (use redis://), or it wants a \
             certificate of this program (--cert FILE and --key FILE)."
        }
        _ => "",
    }
}

/// What the user can do about a connection without TLS. A server that expects TLS closes it, or sends an alert.
fn plain_remedy(error: &RedisError, at: &ConnectionAddr) -> &'static str {
    let is_tcp = matches!(at, ConnectionAddr::Tcp(..));
    if is_tcp && (is_closed(error) || error.kind() == redis::ErrorKind::Parse) {
        return "\nThe server closed the connection, as one does that expects TLS on this port: then the address begins with \
                rediss://, and -h and -p go with --tls.";
    }
    ""
}

/// The error of the TLS library. It is inside an error of input or output, which the `redis` crate (1.8) shares.
fn fault(error: &RedisError) -> Option<&rustls::Error> {
    let shared = error.source()?.downcast_ref::<Arc<dyn std::error::Error + Send + Sync>>()?;
    shared.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref()
}

fn is_closed(error: &RedisError) -> bool {
    error.is_connection_dropped()
}
