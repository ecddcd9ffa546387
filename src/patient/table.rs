//! CSV tables as people have them: with or without byte order mark, any line ending, comma, semicolon or tab.

use std::rc::Rc;

use csv::{ReaderBuilder, StringRecord};

use super::files::{TextFile, listed};
use crate::diagnostic::{Diagnostic, Findings, Location, nearest};

/// A table with a header, whose cells know their line and column.
pub(super) struct Table {
    pub file: Rc<TextFile>,
    header: StringRecord,
    rows: Vec<Row>,
    /// Byte at which each line starts.
    lines: Vec<usize>,
    delimiter: u8,
}

struct Row {
    /// Byte at which the row starts.
    start: usize,
    cells: StringRecord,
}

impl Table {
    /// Reads a table; rows that have not as many fields as the header are reported (P2012) and not kept. `None` if
    /// there is no usable header (P2011).
    pub(super) fn read(file: Rc<TextFile>, findings: &mut Findings) -> Option<Self> {
        let text = file.source.text.clone();
        let delimiter = delimiter(text.lines().find(|line| !line.trim().is_empty()).unwrap_or(""));
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let mut table = Self { file, header: StringRecord::new(), rows: Vec::new(), lines, delimiter };
        let mut reader =
            ReaderBuilder::new().flexible(true).has_headers(false).delimiter(delimiter).from_reader(text.as_bytes());
        let mut record = StringRecord::new();
        let path = table.file.source.name.clone();
        // The text is UTF-8 and comes from memory, so that reading cannot fail; a failure would end the table.
        while reader.read_record(&mut record).unwrap_or(false) {
            let position = record.position().map_or(0, |position| position.byte() as usize);
            // The reader's position is before blank lines and line ends that it then skips.
            let blank = |byte: &u8| matches!(byte, b'\n' | b'\r');
            let start = position + text.as_bytes().get(position..)?.iter().take_while(|byte| blank(byte)).count();
            let mut cells = record.clone();
            cells.trim();
            if table.header.is_empty() {
                table.header = cells;
                table.check_header(start, findings)?;
            } else if cells.iter().any(|cell| table.swallows_rows(cell)) {
                findings.row("P2012", &path, || table.open_quotation(start));
            } else if text.ends_with(delimiter as char) && start >= table.lines.last().copied().unwrap_or(0) {
                // A file cut here would else have an empty cell like any other, and its last value be passed over.
                findings.row("P2012", &path, || table.cut_short(start));
            } else if cells.len() == table.header.len() {
                table.rows.push(Row { start, cells });
            } else if cells.iter().any(|cell| !cell.is_empty()) {
                findings.row("P2012", &path, || table.wrong_width(start, &cells));
            }
        }
        if table.header.is_empty() {
            findings.push(
                Diagnostic::error("P2011", "the table is empty")
                    .at_location(Location::file(&*path))
                    .help("the first line names the columns, each line below is a row"),
            );
            return None;
        }
        // A row that was kept and stands on the last line, which nothing ends.
        let ended = text.ends_with(['\n', '\r']);
        let unfinished = table.rows.last().filter(|last| !ended && Some(last.start) >= table.lines.last().copied());
        if let Some(last) = unfinished {
            findings.push(
                Diagnostic::warning(
                    "P2029",
                    "the file ends without a line break, so that its last value may be cut short",
                )
                .at_location(table.whole_line(last.start))
                .help("compare this row with where it comes from, then end it with a line break"),
            );
        }
        Some(table)
    }

