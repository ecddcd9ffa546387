//! Tidepool's JSON: one list of records of many types, times in UTC, durations in milliseconds.

use jiff::Timestamp;
use serde_json::Value as Json;

use super::super::Censoring;
use super::super::intake::Intake;
use super::fields::fields;
use super::nightscout::numeric;
use super::{Format, Head, Input, Item, Shape, Spot, Told, When};

pub(super) const FORMAT: Format =
    Format { name: "tidepool", about: "Tidepool JSON", keys: &["warmup", "gap"], recognises, read };

/// Types of record by which a file is recognised.
const TYPES: [&str; 6] = ["cbg", "smbg", "bolus", "basal", "wizard", "pumpSettings"];

fn recognises(head: &Head) -> bool {
    let text: String = head.text().chars().filter(|letter| !letter.is_whitespace()).collect();
    text.starts_with('[') && TYPES.iter().any(|kind| text.contains(&format!("\"type\":\"{kind}\"")))
}

fn read(intake: &mut Intake, input: &Input) {
    let Some(json) = intake.json(input) else { return };
    let Some(list) = json.as_array() else {
        return intake.wrong(Spot::Whole, "this is no list of records", "is it the JSON that Tidepool exported?");
    };
    let fields = fields("tidepool");
    for (index, record) in list.iter().enumerate() {
        let path = format!("/{index}");
        let spot = Spot::Path(&path);
        let Some(kind) = record.get("type").and_then(Json::as_str) else {
            intake.wrong(spot, "the record has no `type`", "delete this record, or mend it");
            continue;
        };
        let mut of_kind = fields.iter().filter(|(field, _)| field.split('/').next() == Some(kind)).peekable();
        if of_kind.peek().is_none() {
            intake.leave_out(kind, "a type of record without a value of the person", spot);
            continue;
        }
        let Some(when) = time_of(record) else {
            intake.wrong(spot, "`time` is no time", "delete this record, or mend it");
            continue;
        };
        let mut taken = false;
        for (field, unit) in of_kind {
            taken |= value(intake, record, field, unit, when, spot);
        }
        if !taken {
            intake.leave_out(kind, "its record has no value", spot);
        }
    }
    intake.warms_up(input.section, "tidepool", "cbg/value", 1.0);
}

fn time_of(record: &Json) -> Option<When> {
    let text = record.get("time").or_else(|| record.get("deviceTime"))?.as_str()?;
    let at = text.parse::<Timestamp>().ok().map(When::Instant);
    at.or_else(|| Some(When::Local(crate::units::local(text)?)))
}

/// Hands over one field of a record; whether it is there.
fn value(intake: &mut Intake, record: &Json, field: &str, unit: &str, when: When, spot: Spot) -> bool {
    let inner = field.split_once('/').map_or("", |(_, inner)| inner);
    let written = record.pointer(&format!("/{inner}")).filter(|value| !value.is_null());
    let hours = |key: &str| record.get(key).and_then(numeric).map(|millis| millis / 3.6e6);
    let delivery = record.get("deliveryType").and_then(Json::as_str);
    let number = match (written, delivery) {
        (Some(written), _) => match numeric(written) {
            Some(number) => number,
            None => {
                intake.wrong(spot, &format!("`{inner}` is no number"), "delete this record, or mend it");
                return true;
            }
        },
        // A pump that is suspended gives nothing; a temporary rate may be told as a share of the one it suppresses.
        (None, Some("suspend")) => 0.0,
        (None, Some("temp")) => {
            let share = record.get("percent").and_then(numeric);
            let suppressed = record.pointer("/suppressed/rate").and_then(numeric);
            let Some((share, rate)) = share.zip(suppressed) else { return false };
            share * rate
        }
        (None, _) => return false,
    };
    let units = record.get("units").and_then(Json::as_str).unwrap_or("mmol/L");
    let carried = record.get("carbUnits").and_then(Json::as_str);
    if unit == "g" && carried.is_some_and(|carried| carried != "grams") {
        intake.leave_out(field, "it is told in exchanges, not in grams", spot);
        return true;
    }
    let acting = record.pointer("/formulation/simple/actingType").and_then(Json::as_str);
    let code = acting.map_or_else(|| field.to_string(), |acting| format!("{field}/{acting}"));
    let (shape, unit) = match unit {
        "" if units.eq_ignore_ascii_case("mg/dL") => (Shape::Sample, "mg/dL"),
        "" => (Shape::Sample, "mmol/L"),
        "[iU]/h" => match hours("duration") {
            Some(duration) if duration > 0.0 => (Shape::Rate { duration_h: Some(duration) }, unit),
            _ => {
                intake.leave_out(field, "a rate whose duration is not told", spot);
                return true;
            }
        },
        _ if inner == "extended" => (Shape::Amount { duration_h: hours("duration").unwrap_or(0.0) }, unit),
        _ => (Shape::Amount { duration_h: 0.0 }, unit),
    };
    if number == 0.0 && matches!(shape, Shape::Amount { .. }) {
        return true;
    }
    let (mut told, mut in_unit, mut censoring) = (number, unit, Censoring::None);
    if let (Shape::Sample, Some((side, threshold))) = (shape, out_of_range(record)) {
        censoring = side;
        // Thresholds are told in mg/dL, whatever the units of the value.
        (told, in_unit) = threshold.map_or((number, unit), |threshold| (threshold, "mg/dL"));
    }
    intake.item(&Item {
        system: "tidepool",
        code: &code,
        shape,
        told: Told::Number { value: told, unit: in_unit, censoring, sd: None },
        when,
        device: record.get("deviceId").and_then(Json::as_str).filter(|device| !device.is_empty()),
        limits: (None, None),
        spot,
    });
    true
}

/// Whether a record's annotations (a list, or a text that holds one) say that the value is beyond a limit, and which.
fn out_of_range(record: &Json) -> Option<(Censoring, Option<f64>)> {
    let written = record.get("annotations")?;
    let parsed = written.as_str().and_then(|text| serde_json::from_str::<Json>(text).ok());
    let list = parsed.as_ref().unwrap_or(written).as_array()?;
    let range = list.iter().find(|one| one.get("code").and_then(Json::as_str) == Some("bg/out-of-range"))?;
    let side = match range.get("value")?.as_str()? {
        "low" => Censoring::Below,
        "high" => Censoring::Above,
        _ => return None,
    };
    Some((side, range.get("threshold").and_then(numeric)))
}
