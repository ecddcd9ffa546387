//! The evaluations of one chain in a file, one record each.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use super::frames;
use crate::inference::Rejection;

/// How much of a run a kill can cost at most.
const FLUSH: Duration = Duration::from_millis(500);

/// First byte of a record.
const DENSITY: u8 = 0;
const REJECTION: u8 = 1;

/// A longer reason is cut.
const LONGEST_REASON: usize = 1000;

/// A payload is a byte that says which, then a density with its gradient, or the reason of a rejection.
#[derive(Debug)]
pub(super) struct Records {
    kept: BufReader<File>,
    /// Kept records not told yet.
    left: usize,
    dimension: usize,
    new: BufWriter<File>,
    flushed: Instant,
}

impl Records {
    /// Opens or makes the file, and cuts off what is not a whole record.
    pub fn open(path: &Path, dimension: usize) -> io::Result<Self> {
        let mut left = 0;
        let file = frames::open(path, longest(dimension), &mut |payload| {
            left += usize::from(is_record(payload, dimension));
            is_record(payload, dimension)
        })?;
        let mut kept = BufReader::new(File::open(path)?);
        kept.rewind()?;
        Ok(Self { kept, left, dimension, new: BufWriter::new(file), flushed: Instant::now() })
    }

    pub fn left(&self) -> usize {
        self.left
    }

    /// The next kept evaluation.
    pub fn next(&mut self, gradient: &mut [f64]) -> Option<Result<f64, Rejection>> {
        self.left = self.left.checked_sub(1)?;
        let payload = read(&mut self.kept, self.dimension).ok().flatten()?;
        let (kind, rest) = payload.split_first()?;
        if *kind == REJECTION {
            return Some(Err(Rejection::new(String::from_utf8_lossy(rest))));
        }
        let mut numbers = rest.chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap_or_default()));
        let density = numbers.next()?;
        gradient.iter_mut().zip(numbers).for_each(|(slope, number)| *slope = number);
        Some(Ok(density))
    }

    pub fn keep(&mut self, density: &Result<f64, Rejection>, gradient: &[f64]) -> io::Result<()> {
        let mut payload = Vec::with_capacity(9 + 8 * gradient.len());
        match density {
            Ok(density) => {
                payload.push(DENSITY);
                payload.extend(density.to_le_bytes());
                gradient.iter().for_each(|slope| payload.extend(slope.to_le_bytes()));
            }
            Err(rejection) => {
                payload.push(REJECTION);
                payload.extend(rejection.to_string().bytes().take(LONGEST_REASON));
            }
        }
        frames::write(&mut self.new, &payload)?;
        if self.flushed.elapsed() > FLUSH {
            self.new.flush()?;
            self.flushed = Instant::now();
        }
        Ok(())
    }
}

fn longest(dimension: usize) -> usize {
    9 + 8 * dimension.max(LONGEST_REASON)
}

fn read(from: &mut impl Read, dimension: usize) -> io::Result<Option<Vec<u8>>> {
    Ok(frames::read(from, longest(dimension))?.filter(|payload| is_record(payload, dimension)))
}

fn is_record(payload: &[u8], dimension: usize) -> bool {
    match payload.first() {
        Some(&DENSITY) => payload.len() == 9 + 8 * dimension,
        kind => kind == Some(&REJECTION),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_cut_off_or_changed_ends_the_replay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chain-1");
        let mut records = Records::open(&path, 2).unwrap();
        records.keep(&Ok(1.5), &[0.1, -0.0]).unwrap();
        records.keep(&Err(Rejection::new("no steady state")), &[0.0, 0.0]).unwrap();
        records.keep(&Ok(f64::NEG_INFINITY), &[f64::NAN, 3.0]).unwrap();
        drop(records);
        let whole = std::fs::read(&path).unwrap();
        let told = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let mut records = Records::open(&path, 2).unwrap();
            let mut gradient = [0.0; 2];
            let mut told = Vec::new();
            while let Some(density) = records.next(&mut gradient) {
                told.push((density, gradient.map(f64::to_bits)));
            }
            told
        };
        let all = told(&whole);
        assert_eq!(all.len(), 3);
        assert_eq!(all[0], (Ok(1.5), [0.1f64.to_bits(), (-0.0f64).to_bits()]));
        assert_eq!(all[1].0, Err(Rejection::new("no steady state")));
        for cut in 0..whole.len() {
            let told = told(&whole[..cut]);
            assert!(told.len() < 3 && told[..] == all[..told.len()], "{cut}");
        }
        for changed in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[changed] ^= 0x10;
            let told = told(&bytes);
            assert!(told.len() < 3 && told[..] == all[..told.len()], "{changed}");
        }
    }

    #[test]
    fn a_file_goes_on_behind_its_last_whole_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chain-1");
        let mut records = Records::open(&path, 1).unwrap();
        records.keep(&Ok(1.0), &[2.0]).unwrap();
        drop(records);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend([17, 0, 0, 0, 0, 1, 2]);
        std::fs::write(&path, bytes).unwrap();
        let mut records = Records::open(&path, 1).unwrap();
        let mut gradient = [0.0];
        assert_eq!(records.next(&mut gradient), Some(Ok(1.0)));
        assert_eq!(records.next(&mut gradient), None);
        records.keep(&Ok(3.0), &[4.0]).unwrap();
        drop(records);
        let mut records = Records::open(&path, 1).unwrap();
        assert_eq!((records.left(), records.next(&mut gradient)), (2, Some(Ok(1.0))));
        assert_eq!(records.next(&mut gradient), Some(Ok(3.0)));
        assert_eq!(gradient, [4.0]);
    }
}
