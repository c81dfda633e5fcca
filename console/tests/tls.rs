//! rediss://

use std::fs;

use qadmin_harness::{Server, eventually, free_port};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::support::at;

#[test]
fn a_server_of_a_known_authority_is_spoken_to_and_no_other() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = |name: &str| dir.path().join(name);
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority =
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let cert =
        CertificateParams::new(vec!["localhost".to_owned()]).expect("a name").signed_by(&key, &authority);
    fs::write(path("ca.pem"), authority.pem()).expect("a file");
    fs::write(path("cert.pem"), cert.expect("a certificate").pem()).expect("a file");
    fs::write(path("key.pem"), key.serialize_pem()).expect("a file");
    let port = free_port().expect("a port");
    let server = Server::builder()
        .module()
        .config(format!("tls-port {port}"))
        .config(format!("tls-cert-file {}", path("cert.pem").display()))
        .config(format!("tls-key-file {}", path("key.pem").display()))
        .config(format!("tls-ca-cert-file {}", path("ca.pem").display()))
        .config("tls-auth-clients no")
        .try_start();
    // Some builds of the server have no TLS.
    let Ok(server) = server else { return };
    eventually("the server answers", || server.info("redis_mode").is_some());
    let ca = path("ca.pem").display().to_string();
    let url = format!("rediss://localhost:{port}/0");
    assert_eq!(at(&url, &["jobs", "--cacert", &ca]).ended(0).out, "No jobs.\n");
    let stranger = at(&url, &["jobs"]).ended(6);
    assert!(stranger.err.contains("certificate"), "{stranger:?}");
    // The certificate is for another name.
    at(&format!("rediss://127.0.0.1:{port}/0"), &["jobs", "--cacert", &ca]).ended(6);
    at(&format!("{url}#insecure"), &["jobs"]).ended(0);
    at(&url, &["jobs", "--cacert", "/nonexistent"]).ended(2);
}
