//! The draws of one chain in a file, written a draw at a time and read a column at a time.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Rows a block: of those that are not full yet all are in memory.
const BLOCK: usize = 256;

/// Rows of so many numbers each. The file is a list of blocks of [`BLOCK`] rows, the last one shorter; in a block the numbers
/// of a column stand together, so that reading one skips the others. Numbers are little-endian float64.
#[derive(Debug)]
pub(super) struct Table {
    file: File,
    columns: usize,
    rows: usize,
    /// Numbers of the rows that are not in the file yet, row after row.
    new: Vec<f64>,
    /// The block that was read last as rows, and its number.
    last: Option<(usize, Vec<f64>)>,
}

impl Table {
    /// Makes the file, or empties it.
    pub fn create(path: &Path, columns: usize) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        Ok(Self { file, columns, rows: 0, new: Vec::with_capacity(BLOCK * columns), last: None })
    }

    /// Adds a row.
    pub fn push(&mut self, row: impl IntoIterator<Item = f64>) -> io::Result<()> {
        self.new.extend(row);
        self.rows += 1;
        if self.rows.is_multiple_of(BLOCK) { self.flush() } else { Ok(()) }
    }

    /// Writes the last block, which is shorter; no row may follow.
    pub fn finish(&mut self) -> io::Result<()> {
        if self.new.is_empty() { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> io::Result<()> {
        let rows = std::mem::take(&mut self.new);
        let by_column = (0..self.columns).flat_map(|column| rows.iter().skip(column).step_by(self.columns));
        let bytes: Vec<u8> = by_column.flat_map(|number| number.to_le_bytes()).collect();
        self.file.seek(SeekFrom::End(0))?;
        self.file.write_all(&bytes)?;
        self.new = rows;
        self.new.clear();
        Ok(())
    }

    /// Every row's number in a column.
    pub fn column(&mut self, column: usize) -> io::Result<Vec<f64>> {
        let mut numbers = Vec::with_capacity(self.rows);
        for block in 0..self.rows.div_ceil(BLOCK) {
            let first = block * BLOCK;
            let length = BLOCK.min(self.rows - first);
            let bytes = self.read(first * self.columns + column * length, length)?;
            numbers.extend(bytes);
        }
        Ok(numbers)
    }

    /// One row; those near the one before come from memory.
    pub fn row(&mut self, row: usize) -> io::Result<Vec<f64>> {
        if row >= self.rows {
            return Err(io::Error::new(ErrorKind::InvalidInput, format!("there is no draw {row}")));
        }
        let block = row / BLOCK;
        let length = BLOCK.min(self.rows - block * BLOCK);
        let numbers = match self.last.take() {
            Some((last, numbers)) if last == block => numbers,
            _ => self.read(block * BLOCK * self.columns, length * self.columns)?.collect(),
        };
        let found = numbers.iter().skip(row - block * BLOCK).step_by(length).copied().collect();
        self.last = Some((block, numbers));
        Ok(found)
    }

    fn read(&mut self, from: usize, numbers: usize) -> io::Result<impl Iterator<Item = f64> + use<>> {
        let mut bytes = vec![0; 8 * numbers];
        self.file.seek(SeekFrom::Start(8 * from as u64))?;
        self.file.read_exact(&mut bytes)?;
        let (whole, _) = bytes.as_chunks::<8>();
        Ok(whole.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect::<Vec<f64>>().into_iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_columns_come_back_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        for rows in [0, 1, BLOCK - 1, BLOCK, 2 * BLOCK + 7] {
            let mut table = Table::create(&folder.path().join("draws"), 3).unwrap();
            let number = |row: usize, column: usize| match (row, column) {
                (0, 1) => f64::NAN,
                (0, 2) => f64::NEG_INFINITY,
                _ => 0.1 * row as f64 - column as f64,
            };
            for row in 0..rows {
                table.push((0..3).map(|column| number(row, column))).unwrap();
            }
            table.finish().unwrap();
            for column in 0..3 {
                let found: Vec<u64> = table.column(column).unwrap().iter().map(|x| x.to_bits()).collect();
                assert_eq!(found, (0..rows).map(|row| number(row, column).to_bits()).collect::<Vec<_>>());
            }
            for row in (0..rows).rev().chain(0..rows) {
                let found: Vec<u64> = table.row(row).unwrap().iter().map(|x| x.to_bits()).collect();
                assert_eq!(found, (0..3).map(|column| number(row, column).to_bits()).collect::<Vec<_>>());
            }
            assert!(table.row(rows).is_err());
        }
    }
}
