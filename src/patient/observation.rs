//! Observations: readings of one name by one device, from a table or written in place.

use std::collections::HashMap;

use super::check::{Row, Seen, digits};
use super::columns::Cell;
use super::files::Place;
use super::given::Content;
use super::load::Reader;
use super::section::Section;
use super::vocabulary::{Conversion, Term};
use super::{Censoring, Observation, Reading};
use crate::diagnostic::{Diagnostic, Span};
use crate::units::{Unit, mismatch};

const KEYS: [&str; 12] = [
    "name",
    "file",
    "time",
    "value",
    "device",
    "below",
    "above",
    "lower_limit",
    "upper_limit",
    "readings",
    "where",
    "missing",
];

/// What an entry declares beside its readings.
struct Declared<'v, 's> {
    section: &'s Section<'s>,
    name: String,
    term: Option<&'v Term>,
    device: Option<String>,
}

/// Readings in `unit`, as the entry gives them in `declared`.
struct Read {
    unit: Unit,
    declared: Unit,
    lower: Option<f64>,
    upper: Option<f64>,
    rows: Vec<Row>,
    /// The rows' values before they are cut at the limits.
    uncut: Vec<f64>,
}

impl<'v> Reader<'v> {
    pub(super) fn observations(&mut self, sections: &[Section]) -> Vec<Observation> {
        let mut all: Vec<Observation> = Vec::new();
        let mut seen: HashMap<(String, Option<String>), Seen> = HashMap::new();
        for section in sections {
            section.only(&KEYS, &mut self.findings);
            let Some((name, span)) =
                section.required("name", "name = \"…\", a name of the vocabulary", &mut self.findings)
            else {
                continue;
            };
            let term = self.term(name, section.place(span));
            let device = section.text("device", &mut self.findings).map(|(device, _)| device.to_string());
            let entry = Declared { section, name: name.to_string(), term, device };
            let read = if section.get("readings").is_some() {
                self.readings_in_place(&entry)
            } else if section.get("file").is_some() {
                self.readings_of_table(&entry)
            } else {
                self.findings.push(
                    section.missing("file", "file = \"levels.csv\" with `time` and `value`, or `readings = […]`"),
                );
                None
            };
            let Some(read) = read else { continue };
            self.check_times(&read.rows);
            let known = seen.entry((entry.name.clone(), entry.device.clone())).or_default();
            self.check_doubled_readings(&read.rows, known);
            self.add_observation(&mut all, entry, read, span);
        }
        for observation in &mut all {
            observation.readings.sort_by(|a, b| a.time_h.total_cmp(&b.time_h));
        }
        all
    }

    /// Adds an entry's readings to those of the same name and device.
    fn add_observation(&mut self, all: &mut Vec<Observation>, entry: Declared, read: Read, span: Span) {
        let readings = read.rows.into_iter().map(|row| Reading {
            time_h: row.time_h,
            value: row.value,
            censoring: row.censoring,
            sd: None,
            origin: row.place.origin(),
        });
        let declared = read.declared.text().to_string();
        let Some(known) = all.iter_mut().find(|known| known.name == entry.name && known.device == entry.device) else {
            all.push(Observation {
                name: entry.name,
                device: entry.device,
                unit: read.unit,
                lower_limit: read.lower,
                upper_limit: read.upper,
                readings: readings.collect(),
                declared,
            });
            return;
        };
        if known.unit != read.unit || known.lower_limit != read.lower || known.upper_limit != read.upper {
            let message = format!("`{}` is declared twice for one device, with another unit or limit", entry.name);
            let finding = Diagnostic::error("P2024", message).at(&entry.section.file.source, span);
            self.findings.push(finding.help("give each its `device`, or write the same unit and limits in both"));
            return;
        }
        known.readings.extend(readings);
        if !known.declared.split(", ").any(|unit| unit == declared) {
            known.declared = format!("{}, {declared}", known.declared);
        }
    }

