//! The PROXY protocol: what a load balancer says before anything else about who connected to it, in text (version 1) or in binary
//! (version 2), <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest header of version 1, its line end counted in.
const LONGEST_TEXT: usize = 107;
/// Longest part after the first 16 bytes of version 2: addresses, and what else the sender tells (TLVs), which is not read.
const LONGEST_REST: usize = 2048;
/// What version 2 begins with: bytes that no other protocol would take for its own.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const TEXT: &[u8] = b"PROXY ";

/// Reads the header, not one byte more, and gives who connected: the `peer` itself where the sender speaks for itself.
///
/// # Errors
/// Where what comes is no such header, whole and well-formed: the connection must end.
pub(super) async fn read_header<S: AsyncRead + Unpin>(stream: &mut S, peer: SocketAddr) -> io::Result<SocketAddr> {
    let mut start = [0; SIGNATURE.len()];
    stream.read_exact(&mut start).await?;
    let named = if start == *SIGNATURE {
        let mut head = [0; 4];
        stream.read_exact(&mut head).await?;
        let [command, family, high, low] = head;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length > LONGEST_REST {
            return Err(malformed());
        }
        let mut rest = vec![0; length];
        stream.read_exact(&mut rest).await?;
        binary(command, family, &rest)
    } else if start.starts_with(TEXT) {
        text(&read_line(stream, start.to_vec()).await?)
    } else {
        None
    };
    named.map(|named| named.unwrap_or(peer)).ok_or_else(malformed)
}

/// The rest of a line, to its line end.
async fn read_line<S: AsyncRead + Unpin>(stream: &mut S, mut line: Vec<u8>) -> io::Result<Vec<u8>> {
    // One byte at a time: what follows belongs to someone else.
    while !line.ends_with(b"\r\n") {
        if line.len() >= LONGEST_TEXT {
            return Err(malformed());
        }
        line.push(stream.read_u8().await?);
    }
    Ok(line)
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not a header of the PROXY protocol")
}

/// `Some(None)` where the sender speaks for itself.
type Named = Option<Option<SocketAddr>>;

/// `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n`
fn text(line: &[u8]) -> Named {
    let line = std::str::from_utf8(line.strip_suffix(b"\r\n")?.strip_prefix(TEXT)?).ok()?;
    if line == "UNKNOWN" || line.starts_with("UNKNOWN ") {
        return Some(None);
    }
    let mut words = line.split(' ');
    let family = words.next()?;
    let [source, destination] = [words.next()?, words.next()?];
    let [source_port, _] = [port(words.next()?)?, port(words.next()?)?];
    if words.next().is_some() {
        return None;
    }
    let source: IpAddr = match family {
        "TCP4" => destination.parse::<Ipv4Addr>().and_then(|_| source.parse::<Ipv4Addr>()).ok()?.into(),
        "TCP6" => destination.parse::<Ipv6Addr>().and_then(|_| source.parse::<Ipv6Addr>()).ok()?.into(),
        _ => return None,
    };
    Some(Some(SocketAddr::new(source, source_port)))
}

/// Digits without a sign or a leading zero.
fn port(text: &str) -> Option<u16> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain)
}

