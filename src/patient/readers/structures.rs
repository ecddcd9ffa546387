//! From counted labels to what they say of the person: volumes with their error, of labels and of wholes they add up to.

use std::collections::BTreeMap;

use super::super::Censoring;
use super::super::intake::Intake;
use super::labels::{Label, Measure, OWN, Statistic, Table};
use super::tally::{Inside, Region};
use super::{Input, Item, Shape, Spot, Told, When};

const CUT: &str = "it touches the border of the image, so that it may be cut off";

/// How structures were drawn: names, and how well.
pub(super) struct Drawing {
    pub table: Table,
    pub dice: Option<f64>,
    /// What touches the border is not cut off.
    pub cropped: bool,
    pub spots: Spots,
}

/// What the numbers of labels are in their file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spots {
    Label,
    Segment,
    /// The line on which a label stands.
    Line,
    /// Labels stand by name, in JSON.
    Name,
}

/// A spot that keeps its text.
pub(super) enum Place {
    Line(usize),
    Path(String),
}

impl Place {
    pub(super) fn spot(&self) -> Spot<'_> {
        match self {
            Place::Line(line) => Spot::Line(*line),
            Place::Path(path) => Spot::Path(path),
        }
    }
}

impl Spots {
    /// Where some labels (at least one) stand.
    pub(super) fn of(self, labels: &[(i64, &str)]) -> Place {
        let first = labels.first().copied().unwrap_or((0, ""));
        match self {
            Spots::Line => Place::Line(usize::try_from(first.0).unwrap_or(0)),
            Spots::Name => Place::Path(format!("/{}", first.1)),
            Spots::Label | Spots::Segment => {
                let word = if self == Spots::Label { "label" } else { "segment" };
                let numbers: Vec<String> = labels.iter().map(|(number, _)| number.to_string()).collect();
                let many = if numbers.len() > 1 { "s" } else { "" };
                Place::Path(format!("{word}{many} {}", numbers.join(", ")))
            }
        }
    }
}

/// A volume with its error, before units.
struct Size<'t> {
    name: &'t str,
    /// In voxels.
    size: f64,
    surface: u64,
    place: Place,
}

/// P2054: what the labels are is not known.
pub(super) fn no_table(intake: &mut Intake, message: &str) {
    let known: Vec<&str> = Table::known().collect();
    let help = format!(
        "write labels = one of: {}; or a file of the bundle with `number,name`; of a map of one structure, structure = its name",
        known.join(", ")
    );
    intake.wrong_as("P2054", Spot::Whole, message, &help);
}

/// The table of labels of a source: what `labels` names, else the names in the file itself; P2054 where neither is.
pub(super) fn table(intake: &mut Intake, input: &Input, names: &BTreeMap<i64, String>) -> Option<Table> {
    let key = intake.key(input.section, "labels");
    let table = match key.map(|key| (key, Table::embedded(key))) {
        None if !names.is_empty() => return Some(Table::of_names(names)),
        None if input.section.get("structure").is_some() => {
            return Some(Table { system: OWN, entries: Vec::new(), dice: None });
        }
        None => {
            no_table(intake, "which structures the labels are is not told");
            return None;
        }
        Some((_, Some(table))) => table,
        Some((key, None)) if key.contains('.') => of_bundle(intake, input, key)?,
        Some((key, None)) => {
            no_table(intake, &format!("`{key}` is no table of labels"));
            return None;
        }
    };
    let against = names.iter().find_map(|(number, name)| {
        let label = table.label(*number).filter(|label| label.name != *name && table.system != OWN)?;
        Some(format!("label {number} is `{name}` by the file itself, `{}` by `labels`", label.name))
    });
    if let Some(message) = against {
        no_table(intake, &message);
        return None;
    }
    Some(table)
}

fn of_bundle(intake: &mut Intake, input: &Input, key: &str) -> Option<Table> {
    let other = Input { name: key.into(), path: input.path.clone(), section: input.section };
    intake.of_file(key, |intake| {
        let text = intake.text(&other)?;
        let read = Table::read(&text.source.text, OWN);
        let tell = |wrong: Vec<(usize, String)>| {
            for (line, message) in wrong {
                intake.wrong(Spot::Line(line), &message, "write `number,name`, a label a line, each number once");
            }
        };
        read.map_err(tell).ok()
    })
}

