//! Takes the samples of the history.
//!
//! Each asks for a walk over all keys, which takes time of the server. So the sampler pauses at least [`SHARE`] times as long as
//! the last walk took, and takes no samples while nobody has opened a page for an hour.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::app::App;
use super::fresh::Lives;

/// How many times as long as a walk took the sampler pauses after it.
const SHARE: u32 = 20;
/// The pause after a question that was refused or not answered.
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// Takes samples until the program ends.
pub(crate) async fn run(app: Arc<App>) {
    let Some(every) = app.history.every() else { return };
    loop {
        let pause = if app.history.is_watched() { every.max(take(&app, every).await) } else { every };
        sleep(pause).await;
    }
}

/// Takes a sample, unless one was taken just now, and returns how long to pause at least.
async fn take(app: &Arc<App>, every: Duration) -> Duration {
    match app.queues(Lives { answer: every / 2, failure: Duration::ZERO }).await.as_ref() {
        Ok(queues) => Duration::from_micros(queues.map.sum("elapsed_us")).saturating_mul(SHARE),
        Err(_) => AFTER_FAILURE,
    }
}
