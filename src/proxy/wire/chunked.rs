//! The chunked coding, read more strictly than any parser behind: what two parsers could frame differently is refused.

use std::ops::Range;

use crate::authorizer::Denial;
use crate::proxy::framing::is_token_byte;

/// Bytes of one chunk-size line, its extensions included.
const LONGEST_SIZE_LINE: u32 = 256;
/// Digits of a chunk's size.
const MOST_DIGITS: u32 = 16;
/// Bytes of all trailers together.
const LONGEST_TRAILERS: u32 = 8 * 1024;
/// Bytes of a name that are kept, to compare it: no forbidden name is longer.
const KEPT: usize = 20;

/// Fields that frame, route or authenticate a message have no place after its body (RFC 9110 section 6.5.1).
const FORBIDDEN: [&[u8]; 16] = [
    b"authorization",
    b"connection",
    b"content-encoding",
    b"content-length",
    b"content-range",
    b"content-type",
    b"cookie",
    b"expect",
    b"host",
    b"keep-alive",
    b"proxy-authorization",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
    b"set-cookie",
];

/// How far a chunked body has been read (RFC 9112 section 7.1).
#[derive(Debug)]
pub(super) struct Chunked {
    place: Place,
    /// Bytes of the chunk that are still to come, or its size so far.
    size: u64,
    digits: u32,
    line: u32,
    trailers: u32,
    name: [u8; KEPT],
    named: usize,
    /// Bytes of content that may still be announced.
    room: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Size,
    ExtensionName { empty: bool },
    ExtensionValue { empty: bool },
    Quoted,
    QuotedPair,
    AfterQuoted,
    SizeEnd,
    Content,
    ContentCr,
    ContentLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerEnd,
    LastLf,
    Done,
}

impl Chunked {
    /// A body of at most so many bytes.
    pub(super) fn new(room: u64) -> Self {
        Self { place: Place::Size, size: 0, digits: 0, line: 0, trailers: 0, name: [0; KEPT], named: 0, room }
    }

    /// Whether the empty line after the last chunk and its trailers has been read.
    pub(super) fn is_done(&self) -> bool {
        self.place == Place::Done
    }

    /// Reads on, and gives how many of these bytes belong to the body: fewer than all only where it ends.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<usize, Denial> {
        self.read_content(bytes, |_| ())
    }

    /// The same; `take` is told where among these bytes there is content.
    pub(super) fn read_content(&mut self, bytes: &[u8], mut take: impl FnMut(Range<usize>)) -> Result<usize, Denial> {
        let mut read = 0;
        while let Some(byte) = bytes.get(read).filter(|_| !self.is_done()) {
            if self.place == Place::Content {
                let here = usize::try_from(self.size).unwrap_or(usize::MAX).min(bytes.len() - read);
                self.size -= here as u64;
                take(read..read + here);
                read += here;
                if self.size == 0 {
                    self.place = Place::ContentCr;
                }
                continue;
            }
            self.place = self.step(*byte)?;
            read += 1;
        }
        Ok(read)
    }

    fn step(&mut self, byte: u8) -> Result<Place, Denial> {
        match self.place {
            Place::Size
            | Place::ExtensionName { .. }
            | Place::ExtensionValue { .. }
            | Place::Quoted
            | Place::QuotedPair
            | Place::AfterQuoted
            | Place::SizeEnd => self.size_line(byte),
            Place::ContentCr if byte == b'\r' => Ok(Place::ContentLf),
            Place::ContentLf if byte == b'\n' => {
                (self.size, self.digits, self.line) = (0, 0, 0);
                Ok(Place::Size)
            }
            Place::Content | Place::ContentCr | Place::ContentLf => Err(bad("a chunk that does not end in CRLF")),
            _ => self.trailer(byte),
        }
    }

    fn size_line(&mut self, byte: u8) -> Result<Place, Denial> {
        self.line += 1;
        if self.line > LONGEST_SIZE_LINE {
            return Err(bad("a chunk-size line that is too long"));
        }
        match (self.place, byte) {
            (Place::Size, digit) if digit.is_ascii_hexdigit() => self.digit(digit),
            (Place::Size, b';') if self.digits > 0 => Ok(Place::ExtensionName { empty: true }),
            (Place::Size, b'\r') if self.digits > 0 => Ok(Place::SizeEnd),
            (Place::Size, _) => Err(bad("a chunk size that is not plain hexadecimal")),
            (Place::SizeEnd, b'\n') if self.size > 0 => {
                // Not waited for: who announces too much has said enough.
                self.room = self.room.checked_sub(self.size).ok_or(Denial::BodyTooLarge)?;
                Ok(Place::Content)
            }
            (Place::SizeEnd, b'\n') => Ok(Place::TrailerStart),
            (Place::SizeEnd, _) => Err(bad("a bare CR in a chunk-size line")),
            (place, byte) => extension(place, byte).ok_or(bad("a malformed chunk extension")),
        }
    }

    fn digit(&mut self, digit: u8) -> Result<Place, Denial> {
        self.digits += 1;
        let value = char::from(digit).to_digit(16).unwrap_or_default();
        self.size = self.size.checked_mul(16).map_or(u64::MAX, |size| size | u64::from(value));
        // A size that no counter overflows on: half of what 64 bits hold.
        if self.digits > MOST_DIGITS || self.size > u64::MAX / 4 {
            return Err(bad("a chunk size that is too large"));
        }
        Ok(Place::Size)
    }

    /// Trailers are never passed on; they are judged all the same, so that none hides the beginning of another request.
    fn trailer(&mut self, byte: u8) -> Result<Place, Denial> {
        self.trailers += 1;
        if self.trailers > LONGEST_TRAILERS {
            return Err(bad("trailers that are too large"));
        }
        match (self.place, byte) {
            (Place::TrailerStart, b'\r') => Ok(Place::LastLf),
            (Place::TrailerName, b':') if self.is_forbidden() => Err(bad("a trailer that frames or authenticates")),
            (place @ (Place::TrailerStart | Place::TrailerName), byte) if is_token_byte(byte) => {
                if place == Place::TrailerStart {
                    self.named = 0;
                }
                self.keep(byte);
                Ok(Place::TrailerName)
            }
            (Place::TrailerValue, b'\r') => Ok(Place::TrailerEnd),
            (Place::TrailerName, b':') | (Place::TrailerValue, b'\t' | b' '..=b'~' | 0x80..) => Ok(Place::TrailerValue),
            (Place::TrailerEnd, b'\n') => Ok(Place::TrailerStart),
            (Place::LastLf, b'\n') => Ok(Place::Done),
            _ => Err(bad("a malformed trailer")),
        }
    }

    fn keep(&mut self, byte: u8) {
        if let Some(place) = self.name.get_mut(self.named) {
            *place = byte.to_ascii_lowercase();
        }
        self.named = self.named.saturating_add(1);
    }

    fn is_forbidden(&self) -> bool {
        self.name.get(..self.named).is_some_and(|name| FORBIDDEN.contains(&name))
    }
}

