//! What an upstream says through a WebSocket, read only as far as to know where one frame ends (RFC 6455 section 5.2).

/// A closing frame's status, of RFC 6455 section 7.4.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Closing {
    /// The endpoint goes away: there was nothing to stay for.
    GoingAway = 1001,
    /// The endpoint's policy was violated.
    PolicyViolation = 1008,
}

/// The longest head of a frame: two bytes, a length of eight, a mask of four.
const LONGEST_HEAD: usize = 14;
const FINAL_CLOSE: u8 = 0x88;

/// How far the frames towards the client have come.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Frames {
    head: [u8; LONGEST_HEAD],
    known: usize,
    /// Bytes of the frame that are still to come after its head.
    left: u64,
}

impl Frames {
    /// Takes note of bytes that pass.
    pub(in crate::proxy) fn note(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let here = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                self.left -= here as u64;
                bytes = bytes.get(here..).unwrap_or_default();
                continue;
            }
            let Some((first, rest)) = bytes.split_first() else { return };
            bytes = rest;
            if let Some(place) = self.head.get_mut(self.known) {
                *place = *first;
            }
            self.known += 1;
            if let Some(length) = payload(self.head.get(..self.known).unwrap_or_default()) {
                (self.left, self.known) = (length, 0);
            }
        }
    }

    /// The last frame, where there is a place for one: within another it would be read as a part of that.
    pub(in crate::proxy) fn closing(&self, status: Closing, reason: &str) -> Option<Vec<u8>> {
        let length = u8::try_from(2 + reason.len()).ok().filter(|length| *length <= 125)?;
        let at_border = self.known == 0 && self.left == 0;
        let status = (status as u16).to_be_bytes();
        at_border.then(|| [&[FINAL_CLOSE, length], &status[..], reason.as_bytes()].concat())
    }
}

/// The length of a frame's payload, once its head is whole.
fn payload(head: &[u8]) -> Option<u64> {
    let second = *head.get(1)?;
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    let (extended, length) = match second & 0x7f {
        126 => (2, u64::from(u16::from_be_bytes(*head.get(2..)?.first_chunk()?))),
        127 => (8, u64::from_be_bytes(*head.get(2..)?.first_chunk()?)),
        short => (0, u64::from(short)),
    };
    (head.len() == 2 + extended + mask).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closing_frame_stands_only_between_frames() {
        let long = [&[0x82, 126, 1, 0][..], &[0; 256]].concat();
        let longest = [&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0][..], &vec![0; 65536]].concat();
        let masked = [0x81, 0x82, 1, 2, 3, 4, 9, 9];
        for frame in [&[0x81, 2, 9, 9][..], &[0x89, 0], &masked, &long, &longest] {
            let mut whole = Frames::default();
            whole.note(&[frame, frame].concat());
            assert!(whole.closing(Closing::GoingAway, "x").is_some());
            let mut slow = Frames::default();
            for (place, byte) in frame.iter().enumerate() {
                slow.note(&[*byte]);
                let closing = slow.closing(Closing::GoingAway, "x");
                assert_eq!(closing.is_some(), place + 1 == frame.len(), "{place} of {}", frame.len());
            }
        }
        let closing = |status, reason: &str| Frames::default().closing(status, reason);
        assert_eq!(closing(Closing::PolicyViolation, "token-expired").unwrap(), b"\x88\x0f\x03\xf0token-expired");
        assert_eq!(closing(Closing::GoingAway, "upstream-timeout").unwrap(), b"\x88\x12\x03\xe9upstream-timeout");
        assert!(closing(Closing::GoingAway, &"x".repeat(124)).is_none());
    }
}
