//! Header sections in HPACK (RFC 7541), read only as far as the library that reads them whole does not tell what was in them.

use std::collections::VecDeque;

use super::huffman;

/// Bytes of the table that a client may fill: what it has where nobody says otherwise (RFC 9113 section 6.5.2).
const LARGEST_TABLE: usize = 4096;
/// What the octets around an entry count for (RFC 7541 section 4.1).
const AROUND_AN_ENTRY: usize = 32;
/// Lengths of the names in the static table (RFC 7541 appendix A), the first of which are pseudo fields.
const STATIC_NAMES: [usize; 61] = [
    10, 7, 7, 5, 5, 7, 7, 7, 7, 7, 7, 7, 7, 7, 14, 15, 15, 13, 6, 27, 3, 5, 13, 13, 19, 16, 16, 14, 16, 13, 12, 6, 4,
    4, 6, 7, 4, 4, 8, 17, 13, 8, 19, 13, 4, 8, 12, 18, 19, 5, 7, 7, 11, 6, 10, 25, 17, 10, 4, 3, 16,
];
const STATIC_PSEUDO: usize = 14;
const STATIC_PATHS: [usize; 2] = [4, 5];

/// What a header section has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Section {
    /// A field whose name begins with a colon.
    pub(super) pseudo: bool,
    /// A `#` in `:path`.
    pub(super) fragment: bool,
}

/// What is known of the fields that a client has given numbers to.
#[derive(Debug)]
pub(super) struct Table {
    /// The newest first.
    entries: VecDeque<Entry>,
    size: usize,
    bound: usize,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    name: Name,
    size: usize,
    fragment: bool,
}

#[derive(Debug, Clone, Copy)]
struct Name {
    length: usize,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Pseudo,
    Path,
}

impl Default for Table {
    fn default() -> Self {
        Self { entries: VecDeque::new(), size: 0, bound: LARGEST_TABLE }
    }
}

impl Table {
    /// Reads a whole header section. Nothing where it is malformed, which ends a connection.
    pub(super) fn read(&mut self, block: &[u8]) -> Option<Section> {
        let mut rest = Rest(block);
        let mut section = Section::default();
        while let Some(first) = rest.0.first().copied() {
            let (kind, fragment) = match first {
                0x80.. => {
                    let number = rest.number(7)?;
                    (self.name(number)?.kind, self.entry(number).is_some_and(|entry| entry.fragment))
                }
                0x40.. => self.literal(&mut rest, 6, true)?,
                0x20.. => {
                    self.resize(rest.number(5)?)?;
                    continue;
                }
                _ => self.literal(&mut rest, 4, false)?,
            };
            section.pseudo |= kind != Kind::Plain;
            section.fragment |= fragment;
        }
        Some(section)
    }

    /// RFC 7541 section 6.2: a field that is written out, its name at least in part.
    fn literal(&mut self, rest: &mut Rest<'_>, bits: u32, is_kept: bool) -> Option<(Kind, bool)> {
        let name = match rest.number(bits)? {
            0 => rest.text()?.as_name()?,
            number => self.name(number)?,
        };
        let value = rest.text()?;
        let fragment = name.kind == Kind::Path && value.has(b'#')?;
        if is_kept {
            let size = name.length.checked_add(value.length()?)?.checked_add(AROUND_AN_ENTRY)?;
            self.keep(Entry { name, size, fragment });
        }
        Some((name.kind, fragment))
    }

    fn entry(&self, number: usize) -> Option<&Entry> {
        self.entries.get(number.checked_sub(STATIC_NAMES.len() + 1)?)
    }

    fn name(&self, number: usize) -> Option<Name> {
        let Some(length) = STATIC_NAMES.get(number.checked_sub(1)?).copied() else {
            return self.entry(number).map(|entry| entry.name);
        };
        let kind = match number {
            path if STATIC_PATHS.contains(&path) => Kind::Path,
            ..=STATIC_PSEUDO => Kind::Pseudo,
            _ => Kind::Plain,
        };
        Some(Name { length, kind })
    }

    /// RFC 7541 section 4.4: the oldest make room; what is larger than the table empties it.
    fn keep(&mut self, entry: Entry) {
        self.shrink_to(self.bound.saturating_sub(entry.size));
        if entry.size <= self.bound {
            self.size += entry.size;
            self.entries.push_front(entry);
        }
    }

    fn resize(&mut self, bound: usize) -> Option<()> {
        if bound > LARGEST_TABLE {
            return None;
        }
        self.bound = bound;
        self.shrink_to(bound);
        Some(())
    }

    fn shrink_to(&mut self, size: usize) {
        while self.size > size
            && let Some(oldest) = self.entries.pop_back()
        {
            self.size -= oldest.size;
        }
    }
}

/// What of a section is still to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    /// RFC 7541 section 5.1: a number in the lower bits of a byte, and in more of them where it is large.
    fn number(&mut self, bits: u32) -> Option<usize> {
        let most = (1_usize << bits) - 1;
        let mut number = usize::from(self.byte()?) & most;
        if number < most {
            return Some(number);
        }
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?;
            number += usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn text(&mut self) -> Option<Text<'a>> {
        let is_coded = self.0.first()? & 0x80 != 0;
        let length = self.number(7)?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(Text { bytes, is_coded })
    }
}

/// A string, in Huffman's code or not.
#[derive(Clone, Copy)]
struct Text<'a> {
    bytes: &'a [u8],
    is_coded: bool,
}