/// Command, family and transport, and the addresses.
fn binary(command: u8, family: u8, rest: &[u8]) -> Named {
    match command {
        // LOCAL: a health check of the sender's own.
        0x20 => return Some(None),
        0x21 => {}
        _ => return None,
    }
    match family {
        // Where the sender does not know, or the client came by a local socket.
        0x00 | 0x31 => Some(None),
        0x11 => {
            let (addresses, _) = rest.split_first_chunk::<12>()?;
            let [a, b, c, d, _, _, _, _, high, low, _, _] = *addresses;
            Some(Some(SocketAddr::from(([a, b, c, d], u16::from_be_bytes([high, low])))))
        }
        0x21 => {
            let (source, rest) = rest.split_first_chunk::<16>()?;
            let (_, rest) = rest.split_first_chunk::<16>()?;
            let (ports, _) = rest.split_first_chunk::<4>()?;
            let [high, low, _, _] = *ports;
            Some(Some(SocketAddr::from((*source, u16::from_be_bytes([high, low])))))
        }
        // Datagrams make no connection.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "10.0.0.1:1";

    async fn read(bytes: &[u8]) -> Option<(String, Vec<u8>)> {
        let mut stream = bytes;
        let named = read_header(&mut stream, PEER.parse().unwrap()).await.ok()?;
        Some((named.to_string(), stream.to_vec()))
    }

    fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE.as_slice(), &[command, family], &length, rest].concat()
    }

    const FOUR: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 1, 0xdc, 0x04, 0x01, 0xbb];

    #[tokio::test]
    async fn the_client_is_named_and_what_follows_is_left() {
        let six = [&[0; 15][..], &[1], &[0; 15], &[2], &[0, 80, 0, 81]].concat();
        let with_more = [&FOUR[..], &[0x04, 0x00, 0x01, 0x00]].concat();
        for (header, named) in [
            (b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n".to_vec(), "192.0.2.1:56324"),
            (b"PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n".to_vec(), "[2001:db8::1]:0"),
            (b"PROXY UNKNOWN\r\n".to_vec(), PEER),
            (b"PROXY UNKNOWN ffff:: ffff:: 1 2\r\n".to_vec(), PEER),
            (version_2(0x21, 0x11, &FOUR), "192.0.2.1:56324"),
            (version_2(0x21, 0x11, &with_more), "192.0.2.1:56324"),
            (version_2(0x21, 0x21, &six), "[::1]:80"),
            (version_2(0x20, 0x00, &[]), PEER),
            (version_2(0x20, 0x11, &FOUR), PEER),
            (version_2(0x21, 0x00, &[]), PEER),
            (version_2(0x21, 0x31, &[0; 216]), PEER),
        ] {
            let read = read(&[header.as_slice(), b"GET / HTTP/1.1\r\n"].concat()).await;
            assert_eq!(read, Some((named.to_owned(), b"GET / HTTP/1.1\r\n".to_vec())), "{header:?}");
        }
    }

    #[tokio::test]
    async fn anything_else_ends_the_connection() {
        let too_long = [b"PROXY UNKNOWN ".as_slice(), &[b'a'; 200], b"\r\n"].concat();
        for header in [
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00\x00".to_vec(),
            b"proxy TCP4 192.0.2.1 198.51.100.1 1 2\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 198.51.100.1 1 2\n\n\n\n".to_vec(),
            b"PROXY TCP4  192.0.2.1 198.51.100.1 1 2\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 198.51.100.1 1 2 \r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 198.51.100.1 1 65536\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 198.51.100.1 01 2\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 198.51.100.1 +1 2\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 198.51.100.1 1\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.256 198.51.100.1 1 2\r\n".to_vec(),
            b"PROXY TCP4 ::1 ::2 1 2\r\n".to_vec(),
            b"PROXY TCP6 192.0.2.1 198.51.100.1 1 2\r\n".to_vec(),
            b"PROXY UDP4 192.0.2.1 198.51.100.1 1 2\r\n".to_vec(),
            b"PROXY UNKNOWNS\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1\xff 198.51.100.1 1 2\r\n".to_vec(),
            too_long,
            version_2(0x22, 0x11, &FOUR),
            version_2(0x11, 0x11, &FOUR),
            version_2(0x21, 0x12, &FOUR),
            version_2(0x21, 0x11, &FOUR[..11]),
            version_2(0x21, 0x21, &FOUR),
            version_2(0x21, 0x99, &FOUR),
            version_2(0x21, 0x11, &[0; LONGEST_REST + 1]),
            version_2(0x21, 0x11, &FOUR)[..20].to_vec(),
            SIGNATURE.to_vec(),
            b"PROXY".to_vec(),
            Vec::new(),
        ] {
            assert_eq!(read(&header).await, None, "{:?}", String::from_utf8_lossy(&header));
        }
    }
}
