//! The frames of a client (RFC 9113 section 4.1), one after the other.

use super::fields::Table;

const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;

const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 0x20;

/// Bytes before the first frame (RFC 9113 section 3.4). The library below reads what they are.
const PREFACE: usize = 24;
/// Bytes before a frame's payload.
const HEAD: usize = 9;
/// Bytes of a header section as it comes: a few times what the largest that is read whole can take.
const LONGEST_SECTION: usize = 256 * 1024;

/// Why a connection cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    /// RFC 9113 section 3.4.
    #[error("a connection that does not begin with SETTINGS")]
    Beginning,
    /// RFC 9113 sections 6.2 and 6.10, RFC 7541.
    #[error("a header section that cannot be read")]
    Section,
    /// RFC 9113 section 8.1.
    #[error("pseudo fields in trailers")]
    Trailers,
}

/// How far a client's frames have been read.
#[derive(Debug, Default)]
pub(super) struct Reader {
    begun: usize,
    head: Vec<u8>,
    frame: Option<Frame>,
    has_settings: bool,
    /// Of the header section that is coming.
    payload: Vec<u8>,
    section: Option<Vec<u8>>,
    table: Table,
    /// The newest stream.
    newest: u32,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    left: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Frame {
    fn read(head: &[u8]) -> Option<Self> {
        let (length, rest) = head.split_first_chunk::<3>()?;
        let [kind, flags, rest @ ..] = rest else { return None };
        let stream = u32::from_be_bytes(*rest.first_chunk()?) & (u32::MAX >> 1);
        let left = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        Some(Self { left, kind: *kind, flags: *flags, stream })
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    fn is_of_a_section(&self) -> bool {
        self.kind == HEADERS || self.kind == CONTINUATION
    }

    /// A payload without padding and priority.
    fn inner<'a>(&self, payload: &'a [u8]) -> Option<&'a [u8]> {
        if self.kind == CONTINUATION {
            return Some(payload);
        }
        let (padding, rest) = if self.has(PADDED) {
            let (padding, rest) = payload.split_first()?;
            (usize::from(*padding), rest)
        } else {
            (0, payload)
        };
        let rest = if self.has(PRIORITY) { rest.get(5..)? } else { rest };
        rest.get(..rest.len().checked_sub(padding)?)
    }
}

