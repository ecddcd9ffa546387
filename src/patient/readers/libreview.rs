//! LibreView's CSV, in any language: record types and columns by their place, the order of day and month from the file.

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
    let sensor_unit = unit_of(&table.header[HISTORIC]).unwrap_or("");
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
        let mut give = |code: &str, shape: Shape, told: Told, device: Option<&str>, limits| {
            intake.item(&Item {
                system: "libreview",
                code,
                shape,
                told,
                when: When::Local(time),
                device: device.filter(|device| !device.is_empty()),
                limits,
                spot,
            });
        };
        let record = cell(TYPE);
        let column = match record {
            "0" => HISTORIC,
            "1" => SCAN,
            "2" => STRIP,
            "3" => BLOOD,
            "4" | "5" => {
                if !amounts(record, &cell, &mut give) {
                    intake.wrong(spot, "the amount is no number", "delete this row, or mend it");
                }
                return;
            }
            other => {
                intake.leave_out(&format!("record type {other}"), "a note or mark, without a value", spot);
                return;
            }
        };
        let unit = table.header.get(column).and_then(|title| unit_of(title)).unwrap_or(sensor_unit);
        let (low, high, least_high) = limits(record, unit);
        let (value, censoring) = match reading(cell(column)) {
            Cell::Number(value) if (high..=high / NEAR).contains(&value) => (high, Censoring::Above),
            Cell::Number(value) if low > 0.0 && (NEAR * low..=low).contains(&value) => (low, Censoring::Below),
            Cell::Number(value) => (value, Censoring::None),
            Cell::Beyond(Censoring::Below, limit) => (limit.unwrap_or(low), Censoring::Below),
            Cell::Beyond(censoring, limit) => (limit.unwrap_or(least_high), censoring),
            Cell::Empty => {
                intake.leave_out(record, "its reading is empty", spot);
                return;
            }
            Cell::Wrong => {
                intake.wrong(
                    spot,
                    "the reading is no number, and no word for low or high",
                    "delete this row, or mend it",
                );
                return;
            }
        };
        // A scan shows what the sensor reads now, the history what it made of it: they err differently.
        let scan = format!("{} scan", cell(DEVICE));
        let device = if record == "1" { scan.trim() } else { cell(DEVICE) };
        let told = Told::Number { value, unit, censoring, sd: None };
        let least = Some(low).filter(|low| *low > 0.0);
        give(record, Shape::Sample, told, Some(device), (least, Some(high)));
    });
    intake.warms_up(input.section, "libreview", "0", 1.0);
}

/// Hands over the amounts of a row; whether all were numbers.
fn amounts<'c>(
    record: &str,
    cell: &impl Fn(usize) -> &'c str,
    give: &mut impl FnMut(&str, Shape, Told, Option<&str>, (Option<f64>, Option<f64>)),
) -> bool {
    let shape = Shape::Amount { duration_h: 0.0 };
    let exact = |value, unit| Told::Number { value, unit, censoring: Censoring::None, sd: None };
    let mut fine = true;
    for (_, column, given, unit, code) in AMOUNTS.into_iter().filter(|(of, ..)| *of == record) {
        let parts: Vec<Option<f64>> =
            PARTS.iter().map(|at| cell(*at)).filter(|text| !text.is_empty()).map(number).collect();
        match (cell(column), given.map(cell)) {
            ("", _) if code == "4 rapid" && !parts.is_empty() => match parts.into_iter().sum::<Option<f64>>() {
                Some(sum) => give(code, shape, exact(sum, unit), None, (None, None)),
                None => fine = false,
            },
            ("", Some(mark)) if !mark.is_empty() => give(code, shape, Told::Unknown, None, (None, None)),
            ("", _) => {}
            (text, _) => match number(text) {
                Some(value) => give(code, shape, exact(value, unit), None, (None, None)),
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