    fn check_header(&self, start: usize, findings: &mut Findings) -> Option<()> {
        let place = || self.whole_line(start);
        let names: Vec<&str> = self.header.iter().collect();
        if let Some(name) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)).map(|(_, n)| n) {
            let message = if name.is_empty() {
                "two columns have no name".to_string()
            } else {
                format!("two columns are named `{name}`")
            };
            // Two nameless columns are harmless: nobody can declare them.
            if !name.is_empty() {
                findings.push(Diagnostic::error("P2011", message).at_location(place()).help("rename one of them"));
                return None;
            }
        }
        if names.iter().all(|name| name.parse::<f64>().is_ok()) {
            let finding =
                Diagnostic::error("P2011", "the first line holds numbers where the names of the columns belong");
            findings.push(
                finding.at_location(place()).help("add a first line that names the columns, as in `time_h,value`"),
            );
            return None;
        }
        Some(())
    }

    fn cut_short(&self, start: usize) -> Diagnostic {
        Diagnostic::error("P2012", "the file ends within this row, before its last value")
            .at_location(self.whole_line(start))
            .help(
                "was the file cut short? Complete the row or delete it; end it with a line break if the cell is empty",
            )
    }

    fn wrong_width(&self, start: usize, cells: &StringRecord) -> Diagnostic {
        let plural = if cells.len() == 1 { "" } else { "s" };
        let message = format!("this row has {} field{plural}, the header {}", cells.len(), self.header.len());
        let help = if cells.len() < self.header.len() {
            "was the file cut short? Complete the row or delete it; an empty cell still needs its delimiter"
        } else if self.delimiter == b',' {
            "a comma separates columns here: write decimals with a point (5.3), texts with commas in quotation marks"
        } else {
            "put texts that hold the delimiter in quotation marks"
        };
        Diagnostic::error("P2012", message).at_location(self.whole_line(start)).help(help)
    }

    /// Whether a cell holds a line that looks like a row.
    fn swallows_rows(&self, cell: &str) -> bool {
        let delimiters = |line: &str| line.bytes().filter(|byte| *byte == self.delimiter).count();
        self.header.len() > 1 && cell.lines().skip(1).any(|line| delimiters(line) + 1 >= self.header.len())
    }

    fn open_quotation(&self, start: usize) -> Diagnostic {
        Diagnostic::error("P2012", "a quotation mark that opens in this row is not closed")
            .at_location(self.whole_line(start))
            .help("close it, or delete it: rows below would become part of one cell")
    }

    /// The column of a name; P2007 (no place yet) with the columns there are, if there is none.
    pub(super) fn column(&self, name: &str) -> Result<usize, Diagnostic> {
        self.header.iter().position(|known| known == name).ok_or_else(|| {
            let known: Vec<&str> = self.header.iter().collect();
            let mut help = format!("its columns are {}", listed(&known));
            if let Some(near) = nearest(name, known.iter().copied()) {
                help = format!("did you mean `{near}`? {help}");
            }
            Diagnostic::error("P2007", format!("`{}` has no column `{name}`", self.file.name)).help(help)
        })
    }

    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        self.header.iter()
    }

    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The text of a cell without surrounding blanks.
    pub(super) fn cell(&self, row: usize, column: usize) -> &str {
        self.rows.get(row).and_then(|row| row.cells.get(column)).unwrap_or("")
    }

    /// Line number of a row, from 1.
    pub(super) fn line_number(&self, row: usize) -> usize {
        self.rows.get(row).map_or(1, |row| self.line_of(row.start))
    }

    fn line_of(&self, byte: usize) -> usize {
        self.lines.partition_point(|start| *start <= byte).max(1)
    }

    /// The place of a cell, marked in its line.
    pub(super) fn location(&self, row: usize, column: usize) -> Location {
        let Some(Row { start, .. }) = self.rows.get(row) else { return Location::file(&*self.file.source.name) };
        let location = self.whole_line(*start);
        let Some(line) = location.text.clone() else { return location };
        let (mut field, mut quoted, mut from, mut to) = (0, false, 0, line.chars().count());
        for (at, letter) in line.chars().enumerate() {
            if letter == '"' {
                quoted = !quoted;
            } else if !quoted && letter == char::from(self.delimiter) {
                if field == column {
                    to = at;
                    break;
                }
                field += 1;
                from = at + 1;
            }
        }
        if field < column {
            return location; // the cell stands on a later line of a row with quoted line breaks
        }
        let cell: Vec<char> = line.chars().skip(from).take(to.saturating_sub(from)).collect();
        let leading = cell.iter().take_while(|letter| letter.is_whitespace()).count().min(cell.len().saturating_sub(1));
        let trailing = cell[leading..].iter().rev().take_while(|letter| letter.is_whitespace()).count();
        location.column(from + leading + 1, (cell.len() - leading).saturating_sub(trailing))
    }

    fn whole_line(&self, start: usize) -> Location {
        let number = self.line_of(start);
        let text = &self.file.source.text;
        let end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let begin = self.lines.get(number - 1).copied().unwrap_or(start);
        Location::line(&*self.file.source.name, number, Some(text[begin..end].trim_end_matches('\r').to_string()))
    }
}

/// The delimiter that stands most often in the header, outside quotation marks.
fn delimiter(header: &str) -> u8 {
    let mut quoted = false;
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    for byte in header.bytes() {
        quoted ^= byte == b'"';
        for (delimiter, count) in &mut counts {
            *count += usize::from(!quoted && byte == *delimiter);
        }
    }
    // The first of equals wins: a comma, if there is any doubt.
    counts.iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(delimiter, _)| *delimiter)
}
