//! Exposures: amounts, rates and series, from a table, written in place, or one rate that holds.

use std::collections::HashMap;
use std::rc::Rc;

use super::check::Row;
use super::columns::{Cell, Column};
use super::files::Place;
use super::given::{Content, Given};
use super::load::Reader;
use super::section::{Section, Value};
use super::table::Table;
use super::unknown::is_unknown;
use super::vocabulary::{Conversion, Term, misfit};
use super::{Censoring, Exposure, ExposureEvent, ExposureKind};
use crate::diagnostic::{Diagnostic, Span};
use crate::units::{Quantity, Unit, mismatch};

const KEYS: [&str; 13] = [
    "name", "file", "time", "amount", "rate", "value", "duration", "events", "unknown", "usual", "spread", "where",
    "missing",
];

/// Keys that say something of events.
const OF_EVENTS: [&str; 7] = ["time", "amount", "value", "duration", "unknown", "where", "missing"];

/// Why an event with a rate is left out: a mistake in its duration, or a rate of nothing.
const NO_TIME: &str = "a rate that lasts no time gives nothing";

/// What is being read for one entry.
struct Entry<'v, 's> {
    section: &'s Section<'s>,
    name: String,
    term: Option<&'v Term>,
}

/// Events in `unit`, as the entry gives them in `declared`.
struct Read {
    kind: ExposureKind,
    unit: Unit,
    declared: Unit,
    rows: Vec<Row>,
}

/// How long the events of a table last.
enum Duration {
    None,
    Constant(f64),
    Column(Column, Unit),
}

/// How the number under `amount`, `rate` or `value` becomes the stored one.
#[derive(Clone)]
struct Meaning {
    kind: ExposureKind,
    unit: Unit,
    conversion: Conversion,
    /// A rate with a duration, of a name that is measured as an amount, is stored as rate times duration.
    times_duration: bool,
}

impl<'v> Reader<'v> {
    pub(super) fn exposures(&mut self, sections: &[Section]) -> Vec<Exposure> {
        let mut all: Vec<Exposure> = Vec::new();
        let mut seen: HashMap<String, Vec<Row>> = HashMap::new();
        for section in sections {
            section.only(&KEYS, &mut self.findings);
            let Some((name, span)) =
                section.required("name", "name = \"…\", a name of the vocabulary", &mut self.findings)
            else {
                continue;
            };
            let term = self.term(name, section.place(span));
            let entry = Entry { section, name: name.to_string(), term };
            let read = if section.get("events").is_some() {
                self.events_in_place(&entry)
            } else if section.get("file").is_some() {
                self.events_of_table(&entry)
            } else if let Some(rate) = section.get("rate") {
                self.constant_rate(&entry, &rate)
            } else if section.get("usual").is_some() && !OF_EVENTS.iter().any(|key| section.get(key).is_some()) {
                self.usual_alone(&entry)
            } else {
                let example = "`file` with `time` and `amount`, `rate` or `value`; or `events = […]`; or one `rate`";
                self.findings.push(section.missing("file", example));
                None
            };
            let Some(read) = read else { continue };
            self.check_times(&read.rows);
            self.check_first(&entry.name, read.kind, &read.rows);
            let known = seen.entry(entry.name.clone()).or_default();
            self.check_doubled_events(read.kind, &read.rows, known);
            known.extend(read.rows.iter().cloned());
            self.add_exposure(&mut all, &entry, read, span);
        }
        for exposure in &mut all {
            exposure.events.sort_by(|a, b| a.time_h.total_cmp(&b.time_h));
        }
        all
    }