    /// The limits in the stored unit; limits that no plausible value is between are refused (P2006).
    fn limits(&mut self, entry: &Declared, unit: &Unit) -> (Option<f64>, Option<f64>) {
        let lower = self.given_in(entry.section, "lower_limit", unit, entry.term);
        let upper = self.given_in(entry.section, "upper_limit", unit, entry.term);
        let (least, greatest) = entry.term.and_then(|term| term.range).unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
        let from = lower.unwrap_or(f64::NEG_INFINITY);
        let to = upper.unwrap_or(f64::INFINITY);
        let wrong = if from >= to {
            Some(("upper_limit", "`upper_limit` is not above `lower_limit`".to_string()))
        } else if from >= greatest {
            Some(("lower_limit", format!("`lower_limit` is {} {unit}: every reading would be below it", digits(from))))
        } else if to <= least {
            Some(("upper_limit", format!("`upper_limit` is {} {unit}: every reading would be above it", digits(to))))
        } else {
            None
        };
        if let Some((key, message)) = wrong
            && let Some(value) = entry.section.get(key)
        {
            let finding = Diagnostic::error("P2006", message).at(&entry.section.file.source, value.span);
            self.findings.push(finding.help("`lower_limit` is the least value that the device can tell, `upper_limit` the greatest; is the unit right?"));
            return (None, None);
        }
        (lower, upper)
    }

    /// Checks the values as they were written: those beyond a limit would hide a wrong unit once they are cut.
    fn check_readings(&mut self, entry: &Declared, read: &Read, conversion: &Conversion) {
        let Some(term) = entry.term else { return };
        let values: Vec<(f64, &Place)> =
            read.uncut.iter().zip(&read.rows).map(|(value, row)| (*value, &row.place)).collect();
        self.check_range(term, &read.declared, conversion, &values);
    }

    fn readings_of_table(&mut self, entry: &Declared) -> Option<Read> {
        let section = entry.section;
        let has_value = section.required("value", "value = \"COLUMN [UNIT]\"", &mut self.findings);
        let timed = self.timed_table(section);
        let (table, time) = timed?;
        has_value?;
        let column = self.column(section, "value", &table)?;
        let example = entry.term.map_or("mg/L", |term| term.unit.text());
        let declared = self.unit_of(section, "value", &column, example)?;
        let span = section.get("value").map_or(section.span(), |value| value.span);
        let (unit, conversion) = self.stored(entry.term, &declared, &section.place(span))?;
        let (lower, upper) = self.limits(entry, &unit);
        let mut flags = Vec::new();
        for (key, censoring) in [("below", Censoring::Below), ("above", Censoring::Above)] {
            if section.get(key).is_some() {
                flags.push((self.column(section, key, &table)?.index, censoring));
            }
        }
        let choice = self.choice(section, &table)?;
        let mut read = Read { unit, declared, lower, upper, rows: Vec::new(), uncut: Vec::new() };
        for row in 0..table.rows() {
            if !self.chosen(&choice, &entry.name, &table, row)
                || self.told_missing(&choice, &entry.name, &table, row, column.index)
            {
                continue;
            }
            let time_h = self.row_time(&entry.name, &table, row, &time);
            let place = Self::cell_place(&table, row, column.index);
            let mut reading = match self.number(&table, row, column.index) {
                Cell::Number(number, censoring) => (conversion.apply(number), censoring),
                Cell::Beyond(censoring) => {
                    let limit = if censoring == Censoring::Below { lower } else { upper };
                    let Some(limit) = limit else {
                        self.no_limit(&place, table.cell(row, column.index), censoring);
                        continue;
                    };
                    (limit, censoring)
                }
                Cell::Empty => {
                    self.leave_out(&entry.name, "the cell of its value is empty", place.origin());
                    continue;
                }
                Cell::Wrong => continue,
            };
            for (index, censoring) in &flags {
                match flag(table.cell(row, *index)) {
                    Some(true) => reading.1 = *censoring,
                    Some(false) => {}
                    None => self.findings.row("P2013", place.path(), || {
                        Diagnostic::error("P2013", format!("`{}` is neither yes nor no", table.cell(row, *index)))
                            .at_location(table.location(row, *index))
                            .help("write 1 or 0, true or false, yes or no")
                    }),
                }
            }
            let Some(time_h) = time_h else { continue };
            let (value, censoring) = beyond_limits(reading.0, reading.1, lower, upper);
            let time_place = Self::cell_place(&table, row, time.index);
            read.uncut.push(reading.0);
            read.rows.push(Row { time_h, value, duration_h: 0.0, censoring, time_place, place });
        }
        self.check_readings(entry, &read, &conversion);
        Some(read)
    }

