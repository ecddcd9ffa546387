//! DICOM segmentations (binary, fractional, label map): the volume of each segment.

mod data;
mod geometry;
mod parse;
mod pixels;
mod segments;

use std::collections::BTreeMap;
use std::io::{BufRead, Seek};

use super::super::intake::Intake;
use super::labels::Table;
use super::tally::{Region, Tally};
use super::{Format, Head, Input, Spot};
use data::Data;
use geometry::{Geometry, group};
use parse::{Fault, Syntax};
use pixels::Pixels;

pub(super) const FORMAT: Format = Format {
    name: "dicom_seg",
    about: "DICOM segmentation (.dcm)",
    keys: &["labels", "dice", "border"],
    recognises: |head: &Head| head.bytes.get(128..132) == Some(b"DICM"),
    read,
};

/// SOP classes of segmentations: by segment, and as a label map.
const CLASSES: [&str; 2] = ["1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"];
/// Most pixels of a frame.
const FRAME: usize = 1 << 24;

/// How pixels tell a segment.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// A bit a pixel.
    Binary,
    /// A byte a pixel, of so many.
    Fractional(f64),
    /// The segment's number, in so many bytes.
    LabelMap(usize),
}

/// What there is to measure.
struct Segmentation {
    kind: Kind,
    rows: usize,
    columns: usize,
    geometry: Geometry,
    /// The segment of each frame.
    frames: Vec<i64>,
    pixels: Pixels,
}

fn read(intake: &mut Intake, input: &Input) {
    let Some(mut file) = intake.stream(input) else { return };
    let size = file.get_ref().metadata().map_or(0, |known| known.len());
    let (syntax, at) = match parse::syntax(&mut file, size) {
        Ok(found) => found,
        Err(fault) => return at_fault(intake, &fault),
    };
    if syntax != Syntax::Deflated {
        return measure(intake, input, &mut file, (size, at, syntax));
    }
    match pixels::inflated(&mut file) {
        Ok(mut inflated) => {
            let size = inflated.get_ref().len() as u64;
            measure(intake, input, &mut inflated, (size, 0, syntax));
        }
        Err(error) => {
            let message = format!("its compressed data cannot be read to the end: {error}");
            intake.wrong(Spot::Whole, &message, "copy the file again: it was cut short, or damaged");
        }
    }
}

fn at_fault(intake: &mut Intake, fault: &Fault) {
    if fault.unsupported {
        return not_measured(intake, &fault.message);
    }
    let help = "copy the file again: it was cut short, or damaged";
    intake.wrong(Spot::Path(&format!("byte {}", fault.byte)), &fault.message, help);
}

/// Measures what is written in a way, of so many bytes, from a place on.
fn measure<R: BufRead + Seek>(
    intake: &mut Intake,
    input: &Input,
    file: &mut R,
    (size, at, syntax): (u64, u64, Syntax),
) {
    let data = match parse::read(file, size, at, syntax) {
        Ok(data) => data,
        Err(fault) => return at_fault(intake, &fault),
    };
    if data.parts(parse::PIXELS).is_some() != (syntax == Syntax::RunLength) && data.has(parse::PIXELS) {
        return not_measured(intake, "its pixels are not written as it says (transfer syntax)");
    }
    let segmentation = match Segmentation::of(&data) {
        Ok(segmentation) => segmentation,
        Err(message) => return not_measured(intake, &message),
    };
    if let Some((said, measured)) = segmentation.geometry.disagreement {
        let message = format!("it says that slices are {said} mm apart; their positions are {measured} mm apart");
        intake.doubtful("P2059", Spot::Whole, &message, "the positions are taken");
    }
    let regions = match segmentation.regions(file) {
        Ok(regions) => regions,
        Err(error) => {
            let message = format!("its pixels cannot be read to the end: {error}");
            return intake.wrong(Spot::Whole, &message, "copy the file again");
        }
    };
    let known = match intake.key(input.section, "labels").map(|key| (key, Table::embedded(key))) {
        Some((_, Some(table))) => Some(table),
        Some((key, None)) => {
            let known: Vec<&str> = Table::known().collect();
            if let Some(value) = input.section.get("labels") {
                let expected = format!("{} (not {key})", known.join(" or "));
                intake.reader.findings.push(input.section.wrong_kind(&value, &expected));
            }
            return;
        }
        None => None,
    };
    segments::report(intake, input, &data, known.as_ref(), regions, segmentation.geometry.voxel);
}

/// P2056: right, or nearly, but not measured.
fn not_measured(intake: &mut Intake, message: &str) {
    let help = "write it uncompressed or in runs (RLE), with evenly spaced planes and their positions; or convert it to a NIfTI label map";
    intake.wrong_as("P2056", Spot::Whole, message, help);
}

