//! Writes a twin as one file and reads it back, bit for bit; reading needs nothing but the file.

mod groups;
mod parts;
mod texts;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::diagnostic::{Diagnostic, Diagnostics, Location};
use crate::inference::Chains;
use crate::likelihood::{Matched, Posterior};
use crate::model::{Composed, Program};
use crate::population::Prior;
use crate::stats::Seed;

use super::predict::{Thinned, predict_block};
use super::store::{self, Group, Store, StoreError};
use super::{Person, Provenance, Twin};
use parts::Part;

/// Attributes of the file's root.
const PERSON: &str = "person";
const PROVENANCE: &str = "provenance";
const VERDICT: &str = "verdict";

/// By how much the ln likelihood of a reading may differ from the one in the file, relative to 1 + its size: solvers
/// on two machines round differently, and by far less than this.
const SAME: f64 = 1e-3;

/// Why a twin was not read.
#[derive(Debug, Error)]
pub enum TwinError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The files are as written, but what they say is not what a twin says.
    #[error("the twin file {} cannot be understood: {reason}", path.display())]
    Malformed { path: PathBuf, reason: String },
    /// The model's text is refused by this build.
    #[error("the model inside the twin file {} is refused", path.display())]
    Model { path: PathBuf, found: Diagnostics },
    /// This build computes something else from the model's text than the build that wrote the twin.
    #[error("the model inside the twin file {} means something else here: {reason}", path.display())]
    Meaning { path: PathBuf, reason: String },
}

impl TwinError {
    /// What to tell the user; `None` for what no user can mend.
    pub fn diagnostics(&self) -> Option<Diagnostics> {
        let at = |code, path: &Path| {
            Diagnostic::error(code, self.to_string()).at_location(Location::file(path.display().to_string()))
        };
        Some(match self {
            Self::Store(error) => return error.diagnostics(),
            Self::Malformed { path, .. } => {
                at("T3009", path).help("calibrate again: the folder was not written by `homeostat calibrate`").into()
            }
            Self::Model { path, found } => {
                let help = "use the Homeostat that wrote the twin, or calibrate again with this one";
                let mut all = Diagnostics::from(at("T3010", path).help(help));
                all.extend(found.clone());
                all
            }
            Self::Meaning { path, .. } => {
                at("T3011", path).help("use the Homeostat that wrote the twin, or calibrate again with this one").into()
            }
        })
    }
}

impl<D: Chains> Twin<D> {
    /// Writes the twin at `path`, whole or not at all; one variable after another, so that they need not all be in memory.
    ///
    /// # Errors
    /// Those of [`store::write`]; draws that cannot be read any more where they were kept.
    pub fn write(&self, path: &Path, overwrite: bool) -> Result<(), StoreError> {
        let mut writer = store::Writer::begin(path, overwrite)?;
        parts::write(self, &mut |part| match part {
            Part::Group(name, attributes) => writer.group(name, attributes),
            Part::Variable(variable) => writer.variable(&variable),
        })?;
        if let Some(reason) = self.draws.trouble() {
            return Err(StoreError::Unwritable { path: path.into(), reason: format!("its draws are lost: {reason}") });
        }
        writer.finish(&self.attributes(), &texts::write(&self.posterior))
    }

    /// Whether every name can be kept in a file.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] with the name.
    pub(super) fn check_names(&self) -> Result<(), StoreError> {
        let mut groups: Vec<Group> = Vec::new();
        parts::write(self, &mut |part| {
            match (part, groups.last_mut()) {
                (Part::Group(name, attributes), _) => {
                    groups.push(Group { name: name.into(), attributes, variables: Vec::new() });
                }
                (Part::Variable(variable), Some(group)) => group.variables.push(variable),
                (Part::Variable(_), None) => {}
            }
            Ok(())
        })?;
        Store { attributes: self.attributes(), groups, texts: texts::write(&self.posterior) }.validate()
    }

    /// Attributes of the whole.
    fn attributes(&self) -> Map<String, Value> {
        let names: Vec<String> = self.posterior.prior.calibrated.iter().map(|c| c.name.clone()).collect();
        let mut attributes = Map::new();
        attributes.insert("inference_library".into(), json!("homeostat"));
        attributes.insert("inference_library_version".into(), json!(self.provenance.version));
        attributes.insert("notice".into(), json!(super::NOTICE));
        attributes.insert(PERSON.into(), json!(self.person));
        attributes.insert(PROVENANCE.into(), json!(self.provenance));
        attributes.insert(VERDICT.into(), texts::verdict(&self.verdict, &names));
        attributes
    }
}