    /// Adds an entry's events to those of the same name; only amounts and rates that end can be added up.
    fn add_exposure(&mut self, all: &mut Vec<Exposure>, entry: &Entry, read: Read, span: Span) {
        let events = read.rows.into_iter().map(|row| ExposureEvent {
            time_h: row.time_h,
            value: row.value,
            duration_h: row.duration_h,
            origin: row.place.origin(),
        });
        let (unknown, events): (Vec<_>, Vec<_>) = events.partition(|event| event.value.is_nan());
        let declared = read.declared.text().to_string();
        let Some(known) = all.iter_mut().find(|known| known.name == entry.name) else {
            let (name, kind, unit) = (entry.name.clone(), read.kind, read.unit);
            let usual = self.usual(entry.section, entry.term, &unit);
            let mut exposure = Exposure { name, kind, unit, events, unknown: Vec::new(), usual, declared };
            self.add_unknown(&mut exposure, unknown);
            all.push(exposure);
            return;
        };
        let adds_up = matches!(read.kind, ExposureKind::Bolus | ExposureKind::Rate);
        if known.kind != read.kind || known.unit != read.unit || !adds_up {
            let finding = Diagnostic::error("P2024", format!("`{}` is declared twice", entry.name));
            let finding = finding.at(&entry.section.file.source, span);
            self.findings.push(
                finding.help(
                    "one entry must hold it all; only amounts, or rates with a duration, of one unit are added up",
                ),
            );
            return;
        }
        known.events.extend(events);
        self.add_unknown(known, unknown);
        if !known.declared.split(", ").any(|unit| unit == declared) {
            known.declared = format!("{}, {declared}", known.declared);
        }
    }

    /// What the declared unit under a key means for a name (U1002 where it does not fit the vocabulary's).
    fn meaning(
        &mut self,
        term: Option<&Term>,
        key: &str,
        lasts: bool,
        declared: &Unit,
        place: &Place,
    ) -> Option<Meaning> {
        let kind = match key {
            "amount" => ExposureKind::Bolus,
            "rate" if lasts => ExposureKind::Rate,
            "rate" => ExposureKind::Held,
            _ => ExposureKind::Series,
        };
        let unit = term.map_or(declared, |term| &term.unit).clone();
        let equivalence = term.and_then(|term| term.equivalence.as_ref());
        let direct = term.map_or_else(|| Conversion::new(declared, &unit, None), |term| term.conversion(declared));
        if let Some(conversion) = direct {
            return Some(Meaning { kind, unit, conversion, times_duration: false });
        }
        if kind == ExposureKind::Rate
            && let Some(conversion) = Conversion::new(&declared.times(&self.hour), &unit, equivalence)
        {
            return Some(Meaning { kind: ExposureKind::Bolus, unit, conversion, times_duration: true });
        }
        let finding = term.map_or_else(|| mismatch(declared, &unit), |term| misfit(term, declared));
        let mut finding = finding.at_location(place.location());
        if Conversion::new(&declared.times(&self.hour), &unit, equivalence).is_some() {
            finding =
                finding.help("this name is measured as an amount: give `amount`, or a `duration` beside the rate");
        } else if Conversion::new(&declared.per(&self.hour), &unit, equivalence).is_some() {
            finding = finding.help("this name is measured as a rate: give `rate`");
        }
        self.findings.push(finding);
        None
    }

