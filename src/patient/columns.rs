//! The columns that an entry of `patient.toml` declares, and the cells in them.

use std::rc::Rc;

use super::Censoring;
use super::files::{Place, TextFile};
use super::load::Reader;
use super::section::Section;
use super::table::Table;
use crate::diagnostic::{Diagnostic, Span};
use crate::units::{Unit, unreadable};

/// A column with the unit in which it is declared; `None` for time stamps and texts.
#[derive(Clone)]
pub(super) struct Column {
    pub index: usize,
    pub unit: Option<Unit>,
}

/// What a cell says.
pub(super) enum Cell {
    Empty,
    Number(f64, Censoring),
    /// The device's word for "beyond its limit".
    Beyond(Censoring),
    /// Reported already.
    Wrong,
}

impl Reader<'_> {
    /// The table of a file, read once.
    pub(super) fn table(&mut self, file: &Rc<TextFile>) -> Option<Rc<Table>> {
        if let Some(known) = self.tables.get(&file.name) {
            return known.clone();
        }
        let table = Table::read(file.clone(), &mut self.findings).map(Rc::new);
        self.tables.insert(file.name.clone(), table.clone());
        table
    }

    /// The column that a key declares as `name [unit]`, or as `name` where a unit is not needed.
    pub(super) fn column(&mut self, section: &Section, key: &'static str, table: &Table) -> Option<Column> {
        let (text, span) = section.text(key, &mut self.findings)?;
        self.column_of(section, text, span, table)
    }

    pub(super) fn column_of(&mut self, section: &Section, text: &str, span: Span, table: &Table) -> Option<Column> {
        let (name, unit) = name_and_unit(text);
        let index = match table.column(name).or_else(|missing| table.column(text.trim()).map_err(|_| missing)) {
            Ok(index) => index,
            Err(finding) => {
                self.findings.push(finding.at(&section.file.source, span));
                return None;
            }
        };
        self.used_columns.insert((table.file.name.clone(), index));
        let unit = match unit {
            None => None,
            Some(unit) => match parse_unit(unit) {
                Ok(unit) => Some(unit),
                Err(error) => {
                    self.findings.push(unreadable(&error).at(&section.file.source, span));
                    return None;
                }
            },
        };
        Some(Column { index, unit })
    }

    /// Reports a column that needs a unit and has none (P2006).
    pub(super) fn unit_of(
        &mut self,
        section: &Section,
        key: &'static str,
        column: &Column,
        example: &str,
    ) -> Option<Unit> {
        if column.unit.is_none() {
            let value = section.get(key)?;
            let text = value.get.as_str().unwrap_or("");
            let finding = Diagnostic::error("P2006", format!("the column of `{key}` has no unit"));
            let help = format!("write {key} = \"{text} [{example}]\"");
            self.findings.push(finding.at(&section.file.source, value.span).help(help));
        }
        column.unit.clone()
    }

    /// The number in a cell; reports what is none (P2013, P2014).
    pub(super) fn number(&mut self, table: &Rc<Table>, row: usize, column: usize) -> Cell {
        let text = table.cell(row, column);
        if is_missing(text) {
            return Cell::Empty;
        }
        let (digits, censoring) = match text.as_bytes()[0] {
            b'<' => (text[1..].trim_start_matches('=').trim(), Censoring::Below),
            b'>' => (text[1..].trim_start_matches('=').trim(), Censoring::Above),
            _ => (text, Censoring::None),
        };
        let path = &table.file.source.name;
        match digits.parse::<f64>() {
            Ok(number) if number.is_finite() => return Cell::Number(number, censoring),
            Ok(_) => self.findings.row("P2014", path, || {
                Diagnostic::error("P2014", format!("`{}` is not a finite number", short(text)))
                    .at_location(table.location(row, column))
                    .help("leave the cell empty where nothing was measured")
            }),
            Err(_) if text.eq_ignore_ascii_case("low") => return Cell::Beyond(Censoring::Below),
            Err(_) if text.eq_ignore_ascii_case("high") => return Cell::Beyond(Censoring::Above),
            Err(_) => self.findings.row("P2013", path, || {
                let finding = Diagnostic::error("P2013", format!("`{}` is not a number", short(text)));
                let finding = finding.at_location(table.location(row, column));
                let pointed = digits.replacen(',', ".", 1);
                if digits.matches(',').count() == 1 && !digits.contains('.') && pointed.parse::<f64>().is_ok() {
                    return finding.help(format!(
                        "decimals are written with a point, not a comma: {pointed}; thousands without a mark"
                    ));
                }
                finding.help("a cell holds a number alone; the unit stands in patient.toml")
            }),
        }
        Cell::Wrong
    }

    /// The time in a cell, in hours since the epoch; `Empty` where there is none.
    pub(super) fn time(&mut self, table: &Rc<Table>, row: usize, column: &Column, hour: &Unit) -> Cell {
        let Some(unit) = &column.unit else { return self.stamp(table, row, column.index) };
        match self.number(table, row, column.index) {
            Cell::Number(number, Censoring::None) => {
                Cell::Number(unit.convert(number, hour).unwrap_or(f64::NAN), Censoring::None)
            }
            Cell::Empty => Cell::Empty,
            Cell::Number(..) | Cell::Beyond(_) => {
                self.findings.row("P2013", &table.file.source.name, || {
                    let text = short(table.cell(row, column.index));
                    Diagnostic::error("P2013", format!("`{text}` is not a time"))
                        .at_location(table.location(row, column.index))
                });
                Cell::Wrong
            }
            Cell::Wrong => Cell::Wrong,
        }
    }

    fn stamp(&mut self, table: &Rc<Table>, row: usize, column: usize) -> Cell {
        let text = table.cell(row, column);
        if is_missing(text) {
            return Cell::Empty;
        }
        if let Some(stamp) = self.clock.stamp(text) {
            if let Some(doubt) = self.clock.doubt(text, stamp) {
                let (code, place) = (doubt.code, table.location(row, column));
                self.findings.row(code, &table.file.source.name, || doubt.at_location(place));
            }
            return stamp.hours().map_or(Cell::Wrong, |hours| Cell::Number(hours, Censoring::None));
        }
        self.findings.row("P2015", &table.file.source.name, || {
            Diagnostic::error("P2015", format!("`{}` is not a time stamp", short(text)))
                .at_location(table.location(row, column))
                .help(if text.parse::<f64>().is_ok() {
                    "numbers need a unit: write the column in patient.toml as \"NAME [min]\" or \"NAME [h]\""
                } else {
                    "write year, month and day first: 2024-01-31 08:15, 2024-01-31T08:15:00+01:00"
                })
        });
        Cell::Wrong
    }

    pub(super) fn cell_place(table: &Rc<Table>, row: usize, column: usize) -> Place {
        Place::Cell { table: table.clone(), row, column }
    }
}

