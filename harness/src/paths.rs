//! Paths of the built module, the Python of the tests and the server binary.

use std::env;
use std::path::{Path, PathBuf};

/// Returns the folder of the workspace's Cargo.toml.
pub fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("the harness lies in a folder of the workspace").to_path_buf()
}

/// Returns the build folder: CARGO_TARGET_DIR, or `target` of the workspace.
fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace_root().join("target"), PathBuf::from)
}

/// Returns the module's shared library: QADMIN_MODULE, or the output of `make build`.
///
/// # Errors
/// Returns a sentence that says what to do if the file does not exist.
pub fn module_path() -> Result<PathBuf, String> {
    let path = match env::var_os("QADMIN_MODULE") {
        Some(path) => PathBuf::from(path),
        None => target_dir().join("release/libqadmin.so"),
    };
    if path.exists() {
        Ok(path)
    } else {
        Err(format!("{} does not exist: run `make build` first, or set QADMIN_MODULE", path.display()))
    }
}

/// Returns the module with panics on demand (its feature `faults`): QADMIN_FAULTS_MODULE, or the output of
/// `make build-faults`.
///
/// # Errors
/// Returns a sentence that says what to do if the file does not exist.
pub fn faults_module_path() -> Result<PathBuf, String> {
    let path = match env::var_os("QADMIN_FAULTS_MODULE") {
        Some(path) => PathBuf::from(path),
        None => target_dir().join("faults/debug/libqadmin.so"),
    };
    if path.exists() {
        Ok(path)
    } else {
        let path = path.display();
        Err(format!("{path} does not exist: run `make build-faults` first, or set QADMIN_FAULTS_MODULE"))
    }
}

/// Returns the Python that has Celery: QADMIN_PYTHON, or the environment of `make venv`.
///
/// # Errors
/// Returns a sentence that says what to do if it does not exist.
pub fn python() -> Result<PathBuf, String> {
    let path = match env::var_os("QADMIN_PYTHON") {
        Some(path) => PathBuf::from(path),
        None => workspace_root().join("target/venv/bin/python"),
    };
    if path.exists() {
        Ok(path)
    } else {
        Err(format!("{} does not exist: run `make venv` first, or set QADMIN_PYTHON", path.display()))
    }
}

/// Returns the server to test against: QADMIN_SERVER, redis-server of the PATH, the link of `make deps`, or
/// valkey-server.
///
/// # Errors
/// Returns a sentence that says what to do if there is none.
pub fn server_binary() -> Result<PathBuf, String> {
    if let Some(named) = env::var_os("QADMIN_SERVER") {
        return Ok(PathBuf::from(named));
    }
    let search = env::var_os("PATH").unwrap_or_default();
    let on_path =
        |name: &str| env::split_paths(&search).map(|folder| folder.join(name)).find(|p| p.is_file());
    let linked = Some(workspace_root().join("target/bin/redis-server")).filter(|path| path.is_file());
    on_path("redis-server")
        .or(linked)
        .or_else(|| on_path("valkey-server"))
        .ok_or_else(|| "there is no redis-server: run `make deps` first, or set QADMIN_SERVER".to_string())
}
