//! Fitbit's and Google Takeout's files: JSON in local time (`Global Export Data`), or tables with an offset
//! (`Physical Activity_GoogleData`), named by what they hold.
//!
//! Of the JSON's times no document says the zone. Those who read it disagree: some take them as local, some as UTC, and
//! nights are local (andykong.org/blog/fitbitsleeptzcorrection). So the bundle is asked to say it.

mod table;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value as Json;

use super::super::Censoring;
use super::super::intake::Intake;
use super::{Format, Head, Input, Item, Shape, Spot, Told, When};

pub(super) const FORMAT: Format = Format {
    name: "fitbit",
    about: "Fitbit or Google Takeout files named by what they hold and a day (steps-DATE.json, steps_DATE.csv)",
    keys: &["zone"],
    recognises,
    read,
};

/// Files that are read, as their names begin, with the value's key or column.
const TABLE: &str = include_str!("../../../../models/fitbit.csv");
const MEND: &str = "delete this entry, or mend it";

/// A row of the table.
struct Row {
    start: &'static str,
    /// What the name ends with.
    end: &'static str,
    column: &'static str,
    code: &'static str,
    unit: &'static str,
    kind: &'static str,
}

fn rows() -> impl Iterator<Item = Row> {
    TABLE.lines().skip(1).filter_map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        let [start, end, column, code, unit, kind] = cells[..] else { return None };
        Some(Row { start, end, column, code, unit, kind })
    })
}

/// What a file's name says it holds: `…START-DATE.END`, `…START_DATE.END` or `START.END`.
fn row(name: &str) -> Option<Row> {
    let (stem, end) = name.rsplit('/').next()?.rsplit_once('.')?;
    let says = |row: &Row| {
        let Some((_, rest)) = stem.rsplit_once(row.start) else { return false };
        let year = |rest: &str| rest.starts_with(|letter: char| letter.is_ascii_digit());
        let dated = rest.starts_with('-') || rest.strip_prefix('_').is_some_and(year);
        row.end == end && (rest.is_empty() || dated)
    };
    rows().filter(says).max_by_key(|row| row.start.len())
}

fn recognises(head: &Head) -> bool {
    let text = head.text();
    row(&head.name).is_some_and(|row| match row.end {
        "csv" => text.trim_start().starts_with("timestamp,"),
        _ => {
            let text = text.trim_start();
            text.starts_with('[') && (text.contains("\"dateTime\"") || text.contains("\"startTime\""))
        }
    })
}

fn read(intake: &mut Intake, input: &Input) {
    let Some(row) = row(&input.name.to_lowercase()) else {
        let mut expected: Vec<String> = rows().map(|row| format!("`{}-DATE.{}`", row.start, row.end)).collect();
        expected.dedup();
        let help = format!("name it as it was: {}", expected.join(", "));
        return intake.wrong(Spot::Whole, "the name of the file does not say what it holds", &help);
    };
    if row.end == "csv" {
        return table::read(intake, input, &row);
    }
    let Some(zone) = zone(intake, input) else { return };
    let Some(json) = intake.json(input) else { return };
    let Some(list) = json.as_array() else {
        intake.wrong(Spot::Whole, "this is no list of values", "is it the file that Fitbit exported, unchanged?");
        return;
    };
    for (index, entry) in list.iter().enumerate() {
        let path = format!("/{index}");
        match row.kind {
            "stages" => stages(intake, &row, &zone, entry, &path),
            _ => value(intake, &row, &zone, entry, &path),
        }
    }
}

/// In which zone the times are: `None` is the epoch's. The outer one is missing where the key is wrong.
fn zone(intake: &mut Intake, input: &Input) -> Option<Option<TimeZone>> {
    let Some(value) = input.section.get("zone") else {
        intake.doubtful_once(
            "P2041",
            Spot::Whole,
            "the file does not say in which time zone its times are: the epoch's is taken",
            "compare a walk with the app, or with the table of the same day in `Physical Activity_GoogleData`, and write \
             zone = \"local\" or zone = \"UTC\"",
        );
        return Some(None);
    };
    let name = value.get.as_str();
    if name == Some("local") {
        return Some(None);
    }
    let zone = name.and_then(|name| TimeZone::get(name).ok());
    if zone.is_none() {
        let expected = "`local`, `UTC` or a zone as in \"Europe/Berlin\"";
        let finding = input.section.wrong_kind(&value, expected);
        intake.reader.findings.push(finding);
    }
    zone.map(Some)
}

