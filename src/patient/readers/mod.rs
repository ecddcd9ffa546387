//! The file formats that a `[[source]]` of a bundle may have: a row a format, a file a reader.
//!
//! A reader turns a file into [`Item`]s, in the file's own codes and units, and hands them to the [`Intake`]; it knows no
//! model and no shared name. Which name a code has, and in which unit, the vocabulary says.

mod apple;
mod dates;
mod dexcom;
mod dicom;
mod diplotypes;
mod fhir;
mod fields;
mod fit;
mod fitbit;
mod lab;
mod lab_csv;
mod lab_units;
mod labels;
mod libreview;
mod nifti;
mod nightscout;
mod nonmem;
mod nonmem_dose;
mod nonmem_keys;
mod open_mhealth;
mod pump;
mod rna_counts;
mod rows;
mod schedule;
mod structures;
mod tally;
mod tidepool;
mod vcf;
mod volume_table;

pub(super) use labels::{drawing_error, label_numbers};

use std::path::PathBuf;
use std::sync::Arc;

use super::Censoring;
use super::files::utf_16;
use super::intake::Intake;
use super::section::Section;

/// A format, as a bundle names it.
pub(super) struct Format {
    /// As `format = "…"` writes it; where a file does not name its device, also the device.
    pub name: &'static str,
    /// One phrase for lists and messages.
    pub about: &'static str,
    /// Keys that a `[[source]]` of this format may have beside those that all have.
    pub keys: &'static [&'static str],
    /// Whether a file looks like one of this format.
    pub recognises: fn(&Head) -> bool,
    /// Reads a file; what is wrong in it goes to the intake.
    pub read: fn(&mut Intake, &Input),
}

/// All formats; the first that recognises a file has it.
pub(super) const FORMATS: &[Format] = &[
    fhir::FORMAT,
    apple::FORMAT,
    open_mhealth::FORMAT,
    tidepool::FORMAT,
    nightscout::FORMAT,
    diplotypes::PHARMCAT,
    fitbit::FORMAT,
    fit::FORMAT,
    vcf::FORMAT,
    nifti::FORMAT,
    dicom::FORMAT,
    dexcom::FORMAT,
    libreview::FORMAT,
    pump::FORMAT,
    volume_table::FORMAT,
    diplotypes::TABLE,
    rna_counts::FORMAT,
    nonmem::FORMAT,
    lab_csv::FORMAT,
];

/// The beginning of a file, to be recognised.
pub(super) struct Head {
    /// Name in the bundle, in lower case.
    pub name: String,
    /// The first bytes, at most 4 KiB.
    pub bytes: Vec<u8>,
}

impl Head {
    /// The first bytes as text; what is cut or is no UTF-8 is replaced, and UTF-16 read where a mark tells of it.
    pub(super) fn text(&self) -> String {
        let text = match self.bytes.as_slice() {
            [0xff, 0xfe, rest @ ..] => utf_16(rest, u16::from_le_bytes),
            [0xfe, 0xff, rest @ ..] => utf_16(rest, u16::from_be_bytes),
            bytes => String::from_utf8_lossy(bytes).into_owned(),
        };
        text.trim_start_matches('\u{feff}').to_string()
    }
}

/// A file to read, with what its `[[source]]` says.
pub(super) struct Input<'i, 'd> {
    /// Name in the bundle.
    pub name: Arc<str>,
    /// Where it lies on the disk.
    pub path: PathBuf,
    pub section: &'i Section<'d>,
}

/// One thing that a file says of the person, in the file's own words.
pub(super) struct Item<'i> {
    /// Whose codes: a key under `codes` in the vocabulary (`fitbit`), or `loinc`.
    pub system: &'static str,
    /// The code of what was measured or given.
    pub code: &'i str,
    pub shape: Shape,
    pub told: Told<'i>,
    pub when: When,
    /// The device or app that said so, where the file tells.
    pub device: Option<&'i str>,
    /// Least and greatest value that the device can tell, in the unit of the value.
    pub limits: (Option<f64>, Option<f64>),
    pub spot: Spot<'i>,
}

/// What kind of statement an item is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    /// Holds for the person: sex, a birth date, a height.
    Fact,
    /// A value at a time.
    Sample,
    /// An amount that begins at the time and is spread over so many hours; 0 is at once.
    Amount { duration_h: f64 },
    /// A rate that begins at the time and lasts so many hours, or until the next.
    Rate { duration_h: Option<f64> },
}

/// The value of an item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Told<'i> {
    /// A number in a unit of UCUM, with the error's standard deviation of the measurement itself, where it is known.
    Number { value: f64, unit: &'i str, censoring: Censoring, sd: Option<f64> },
    /// A word, for a category of the vocabulary.
    Word(&'i str),
    /// A date of birth: an age.
    Born(jiff::civil::Date),
    /// Given, but how much is not known.
    Unknown,
}

/// When an item holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum When {
    Instant(jiff::Timestamp),
    /// A local time, in the zone of the bundle's epoch.
    Local(jiff::civil::DateTime),
    /// Hours since the epoch.
    Hours(f64),
    /// No time is told: the start of the record, or the time that the `[[source]]` gives.
    Untold,
}

/// Where in its file an item stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Spot<'i> {
    /// The file as a whole.
    Whole,
    /// A line, from 1.
    Line(usize),
    /// A JSON pointer (`/entry/3/resource`) or the like.
    Path(&'i str),
}

/// Which of the words a key of a section has, by index; another is reported (P2006).
fn word(intake: &mut Intake, input: &Input, key: &'static str, words: &[&str]) -> Option<usize> {
    let text = intake.key(input.section, key)?;
    let found = words.iter().position(|word| *word == text);
    if let (None, Some(value)) = (found, input.section.get(key)) {
        intake.reader.findings.push(input.section.wrong_kind(&value, &format!("one of {}", words.join(", "))));
    }
    found
}
