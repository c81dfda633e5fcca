//! `qadmin serve`: the commands of the program as a web page.
//!
//! A person who can reach the page can do everything that the Redis user of its URL may do, so most of this code decides
//! who can reach it: `guard.rs` checks every request before any handler, and `session.rs` knows which browsers are logged
//! in. Handlers (`api.rs`, `pages/`) turn URLs and forms into requests (`ask.rs`), and talk to Redis on threads of their
//! own ([`app::App::ask`]).

mod api;
mod app;
mod ask;
mod assets;
mod connections;
mod fresh;
mod guard;
mod health;
mod history;
mod login;
mod metrics;
mod pages;
mod params;
mod responses;
mod rows;
mod sampler;
mod session;
mod status;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::{get, post};
use rustix::fs::Mode;
use rustix::process::umask;
use tokio::net::{TcpListener, UnixListener};
use tower_http::catch_panic::CatchPanicLayer;

use crate::cli::{Redis, Serve};
use crate::failure::{Exit, Failure};
use crate::text::escape;

use app::App;
use session::Login;

/// Serves until Ctrl-C or SIGTERM.
pub(crate) fn run(redis: &Redis, args: &Serve) -> Result<Exit, Failure> {
    let login = args.token_file.as_deref().map(Login::new).transpose()?;
    let place = Place::new(&args.listen, login.is_some())?;
    let app = App::new(redis, args, login)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Refused, format!("threads could not be started: {error}")))?;
    let served = runtime.block_on(listen(place, app));
    // Threads that still wait for a reply of Redis do not delay the end.
    runtime.shutdown_background();
    served.map_err(|error| {
        Failure::new(Exit::Refused, format!("{}: {error}", escape(args.listen.as_bytes())))
    })?;
    Ok(Exit::Done)
}

/// Where to listen.
enum Place {
    Tcp(SocketAddr),
    Unix(String),
}

impl Place {
    fn new(listen: &str, has_login: bool) -> Result<Self, Failure> {
        if let Some(path) = listen.strip_prefix("unix:") {
            return Ok(Self::Unix(path.trim_start_matches("//").to_owned()));
        }
        let usage = |words: String| Failure::new(Exit::Usage, words);
        let address = listen.replacen("localhost:", "127.0.0.1:", 1).parse::<SocketAddr>().map_err(|_| {
            usage(format!(
                "--listen {}: expected an address and a port, such as 127.0.0.1:8379, or unix:/path",
                escape(listen.as_bytes())
            ))
        })?;
        if !address.ip().is_loopback() && !has_login {
            return Err(usage(format!(
                "{address} is reachable from the network, and anyone who connects could clear queues: pass --token-file, or \
                 listen on 127.0.0.1 (and use ssh -L)"
            )));
        }
        Ok(Self::Tcp(address))
    }
}

async fn listen(place: Place, mut app: App) -> io::Result<()> {
    match place {
        Place::Tcp(address) => {
            let listener = TcpListener::bind(address).await?;
            let address = listener.local_addr()?;
            app.allow_address(address);
            println!("http://{address}/");
            connections::serve(listener, running(app), stop()).await;
        }
        Place::Unix(path) => {
            remove_stale(&path)?;
            let listener = bind_private(&path)?;
            let own = fs::symlink_metadata(&path)?.ino();
            println!("unix:{path}");
            connections::serve(listener, running(app), stop()).await;
            // Another process may have created another file there meanwhile.
            if fs::symlink_metadata(&path).is_ok_and(|file| file.ino() == own && file.file_type().is_socket())
            {
                // An error means that it has already been deleted.
                let _ = fs::remove_file(&path);
            }
        }
    }
    Ok(())
}

/// Deletes a socket that refuses connections, because it is left over from a run that was killed. Any other file is not
/// touched. (Connections to a file that is not a socket are refused, too, so the type is checked first.)
fn remove_stale(path: &str) -> io::Result<()> {
    let file = match fs::symlink_metadata(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !file.file_type().is_socket() {
        return Err(io::Error::other("this is not a socket; give a path that does not exist"));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        // Another process uses it, so the attempt to listen fails with the reason.
        _ => Ok(()),
    }
}

/// A socket that only its owner can use from the first moment. If its mode were changed afterwards, another user could
/// already be connected.
fn bind_private(path: &str) -> io::Result<UnixListener> {
    let before = umask(Mode::from_raw_mode(0o177));
    let listener = UnixListener::bind(path);
    umask(before);
    listener
}

async fn stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    let ctrl_c = tokio::signal::ctrl_c();
    let mut ctrl_c = std::pin::pin!(ctrl_c);
    std::future::poll_fn(|context| {
        use std::task::Poll;
        if terminate.poll_recv(context).is_ready() || ctrl_c.as_mut().poll(context).is_ready() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// The router, beside which the history is sampled.
fn running(app: App) -> Router {
    let app = Arc::new(app);
    tokio::spawn(sampler::run(Arc::clone(&app)));
    router(app)
}

fn router(app: Arc<App>) -> Router {
    Router::new()
        .route(health::PATH, get(health::health))
        .route(metrics::PATH, get(metrics::metrics))
        .route("/", get(pages::queues))
        .route("/queue", get(pages::queue))
        .route("/stats", get(pages::stats))
        .route("/message", get(pages::message))
        .route("/preview", get(pages::preview))
        .route("/clear", post(pages::clear))
        .route("/job", get(pages::job))
        .route("/undo", post(pages::undo))
        .route("/index", get(pages::index))
        .route("/index/create", post(pages::change_index))
        .route("/index/drop", post(pages::change_index))
        .route("/cancel", post(pages::control))
        .route("/pause", post(pages::control))
        .route("/resume", post(pages::control))
        .route("/throttle", post(pages::control))
        .route("/jobs", get(pages::jobs))
        .route("/audit", get(pages::audit))
        .route("/audit.csv", get(pages::audit_csv))
        .route("/login", get(login::show).post(login::log_in))
        .route("/logout", post(login::log_out))
        .route("/assets/{name}", get(assets::file))
        .route("/api/token", get(api::token))
        .route("/api/queues", get(api::queues))
        .route("/api/preview", get(api::preview))
        .route("/api/stats", get(api::stats))
        .route("/api/fields", get(api::fields))
        .route("/api/message", get(api::message))
        .route("/api/jobs", get(api::jobs))
        .route("/api/status", get(api::status))
        .route("/api/index", get(api::index))
        .route("/api/indexes", get(api::indexes))
        .route("/api/index/create", post(api::change_index))
        .route("/api/index/drop", post(api::change_index))
        .route("/api/clear", post(api::clear))
        .route("/api/undo", post(api::undo))
        .route("/api/cancel", post(api::control))
        .route("/api/pause", post(api::control))
        .route("/api/resume", post(api::control))
        .route("/api/throttle", post(api::control))
        .method_not_allowed_fallback(responses::method)
        .fallback(responses::unknown)
        .layer(CatchPanicLayer::custom(responses::Panicked))
        .layer(middleware::from_fn_with_state(app.clone(), guard::check))
        .with_state(app)
}
