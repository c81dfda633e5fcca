//! A client that sends exact bytes and counts the received ones.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The maximum wait for a reply, so that a test without a reply fails and does not hang.
const LONGEST: Duration = Duration::from_secs(300);

/// A connection without a client library.
#[derive(Debug)]
pub struct Raw {
    stream: TcpStream,
    buffer: Vec<u8>,
    sent: u64,
    received: u64,
}

impl Raw {
    /// Connects to a loopback port.
    ///
    /// # Panics
    /// Panics if nothing listens there.
    pub fn connect(port: u16) -> Self {
        Self::try_connect(port).expect("the server accepts connections")
    }

    /// Connects to a loopback port.
    ///
    /// # Errors
    /// Returns the operating system's error if nothing listens there.
    pub fn try_connect(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LONGEST))?;
        Ok(Self { stream, buffer: Vec::new(), sent: 0, received: 0 })
    }

    /// Sends bytes unchanged, such as incomplete or invalid commands.
    ///
    /// # Errors
    /// Returns an error if the connection is gone.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sent += bytes.len() as u64;
        self.stream.write_all(bytes)
    }

    /// Sends one command, and returns its reply's bytes as they came (RESP framing included).
    ///
    /// # Panics
    /// Panics if the connection is gone.
    pub fn call(&mut self, args: &[&[u8]]) -> Vec<u8> {
        self.try_call(args).expect("the server answers")
    }

    /// Does the same as [`Raw::call`], but returns errors.
    ///
    /// # Errors
    /// Returns an error if the connection is gone.
    pub fn try_call(&mut self, args: &[&[u8]]) -> io::Result<Vec<u8>> {
        self.send(&encode(args))?;
        self.reply()
    }

    /// Does the same as [`Raw::call`] for a line of words without blanks in them, as a user would type it.
    pub fn line(&mut self, line: &str) -> String {
        let words: Vec<&[u8]> = line.split_ascii_whitespace().map(str::as_bytes).collect();
        String::from_utf8_lossy(&self.call(&words)).into_owned()
    }

    /// Returns the bytes of the next whole reply.
    ///
    /// # Errors
    /// Returns an error if the connection ends before it, or if it is not RESP.
    pub fn reply(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(end) = reply_end(&self.buffer, 0)? {
                return Ok(self.buffer.drain(..end).collect());
            }
            let mut chunk = [0; 64 * 1024];
            let n = self.stream.read(&mut chunk)?;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.received += n as u64;
            self.buffer.extend_from_slice(&chunk[..n]);
        }
    }

    /// Returns the numbers of bytes (sent, received) since the connection was made.
    pub fn wire_bytes(&self) -> (u64, u64) {
        (self.sent, self.received)
    }
}

/// Encodes a command as RESP: an array of bulk strings.
fn encode(args: &[&[u8]]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Returns the end of the reply that starts at `at`, or None while it is incomplete.
fn reply_end(bytes: &[u8], at: usize) -> io::Result<Option<usize>> {
    let Some(line) = bytes[at..].windows(2).position(|pair| pair == b"\r\n") else { return Ok(None) };
    let after = at + line + 2;
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, "the reply is not valid RESP");
    let number = || -> io::Result<i64> {
        let digits = bytes.get(at + 1..after - 2).and_then(|digits| std::str::from_utf8(digits).ok());
        digits.and_then(|digits| digits.parse().ok()).ok_or_else(invalid)
    };
    // The number of replies inside this one.
    let inside = match bytes[at] {
        b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => 0,
        b'$' | b'=' | b'!' => {
            // A negative length is RESP2's null: nothing follows.
            let end = usize::try_from(number()?).map_or(after, |len| after + len + 2);
            return Ok((end <= bytes.len()).then_some(end));
        }
        b'*' | b'~' | b'>' => number()?,
        b'%' | b'|' => 2 * number()?,
        _ => return Err(invalid()),
    };
    let mut end = after;
    for _ in 0..inside {
        match (end < bytes.len()).then(|| reply_end(bytes, end)).transpose()?.flatten() {
            Some(next) => end = next,
            None => return Ok(None),
        }
    }
    Ok(Some(end))
}

#[cfg(test)]
mod tests {
    use super::reply_end;

    #[test]
    fn a_reply_ends_where_its_last_part_ends() {
        for whole in [
            "+OK\r\n",
            "$3\r\na\r\n\r\n",
            "$-1\r\n",
            "*2\r\n:1\r\n*1\r\n$0\r\n\r\n",
            "%1\r\n+a\r\n_\r\n",
            "*0\r\n",
        ] {
            for cut in 0..whole.len() {
                assert_eq!(
                    reply_end(&whole.as_bytes()[..cut], 0).ok().flatten(),
                    None,
                    "{whole:?} cut at {cut}"
                );
            }
            let more = format!("{whole}+NEXT\r\n");
            assert_eq!(reply_end(more.as_bytes(), 0).ok().flatten(), Some(whole.len()), "{whole:?}");
        }
    }
}
