//! Modules in C that tests and the benchmark load in addition to qadmin.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::paths::workspace_root;

/// Builds `tests/module/<name>.c` into `folder`, against the header from which qadmin's bindings were made,
/// and returns the path of the shared library.
///
/// # Errors
/// Returns the compiler's output, or the name of what is missing.
pub fn c_module(name: &str, folder: &Path) -> Result<PathBuf, String> {
    let library = folder.join(format!("{name}.so"));
    let out = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-I"])
        .arg(include_folder()?)
        .arg("-o")
        .arg(&library)
        .arg(workspace_root().join("tests/module").join(format!("{name}.c")))
        .output()
        .map_err(|e| format!("no C compiler (cc): {e}"))?;
    match out.status.success() {
        true => Ok(library),
        false => Err(String::from_utf8_lossy(&out.stderr).into_owned()),
    }
}

/// The folder of redismodule.h.
fn include_folder() -> Result<PathBuf, String> {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1"])
        .current_dir(workspace_root())
        .output()
        .map_err(|e| format!("cargo metadata: {e}"))?;
    let metadata: serde_json::Value =
        serde_json::from_slice(&out.stdout).map_err(|e| format!("cargo metadata: {e}"))?;
    let mut packages = metadata["packages"].as_array().into_iter().flatten();
    let bindings = packages.find(|package| package["name"] == "redis-module");
    let manifest = bindings.and_then(|package| package["manifest_path"].as_str());
    let manifest = manifest.ok_or_else(|| "the package redis-module is not there".to_string())?;
    Ok(PathBuf::from(manifest).with_file_name("src").join("include"))
}
