//! NONMEM-style event tables: doses, observations and covariates of one person among many, a row an event.

use std::borrow::Cow;
use std::collections::HashSet;

use csv::StringRecord;

use super::super::Censoring;
use super::super::files::listed;
use super::super::intake::{Intake, NAMED};
use super::dates::Order;
use super::nonmem_dose::Time;
use super::nonmem_keys::{KEYS, Keys, equal};
use super::rows::{Rows, clock_hours};
use super::{Format, Head, Input, Item, Shape, Spot, Told, When};
use crate::units::Unit;

pub(super) const FORMAT: Format = Format {
    name: "nonmem",
    about: "event tables as NONMEM, nlmixr and Monolix read them (ID, TIME, AMT, DV, …)",
    keys: &KEYS,
    recognises,
    read,
};

fn title(cell: &str) -> String {
    cell.trim_start_matches(['#', '@']).trim().to_uppercase()
}

fn is_header(cells: &[String]) -> bool {
    let has = |name: &str| cells.iter().any(|cell| title(cell) == name);
    has("ID") && has("TIME") && (has("DV") || has("AMT"))
}

fn recognises(head: &Head) -> bool {
    Rows::find(&by_commas(&head.text()), is_header).is_some()
}

/// The text with its columns separated by commas, where blanks separate them.
fn by_commas(text: &str) -> Cow<'_, str> {
    let blanks = |line: &&str| {
        !line.contains([',', ';', '\t']) && is_header(&line.split_whitespace().map(String::from).collect::<Vec<_>>())
    };
    if !text.lines().take(10).any(|line| blanks(&line)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(",") + "\n").collect())
}

fn read(intake: &mut Intake, input: &Input) {
    let Some(file) = intake.text(input) else { return };
    let text = by_commas(&file.source.text);
    let Some(rows) = Rows::find(&text, is_header) else {
        let help = "its first line names them: ID, TIME, and AMT or DV; declare another table in [[exposure]] and [[observation]]";
        return intake.wrong(Spot::Whole, "no line has the columns of an event table", help);
    };
    let keys = Keys::read(intake, input);
    let header: Vec<String> = rows.header.iter().map(|cell| title(cell)).collect();
    let mut table = Table { keys, header, dated: None, first_h: None, doses: 0, time_h: 1.0 };
    if !table.begin(intake) {
        return;
    }
    let mut ids: Vec<String> = Vec::new();
    let mut seen = HashSet::new();
    rows.each(|_, row| {
        let id = table.cell(row, "ID");
        if table.is_whole(row) && !seen.contains(id) {
            seen.insert(id.to_string());
            ids.push(id.into());
        }
    });
    let Some(id) = table.person(intake, &ids) else { return };
    let mut own = Vec::new();
    rows.each(|line, row| {
        if row.iter().all(str::is_empty) {
        } else if table.is_comment(row) {
            intake.leave_out("row", "it is commented out", Spot::Line(line));
        } else if !table.is_whole(row) {
            let message = format!("this row has {} fields, the header {}", row.len(), table.header.len());
            intake.wrong(Spot::Line(line), &message, "was the file cut short? Complete the row or delete it");
        } else if equal(table.cell(row, "ID"), &id) {
            own.push((line, row.clone()));
        } else {
            intake.leave_out("row", "it is of another person", Spot::Line(line));
        }
    });
    table.rows(intake, &own);
}

pub(super) struct Table {
    pub(super) keys: Keys,
    header: Vec<String>,
    /// The column of dates with its order.
    dated: Option<(&'static str, Order)>,
    /// Of the person's first row, where dates are relative to it.
    first_h: Option<f64>,
    /// How many rows were doses so far.
    pub(super) doses: usize,
    /// Hours in the unit of TIME.
    pub(super) time_h: f64,
}

/// A cell that says nothing, as NONMEM and R write it.
pub(super) fn missing(cell: &str) -> bool {
    matches!(cell, "" | "." | "NA" | "NaN")
}

impl Table {
    pub(super) fn has(&self, column: &str) -> bool {
        self.header.iter().any(|known| known == column)
    }

