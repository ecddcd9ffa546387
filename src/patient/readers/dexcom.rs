//! Dexcom Clarity's CSV, in any language: its columns are told by their place and units, events by their type.

use std::collections::HashMap;

use super::super::Censoring;
use super::super::intake::Intake;
use super::dates::Order;
use super::rows::{Cell, Rows, clock_hours, number, reading, unit_of};
use super::{Format, Head, Input, Item, Shape, Spot, Told, When};

pub(super) const FORMAT: Format =
    Format { name: "dexcom", about: "Dexcom Clarity CSV", keys: &["warmup", "gap"], recognises, read };

/// Places of the columns, which have them in every language: time, type, subtype, device, its own id; the three values
/// and the duration.
const TIME: usize = 1;
const TYPE: usize = 2;
const SUBTYPE: usize = 3;
const DEVICE: usize = 5;
const SOURCE: usize = 6;
const READING: usize = 7;
const UNITS: usize = 8;
const GRAMS: usize = 9;
const DURATION: usize = 10;

/// Least and greatest value that the sensors tell: 40 and 400 mg/dL, shown as 2.2 and 22.2 mmol/L.
fn limits(unit: &str) -> (f64, f64) {
    if unit == "mg/dL" { (40.0, 400.0) } else { (2.2, 22.2) }
}

/// The type of what a sensor reads, in English, and how many rows make another word the same.
const SENSOR: &str = "EGV";
const MANY: usize = 12;

/// What is farther beyond a limit than this is no reading: its unit may be another.
const NEAR: f64 = 0.9;

/// The clock in the titles of time and duration is written alike in all languages.
fn is_header(cells: &[String]) -> bool {
    let clock = |at: usize| cells.get(at).is_some_and(|cell| cell.to_lowercase().contains("hh:mm:ss"));
    clock(TIME) && clock(DURATION) && cells.get(READING).is_some_and(|title| unit_of(title).is_some())
}

fn recognises(head: &Head) -> bool {
    Rows::find(&head.text(), is_header).is_some()
}

fn read(intake: &mut Intake, input: &Input) {
    let Some(file) = intake.text(input) else { return };
    let found = Rows::find(&file.source.text, is_header);
    let Some((table, unit)) = found.and_then(|table| unit_of(&table.header[READING]).map(|unit| (table, unit))) else {
        let help = "export it again from Clarity as CSV; its titles name the unit mg/dL or mmol/L";
        return intake.wrong(Spot::Whole, "no line has the columns of a Clarity export", help);
    };
    for line in &table.open {
        intake.wrong(Spot::Line(*line), "a quotation mark that opens here is not closed", "export the file again");
    }
    let mut device: Option<String> = None;
    let mut counts: HashMap<String, usize> = HashMap::new();
    table.each(|_, row| {
        let cell = |at: usize| row.get(at).unwrap_or("");
        if device.is_none() && cell(TIME).is_empty() && !cell(DEVICE).is_empty() {
            device = Some(cell(DEVICE).into());
        }
        if !cell(TIME).is_empty() && !cell(READING).is_empty() {
            match counts.get_mut(cell(TYPE)) {
                Some(count) => *count += 1,
                None => drop(counts.insert(cell(TYPE).into(), 1)),
            }
        }
    });
    // What the sensor tells is by far the most; a calibration or an alert tells a value, too.
    let readings = counts.values().copied().max().unwrap_or(0);
    let sensor = counts.iter().max_by_key(|(name, count)| (**count, *name)).map(|(name, _)| name.clone());
    let sensor = sensor.unwrap_or_default();
    table.each(|line, row| {
        let cell = |at: usize| row.get(at).unwrap_or("");
        let spot = Spot::Line(line);
        if row.iter().all(str::is_empty) {
            return;
        }
        if row.len() <= DURATION {
            let message = format!("this row has {} fields, the header {}", row.len(), table.header.len());
            intake.wrong(spot, &message, "was the file cut short? Export it again, or delete the row");
            return;
        }
        if cell(TIME).is_empty() {
            intake.leave_out(cell(TYPE), "it has no time: it is about the person or the device's settings", spot);
            return;
        }
        let Some(time) = Order::Ymd.stamp(cell(TIME)) else {
            intake.wrong(spot, "the time is not of the form 2024-01-31T08:15:00", "delete this row, or mend it");
            return;
        };
        let code = match cell(SUBTYPE) {
            "" => cell(TYPE).to_string(),
            subtype => format!("{}/{subtype}", cell(TYPE)),
        };
        let is_sensor = cell(TYPE) == sensor;
        // In a language whose words are not known, the columns tell what the sensor read and what is in grams.
        let foreign = intake.name_of("dexcom", &code).is_none() && !intake.now.ignored.contains(&code);
        let code = match (is_sensor, cell(GRAMS)) {
            (true, _) if foreign && readings >= MANY => SENSOR.to_string(),
            (false, grams) if foreign && !grams.is_empty() && cell(READING).is_empty() => "grams".to_string(),
            _ => code,
        };
        let (low, high) = limits(unit);
        let amount = [(UNITS, "[iU]"), (GRAMS, "g")].into_iter().find(|(at, _)| !cell(*at).is_empty());
        let duration_h = clock_hours(cell(DURATION)).unwrap_or(0.0);
        let (shape, told) = match (reading(cell(READING)), amount) {
            (Cell::Number(value), _) => {
                let (value, censoring) = match value {
                    value if is_sensor && (NEAR * low..=low).contains(&value) => (low, Censoring::Below),
                    value if is_sensor && (high..=high / NEAR).contains(&value) => (high, Censoring::Above),
                    value => (value, Censoring::None),
                };
                (Shape::Sample, Told::Number { value, unit, censoring, sd: None })
            }
            (Cell::Beyond(censoring, limit), _) => {
                let own = if censoring == Censoring::Below { low } else { high };
                (Shape::Sample, Told::Number { value: limit.unwrap_or(own), unit, censoring, sd: None })
            }
            (Cell::Wrong, _) => {
                intake.wrong(
                    spot,
                    "the reading is no number, and no word for low or high",
                    "delete this row, or mend it",
                );
                return;
            }
            (Cell::Empty, Some((at, unit))) => match number(cell(at)) {
                Some(value) => {
                    let told = Told::Number { value, unit, censoring: Censoring::None, sd: None };
                    (Shape::Amount { duration_h: 0.0 }, told)
                }
                None => {
                    intake.wrong(spot, "the amount is no number", "delete this row, or mend it");
                    return;
                }
            },
            (Cell::Empty, None) => (Shape::Amount { duration_h }, Told::Unknown),
        };
        intake.item(&Item {
            system: "dexcom",
            code: &code,
            shape,
            told,
            when: When::Local(time),
            device: device.as_deref().or(Some(cell(SOURCE)).filter(|source| !source.is_empty())),
            limits: if is_sensor { (Some(low), Some(high)) } else { (None, None) },
            spot,
        });
    });
    for code in [SENSOR, sensor.as_str()] {
        intake.warms_up(input.section, "dexcom", code, 1.0);
    }
}
