//! Whether an append-only file contains commands of the module, which a server without it does not load.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// The module's internal command, as the first word of a command in the file. A message can contain these bytes, too; then the
/// file is said to contain the command although it does not.
const APPLY: &[u8] = b"\r\n$12\r\nQADMIN.APPLY\r\n";

/// Bytes of files that are read at most.
const READ_MAX: u64 = 1 << 30;
const PIECE: usize = 1 << 20;

/// Whether the append-only file of a server contains QADMIN.APPLY, by the values of `dir`, `appenddirname` and
/// `appendfilename`.
///
/// # Errors
/// A file cannot be read, or there is too much to read.
pub(super) fn holds_apply(dir: &Path, folder: &str, name: &str) -> io::Result<bool> {
    let folder = dir.join(folder);
    let manifest = fs::read_to_string(folder.join(format!("{name}.manifest")))?;
    let files: Vec<_> = named(&manifest).into_iter().map(|name| folder.join(name)).collect();
    let mut total = 0;
    for file in &files {
        total += fs::metadata(file)?.len();
    }
    if total > READ_MAX {
        return Err(io::Error::other(format!("{total} bytes are too many to read")));
    }
    for file in &files {
        if contains(File::open(file)?, APPLY)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The files of a manifest that contain commands and that the server loads: a base that is a snapshot contains none, and
/// those of type h (history) are about to be deleted.
fn named(manifest: &str) -> Vec<String> {
    let file = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let value = |name: &str| {
            let at = words.iter().position(|word| *word == name)?;
            words.get(at + 1).map(|word| word.trim_matches('"').to_owned())
        };
        let (file, kind) = (value("file")?, value("type")?);
        (kind != "h" && !file.ends_with(".rdb")).then_some(file)
    };
    manifest.lines().filter_map(file).collect()
}

fn contains(mut reader: impl Read, wanted: &[u8]) -> io::Result<bool> {
    let mut piece = Vec::with_capacity(PIECE + wanted.len());
    loop {
        let read = (&mut reader).take(PIECE as u64).read_to_end(&mut piece)?;
        if piece.windows(wanted.len()).any(|window| window == wanted) {
            return Ok(true);
        }
        if read == 0 {
            return Ok(false);
        }
        // It can begin at the end of this piece.
        piece.drain(..piece.len().saturating_sub(wanted.len() - 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_found_wherever_pieces_end() {
        for before in [0, 1, PIECE - APPLY.len(), PIECE - 5, PIECE, 2 * PIECE - 1] {
            let mut text = vec![b'x'; before];
            text.extend(APPLY);
            assert!(contains(&text[..], APPLY).expect("bytes"), "{before}");
            text.truncate(text.len() - 1);
            assert!(!contains(&text[..], APPLY).expect("bytes"), "{before}");
        }
        assert!(!contains(&b""[..], APPLY).expect("bytes"));
    }

    #[test]
    fn snapshots_and_history_are_not_read() {
        let manifest = "file appendonly.aof.2.base.rdb seq 2 type b\nfile appendonly.aof.1.incr.aof seq 1 type h\n\
                        file appendonly.aof.2.incr.aof seq 2 type i\nfile appendonly.aof.3.incr.aof seq 3 type i\n";
        assert_eq!(named(manifest), ["appendonly.aof.2.incr.aof", "appendonly.aof.3.incr.aof"]);
        assert_eq!(named("file appendonly.aof seq 1 type b\n# x\n"), ["appendonly.aof"]);
    }

    #[test]
    fn a_folder_without_a_manifest_is_an_error() {
        let dir = tempfile::tempdir().expect("a folder");
        holds_apply(dir.path(), "appendonlydir", "appendonly.aof").expect_err("no manifest");
    }
}
