//! `FORMAT RESP|JSON`, which every command with a map for a reply takes.

use crate::args::Args;
use crate::error::{Error, RequestError};

/// The format of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// A map of the client's protocol.
    #[default]
    Resp,
    /// As one bulk string of JSON, for a browser.
    Json,
}

impl Format {
    const WORDS: &'static [&'static str] = &["RESP", "JSON"];

    /// Takes the word after `FORMAT`.
    pub(super) fn parse(args: &mut Args<'_>) -> Result<Self, Error> {
        if args.keyword("RESP") {
            return Ok(Self::Resp);
        }
        if args.keyword("JSON") {
            return Ok(Self::Json);
        }
        let got = args.value("FORMAT")?;
        Err(RequestError::UnknownChoice { keyword: "FORMAT", choices: Self::WORDS, got: got.to_vec() }.into())
    }
}