impl Text<'_> {
    fn length(self) -> Option<usize> {
        if !self.is_coded {
            return Some(self.bytes.len());
        }
        let mut length = 0;
        huffman::decode(self.bytes, |_| length += 1)?;
        Some(length)
    }

    fn has(self, wanted: u8) -> Option<bool> {
        if !self.is_coded {
            return Some(self.bytes.contains(&wanted));
        }
        let mut found = false;
        huffman::decode(self.bytes, |byte| found |= byte == wanted)?;
        Some(found)
    }

    fn as_name(self) -> Option<Name> {
        let mut start = Vec::with_capacity(8);
        let mut length = 0;
        let mut see = |byte| {
            if length < b":path?".len() {
                start.push(byte);
            }
            length += 1;
        };
        if self.is_coded {
            huffman::decode(self.bytes, see)?;
        } else {
            self.bytes.iter().copied().for_each(&mut see);
        }
        let kind = match start.as_slice() {
            b":path" => Kind::Path,
            [b':', ..] => Kind::Pseudo,
            _ => Kind::Plain,
        };
        Some(Name { length, kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> Vec<u8> {
        [&[u8::try_from(bytes.len()).unwrap()][..], bytes].concat()
    }

    const CLEAN: Section = Section { pseudo: true, fragment: false };
    const CUT: Section = Section { pseudo: true, fragment: true };

    #[test]
    fn a_fragment_is_found_however_the_path_is_written() {
        let (path, cut) = (text(b":path"), text(b"/a#b"));
        // the same in Huffman's code
        let coded_cut = [0x84, 0x60, 0x7f, 0xf5, 0x1f];
        for first in [0x00, 0x10, 0x40] {
            for name in [[&[first][..], &path].concat(), vec![first | 4], vec![first | 5]] {
                let mut table = Table::default();
                assert_eq!(table.read(&[&name[..], &cut].concat()), Some(CUT), "{name:x?}");
                assert_eq!(table.read(&[&name[..], &coded_cut].concat()), Some(CUT), "{name:x?}");
                assert_eq!(table.read(&[&name[..], &text(b"/a")].concat()), Some(CLEAN), "{name:x?}");
            }
        }
        // by its number alone, from the second time on; another that takes its name has its own value
        let mut table = Table::default();
        assert_eq!(table.read(&[&[0x44][..], &cut].concat()), Some(CUT));
        assert_eq!(table.read(&[0xbe]), Some(CUT));
        assert_eq!(table.read(&[&[0x0f, 0x2f][..], &text(b"/a")].concat()), Some(CLEAN));
        assert_eq!(table.read(&[&[0x0f, 0x2f][..], &cut].concat()), Some(CUT));
        // in no other field
        assert_eq!(table.read(&[&[0x00][..], &text(b"x"), &cut].concat()), Some(Section::default()));
        assert_eq!(table.read(&[&[0x41][..], &cut].concat()), Some(CLEAN));
    }

    #[test]
    fn pseudo_fields_are_told_from_all_others() {
        let mut table = Table::default();
        for block in [&[0x82][..], &[0x88], &[&[0x00][..], &text(b":odd"), &text(b"a")].concat()] {
            assert_eq!(table.read(block), Some(CLEAN), "{block:x?}");
        }
        for block in [&[0x90][..], &[&[0x40][..], &text(b"path"), &text(b":path#")].concat(), &[0xbe], &[]] {
            assert_eq!(table.read(block), Some(Section::default()), "{block:x?}");
        }
    }

    #[test]
    fn the_table_holds_what_it_has_room_for() {
        let mut table = Table::default();
        let long = vec![b'a'; 100];
        let entry = [&[0x40][..], &text(b"x"), &text(&long)].concat();
        for _ in 0..100 {
            table.read(&entry).unwrap();
        }
        assert_eq!((table.entries.len(), table.size), (30, 30 * 133));
        assert_eq!(table.read(&[0x80 | (61 + 30)]), Some(Section::default()));
        assert!(table.read(&[0x80 | (61 + 31)]).is_none());
        // one that is larger than all empties it
        let mut larger = vec![0x40, 1, b'x', 127, 0xe2, 0x1e];
        larger.resize(larger.len() + 127 + 0x62 + (0x1e << 7), b'a');
        table.read(&larger).unwrap();
        assert_eq!((table.entries.len(), table.size), (0, 0));
        // made smaller, and larger again
        table.read(&entry).unwrap();
        table.read(&[0x20]).unwrap();
        assert_eq!((table.entries.len(), table.bound), (0, 0));
        table.read(&entry).unwrap();
        assert_eq!(table.entries.len(), 0);
        table.read(&[0x3f, 0xe1, 0x1f]).unwrap();
        assert_eq!(table.bound, 4096);
        assert!(table.read(&[0x3f, 0xe2, 0x1f]).is_none());
    }

    #[test]
    fn what_is_no_section_is_none() {
        for block in [
            &[0x80][..],
            &[0xbe],
            &[0xff],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            &[0x00],
            &[0x00, 1],
            &[0x00, 1, b'x'],
            &[0x00, 1, b'x', 2, b'a'],
            &[0x00, 0x81, 0xff, 0],
            &[0x40, 1, b'x', 0x81, 0x06],
            &[0x7f, 0x80],
        ] {
            assert_eq!(Table::default().read(block), None, "{block:x?}");
        }
    }
}
