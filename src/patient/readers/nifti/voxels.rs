//! The voxels of a NIfTI file as a stream of numbers, plain or compressed, in memory that does not grow with the file.

use std::io::{BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use super::Fault;
use super::header::{Header, Number};

/// Voxels read at once.
const CHUNK: usize = 1 << 14;
/// Most that deflate can shrink by, with room: what a compressed file could hold.
const SHRINKS: u64 = 1100;

/// A file whose header was read.
pub(super) struct Volume {
    pub header: Header,
    stream: Box<dyn Read>,
    buffer: Vec<u8>,
    done: u64,
}

impl Volume {
    /// Opens a file of so many bytes.
    pub(super) fn open<R: BufRead + 'static>(mut file: R, size: u64) -> Result<Self, Fault> {
        let start = file.fill_buf().map_err(|error| Fault::cut(0, &error))?;
        let packed = start.starts_with(&[0x1f, 0x8b]);
        let mut stream: Box<dyn Read> = if packed {
            Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(file)))
        } else {
            Box::new(file)
        };
        let header = Header::read(&mut stream)?;
        let room = if packed { size.saturating_mul(SHRINKS) } else { size };
        if header.bytes() > room {
            let [x, y, z] = header.dims;
            let message = format!("{x} × {y} × {z} voxels of {} bytes do not fit in it", header.number.bytes());
            return Err(Fault::short(size, &message));
        }
        Ok(Self { header, stream, buffer: Vec::new(), done: 0 })
    }

    /// Hands over the next numbers, scaled.
    pub(super) fn next(&mut self, count: usize, mut take: impl FnMut(f64)) -> Result<(), Fault> {
        let bytes = self.header.number.bytes();
        let mut left = count;
        while left > 0 {
            let chunk = left.min(CHUNK);
            self.buffer.resize(chunk * bytes, 0);
            self.stream.read_exact(&mut self.buffer).map_err(|error| Fault::cut_voxel(self.done, &error))?;
            let (number, swap, scaling) = (self.header.number, self.header.big_endian, self.header.scaling);
            for one in self.buffer.chunks_exact(bytes) {
                let value = number.value(one, swap);
                take(scaling.map_or(value, |(slope, inter)| value * slope + inter));
            }
            self.done += chunk as u64;
            left -= chunk;
        }
        Ok(())
    }

    /// Reads what little follows, so that a compressed file's check of itself is not missed.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        let mut rest = (&mut self.stream).take(1 << 20);
        std::io::copy(&mut rest, &mut std::io::sink()).map(|_| ()).map_err(|error| Fault::cut_voxel(self.done, &error))
    }
}

impl Number {
    fn value(self, bytes: &[u8], big_endian: bool) -> f64 {
        let mut eight = [0; 8];
        for (at, byte) in bytes.iter().take(8).enumerate() {
            eight[if big_endian { bytes.len() - 1 - at } else { at }] = *byte;
        }
        let raw = u64::from_le_bytes(eight);
        match self {
            Number::Unsigned(_) => raw as f64,
            Number::Signed(bytes) => {
                let unused = 64 - 8 * bytes as u32;
                ((raw << unused) as i64 >> unused) as f64
            }
            Number::Float(4) => f64::from(f32::from_bits(raw as u32)),
            Number::Float(_) => f64::from_bits(raw),
        }
    }
}
