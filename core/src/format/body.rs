//! Bodies that are not JSON text as they stand: compressed ones and MessagePack.
//!
//! Both become JSON text, which is read like any other. What is decoded is bounded: the work on one message must
//! not grow with what its sender claims.

use std::io::Read as _;

use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

/// Longest body after decompression, bytes; a longer one is not readable. Decoding this much takes about two
/// milliseconds.
pub(super) const DECODED_MAX: usize = 512 * 1024;

/// Deepest nesting of a MessagePack body: its reader recurses. Celery's own nest a handful deep.
const DEPTH_MAX: usize = 128;

/// Most values of a MessagePack body, those inside others included; each becomes a piece of JSON text, which takes some
/// 30 ns. A body of this size may hold one in each byte.
const VALUES_MAX: usize = 64 * 1024;
/// Longest JSON text that a MessagePack body becomes, bytes.
const JSON_MAX: usize = 1024 * 1024;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    /// A zlib stream; kombu calls it `application/x-gzip`.
    Zlib,
    /// Zstandard frames.
    Zstd,
}

impl Compression {
    /// By its name in a header: kombu takes media types and short names (`kombu/compression.py`, 5.7.0).
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"application/x-gzip" | b"gzip" | b"zlib" => Some(Self::Zlib),
            b"application/zstd" | b"zstd" | b"zstandard" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Replaces `body` by what it was before it was compressed. False if it is broken or too long; then `body` holds
    /// what was decoded until that showed.
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
    // Memory for the window is taken as the frame claims it.
    decoder.set_max_window_size(DECODED_MAX as u64);
    let Ok(stream) = StreamingDecoder::new_with_decoder(body, decoder) else { return (decoded, false) };
    let whole = stream.take(DECODED_MAX as u64 + 1).read_to_end(&mut decoded).is_ok();
    let fits = decoded.len() <= DECODED_MAX;
    (decoded, whole && fits)
}

/// Writes one MessagePack value as JSON text. Binary data becomes an array and so equals nothing; NaN becomes null.
/// False for what JSON cannot say (a key that is no text or integer), for what is not one whole value, and for what has
/// more than [`VALUES_MAX`] values or becomes more than [`JSON_MAX`] bytes.
pub(super) fn json_of_msgpack(msgpack: &[u8], json: &mut Vec<u8>) -> bool {
    json.clear();
    if !has_few_values(msgpack) {
        return false;
    }
    let mut rest = msgpack;
    let mut reader = rmp_serde::Deserializer::new(&mut rest);
    reader.set_max_depth(DEPTH_MAX);
    let written =
        serde_transcode::transcode(&mut reader, &mut serde_json::Serializer::new(Bounded(json))).is_ok();
    written && rest.is_empty()
}

/// Text that takes no more than [`JSON_MAX`] bytes.
struct Bounded<'t>(&'t mut Vec<u8>);

