//! What the fuzz targets share.

pub mod oracle;
pub mod parts;
pub mod question;
pub mod shown;

use qadmin_core::args::Args;
use qadmin_core::error::{Error, FilterError};
use qadmin_core::filter::{Filter, FilterBuilder};

/// What `now` means in operands.
pub const NOW_MS: i64 = 1_700_000_000_000;

/// An input as the words of a command: one per line, so that seeds can be read and written by hand.
pub fn words(data: &[u8]) -> Vec<&[u8]> {
    data.split(|b| *b == b'\n').collect()
}

/// A filter and nothing else.
pub fn filter(words: &[&[u8]]) -> Result<Filter, Error> {
    let mut args = Args::new(words);
    let mut builder = FilterBuilder::default();
    while builder.accept(&mut args, NOW_MS)? {}
    match args.remaining() {
        0 => builder.finish(),
        _ => Err(FilterError::NoFilter.into()),
    }
}

/// An error is one line of printable ASCII: a code in capitals, then text.
pub fn check_error(error: &Error) {
    let line = error.to_string();
    assert!(line.bytes().all(|b| (0x20..0x7f).contains(&b)), "{line:?}");
    let code = line.split(' ').next().unwrap_or_default();
    assert!(!code.is_empty() && code.bytes().all(|b| b.is_ascii_uppercase()), "{line:?}");
    assert!(line.len() < 16 * 1024, "an error of {} bytes", line.len());
}
