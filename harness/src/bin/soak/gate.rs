//! The gate through which all clients pass for each step. While it is closed, only the checks run.

use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// Counts the clients inside.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    inside: usize,
    closed: bool,
    /// Increases with every restart of the server, because earlier connections are gone.
    generation: u64,
}

/// A client inside, which leaves when this value is dropped.
pub(crate) struct Inside<'g> {
    gate: &'g Gate,
    /// The number of restarts of the server before this step.
    pub(crate) generation: u64,
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.gate.lock().inside -= 1;
        self.gate.changed.notify_all();
    }
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics while it holds this lock")
    }

    /// Waits while the gate is closed.
    pub(crate) fn enter(&self) -> Inside<'_> {
        let open = self.changed.wait_while(self.lock(), |state| state.closed);
        let mut state = open.expect("no thread panics while it holds this lock");
        state.inside += 1;
        Inside { gate: self, generation: state.generation }
    }

    /// Closes the gate and waits until all clients have left. Returns false if one of them does not return.
    pub(crate) fn close(&self, patience: Duration) -> bool {
        let mut state = self.lock();
        state.closed = true;
        let left = self.changed.wait_timeout_while(state, patience, |state| state.inside > 0);
        left.expect("no thread panics while it holds this lock").0.inside == 0
    }

    /// Opens the gate for the clients again.
    pub(crate) fn open(&self) {
        self.lock().closed = false;
        self.changed.notify_all();
    }

    /// Must be called when the server was restarted.
    pub(crate) fn next_generation(&self) {
        self.lock().generation += 1;
    }
}
