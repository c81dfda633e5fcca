//! `[FORMAT RESP|JSON] [VERBOSE]`, which every command with a map for a reply takes.

use crate::args::Args;
use crate::error::{Error, RequestError};
use crate::reply::Reply;

/// How a reply is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Format {
    /// The protocol of the client, or JSON.
    pub notation: Notation,
    /// Whether a map of the client's protocol has its null members, too. JSON always has them.
    pub verbose: bool,
}

/// What a reply is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Notation {
    /// A map of the client's protocol.
    #[default]
    Resp,
    /// One bulk string of JSON, for a browser.
    Json,
}

impl Format {
    /// The format of a reply without FORMAT and VERBOSE.
    pub const RESP: Self = Self { notation: Notation::Resp, verbose: false };
    /// FORMAT JSON.
    pub const JSON: Self = Self { notation: Notation::Json, verbose: false };

    const WORDS: &'static [&'static str] = &["RESP", "JSON"];

    /// Takes the value of `keyword`, which was just read, if the keyword is one of this option. Returns whether it is.
    pub(super) fn accept(&mut self, keyword: &str, args: &mut Args<'_>) -> Result<bool, Error> {
        match keyword {
            "FORMAT" => self.notation = Notation::parse(args)?,
            "VERBOSE" => self.verbose = true,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Returns the reply that the client gets: in RESP without its null members unless VERBOSE was given, in JSON one text.
    #[must_use]
    pub fn write(self, mut reply: Reply) -> Reply {
        match self.notation {
            Notation::Json => Reply::Text(reply.to_json()),
            Notation::Resp => {
                if !self.verbose {
                    reply.leave_out_nulls();
                }
                reply
            }
        }
    }
}

impl Notation {
    /// Takes the word after `FORMAT`.
    fn parse(args: &mut Args<'_>) -> Result<Self, Error> {
        if args.keyword("RESP") {
            return Ok(Self::Resp);
        }
        if args.keyword("JSON") {
            return Ok(Self::Json);
        }
        let got = args.value("FORMAT")?;
        Err(RequestError::UnknownChoice { keyword: "FORMAT", choices: Format::WORDS, got: got.to_vec() }
            .into())
    }
}
