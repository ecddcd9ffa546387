//! Nightscout's JSON: entries of sensors and meters, treatments, and through them the rate that a pump gave.

use jiff::Timestamp;
use serde_json::Value as Json;

use super::super::Censoring;
use super::super::intake::Intake;
use super::fields::fields;
use super::schedule::{self, Temporary};
use super::{Format, Head, Input, Item, Shape, Spot, Told, When};

pub(super) const FORMAT: Format = Format {
    name: "nightscout",
    about: "Nightscout entries or treatments JSON",
    keys: &["profile", "warmup", "gap"],
    recognises,
    read,
};

/// Whole numbers up to this one are codes of a sensor's state.
const STATES: f64 = 12.0;
/// What stands for a sensor's words "low" and "high", and the limits that these mean [mg/dL].
const LOW: ([f64; 2], f64) = ([38.0, 39.0], 40.0);
const HIGH: (f64, f64) = (401.0, 400.0);
/// A sensor's noise, as Nightscout counts it, from which on a value is not to be relied on.
const HEAVY: i64 = 4;

fn recognises(head: &Head) -> bool {
    let text = head.text();
    let known = ["\"sgv\"", "\"mbg\"", "\"eventType\""].iter().any(|key| text.contains(key));
    text.trim_start().starts_with('[') && known
}

fn read(intake: &mut Intake, input: &Input) {
    let Some(json) = intake.json(input) else { return };
    let Some(list) = json.as_array() else {
        return intake.wrong(Spot::Whole, "this is no list of records", "export entries or treatments as they are");
    };
    let (mut temporary, mut switches, mut last) = (Vec::new(), Vec::new(), None::<Timestamp>);
    for (index, record) in list.iter().enumerate() {
        let path = format!("/{index}");
        let spot = Spot::Path(&path);
        if record.get("store").is_some() && record.get("eventType").is_none() {
            let why = "it says what a pump is set to: name its file under `profile` of the treatments";
            intake.leave_out("profile", why, spot);
            continue;
        }
        if record.get("isValid").and_then(Json::as_bool) == Some(false) {
            intake.leave_out("record", "it is marked as deleted", spot);
            continue;
        }
        let Some(time) = time_of(record) else {
            intake.wrong(
                spot,
                "there is no time in `date`, `mills`, `created_at` or `dateString`",
                "delete this record, or mend it",
            );
            continue;
        };
        let when = match time {
            Time::At(instant) => {
                last = last.max(Some(instant));
                When::Instant(instant)
            }
            Time::Local(local) => When::Local(local),
        };
        let event = record.get("eventType").and_then(Json::as_str);
        if let Some(event) = event {
            if let (Time::At(instant), "Temp Basal") = (time, event) {
                temporary.push(Temporary::of(record, instant, index));
            } else if let (Time::At(instant), "Profile Switch") = (time, event) {
                switches.push((instant, index));
            } else {
                treatment(intake, record, event, when, spot);
            }
        } else {
            entry(intake, record, when, spot);
        }
    }
    intake.warms_up(input.section, "nightscout", "sgv", 1.0);
    schedule::rates(intake, input, list, temporary, &switches, last);
}

#[derive(Clone, Copy)]
enum Time {
    At(Timestamp),
    Local(jiff::civil::DateTime),
}

/// The time of a record: milliseconds, or a text with an offset, or a local one.
fn time_of(record: &Json) -> Option<Time> {
    let millis = ["date", "mills"].iter().find_map(|key| record.get(*key)?.as_f64());
    if let Some(millis) = millis.filter(|millis| millis.abs() < 1e15) {
        return Timestamp::from_millisecond(millis as i64).ok().map(Time::At);
    }
    let texts =
        ["created_at", "timestamp", "dateString", "sysTime"].iter().filter_map(|key| record.get(*key)?.as_str());
    texts.into_iter().find_map(|text| {
        let at = text.parse::<Timestamp>().ok().map(Time::At);
        at.or_else(|| Some(Time::Local(crate::units::local(text)?)))
    })
}

