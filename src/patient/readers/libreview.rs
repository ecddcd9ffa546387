//! LibreView's CSV, in any language: record types and columns by their place, the order of day and month from the file.

use std::collections::HashMap;

use jiff::SignedDuration;
use jiff::civil::DateTime;

use super::super::Censoring;
use super::super::intake::Intake;
use super::dates::{Order, Stamps};
use super::rows::{Cell, Rows, number, reading, unit_of};
use super::{Format, Head, Input, Item, Shape, Spot, Told, When};

pub(super) const FORMAT: Format =
    Format { name: "libreview", about: "LibreView CSV", keys: &["date_order", "warmup", "gap"], recognises, read };

/// Places of the columns, which have them in every language.
const DEVICE: usize = 0;
const TIME: usize = 2;
const TYPE: usize = 3;
const HISTORIC: usize = 4;
const SCAN: usize = 5;
const STRIP: usize = 14;
const BLOOD: usize = 15;

/// Where the readings of a record type stand.
const COLUMNS: [(&str, usize); 4] = [("0", HISTORIC), ("1", SCAN), ("2", STRIP), ("3", BLOOD)];
/// A scan so near to a reading of the history says nothing new: half of the history's interval.
const WITHIN: SignedDuration = SignedDuration::from_secs(450);

/// Amounts: record type, column, the column that says "given" without a number, unit and code.
const AMOUNTS: [(&str, usize, Option<usize>, &str, &str); 4] = [
    ("4", 7, Some(6), "[iU]", "4 rapid"),
    ("4", 12, Some(11), "[iU]", "4 long"),
    ("5", 9, Some(8), "g", "5 grams"),
    ("5", 10, None, "1", "5 portions"),
];
/// What a dose calculator proposed for food, for correction, and what the person changed: together one rapid dose.
const PARTS: [usize; 3] = [16, 17, 18];

/// What is farther beyond a limit than this is no reading: its unit may be another.
const NEAR: f64 = 0.9;

fn is_header(cells: &[String]) -> bool {
    let unit = |at: usize| cells.get(at).and_then(|title| unit_of(title));
    unit(HISTORIC).is_some() && unit(SCAN) == unit(HISTORIC) && cells.len() > 8
}

fn recognises(head: &Head) -> bool {
    Rows::find(&head.text(), is_header).is_some()
}

/// Least and greatest value that a sensor or strip tells, and the least that "high" can mean.
fn limits(record: &str, unit: &str) -> (f64, f64, f64) {
    match (record, unit) {
        ("2", "mg/dL") => (20.0, 500.0, 500.0),
        ("2", _) => (1.1, 27.8, 27.8),
        ("3", _) => (0.0, 8.0, 8.0),
        // Some sensors end at 400, some at 500 mg/dL, which is 27.75 mmol/L and shown as 27.8.
        (_, "mg/dL") => (40.0, 500.0, 400.0),
        _ => (2.2, 27.7, 22.2),
    }
}