/// The keys `dice` and `border`; P2057 where no overlap is known.
pub(super) fn drawing(intake: &mut Intake, input: &Input, table: Table) -> Option<Drawing> {
    let mut dice = table.dice;
    if let Some(text) = intake.key(input.section, "dice") {
        dice = text.trim().parse().ok().filter(|dice| *dice > 0.0 && *dice <= 1.0);
        if let Some(value) = input.section.get("dice").filter(|_| dice.is_none()) {
            let expected = "the overlap with the true structure, between 0 and 1, as in \"0.94\"";
            intake.reader.findings.push(input.section.wrong_kind(&value, expected));
            return None;
        }
    }
    if dice.is_none() {
        intake.doubtful(
            "P2057",
            Spot::Whole,
            "how well the structures are drawn is not told: their error is taken to be that of the voxels alone",
            "state the Dice overlap that the program or the reader reaches, as in dice = \"0.94\"",
        );
    }
    let border = intake.key(input.section, "border");
    if let Some(value) = input.section.get("border").filter(|_| border.is_some_and(|border| border != "whole")) {
        let expected = "\"whole\", where the map was cropped to its structures, or nothing";
        intake.reader.findings.push(input.section.wrong_kind(&value, expected));
        return None;
    }
    Some(Drawing { table, dice, cropped: border.is_some(), spots: Spots::Label })
}

/// Standard deviation of a volume in voxels.
///
/// A voxel at the surface belongs to the structure in an unknown part; rounding it to all or nothing errs uniformly by half a
/// voxel: variance 1/12 each, independent. Of the structure as drawn, a Dice overlap D leaves |A Δ B| = (1 − D)(|A| + |B|) ≈
/// 2(1 − D)V voxels on the wrong side; how they fall between too many and too few is not known, so that the volume's error is
/// uniform between plus and minus all of them: 2(1 − D)V/√3 (Dice 1945, doi:10.2307/1932409, for D).
pub(super) fn spread(size: f64, surface: u64, dice: Option<f64>) -> f64 {
    let drawn = dice.map_or(0.0, |dice| 2.0 * (1.0 - dice) * size / 3.0_f64.sqrt());
    (surface as f64 / 12.0 + drawn * drawn).sqrt()
}

impl Drawing {
    /// Tells the volumes of labels and wholes; `voxel` is in mL.
    pub(super) fn report(&self, intake: &mut Intake, regions: &[Region], voxel: f64) {
        let mut regions: Vec<&Region> = regions.iter().collect();
        regions.sort_by_key(|region| region.number);
        for region in &regions {
            let Some(label) = self.table.label(region.number) else {
                let spot = format!("label {}", region.number);
                intake.leave_out(&spot, "the table of labels has no such number", Spot::Path(&spot));
                continue;
            };
            let place = self.spots.of(&[(region.number, &label.name)]);
            // It counts in the whole.
            let in_whole = label.part_of.as_ref().is_some_and(|part| intake.knows(self.table.system, &part.whole));
            if in_whole && !intake.knows(self.table.system, &label.name) {
                continue;
            }
            if region.cut && !self.cropped {
                intake.leave_out(&label.name, CUT, place.spot());
                continue;
            }
            self.volume(intake, &Size { name: &label.name, size: region.size, surface: region.surface, place }, voxel);
        }
        for (whole, parts) in self.table.wholes() {
            let of = |label: &Label| regions.iter().find(|region| region.number == label.number).copied();
            let present: Vec<(&Label, &Region)> = parts.iter().filter_map(|label| Some((*label, of(label)?))).collect();
            if present.is_empty() || !intake.knows(self.table.system, whole) {
                continue;
            }
            let found: Vec<(i64, &str)> =
                present.iter().map(|(label, _)| (label.number, label.name.as_str())).collect();
            let place = self.spots.of(&found);
            let needed = |label: &&&Label| label.part_of.as_ref().is_some_and(|part| part.needed);
            if let Some(missing) = parts.iter().filter(needed).find(|label| of(label).is_none()) {
                let why = format!("its part `{}` is not in the file", missing.name);
                intake.leave_out(whole, &why, place.spot());
                continue;
            }
            if let Some((cut, _)) = present.iter().find(|(_, region)| region.cut && !self.cropped) {
                intake.leave_out(whole, &format!("its part `{}`: {CUT}", cut.name), place.spot());
                continue;
            }
            let size = present.iter().map(|(_, region)| region.size).sum();
            let surface = present.iter().map(|(_, region)| region.surface).sum();
            self.volume(intake, &Size { name: whole, size, surface, place }, voxel);
        }
    }