    pub(super) fn cell<'r>(&self, row: &'r StringRecord, column: &str) -> &'r str {
        self.header.iter().position(|known| known == column).and_then(|at| row.get(at)).unwrap_or("")
    }

    /// A number of a row; `None` where it is missing, or no number, which is told.
    pub(super) fn number(&self, intake: &mut Intake, row: &StringRecord, column: &str, line: usize) -> Option<f64> {
        let cell = self.cell(row, column);
        if missing(cell) {
            return None;
        }
        let number = cell.parse::<f64>().ok().filter(|number| number.is_finite());
        if number.is_none() {
            intake.wrong(
                Spot::Line(line),
                &format!("`{cell}` in {column} is no number"),
                "mend it; a dot says missing",
            );
        }
        number
    }

    /// P2082: something that only a model can say, or that doses and readings cannot express.
    pub(super) fn inexpressible(intake: &mut Intake, line: usize, message: &str, help: &str) {
        intake.wrong_as("P2082", Spot::Line(line), message, help);
    }

    /// Checks columns and units before the rows; whether they can be read.
    fn begin(&mut self, intake: &mut Intake) -> bool {
        let unit = self.keys.unit("TIME", "").unwrap_or("h");
        match Unit::parse(unit).ok().and_then(|unit| unit.convert(1.0, &intake.reader.hour)) {
            Some(hours) => self.time_h = hours,
            None => {
                intake.wrong(Spot::Whole, &format!("`{unit}` is no unit of time"), "write units = { TIME = \"h\" }");
                return false;
            }
        }
        let dated = [("DATE", Order::Mdy), ("DAT1", Order::Dmy), ("DAT2", Order::Ymd)];
        self.dated = dated.into_iter().find(|(column, _)| self.has(column));
        if self.has("DAT3") {
            Self::inexpressible(
                intake,
                1,
                "DAT3 has year, day and month: this order is not read",
                "write the dates year first, as 2024-01-31, in a column DAT2",
            );
            return false;
        }
        if self.keys.dose.is_empty() && self.keys.observed.is_empty() {
            intake.wrong_as(
                "P2085",
                Spot::Whole,
                "nothing says what was given and what was observed",
                "write dose = { \"1\" = \"NAME\" } and observed = { \"1\" = \"NAME\" }, by the numbers in CMT and DVID",
            );
            return false;
        }
        const OWN: [&str; 27] = [
            "ID", "TIME", "DATE", "DAT1", "DAT2", "AMT", "RATE", "TINF", "II", "ADDL", "SS", "EVID", "CMT", "ADM",
            "DV", "MDV", "DVID", "YTYPE", "LLOQ", "BLQ", "BQL", "CENS", "LIMIT", "C", "L2", "NUM", "",
        ];
        for column in &self.header {
            let named = self.keys.covariates.iter().any(|covariate| covariate.column == *column);
            if !named && !OWN.contains(&column.as_str()) {
                intake.leave_out(
                    column,
                    "a column that no key names (covariates = { COLUMN = \"name\" })",
                    Spot::Whole,
                );
            }
        }
        let absent = self.keys.covariates.iter().find(|covariate| !self.has(&covariate.column));
        if let Some(covariate) = absent {
            let message = format!("there is no column `{}`", covariate.column);
            intake.wrong(Spot::Whole, &message, &format!("its columns are {}", listed(&self.header)));
        }
        true
    }

    fn is_comment(&self, row: &StringRecord) -> bool {
        let first = row.get(0).unwrap_or("");
        first.starts_with(['#', '@']) || first.eq_ignore_ascii_case("c") || title(self.cell(row, "ID")) == "ID"
    }

    fn is_whole(&self, row: &StringRecord) -> bool {
        row.len() == self.header.len() && !self.is_comment(row) && !row.iter().all(str::is_empty)
    }

    /// Whose rows are read; P2081 where that is not said, or nobody.
    fn person(&self, intake: &mut Intake, ids: &[String]) -> Option<String> {
        let message = match (&self.keys.id, ids) {
            (Some(id), ids) if ids.iter().any(|known| equal(known, id)) => return Some(id.clone()),
            (None, [id]) => return Some(id.clone()),
            (_, []) => "the table has no rows".to_string(),
            (Some(id), _) => format!("nobody has the ID `{id}`"),
            (None, _) => format!("the table is of {} people", ids.len()),
        };
        let help = format!(
            "say whose rows are read, as in id = \"{}\"; IDs are {}",
            ids.first().map_or("1", String::as_str),
            listed(ids)
        );
        intake.wrong_as("P2081", Spot::Whole, &message, &help);
        None
    }

    fn rows(&mut self, intake: &mut Intake, rows: &[(usize, StringRecord)]) {
        let mut last: Vec<Option<String>> = vec![None; self.keys.covariates.len()];
        for (line, row) in rows {
            let Some(time) = self.time(intake, row, *line) else { continue };
            for (at, known) in last.iter_mut().enumerate() {
                let cell = self.cell(row, &self.keys.covariates[at].column);
                if !missing(cell) && known.as_deref() != Some(cell) {
                    *known = Some(cell.to_string());
                    self.covariate(intake, at, cell, time, *line);
                }
            }
            let evid = self.number(intake, row, "EVID", *line);
            let amount = self.number(intake, row, "AMT", *line).unwrap_or(0.0);
            let unmeasured = self.number(intake, row, "MDV", *line).is_some_and(|mdv| mdv != 0.0);
            match evid {
                None if amount != 0.0 || self.number(intake, row, "RATE", *line).is_some_and(|rate| rate != 0.0) => {
                    self.dose(intake, row, amount, time, None, *line);
                }
                Some(1.0) => self.dose(intake, row, amount, time, None, *line),
                // As RxODE writes it: compartment, then 01 for a dose at once.
                Some(evid) if (101.0..10_000.0).contains(&evid) && evid % 100.0 == 1.0 => {
                    self.dose(intake, row, amount, time, Some((evid / 100.0).floor()), *line);
                }
                Some(3.0 | 4.0) => Self::inexpressible(
                    intake,
                    *line,
                    "EVID 3 and 4 empty all compartments: no event of a person does so",
                    "give each period its own bundle: from and to cut it out of the table",
                ),
                None | Some(0.0) if unmeasured => {
                    intake.leave_out("row", "MDV says that nothing was measured", Spot::Line(*line))
                }
                Some(0.0) if amount != 0.0 => {
                    intake.wrong(Spot::Line(*line), "EVID says an observation, AMT a dose", "a dose has EVID 1");
                }
                None | Some(0.0) => self.observation(intake, row, time, *line),
                Some(2.0) => intake.leave_out("row", "EVID 2: neither dose nor observation", Spot::Line(*line)),
                Some(other) => Self::inexpressible(
                    intake,
                    *line,
                    &format!("EVID {other} is not known"),
                    "0 is an observation, 1 a dose, 2 neither",
                ),
            }
        }
    }

    fn time(&mut self, intake: &mut Intake, row: &StringRecord, line: usize) -> Option<Time> {
        let cell = self.cell(row, "TIME");
        let clock = cell.contains(':');
        let hours = if clock { clock_hours(cell) } else { cell.parse::<f64>().ok().map(|time| time * self.time_h) };
        let Some(hours) = hours.filter(|hours| hours.is_finite()) else {
            intake.wrong(
                Spot::Line(line),
                &format!("`{cell}` in TIME is no time"),
                "write hours, or a clock time as 8:30",
            );
            return None;
        };
        let Some((column, order)) = self.dated.filter(|(column, _)| !missing(self.cell(row, column))) else {
            return Some(Time::Hours(hours));
        };
        let date = self.cell(row, column);
        let midnight = match date.parse::<f64>() {
            Ok(day) => return Some(Time::Hours(self.since_first(day * 24.0 + hours))),
            Err(_) => order.stamp(&format!("{date} 0:00")),
        };
        let later = jiff::SignedDuration::try_from_secs_f64(hours * 3600.0).ok();
        let Some(local) = midnight.zip(later).and_then(|(midnight, later)| midnight.checked_add(later).ok()) else {
            let help = "DATE has the month first, DAT1 the day, DAT2 the year: name the column so";
            intake.wrong(Spot::Line(line), &format!("`{date}` in {column} is no date in its order"), help);
            return None;
        };
        if intake.reader.clock.epoch.is_some() {
            return Some(Time::Local(local));
        }
        let at = jiff::tz::TimeZone::UTC.to_timestamp(local).ok()?;
        Some(Time::Hours(self.since_first(at.as_second() as f64 / 3600.0)))
    }

    /// Without an epoch, time zero is the person's first row.
    fn since_first(&mut self, hours: f64) -> f64 {
        hours - *self.first_h.get_or_insert(hours)
    }

    /// The unit of a column; P2083 where none is declared.
    pub(super) fn unit_of(&self, intake: &mut Intake, column: &str, label: &str, line: usize) -> Option<&str> {
        let unit = self.keys.unit(column, label);
        if unit.is_none() {
            let message = format!("the column {column} has no unit");
            let help = format!("an event table does not name units: write units = {{ {column} = \"mg\" }}");
            intake.wrong_as("P2083", Spot::Line(line), &message, &help);
        }
        unit
    }

    pub(super) fn give(
        intake: &mut Intake,
        name: &str,
        shape: Shape,
        told: Told,
        when: When,
        limits: Option<f64>,
        line: usize,
    ) {
        let (limits, spot) = ((limits, None), Spot::Line(line));
        intake.item(&Item { system: NAMED, code: name, shape, told, when, device: None, limits, spot });
    }

    fn covariate(&self, intake: &mut Intake, at: usize, cell: &str, time: Time, line: usize) {
        let covariate = &self.keys.covariates[at];
        let categories = intake.reader.vocabulary.term(&covariate.name).is_some_and(|term| !term.categories.is_empty());
        let told = if let Some(word) = covariate.words.get(cell) {
            Told::Word(word)
        } else if categories {
            let message = format!("what {cell} in {} means is not said", covariate.column);
            let help = format!(
                "write covariates = {{ {} = {{ name = \"{}\", \"{cell}\" = \"…\" }} }}, with the vocabulary's words",
                covariate.column, covariate.name
            );
            return intake.wrong_as("P2086", Spot::Line(line), &message, &help);
        } else {
            let Ok(value) = cell.parse::<f64>() else {
                let message = format!("`{cell}` in {} is no number", covariate.column);
                return intake.wrong(Spot::Line(line), &message, "mend it; a dot says missing");
            };
            let Some(unit) = self.unit_of(intake, &covariate.column, "", line) else { return };
            Told::Number { value, unit, censoring: Censoring::None, sd: None }
        };
        Self::give(intake, &covariate.name, Shape::Fact, told, time.when(0.0), None, line);
    }

    fn observation(&self, intake: &mut Intake, row: &StringRecord, time: Time, line: usize) {
        let column = ["DVID", "YTYPE", "CMT"].into_iter().find(|column| self.has(column));
        let label = column.map_or("", |column| self.cell(row, column));
        let spot = Spot::Line(line);
        let Some(name) = self.keys.observed.get(label) else {
            let what = format!("{} {label}", column.unwrap_or("DV"));
            return intake.leave_out(&what, "`observed` has no name for it", spot);
        };
        let dv = self.number(intake, row, "DV", line);
        let limit = self.number(intake, row, "LLOQ", line);
        let flag = ["CENS", "BLQ", "BQL"].into_iter().find_map(|column| self.number(intake, row, column, line));
        let (value, censoring) = match (flag, dv, limit) {
            (Some(flag), _, Some(limit)) if flag > 0.0 => (limit, Censoring::Below),
            (Some(flag), Some(dv), None) if flag > 0.0 && dv > 0.0 => (dv, Censoring::Below),
            (Some(flag), ..) if flag > 0.0 => {
                let help = "add a column LLOQ with the limit, or write the limit in DV";
                return intake.wrong(spot, "below the limit of quantification, but which limit is not told", help);
            }
            (Some(flag), Some(dv), _) if flag < 0.0 => (dv, Censoring::Above),
            (_, None, _) => return intake.leave_out(name, "DV is missing", spot),
            (_, Some(dv), Some(limit)) if dv < limit => (limit, Censoring::Below),
            (_, Some(dv), _) => (dv, Censoring::None),
        };
        let Some(unit) = self.unit_of(intake, "DV", label, line) else { return };
        let told = Told::Number { value, unit, censoring, sd: None };
        Self::give(intake, name, Shape::Sample, told, time.when(0.0), limit, line);
    }
}
