//! Child processes that end with this process.

use std::io;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Sender};
use std::thread;

/// A command to start, and the channel for its result.
type Order = (Command, Sender<io::Result<Child>>);

/// Starts a process that the kernel kills when this process ends, however it ends.
///
/// Linux ties that death signal to the *thread* that forked, not to the process: a server that was started by
/// one test's thread and is shared with others would die with that test. So one thread that exists as long as
/// the process starts all of them.
///
/// # Errors
/// Returns the operating system's error if the program cannot be started.
pub fn spawn(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<Sender<Order>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, inbox) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, answer) in inbox {
                die_with_parent(&mut command);
                // If the receiver is closed, the caller's thread is gone and needs no result.
                let _ = answer.send(command.spawn());
            }
        });
        orders
    });
    let (answer, inbox) = mpsc::channel();
    spawner.send((command, answer)).expect("the spawner thread lives as long as the process");
    inbox.recv().expect("the spawner thread answers every order")
}

/// Asks the kernel to kill the child when its parent thread ends.
#[cfg(target_os = "linux")]
fn die_with_parent(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    // SAFETY: the closure runs between fork and exec and makes one async-signal-safe system call, which
    // takes a signal number and touches no memory of the parent.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        });
    }
}

/// On other systems only an orderly end (Drop) ends the children.
#[cfg(not(target_os = "linux"))]
fn die_with_parent(_command: &mut Command) {}
