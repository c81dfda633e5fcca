//! Connections: their maximum number, their time limits, and how they end.
//!
//! Any client that reaches the address can open connections before a login. No client can lock others out:
//! - If a client does not send the head of a request within [`READ`], also between two requests, its connection is
//!   closed. The body of a request has the same time limit (`guard.rs`).
//! - If a client reads nothing of a response for [`WRITE`], its connection is closed.
//! - There are at most [`MAX`] connections. For one more, the oldest connection without a request in progress is closed:
//!   one of a client that has not sent a request, has not logged in, or keeps its connection for later. If all
//!   connections have requests in progress, the new one is closed.
//!
//! When the program ends, idle connections are closed at once, and requests in progress have [`END`] to complete.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Notify, watch};
use tokio::time::{Sleep, sleep, timeout};
use tower::ServiceExt as _;

/// Maximum number of connections.
const MAX: usize = 256;
/// Time limit for the head of a request, and for its body.
pub(crate) const READ: Duration = Duration::from_secs(10);
/// Time limit within which a client must read a part of a response.
const WRITE: Duration = Duration::from_secs(10);
/// Time for requests in progress when the program ends.
const END: Duration = Duration::from_secs(3);

/// One connection.
#[derive(Debug, Default)]
pub(crate) struct Connection {
    /// Number of accepted requests in progress: 0 or 1 in HTTP/1.
    answering: AtomicUsize,
    /// Notified when the connection is closed for a new one.
    left: Notify,
}

impl Connection {
    /// Marks a request as in progress, so that the connection is not closed for a new one.
    pub(crate) fn answer(self: &Arc<Self>) -> Answering {
        self.answering.fetch_add(1, Ordering::Relaxed);
        Answering(Arc::clone(self))
    }

    fn is_answering(&self) -> bool {
        self.answering.load(Ordering::Relaxed) > 0
    }
}

/// While this value exists, a request is in progress.
pub(crate) struct Answering(Arc<Connection>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answering.fetch_sub(1, Ordering::Relaxed);
    }
}

/// All connections, the oldest first.
#[derive(Debug, Default)]
struct Connections(Mutex<(u64, BTreeMap<u64, Arc<Connection>>)>);

impl Connections {
    fn locked(&self) -> MutexGuard<'_, (u64, BTreeMap<u64, Arc<Connection>>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a connection and closes an idle one if there are too many; `None` if all have requests in progress.
    fn add(self: &Arc<Self>) -> Option<Place> {
        let mut locked = self.locked();
        let (last, all) = &mut *locked;
        if all.len() >= MAX {
            let waits = all.iter().find(|(_, connection)| !connection.is_answering());
            let oldest = waits.map(|(id, _)| *id)?;
            if let Some(connection) = all.remove(&oldest) {
                connection.left.notify_one();
            }
        }
        *last += 1;
        let (id, connection) = (*last, Arc::new(Connection::default()));
        all.insert(id, Arc::clone(&connection));
        Some(Place { id, connection, all: Arc::clone(self) })
    }
}

/// One of the [`MAX`] connections; dropping this value makes room for another one.
struct Place {
    id: u64,
    connection: Arc<Connection>,
    all: Arc<Connections>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.all.locked().1.remove(&self.id);
    }
}

/// Serves requests until `stop` completes, and then waits up to [`END`] for requests in progress.
pub(crate) async fn serve<L>(mut listener: L, router: Router, stop: impl Future<Output = ()>)
where
    L: Listener,
{
    let all = Arc::new(Connections::default());
    let (end, ends) = watch::channel(false);
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        if let Some(place) = all.add() {
            tokio::spawn(converse(Patient::new(stream), place, router.clone(), ends.clone()));
        }
    }
    drop(listener);
    // An error means that there are no connections.
    let _ = end.send(true);
    drop(ends);
    // The channel closes when the last connection drops its receiver.
    let _ = timeout(END, end.closed()).await;
}

/// Serves one connection until it ends.
async fn converse<S>(stream: S, place: Place, router: Router, mut ends: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let connection = &place.connection;
    let answer = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(Arc::clone(connection));
        router.clone().oneshot(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(READ);
    let mut served = std::pin::pin!(http.serve_connection(TokioIo::new(stream), answer));
    tokio::select! {
        // An error means that the client disconnected, or sent no valid request in time.
        _ = served.as_mut() => return,
        () = connection.left.notified() => return,
        _ = ends.changed() => served.as_mut().graceful_shutdown(),
    }
    // As above. A connection that takes too long is cut off when the program ends.
    let _ = served.await;
}

/// A stream that fails when the client reads nothing for [`WRITE`].
struct Patient<S> {
    stream: S,
    /// The timer that runs while a write is blocked.
    waits: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncWrite + Unpin> Patient<S> {
    fn new(stream: S) -> Self {
        Self { stream, waits: None }
    }

    /// The result of an attempt to write, or an error when it has been blocked for too long.
    fn in_time<T>(&mut self, context: &mut Context<'_>, tried: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if tried.is_ready() {
            self.waits = None;
            return tried;
        }
        let waits = self.waits.get_or_insert_with(|| Box::pin(sleep(WRITE)));
        ready!(waits.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let tried = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.in_time(context, tried)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let tried = Pin::new(&mut self.stream).poll_flush(context);
        self.in_time(context, tried)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let tried = Pin::new(&mut self.stream).poll_shutdown(context);
        self.in_time(context, tried)
    }
}
