//! Ports for servers.

use std::net::TcpListener;
use std::ops::Range;
use std::process;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

/// Below the ports that Linux gives to outgoing connections (from 32,768): one of those might take the port of a
/// server that was killed before it is started again.
const PORTS: Range<u16> = 10_000..32_000;

/// What the next port is counted from. Other test processes run beside this one: each begins elsewhere.
static NEXT: LazyLock<AtomicU32> = LazyLock::new(|| {
    let moment =
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    AtomicU32::new(process::id().wrapping_mul(7_919).wrapping_add(moment))
});

/// A port that is free and that this process was not given before, so that a server which is down for a while finds
/// its own still free.
///
/// # Errors
/// A sentence where the loopback interface has none.
pub fn free_port() -> Result<u16, String> {
    let count = u32::from(PORTS.end - PORTS.start);
    (0..count)
        .map(|_| NEXT.fetch_add(1, Ordering::Relaxed) % count)
        .filter_map(|nth| PORTS.start.checked_add(u16::try_from(nth).ok()?))
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .ok_or_else(|| "no free port on the loopback interface".to_string())
}
