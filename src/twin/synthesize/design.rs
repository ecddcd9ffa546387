//! The design of a synthetic person: who is drawn, what acts on them, what is measured, when, and in which files.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::diagnostic::{Diagnostics, Location, Source, syntax};

/// A design as its file writes it. Quantities are texts with units, times are hours since the epoch or texts with units.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Design {
    /// One sentence for the bundle's `about`.
    pub about: String,
    /// Time zero, with its zone.
    pub epoch: String,
    /// What is known of the person, drawn; by name.
    #[serde(default)]
    pub covariates: BTreeMap<String, Drawn>,
    /// Genes of which two alleles are drawn by their frequencies.
    #[serde(default)]
    pub genotype: Vec<GenotypeFile>,
    #[serde(default)]
    pub exposure: Vec<ExposureFile>,
    #[serde(default)]
    pub observation: Vec<ObservationFile>,
}

/// How a number or word is drawn: one of the pairs, or shares of words; `by` another covariate's word it may differ.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drawn {
    /// Normal.
    pub mean: Option<String>,
    pub sd: Option<String>,
    /// Log-normal.
    pub median: Option<String>,
    pub cv: Option<String>,
    /// Uniform.
    pub from: Option<String>,
    pub to: Option<String>,
    /// Words with their shares.
    #[serde(default)]
    pub shares: BTreeMap<String, f64>,
    /// A covariate with words, drawn before, and what is drawn for each.
    pub by: Option<String>,
    #[serde(default)]
    pub cases: BTreeMap<String, Drawn>,
}

/// A gene, and the file of variants that tells its alleles.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenotypeFile {
    pub gene: String,
    pub file: String,
}

/// Something that acts, and the table that it is written to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExposureFile {
    pub name: String,
    pub file: String,
    /// Amounts at times.
    #[serde(default)]
    pub events: Vec<Event>,
    /// A series: how often it is sampled, from the start to `until`.
    pub every: Option<String>,
    pub until: Option<String>,
    /// Values of a day, each from its time to the next.
    #[serde(default)]
    pub day: Vec<Step>,
    /// Relative spread of every sample around the day's value.
    pub spread: Option<String>,
}

/// One amount.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    pub time: String,
    pub amount: String,
    /// Relative spread of the amount.
    pub spread: Option<String>,
    /// The time is moved by up to so much either way.
    pub jitter: Option<String>,
    /// It was given, but the file does not know how much.
    #[serde(default)]
    pub unknown: bool,
}

/// A value of a day from a time on.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub time: String,
    pub value: f64,
}

/// Something measured, and the file that it is written to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObservationFile {
    pub name: String,
    pub file: String,
    /// A format of `[[source]]`, or `csv` for a table of its own.
    pub format: String,
    pub device: Option<String>,
    /// At these times, or every so often from `from` to `to`.
    #[serde(default)]
    pub at: Vec<String>,
    pub every: Option<String>,
    pub from: Option<String>,
    pub to: Option<String>,
    pub lower_limit: Option<String>,
    pub upper_limit: Option<String>,
}

impl Design {
    /// Reads a design from a file.
    ///
    /// # Errors
    /// T3019 where there is no such file, or its text is no design.
    pub fn load(path: &Path) -> Result<Self, Diagnostics> {
        let name = path.to_string_lossy();
        let text = std::fs::read_to_string(path).map_err(|error| {
            super::unusable(format!("the design cannot be read: {error}")).at_location(Location::file(&*name))
        })?;
        Self::parse(&Source::new(&*name, text.trim_start_matches('\u{feff}')))
    }

    /// Reads a design.
    ///
    /// # Errors
    /// T3019 where the text is no design: what was found, and where.
    pub fn parse(source: &Source) -> Result<Self, Diagnostics> {
        toml::from_str(&source.text).map_err(|error| syntax("T3019", source, &error).into())
    }
}
