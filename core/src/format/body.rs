//! Compressed bodies and messages. The decoded size is bounded, because the work on one message must not grow with what its
//! sender claims.

use std::io::Read as _;

use crc::{CRC_32_ISO_HDLC, Crc};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use zlib_rs::{Inflate, InflateFlush, Status};

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
    pub(super) fn undo(self, body: &mut Vec<u8>, inflater: &mut Inflater) -> bool {
        let (decoded, whole) = match self {
            Self::Zlib => inflater.inflate(body, Header::Zlib, DECODED_MAX),
            Self::Zstd => unzstd(body),
            Self::Gzip => gunzip(body, inflater),
        };
        *body = decoded;
        whole
    }
}

/// Returns at least the first `len` bytes, if there are as many, of what was compressed. Damage after them does not
/// count.
pub(super) fn beginning(compression: Compression, body: &[u8], len: usize) -> Vec<u8> {
    let mut inflater = Inflater::default();
    match compression {
        Compression::Zlib => inflater.inflate(body, Header::Zlib, len).0,
        Compression::Gzip => {
            inflater.inflate(after_gzip_header(body).unwrap_or_default(), Header::None, len).0
        }
        Compression::Zstd => Vec::new(),
    }
}

/// What stands before the compressed data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Header {
    None,
    Zlib,
}

/// The logarithm of the largest window of a zlib stream.
const WINDOW_BITS: u8 = 15;
/// The least room for decoded bytes.
const ROOM_MIN: usize = 256;
/// Room for decoded bytes for each byte of a stream, at first.
const ROOM: usize = 4;

/// Decodes zlib streams. Its state of about 50 KB is made with the first stream, and used again.
#[derive(Default)]
pub(crate) struct Inflater(Option<Inflate>);

impl Inflater {
    /// Decodes a stream to at most `limit` bytes. Returns what was decoded, and whether the stream is whole, is not damaged and
    /// has not more bytes than that. What follows it does not count.
    fn inflate(&mut self, stream: &[u8], header: Header, limit: usize) -> (Vec<u8>, bool) {
        let inflate = self.0.get_or_insert_with(|| Inflate::new(true, WINDOW_BITS));
        inflate.reset(header == Header::Zlib);
        let mut decoded = Vec::new();
        let mut rest = stream;
        loop {
            let len = decoded.len();
            let room = len.max(rest.len().saturating_mul(ROOM)).max(ROOM_MIN);
            decoded.resize(limit.min(len + room), 0);
            let (read_before, written_before) = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress(rest, &mut decoded[len..], InflateFlush::NoFlush);
            let count = |after: u64, before: u64| usize::try_from(after - before).unwrap_or(usize::MAX);
            let read = count(inflate.total_in(), read_before);
            let written = count(inflate.total_out(), written_before);
            rest = rest.get(read..).unwrap_or_default();
            decoded.truncate(len + written);
            match status {
                Ok(Status::StreamEnd) => return (decoded, true),
                Ok(_) if read > 0 || written > 0 => {}
                // Nothing is left to read, or no room to write.
                Ok(_) | Err(_) => return (decoded, false),
            }
        }
    }
}

