//! Names of segments, by label or code, and what their volumes add up to.

use std::collections::BTreeMap;

use super::super::super::intake::Intake;
use super::super::labels::{self, Label, OWN, Part, Table};
use super::super::structures::{Drawing, Spots, drawing};
use super::super::tally::Region;
use super::super::{Input, Spot};
use super::data::Data;

/// Coding schemes, and whose codes they are here.
const SCHEMES: [(&str, &str); 4] = [("SCT", "snomed"), ("SRT", "srt"), ("SNM3", "srt"), ("99SDM", "srt")];

/// Names segments by their labels or codes, and tells their volumes.
pub(super) fn report(
    intake: &mut Intake,
    input: &Input,
    data: &Data,
    known: Option<&Table>,
    regions: Vec<Region>,
    voxel: f64,
) {
    let mut tables: BTreeMap<&'static str, Vec<Label>> = BTreeMap::new();
    for segment in data.items(0x0062_0002) {
        let number = i64::from(segment.short(0x0062_0004).unwrap_or(0));
        let name = segment.text(0x0062_0005).unwrap_or_default();
        if number == 0 || !regions.iter().any(|region| region.number == number) {
            continue;
        }
        let (system, name) = match (known, code(segment)) {
            // The bundle's own word comes first.
            _ if intake.knows(OWN, &name) => (OWN, name),
            (Some(table), _) => (table.system, name),
            (None, Some(coded)) => coded,
            (None, None) => (OWN, name),
        };
        let of_table = known.and_then(|table| table.entries.iter().find(|label| label.name == name)?.part_of.clone());
        let pair = labels::pair_of(&name).map(|pair| Part { whole: pair.into(), needed: true });
        tables.entry(system).or_default().push(Label { number, name, part_of: of_table.or(pair) });
    }
    let named = |number| tables.values().flatten().any(|label| label.number == number);
    for region in regions.iter().filter(|region| region.number != 0 && !named(region.number)) {
        let spot = format!("segment {}", region.number);
        intake.leave_out(&spot, "the file does not describe this segment", Spot::Path(&spot));
    }
    for (system, mut entries) in tables {
        let mine = |label: &Label| regions.iter().find(|region| region.number == label.number).cloned();
        let mut counted: Vec<Region> = entries.iter().filter_map(mine).collect();
        for label in entries.clone() {
            let spot = format!("segment {}", label.number);
            let why = if entries.iter().filter(|other| other.name == label.name).count() > 1 {
                "several segments have this name: give each its own with `as`, by their labels"
            } else if labels::is_pair(&label.name) {
                "people have two of these, and it is not told whether this is one or both"
            } else {
                continue;
            };
            intake.leave_out(&label.name, why, Spot::Path(&spot));
            counted.retain(|region| region.number != label.number);
        }
        entries.retain(|label| counted.iter().any(|region| region.number == label.number));
        // Parts that are not there are missed: those of the table, and the other one of a pair.
        let absent: Vec<Label> = match known.filter(|known| known.system == system) {
            Some(table) => table
                .entries
                .iter()
                .filter(|label| !entries.iter().any(|one| one.name == label.name))
                .cloned()
                .collect(),
            None => {
                let whole = |label: &Label| label.part_of.as_ref().map(|part| part.whole.clone());
                let alone = |label: &&Label| entries.iter().filter(|other| whole(other) == whole(label)).count() == 1;
                let other = |label: &Label| Label { name: "the other side".into(), ..label.clone() };
                entries.iter().filter(|label| label.part_of.is_some()).filter(alone).map(other).collect()
            }
        };
        entries.extend(absent.into_iter().enumerate().map(|(at, label)| Label { number: -1 - at as i64, ..label }));
        if counted.is_empty() {
            continue;
        }
        let dice = known.and_then(|table| table.dice);
        let Some(drawing) = drawing(intake, input, Table { system, entries, dice }) else { return };
        Drawing { spots: Spots::Segment, ..drawing }.report(intake, &counted, voxel / 1000.0);
    }
}

/// The code of what a segment is, with its side if it is told, and whose code it is.
fn code(segment: &Data) -> Option<(&'static str, String)> {
    let kind = segment.items(0x0062_000F).first()?;
    let scheme = kind.text(0x0008_0102)?;
    let (_, system) = SCHEMES.iter().find(|(known, _)| *known == scheme)?;
    let code = kind.text(0x0008_0100)?;
    let modifier = kind.items(0x0062_0011).first().or_else(|| segment.items(0x0062_0011).first());
    match modifier.and_then(|modifier| modifier.text(0x0008_0100)) {
        Some(modifier) => Some((system, format!("{code}:{modifier}"))),
        None => Some((system, code)),
    }
}
