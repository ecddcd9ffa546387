//! Writes what is known of a synthetic person as files in the formats that people have: the other way round from the readers.

mod fhir;
mod health_xml;
mod label_map;
mod pump_log;
mod variants;

use std::collections::BTreeMap;

use super::readers::drawing_error;
use super::{Reading, Vocabulary};
use crate::units::Unit;

pub use variants::{allele_pair, diplotype_covariates};

/// The readings of one name, to be written.
#[derive(Clone, Debug)]
pub struct Sheet {
    pub name: String,
    /// Of the values.
    pub unit: Unit,
    pub readings: Vec<Reading>,
}

/// What a file of one format holds.
#[derive(Clone, Debug, Default)]
pub struct Content {
    pub sheets: Vec<Sheet>,
    /// Age `[a]` at the epoch and sex, for formats that tell them.
    pub age: Option<f64>,
    pub sex: Option<String>,
    /// Names of two alleles by gene.
    pub alleles: BTreeMap<String, (String, String)>,
}

/// The formats that can be written: as `[[source]]` entries name them.
pub const WRITTEN: [&str; 5] = ["fhir", "apple_health", "nifti", "nightscout", "vcf"];

/// The bytes of a file of a format.
///
/// # Errors
/// Why it cannot be written: a name without a code in this format, or a unit that the format does not have.
pub fn write(
    format: &str,
    content: &Content,
    epoch: &jiff::ZonedDateTime,
    vocabulary: &Vocabulary,
) -> Result<Vec<u8>, String> {
    match format {
        "fhir" => fhir::write(content, epoch, vocabulary),
        "apple_health" => health_xml::write(content, epoch, vocabulary),
        "nifti" => label_map::write(content, vocabulary),
        "nightscout" => pump_log::write(content, epoch, vocabulary),
        "vcf" => variants::write(content),
        other => Err(format!("files of the format `{other}` cannot be written: only {}", WRITTEN.join(", "))),
    }
}

/// Standard deviation, as a share, of the error that reading a file of a format tells of each value; 0 where it tells none.
///
/// Who writes such a file draws this error, too: it is a part of what is measured.
pub fn told_error(format: &str) -> f64 {
    if format == "nifti" { drawing_error() } else { 0.0 }
}

/// A table of times `[h]` and values, for `[[exposure]]` and `[[observation]]` entries.
pub fn table(rows: &[(f64, f64)]) -> Vec<u8> {
    let rows: String = rows.iter().map(|(time, value)| format!("{time},{value}\n")).collect();
    format!("time_h,value\n{rows}").into_bytes()
}

/// The moment so many hours after the epoch, to the second.
fn moment(epoch: &jiff::ZonedDateTime, time_h: f64) -> Result<jiff::ZonedDateTime, String> {
    let seconds = (time_h * 3600.0).round() as i64;
    epoch.checked_add(jiff::SignedDuration::from_secs(seconds)).map_err(|error| error.to_string())
}

/// The first code that the vocabulary has of a name in a system.
fn code<'v>(vocabulary: &'v Vocabulary, system: &str, name: &str) -> Result<&'v str, String> {
    let missing = || format!("the vocabulary has no code of `{name}` for {system}");
    let term = vocabulary.term(name).ok_or_else(missing)?;
    let codes = if system == "loinc" { Some(&term.loinc) } else { term.codes.get(system) };
    codes.and_then(|codes| codes.first()).map(String::as_str).ok_or_else(missing)
}

/// A value as laboratories and devices write it: in at most five significant digits.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10f64.powi(4 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}
