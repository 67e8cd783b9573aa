//! Splits a value over several items, for stores that cap the size of one. No I/O.
//!
//! Every part starts with the same 13 bytes but for its number: version, number, count, and a
//! checksum over the whole value. Parts of two writes therefore never pass for one value.

use ring::digest::{SHA256, digest};

use crate::secret::Wiped;

const VERSION: u8 = 1;

/// Version, number (big-endian), count (big-endian), the start of the value's SHA-256.
const HEADER: usize = 1 + 2 + 2 + CHECKSUM;

/// Enough to tell two writes apart; who can write parts can also write the checksum.
const CHECKSUM: usize = 8;

/// Cuts `bytes` into parts of at most `limit` bytes each, headers included; at least one part.
///
/// # Panics
///
/// When the limit leaves no room beside the header, or the value needs more than 65,535 parts.
pub(super) fn split(bytes: &[u8], limit: usize) -> Vec<Wiped<Vec<u8>>> {
    assert!(limit > HEADER, "a part holds more than its header");
    let sum = digest(&SHA256, bytes);
    // Nothing is a value too: it has one empty piece.
    let pieces: Vec<&[u8]> = if bytes.is_empty() { vec![bytes] } else { bytes.chunks(limit - HEADER).collect() };
    let count = u16::try_from(pieces.len()).expect("callers cap the value's length");
    (0..count)
        .zip(pieces)
        .map(|(number, piece)| {
            let mut part = Wiped::new(Vec::with_capacity(HEADER + piece.len()));
            part.push(VERSION);
            part.extend(number.to_be_bytes());
            part.extend(count.to_be_bytes());
            part.extend(&sum.as_ref()[..CHECKSUM]);
            part.extend(piece);
            part
        })
        .collect()
}

/// How many parts belong to this first one; `None` when it is no first part.
pub(super) fn count(first: &[u8]) -> Option<u16> {
    match Part::read(first)? {
        Part { number: 0, count, .. } if count > 0 => Some(count),
        _ => None,
    }
}

/// What a part holds beside its header; `None` when it is no part.
pub(super) fn piece(part: &[u8]) -> Option<&[u8]> {
    Part::read(part).map(|part| part.piece)
}

/// Puts the parts together again; `None` when they are not all of one write, in order.
pub(super) fn join(parts: &[Wiped<Vec<u8>>]) -> Option<Wiped<Vec<u8>>> {
    let first = Part::read(parts.first()?)?;
    if usize::from(first.count) != parts.len() {
        return None;
    }
    // Room for all of it: a buffer that grows leaves copies of the secret behind.
    let mut bytes = Wiped::new(Vec::with_capacity(parts.iter().map(|part| part.len()).sum()));
    for (expected, part) in parts.iter().enumerate() {
        let part = Part::read(part)?;
        if (usize::from(part.number), part.count, part.sum) != (expected, first.count, first.sum) {
            return None;
        }
        bytes.extend(part.piece);
    }
    (digest(&SHA256, &bytes).as_ref()[..CHECKSUM] == *first.sum).then_some(bytes)
}

struct Part<'a> {
    number: u16,
    count: u16,
    sum: &'a [u8],
    piece: &'a [u8],
}

impl Part<'_> {
    fn read(bytes: &[u8]) -> Option<Part<'_>> {
        let ([VERSION, n1, n0, c1, c0], rest) = bytes.split_first_chunk()? else { return None };
        let (sum, piece) = rest.split_at_checked(CHECKSUM)?;
        Some(Part { number: u16::from_be_bytes([*n1, *n0]), count: u16::from_be_bytes([*c1, *c0]), sum, piece })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that differ from place to place, so that swapped pieces show.
    fn value(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at % 251) as u8).collect()
    }

    #[test]
    fn values_survive_at_every_edge() {
        const WINDOWS: usize = 2560; // CRED_MAX_CREDENTIAL_BLOB_SIZE
        for (length, limit, parts, why) in [
            (0, WINDOWS, 1, "nothing"),
            (1, WINDOWS, 1, "one byte"),
            (1280, WINDOWS, 1, "the limit of a store of UTF-16"),
            (1281, WINDOWS, 1, "one more"),
            (2547, WINDOWS, 1, "the last that fits with its header"),
            (2548, WINDOWS, 2, "the first that does not"),
            (2559, WINDOWS, 2, "under the limit without the header"),
            (2560, WINDOWS, 2, "at the limit"),
            (2561, WINDOWS, 2, "over it"),
            (2714, WINDOWS, 2, "the longest ECR password reported"),
            (5000, WINDOWS, 2, "Docker Hub's web login"),
            (5094, WINDOWS, 2, "the last of two parts"),
            (5095, WINDOWS, 3, "the first of three"),
            (16384, WINDOWS, 7, "the longest secret promised"),
            (16384, usize::MAX, 1, "a store without a limit"),
            (16384, HEADER + 1, 16384, "a store for dwarfs"),
        ] {
            let value = value(length);
            let split = split(&value, limit);
            assert_eq!(split.len(), parts, "{length} bytes: {why}");
            assert!(split.iter().all(|part| part.len() <= limit), "{length} bytes: {why}");
            assert_eq!(count(&split[0]), u16::try_from(parts).ok(), "{length} bytes: {why}");
            assert_eq!(join(&split).as_deref(), Some(&value), "{length} bytes: {why}");
        }
    }

    #[test]
    fn torn_and_mixed_writes_are_noticed() {
        let (old, new) = (split(&value(5000), 2560), split(&[7; 5000], 2560));
        assert_eq!((old.len(), new.len()), (2, 2));
        let short = split(&value(100), 2560);
        let flipped = |at: usize| {
            let mut part = old[1].clone();
            part[at] ^= 1;
            part
        };
        let truncated = Wiped::new(old[1][..old[1].len() - 1].to_vec());
        for (parts, why) in [
            (vec![], "nothing at all"),
            (vec![old[0].clone()], "the second part is missing"),
            (vec![old[1].clone()], "the first part is missing"),
            (vec![old[1].clone(), old[0].clone()], "swapped"),
            (vec![old[0].clone(), old[0].clone()], "the first part twice"),
            (vec![new[0].clone(), old[1].clone()], "a writer was stopped half-way"),
            (vec![short[0].clone(), old[1].clone()], "a longer value was there before"),
            (vec![old[0].clone(), old[1].clone(), old[1].clone()], "one part too many"),
            (vec![old[0].clone(), truncated], "cut short"),
            (vec![old[0].clone(), flipped(HEADER)], "a flipped bit in the value"),
            (vec![old[0].clone(), flipped(HEADER - 1)], "a flipped bit in the checksum"),
            (vec![old[0].clone(), flipped(0)], "a later version"),
            (vec![Wiped::new(Vec::new())], "an empty item"),
            (vec![Wiped::new(b"hunter2".to_vec())], "shorter than a header"),
        ] {
            assert!(join(&parts).is_none(), "{why}");
        }
        for (first, why) in [(old[1].to_vec(), "a second part"), (b"hunter2, a password".to_vec(), "no part of ours")] {
            assert_eq!(count(&first), None, "{why}");
        }
    }
}