/// A number, also one that is written as a text.
pub(super) fn numeric(value: &Json) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|number: &f64| number.is_finite())
}

fn entry(intake: &mut Intake, record: &Json, when: When, spot: Spot) {
    let kind = record.get("type").and_then(Json::as_str).unwrap_or("sgv");
    let Some(code) = ["sgv", "mbg"].into_iter().find(|code| *code == kind) else {
        return intake.leave_out(kind, "an entry without a value of the person", spot);
    };
    let Some(value) = record.get(code).and_then(numeric) else {
        return intake.wrong(spot, &format!("`{code}` is no number"), "delete this record, or mend it");
    };
    let (mut limits, mut told) = ((None, None), (value, Censoring::None));
    if code == "sgv" {
        if value <= STATES && value.fract() == 0.0 {
            return intake.leave_out(code, "a code of the sensor's state, no value", spot);
        }
        if record.get("noise").and_then(Json::as_i64).is_some_and(|noise| noise >= HEAVY) {
            return intake.leave_out(code, "the sensor calls its noise heavy", spot);
        }
        limits = (Some(LOW.1), None);
        if LOW.0.contains(&value) {
            told = (LOW.1, Censoring::Below);
        } else if value == HIGH.0 {
            told = (HIGH.1, Censoring::Above);
        }
    }
    intake.item(&Item {
        system: "nightscout",
        code,
        shape: Shape::Sample,
        told: Told::Number { value: told.0, unit: "mg/dL", censoring: told.1, sd: None },
        when,
        device: record.get("device").and_then(Json::as_str).filter(|device| !device.is_empty()),
        limits,
        spot,
    });
}

fn treatment(intake: &mut Intake, record: &Json, event: &str, when: When, spot: Spot) {
    let minutes = record.get("duration").and_then(numeric);
    let millis = record.get("durationInMilliseconds").and_then(numeric);
    let duration_h = millis.map(|millis| millis / 3.6e6).or(minutes.map(|minutes| minutes / 60.0)).unwrap_or(0.0);
    if !(0.0..=24.0).contains(&duration_h) {
        return intake.wrong(spot, "`duration` is not between nothing and a day", "delete this record, or mend it");
    }
    let mut taken = false;
    for (field, unit) in fields("nightscout") {
        let Some(written) = record.get(field).filter(|value| !value.is_null() && **value != *"") else { continue };
        let Some(value) = numeric(written) else {
            intake.wrong(spot, &format!("`{field}` is no number"), "delete this record, or mend it");
            taken = true;
            continue;
        };
        let (shape, unit) = match unit {
            // What a sensor read stands among the entries, too.
            "" if record.get(format!("{field}Type")).and_then(Json::as_str) != Some("Finger") => continue,
            "" => {
                let units = record.get("units").and_then(Json::as_str).unwrap_or("").to_lowercase();
                (Shape::Sample, if units.starts_with("mmol") { "mmol/L" } else { "mg/dL" })
            }
            _ if value == 0.0 => continue,
            "[iU]/h" => (Shape::Rate { duration_h: Some(duration_h) }, unit),
            "g" => (Shape::Amount { duration_h }, unit),
            _ => (Shape::Amount { duration_h: 0.0 }, unit),
        };
        taken = true;
        intake.item(&Item {
            system: "nightscout",
            code: field,
            shape,
            told: Told::Number { value, unit, censoring: Censoring::None, sd: None },
            when,
            device: record.get("enteredBy").and_then(Json::as_str).filter(|device| !device.is_empty()),
            limits: (None, None),
            spot,
        });
    }
    if !taken {
        let told = Told::Unknown;
        let (device, limits) = (None, (None, None));
        let shape = Shape::Amount { duration_h };
        intake.item(&Item { system: "nightscout", code: event, shape, told, when, device, limits, spot });
    }
}
