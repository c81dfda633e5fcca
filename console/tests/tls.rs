//! rediss://

use std::fs;
use std::path::Path;

use qadmin_harness::{Server, eventually, free_port};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

use crate::support::{at, finish, program};

/// A folder with an authority, a certificate for `localhost` with its key, and another authority.
struct Certificates(TempDir);

impl Certificates {
    fn make() -> Self {
        let files = Self(tempfile::tempdir().expect("a folder"));
        let authority = authority();
        let key = KeyPair::generate().expect("a key");
        let cert = CertificateParams::new(vec!["localhost".to_owned()])
            .expect("a name")
            .signed_by(&key, &authority)
            .expect("a certificate");
        files.write("ca.pem", &authority.pem());
        files.write("cert.pem", &cert.pem());
        files.write("key.pem", &key.serialize_pem());
        files.write("both.pem", &(cert.pem() + &key.serialize_pem()));
        files.write("other-ca.pem", &self::authority().pem());
        files
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).expect("a file");
    }

    fn path(&self, name: &str) -> String {
        Path::new(self.0.path()).join(name).display().to_string()
    }

    /// A server with a port for TLS; `None`: this build of the server has no TLS.
    fn serve(&self, clients: &str) -> Option<(Server, u16)> {
        let port = free_port().expect("a port");
        let server = Server::builder()
            .module()
            .config(format!("tls-port {port}"))
            .config(format!("tls-cert-file {}", self.path("cert.pem")))
            .config(format!("tls-key-file {}", self.path("key.pem")))
            .config(format!("tls-ca-cert-file {}", self.path("ca.pem")))
            .config(format!("tls-auth-clients {clients}"))
            .try_start()
            .ok()?;
        eventually("the server answers", || server.info("redis_mode").is_some());
        Some((server, port))
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // A certificate whose issuer has the name of its subject is taken for one that signed itself.
    params.distinguished_name.push(DnType::CommonName, "an authority of tests");
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority")
}

#[test]
fn a_server_of_a_known_authority_is_spoken_to_and_no_other() {
    let files = Certificates::make();
    let Some((server, port)) = files.serve("no") else { return };
    let ca = files.path("ca.pem");
    let url = format!("rediss://localhost:{port}/0");
    assert_eq!(at(&url, &["jobs", "--cacert", &ca]).ended(0).out, "No jobs.\n");
    let stranger = at(&url, &["jobs"]).ended(6);
    assert!(stranger.err.contains("certificate") && stranger.err.contains("--cacert FILE"), "{stranger:?}");
    at(&url, &["jobs", "--cacert", &files.path("other-ca.pem")]).ended(6);
    // The certificate is for another name.
    let by_number = format!("rediss://127.0.0.1:{port}/0");
    let named = at(&by_number, &["jobs", "--cacert", &ca]).ended(6);
    assert!(named.err.contains("a name that the certificate contains"), "{named:?}");
    at(&format!("{by_number}?ssl_check_hostname=false"), &["jobs", "--cacert", &ca]).ended(0);
    at(&format!("{by_number}?ssl_check_hostname=false"), &["jobs"]).ended(6);
    at(&format!("{url}#insecure"), &["jobs"]).ended(0);
    at(&url, &["jobs", "--cacert", "/nonexistent"]).ended(2);
    let empty = at(&url, &["jobs", "--cacert", &files.path("key.pem")]).ended(2);
    assert!(empty.err.contains("no certificate"), "{empty:?}");
    // Celery's own parameters.
    at(&format!("{url}?ssl_cert_reqs=CERT_NONE"), &["jobs"]).ended(0);
    at(&format!("{url}?ssl_cert_reqs=none"), &["jobs"]).ended(0);
    at(&format!("{url}?ssl_cert_reqs=required"), &["jobs"]).ended(6);
    at(&format!("{url}?ssl_cert_reqs=required&ssl_ca_certs={ca}"), &["jobs"]).ended(0);
    // The options of redis-cli.
    let mut parts = program("");
    parts.args(["jobs", "-h", "localhost", "-p", &port.to_string(), "--tls", "--cacert", &ca]);
    finish(parts).ended(0);
    // TLS on one side only.
    let plain = at(&format!("redis://localhost:{port}/0"), &["jobs"]).ended(6);
    assert!(plain.err.contains("rediss://") && plain.err.contains("--tls"), "{plain:?}");
    let tls = at(&format!("rediss://localhost:{}/0", server.port()), &["jobs", "--cacert", &ca]).ended(6);
    assert!(tls.err.contains("begins with redis://") || tls.err.contains("use redis://"), "{tls:?}");
}

#[test]
fn a_server_that_wants_a_certificate_is_shown_one() {
    let files = Certificates::make();
    let Some((_server, port)) = files.serve("yes") else { return };
    let url = format!("rediss://localhost:{port}/0");
    let (ca, cert, key) = (files.path("ca.pem"), files.path("cert.pem"), files.path("key.pem"));
    let run = |more: &[&str]| at(&url, &[&["jobs", "--cacert", &ca], more].concat());
    let without = run(&[]).ended(6);
    assert!(without.err.contains("--cert FILE") && without.err.contains("--key FILE"), "{without:?}");
    run(&["--cert", &cert, "--key", &key]).ended(0);
    run(&["--cert", &files.path("both.pem")]).ended(0);
    at(&format!("{url}?ssl_ca_certs={ca}&ssl_certfile={cert}&ssl_keyfile={key}"), &["jobs"]).ended(0);
    let mut variables = program(&url);
    variables.arg("jobs").envs([
        ("QADMIN_REDIS_CACERT", &ca),
        ("QADMIN_REDIS_CERT", &cert),
        ("QADMIN_REDIS_KEY", &key),
    ]);
    finish(variables).ended(0);
    run(&["--key", &key]).ended(2);
    let keyless = run(&["--cert", &cert]).ended(2);
    assert!(keyless.err.contains("--key"), "{keyless:?}");
}
