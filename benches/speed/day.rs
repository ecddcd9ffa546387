//! The day that both sides solve: the fourth of a virtual person with type 1 diabetes, and draws of parameters.

use std::path::Path;
use std::sync::Arc;

use homeostat::inference::LogDensityGradient;
use homeostat::likelihood::{Posterior, match_patient};
use homeostat::model::{Library, Program};
use homeostat::patient::Patient;
use homeostat::population::Prior;
use homeostat::sim::{Ensemble, Failure, Settings};
use homeostat::stats::Seed;

use super::by_hand::{Covariates, PARAMETERS, Segment, segments};
use super::diffsol_runs::Day;

/// Where parameters come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Draws {
    /// The prior itself: people as unlike as can be.
    Prior,
    /// A fifth of the prior's spread about its medians, as a posterior would be.
    Cloud,
}

impl Draws {
    pub const ALL: [Self; 2] = [Self::Prior, Self::Cloud];
}

pub struct Fixture {
    pub posterior: Posterior,
    pub times: Vec<f64>,
    segments: Vec<Segment>,
    covariates: Covariates,
    outputs: [usize; 2],
    /// Where the parameters of the equations by hand stand among those of the model.
    places: [usize; 18],
}

impl Fixture {
    pub fn new(tolerance: f64) -> Self {
        let (model, _) = Library::embedded().load("t1d_day").expect("the model is in the library");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("patients/virtual_adult_001");
        let (patient, _) = Patient::load(&folder).expect("the person is in the project");
        let patient = patient.window(72.0, 96.0);
        let (matched, _) = match_patient(&model, &patient).expect("the model knows what was measured");
        let prior = Prior::new(&model, &matched.covariates).expect("the prior holds for this person");
        let settings = Settings { tolerance, ..Settings::default() };
        let program = Arc::new(Program::compile(Arc::new(model)));
        let posterior = Posterior::new(program, prior, matched, settings);
        let model = &posterior.program.model;
        fn place<T>(all: &[T], name: &str, of: impl Fn(&T) -> &str) -> usize {
            all.iter().position(|one| of(one) == name).unwrap_or_else(|| panic!("the model has no `{name}`"))
        }
        let output = |name| place(&model.outputs, name, |output| &output.name);
        let covariate = |name| posterior.covariates[place(&model.covariates, name, |covariate| &covariate.name)];
        let segments = segments(&posterior.schedule, &|name| place(&model.inputs, name, |input| &input.name));
        let covariates =
            Covariates { weight: covariate("weight"), usual_basal_insulin: covariate("usual_basal_insulin") };
        let outputs = [output("plasma_glucose"), output("interstitial_glucose")];
        let places = PARAMETERS.map(|name| place(&model.parameters, name, |parameter| &parameter.name));
        let times = (0..=288).map(|index| posterior.schedule.start + 5.0 * f64::from(index)).collect();
        Self { times, segments, covariates, outputs, places, posterior }
    }

    /// What diffsol is to solve.
    pub fn day(&self) -> Day<'_> {
        Day {
            start: self.posterior.schedule.start,
            segments: &self.segments,
            times: &self.times,
            covariates: self.covariates,
            tolerance: self.posterior.settings.tolerance,
        }
    }

    /// The first so many draws that Homeostat can simulate.
    pub fn positions(&self, draws: Draws, count: usize) -> Vec<Vec<f64>> {
        let prior = &self.posterior.prior;
        let centre = prior.centre();
        let mut workspace = self.posterior.workspace();
        let mut gradient = vec![0.0; centre.len()];
        let drawn = (0..).map(|index| {
            let position = prior.draw(&mut Seed(1).stream("bench", index));
            match draws {
                Draws::Prior => position,
                Draws::Cloud => centre.iter().zip(position).map(|(c, p)| c + 0.2 * (p - c)).collect(),
            }
        });
        let solvable = drawn.filter(|position: &Vec<f64>| {
            self.posterior.ln_density_gradient(&mut workspace, position, &mut gradient).is_ok()
        });
        solvable.take(count).collect()
    }

    /// Natural values of all parameters of the model.
    pub fn complete(&self, position: &[f64]) -> Vec<f64> {
        self.posterior.prior.complete(&self.posterior.prior.natural(position))
    }

    /// Those in the equations by hand.
    pub fn by_hand(&self, complete: &[f64]) -> [f64; 18] {
        self.places.map(|place| complete[place])
    }

    /// The model's parameter that is number `parameter` in the equations by hand.
    pub fn place(&self, parameter: usize) -> usize {
        self.places[parameter]
    }

    /// Plasma and interstitial glucose by Homeostat, on this thread alone.
    pub fn ensemble(&self, people: &[Vec<f64>]) -> Vec<Result<Vec<f64>, Failure>> {
        let ensemble = Ensemble {
            program: &self.posterior.program,
            covariates: &self.posterior.covariates,
            schedule: &self.posterior.schedule,
            times: &self.times,
            settings: self.posterior.settings,
        };
        ensemble.outputs(&mut ensemble.workspace(), people, &self.outputs)
    }
}