impl Clone for Inflater {
    /// The state concerns one stream only.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inflater").finish_non_exhaustive()
    }
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
fn gunzip(file: &[u8], inflater: &mut Inflater) -> (Vec<u8>, bool) {
    let parts = after_gzip_header(file).and_then(|rest| rest.split_last_chunk::<GZIP_TRAILER>());
    let Some((data, trailer)) = parts else { return (Vec::new(), false) };
    let (decoded, is_whole) = inflater.inflate(data, Header::None, DECODED_MAX);
    let [a, b, c, d, size @ ..] = *trailer;
    let fits = || {
        GZIP_CHECKSUM.checksum(&decoded) == u32::from_le_bytes([a, b, c, d])
            && u32::try_from(decoded.len()) == Ok(u32::from_le_bytes(size))
    };
    let is_whole = is_whole && fits();
    (decoded, is_whole)
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
    use proptest::prelude::*;
    use proptest::sample::Index;

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
        let mut inflater = Inflater::default();
        for (flags, parts) in [
            (0, &b""[..]),
            (GZIP_NAME, b"name\0"),
            (GZIP_COMMENT, b"\0"),
            (GZIP_EXTRA, b"\x03\x00abc"),
            (GZIP_CRC, b"xy"),
            (GZIP_EXTRA | GZIP_NAME | GZIP_COMMENT | GZIP_CRC, b"\x00\x00n\0c\0xy"),
        ] {
            let file = gzip(flags, parts, b"a message");
            assert_eq!(gunzip(&file, &mut inflater), (b"a message".to_vec(), true), "{flags}");
            assert_eq!(beginning(Compression::Gzip, &file, 4).get(..4), Some(&b"a me"[..]), "{flags}");
            for cut in 0..file.len() {
                assert!(!gunzip(&file[..cut], &mut inflater).1, "{flags}: cut at {cut}");
            }
            for at in file.len() - GZIP_TRAILER..file.len() {
                let mut damaged = file.clone();
                damaged[at] ^= 0x10;
                assert!(!gunzip(&damaged, &mut inflater).1, "{flags}: byte {at}");
            }
        }
    }

    #[test]
    fn the_size_of_a_decompressed_body_is_bounded() {
        let mut inflater = Inflater::default();
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
                assert_eq!(kind.undo(&mut body, &mut inflater), fits, "{kind:?}, {len} bytes");
                assert!(body.len() <= DECODED_MAX + 1, "{kind:?}, {len} bytes: {}", body.len());
                if fits {
                    assert_eq!(body, text);
                    let mut cut = packed[..packed.len() - 1].to_vec();
                    assert!(
                        !kind.undo(&mut cut, &mut inflater) || cut == text,
                        "{kind:?}, {len} bytes, cut off"
                    );
                }
            }
            for garbage in [&b""[..], b"x", &[0; 100], &[0xff; 100]] {
                assert!(!kind.undo(&mut garbage.to_vec(), &mut inflater), "{kind:?}");
            }
        }
        // This frame claims a window of 2 GB.
        let mut claims = b"\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00".to_vec();
        assert!(!Compression::Zstd.undo(&mut claims, &mut inflater));
    }

    /// What another library says of a zlib stream.
    fn judged(stream: &[u8], limit: usize) -> Option<Vec<u8>> {
        miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(stream, limit).ok()
    }

    proptest! {
        #[test]
        fn streams_are_decoded_as_by_another_library_whatever_came_before(
            parts in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..40), 1..60_usize), 0..12),
            level in 0..10_u8,
            damage in prop::option::of((any::<Index>(), 1..=255_u8)),
            cut in prop::option::of(any::<Index>()),
            after in prop::collection::vec(any::<u8>(), 0..3),
            limit in prop_oneof![Just(DECODED_MAX), 0..3_000_usize],
        ) {
            let text: Vec<u8> = parts.iter().flat_map(|(part, times)| part.repeat(*times)).collect();
            let whole = miniz_oxide::deflate::compress_to_vec_zlib(&text, level);
            let mut stream = [&whole[..], &after].concat();
            if let Some((at, bits)) = damage {
                let at = at.index(stream.len());
                stream[at] ^= bits;
            }
            if let Some(cut) = cut {
                stream.truncate(cut.index(stream.len() + 1));
            }
            let mut inflater = Inflater::default();
            // The state is that of the stream before, which may have ended anywhere.
            for stream in [&stream, &whole, &stream] {
                let (decoded, is_whole) = inflater.inflate(stream, Header::Zlib, limit);
                prop_assert!(decoded.len() <= limit);
                prop_assert_eq!(is_whole.then_some(decoded), judged(stream, limit));
            }
        }
    }
}
