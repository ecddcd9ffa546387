//! Where the pixels of each frame are, as they are or in runs, and data that are compressed as a whole.

use std::io::{BufRead, Cursor, Error, Read, Result, Seek, SeekFrom};

use super::data::Data;
use super::parse::PIXELS;

/// Most bytes that data which are compressed as a whole may become [B].
const LARGEST: u64 = 1 << 30;
/// A frame in runs begins with so many bytes: how many segments there are, and where each begins.
const HEADER: usize = 64;

/// The pixels of a file.
pub(super) enum Pixels {
    /// As they are, from this byte on.
    Plain(u64),
    /// Place and length of each frame's runs.
    Runs(Vec<(u64, u64)>),
}

impl Pixels {
    /// The pixels of so many frames, each of so many pixels of so many bits.
    pub(super) fn of(data: &Data, frames: usize, size: usize, bits: u64) -> std::result::Result<Self, String> {
        if let Some(parts) = data.parts(PIXELS) {
            if !bits.is_multiple_of(8) {
                return Err("its pixels are bits in runs, which the standard does not have".into());
            }
            return match parts.len() == frames {
                true => Ok(Self::Runs(parts.to_vec())),
                false => Err(format!("its pixels come in {} parts, and it has {frames} frames", parts.len())),
            };
        }
        let (at, length) = data.away(PIXELS).ok_or("it has no pixels")?;
        let needed = (bits * size as u64 * frames as u64).div_ceil(8);
        if needed > length {
            return Err(format!("its pixels have {length} bytes, and should have {needed}"));
        }
        Ok(Self::Plain(at))
    }

    /// Reads the bytes from one to another, counted over all frames; those of runs must be a frame's, of pixels of so many bytes.
    pub(super) fn read<R: BufRead + Seek>(
        &self,
        file: &mut R,
        (frame, from, to): (usize, usize, usize),
        bytes_a_pixel: usize,
        bytes: &mut Vec<u8>,
    ) -> Result<()> {
        match self {
            Self::Plain(at) => {
                bytes.resize(to - from, 0);
                file.seek(SeekFrom::Start(at + from as u64))?;
                file.read_exact(bytes)
            }
            Self::Runs(parts) => {
                let (at, length) = parts[frame];
                // Runs are never much longer than what they stand for.
                let most = 2 * (to - from) + 16 * HEADER;
                if length > most as u64 {
                    return Err(Error::other(format!("frame {} has {length} bytes of runs", frame + 1)));
                }
                let mut runs = vec![0; length as usize];
                file.seek(SeekFrom::Start(at))?;
                file.read_exact(&mut runs)?;
                bytes.clear();
                bytes.resize(to - from, 0);
                let damaged = || Error::other(format!("the runs of frame {} are damaged", frame + 1));
                unfold(&runs, bytes_a_pixel, bytes).ok_or_else(damaged)
            }
        }
    }
}

/// Everything that a stream of compressed data becomes; an error where it is damaged or too large.
pub(super) fn inflated(file: impl Read) -> Result<Cursor<Vec<u8>>> {
    let mut bytes = Vec::new();
    flate2::read::DeflateDecoder::new(file).take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Error::other(format!("they are more than {} MiB", LARGEST >> 20)));
    }
    Ok(Cursor::new(bytes))
}

/// A frame's runs (PS3.5, annex G) as little-endian pixels: a segment for each byte of a pixel, the highest first.
fn unfold(runs: &[u8], bytes_a_pixel: usize, pixels: &mut [u8]) -> Option<()> {
    let word = |at: usize| Some(u32::from_le_bytes(runs.get(4 * at..4 * at + 4)?.try_into().ok()?) as usize);
    let segments = word(0)?;
    if segments != bytes_a_pixel || runs.len() < HEADER {
        return None;
    }
    for segment in 0..segments {
        let begin = word(segment + 1)?;
        let end = if segment + 1 < segments { word(segment + 2)? } else { runs.len() };
        if begin < HEADER {
            return None;
        }
        let mut places = pixels.iter_mut().skip(segments - 1 - segment).step_by(segments);
        let mut left = places.len();
        let mut bytes = runs.get(begin..end)?.iter();
        // What follows the last pixel fills up to an even length.
        while left > 0 {
            let control = usize::from(*bytes.next()?);
            let (count, repeated) = match control {
                0..=127 => (control + 1, None),
                128 => continue,
                _ => (257 - control, Some(*bytes.next()?)),
            };
            for _ in 0..count.min(left) {
                *places.next()? = match repeated {
                    Some(byte) => byte,
                    None => *bytes.next()?,
                };
            }
            if count > left {
                return None;
            }
            left -= count;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs with these segments.
    fn runs(segments: &[&[u8]]) -> Vec<u8> {
        let mut header = vec![0; HEADER];
        header[..4].copy_from_slice(&(segments.len() as u32).to_le_bytes());
        let mut at = HEADER;
        for (number, segment) in segments.iter().enumerate() {
            header[4 * number + 4..4 * number + 8].copy_from_slice(&(at as u32).to_le_bytes());
            at += segment.len();
        }
        header.extend(segments.concat());
        header
    }

    #[test]
    fn runs_are_repeated_or_taken_as_they_are() {
        // Three times 7, then 1 2 as they are, nothing, and twice 9; a byte that only fills up.
        let one: &[u8] = &[254, 7, 1, 1, 2, 128, 255, 9, 0];
        let mut pixels = [0; 7];
        assert_eq!(unfold(&runs(&[one]), 1, &mut pixels), Some(()));
        assert_eq!(pixels, [7, 7, 7, 1, 2, 9, 9]);
        // Of pixels of two bytes the higher ones come first.
        let mut pixels = [0; 6];
        assert_eq!(unfold(&runs(&[&[254, 1], &[2, 4, 5, 6]]), 2, &mut pixels), Some(()));
        assert_eq!(pixels, [4, 1, 5, 1, 6, 1]);
    }

    #[test]
    fn damaged_runs_are_none() {
        let mut pixels = [0; 7];
        for damaged in [
            runs(&[&[254, 7]]),
            runs(&[&[249, 7]]),
            runs(&[&[254, 7, 5, 1, 2]]),
            runs(&[&[254]]),
            runs(&[&[254, 7], &[254, 7]]),
            runs(&[&[128; 9]]),
            runs(&[&[250, 7]])[..40].to_vec(),
            Vec::new(),
        ] {
            assert_eq!(unfold(&damaged, 1, &mut pixels), None, "{damaged:?}");
        }
        let mut far = runs(&[&[250, 7]]);
        far[4] = 200;
        assert_eq!(unfold(&far, 1, &mut pixels), None);
        far[4] = 3;
        assert_eq!(unfold(&far, 1, &mut pixels), None);
    }
}
