//! Label maps in NIfTI-1 or NIfTI-2: the volume of each label, and what a second image has inside it.

mod affine;
mod header;
mod voxels;

use std::collections::BTreeMap;

use super::super::intake::Intake;
use super::labels::{self, Label, Measure, Statistic, Table};
use super::structures::{Drawing, drawing, no_table, table};
use super::tally::{Region, Tally, Wanted};
use super::{Format, Head, Input, Spot};
use header::Header;
use voxels::Volume;

pub(super) const FORMAT: Format = Format {
    name: "nifti",
    about: "label map (.nii, .nii.gz)",
    keys: &["labels", "structure", "dice", "border", "image", "intensity", "unit"],
    recognises,
    read,
};

/// How far labels may be from whole numbers.
const WHOLE: f64 = 1e-4;
/// How far the affines of two images of one grid may be apart [mm].
const GRID: f64 = 1e-3;

fn recognises(head: &Head) -> bool {
    let packed = head.bytes.starts_with(&[0x1f, 0x8b]) && head.name.ends_with(".nii.gz");
    let magic = |at: usize, magic: &[u8]| head.bytes.get(at..at + magic.len()) == Some(magic);
    packed || magic(344, b"n+1\0") || magic(4, b"n+2\0") || head.name.ends_with(".nii")
}

/// What is wrong with a file.
pub(super) struct Fault {
    kind: Kind,
    byte: Option<u64>,
    message: String,
}

enum Kind {
    NotReadable,
    NoSize,
    Short,
    NoLabels,
}

impl Fault {
    fn not_readable(byte: u64, message: &str) -> Self {
        Self { kind: Kind::NotReadable, byte: Some(byte), message: message.into() }
    }

    fn no_size(message: &str) -> Self {
        Self { kind: Kind::NoSize, byte: None, message: message.into() }
    }

    fn no_labels(message: String) -> Self {
        Self { kind: Kind::NoLabels, byte: None, message }
    }

    fn short(byte: u64, message: &str) -> Self {
        Self { kind: Kind::Short, byte: Some(byte), message: message.into() }
    }

    fn cut(byte: u64, error: &std::io::Error) -> Self {
        Self::short(byte, &format!("its header cannot be read to the end: {error}"))
    }

    fn cut_voxel(voxel: u64, error: &std::io::Error) -> Self {
        Self { kind: Kind::Short, byte: None, message: format!("it cannot be read beyond voxel {voxel}: {error}") }
    }

    fn tell(&self, intake: &mut Intake) {
        let path = self.byte.map(|byte| format!("byte {byte}"));
        let spot = path.as_deref().map_or(Spot::Whole, Spot::Path);
        match self.kind {
            Kind::NotReadable => intake.wrong_as(
                "P2050",
                spot,
                &self.message,
                "write it as one file of one volume, with whole numbers as labels (nibabel, dcm2niix and ITK do)",
            ),
            Kind::NoSize => intake.wrong_as(
                "P2051",
                spot,
                &format!("the size of its voxels is not known: {}", self.message),
                "mend sform, qform or pixdim from the image that was segmented",
            ),
            Kind::Short => intake.wrong(spot, &self.message, "copy the file again: it was cut short, or damaged"),
            Kind::NoLabels => intake.wrong_as(
                "P2053",
                spot,
                &self.message,
                "is it an image, or a map of probabilities? A label map has one whole number a structure",
            ),
        }
    }
}

