//! Compressed bodies and messages. The decoded size is bounded, because the work on one message must not grow with what its
//! sender claims.

use std::io::Read as _;

use crc::{CRC_32_ISO_HDLC, Crc};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

/// The longest body after decompression, in bytes; a longer one is unreadable. Decoding this much takes about
/// two milliseconds.
pub(super) const DECODED_MAX: usize = 512 * 1024;

/// The compression of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    /// A zlib stream; kombu calls it `application/x-gzip`.
    Zlib,
    /// Zstandard frames.
    Zstd,
    /// A gzip file of one member; kombu has no name for it.
    Gzip,
}

impl Compression {
    /// Returns the compression with this name in a header: kombu accepts media types and short names
    /// (`kombu/compression.py`, 5.7.0).
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"application/x-gzip" | b"gzip" | b"zlib" => Some(Self::Zlib),
            b"application/zstd" | b"zstd" | b"zstandard" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Decompresses `body` in place. Returns false if the data is damaged or too long; `body` then contains
    /// the bytes that were decoded before the error.
    pub(super) fn undo(self, body: &mut Vec<u8>) -> bool {
        let (decoded, whole) = match self {
            Self::Zlib => match miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(body, DECODED_MAX) {
                Ok(decoded) => (decoded, true),
                Err(broken) => (broken.output, false),
            },
            Self::Zstd => unzstd(body),
            Self::Gzip => gunzip(body),
        };
        *body = decoded;
        whole
    }
}

/// Returns at least the first `len` bytes, if there are as many, of what was compressed. Damage after them does not
/// count.
pub(super) fn beginning(compression: Compression, body: &[u8], len: usize) -> Vec<u8> {
    use miniz_oxide::inflate::{decompress_to_vec_with_limit, decompress_to_vec_zlib_with_limit};
    let decoded = match compression {
        Compression::Zlib => decompress_to_vec_zlib_with_limit(body, len),
        Compression::Gzip => decompress_to_vec_with_limit(after_gzip_header(body).unwrap_or_default(), len),
        Compression::Zstd => return Vec::new(),
    };
    decoded.unwrap_or_else(|broken| broken.output)
}

/// The length of the CRC-32 and the size at the end of a gzip member.
const GZIP_TRAILER: usize = 8;
/// The flags in the header of a gzip member that say which parts follow it.
const GZIP_CRC: u8 = 2;
const GZIP_EXTRA: u8 = 4;
const GZIP_NAME: u8 = 8;
const GZIP_COMMENT: u8 = 16;
/// The checksum of a gzip member's data (RFC 1952, section 8).
static GZIP_CHECKSUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// Returns what follows the header of a gzip member (RFC 1952).
fn after_gzip_header(file: &[u8]) -> Option<&[u8]> {
    let (&[0x1f, 0x8b, 8, flags, _, _, _, _, _, _], mut rest) = file.split_first_chunk::<10>()? else {
        return None;
    };
    if flags & GZIP_EXTRA != 0 {
        let (len, after) = rest.split_first_chunk::<2>()?;
        rest = after.get(usize::from(u16::from_le_bytes(*len))..)?;
    }
    for text in [GZIP_NAME, GZIP_COMMENT] {
        if flags & text != 0 {
            rest = rest.get(memchr::memchr(0, rest)? + 1..)?;
        }
    }
    if flags & GZIP_CRC != 0 {
        rest = rest.get(2..)?;
    }
    Some(rest)
}

/// Decompresses a gzip file of one member, with nothing after it.
fn gunzip(file: &[u8]) -> (Vec<u8>, bool) {
    let parts = after_gzip_header(file).and_then(|rest| rest.split_last_chunk::<GZIP_TRAILER>());
    let Some((data, trailer)) = parts else { return (Vec::new(), false) };
    match miniz_oxide::inflate::decompress_to_vec_with_limit(data, DECODED_MAX) {
        Ok(decoded) => {
            let [a, b, c, d, size @ ..] = *trailer;
            let is_whole = GZIP_CHECKSUM.checksum(&decoded) == u32::from_le_bytes([a, b, c, d])
                && u32::try_from(decoded.len()) == Ok(u32::from_le_bytes(size));
            (decoded, is_whole)
        }
        Err(broken) => (broken.output, false),
    }
}