impl Segmentation {
    fn of(data: &Data) -> Result<Self, String> {
        let class = data.text(0x0008_0016).unwrap_or_default();
        if !CLASSES.contains(&class.as_str()) {
            return Err(format!("it is no segmentation (SOP class {class})"));
        }
        let sizes = (data.short(0x0028_0010).unwrap_or(0), data.short(0x0028_0011).unwrap_or(0));
        let (rows, columns) = (usize::from(sizes.0), usize::from(sizes.1));
        if rows * columns == 0 || rows * columns > FRAME {
            return Err(format!("frames of {rows} × {columns} pixels are not measured"));
        }
        let bits = data.short(0x0028_0100).unwrap_or(0);
        let word = data.text(0x0062_0001).unwrap_or_default();
        let kind = match (word.as_str(), bits) {
            ("BINARY", 1) => Kind::Binary,
            ("FRACTIONAL", 8) => match data.short(0x0062_000E) {
                Some(most @ 1..) => Kind::Fractional(f64::from(most)),
                _ => return Err("it has no maximum of its fractions".into()),
            },
            ("LABELMAP", 8 | 16) => Kind::LabelMap(usize::from(bits) / 8),
            _ => return Err(format!("segmentations of kind `{word}` with {bits} bits are not known")),
        };
        let frames = data.items(0x5200_9230);
        let said = data.decimals(0x0028_0008).first().copied().unwrap_or(1.0);
        if frames.is_empty() || said != frames.len() as f64 {
            return Err(format!("it says that it has {said} frames, and describes {}", frames.len()));
        }
        let shared = data.items(0x5200_9229).first();
        let geometry = Geometry::of(shared, frames)?;
        let bits = match kind {
            Kind::Binary => 1,
            Kind::Fractional(_) => 8,
            Kind::LabelMap(bytes) => 8 * bytes as u64,
        };
        let pixels = Pixels::of(data, frames.len(), rows * columns, bits)?;
        let mut numbers = Vec::new();
        for (at, frame) in frames.iter().enumerate() {
            let number = group(shared, frame, 0x0062_000A).and_then(|segment| segment.short(0x0062_000B));
            match (kind, number) {
                (Kind::LabelMap(_), _) => numbers.push(0),
                (_, Some(number)) => numbers.push(i64::from(number)),
                (_, None) => return Err(format!("frame {} does not say of which segment it is", at + 1)),
            }
        }
        let mut places: Vec<(i64, i64)> = numbers.iter().copied().zip(geometry.planes.iter().copied()).collect();
        places.sort_unstable();
        if let Some(pair) = places.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("segment {} has two frames at one place", pair[0].0));
        }
        Ok(Self { kind, rows, columns, geometry, frames: numbers, pixels })
    }

    /// Counts the voxels of each segment, plane by plane.
    fn regions<R: BufRead + Seek>(&self, file: &mut R) -> std::io::Result<Vec<Region>> {
        let mut of_segment: BTreeMap<i64, Vec<(i64, usize)>> = BTreeMap::new();
        for (at, number) in self.frames.iter().enumerate() {
            of_segment.entry(*number).or_default().push((self.geometry.planes[at], at));
        }
        let nothing = |_| Vec::new();
        let (pixels, mut bytes, mut all) = (self.rows * self.columns, Vec::new(), Vec::new());
        for (number, mut frames) in of_segment {
            frames.sort_unstable();
            let mut tally = Tally::new(self.columns, false, &nothing);
            let (mut before, mut parts) = (None, 0.0);
            for (plane, frame) in frames {
                if before.is_some_and(|before: i64| plane - before > 1) {
                    // A plane that is left out is empty.
                    (0..pixels).for_each(|_| _ = tally.label(0));
                    tally.slice();
                }
                before = Some(plane);
                self.frame(file, frame, &mut bytes)?;
                let first_bit = frame * pixels % 8;
                for at in 0..pixels {
                    let label = match self.kind {
                        Kind::Binary => {
                            let bit = first_bit + at;
                            i64::from(bytes[bit / 8] >> (bit % 8) & 1) * number
                        }
                        Kind::Fractional(most) => {
                            parts += f64::from(bytes[at]) / most;
                            if bytes[at] > 0 { number } else { 0 }
                        }
                        Kind::LabelMap(1) => i64::from(bytes[at]),
                        Kind::LabelMap(_) => i64::from(u16::from_le_bytes([bytes[2 * at], bytes[2 * at + 1]])),
                    };
                    if !tally.label(label) {
                        return Err(std::io::Error::other("they have more labels than there are structures"));
                    }
                }
                tally.slice();
            }
            let mut regions = tally.end();
            if let (Kind::Fractional(_), Some(region)) = (self.kind, regions.first_mut()) {
                region.size = parts;
            }
            all.extend(regions);
        }
        Ok(all)
    }

    /// Reads the bytes that a frame's pixels are in; frames of bits need not begin at a byte.
    fn frame<R: BufRead + Seek>(&self, file: &mut R, frame: usize, bytes: &mut Vec<u8>) -> std::io::Result<()> {
        let pixels = self.rows * self.columns;
        let (from, to) = match self.kind {
            Kind::Binary => (frame * pixels / 8, ((frame + 1) * pixels).div_ceil(8)),
            Kind::Fractional(_) => (frame * pixels, (frame + 1) * pixels),
            Kind::LabelMap(size) => (frame * pixels * size, (frame + 1) * pixels * size),
        };
        let size = if let Kind::LabelMap(size) = self.kind { size } else { 1 };
        self.pixels.read(file, (frame, from, to), size, bytes)
    }
}
