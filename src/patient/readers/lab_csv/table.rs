//! The rows of a laboratory's table, read anew each time they are needed, so that a long one takes no memory.

use std::collections::BTreeSet;

use csv::StringRecord;

use super::super::super::intake::Intake;
use super::super::Spot;
use super::super::lab::several;
use super::columns::{Columns, titles};

/// A table with its columns found.
pub(super) struct Table {
    text: String,
    /// Byte and line (from 0) of the titles.
    at: usize,
    line: usize,
    delimiter: u8,
    width: usize,
    pub columns: Columns,
    /// The person whose rows are read, where the file has others.
    person: Option<String>,
}

impl Table {
    pub(super) fn new(text: String, declared: &[(&'static str, String)]) -> Option<Self> {
        let (line, at, delimiter, columns) = titles(&text, declared)?;
        let mut table = Self { text, at, line, delimiter, width: 0, columns, person: None };
        table.width = table.reader().headers().map_or(0, StringRecord::len);
        Some(table)
    }

    fn bytes(&self) -> &[u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn reader(&self) -> csv::Reader<&[u8]> {
        csv::ReaderBuilder::new().delimiter(self.delimiter).flexible(true).from_reader(self.bytes())
    }

    /// All rows that are not empty, with their lines; the cells of one that is too short or too long are its number.
    fn all(&self) -> impl Iterator<Item = (usize, Result<StringRecord, usize>)> {
        let bytes = self.bytes();
        let (mut counted, mut line) = (0, self.line + 1);
        let records = self.reader().into_records().filter_map(Result::ok).map(move |cells| {
            // The csv crate is a line short where lines end with two signs.
            let begins = cells.position().map_or(0, |position| position.byte() as usize);
            let begins = begins + bytes.iter().skip(begins).take_while(|byte| b"\r\n".contains(byte)).count();
            line += bytes.get(counted..begins).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count();
            counted = begins;
            (line, cells)
        });
        let filled = records.filter(|(_, cells)| cells.iter().any(|cell| !cell.trim().is_empty()));
        filled.map(|(line, cells)| (line, if cells.len() == self.width { Ok(cells) } else { Err(cells.len()) }))
    }

    /// The whole rows of the person.
    pub(super) fn rows(&self) -> impl Iterator<Item = (usize, StringRecord)> {
        let whole = self.all().filter_map(|(line, cells)| Some((line, cells.ok()?)));
        whole.filter(|(_, cells)| self.person.as_ref().is_none_or(|person| self.person_of(cells) == person))
    }

    fn person_of<'c>(&self, cells: &'c StringRecord) -> &'c str {
        self.columns.person.and_then(|at| cells.get(at)).unwrap_or("").trim()
    }

    /// Reports rows that are cut short, and settles whose rows are read; `false` where that cannot be (P2060).
    pub(super) fn check(&mut self, intake: &mut Intake, wanted: Option<&str>) -> bool {
        let mut persons: BTreeSet<String> = BTreeSet::new();
        for (line, cells) in self.all() {
            let spot = Spot::Line(line);
            match cells {
                Err(count) => {
                    let message = format!("the row has {count} cells, and the titles are {}", self.width);
                    intake.wrong(spot, &message, "was the file cut short? export it again");
                }
                Ok(cells) => {
                    let person = self.person_of(&cells);
                    if wanted.is_some_and(|wanted| wanted != person) && self.columns.person.is_some() {
                        intake.leave_out("row", "it is of another person, or of none", spot);
                    }
                    if self.columns.person.is_some() && !persons.contains(person) {
                        persons.insert(person.into());
                    }
                }
            }
        }
        let message = match wanted {
            _ if self.columns.person.is_none() => return true,
            Some(wanted) if persons.contains(wanted) => {
                self.person = Some(wanted.into());
                return true;
            }
            Some(wanted) => format!("the file holds no person `{wanted}`"),
            None if persons.len() > 1 => format!("the file holds {} persons", persons.len()),
            None => return true,
        };
        several(intake, &message, persons.iter().map(String::as_str).collect());
        false
    }

    /// The filled cells of a column with their lines.
    pub(super) fn column(&self, at: Option<usize>) -> impl Iterator<Item = (usize, String)> {
        let rows =
            at.map(|at| self.rows().map(move |(line, cells)| (line, cells.get(at).unwrap_or("").trim().to_string())));
        rows.into_iter().flatten().filter(|(_, cell)| !cell.is_empty())
    }
}