fn unzstd(body: &[u8]) -> (Vec<u8>, bool) {
    let mut decoded = Vec::new();
    let mut decoder = FrameDecoder::new();
    // The decoder allocates a window of the size that the frame claims.
    decoder.set_max_window_size(DECODED_MAX as u64);
    let Ok(stream) = StreamingDecoder::new_with_decoder(body, decoder) else { return (decoded, false) };
    let whole = stream.take(DECODED_MAX as u64 + 1).read_to_end(&mut decoded).is_ok();
    let fits = decoded.len() <= DECODED_MAX;
    (decoded, whole && fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A gzip file with these flags and the parts of the header that they announce.
    fn gzip(flags: u8, parts: &[u8], bytes: &[u8]) -> Vec<u8> {
        let mut file = vec![0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3];
        file.extend_from_slice(parts);
        file.extend_from_slice(&miniz_oxide::deflate::compress_to_vec(bytes, 6));
        file.extend_from_slice(&GZIP_CHECKSUM.checksum(bytes).to_le_bytes());
        file.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or_default().to_le_bytes());
        file
    }

    #[test]
    fn headers_and_checksums_of_gzip_are_those_of_its_standard() {
        for (flags, parts) in [
            (0, &b""[..]),
            (GZIP_NAME, b"name\0"),
            (GZIP_COMMENT, b"\0"),
            (GZIP_EXTRA, b"\x03\x00abc"),
            (GZIP_CRC, b"xy"),
            (GZIP_EXTRA | GZIP_NAME | GZIP_COMMENT | GZIP_CRC, b"\x00\x00n\0c\0xy"),
        ] {
            let file = gzip(flags, parts, b"a message");
            assert_eq!(gunzip(&file), (b"a message".to_vec(), true), "{flags}");
            assert_eq!(beginning(Compression::Gzip, &file, 4).get(..4), Some(&b"a me"[..]), "{flags}");
            for cut in 0..file.len() {
                assert!(!gunzip(&file[..cut]).1, "{flags}: cut at {cut}");
            }
            for at in file.len() - GZIP_TRAILER..file.len() {
                let mut damaged = file.clone();
                damaged[at] ^= 0x10;
                assert!(!gunzip(&damaged).1, "{flags}: byte {at}");
            }
        }
    }

    #[test]
    fn the_size_of_a_decompressed_body_is_bounded() {
        let zlib = |bytes: &[u8]| miniz_oxide::deflate::compress_to_vec_zlib(bytes, 9);
        let gzip = |bytes: &[u8]| gzip(0, &[], bytes);
        let zstd = |bytes: &[u8]| {
            ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
        };
        for (kind, pack) in [
            (Compression::Zlib, &zlib as &dyn Fn(&[u8]) -> Vec<u8>),
            (Compression::Zstd, &zstd),
            (Compression::Gzip, &gzip),
        ] {
            for (len, fits) in
                [(0, true), (1, true), (DECODED_MAX, true), (DECODED_MAX + 1, false), (8 << 20, false)]
            {
                let text = vec![b'x'; len];
                let mut body = pack(&text);
                let packed = body.clone();
                assert_eq!(kind.undo(&mut body), fits, "{kind:?}, {len} bytes");
                assert!(body.len() <= DECODED_MAX + 1, "{kind:?}, {len} bytes: {}", body.len());
                if fits {
                    assert_eq!(body, text);
                    let mut cut = packed[..packed.len() - 1].to_vec();
                    assert!(!kind.undo(&mut cut) || cut == text, "{kind:?}, {len} bytes, cut off");
                }
            }
            for garbage in [&b""[..], b"x", &[0; 100], &[0xff; 100]] {
                assert!(!kind.undo(&mut garbage.to_vec()), "{kind:?}");
            }
        }
        // This frame claims a window of 2 GB.
        let mut claims = b"\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00".to_vec();
        assert!(!Compression::Zstd.undo(&mut claims));
    }
}