fn bad(reason: &'static str) -> Denial {
    Denial::BadFraming(reason)
}

/// RFC 9112 section 7.1.1, without the blanks that it calls bad. What a well-formed extension says is ignored.
fn extension(place: Place, byte: u8) -> Option<Place> {
    match (place, byte) {
        (Place::ExtensionName { .. }, byte) if is_token_byte(byte) => Some(Place::ExtensionName { empty: false }),
        (Place::ExtensionName { empty: false }, b'=') => Some(Place::ExtensionValue { empty: true }),
        (Place::ExtensionValue { empty: true }, b'"') => Some(Place::Quoted),
        (Place::ExtensionValue { .. }, byte) if is_token_byte(byte) => Some(Place::ExtensionValue { empty: false }),
        (Place::Quoted, b'"') => Some(Place::AfterQuoted),
        (Place::Quoted, b'\\') => Some(Place::QuotedPair),
        (Place::Quoted | Place::QuotedPair, b'\t' | b' '..=b'~') => Some(Place::Quoted),
        (place, b';') if is_whole(place) => Some(Place::ExtensionName { empty: true }),
        (place, b'\r') if is_whole(place) => Some(Place::SizeEnd),
        _ => None,
    }
}

fn is_whole(place: Place) -> bool {
    matches!(place, Place::ExtensionName { empty: false } | Place::ExtensionValue { empty: false } | Place::AfterQuoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads it whole, then byte by byte: both must come to the same end.
    fn read(body: &str) -> Result<usize, Denial> {
        let mut whole = Chunked::new(u64::MAX);
        let length = whole.read(body.as_bytes());
        let mut slow = Chunked::new(u64::MAX);
        let slowly: Result<usize, Denial> = body.as_bytes().chunks(1).map(|byte| slow.read(byte)).sum();
        assert_eq!(length, slowly, "{body:?}");
        assert!(length.is_err() || whole.is_done() == slow.is_done());
        length.map(|length| if whole.is_done() { length } else { 0 })
    }

    #[test]
    fn a_body_ends_where_the_last_chunk_says() {
        for body in [
            "0\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "00005\r\nhello\r\n0000\r\n\r\n",
            "A\r\n0123456789\r\na\r\n\r\n\r\n\r\n\r\n\r\n\r\n0\r\n\r\n",
            "5;a\r\nhello\r\n0;b=c;d=\"e f\\\"g\"\r\n\r\n",
            "5\r\nhello\r\n0\r\nX-Check: 1\r\nempty:\r\n\r\n",
            "2\r\n\r\n\r\n0\r\n\r\n",
        ] {
            assert_eq!(read(body), Ok(body.len()), "{body:?}");
            assert_eq!(read(&format!("{body}GET / HTTP/1.1\r\n")), Ok(body.len()), "{body:?}");
            for cut in 0..body.len() {
                assert_eq!(read(&body[..cut]), Ok(0), "{body:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn more_than_there_is_room_for_is_refused_when_it_is_announced() {
        let read = |body: &str| Chunked::new(8).read(body.as_bytes());
        assert!(read("5\r\nhello\r\n3\r\nyou\r\n0\r\n\r\n").is_ok());
        assert_eq!(read("9\r\n"), Err(Denial::BodyTooLarge));
        assert_eq!(read("5\r\nhello\r\n4\r\n"), Err(Denial::BodyTooLarge));
    }

    #[test]
    fn what_two_parsers_could_frame_differently_is_refused() {
        let long = format!("5;{}\r\nhello\r\n0\r\n\r\n", "a".repeat(300));
        let trailers = format!("0\r\n{}\r\n", format!("a: {}\r\n", "b".repeat(90)).repeat(100));
        for body in [
            "\r\n",
            ";a\r\n",
            "g\r\n",
            "0x5\r\nhello\r\n0\r\n\r\n",
            "+5\r\n",
            "-5\r\n",
            "5_0\r\n",
            " 5\r\n",
            "5 \r\n",
            "\t5\r\n",
            "5\t\r\n",
            "5 ;a\r\n",
            "5; a\r\n",
            "5;\r\n",
            "5;;a\r\n",
            "5;a=\r\n",
            "5;a==b\r\n",
            "5;a b\r\n",
            "5;a=\"b\r\n",
            "5;a=\"b\"c\r\n",
            "5;a\x01\r\n",
            "5;a\0\r\n",
            "5;a\n",
            "5;a\rb\r\n",
            "5;\u{e9}\r\n",
            "5\nhello\r\n0\r\n\r\n",
            "5\rhello",
            "5\r\r\n",
            "5\r\nhello0\r\n\r\n",
            "5\r\nhello\n0\r\n\r\n",
            "5\r\nhello\r0\r\n\r\n",
            "5\r\nhello!\r\n",
            "5\r\nhell\r\n0\r\n\r\n",
            "0\r\n\n",
            "0\n\r\n",
            "0\r\n\r\r\n",
            "10000000000000000\r\n",
            "ffffffffffffffff\r\n",
            "7fffffffffffffff\r\n",
            "00000000000000005\r\nhello\r\n",
            "0\r\nX: 1\n\r\n",
            "0\r\nX : 1\r\n\r\n",
            "0\r\n X: 1\r\n\r\n",
            "0\r\nX\r\n\r\n",
            "0\r\n: 1\r\n\r\n",
            "0\r\nX: a\0\r\n\r\n",
            "0\r\nX: a\rb\r\n\r\n",
            "0\r\nX: 1\r\n y\r\n\r\n",
            "0\r\nContent-Length: 5\r\n\r\n",
            "0\r\nTRANSFER-ENCODING: chunked\r\n\r\n",
            "0\r\nhost: a\r\n\r\n",
            "0\r\nAuthorization: Bearer x\r\n\r\n",
            "0\r\nGET / HTTP/1.1\r\n\r\n",
            &long,
            &trailers,
        ] {
            assert!(read(body).is_err(), "{body:?}");
        }
    }

    /// Whatever comes, it is read to the same end however it is cut: `read` compares.
    #[test]
    fn anything_that_comes_is_read_to_some_end() {
        let mut random = fastrand::Rng::with_seed(1);
        let pieces = [
            "5\r\n",
            "hello",
            "\r\n",
            "0\r\n",
            "a;b=c",
            ";d=\"e\"",
            "X: y\r\n",
            "\r",
            "\n",
            "ff",
            " ",
            "\0",
            "5\r\nhello\r\n",
        ];
        let (mut whole, mut refused) = (0, 0);
        for _ in 0..50_000 {
            let body: String = (0..random.u32(1..9)).map(|_| *random.choice(&pieces).unwrap()).collect();
            match read(&body) {
                Ok(0) => {}
                Ok(_) => whole += 1,
                Err(_) => refused += 1,
            }
        }
        assert!(whole > 100 && refused > 10_000, "{whole} {refused}");
    }
}
