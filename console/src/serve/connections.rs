//! Connections: how many there are at once, how long each may take, and how they end.
//!
//! Anybody who reaches the address can open connections, before any login. None of them may keep others out:
//! - A client that does not send the head of a request within [`READ`] is left, also between two requests of one
//!   connection. The body of a request has the same time (`guard.rs`).
//! - A client that takes nothing of an answer for [`WRITE`] is left.
//! - There are [`MAX`] connections at most. One more takes the place of the oldest one of which no request is being
//!   answered: of a client that keeps us waiting, that has not logged in, or that keeps its connection for later. If
//!   requests of all connections are being answered, the new one is closed.
//!
//! When the program is to end, connections that wait for a next request are closed at once; requests that have begun
//! have [`END`] to be answered.

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

/// Connections at once.
const MAX: usize = 256;
/// Time for the head of a request, and for its body.
pub(crate) const READ: Duration = Duration::from_secs(10);
/// Time in which a client takes something of an answer.
const WRITE: Duration = Duration::from_secs(10);
/// Time for the requests that have begun when the program is to end.
const END: Duration = Duration::from_secs(3);

/// One connection.
#[derive(Debug, Default)]
pub(crate) struct Connection {
    /// Requests that were let in and are being answered: 0 or 1 in HTTP/1.
    answering: AtomicUsize,
    /// Another connection takes its place.
    left: Notify,
}

impl Connection {
    /// Keeps the connection its place until the answer is made.
    pub(crate) fn answer(self: &Arc<Self>) -> Answering {
        self.answering.fetch_add(1, Ordering::Relaxed);
        Answering(Arc::clone(self))
    }

    fn is_answering(&self) -> bool {
        self.answering.load(Ordering::Relaxed) > 0
    }
}

/// While it lives, a request is being answered.
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

    /// A place for a new connection, if need be that of another one; `None` if requests of all are being answered.
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

/// The place of one connection among all; it is free again when this is dropped.
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

/// Answers requests until `stop`; then those that are being answered end, for a while.
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
    // The last one drops its receiver.
    let _ = timeout(END, end.closed()).await;
}

/// One connection from its first request to its last.
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
        // An error is the client's: it went away, or sent no HTTP in time.
        _ = served.as_mut() => return,
        () = connection.left.notified() => return,
        _ = ends.changed() => served.as_mut().graceful_shutdown(),
    }
    // As above; and an end that comes late is cut off by the end of the program.
    let _ = served.await;
}

/// A stream that fails when the other side takes nothing for [`WRITE`].
struct Patient<S> {
    stream: S,
    /// Runs while something is to be written and nothing is taken.
    waits: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncWrite + Unpin> Patient<S> {
    fn new(stream: S) -> Self {
        Self { stream, waits: None }
    }

    /// What became of an attempt to write, unless it waits for too long.
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
