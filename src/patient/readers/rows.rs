//! Rows of exported tables: a header that may stand below a preamble, any delimiter, decimal commas, words for limits.

use csv::{ReaderBuilder, StringRecord, Trim};

use super::super::Censoring;
use super::super::columns::is_missing;

/// How far below the top a header may stand.
const PREAMBLE: usize = 60;

/// A table with what stands above it; its rows are read anew in each pass, for there may be millions.
pub(super) struct Rows<'t> {
    /// The lines above the header, each in its cells.
    pub preamble: Vec<Vec<String>>,
    pub header: Vec<String>,
    /// Lines in which a quotation mark opens that swallows the rows below.
    pub open: Vec<usize>,
    body: &'t str,
    /// Line of the body's first row.
    first: usize,
    delimiter: u8,
}

impl<'t> Rows<'t> {
    /// Finds the first line that is a header, with whichever delimiter makes it one.
    pub(super) fn find(text: &'t str, is_header: impl Fn(&[String]) -> bool) -> Option<Self> {
        let mut start = 0;
        let mut above: Vec<&str> = Vec::new();
        for (at, line) in text.split_inclusive('\n').take(PREAMBLE).enumerate() {
            for delimiter in [b',', b';', b'\t'] {
                let header = cells(line, delimiter);
                if is_header(&header) {
                    let preamble = above.iter().map(|line| cells(line, delimiter)).collect();
                    let body = text.get(start + line.len()..)?;
                    let mut rows = Self { preamble, header, open: Vec::new(), body, first: at + 2, delimiter };
                    if body.contains('"') {
                        rows.open = rows.pass(|_, _| {});
                    }
                    return Some(rows);
                }
            }
            start += line.len();
            above.push(line);
        }
        None
    }

    /// Hands over each row, its cells without surrounding blanks, with its line in the file.
    pub(super) fn each(&self, row: impl FnMut(usize, &StringRecord)) {
        self.pass(row);
    }

    /// Reads all rows; returns the lines of those that a quotation mark which is not closed swallows.
    fn pass(&self, mut row: impl FnMut(usize, &StringRecord)) -> Vec<usize> {
        let (text, delimiter, width) = (self.body, self.delimiter, self.header.len());
        let mut builder = ReaderBuilder::new();
        let mut reader =
            builder.flexible(true).has_headers(false).delimiter(delimiter).trim(Trim::All).from_reader(text.as_bytes());
        let mut open = Vec::new();
        let mut record = StringRecord::new();
        let (mut line, mut counted) = (self.first, 0);
        while reader.read_record(&mut record).unwrap_or(false) {
            let position = record.position().map_or(0, |position| position.byte() as usize).max(counted);
            // The reader's position is before blank lines and line ends that it then skips.
            let blank = |byte: &&u8| matches!(byte, b'\n' | b'\r');
            let skipped = text.as_bytes().get(position..).map_or(0, |rest| rest.iter().take_while(blank).count());
            let start = position + skipped;
            let ends = |part: &[u8]| part.iter().filter(|byte| **byte == b'\n').count();
            line += text.as_bytes().get(counted..start).map_or(0, ends);
            counted = start;
            let delimiters = |line: &str| line.bytes().filter(|byte| *byte == delimiter).count();
            let swallows = |cell: &str| cell.lines().skip(1).any(|line| width > 1 && delimiters(line) + 1 >= width);
            if record.iter().any(swallows) {
                open.push(line);
            } else {
                row(line, &record);
            }
        }
        open
    }
}

/// The column of a header whose title is one of these, upper and lower case alike.
pub(super) fn column<S: AsRef<str>>(header: &[String], titles: &[S]) -> Option<usize> {
    let lower = |text: &str| text.trim().to_lowercase();
    titles.iter().find_map(|title| header.iter().position(|known| lower(known) == lower(title.as_ref())))
}

/// The cells of one line, without surrounding blanks.
fn cells(line: &str, delimiter: u8) -> Vec<String> {
    let mut reader = ReaderBuilder::new()
        .flexible(true)
        .has_headers(false)
        .delimiter(delimiter)
        .buffer_capacity(line.len().max(64))
        .from_reader(line.as_bytes());
    let mut record = StringRecord::new();
    match reader.read_record(&mut record) {
        Ok(true) => record.iter().map(|cell| cell.trim().to_string()).collect(),
        _ => Vec::new(),
    }
}