/// A local time in the zone; of an hour that a clock change repeats or skips, as the bundle's own times.
fn moment(zone: &Option<TimeZone>, local: DateTime) -> When {
    let instant = zone.as_ref().and_then(|zone| zone.to_ambiguous_timestamp(local).compatible().ok());
    instant.map_or(When::Local(local), When::Instant)
}

/// One entry with `dateTime` and `value`.
fn value(intake: &mut Intake, row: &Row, zone: &Option<TimeZone>, entry: &Json, path: &str) {
    let spot = Spot::Path(path);
    let stamp = entry.get("dateTime").and_then(Json::as_str);
    let Some(local) = stamp.and_then(|text| DateTime::strptime("%m/%d/%y %H:%M:%S", text).ok()) else {
        return intake.wrong(spot, "`dateTime` is no time of the form 01/31/26 08:15:00", MEND);
    };
    if row.kind == "day" && entry.get("value").is_some_and(|value| value.get("date").is_none_or(Json::is_null)) {
        return intake.leave_out(row.code, "the day has no value", spot);
    }
    let value = entry.get("value").map(|value| if row.column.is_empty() { value } else { &value[row.column] });
    // Counts are written as texts.
    let number = value.and_then(|value| value.as_f64().or_else(|| value.as_str()?.parse().ok()));
    let Some(value) = number.filter(|number: &f64| number.is_finite()) else {
        return intake.wrong(spot, "`value` is no number", MEND);
    };
    let (shape, when) = match row.kind {
        "minute" => (Shape::Amount { duration_h: 1.0 / 60.0 }, moment(zone, local)),
        // Of the day as a whole: at its middle, whatever zone the others keep.
        "day" => (Shape::Sample, When::Local(local.date().at(12, 0, 0, 0))),
        _ => (Shape::Sample, moment(zone, local)),
    };
    intake.item(&item(row, shape, number_of(value, row.unit), when, None, spot));
}

/// The stages of one night, in local time.
fn stages(intake: &mut Intake, row: &Row, zone: &Option<TimeZone>, entry: &Json, path: &str) {
    let Some(stages) = entry["levels"]["data"].as_array() else {
        return intake.wrong(Spot::Path(path), "a night has no list `levels/data`", MEND);
    };
    for (index, stage) in stages.iter().enumerate() {
        let path = format!("{path}/levels/data/{index}");
        let spot = Spot::Path(&path);
        let local = stage["dateTime"].as_str().and_then(|text| text.parse::<DateTime>().ok());
        let (level, seconds) = (stage["level"].as_str(), stage["seconds"].as_f64().filter(|seconds| *seconds >= 0.0));
        let (Some(local), Some(level), Some(seconds)) = (local, level, seconds) else {
            intake.wrong(spot, "a stage has no `dateTime`, `level` or `seconds`", MEND);
            continue;
        };
        let shape = Shape::Rate { duration_h: Some(seconds / 3600.0) };
        // Nights are local where the other files are UTC, too.
        let when = match zone {
            Some(zone) if *zone != TimeZone::UTC => moment(&Some(zone.clone()), local),
            _ => When::Local(local),
        };
        intake.item(&item(row, shape, Told::Word(level), when, None, spot));
    }
}

fn number_of(value: f64, unit: &str) -> Told<'_> {
    Told::Number { value, unit, censoring: Censoring::None, sd: None }
}

fn item<'i>(row: &Row, shape: Shape, told: Told<'i>, when: When, device: Option<&'i str>, spot: Spot<'i>) -> Item<'i> {
    Item { system: "fitbit", code: row.code, shape, told, when, device, limits: (None, None), spot }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_files_hold() {
        assert_eq!(rows().count(), TABLE.lines().count() - 1);
        for (name, code) in [
            ("heart_rate-2026-01-05.json", Some("heart_rate")),
            ("my_heart_rate-2026-01-05.json", Some("heart_rate")),
            ("global export data/resting_heart_rate-2026-01-05.json", Some("resting_heart_rate")),
            ("time_in_heart_rate_zones-2026-01-05.json", None),
            ("heart_rate_2026-01-05.csv", Some("heart_rate")),
            ("heart_rate_variability_2026-01-05.csv", Some("heart_rate_variability_rmssd")),
            ("daily_resting_heart_rate.csv", Some("resting_heart_rate")),
            ("calories-2026-01-05.json", None),
            ("steps", None),
        ] {
            assert_eq!(row(name).map(|row| row.code), code, "{name}");
        }
    }
}
