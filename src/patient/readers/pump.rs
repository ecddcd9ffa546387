//! Tables that pumps' programs export, as `models/pumps.toml` describes them: titles, units and what a row may say.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use csv::StringRecord;
use jiff::civil::DateTime;
use serde::Deserialize;

use super::super::Censoring;
use super::super::intake::Intake;
use super::dates::{Order, Stamps};
use super::rows::{Cell, Rows, clock_hours, column, number, reading, unit_of};
use super::{Format, Head, Input, Item, Shape, Spot, Told, When};

pub(super) const FORMAT: Format = Format {
    name: "pump",
    about: "a pump's CSV: Medtronic CareLink, Tandem t:connect, Glooko",
    keys: &["date_order", "warmup", "gap"],
    recognises,
    read,
};

/// Longest time [h] over which an amount is spread.
const LONGEST_H: f64 = 48.0;

#[derive(Deserialize)]
struct Tables {
    table: Vec<Table>,
}

/// A kind of table; titles are lists of alternatives.
#[derive(Deserialize)]
struct Table {
    about: String,
    header: Vec<Vec<String>>,
    #[serde(default)]
    time: Vec<String>,
    #[serde(default)]
    date: Vec<String>,
    #[serde(default)]
    clock: Vec<String>,
    #[serde(default)]
    device: Vec<String>,
    #[serde(default)]
    spread: Vec<String>,
    #[serde(default)]
    untold: Vec<String>,
    #[serde(default)]
    changes: Vec<String>,
    total: Option<Only>,
    #[serde(default)]
    value: Vec<Value>,
}

#[derive(Deserialize)]
struct Value {
    column: Vec<String>,
    code: String,
    unit: String,
    shape: Kind,
    #[serde(default)]
    duration: Vec<String>,
    each: Option<String>,
    begin: Option<String>,
    end: Option<String>,
    only: Option<Only>,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Sample,
    Amount,
    Rate,
    Held,
}

#[derive(Deserialize)]
struct Only {
    column: String,
    is: String,
}

fn tables() -> &'static [Table] {
    static READ: OnceLock<Vec<Table>> = OnceLock::new();
    READ.get_or_init(|| {
        let tables: Option<Tables> = toml::from_str(include_str!("../../../models/pumps.toml")).ok();
        tables.map_or_else(Vec::new, |tables| tables.table)
    })
}

impl Table {
    fn of(cells: &[String]) -> Option<&'static Self> {
        tables().iter().find(|table| table.header.iter().all(|titles| column(cells, titles).is_some()))
    }
}

fn recognises(head: &Head) -> bool {
    Rows::find(&head.text(), |cells| Table::of(cells).is_some()).is_some()
}

fn read(intake: &mut Intake, input: &Input) {
    let Some(file) = intake.text(input) else { return };
    let Some(found) = Rows::find(&file.source.text, |cells| Table::of(cells).is_some()) else {
        let known: Vec<&str> = tables().iter().map(|table| table.about.as_str()).collect();
        let help = format!("known are {}; declare the columns of another table in [[exposure]]", known.join(", "));
        return intake.wrong(Spot::Whole, "no line has the columns of a pump's table that is known", &help);
    };
    for line in &found.open {
        intake.wrong(Spot::Line(*line), "a quotation mark that opens here is not closed", "export the file again");
    }
    // One file may hold several tables, each below its own header.
    let mut parts: Vec<Part> = vec![Part::new(found.header.clone())];
    found.each(|line, row| {
        let cells: Vec<String> = row.iter().map(String::from).collect();
        if Table::of(&cells).is_some() {
            parts.push(Part::new(cells));
        } else if !cells.first().is_some_and(|cell| cell.starts_with("---"))
            && cells.iter().filter(|cell| !cell.is_empty()).count() > 1
        {
            parts.last_mut().into_iter().for_each(|part| part.rows.push((line, row.clone())));
        }
    });
    let mut stamps = Stamps::default();
    for part in &parts {
        part.rows.iter().for_each(|(line, row)| stamps.add(&part.stamp(row), *line));
    }
    let Some(order) = stamps.order(intake, input, None) else { return };
    for part in &parts {
        part.read(intake, order);
    }
    let samples = parts.iter().filter_map(|part| part.table).flat_map(|table| &table.value);
    let sensors = samples.filter(|value| value.shape == Kind::Sample && value.code != "meter");
    let codes: BTreeSet<&str> = sensors.map(|value| value.code.as_str()).collect();
    for code in codes {
        intake.warms_up(input.section, "pump", code, 1.0);
    }
}

/// A table of a file with its rows.
struct Part {
    table: Option<&'static Table>,
    header: Vec<String>,
    rows: Vec<(usize, StringRecord)>,
}

impl Part {
    fn new(header: Vec<String>) -> Self {
        Self { table: Table::of(&header), header, rows: Vec::new() }
    }