fn read(intake: &mut Intake, input: &Input) {
    let Some(file) = intake.text(input) else { return };
    let Some(table) = Rows::find(&file.source.text, is_header) else {
        let help = "export it again from LibreView; its titles name the unit mg/dL or mmol/L";
        return intake.wrong(Spot::Whole, "no line has the columns of a LibreView export", help);
    };
    for line in &table.open {
        intake.wrong(Spot::Line(*line), "a quotation mark that opens here is not closed", "export the file again");
    }
    let Some(order) = order(intake, input, &table) else { return };
    // Under one name they are one sensor's, and told once; whoever wants scans by themselves gives them another.
    let history_name = intake.name_of("libreview", "0");
    let joined = history_name.is_some() && intake.name_of("libreview", "1") == history_name;
    let Sensors { falling, scans, told } = if joined { Sensors::of(&table, order) } else { Sensors::default() };
    for line in told {
        intake.leave_out("scan", "the history of the same sensor tells it, within 7.5 min", Spot::Line(line));
    }
    let mut scans = scans.iter().peekable();
    table.each(|line, row| {
        let cell = |at: usize| row.get(at).unwrap_or("");
        let spot = Spot::Line(line);
        if row.iter().all(str::is_empty) {
            return;
        }
        if row.len() <= SCAN {
            let message = format!("this row has {} fields, the header {}", row.len(), table.header.len());
            intake.wrong(spot, &message, "was the file cut short? Export it again, or delete the row");
            return;
        }
        let Some(time) = order.stamp(cell(TIME)) else {
            let help = "delete this row, or mend it; is the order of day and month another? Then say date_order";
            intake.wrong(spot, &format!("`{}` is no time in the file's order of day and month", cell(TIME)), help);
            return;
        };
        match (cell(TYPE), COLUMNS.iter().find(|(record, _)| *record == cell(TYPE))) {
            ("1", _) if joined => {}
            (record, Some((_, column))) => {
                // In the order of the history, so that times that go back tell of a clock.
                let due = |scan: &&Scan| if falling { scan.time > time } else { scan.time < time };
                while let Some(scan) = scans.next_if(|scan| record == "0" && due(scan)) {
                    measured(intake, &table, "1", scan);
                }
                let (device, text) = (cell(DEVICE).into(), cell(*column).into());
                measured(intake, &table, record, &Scan { time, line, device, text });
            }
            (record @ ("4" | "5"), _) => {
                let mut give = |code: &str, told: Told| {
                    let (shape, device, limits) = (Shape::Amount { duration_h: 0.0 }, None, (None, None));
                    let when = When::Local(time);
                    intake.item(&Item { system: "libreview", code, shape, told, when, device, limits, spot });
                };
                if !amounts(record, &cell, &mut give) {
                    intake.wrong(spot, "the amount is no number", "delete this row, or mend it");
                }
            }
            (other, _) => {
                intake.leave_out(&format!("record type {other}"), "a note or mark, without a value", spot);
            }
        }
    });
    scans.for_each(|scan| measured(intake, &table, "1", scan));
    intake.warms_up(input.section, "libreview", "0", 1.0);
}

/// One reading of a row.
struct Scan {
    time: DateTime,
    line: usize,
    device: String,
    text: String,
}

/// What a file says of sensors that have a history of readings and are scanned as well.
#[derive(Default)]
struct Sensors {
    /// Whether the file begins with what is newest.
    falling: bool,
    /// Scans where the history has nothing, in the order of the history.
    scans: Vec<Scan>,
    /// Lines of scans that the history tells.
    told: Vec<usize>,
}

impl Sensors {
    /// The history is what the sensor made of its readings every quarter of an hour, a scan what it read at that moment: they are of one
    /// sensor, and within half of such an interval of one another of the same readings.
    fn of(table: &Rows, order: Order) -> Self {
        let mut history: HashMap<String, Vec<DateTime>> = HashMap::new();
        let (mut all, mut first, mut last) = (Vec::new(), None, None);
        table.each(|line, row| {
            let cell = |at: usize| row.get(at).unwrap_or("");
            let Some(time) = order.stamp(cell(TIME)).filter(|_| row.len() > SCAN) else { return };
            match cell(TYPE) {
                "0" if !matches!(reading(cell(HISTORIC)), Cell::Empty | Cell::Wrong) => {
                    history.entry(cell(DEVICE).into()).or_default().push(time);
                    first.get_or_insert(time);
                    last = Some(time);
                }
                "1" => all.push(Scan { time, line, device: cell(DEVICE).into(), text: cell(SCAN).into() }),
                _ => {}
            }
        });
        history.values_mut().for_each(|times| times.sort_unstable());
        let near = |time: DateTime, other: &DateTime| time.duration_since(*other).abs() <= WITHIN;
        let (told, mut scans): (Vec<Scan>, Vec<Scan>) = all.into_iter().partition(|scan| {
            let times = history.get(&scan.device).map_or(&[][..], Vec::as_slice);
            let after = times.partition_point(|time| *time < scan.time);
            times[after.saturating_sub(1)..].iter().take(2).any(|time| near(scan.time, time))
        });
        let falling = first > last;
        scans.sort_by_key(|scan| scan.time);
        if falling {
            scans.reverse();
        }
        Self { falling, scans, told: told.into_iter().map(|scan| scan.line).collect() }
    }
}

