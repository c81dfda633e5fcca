//! Ports for servers.

use std::net::TcpListener;
use std::ops::Range;
use std::process;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

/// The ports below those that Linux gives to outgoing connections (from 32,768): an outgoing connection could
/// otherwise take the port of a server that was killed, before the server is started again.
const PORTS: Range<u16> = 10_000..32_000;

/// The number from which the next port is counted. Other test processes run at the same time, so each starts
/// at another number.
static NEXT: LazyLock<AtomicU32> = LazyLock::new(|| {
    let moment =
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    AtomicU32::new(process::id().wrapping_mul(7_919).wrapping_add(moment))
});

/// Returns a port that is free and that this process was not given before, so that a server which is down for
/// a while finds its own port still free.
///
/// # Errors
/// Returns a sentence if the loopback interface has no free port.
pub fn free_port() -> Result<u16, String> {
    let count = u32::from(PORTS.end - PORTS.start);
    (0..count)
        .map(|_| NEXT.fetch_add(1, Ordering::Relaxed) % count)
        .filter_map(|nth| PORTS.start.checked_add(u16::try_from(nth).ok()?))
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .ok_or_else(|| "no free port on the loopback interface".to_string())
}