    /// The one of `amount`, `rate` and `value` that a section has (P2005, P2006).
    fn measure<'d>(&mut self, section: &Section<'d>) -> Option<(&'static str, Value<'d>)> {
        let mut present = ["amount", "rate", "value"]
            .into_iter()
            .filter_map(|key| Some((key, section.get(key)?)))
            .collect::<Vec<_>>();
        if let [(first, _), (second, value)] | [(first, _), (second, value), _] = present.as_slice() {
            let finding = Diagnostic::error("P2006", format!("`{first}` and `{second}` exclude each other"));
            self.findings.push(finding.at(&section.file.source, value.key_span));
            return None;
        }
        if present.is_empty() {
            self.findings.push(section.missing("amount", "amount = …, or `rate`, or `value` for a series"));
        }
        present.pop()
    }

    fn constant_rate(&mut self, entry: &Entry, rate: &Value) -> Option<Read> {
        let section = entry.section;
        for key in ["time", "amount", "value", "duration"] {
            if let Some(value) = section.get(key) {
                let message =
                    format!("`{key}` needs `file` or `events`; a `rate` alone holds from the start to the end");
                self.findings.push(Diagnostic::error("P2006", message).at(&section.file.source, value.key_span));
                return None;
            }
        }
        let given = self.given(section, rate, entry.term)?;
        let Content::Number(number, declared) = given.content else { return None };
        let meaning = self.meaning(entry.term, "rate", false, &declared, &given.place)?;
        let value = meaning.conversion.apply(number);
        self.check_sign("rate", value, &given.place);
        let row = Row {
            time_h: self.start_h,
            value,
            duration_h: 0.0,
            censoring: Censoring::None,
            time_place: given.place.clone(),
            place: given.place,
        };
        let rows = vec![row];
        self.check_exposure_range(entry, &meaning, &declared, &rows);
        Some(Read { kind: meaning.kind, unit: meaning.unit, declared, rows })
    }

    /// Only what is usual, of amounts that a source tells of without saying how much.
    fn usual_alone(&mut self, entry: &Entry) -> Option<Read> {
        let unit = self.unit_of_unknown(entry.section, &entry.name, entry.term, None)?;
        Some(Read { kind: ExposureKind::Bolus, unit: unit.clone(), declared: unit, rows: Vec::new() })
    }

    /// A table of times alone: how much was given is not known.
    fn unknown_of_table(&mut self, entry: &Entry) -> Option<Read> {
        let section = entry.section;
        let (table, time) = self.timed_table(section)?;
        let choice = self.choice(section, &table)?;
        let duration = self.duration(section, "amount", &table)?;
        let declared = self.unit_of_unknown(section, &entry.name, entry.term, None)?;
        let conversion = Conversion::new(&declared, &declared, None)?;
        let meaning = Meaning { kind: ExposureKind::Bolus, unit: declared.clone(), conversion, times_duration: false };
        let mut rows = Vec::new();
        for row in 0..table.rows() {
            if !self.chosen(&choice, &entry.name, &table, row) {
                continue;
            }
            let time_h = self.row_time(&entry.name, &table, row, &time);
            let duration_h = self.row_duration(entry, &duration, &table, row);
            let (Some(time_h), Some(duration_h)) = (time_h, duration_h) else { continue };
            let place = Self::cell_place(&table, row, time.index);
            rows.push(meaning.row(time_h, f64::NAN, duration_h, place.clone(), place));
        }
        Some(Read { kind: meaning.kind, unit: meaning.unit, declared, rows })
    }

    fn row_duration(&mut self, entry: &Entry, duration: &Duration, table: &Rc<Table>, row: usize) -> Option<f64> {
        match duration {
            Duration::None => Some(0.0),
            Duration::Constant(hours) => Some(*hours),
            Duration::Column(column, unit) => {
                let number = self.plain_number(&entry.name, table, row, column.index, "duration")?;
                let place = Self::cell_place(table, row, column.index);
                let hours = unit.convert(number, &self.hour).unwrap_or(f64::NAN);
                self.check_sign("duration", hours, &place).then_some(hours)
            }
        }
    }

    fn events_of_table(&mut self, entry: &Entry) -> Option<Read> {
        let section = entry.section;
        if self.all_unknown(section) {
            return self.unknown_of_table(entry);
        }
        let measure = self.measure(section);
        let timed = self.timed_table(section);
        let ((key, value), (table, time)) = (measure?, timed?);
        let column = self.column(section, key, &table)?;
        let example = entry.term.map_or("mg", |term| term.unit.text());
        let declared = self.unit_of(section, key, &column, example)?;
        let duration = self.duration(section, key, &table)?;
        let lasts = !matches!(duration, Duration::None);
        let meaning = self.meaning(entry.term, key, lasts, &declared, &section.place(value.span))?;
        let choice = self.choice(section, &table)?;
        let amounts = matches!(meaning.kind, ExposureKind::Bolus | ExposureKind::Rate);
        let mut rows = Vec::new();
        for row in 0..table.rows() {
            if !self.chosen(&choice, &entry.name, &table, row)
                || self.told_missing(&choice, &entry.name, &table, row, column.index)
            {
                continue;
            }
            let time_h = self.row_time(&entry.name, &table, row, &time);
            let place = Self::cell_place(&table, row, column.index);
            let number = match table.cell(row, column.index) {
                cell if amounts && is_unknown(cell) => Some(f64::NAN),
                _ => self.plain_number(&entry.name, &table, row, column.index, key),
            };
            let duration_h = self.row_duration(entry, &duration, &table, row);
            let (Some(time_h), Some(number), Some(duration_h)) = (time_h, number, duration_h) else { continue };
            let signed = meaning.kind == ExposureKind::Series || number.is_nan();
            if !(signed || self.check_sign(key, number, &place)) {
                continue;
            }
            if key == "rate" && lasts && duration_h == 0.0 {
                self.leave_out(&entry.name, NO_TIME, place.origin());
                continue;
            }
            let time_place = Self::cell_place(&table, row, time.index);
            rows.push(meaning.row(time_h, number, duration_h, time_place, place));
        }
        self.check_exposure_range(entry, &meaning, &declared, &rows);
        Some(Read { kind: meaning.kind, unit: meaning.unit, declared, rows })
    }

    /// A number that is not a bound; an empty cell leaves the event out.
    fn plain_number(&mut self, name: &str, table: &Rc<Table>, row: usize, column: usize, what: &str) -> Option<f64> {
        match self.number(table, row, column) {
            Cell::Number(number, Censoring::None) => return Some(number),
            Cell::Empty => {
                let why = format!("the cell of its {what} is empty");
                self.leave_out(name, &why, Self::cell_place(table, row, column).origin());
            }
            Cell::Number(..) | Cell::Beyond(_) => self.findings.row("P2013", &table.file.source.name, || {
                Diagnostic::error("P2013", format!("`{}` is not a number", table.cell(row, column)))
                    .at_location(table.location(row, column))
                    .help("what acts on the person is given as a number, or as `?` where an amount is not known")
            }),
            Cell::Wrong => {}
        }
        None
    }

    /// `duration = "15 min"` or `duration = "COLUMN [min]"`; the outer `None` where it cannot be read.
    fn duration(&mut self, section: &Section, key: &str, table: &Table) -> Option<Duration> {
        let Some(value) = section.get("duration") else { return Some(Duration::None) };
        let (text, span) = section.text("duration", &mut self.findings)?;
        if key == "value" {
            let finding = Diagnostic::error("P2006", "a series has no `duration`: its values hold between samples");
            self.findings.push(finding.at(&section.file.source, value.key_span));
            return None;
        }
        let (duration, unit) = match Quantity::parse(text) {
            Ok(quantity) => {
                let hours = quantity.unit.convert(quantity.value, &self.hour).unwrap_or(f64::NAN);
                (Duration::Constant(hours), quantity.unit)
            }
            Err(_) => {
                let column = self.column_of(section, text, span, table)?;
                let unit = self.unit_of(section, "duration", &column, "min")?;
                (Duration::Column(column, unit.clone()), unit)
            }
        };
        if !unit.is_time() {
            self.findings.push(mismatch(&unit, &self.hour).at(&section.file.source, span));
            return None;
        }
        match duration {
            Duration::Constant(hours) if !self.check_sign("duration", hours, &section.place(span)) => None,
            duration => Some(duration),
        }
    }

    fn events_in_place(&mut self, entry: &Entry) -> Option<Read> {
        let section = entry.section;
        for key in ["file", "time", "amount", "rate", "value", "duration", "unknown", "where", "missing"] {
            if let Some(value) = section.get(key) {
                let finding = Diagnostic::error("P2006", format!("`{key}` and `events` exclude each other"));
                let finding = finding.help("write it inside each event: { time = \"0 h\", amount = \"320 mg\" }");
                self.findings.push(finding.at(&section.file.source, value.key_span));
            }
        }
        let mut read: Option<(Read, Unit, Meaning)> = None;
        let events = section.sections("events", "this event", &mut self.findings);
        let amount = |event: &Section| event.get("amount").and_then(|amount| amount.get.as_str().map(String::from));
        let amounts: Vec<String> = events.iter().filter_map(amount).collect();
        let of_unknown = if amounts.iter().any(|amount| is_unknown(amount)) {
            let beside = amounts.iter().find_map(|amount| Quantity::parse(amount).ok()).map(|amount| amount.unit);
            Some(self.unit_of_unknown(section, &entry.name, entry.term, beside)?)
        } else {
            None
        };
        for event in events {
            event.only(&["time", "amount", "rate", "value", "duration"], &mut self.findings);
            if event.get("time").is_none() {
                self.findings.push(event.missing("time", "time = \"0 h\""));
            }
            let time_h = self.moment(&event, "time");
            let hour = self.hour.clone();
            let lasts = event.get("duration").is_some();
            let duration_h = if lasts { self.given_in(&event, "duration", &hour, None) } else { Some(0.0) };
            let measure = self.measure(&event);
            let given = measure.and_then(|(key, value)| {
                if key == "amount" && value.get.as_str().is_some_and(is_unknown) {
                    let content = Content::Number(f64::NAN, of_unknown.clone()?);
                    return Some(("amount", Given { content, place: event.place(value.span) }));
                }
                Some((key, self.given(&event, &value, entry.term)?))
            });
            let (Some(time_h), Some(duration_h), Some((key, given))) = (time_h, duration_h, given) else { continue };
            let Content::Number(number, from) = given.content else { continue };
            let Some(meaning) = self.meaning(entry.term, key, lasts, &from, &given.place) else { continue };
            let time_place = event.place(event.get("time").map_or(event.span(), |time| time.span));
            let signed = meaning.kind == ExposureKind::Series || number.is_nan();
            if !(signed || self.check_sign(key, number, &given.place))
                || !self.check_sign("duration", duration_h, &time_place)
            {
                continue;
            }
            if key == "rate" && lasts && duration_h == 0.0 {
                self.leave_out(&entry.name, NO_TIME, given.place.origin());
                continue;
            }
            let (read, ..) = read.get_or_insert_with(|| {
                let read =
                    Read { kind: meaning.kind, unit: meaning.unit.clone(), declared: from.clone(), rows: Vec::new() };
                (read, from, meaning.clone())
            });
            let same_unit = Conversion::new(&meaning.unit, &read.unit, None);
            let (Some(same_unit), true) = (same_unit, read.kind == meaning.kind) else {
                let finding = Diagnostic::error("P2006", "the events of one entry must be of one kind and measure");
                let finding = finding.at(&event.file.source, event.span());
                self.findings.push(finding.help("all amounts, all rates with a duration, or all rates that hold"));
                continue;
            };
            let mut row = meaning.row(time_h, number, duration_h, time_place, given.place);
            row.value = same_unit.apply(row.value);
            read.rows.push(row);
        }
        let (read, declared, meaning) = read?;
        self.check_exposure_range(entry, &meaning, &declared, &read.rows);
        Some(read)
    }

    fn check_exposure_range(&mut self, entry: &Entry, meaning: &Meaning, declared: &Unit, rows: &[Row]) {
        let Some(term) = entry.term else { return };
        let known = rows.iter().filter(|row| !row.value.is_nan());
        let values: Vec<(f64, &Place)> = known.map(|row| (row.value, &row.place)).collect();
        if meaning.times_duration {
            // The amounts have no declared unit of their own: they are judged, and shown, in the vocabulary's.
            if let Some(same) = Conversion::new(&term.unit, &term.unit, None) {
                self.check_range(term, &term.unit, &same, &values);
            }
        } else {
            self.check_range(term, declared, &meaning.conversion, &values);
        }
    }
}

impl Meaning {
    fn row(&self, time_h: f64, number: f64, duration_h: f64, time_place: Place, place: Place) -> Row {
        let given = if self.times_duration { number * duration_h } else { number };
        let value = self.conversion.apply(given);
        Row { time_h, value, duration_h, censoring: Censoring::None, time_place, place }
    }
}
