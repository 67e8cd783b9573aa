//! DER (X.690), just enough to write certificates that no library would write.

use chrono::{DateTime, Datelike, Utc};

/// A value with its tag, which is one byte, and its length.
pub fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = match length {
        0..=0x7f => vec![tag, length as u8],
        0x80..=0xff => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8], // nothing here has 64 KiB
    };
    [&head, content].concat()
}

pub fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    value(0x30, &parts.concat())
}

pub fn set(parts: &[Vec<u8>]) -> Vec<u8> {
    value(0x31, &parts.concat())
}

/// An object identifier in its dotted form.
pub fn oid(dotted: &str) -> Vec<u8> {
    let numbers: Vec<u64> = dotted.split('.').map(|number| number.parse().expect("a number")).collect();
    let mut content = Vec::new();
    for number in std::iter::once(numbers[0] * 40 + numbers[1]).chain(numbers[2..].iter().copied()) {
        let mut digits = vec![(number & 0x7f) as u8];
        let mut rest = number >> 7;
        while rest > 0 {
            digits.insert(0, (rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        content.extend(digits);
    }
    value(0x06, &content)
}

/// A whole number that is not negative, from its bytes.
pub fn integer(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let mut content = bytes[start..].to_vec();
    if content.first().is_none_or(|first| *first >= 0x80) {
        content.insert(0, 0);
    }
    value(0x02, &content)
}

pub fn boolean(set: bool) -> Vec<u8> {
    value(0x01, &[if set { 0xff } else { 0 }])
}

pub fn null() -> Vec<u8> {
    value(0x05, &[])
}

pub fn octets(content: &[u8]) -> Vec<u8> {
    value(0x04, content)
}

/// A bit string of whole bytes.
pub fn bits(content: &[u8]) -> Vec<u8> {
    value(0x03, &[&[0], content].concat())
}

/// A bit string of flags by their numbers, without trailing zeros (X.690, 11.2.2).
pub fn flags(numbers: &[u8]) -> Vec<u8> {
    let last = numbers.iter().copied().max().unwrap_or_default();
    let mut content = vec![0; usize::from(last / 8) + 1];
    for number in numbers {
        content[usize::from(number / 8)] |= 0x80 >> (number % 8);
    }
    value(0x03, &[&[7 - last % 8], &content[..]].concat())
}

/// A time as certificates write it (RFC 5280, 4.1.2.5).
pub fn time(time: DateTime<Utc>) -> Vec<u8> {
    match time.year() {
        1950..2050 => value(0x17, time.format("%y%m%d%H%M%SZ").to_string().as_bytes()),
        _ => value(0x18, time.format("%Y%m%d%H%M%SZ").to_string().as_bytes()),
    }
}

/// A context-specific, constructed value.
pub fn explicit(number: u8, content: &[u8]) -> Vec<u8> {
    value(0xa0 | number, content)
}

/// The contents of the values in some DER, one after the other.
pub fn contents(mut der: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while let [_, first, rest @ ..] = der {
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            0x81 => (usize::from(rest[0]), &rest[1..]),
            0x82 => (usize::from(rest[0]) << 8 | usize::from(rest[1]), &rest[2..]),
            _ => panic!("a key of the testkit has less than 64 KiB"),
        };
        found.push(&rest[..length]);
        der = &rest[length..];
    }
    found
}