impl std::io::Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > JSON_MAX {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Whether MessagePack text has at most [`VALUES_MAX`] values. Each byte of binary data is one: it becomes a number.
/// Goes from head to head (the format's specification, 2013), without a look at what belongs together; what is broken
/// shows when it is read.
fn has_few_values(mut rest: &[u8]) -> bool {
    let mut values = 0;
    while let [head, after @ ..] = rest {
        // How many bytes say how long the value is, and how many more bytes it has.
        let (length_bytes, more) = match head {
            0xc4 | 0xd9 => (1, 0),
            0xc5 | 0xda => (2, 0),
            0xc6 | 0xdb => (4, 0),
            0xc7 => (1, 1),
            0xc8 => (2, 1),
            0xc9 => (4, 1),
            0xcc | 0xd0 => (0, 1),
            0xcd | 0xd1 | 0xd4 | 0xdc | 0xde => (0, 2),
            0xd5 => (0, 3),
            0xca | 0xce | 0xd2 | 0xdd | 0xdf => (0, 4),
            0xd6 => (0, 5),
            0xcb | 0xcf | 0xd3 => (0, 8),
            0xd7 => (0, 9),
            0xd8 => (0, 17),
            0xa0..=0xbf => (0, usize::from(head & 0x1f)),
            _ => (0, 0),
        };
        let Some((length, after)) = after.split_at_checked(length_bytes) else { break };
        let length = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        values += 1 + if matches!(head, 0xc4..=0xc6) { length } else { 0 };
        if values > VALUES_MAX {
            return false;
        }
        let Some(after) = after.get(length.saturating_add(more)..) else { break };
        rest = after;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn msgpack(bytes: &[u8]) -> Option<String> {
        let mut json = b"left over".to_vec();
        json_of_msgpack(bytes, &mut json).then(|| String::from_utf8(json).expect("text"))
    }

    #[test]
    fn msgpack_becomes_json() {
        // [[], {"repoid": 147107, "a": "\u4e00\n", "b": -1, "c": 1.5, "d": [true, nil], "e": bin}, 2**64 - 1]
        let whole = [
            &b"\x93\x90\x85\xa6repoid\xce\x00\x02\x3e\xa3\xa1a\xa4\xe4\xb8\x80\n\xa1b\xff\xa1c\xcb\x3f\xf8\0\0\0\0\0\0"[..],
            b"\xa1d\x92\xc3\xc0\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
        ]
        .concat();
        assert_eq!(
            msgpack(&whole).as_deref(),
            Some(
                "[[],{\"repoid\":147107,\"a\":\"\u{4e00}\\n\",\"b\":-1,\"c\":1.5,\"d\":[true,null]},18446744073709551615]"
            )
        );
        assert_eq!(msgpack(b"\xc4\x02ab").as_deref(), Some("[97,98]"), "binary data");
        for (what, bytes) in [
            ("cut off", &whole[..whole.len() - 1]),
            ("something behind it", &[&whole[..], b"\xc0"].concat()),
            ("nothing", b""),
            ("an array that claims 4 billion items", b"\xdd\xff\xff\xff\xff\x01"),
            ("a map as a key", b"\x81\x80\x01"),
            ("nested beyond sense", &b"\x91".repeat(100_000)),
            ("a byte that is never used", b"\xc1"),
        ] {
            assert_eq!(msgpack(bytes), None, "{what}");
        }
    }

    #[test]
    fn a_msgpack_body_with_too_many_values_or_too_long_a_text_is_not_read() {
        let array = |items: usize, item: &[u8]| {
            let mut bytes = vec![0xdd];
            bytes.extend(u32::try_from(items).expect("small").to_be_bytes());
            bytes.extend(item.repeat(items));
            bytes
        };
        // The array itself is a value, too.
        assert!(msgpack(&array(VALUES_MAX - 1, b"\x01")).is_some());
        assert_eq!(msgpack(&array(VALUES_MAX, b"\x01")), None);
        assert_eq!(msgpack(&array(VALUES_MAX / 2, b"\x91\x01")), None, "values inside values");
        let binary = |len: usize| {
            let len_bytes = u32::try_from(len).expect("small").to_be_bytes();
            [&[0xc6][..], &len_bytes, &vec![1; len]].concat()
        };
        assert!(msgpack(&binary(VALUES_MAX - 1)).is_some());
        assert_eq!(msgpack(&binary(VALUES_MAX)), None, "bytes become numbers");
        let text = |byte: u8, len: usize| {
            let len_bytes = u32::try_from(len).expect("small").to_be_bytes();
            [&[0xdb][..], &len_bytes, &vec![byte; len]].concat()
        };
        assert!(msgpack(&text(b'x', DECODED_MAX)).is_some(), "a long text is one value");
        assert_eq!(msgpack(&text(1, DECODED_MAX)), None, "each of these bytes is written with six");
    }

    #[test]
    fn all_kinds_of_msgpack_values_are_passed_over_whole() {
        let values: [&[u8]; 16] = [
            b"\xc4\x01\x01",
            b"\xc5\0\x01\x01",
            b"\xc6\0\0\0\x01\x01",
            b"\xca\0\0\0\0",
            b"\xcb\0\0\0\0\0\0\0\0",
            b"\xcc\x01",
            b"\xcd\0\x01",
            b"\xce\0\0\0\x01",
            b"\xcf\0\0\0\0\0\0\0\x01",
            b"\xd0\x01",
            b"\xd1\0\x01",
            b"\xd2\0\0\0\x01",
            b"\xd3\0\0\0\0\0\0\0\x01",
            b"\xd9\x01a",
            b"\xda\0\x01a",
            b"\xdb\0\0\0\x01a",
        ];
        for value in values {
            // Whatever they are: as many as fit are counted one by one, with the array around them.
            let each = if matches!(value[0], 0xc4..=0xc6) { 2 } else { 1 };
            let most = (VALUES_MAX - 1) / each;
            let array = |items: usize| {
                let mut bytes = vec![0xdd];
                bytes.extend(u32::try_from(items).expect("small").to_be_bytes());
                bytes.extend(value.repeat(items));
                bytes
            };
            assert!(has_few_values(&array(most)) && !has_few_values(&array(most + 1)), "{value:x?}");
            assert!(msgpack(&array(10)).is_some(), "{value:x?}");
        }
    }

    #[test]
    fn what_is_decompressed_is_bounded() {
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
        // A frame that claims a window of 2 GB.
        let mut claims = b"\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00".to_vec();
        assert!(!Compression::Zstd.undo(&mut claims));
    }
}
