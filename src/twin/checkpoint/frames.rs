//! Records in a file that only grows; what a kill cut off at the end is not taken for one.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Appends a record: `length: u32, payload, check: u32`, little-endian.
pub(super) fn write(to: &mut impl Write, payload: &[u8]) -> io::Result<()> {
    to.write_all(&(payload.len() as u32).to_le_bytes())?;
    to.write_all(payload)?;
    to.write_all(&check(payload).to_le_bytes())
}

/// The payload of the next record; `None` at the end, or where what follows is not a whole record of at most so many bytes.
pub(super) fn read(from: &mut impl Read, longest: usize) -> io::Result<Option<Vec<u8>>> {
    let Some(length) = word(from)? else { return Ok(None) };
    if length == 0 || length as usize > longest {
        return Ok(None);
    }
    let mut payload = vec![0; length as usize];
    Ok((fill(from, &mut payload)? && word(from)? == Some(check(&payload))).then_some(payload))
}

/// Opens or makes a file of records, tells the whole ones in their order until one is not taken, and cuts off the rest; what
/// is written next comes after them.
pub(super) fn open(path: &Path, longest: usize, take: &mut dyn FnMut(&[u8]) -> bool) -> io::Result<File> {
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    let mut reader = BufReader::new(file.try_clone()?);
    let mut whole = 0;
    while let Some(payload) = read(&mut reader, longest)?
        && take(&payload)
    {
        whole += payload.len() as u64 + 8;
    }
    file.set_len(whole)?;
    file.seek(SeekFrom::End(0))?;
    Ok(file)
}

fn word(from: &mut impl Read) -> io::Result<Option<u32>> {
    let mut bytes = [0; 4];
    Ok(fill(from, &mut bytes)?.then(|| u32::from_le_bytes(bytes)))
}

/// Whether there was enough to fill the buffer.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match from.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Fowler–Noll–Vo 1a, 32 bits.
fn check(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}
