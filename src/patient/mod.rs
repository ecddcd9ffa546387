//! Reads a patient bundle from disk into named covariates, exposures and observations; knows no model.

mod averaged;
mod check;
mod choice;
mod columns;
mod covariate;
mod declared_summary;
mod exposure;
mod files;
mod gathered;
mod genes;
mod given;
mod intake;
mod load;
mod measure;
mod named;
mod nuisance;
mod observation;
mod readers;
mod section;
mod source;
mod statistic;
mod summary;
mod table;
mod unknown;
mod vocabulary;
mod warmup;
mod window;
mod worn;
pub mod writers;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub use declared_summary::DeclaredSummary;
pub use nuisance::{Device, Tested};
pub use statistic::Statistic;
pub use summary::SummaryRow;
pub use vocabulary::{Conversion, Role, Scale, Term, Variation, Vocabulary, Wear};

use crate::diagnostic::Location;
use crate::units::Unit;

/// Everything known of one person: plain data, times in hours since the epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct Patient {
    /// As `patient.toml` says, else the name of the folder.
    pub name: String,
    /// Who this is and where the data come from.
    pub about: String,
    /// The model that the bundle suggests.
    pub model: Option<String>,
    /// Time zero on the calendar; `None` where times are only relative.
    pub epoch: Option<jiff::ZonedDateTime>,
    /// Where the record begins `[h]`; nothing is earlier.
    pub start_h: f64,
    pub covariates: Vec<Covariate>,
    /// One a name.
    pub exposures: Vec<Exposure>,
    /// One a name and device.
    pub observations: Vec<Observation>,
    /// How devices may differ from the truth.
    pub devices: Vec<Device>,
    /// What is tested the more often the higher, or lower, it is.
    pub tested: Vec<Tested>,
    /// One a gene of which something is known.
    pub genotypes: Vec<Genotype>,
    /// What is compared of the readings where nothing has a likelihood; means of neighbours where nothing is declared.
    pub summaries: Vec<DeclaredSummary>,
    /// How much one person's values vary from day to day, by names of the vocabulary.
    pub variations: BTreeMap<String, Variation>,
    /// What the bundle holds that is in none of the above, and why.
    pub left_out: Vec<LeftOut>,
    /// Where `patient.toml` begins, and where it writes `model`, `covariates` and each name.
    places: BTreeMap<String, Location>,
    /// SHA-256 of all files read, in hexadecimal; the order of reading does not matter.
    pub hash: String,
}

/// A property that is fixed, or slow against the record: weight, age, sex.
#[derive(Clone, Debug, PartialEq)]
pub struct Covariate {
    pub name: String,
    /// In `unit`; for a category the number that the vocabulary gives it.
    pub value: f64,
    /// The vocabulary's unit of the name, else the declared one.
    pub unit: Unit,
    /// The word, where the value is a category.
    pub category: Option<String>,
    /// The unit in which the bundle gives the value.
    pub declared: String,
    pub origin: Origin,
}

/// Something that acts on the person: doses, meals, a basal rate, activity.
#[derive(Clone, Debug, PartialEq)]
pub struct Exposure {
    pub name: String,
    pub kind: ExposureKind,
    /// Unit of the events' values: an amount for `Bolus`, a rate for `Rate` and `Held`.
    pub unit: Unit,
    /// In order of time.
    pub events: Vec<ExposureEvent>,
    /// Events of which the amount is not known: their values are NaN. In order of time.
    pub unknown: Vec<ExposureEvent>,
    /// The usual amount, in `unit`, and its relative spread: what is expected where the amount is not known.
    pub usual: Option<(f64, f64)>,
    /// The units in which the bundle gives the values.
    pub declared: String,
}

/// What the numbers of an exposure mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExposureKind {
    /// Each value is an amount, given at once or evenly over the event's duration.
    Bolus,
    /// Each value is a rate that lasts for the event's duration.
    Rate,
    /// Each value is a rate that holds until the next event.
    Held,
    /// Each value is a sample of a quantity that changes between the samples.
    Series,
}

/// One event of an exposure.
#[derive(Clone, Debug, PartialEq)]
pub struct ExposureEvent {
    /// Hours since the epoch at which it begins.
    pub time_h: f64,
    /// Amount, rate or sample, in the exposure's unit.
    pub value: f64,
    /// Hours it lasts; 0 at once, and where the kind says otherwise (`Held`, `Series`).
    pub duration_h: f64,
    pub origin: Origin,
}