/// A cell that says that nothing was measured.
pub(super) fn is_missing(text: &str) -> bool {
    text.is_empty() || ["NA", "N/A", "null"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// A text short enough for a message.
fn short(text: &str) -> String {
    let mut short: String =
        text.chars().take(40).map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    if text.chars().count() > 40 {
        short.push('…');
    }
    short
}

/// Splits `rate [[iU]/h]` into the column's name and the unit's text.
fn name_and_unit(text: &str) -> (&str, Option<&str>) {
    let text = text.trim();
    let Some(inner_end) = text.strip_suffix(']').map(str::len) else { return (text, None) };
    let mut depth = 0;
    for (at, letter) in text.char_indices().rev() {
        match letter {
            ']' => depth += 1,
            '[' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return (text[..at].trim_end(), Some(text[at + 1..inner_end].trim()));
        }
    }
    (text, None)
}

/// A unit between brackets; one whose own brackets were taken for them (`insulin [iU]`) is read as meant.
fn parse_unit(text: &str) -> Result<Unit, crate::units::UnitError> {
    Unit::parse(text).or_else(|error| Unit::parse(&format!("[{text}]")).map_err(|_| error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_names_from_units() {
        for (text, name, unit) in [
            ("time_min [min]", "time_min", Some("min")),
            ("rate [[iU]/h]", "rate", Some("[iU]/h")),
            ("pressure [mm[Hg]]", "pressure", Some("mm[Hg]")),
            (" when ", "when", None),
            ("a b[kg]", "a b", Some("kg")),
            ("odd]", "odd]", None),
        ] {
            assert_eq!(name_and_unit(text), (name, unit), "{text}");
        }
        assert_eq!(parse_unit("iU").map(|unit| unit.text().to_string()), Ok("[iU]".into()));
        assert!(parse_unit("mgdl").is_err());
    }
}