impl Twin {
    /// Reads a twin, compiles its model again from the text in it, and checks on a draw that model, prior and readings
    /// say what they said when it was written.
    ///
    /// # Errors
    /// A file that is missing, damaged or of another version, or a model that this build reads in another way.
    pub fn read(path: &Path) -> Result<Self, TwinError> {
        let twin = Self::from_store(path, &store::read(path)?)?;
        twin.check_meaning().map_err(|reason| TwinError::Meaning { path: path.into(), reason })?;
        Ok(twin)
    }

    fn from_store(path: &Path, store: &Store) -> Result<Self, TwinError> {
        let malformed = |reason: String| TwinError::Malformed { path: path.into(), reason };
        let sources = texts::sources(store);
        let provenance: Provenance = attribute(store, PROVENANCE).map_err(malformed)?;
        let person: Person = attribute(store, PERSON).map_err(malformed)?;
        if super::model_hash(&sources) != provenance.model_hash {
            return Err(malformed("the model's text is not the one that was calibrated".into()));
        }
        let model = texts::compose(sources).map_err(|found| TwinError::Model { path: path.into(), found })?;
        let posterior = posterior(store, model).map_err(malformed)?;
        let prior = &posterior.prior;
        groups::check_prior(store, prior).map_err(|reason| TwinError::Meaning { path: path.into(), reason })?;
        let names: Vec<String> = prior.calibrated.iter().map(|c| c.name.clone()).collect();
        let verdict = store.attributes.get(VERDICT).ok_or_else(|| "it has no verdict".to_string());
        let draws = groups::draws(store, &names, provenance.gradients).map_err(malformed)?;
        let predictions = groups::predictions(store, &posterior.terms, &draws).map_err(malformed)?;
        Ok(Self {
            verdict: verdict.and_then(|verdict| texts::read_verdict(verdict, &names)).map_err(malformed)?,
            prior_draws: groups::prior_draws(store, &names).map_err(malformed)?,
            posterior: Arc::new(posterior),
            person,
            draws,
            predictions,
            provenance,
        })
    }

    /// Predicts the first kept draw again, as calibration did; a build with another meaning of the model would find
    /// another likelihood.
    fn check_meaning(&self) -> Result<(), String> {
        let kept = Thinned::new(&self.draws, self.predictions.thin);
        let found = predict_block(&self.posterior, (&self.draws, kept), 0, Seed(self.provenance.seed));
        let found = found.into_iter().next().flatten();
        for (index, term) in self.posterior.terms.iter().enumerate() {
            let kept = self.predictions.ln_likelihood[index].iter().take(term.readings.len());
            for (number, kept) in kept.enumerate() {
                let found = found.as_ref().map_or(f64::NAN, |found| found.ln_likelihood[index][number]);
                let same = kept == &found || (kept - found).abs() <= SAME * (1.0 + kept.abs());
                // A draw that could not be simulated is missing in both.
                if !(same || kept.is_nan() && found.is_nan()) {
                    let reading = format!("reading {} of `{}`", number + 1, term.name);
                    return Err(format!(
                        "{reading} has ln likelihood {found} under the first draw, in the file {kept}"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Model, prior, schedule and readings as one density again.
fn posterior(store: &Store, model: Composed) -> Result<Posterior, String> {
    let mut model = model;
    let personal = texts::personal(store)?;
    personal.apply(&mut model);
    let covariates = texts::covariates(store, &model)?;
    let schedule = texts::schedule(store, &model)?;
    let settings = texts::settings(store)?;
    let terms = groups::terms(store, &model)?;
    let prior = Prior::among(&model, &covariates, personal.alternatives.clone()).map_err(|error| error.to_string())?;
    let program = Arc::new(Program::compile(Arc::new(model)));
    let matched = Matched { covariates, schedule, terms, personal, ..Matched::default() };
    Ok(Posterior::new(program, prior, matched, settings))
}

fn attribute<T: serde::de::DeserializeOwned>(store: &Store, name: &str) -> Result<T, String> {
    let value = store.attributes.get(name).ok_or_else(|| format!("it has no attribute `{name}`"))?;
    parse(name, value)
}

fn parse<T: serde::de::DeserializeOwned>(name: &str, value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| format!("`{name}`: {error}"))
}