/// What was measured, with error, by one device.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    pub name: String,
    pub device: Option<String>,
    /// The vocabulary's unit of the name, else the declared one; the readings' values are in it.
    pub unit: Unit,
    /// The least value that the device can tell, in `unit`.
    pub lower_limit: Option<f64>,
    /// The greatest value that the device can tell, in `unit`.
    pub upper_limit: Option<f64>,
    /// In order of time, no two at the same time.
    pub readings: Vec<Reading>,
    /// The units in which the bundle gives the values.
    pub declared: String,
}

/// One measured value.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Hours since the epoch.
    pub time_h: f64,
    /// The value, or the limit that it is beyond.
    pub value: f64,
    pub censoring: Censoring,
    /// Standard deviation of this measurement's own error, in the observation's unit, where its source tells it: it comes
    /// on top of what the model says of the device.
    pub sd: Option<f64>,
    pub origin: Origin,
}

/// Whether a reading is a value or only a bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Censoring {
    #[default]
    None,
    /// The truth is at or below the value.
    Below,
    /// The truth is at or above the value.
    Above,
}

/// What is known of one gene: all diplotypes that fit what was read, with weights that add up to one.
#[derive(Clone, Debug, PartialEq)]
pub struct Genotype {
    pub gene: String,
    /// The likeliest first.
    pub diplotypes: Vec<Diplotype>,
    pub origin: Origin,
}

/// A pair of alleles, and what it says of the person.
#[derive(Clone, Debug, PartialEq)]
pub struct Diplotype {
    /// As the field writes it: `*1/*2`.
    pub name: String,
    pub weight: f64,
    /// Covariates by name, each in the vocabulary's unit.
    pub covariates: Vec<(String, f64)>,
}

/// Something of the bundle that was not taken.
#[derive(Clone, Debug, PartialEq)]
pub struct LeftOut {
    /// The name it belongs to, or the file.
    pub what: String,
    pub why: String,
    /// How many readings, events or other things.
    pub count: usize,
    /// Where the first one stands.
    pub origin: Origin,
}

/// Where a number was read: a file of the bundle, and the line, from 1, or the place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub file: Arc<str>,
    pub line: Option<usize>,
    /// Where in a file without lines, as a JSON pointer (`/entry/3/resource`) or the like.
    pub path: Option<Arc<str>>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, &self.path) {
            (Some(line), _) => write!(f, "{}:{line}", self.file),
            (None, Some(path)) => write!(f, "{}#{path}", self.file),
            (None, None) => write!(f, "{}", self.file),
        }
    }
}

impl Patient {
    /// A person of whom this is known, and who comes from no file; the vocabulary is the program's.
    pub fn of(
        name: &str,
        covariates: Vec<Covariate>,
        exposures: Vec<Exposure>,
        observations: Vec<Observation>,
    ) -> Self {
        Self {
            name: name.into(),
            about: String::new(),
            model: None,
            epoch: None,
            start_h: 0.0,
            covariates,
            exposures,
            observations,
            devices: Vec::new(),
            tested: Vec::new(),
            genotypes: Vec::new(),
            summaries: Vec::new(),
            variations: Vocabulary::embedded().map(|vocabulary| vocabulary.variations()).unwrap_or_default(),
            left_out: Vec::new(),
            places: BTreeMap::new(),
            hash: String::new(),
        }
    }

    /// Where `patient.toml` declares a name, `model` or `covariates`; else where the file begins.
    pub fn place(&self, name: &str) -> Location {
        let place = self.places.get(name).or_else(|| self.places.get("patient.toml"));
        place.cloned().unwrap_or_else(|| Location::file("patient.toml"))
    }

    /// The covariate of a name.
    pub fn covariate(&self, name: &str) -> Option<&Covariate> {
        self.covariates.iter().find(|covariate| covariate.name == name)
    }

    /// The exposure of a name.
    pub fn exposure(&self, name: &str) -> Option<&Exposure> {
        self.exposures.iter().find(|exposure| exposure.name == name)
    }

    /// Time of the last reading `[h]`; `None` without observations.
    pub fn end_h(&self) -> Option<f64> {
        let times =
            self.observations.iter().flat_map(|observation| &observation.readings).map(|reading| reading.time_h);
        times.reduce(f64::max)
    }
}
