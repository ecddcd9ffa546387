//! Fitbit's and Google Takeout's JSON: one list of values a file, with local times, named by what it holds.

use serde_json::Value as Json;

use super::super::Censoring;
use super::super::intake::Intake;
use super::{Format, Head, Input, Item, Shape, Spot, Told, When};

pub(super) const FORMAT: Format = Format {
    name: "fitbit",
    about: "Fitbit or Google Takeout JSON (heart_rate-DATE.json, steps-DATE.json)",
    keys: &[],
    recognises,
    read,
};

/// Kinds of file, as the name begins, with the key of the value, its unit and what it is.
const KINDS: [(&str, &str, &str, Shape); 2] =
    [("heart_rate-", "bpm", "/min", Shape::Sample), ("steps-", "", "1", Shape::Amount { duration_h: 1.0 / 60.0 })];

fn recognises(head: &Head) -> bool {
    let text = head.text();
    kind(&head.name).is_some() && text.trim_start().starts_with('[') && text.contains("\"dateTime\"")
}

fn kind(name: &str) -> Option<(&'static str, &'static str, &'static str, Shape)> {
    KINDS.into_iter().find(|(start, ..)| name.contains(start))
}

fn read(intake: &mut Intake, input: &Input) {
    let Some((start, key, unit, shape)) = kind(&input.name) else {
        let expected = KINDS.map(|(start, ..)| format!("`{start}…`")).join(" or ");
        intake.wrong(Spot::Whole, "the name of the file does not say what it holds", &format!("name it {expected}"));
        return;
    };
    let Some(json) = intake.json(input) else { return };
    let Some(list) = json.as_array() else {
        intake.wrong(Spot::Whole, "this is no list of values", "is it the file that Fitbit exported, unchanged?");
        return;
    };
    for (index, entry) in list.iter().enumerate() {
        let path = format!("/{index}");
        let spot = Spot::Path(&path);
        let stamp = entry.get("dateTime").and_then(Json::as_str);
        let Some(when) = stamp.and_then(|text| jiff::civil::DateTime::strptime("%m/%d/%y %H:%M:%S", text).ok()) else {
            intake.wrong(spot, "`dateTime` is no time of the form 01/31/26 08:15:00", "delete this entry, or mend it");
            continue;
        };
        let value = entry.get("value").map(|value| if key.is_empty() { value } else { &value[key] });
        // Counts are written as texts.
        let number = value.and_then(|value| value.as_f64().or_else(|| value.as_str()?.parse().ok()));
        let Some(value) = number.filter(|number: &f64| number.is_finite()) else {
            intake.wrong(spot, "`value` is no number", "delete this entry, or mend it");
            continue;
        };
        intake.item(&Item {
            system: "fitbit",
            code: start.trim_end_matches('-'),
            shape,
            told: Told::Number { value, unit, censoring: Censoring::None, sd: None },
            when: When::Local(when),
            device: None,
            limits: (None, None),
            spot,
        });
    }
}
