//! Trajectories of many people, or many draws of one, sixteen a pass: they take their steps together.

use crate::model::{Program, Reading};

use super::integrate::{Failure, Settings, Solve, Statistics};
use super::schedule::Schedule;
use super::workspace::Workspace;

/// People a pass.
pub const LANES: usize = 16;

/// The same simulation for many parameter vectors.
#[derive(Clone, Copy, Debug)]
pub struct Ensemble<'a> {
    pub program: &'a Program,
    /// One a covariate of the model, in its unit.
    pub covariates: &'a [f64],
    pub schedule: &'a Schedule,
    /// Increasing, in the model's time unit.
    pub times: &'a [f64],
    pub settings: Settings,
}

impl Ensemble<'_> {
    /// Memory for [`Self::run`]; one a thread.
    pub fn workspace(&self) -> Workspace<LANES> {
        Workspace::new(self.program, Reading::Lanes)
    }

    /// Simulates up to [`LANES`] people, each given by natural values of all parameters of the model, and calls
    /// `observe(first, people, time, workspace)` at each time for people `first .. first + people`, who stand in the
    /// first lanes. Returns for each person why they failed, if they did: one who fails is left out of the others' way.
    pub fn run(
        &self,
        workspace: &mut Workspace<LANES>,
        people: &[Vec<f64>],
        observe: &mut dyn FnMut(usize, usize, usize, &mut Workspace<LANES>),
    ) -> Vec<Option<Failure>> {
        let together = self.solve(workspace, people, &mut |time, workspace| observe(0, people.len(), time, workspace));
        match together {
            Ok(_) => vec![None; people.len()],
            Err(failure) if people.len() == 1 => vec![Some(failure)],
            // Steps are shared, so one that cannot be solved stops all: each goes alone.
            Err(_) => (0..people.len())
                .map(|person| {
                    let alone = std::slice::from_ref(&people[person]);
                    self.solve(workspace, alone, &mut |time, workspace| observe(person, 1, time, workspace)).err()
                })
                .collect(),
        }
    }

    /// Values of outputs of any number of people: for each `[output, time]` flattened, or why there are none.
    pub fn outputs(
        &self,
        workspace: &mut Workspace<LANES>,
        people: &[Vec<f64>],
        outputs: &[usize],
    ) -> Vec<Result<Vec<f64>, Failure>> {
        let times = self.times.len();
        let mut found = vec![Ok(vec![f64::NAN; outputs.len() * times]); people.len()];
        for mine in self.order(workspace, people).chunks(LANES) {
            let group: Vec<Vec<f64>> = mine.iter().map(|person| people[*person].clone()).collect();
            let failures = self.run(workspace, &group, &mut |first, count, time, workspace| {
                for (row, output) in outputs.iter().enumerate() {
                    let block = workspace.output(self.program, *output);
                    for (person, value) in mine[first..first + count].iter().zip(block.0) {
                        if let Ok(values) = &mut found[*person] {
                            values[row * times + time] = value;
                        }
                    }
                }
            });
            for (person, failure) in mine.iter().zip(failures) {
                if let Some(failure) = failure {
                    found[*person] = Err(failure);
                }
            }
        }
        found
    }

    fn solve(
        &self,
        workspace: &mut Workspace<LANES>,
        people: &[Vec<f64>],
        observe: &mut dyn FnMut(usize, &mut Workspace<LANES>),
    ) -> Result<Statistics, Failure> {
        if people.is_empty() {
            return Ok(Statistics::default());
        }
        self.load(workspace, people);
        let solve = Solve { program: self.program, schedule: self.schedule, settings: self.settings };
        solve.run(workspace, self.times, observe)
    }

    /// Writes the parameters of up to [`LANES`] people, at least one, and the covariates.
    pub(super) fn load(&self, workspace: &mut Workspace<LANES>, people: &[Vec<f64>]) {
        let last = people.len() - 1;
        for parameter in 0..self.program.parameters() {
            // Lanes beyond the last person repeat that person.
            workspace.set_parameter(parameter, &std::array::from_fn(|lane| people[lane.min(last)][parameter]));
        }
        for (index, value) in self.covariates.iter().enumerate() {
            workspace.set_covariate(self.program, index, *value);
        }
    }
}