    fn cell<'r, S: AsRef<str>>(&self, row: &'r StringRecord, titles: &[S]) -> &'r str {
        column(&self.header, titles).and_then(|at| row.get(at)).unwrap_or("").trim()
    }

    fn stamp(&self, row: &StringRecord) -> String {
        let Some(table) = self.table else { return String::new() };
        match self.cell(row, &table.time) {
            "" => format!("{} {}", self.cell(row, &table.date), self.cell(row, &table.clock)).trim().to_string(),
            time => time.to_string(),
        }
    }

    fn read(&self, intake: &mut Intake, order: Order) {
        let Some(table) = self.table else { return };
        for (line, row) in &self.rows {
            let spot = Spot::Line(*line);
            let stamp = self.stamp(row);
            let Some(time) = order.stamp(&stamp) else {
                let help = "delete this row, or mend it; is the order of day and month another? Then say date_order";
                intake.wrong(spot, &format!("`{stamp}` is no time in the file's order of day and month"), help);
                continue;
            };
            let told = |titles: &'static [String]| titles.iter().filter(|title| !self.cell(row, &[title]).is_empty());
            for title in told(&table.untold).chain(told(&table.changes)) {
                intake.leave_out(title, "it is told in words or shares that cannot be taken", spot);
            }
            if let Some(title) = told(&table.changes).next() {
                intake.doubtful(
                    "P2049",
                    spot,
                    &format!("`{title}` changed the rate in a way that is not taken: the rate is the schedule's"),
                    "give the rate of these hours in an [[exposure]] of your own, or cut them off with `from` and `to`",
                );
            }
            if number(self.cell(row, &table.spread)).is_some_and(|spread| spread > 0.0) {
                intake.doubtful(
                    "P2047",
                    spot,
                    "part of this amount was spread over a time that the file does not tell: all is taken at once",
                    "write it in an [[exposure]] of your own, with its `duration`, and cut it off here with `from` and `to`",
                );
            }
            if table.total.as_ref().is_some_and(|total| self.cell(row, &[&total.column]) == total.is) {
                intake.leave_out(&table.about, "the total of a day, not an event of it", spot);
                intake.doubtful(
                    "P2048",
                    spot,
                    "what the pump gave by itself is told as the total of a day only: it is left out",
                    "the rate is then the schedule's, not what was given; cut such days off with `from` and `to`",
                );
                continue;
            }
            let taken = table.value.iter().filter(|value| self.value(intake, row, value, time, order, spot)).count();
            if taken == 0 && told(&table.untold).chain(told(&table.changes)).next().is_none() {
                intake.leave_out(&table.about, "a row without a value of the person", spot);
            }
        }
    }

    /// Hands over one value of a row; whether it is there.
    fn value(
        &self,
        intake: &mut Intake,
        row: &StringRecord,
        value: &Value,
        time: DateTime,
        order: Order,
        spot: Spot,
    ) -> bool {
        let Some(at) = column(&self.header, &value.column) else { return false };
        let written = row.get(at).unwrap_or("").trim();
        let other = |only: &Only| self.cell(row, &[&only.column]) != only.is;
        if written.is_empty() || written == "-" || value.only.as_ref().is_some_and(other) {
            return false;
        }
        let unit = if value.unit.is_empty() { unit_of(&self.header[at]).unwrap_or("1") } else { &value.unit };
        let (told, censoring) = match reading(written) {
            Cell::Number(number) => (number, Censoring::None),
            Cell::Beyond(side, limit) if value.shape == Kind::Sample => {
                let mg = unit == "mg/dL";
                let own = if side == Censoring::Below { (40.0, 2.2) } else { (400.0, 22.2) };
                (limit.unwrap_or(if mg { own.0 } else { own.1 }), side)
            }
            Cell::Beyond(..) | Cell::Wrong => {
                intake.wrong(spot, &format!("`{written}` is no number"), "delete this row, or mend it");
                return true;
            }
            Cell::Empty => return false,
        };
        let lasts = self.cell(row, &value.duration);
        let mut duration_h = match value.each.as_deref() {
            Some("min") => number(lasts).map(|minutes| minutes / 60.0),
            _ => clock_hours(lasts),
        };
        let mut from = time;
        if let (Some(begin), Some(end)) = (&value.begin, &value.end) {
            let moment = |title: &String| order.stamp(self.cell(row, &[title]));
            let Some((begin, end)) = moment(begin).zip(moment(end)) else {
                if told > 0.0 {
                    intake.leave_out(&value.code, "spread over a time that its row does not tell", spot);
                }
                return told > 0.0;
            };
            from = begin;
            duration_h = Some(end.duration_since(begin).as_secs_f64() / 3600.0);
        }
        if duration_h.is_some_and(|hours| !(0.0..=LONGEST_H).contains(&hours)) {
            intake.wrong(spot, "its duration is not between nothing and two days", "delete this row, or mend it");
            return true;
        }
        let shape = match value.shape {
            Kind::Sample => Shape::Sample,
            Kind::Amount if told == 0.0 => return false,
            Kind::Amount => Shape::Amount { duration_h: duration_h.unwrap_or(0.0) },
            Kind::Rate if duration_h.is_none() => {
                intake.leave_out(&value.code, "a rate whose duration is not told", spot);
                return true;
            }
            Kind::Rate => Shape::Rate { duration_h },
            Kind::Held => Shape::Rate { duration_h: None },
        };
        let device = self.table.map_or("", |table| self.cell(row, &table.device));
        intake.item(&Item {
            system: "pump",
            code: &value.code,
            shape,
            told: Told::Number { value: told, unit, censoring, sd: None },
            when: When::Local(from),
            device: Some(device).filter(|device| !device.is_empty()),
            limits: (None, None),
            spot,
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patient::Vocabulary;
    use crate::units::Unit;

    #[test]
    fn every_table_can_be_read_and_every_code_has_a_name() {
        let vocabulary = Vocabulary::embedded().unwrap();
        assert_eq!(tables().len(), 9);
        for table in tables() {
            assert!(!table.header.is_empty() && !table.time.is_empty() | !table.date.is_empty(), "{}", table.about);
            for value in &table.value {
                assert!(vocabulary.by_code("pump", &value.code).is_some(), "{}", value.code);
                assert!(value.unit.is_empty() || Unit::parse(&value.unit).is_ok(), "{}", value.unit);
                assert!(matches!(value.each.as_deref(), None | Some("min" | "clock")));
                assert_eq!(value.each.is_some(), !value.duration.is_empty(), "{}", table.about);
            }
        }
    }
}
