//! Huffman's code of HPACK (RFC 7541 section 5.2 and appendix B).

use std::sync::LazyLock;

/// Bits of each symbol's code, the end of a string last. The code is canonical: its lengths say all about it.
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
    28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12,
    10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6,
    5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22,
    22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20,
    22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28,
    27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28,
    27, 27, 27, 27, 27, 26, 30,
];

/// All codes of one length, which follow one another.
struct Step {
    length: u32,
    first: u32,
    /// Above the last of them, and below all longer ones; in the upper bits of 32.
    end: u64,
    symbols: Vec<u16>,
}

/// The lengths that there are, the shortest first.
static STEPS: LazyLock<Vec<Step>> = LazyLock::new(|| {
    let mut steps = Vec::new();
    let mut code = 0_u32;
    for length in 1..=30 {
        code <<= 1;
        let of_length = (0_u16..).zip(LENGTHS).filter(|(_, bits)| u32::from(*bits) == length);
        let symbols: Vec<u16> = of_length.map(|(symbol, _)| symbol).collect();
        let first = code;
        code += u32::try_from(symbols.len()).unwrap_or_default();
        if !symbols.is_empty() {
            steps.push(Step { length, first, end: u64::from(code) << (32 - length), symbols });
        }
    }
    steps
});

/// Gives each symbol in turn. Nothing where the string is malformed, which ends a connection.
pub(super) fn decode(bytes: &[u8], mut see: impl FnMut(u8)) -> Option<()> {
    let steps = STEPS.as_slice();
    let mut bytes = bytes.iter();
    // The next bits, from the uppermost on, and how many there are.
    let (mut bits, mut held) = (0_u64, 0_u32);
    loop {
        while held <= 32
            && let Some(byte) = bytes.next()
        {
            bits |= u64::from(*byte) << (56 - held);
            held += 8;
        }
        if held == 0 {
            return Some(());
        }
        let ahead = bits >> 32;
        let step = steps.iter().find(|step| ahead < step.end)?;
        if step.length > held {
            // What fills the last byte is all ones, and less than a byte.
            return (held < 8 && bits >> (64 - held) == (1 << held) - 1).then_some(());
        }
        let place =
            usize::try_from(ahead >> (32 - step.length)).ok()?.checked_sub(usize::try_from(step.first).ok()?)?;
        // The end of a string never stands in one.
        see(u8::try_from(*step.symbols.get(place)?).ok()?);
        bits <<= step.length;
        held -= step.length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> Option<String> {
        let mut text = Vec::new();
        decode(bytes, |byte| text.push(byte))?;
        Some(text.escape_ascii().to_string())
    }

    /// The examples of RFC 7541 appendix C.
    #[test]
    fn strings_of_the_specification_are_read() {
        for (bytes, text) in [
            (&[0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff][..], "www.example.com"),
            (&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf], "no-cache"),
            (&[0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xa9, 0x7d, 0x7f], "custom-key"),
            (&[0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xb8, 0xe8, 0xb4, 0xbf], "custom-value"),
            (&[0x64, 0x02], "302"),
            (
                &[0x9d, 0x29, 0xad, 0x17, 0x18, 0x63, 0xc7, 0x8f, 0x0b, 0x97, 0xc8, 0xe9, 0xae, 0x82, 0xae, 0x43, 0xd3],
                "https://www.example.com",
            ),
            (&[], ""),
        ] {
            assert_eq!(decoded(bytes).as_deref(), Some(text));
        }
    }

    /// Written by the code's own rule, so that each symbol is met, the longest codes too.
    #[test]
    fn each_symbol_is_read() {
        for symbol in 0..=u8::MAX {
            let step = STEPS.iter().find(|step| step.symbols.contains(&symbol.into())).unwrap();
            let place = step.symbols.iter().position(|own| *own == u16::from(symbol)).unwrap();
            let code = u64::from(step.first) + u64::try_from(place).unwrap();
            let filled = step.length.div_ceil(8) * 8;
            let spare = filled - step.length;
            let bits = (code << spare) | ((1 << spare) - 1);
            let bytes = &bits.to_be_bytes()[8 - usize::try_from(filled / 8).unwrap()..];
            assert_eq!(decoded(bytes).unwrap(), [symbol].escape_ascii().to_string());
        }
    }

    #[test]
    fn what_is_no_string_is_none() {
        // a byte of filling, filling with a zero in it, the end of a string
        for bytes in [&[0x07, 0xff][..], &[0x06], &[0xff, 0xff, 0xff, 0xff], &[0xff]] {
            assert_eq!(decoded(bytes), None, "{bytes:x?}");
        }
    }
}