fn read(intake: &mut Intake, input: &Input) {
    let Some(mut map) = open(intake, input) else { return };
    if let Some((sform, qform)) = map.header.disagreement {
        let message = format!("sform and qform disagree: a voxel has {sform} or {qform} mm³");
        intake.doubtful("P2052", Spot::Whole, &message, "sform is taken; if the volumes look wrong, correct it");
    }
    let names = names(&map.header.extensions);
    let Some(table) = table(intake, input, &names) else { return };
    let stem = input.name.rsplit('/').next().unwrap_or("").trim_end_matches(".gz").trim_end_matches(".nii");
    let structure = intake.key(input.section, "structure").map(|name| if name == "*" { stem } else { name });
    let table = match structure {
        // Until its number is known.
        Some(name) => Table { entries: vec![Label { number: 1, name: name.into(), part_of: None }], ..table },
        None => table,
    };
    let Some(mut drawing) = drawing(intake, input, table) else { return };
    let mut image = None;
    let (mut measures, mut unit) = (Vec::new(), None);
    if let Some(name) = intake.key(input.section, "image") {
        let Some(found) = measured(intake, input) else { return };
        (measures, unit) = found;
        let other = Input { name: name.into(), path: input.path.clone(), section: input.section };
        let Some(opened) = intake.of_file(name, |intake| open(intake, &other)) else { return };
        if let Some(message) = other_grid(&map.header, &opened.header) {
            let help = "resample it to the grid of the label map, with the tool that made the map";
            intake.of_file(name, |intake| intake.wrong_as("P2055", Spot::Whole, &message, help));
            return;
        }
        image = Some((opened, name));
    }
    let meant = input.section.get("intensity").or_else(|| input.section.get("unit")).filter(|_| image.is_none());
    if let Some(key) = meant {
        let missing = input.section.missing("image", "image = \"ct.nii.gz\"").at(&input.section.file.source, key.span);
        intake.reader.findings.push(missing);
        return;
    }
    let wanted = wanted(intake, &drawing, &measures);
    let wanted = |number: i64| wanted.get(if structure.is_some() { &1 } else { &number }).cloned().unwrap_or_default();
    let regions = match count(&mut map, image.as_mut().map(|(image, _)| image), &wanted) {
        Ok(regions) => regions,
        Err((fault, of_image)) => {
            match image.filter(|_| of_image) {
                Some((_, name)) => intake.of_file(name, |intake| fault.tell(intake)),
                None => fault.tell(intake),
            }
            return;
        }
    };
    if regions.is_empty() {
        intake.wrong(
            Spot::Whole,
            "all of it is background",
            "is it the label map? Delete this source if nothing was found",
        );
        return;
    }
    if let Some(message) = one_structure(&mut drawing.table, &regions, structure.is_some(), stem) {
        return no_table(intake, &message);
    }
    drawing.report(intake, &regions, map.header.voxel() / 1000.0);
    drawing.report_inside(intake, &regions, &measures, unit, map.header.voxel() / 1000.0);
}

/// What is wrong where a map may be of one structure only, which has the number 1 whatever it is.
fn one_structure(table: &mut Table, regions: &[Region], said: bool, stem: &str) -> Option<String> {
    let [one] = regions else {
        return said.then(|| format!("a map of one structure has {} labels", regions.len()));
    };
    if said {
        table.entries.iter_mut().for_each(|label| label.number = one.number);
        return None;
    }
    let label = table.label(one.number)?;
    let named = label.name != stem && table.entries.iter().any(|label| label.name == stem);
    named.then(|| format!("its only label, {}, is `{}` by the table; its name says `{stem}`", one.number, label.name))
}

fn open(intake: &mut Intake, input: &Input) -> Option<Volume> {
    let file = intake.stream(input)?;
    let size = file.get_ref().metadata().map_or(u64::MAX, |known| known.len());
    Volume::open(file, size).map_err(|fault| fault.tell(intake)).ok()
}

/// What the keys `intensity` and `unit` say of the second image.
fn measured<'d>(intake: &mut Intake, input: &Input<'_, 'd>) -> Option<(Vec<Measure>, Option<&'d str>)> {
    let expected = || format!("what the image holds: {}", labels::intensities().join(" or "));
    let (kind, span) = input.section.required("intensity", "intensity = \"hu\"", &mut intake.reader.findings)?;
    let measures = labels::measures(kind);
    let unit = intake.key(input.section, "unit");
    if measures.is_empty() {
        if let Some(value) = input.section.get("intensity") {
            intake.reader.findings.push(input.section.wrong_kind(&value, &expected()));
        }
        return None;
    }
    if unit.is_none() && measures.iter().any(|measure| measure.unit.is_none() && measure.statistic != Statistic::Volume)
    {
        let missing = input.section.missing("unit", "unit = \"%\"");
        intake.reader.findings.push(missing.at(&input.section.file.source, span));
        return None;
    }
    Some((measures, unit))
}

