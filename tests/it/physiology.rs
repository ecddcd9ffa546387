//! The model library against implementations and tables that others wrote.

mod anatomy;
mod circulation;
mod dalla_man;
mod drug_studies;
mod drug_values;
mod drugs;
mod energy;
mod exercise;
mod formulas;
mod genotype;
mod kidney;
mod lipids;
mod minimal;
mod ogtt;
mod pbpk;
mod people;
mod population;
mod s2008;
mod warfarin;
mod whole_body;
mod whole_person;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use homeostat::diagnostic::Source;
use homeostat::model::{Composed, Library, Program};
use homeostat::population::Prior;
use homeostat::sim::{Bolus, Ensemble, Held, Infusion, Schedule, Series, Settings};

/// A file of the reference data, if they are there.
pub fn reference(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(path);
    if !path.exists() {
        eprintln!("skipped: the reference data `{path:?}` are not here");
        return None;
    }
    Some(path)
}

/// A file of `tests/golden`.
fn golden(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(path)
}

type Row = HashMap<String, String>;

fn rows(path: &Path) -> Vec<Row> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

fn number(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("`{}` in the column {column}", row[column]))
}

/// A model of the library with other words in its files; each must be there once.
fn with_words(name: &str, words: &[(&str, &str)]) -> Composed {
    let (model, _) = Library::embedded().load(name).unwrap_or_else(|found| panic!("{found}"));
    let mut texts: Vec<(String, String)> =
        model.sources.iter().map(|source| (source.name.to_string(), source.text.to_string())).collect();
    for (from, to) in words {
        assert_eq!(texts.iter().map(|(_, text)| text.matches(from).count()).sum::<usize>(), 1, "`{from}` in {name}");
        texts.iter_mut().for_each(|(_, text)| *text = text.replace(from, to));
    }
    let library = Library::of(texts.into_iter().map(|(name, text)| Source::new(name, text)).collect());
    library.load(name).unwrap_or_else(|found| panic!("{found}")).0
}

/// One person under a schedule that is written with the model's names.
struct Person {
    program: Program,
    covariates: Vec<f64>,
    set: Vec<(usize, f64)>,
    schedule: Schedule,
    tolerance: f64,
}

impl Person {
    /// Everything at its typical value; covariates in the model's units.
    fn new(model: Composed, covariates: &[(&str, f64)], end: f64) -> Self {
        let value = |c: &homeostat::model::Covariate| {
            let given = covariates.iter().find(|(name, _)| *name == c.name);
            given.map(|(_, value)| *value).or(c.default).unwrap_or_else(|| panic!("{} is not given", c.name))
        };
        let covariates = model.covariates.iter().map(value).collect();
        let schedule = Schedule { end, ..Schedule::default() };
        Self { program: Program::compile(Arc::new(model)), covariates, set: Vec::new(), schedule, tolerance: 1e-9 }
    }

    fn set(&mut self, name: &str, value: f64) -> &mut Self {
        let found = self.program.model.parameters.iter().position(|parameter| parameter.name == name);
        self.set.push((found.unwrap_or_else(|| panic!("no parameter {name}")), value));
        self
    }

    fn input(&self, name: &str) -> usize {
        let found = self.program.model.inputs.iter().position(|input| input.name == name);
        found.unwrap_or_else(|| panic!("no input {name}"))
    }

    fn hold(&mut self, name: &str, rate: f64) -> &mut Self {
        let input = self.input(name);
        self.schedule.held.push(Held { input, time: 0.0, rate });
        self
    }

    fn infuse(&mut self, name: &str, rate: f64, duration: f64) -> &mut Self {
        let input = self.input(name);
        self.schedule.infusions.push(Infusion { input, time: 0.0, rate, duration });
        self
    }

    fn give(&mut self, name: &str, time: f64, amount: f64) -> &mut Self {
        let input = self.input(name);
        self.schedule.boluses.push(Bolus { input, time, amount });
        self
    }

    /// The value of a series at all times.
    fn constant(&mut self, name: &str, value: f64) -> &mut Self {
        let input = self.input(name);
        self.schedule.series.push(Series { input, times: vec![0.0], values: vec![value] });
        self
    }

    /// `[output][time]`
    fn outputs(&self, names: &[&str], times: &[f64]) -> Vec<Vec<f64>> {
        let model = &self.program.model;
        let mut values = Prior::new(model, &self.covariates).unwrap().typical().to_vec();
        for (parameter, value) in &self.set {
            values[*parameter] = *value;
        }
        let output = |name: &&str| {
            let found = model.outputs.iter().position(|output| output.name == *name);
            found.unwrap_or_else(|| panic!("no output {name}"))
        };
        let outputs: Vec<usize> = names.iter().map(output).collect();
        let ensemble = Ensemble {
            program: &self.program,
            covariates: &self.covariates,
            schedule: &self.schedule,
            times,
            settings: Settings { tolerance: self.tolerance, ..Settings::default() },
        };
        let found = ensemble.outputs(&mut ensemble.workspace(), &[values], &outputs).remove(0);
        found.unwrap_or_else(|failure| panic!("{failure}")).chunks(times.len()).map(<[f64]>::to_vec).collect()
    }
}

#[test]
fn every_parameter_of_the_library_has_a_source() {
    let library = Library::embedded();
    assert!(library.names().len() >= 4);
    for (name, about) in library.names() {
        assert!(!about.is_empty(), "{name} says nothing of itself");
        let (model, warnings) = library.load(&name).unwrap_or_else(|found| panic!("{found}"));
        assert!(warnings.is_empty(), "{name}: {warnings}");
        assert_eq!(model.name, name, "the file's name is the model's");
        for parameter in &model.parameters {
            assert!(parameter.source.as_ref().is_some_and(|source| source.len() > 8), "{name}: {}", parameter.name);
        }
    }
}
