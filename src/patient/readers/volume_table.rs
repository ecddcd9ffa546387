//! Volumes that others measured: a CSV table of structures, or the `statistics.json` of TotalSegmentator.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::super::Censoring;
use super::super::intake::Intake;
use super::super::table::Table;
use super::labels::{self, Label};
use super::structures::{Drawing, Spots, drawing};
use super::tally::Region;
use super::{Format, Head, Input, Item, Shape, Spot, Told, When};
use crate::units::Unit;

pub(super) const FORMAT: Format = Format {
    name: "volume_table",
    about: "volumes by structure: CSV with `structure,volume`, or TotalSegmentator's statistics.json",
    keys: &["labels", "dice", "unit"],
    recognises,
    read,
};

/// Whose codes a table's names are, where it does not say.
const REPORT: &str = "imaging_report";
/// Titles of the column of names.
const NAMES: [&str; 5] = ["structure", "name", "label", "region", "measure"];

fn recognises(head: &Head) -> bool {
    let text = head.text();
    let text = text.trim_start();
    if let Some(rest) = text.strip_prefix('{') {
        let inner = rest.split_once('{').map_or("", |(_, inner)| inner.trim_start());
        return inner.starts_with("\"volume\"");
    }
    let first = text.lines().next().unwrap_or("").to_lowercase();
    let mut titles = first.split([',', ';', '\t']).map(|title| title.trim().trim_matches('"'));
    titles.next().is_some_and(|title| NAMES.contains(&title)) && titles.any(|title| title.starts_with("volume"))
}

fn read(intake: &mut Intake, input: &Input) {
    let known = match intake.key(input.section, "labels") {
        Some(key) => match labels::Table::embedded(key) {
            Some(table) => Some(table),
            None => {
                let expected = labels::Table::known().collect::<Vec<_>>().join(" or ");
                if let Some(value) = input.section.get("labels") {
                    intake.reader.findings.push(input.section.wrong_kind(&value, &expected));
                }
                return;
            }
        },
        None => None,
    };
    let Some(file) = intake.text(input) else { return };
    if file.source.text.trim_start().starts_with('{') {
        statistics(intake, input, known);
    } else if let Some(table) = Table::read(file, &mut intake.reader.findings) {
        rows(intake, input, known, &table);
    }
}

/// `{"NAME": {"volume": mm³, "intensity": …}}`.
fn statistics(intake: &mut Intake, input: &Input, known: Option<labels::Table>) {
    let Some(json) = intake.json(input) else { return };
    let Some(object) = json.as_object() else { return };
    let mut found = Vec::new();
    for (at, (name, told)) in object.iter().enumerate() {
        let path = format!("/{name}");
        match told.get("volume").and_then(Json::as_f64).filter(|volume| *volume >= 0.0) {
            Some(volume) => found.push((at as i64 + 1, name.clone(), volume)),
            None => intake.wrong(Spot::Path(&path), "`volume` is no number", "delete this entry, or mend it"),
        }
        if told.get("intensity").is_some() {
            let why = "a mean with the structure's blurred border is another measure; read the label map with `image`";
            intake.leave_out(&format!("{name}: intensity"), why, Spot::Path(&path));
        }
    }
    let known = known.or_else(|| labels::Table::holding(found.iter().map(|(_, name, _)| name.as_str())));
    let Some(table) = known else {
        let message = "its names are of none of the tables of labels that are known";
        intake.wrong(Spot::Whole, message, "is it TotalSegmentator's? Else write a CSV table: structure,volume");
        return;
    };
    report(intake, input, table, found, Spots::Name);
}