    fn volume(&self, intake: &mut Intake, found: &Size, voxel: f64) {
        // Of a volume that others counted and drew nothing is known.
        let known = found.surface > 0 || self.dice.is_some();
        let sd = known.then(|| spread(found.size, found.surface, self.dice) * voxel);
        let told = Told::Number { value: found.size * voxel, unit: "mL", censoring: Censoring::None, sd };
        self.item(intake, found.name, told, &found.place);
    }

    fn item(&self, intake: &mut Intake, code: &str, told: Told, place: &Place) {
        intake.item(&Item {
            system: self.table.system,
            code,
            shape: Shape::Sample,
            told,
            when: When::Untold,
            device: None,
            limits: (None, None),
            spot: place.spot(),
        });
    }

    /// Tells what a second image has inside labels and wholes.
    pub(super) fn report_inside(
        &self,
        intake: &mut Intake,
        regions: &[Region],
        measures: &[Measure],
        unit: Option<&str>,
        voxel: f64,
    ) {
        let of = |label: &Label| regions.iter().find(|region| region.number == label.number);
        let labels = self.table.entries.iter().map(|label| (label.name.as_str(), vec![label]));
        for (name, parts) in labels.chain(self.table.wholes()) {
            let present: Vec<&Region> = parts.iter().filter_map(|label| of(label)).collect();
            for (at, measure) in measures.iter().enumerate() {
                let code = format!("{name}:{}", measure.name);
                if present.is_empty() || !intake.knows(self.table.system, &code) {
                    continue;
                }
                let found: Vec<(i64, &str)> = present.iter().map(|region| (region.number, name)).collect();
                let place = self.spots.of(&found);
                let mut sums =
                    present.iter().flat_map(|region| &region.inside).filter(|inside| inside.wanted.measure == at);
                let Some(mut sum) = sums.next().cloned() else { continue };
                sums.for_each(|other| sum.add(other));
                let cut = present.iter().any(|region| region.cut) && !self.cropped;
                match inside(measure, sum, present.len() < parts.len() || cut, unit, voxel) {
                    Ok(told) => self.item(intake, &code, told, &place),
                    Err(why) => intake.leave_out(&code, why, place.spot()),
                }
            }
        }
    }
}

/// The statistic of a measure, or why there is none.
fn inside<'u>(
    measure: &Measure,
    mut inside: Inside,
    incomplete: bool,
    unit: Option<&'u str>,
    voxel: f64,
) -> Result<Told<'u>, &'static str> {
    let number = |value, unit| Ok(Told::Number { value, unit, censoring: Censoring::None, sd: None });
    let unit = unit.or(measure.unit).unwrap_or("1");
    match measure.statistic {
        Statistic::Volume if incomplete => Err(CUT),
        Statistic::Volume => number(inside.count as f64 * voxel, "mL"),
        _ if inside.count == 0 => Err("no voxel inside it has a value that counts"),
        Statistic::Mean => number(inside.sum / inside.count as f64, unit),
        Statistic::Median if inside.spilt => Err("it has more voxels than a median is taken of"),
        Statistic::Median => {
            let middle = inside.values.len() / 2;
            let (below, at, _) = inside.values.select_nth_unstable_by(middle, f32::total_cmp);
            let at = f64::from(*at);
            let even = inside.count.is_multiple_of(2);
            let before = below.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            number(if even { (f64::from(before) + at) / 2.0 } else { at }, unit)
        }
    }
}
