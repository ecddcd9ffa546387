//! The text in Apple Health's archive: the largest XML file of a ZIP, unpacked as it is read.

use std::cell::Cell;
use std::fs::File;
use std::io::{BufReader, Read, Result, Seek, SeekFrom};
use std::rc::Rc;

use flate2::Crc;
use flate2::read::DeflateDecoder;

/// How a file in an archive begins, how its row of the directory does, and how the end of the directory.
pub(super) const LOCAL: &[u8] = b"PK\x03\x04";
const ROW: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
/// The end of the directory lies so near to the file's end.
const REACH: u64 = 22 + 65_535;
/// Real directories have some kilobytes.
const LARGEST: u64 = 1 << 26;

/// A file in the archive, as the directory has it.
struct Entry {
    name: String,
    method: u16,
    checksum: u32,
    packed: u64,
    size: u64,
    at: u64,
}

/// Whether what was unpacked is what was packed.
pub(super) struct Check {
    sum: Rc<Cell<(u32, u64)>>,
    entry: Entry,
}

impl Check {
    /// Of a text that was not read to its end nothing can be said.
    pub(super) fn fits(&self) -> bool {
        let (sum, read) = self.sum.get();
        read != self.entry.size || sum == self.entry.checksum
    }
}

/// The largest XML file of an archive, to be read.
pub(super) fn largest_xml(mut file: BufReader<File>) -> std::result::Result<(Box<dyn Read>, Check), String> {
    let wrong = |error: std::io::Error| format!("the archive cannot be read: {error}");
    let entries = directory(&mut file).map_err(wrong)?.ok_or("the archive has no directory: was it copied whole?")?;
    let texts = entries.into_iter().filter(|entry| entry.name.to_lowercase().ends_with(".xml"));
    let entry = texts.max_by_key(|entry| entry.size).ok_or("the archive holds no XML file")?;
    file.seek(SeekFrom::Start(entry.at)).map_err(wrong)?;
    let mut head = [0; 30];
    file.read_exact(&mut head).map_err(wrong)?;
    if !head.starts_with(LOCAL) {
        return Err(format!("`{}` is not where the archive's directory says", entry.name));
    }
    let skip = i64::from(short(&head, 26)) + i64::from(short(&head, 28));
    file.seek_relative(skip).map_err(wrong)?;
    let packed = file.take(entry.packed);
    let text: Box<dyn Read> = match entry.method {
        0 => Box::new(packed),
        8 => Box::new(DeflateDecoder::new(packed)),
        method => return Err(format!("`{}` is packed in a way that is not read ({method})", entry.name)),
    };
    let sum = Rc::new(Cell::new((0, 0)));
    let summed = Summed { inner: text, crc: Crc::new(), read: 0, size: entry.size, sum: sum.clone() };
    Ok((Box::new(summed), Check { sum, entry }))
}

/// The rows of the archive's directory; `None` where it has none.
fn directory(file: &mut BufReader<File>) -> Result<Option<Vec<Entry>>> {
    let length = file.seek(SeekFrom::End(0))?;
    let from = length.saturating_sub(REACH);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.by_ref().take(REACH).read_to_end(&mut tail)?;
    let Some(end) = tail.windows(22).rposition(|bytes| bytes.starts_with(END)) else { return Ok(None) };
    let (size, at) = (u64::from(long(&tail, end + 12)), u64::from(long(&tail, end + 16)));
    // Where the place is too large for its field the directory still lies right before its end.
    let at = if at == u64::from(u32::MAX) { (from + end as u64).saturating_sub(size + 76) } else { at };
    file.seek(SeekFrom::Start(at))?;
    let mut rows = Vec::new();
    file.by_ref().take(size.min(LARGEST)).read_to_end(&mut rows)?;
    let mut entries = Vec::new();
    let mut at = 0;
    while let Some(row) = rows.get(at..).filter(|row| row.len() >= 46 && row.starts_with(ROW)) {
        let [name, extra, about] = [28, 30, 32].map(|field| usize::from(short(row, field)));
        let Some(tail) = row.get(46..46 + name + extra) else { break };
        let mut entry = Entry {
            name: String::from_utf8_lossy(&tail[..name]).into_owned(),
            method: short(row, 10),
            checksum: long(row, 16),
            packed: long(row, 20).into(),
            size: long(row, 24).into(),
            at: long(row, 42).into(),
        };
        entry.widen(&tail[name..]);
        entries.push(entry);
        at += 46 + name + extra + about;
    }
    Ok(Some(entries))
}

impl Entry {
    /// Takes numbers that are too large for their fields from where they stand instead, in this order.
    fn widen(&mut self, extra: &[u8]) {
        let mut rest = extra;
        while rest.len() >= 4 {
            let (kind, size) = (short(rest, 0), usize::from(short(rest, 2)));
            let Some(body) = rest.get(4..4 + size) else { return };
            if kind == 1 {
                let mut wide =
                    body.chunks_exact(8).map(|eight| u64::from(long(eight, 0)) | u64::from(long(eight, 4)) << 32);
                for field in [&mut self.size, &mut self.packed, &mut self.at] {
                    if *field == u64::from(u32::MAX) {
                        *field = wide.next().unwrap_or(*field);
                    }
                }
            }
            rest = &rest[4 + size..];
        }
    }
}

fn short(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn long(bytes: &[u8], at: usize) -> u32 {
    u32::from(short(bytes, at)) | u32::from(short(bytes, at + 2)) << 16
}

/// A text that is summed as it is read, and is no longer than was said.
struct Summed {
    inner: Box<dyn Read>,
    crc: Crc,
    read: u64,
    size: u64,
    sum: Rc<Cell<(u32, u64)>>,
}

impl Read for Summed {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let room = usize::try_from(self.size - self.read).unwrap_or(usize::MAX).min(into.len());
        let count = self.inner.read(&mut into[..room])?;
        self.crc.update(&into[..count]);
        self.read += count as u64;
        self.sum.set((self.crc.sum(), self.read));
        Ok(count)
    }
}