/// What is to be taken of each label: what the vocabulary has a name for, of the label or of the whole it is part of.
fn wanted(intake: &mut Intake, drawing: &Drawing, measures: &[Measure]) -> BTreeMap<i64, Vec<Wanted>> {
    let mut wanted: BTreeMap<i64, Vec<Wanted>> = BTreeMap::new();
    for label in &drawing.table.entries {
        for (at, measure) in measures.iter().enumerate() {
            let whole = label.part_of.as_ref().map(|part| part.whole.as_str());
            let mut names = [Some(label.name.as_str()), whole].into_iter().flatten();
            if names.any(|name| intake.knows(drawing.table.system, &format!("{name}:{}", measure.name))) {
                let (least, greatest, erode) = (measure.least, measure.greatest, measure.erode);
                let keep = measure.statistic == Statistic::Median;
                wanted.entry(label.number).or_default().push(Wanted { measure: at, least, greatest, erode, keep });
            }
        }
    }
    wanted
}

/// Why two images are not of one grid.
fn other_grid(map: &Header, image: &Header) -> Option<String> {
    if map.dims != image.dims {
        let [a, b] = [map, image].map(|header| header.dims.map(|size| size.to_string()).join(" × "));
        return Some(format!("it has {b} voxels, the label map {a}"));
    }
    let pairs = map.affine.iter().flatten().zip(image.affine.iter().flatten());
    let apart = pairs.fold(0.0_f64, |most, (a, b)| most.max((a - b).abs()));
    (apart > GRID).then(|| format!("its affine and that of the label map are {apart} mm apart"))
}

/// Goes through both images together; whose fault an error is.
fn count(
    map: &mut Volume,
    mut image: Option<&mut Volume>,
    wanted: &dyn Fn(i64) -> Vec<Wanted>,
) -> Result<Vec<Region>, (Fault, bool)> {
    let (slice, depth) = (map.header.slice(), map.header.dims[2]);
    let mut tally = Tally::new(map.header.dims[0] as usize, true, wanted);
    let (mut broken, mut example, mut many) = (0_u64, 0.0, false);
    for _ in 0..depth {
        let label = |value: f64| {
            let whole = value.round();
            if (value - whole).abs() > WHOLE || !value.is_finite() {
                broken += 1;
                example = value;
            }
            many |= !tally.label(whole as i64);
        };
        map.next(slice, label).map_err(|fault| (fault, false))?;
        if many {
            return Err((Fault::no_labels("it has more different numbers than a label map has".into()), false));
        }
        if let Some(image) = &mut image {
            image.next(slice, |value| tally.value(value)).map_err(|fault| (fault, true))?;
        }
        tally.slice();
    }
    if broken > 0 {
        return Err((Fault::no_labels(format!("{broken} voxels are no whole numbers, as {example}")), false));
    }
    map.end().map_err(|fault| (fault, false))?;
    Ok(tally.end())
}

/// Names of labels that the file itself carries, as Connectome Workbench writes them into an extension.
fn names(extensions: &[u8]) -> BTreeMap<i64, String> {
    let text = String::from_utf8_lossy(extensions);
    let table = text.split_once("<LabelTable>").and_then(|(_, rest)| rest.split_once("</LabelTable>"));
    let mut names = BTreeMap::new();
    for label in table.map_or("", |(table, _)| table).split("<Label ").skip(1) {
        let number = label.split_once("Key=\"").and_then(|(_, rest)| rest.split_once('"')?.0.parse().ok());
        let content = label.split_once('>').map(|(_, rest)| rest.split_once("</Label>").map_or(rest, |(name, _)| name));
        let name = content.map(|name| name.trim().trim_start_matches("<![CDATA[").trim_end_matches("]]>"));
        if let (Some(number), Some(name)) = (number, name) {
            names.insert(number, name.to_string());
        }
    }
    names.retain(|number, _| *number != 0);
    names
}