/// Hands over one reading of a sensor or strip.
fn measured(intake: &mut Intake, table: &Rows, record: &str, scan: &Scan) {
    let unit_at = |column: usize| table.header.get(column).and_then(|title| unit_of(title));
    let column = COLUMNS.iter().find(|(of, _)| *of == record).map_or(HISTORIC, |(_, column)| *column);
    let unit = unit_at(column).or(unit_at(HISTORIC)).unwrap_or("");
    let (low, high, least_high) = limits(record, unit);
    let spot = Spot::Line(scan.line);
    let (value, censoring) = match reading(&scan.text) {
        Cell::Number(value) if (high..=high / NEAR).contains(&value) => (high, Censoring::Above),
        Cell::Number(value) if low > 0.0 && (NEAR * low..=low).contains(&value) => (low, Censoring::Below),
        Cell::Number(value) => (value, Censoring::None),
        Cell::Beyond(Censoring::Below, limit) => (limit.unwrap_or(low), Censoring::Below),
        Cell::Beyond(censoring, limit) => (limit.unwrap_or(least_high), censoring),
        Cell::Empty => return intake.leave_out(record, "its reading is empty", spot),
        Cell::Wrong => {
            let help = "delete this row, or mend it";
            return intake.wrong(spot, "the reading is no number, and no word for low or high", help);
        }
    };
    intake.item(&Item {
        system: "libreview",
        code: record,
        shape: Shape::Sample,
        told: Told::Number { value, unit, censoring, sd: None },
        when: When::Local(scan.time),
        device: Some(scan.device.as_str()).filter(|device| !device.is_empty()),
        limits: (Some(low).filter(|low| *low > 0.0), Some(high)),
        spot,
    });
}

/// Hands over the amounts of a row; whether all were numbers.
fn amounts<'c>(record: &str, cell: &impl Fn(usize) -> &'c str, give: &mut impl FnMut(&str, Told)) -> bool {
    let exact = |value, unit| Told::Number { value, unit, censoring: Censoring::None, sd: None };
    let mut fine = true;
    for (_, column, given, unit, code) in AMOUNTS.into_iter().filter(|(of, ..)| *of == record) {
        let parts: Vec<Option<f64>> =
            PARTS.iter().map(|at| cell(*at)).filter(|text| !text.is_empty()).map(number).collect();
        match (cell(column), given.map(cell)) {
            ("", _) if code == "4 rapid" && !parts.is_empty() => match parts.into_iter().sum::<Option<f64>>() {
                Some(sum) => give(code, exact(sum, unit)),
                None => fine = false,
            },
            ("", Some(mark)) if !mark.is_empty() => give(code, Told::Unknown),
            ("", _) => {}
            (text, _) => match number(text) {
                Some(value) => give(code, exact(value, unit)),
                None => fine = false,
            },
        }
    }
    fine
}

/// The order of day and month of the whole file.
fn order(intake: &mut Intake, input: &Input, table: &Rows) -> Option<Order> {
    let mut stamps = Stamps::default();
    table.each(|line, row| stamps.add(row.get(TIME).unwrap_or(""), line));
    let made = table.preamble.iter().flatten().find(|cell| Order::Dmy.stamp(cell).or(Order::Mdy.stamp(cell)).is_some());
    stamps.order(intake, input, made.map(String::as_str))
}
