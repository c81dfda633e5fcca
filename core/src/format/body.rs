//! Compressed bodies. The decoded size is bounded, because the work on one message must not grow with what its
//! sender claims.

use std::io::Read as _;

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
        };
        *body = decoded;
        whole
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

    #[test]
    fn the_size_of_a_decompressed_body_is_bounded() {
        let zlib = |bytes: &[u8]| miniz_oxide::deflate::compress_to_vec_zlib(bytes, 9);
        let zstd = |bytes: &[u8]| {
            ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
        };
        for (kind, pack) in
            [(Compression::Zlib, &zlib as &dyn Fn(&[u8]) -> Vec<u8>), (Compression::Zstd, &zstd)]
        {
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
