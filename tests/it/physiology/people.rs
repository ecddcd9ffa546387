//! Adults drawn from a population and from a model's prior: what the middle 90 % of them have.

use std::sync::Arc;

use homeostat::model::{Composed, Covariate, Library, Program};
use homeostat::patient::Vocabulary;
use homeostat::population::Prior;
use homeostat::sim::{Ensemble, Schedule, Settings};
use homeostat::stats::{Distribution, Family, Seed};

/// Adults of 20 to 80 years, half of them women, with heights and body mass indices about as in the United States.
pub struct Adult {
    pub sex: f64,
    age: f64,
    /// In cm.
    pub height: f64,
    /// In kg.
    pub weight: f64,
}

impl Adult {
    /// The values of a model's covariates, in its units; what is not named here is the model's default.
    pub fn covariates(&self, model: &Composed) -> Vec<f64> {
        let vocabulary = Vocabulary::embedded().unwrap_or_else(|found| panic!("{found}"));
        let value = |covariate: &Covariate| {
            let value = match covariate.name.as_str() {
                "sex" => return self.sex,
                "age" => self.age,
                "weight" => self.weight,
                "height" => self.height,
                name => return covariate.default.unwrap_or_else(|| panic!("{name} is not given")),
            };
            let unit = &vocabulary.term(&covariate.name).unwrap().unit;
            unit.convert(value, &covariate.unit).unwrap_or_else(|| panic!("unit of {}", covariate.name))
        };
        model.covariates.iter().map(value).collect()
    }
}

pub fn adults(count: u64) -> Vec<Adult> {
    let one = |index| {
        let mut stream = Seed(7).stream("adult", index);
        let mut draw = |family, arguments: &[f64]| Distribution::new(family, arguments).unwrap().draw(&mut stream);
        let sex = (index % 2) as f64;
        let age = draw(Family::Uniform, &[20.0, 80.0]);
        let height = draw(Family::Normal, &[162.5 + 13.0 * sex, 7.0 + 0.6 * sex]);
        let index = draw(Family::LogNormal, &[29.0 - 0.8 * sex, 0.24 - 0.05 * sex]);
        Adult { sex, age, height, weight: index * (height / 100.0).powi(2) }
    };
    (0..count).map(one).collect()
}

/// `[output][person]`: outputs of each at a time, all calibrated parameters drawn from the prior.
pub fn drawn(model: &str, outputs: &[&str], time: f64, adults: &[Adult]) -> Vec<Vec<f64>> {
    let (model, _) = Library::embedded().load(model).unwrap();
    let program = Program::compile(Arc::new(model));
    let model = &program.model;
    let places: Vec<usize> =
        outputs.iter().map(|name| model.outputs.iter().position(|output| output.name == *name).unwrap()).collect();
    let mut found = vec![Vec::with_capacity(adults.len()); outputs.len()];
    for (index, adult) in adults.iter().enumerate() {
        let covariates = adult.covariates(model);
        let prior = Prior::new(model, &covariates).unwrap();
        let position = prior.draw(&mut Seed(8).stream("person", index as u64));
        let values = prior.complete(&prior.natural(&position));
        let ensemble = Ensemble {
            program: &program,
            covariates: &covariates,
            schedule: &Schedule { end: time, ..Schedule::default() },
            times: &[time],
            settings: Settings::default(),
        };
        let outputs = ensemble.outputs(&mut ensemble.workspace(), &[values], &places).remove(0);
        let outputs = outputs.unwrap_or_else(|failure| panic!("person {index}: {failure}"));
        found.iter_mut().zip(outputs).for_each(|(all, value)| all.push(value));
    }
    found
}

/// 5 and 95 % of them.
pub fn quantiles(mut values: Vec<f64>) -> [f64; 2] {
    values.sort_by(f64::total_cmp);
    [0.05, 0.95].map(|share| values[(share * values.len() as f64) as usize])
}

/// 5 and 95 % of them within 15 % of a published range.
pub fn within(name: &str, values: Vec<f64>, [low, high]: [f64; 2]) {
    let count = values.len();
    let [found_low, found_high] = quantiles(values);
    println!("{name}: {found_low:.3} to {found_high:.3}, published {low} to {high}, of {count}");
    assert!((found_low / low - 1.0).abs() < 0.15, "{name}: 5 % at {found_low}, published {low}");
    assert!((found_high / high - 1.0).abs() < 0.15, "{name}: 95 % at {found_high}, published {high}");
}

/// The same, and nobody is impossible.
pub fn range(name: &str, values: Vec<f64>, published: [f64; 2], [least, most]: [f64; 2]) {
    for value in &values {
        assert!((least..=most).contains(value), "{name}: {value}");
    }
    within(name, values, published);
}