/// A number with a decimal point or comma; `None` where it is none.
pub(super) fn number(text: &str) -> Option<f64> {
    let text = text.trim_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}');
    let pointed = match (text.matches(',').count(), text.contains('.')) {
        (0, _) => text.to_string(),
        (1, false) => text.replacen(',', ".", 1),
        _ => return None,
    };
    pointed.parse::<f64>().ok().filter(|number| number.is_finite())
}

/// What a cell of readings says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell {
    Empty,
    Number(f64),
    /// Beyond the device's limit, or the limit that the cell gives.
    Beyond(Censoring, Option<f64>),
    Wrong,
}

/// Words that devices show in place of a number, in the languages they speak.
const LOW: [&str; 11] = ["low", "lo", "niedrig", "bas", "basse", "bajo", "baja", "basso", "laag", "låg", "lav"];
const HIGH: [&str; 12] = ["high", "hi", "hoch", "haut", "haute", "élevé", "alto", "alta", "hoog", "hög", "høj", "høy"];

/// Reads a cell of readings.
pub(super) fn reading(text: &str) -> Cell {
    let text = text.trim();
    if is_missing(text) {
        return Cell::Empty;
    }
    let lower = text.to_lowercase();
    if LOW.contains(&lower.as_str()) {
        return Cell::Beyond(Censoring::Below, None);
    }
    if HIGH.contains(&lower.as_str()) {
        return Cell::Beyond(Censoring::Above, None);
    }
    let bound = |sign: char| text.strip_prefix(sign).and_then(|rest| number(rest.trim_start_matches('=')));
    match (bound('<'), bound('>'), number(text)) {
        (Some(limit), ..) => Cell::Beyond(Censoring::Below, Some(limit)),
        (_, Some(limit), _) => Cell::Beyond(Censoring::Above, Some(limit)),
        (.., Some(number)) => Cell::Number(number),
        _ => Cell::Wrong,
    }
}

/// The unit of concentration that ends a column's title, in brackets or without.
pub(super) fn unit_of(title: &str) -> Option<&'static str> {
    let title = title.trim().trim_end_matches([')', ']']).to_lowercase();
    [("mg/dl", "mg/dL"), ("mmol/l", "mmol/L")].into_iter().find(|(end, _)| title.ends_with(end)).map(|(_, unit)| unit)
}

/// Hours of `hh:mm:ss` or `hh:mm`.
pub(super) fn clock_hours(text: &str) -> Option<f64> {
    let parts: Option<Vec<f64>> = text.trim().split(':').map(|part| part.trim().parse::<f64>().ok()).collect();
    let parts = parts.filter(|parts| (2..=3).contains(&parts.len()))?;
    let hours = parts[0] + parts[1] / 60.0 + parts.get(2).copied().unwrap_or(0.0) / 3600.0;
    (hours.is_finite() && hours >= 0.0).then_some(hours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_found_below_a_preamble_and_rows_know_their_lines() {
        let text = "Name;x\r\n\r\na;b\r\n\r\n1;2,5\r\n3;\"4\r\n5\"\r\n6;7\r\n";
        let rows = Rows::find(text, |cells| cells == ["a", "b"]).unwrap();
        let mut lines = Vec::new();
        rows.each(|line, _| lines.push(line));
        assert_eq!((lines, rows.preamble[0].len()), (vec![5, 6, 8], 2));
        assert_eq!(column(&rows.header, &["x", "B"]), Some(1));
        let open = Rows::find("a,b\n1,\"2\n3,4\n5,6\n", |cells| cells.len() == 2).unwrap();
        open.each(|line, _| panic!("{line}"));
        assert_eq!(open.open, [2]);
        assert!(Rows::find("", |_| true).is_none());
    }

    #[test]
    fn cells_are_numbers_bounds_or_words() {
        for (text, cell) in [
            ("5,8", Cell::Number(5.8)),
            ("103", Cell::Number(103.0)),
            ("", Cell::Empty),
            ("Low", Cell::Beyond(Censoring::Below, None)),
            ("HI", Cell::Beyond(Censoring::Above, None)),
            (">400", Cell::Beyond(Censoring::Above, Some(400.0))),
            ("1.234,5", Cell::Wrong),
            ("inf", Cell::Wrong),
        ] {
            assert_eq!(reading(text), cell, "{text}");
        }
        assert_eq!(
            (unit_of("Value (mmol/l)"), unit_of("Scan x mg/dL"), unit_of("x (u)")),
            (Some("mmol/L"), Some("mg/dL"), None)
        );
        assert_eq!((clock_hours("0:20:00"), clock_hours("x"), clock_hours("1:2:3:4")), (Some(1.0 / 3.0), None, None));
    }
}