    fn readings_in_place(&mut self, entry: &Declared) -> Option<Read> {
        let section = entry.section;
        for key in ["file", "time", "value", "below", "above", "where", "missing"] {
            if let Some(value) = section.get(key) {
                let finding = Diagnostic::error("P2006", format!("`{key}` and `readings` exclude each other"));
                self.findings.push(finding.at(&section.file.source, value.key_span));
            }
        }
        let mut read: Option<(Read, Conversion)> = None;
        for reading in section.sections("readings", "this reading", &mut self.findings) {
            reading.only(&["time", "value"], &mut self.findings);
            for (key, example) in [("time", "time = \"8 h\""), ("value", "value = \"5.4 mmol/L\"")] {
                if reading.get(key).is_none() {
                    self.findings.push(reading.missing(key, example));
                }
            }
            let time_h = self.moment(&reading, "time");
            let given = reading.get("value").and_then(|value| self.given(&reading, &value, None));
            let (Some(time_h), Some(given), Some(time)) = (time_h, given, reading.get("time")) else { continue };
            let Content::Number(number, from) = given.content else { continue };
            if read.is_none() {
                let (unit, conversion) = self.stored(entry.term, &from, &given.place)?;
                let (lower, upper) = self.limits(entry, &unit);
                let (rows, uncut) = (Vec::new(), Vec::new());
                read = Some((Read { unit, declared: from.clone(), lower, upper, rows, uncut }, conversion));
            }
            let Some((read, _)) = &mut read else { continue };
            let conversion = match entry.term {
                Some(_) => self.stored(entry.term, &from, &given.place).map(|(_, conversion)| conversion),
                None => Conversion::new(&from, &read.unit, None),
            };
            let Some(conversion) = conversion else {
                if entry.term.is_none() {
                    self.findings.push(mismatch(&from, &read.unit).at_location(given.place.location()));
                }
                continue;
            };
            let uncut = conversion.apply(number);
            let (value, censoring) = beyond_limits(uncut, Censoring::None, read.lower, read.upper);
            read.uncut.push(uncut);
            let time_place = reading.place(time.span);
            read.rows.push(Row { time_h, value, duration_h: 0.0, censoring, time_place, place: given.place });
        }
        let (read, conversion) = read?;
        self.check_readings(entry, &read, &conversion);
        Some(read)
    }

    fn no_limit(&mut self, place: &Place, text: &str, censoring: Censoring) {
        let (key, side) =
            if censoring == Censoring::Below { ("lower_limit", "least") } else { ("upper_limit", "greatest") };
        self.findings.row("P2013", place.path(), || {
            Diagnostic::error("P2013", format!("`{text}` is not a number"))
                .at_location(place.location())
                .help(format!("say the {side} value that the device can tell: {key} = \"40 mg/dL\""))
        });
    }
}

/// A value at or beyond a limit is the limit, censored; a bound stays one, and a bound beyond the limit of its side tells
/// no more than that limit.
fn beyond_limits(value: f64, censoring: Censoring, lower: Option<f64>, upper: Option<f64>) -> (f64, Censoring) {
    let below = lower.filter(|lower| value <= *lower && censoring != Censoring::Above);
    let above = upper.filter(|upper| value >= *upper && censoring != Censoring::Below);
    match (below, above) {
        (Some(lower), _) => (lower, Censoring::Below),
        (_, Some(upper)) => (upper, Censoring::Above),
        _ => (value, censoring),
    }
}

/// Yes or no as people write it; an empty cell is no.
fn flag(text: &str) -> Option<bool> {
    let text = text.to_ascii_lowercase();
    match text.as_str() {
        "1" | "true" | "yes" | "y" | "x" => Some(true),
        "" | "0" | "false" | "no" | "n" | "na" => Some(false),
        _ => None,
    }
}