fn rows(intake: &mut Intake, input: &Input, known: Option<labels::Table>, table: &Table) {
    let titles: Vec<String> = table.columns().map(str::to_lowercase).collect();
    let column = |fits: &dyn Fn(&str) -> bool| titles.iter().position(|title| fits(title));
    let names = column(&|title| NAMES.contains(&title));
    let values = column(&|title| title.starts_with("volume") || title.starts_with("value"));
    let (Some(names), Some(values)) = (names, values) else {
        let message = "the table has no columns of names and values";
        intake.wrong(Spot::Line(1), message, "name them `structure` and `volume`, as in structure,volume (mL)");
        return;
    };
    let units = column(&|title| title == "unit" || title == "units");
    let key = intake.key(input.section, "unit").map(ucum);
    let title = table.columns().nth(values).unwrap_or("").trim_start_matches(|letter: char| letter.is_alphabetic());
    let title = title.trim_matches(|letter: char| !letter.is_alphanumeric());
    let titled = Some(title).filter(|title| !title.is_empty()).map(ucum);
    if let (Some(key), Some(titled)) = (&key, &titled)
        && key != titled
    {
        let message = format!("the column's title says {titled}, the key `unit` {key}");
        intake.wrong(Spot::Line(1), &message, "delete the one that is wrong");
        return;
    }
    let whole = key.or(titled);
    let system = known.as_ref().map_or(REPORT, |table| table.system);
    let mut found = Vec::new();
    for row in 0..table.rows() {
        let (name, text) = (table.cell(row, names), table.cell(row, values));
        let spot = Spot::Line(table.line_number(row));
        if text.is_empty() {
            intake.leave_out(name, "its value is empty", spot);
            continue;
        }
        let Some(value) = text.parse().ok().filter(|value: &f64| value.is_finite()) else {
            intake.wrong(spot, &format!("`{text}` is no number"), "write decimals with a point, and no unit here");
            continue;
        };
        let own = units.map(|column| ucum(table.cell(row, column))).filter(|unit| !unit.is_empty());
        let Some(unit) = own.or_else(|| whole.clone()) else {
            let message = "the unit of the volumes is not told";
            let help = "write it into the column's title, as in volume (mL), or into patient.toml: unit = \"mL\"";
            intake.wrong_as("P2058", spot, message, help);
            return;
        };
        match mm3(&unit) {
            Some(factor) if value >= 0.0 => {
                found.push((table.line_number(row) as i64, name.to_string(), value * factor));
            }
            Some(_) => intake.wrong(spot, &format!("a volume of {value} {unit} cannot be"), "mend the row"),
            None => intake.item(&Item {
                system,
                code: name,
                shape: Shape::Sample,
                told: Told::Number { value, unit: &unit, censoring: Censoring::None, sd: None },
                when: When::Untold,
                device: None,
                limits: (None, None),
                spot,
            }),
        }
    }
    let table = known.unwrap_or(labels::Table { system: REPORT, entries: Vec::new(), dice: None });
    report(intake, input, table, found, Spots::Line);
}

/// Tells volumes [mm³] by the place in the file and name.
fn report(intake: &mut Intake, input: &Input, table: labels::Table, found: Vec<(i64, String, f64)>, spots: Spots) {
    let parts: BTreeMap<&str, &Label> = table.entries.iter().map(|label| (label.name.as_str(), label)).collect();
    let (mut entries, mut regions) = (Vec::new(), Vec::new());
    for (at, (number, name, size)) in found.iter().enumerate() {
        let place = spots.of(&[(*number, name.as_str())]);
        if found[..at].iter().any(|(_, known, _)| known == name) {
            let message = format!("`{name}` stands twice");
            intake.wrong(
                place.spot(),
                &message,
                "keep the one that belongs to this scan; each scan has its own source",
            );
            continue;
        }
        let part_of = parts.get(name.as_str()).and_then(|label| label.part_of.clone());
        entries.push(Label { number: *number, name: name.clone(), part_of });
        if *size > 0.0 {
            regions.push(Region { number: *number, size: *size, ..Region::default() });
        } else {
            intake.leave_out(name, "a volume of 0: it is absent, or cut off by the border of the image", place.spot());
        }
    }
    // Parts that the file does not have are missed all the same.
    let absent = table.entries.iter().filter(|label| !found.iter().any(|(_, name, _)| *name == label.name));
    entries.extend(absent.enumerate().map(|(at, label)| Label { number: -1 - at as i64, ..label.clone() }));
    let told = table.dice.is_some() || input.section.get("dice").is_some() || table.system != REPORT;
    let table = labels::Table { entries, ..table };
    let drawing = if told {
        drawing(intake, input, table)
    } else {
        Some(Drawing { table, dice: None, cropped: true, spots: Spots::Line })
    };
    if let Some(drawing) = drawing {
        Drawing { cropped: true, spots, ..drawing }.report(intake, &regions, 1e-3);
    }
}

/// A unit as UCUM writes it.
fn ucum(unit: &str) -> String {
    let unit = unit.trim();
    match unit.to_lowercase().as_str() {
        "ml" => "mL".into(),
        "l" => "L".into(),
        "mm3" | "mm³" | "mm^3" => "mm3".into(),
        "cm3" | "cm³" | "cm^3" | "cc" | "ccm" => "cm3".into(),
        _ => unit.into(),
    }
}

/// How many mm³ a unit of volume has.
fn mm3(unit: &str) -> Option<f64> {
    let (unit, mm3) = (Unit::parse(unit).ok()?, Unit::parse("mm3").ok()?);
    unit.convert(1.0, &mm3)
}
