//! Open mHealth's JSON: a data point or its body, a list of them, or one a line.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;

use super::super::Censoring;
use super::super::intake::Intake;
use super::super::vocabulary::Role;
use super::{Format, Head, Input, Item, Shape, Spot, Told, When};

pub(super) const FORMAT: Format = Format {
    name: "open_mhealth",
    about: "Open mHealth JSON: data points, a list of them, or one a line",
    keys: &[],
    recognises,
    read,
};

const SYSTEM: &str = "open_mhealth";
const SCHEMA: &str = "compare with the schemas of openmhealth.org, and mend or delete it";

/// Units whose name is another in UCUM.
const UNITS: [(&str, &str); 19] = [
    ("beats/min", "/min"),
    ("breaths/min", "/min"),
    ("steps", "1"),
    ("mmHg", "mm[Hg]"),
    ("lb", "[lb_av]"),
    ("oz", "[oz_av]"),
    ("in", "[in_i]"),
    ("ft", "[ft_i]"),
    ("yd", "[yd_i]"),
    ("mi", "[mi_i]"),
    ("C", "Cel"),
    ("F", "[degF]"),
    ("sec", "s"),
    ("Mo", "mo"),
    ("yr", "a"),
    ("IU", "[iU]"),
    ("IU/L", "[iU]/L"),
    ("mL/(kg.min)", "mL/kg/min"),
    ("kg/m^2", "kg/m2"),
];

fn recognises(head: &Head) -> bool {
    let text = head.text();
    text.trim_start().starts_with(['{', '[']) && text.contains("\"effective_time_frame\"")
}

fn read(intake: &mut Intake, input: &Input) {
    let Some(file) = intake.text(input) else { return };
    let text = &file.source.text;
    let error = match serde_json::from_str::<Json>(text) {
        Ok(Json::Array(points)) => {
            for (index, entry) in points.iter().enumerate() {
                point(intake, entry, &format!("/{index}"));
            }
            return;
        }
        Ok(entry) => return point(intake, &entry, ""),
        Err(error) => error,
    };
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    // One a line, where the first line is whole by itself.
    if lines.clone().next().is_none_or(|(_, line)| serde_json::from_str::<Json>(line).is_err()) {
        let message = format!("this is no JSON: {error}");
        return intake.wrong(Spot::Line(error.line().max(1)), &message, "was it cut short? Export it again");
    }
    for (index, line) in lines {
        match serde_json::from_str::<Json>(line) {
            Ok(entry) => point(intake, &entry, &format!("line {}", index + 1)),
            Err(error) => intake.wrong(Spot::Line(index + 1), &format!("this is no JSON: {error}"), SCHEMA),
        }
    }
}

fn point(intake: &mut Intake, entry: &Json, path: &str) {
    let (body, device, within) = match entry.get("body") {
        Some(body) => {
            let header = &entry["header"];
            let source = [&header["acquisition_provenance"], &header["source_data_point"]];
            let name = source.into_iter().find_map(|source| source["source_name"].as_str());
            (body, name, format!("{path}/body"))
        }
        None => (entry, None, path.to_string()),
    };
    let place = if within.is_empty() { "/" } else { &within };
    let spot = Spot::Path(place);
    let Some(body) = body.as_object() else {
        return intake.wrong(spot, "a data point is no object", SCHEMA);
    };
    // A measure is what has a number and a unit; the bare number of older counts must have a name.
    let mut measures: Vec<(&str, f64, &str)> = Vec::new();
    for (key, value) in body {
        match (value["value"].as_f64(), value["unit"].as_str(), value.as_f64()) {
            (Some(number), Some(unit), _) => measures.push((key, number, unit)),
            (_, _, Some(number)) if intake.named(SYSTEM, key).is_some() => measures.push((key, number, "1")),
            _ => {}
        }
    }
    if measures.is_empty() {
        return intake.leave_out("a data point", "it has no number with a unit", spot);
    }
    let statistic = body.get("descriptive_statistic").and_then(Json::as_str);
    if let Some(statistic) = statistic.filter(|statistic| !matches!(*statistic, "average" | "median")) {
        for (key, ..) in measures {
            intake.leave_out(key, &format!("it is a {statistic} over time, no reading"), spot);
        }
        return;
    }
    let Some((start, duration)) = body.get("effective_time_frame").and_then(frame) else {
        return intake.wrong(spot, "`effective_time_frame` has no time, or none with an offset", SCHEMA);
    };
    let duration_h = duration.as_secs_f64() / 3600.0;
    for (key, value, unit) in measures {
        let text = |(name, value): (&String, &Json)| Some(format!("{key};{name}={}", value.as_str()?));
        let qualified = body.iter().filter_map(text).find(|code| intake.named(SYSTEM, code).is_some());
        let code = qualified.as_deref().unwrap_or(key);
        let given = intake.named(SYSTEM, code).flatten() == Some(Role::Exposure);
        let (shape, start) = if given {
            (Shape::Amount { duration_h }, start)
        } else {
            // What holds for an interval as a whole stands in its middle.
            (Shape::Sample, start.checked_add(duration / 2).unwrap_or(start))
        };
        let unit = UNITS.iter().find(|(own, _)| *own == unit).map_or(unit, |(_, ucum)| ucum);
        intake.item(&Item {
            system: SYSTEM,
            code,
            shape,
            told: Told::Number { value, unit, censoring: Censoring::None, sd: None },
            when: When::Instant(start),
            device,
            limits: (None, None),
            spot,
        });
    }
}

/// When a time frame begins, and how long it lasts.
fn frame(frame: &Json) -> Option<(Timestamp, SignedDuration)> {
    let time = |json: &Json| json.as_str()?.parse::<Timestamp>().ok();
    if let Some(at) = time(&frame["date_time"]) {
        return Some((at, SignedDuration::ZERO));
    }
    let interval = &frame["time_interval"];
    let (start, end) = (time(&interval["start_date_time"]), time(&interval["end_date_time"]));
    let length = &interval["duration"];
    let lasts = length["value"].as_f64().zip(length["unit"].as_str()).and_then(|(value, unit)| {
        let unit = match unit {
            "sec" => 1.0,
            "min" => 60.0,
            "h" => 3600.0,
            "d" => 86400.0,
            "wk" => 604_800.0,
            _ => return None,
        };
        SignedDuration::try_from_secs_f64(value * unit).ok()
    });
    let (start, lasts) = match (start, end, lasts) {
        (Some(start), Some(end), _) => (start, end.duration_since(start)),
        (Some(start), None, Some(lasts)) => (start, lasts),
        (None, Some(end), Some(lasts)) => (end.checked_sub(lasts).ok()?, lasts),
        _ => return None,
    };
    (!lasts.is_negative()).then_some((start, lasts))
}