impl Reader {
    /// Reads on. `cut` is told each stream whose path has a fragment.
    pub(super) fn read(&mut self, mut bytes: &[u8], mut cut: impl FnMut(u32)) -> Result<(), Malformed> {
        self.begun += take(&mut bytes, PREFACE - self.begun).len();
        while !bytes.is_empty() {
            let Some(frame) = &mut self.frame else {
                self.head.extend_from_slice(take(&mut bytes, HEAD - self.head.len()));
                self.begin()?;
                self.end(&mut cut)?;
                continue;
            };
            let part = take(&mut bytes, frame.left);
            frame.left -= part.len();
            if frame.is_of_a_section() {
                self.payload.extend_from_slice(part);
            }
            self.end(&mut cut)?;
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(), Malformed> {
        let Some(frame) = Frame::read(&self.head) else { return Ok(()) };
        self.head.clear();
        if !self.has_settings && (frame.kind != SETTINGS || frame.has(ACK)) {
            return Err(Malformed::Beginning);
        }
        self.has_settings = true;
        self.frame = Some(frame);
        Ok(())
    }

    /// Ends the frame where all of it has come.
    fn end(&mut self, cut: &mut impl FnMut(u32)) -> Result<(), Malformed> {
        let Some(frame) = self.frame.take_if(|frame| frame.left == 0) else { return Ok(()) };
        if !frame.is_of_a_section() {
            return Ok(());
        }
        let inner = frame.inner(&self.payload).ok_or(Malformed::Section)?;
        let mut section = match (frame.kind, self.section.take()) {
            (HEADERS, None) => Vec::new(),
            (CONTINUATION, Some(section)) => section,
            _ => return Err(Malformed::Section),
        };
        section.extend_from_slice(inner);
        self.payload = Vec::new();
        if section.len() > LONGEST_SECTION {
            return Err(Malformed::Section);
        }
        if frame.has(END_HEADERS) {
            return self.judge(frame.stream, &section, cut);
        }
        self.section = Some(section);
        Ok(())
    }

    fn judge(&mut self, stream: u32, section: &[u8], cut: &mut impl FnMut(u32)) -> Result<(), Malformed> {
        let found = self.table.read(section).ok_or(Malformed::Section)?;
        // RFC 9113 section 5.1.1: a stream that is opened has a number above all before it.
        let opens = stream > self.newest;
        self.newest = self.newest.max(stream);
        if opens && found.fragment {
            cut(stream);
        }
        if !opens && found.pseudo { Err(Malformed::Trailers) } else { Ok(()) }
    }
}

fn take<'a>(bytes: &mut &'a [u8], up_to: usize) -> &'a [u8] {
    let all = *bytes;
    let (taken, rest) = all.split_at_checked(up_to).unwrap_or((all, &[]));
    *bytes = rest;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: u8 = 0;
    /// `:path: /a#b`, literal.
    const CUT: &[u8] = &[0x04, 4, b'/', b'a', b'#', b'b'];
    /// `:path: /`, and `x: y`.
    const CLEAN: &[u8] = &[0x84, 0x00, 1, b'x', 1, b'y'];
    const PLAIN: &[u8] = &[0x00, 1, b'x', 1, b'y'];

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    }

    /// The streams whose path was cut; read whole and byte by byte.
    fn read(frames: &[Vec<u8>]) -> Result<Vec<u32>, Malformed> {
        let bytes = [&[b'P'; PREFACE][..], &frames.concat()].concat();
        let (mut whole, mut slow) = (Vec::new(), Vec::new());
        let end = Reader::default().read(&bytes, |stream| whole.push(stream));
        let mut reader = Reader::default();
        let slowly = bytes.chunks(1).try_for_each(|byte| reader.read(byte, |stream| slow.push(stream)));
        assert_eq!((end, &whole), (slowly, &slow));
        end.map(|()| whole)
    }

    fn settings() -> Vec<u8> {
        frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 1])
    }

    #[test]
    fn streams_whose_path_has_a_fragment_are_told() {
        let padded = [&[3][..], CUT, &[0; 3]].concat();
        let dependent = [&[2, 0, 0, 0, 0, 7][..], CUT, &[0; 2]].concat();
        let (first, rest) = CUT.split_at(2);
        let frames = [
            settings(),
            frame(HEADERS, END_HEADERS, 1, CUT),
            frame(HEADERS, END_HEADERS, 3, CLEAN),
            frame(DATA, 0, 3, CUT),
            frame(HEADERS, END_HEADERS | PADDED, 5, &padded),
            frame(HEADERS, END_HEADERS | PADDED | PRIORITY, 7, &dependent),
            frame(HEADERS, 0, 9, first),
            frame(CONTINUATION, 0, 9, &[]),
            frame(CONTINUATION, END_HEADERS, 9, rest),
            frame(HEADERS, END_HEADERS, 3, PLAIN),
        ];
        assert_eq!(read(&frames).unwrap(), [1, 5, 7, 9]);
    }

    #[test]
    fn what_no_connection_goes_on_after_is_told() {
        let one = frame(HEADERS, END_HEADERS, 1, CLEAN);
        for (frames, why) in [
            (vec![one.clone()], Malformed::Beginning),
            (vec![frame(SETTINGS, ACK, 0, &[])], Malformed::Beginning),
            (vec![settings(), one.clone(), frame(HEADERS, END_HEADERS, 1, CLEAN)], Malformed::Trailers),
            (vec![settings(), one, frame(HEADERS, END_HEADERS, 1, &[0x88])], Malformed::Trailers),
            (vec![settings(), frame(CONTINUATION, END_HEADERS, 1, CLEAN)], Malformed::Section),
            (vec![settings(), frame(HEADERS, 0, 1, &[]), frame(HEADERS, END_HEADERS, 3, CLEAN)], Malformed::Section),
            (vec![settings(), frame(HEADERS, END_HEADERS | PADDED, 1, &[9, 0x84])], Malformed::Section),
            (vec![settings(), frame(HEADERS, END_HEADERS | PADDED, 1, &[])], Malformed::Section),
            (vec![settings(), frame(HEADERS, END_HEADERS | PRIORITY, 1, &[0; 4])], Malformed::Section),
            (vec![settings(), frame(HEADERS, END_HEADERS, 1, &[0x80])], Malformed::Section),
        ] {
            assert_eq!(read(&frames), Err(why), "{frames:x?}");
        }
    }

    #[test]
    fn a_header_section_has_a_bound() {
        let part = frame(CONTINUATION, 0, 1, &[0; 16 * 1024]);
        let mut frames = vec![settings(), frame(HEADERS, 0, 1, &[])];
        frames.extend(std::iter::repeat_n(part, 17));
        let bytes = [&[b'P'; PREFACE][..], &frames.concat()].concat();
        assert_eq!(Reader::default().read(&bytes, |_| {}), Err(Malformed::Section));
    }

    /// Whatever comes, there is an end, and the same one however the bytes are cut: `read` compares.
    #[test]
    fn anything_that_comes_is_read_to_some_end() {
        let mut random = fastrand::Rng::with_seed(1);
        let pieces: [&[u8]; 8] = [
            CUT,
            CLEAN,
            PLAIN,
            &[0x40, 1, b'x', 2, b'a', b'b'],
            &[0xbe],
            &[0x3f, 0xe1, 0x1f],
            &[0x44, 0x81],
            &[0xff; 6],
        ];
        let mut ends = [0; 4];
        for _ in 0..20_000 {
            let mut frames = vec![settings()];
            for place in 0..random.u32(1..6) {
                let mut payload = Vec::new();
                for _ in 0..random.usize(0..4) {
                    payload.extend_from_slice(random.choice(pieces).unwrap());
                }
                if random.bool() && !payload.is_empty() {
                    let at = random.usize(..payload.len());
                    payload[at] = random.u8(..);
                }
                let kind = random.choice([HEADERS, HEADERS, HEADERS, CONTINUATION, DATA]).unwrap();
                let flags = if random.bool() { END_HEADERS } else { random.u8(..) };
                frames.push(frame(kind, flags, random.u32(place..=2 * place + 1), &payload));
            }
            ends[match read(&frames) {
                Ok(_) => 0,
                Err(Malformed::Beginning) => 1,
                Err(Malformed::Section) => 2,
                Err(Malformed::Trailers) => 3,
            }] += 1;
        }
        assert!(ends[0] > 1000 && ends[1] == 0 && ends[2] > 1000 && ends[3] > 100, "{ends:?}");
    }
}
