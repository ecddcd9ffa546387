//! What each draw says of every reading: its likelihood, and a reading drawn in its place.

use rand::RngExt;
use rand_distr::StandardNormal;

use crate::model::Reading;
use crate::sim::{Ensemble, Failure, LANES, Workspace};
use crate::stats::Stream;

use super::correlated::Memory;
use super::family::Noise;
use super::posterior::Posterior;
use super::testing::{LnIntegral, Tilted};

/// One draw's word on every reading, term after term; each list has one entry a reading.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Predicted {
    /// ln likelihood of each reading (given the one before where errors are correlated).
    pub ln_likelihood: Vec<Vec<f64>>,
    /// A reading drawn from the model with its error, in the term's unit.
    pub drawn: Vec<Vec<f64>>,
}

/// What is known of a correlated error, as measured and as drawn.
type Memories = (Memory<f64>, Memory<f64>);

impl Posterior {
    /// Memory for [`Self::predict`]; one a thread.
    pub fn lanes(&self) -> Workspace<LANES> {
        Workspace::new(&self.program, Reading::Lanes)
    }

    /// Predictions of up to [`LANES`] draws (natural values of the calibrated parameters), each with its own stream.
    pub fn predict(
        &self,
        workspace: &mut Workspace<LANES>,
        draws: &[Vec<f64>],
        streams: &mut [Stream],
    ) -> Vec<Result<Predicted, Failure>> {
        self.in_lanes(workspace, draws, Some(streams))
    }

    /// ln likelihood of all readings under up to [`LANES`] draws (natural values of the calibrated parameters).
    pub fn score(&self, workspace: &mut Workspace<LANES>, draws: &[Vec<f64>]) -> Vec<Result<f64, Failure>> {
        let sum = |found: Predicted| found.ln_likelihood.iter().flatten().sum();
        self.in_lanes(workspace, draws, None).into_iter().map(|found| found.map(sum)).collect()
    }

    /// Scores the readings, and draws others in their place where there are streams for it.
    fn in_lanes(
        &self,
        workspace: &mut Workspace<LANES>,
        draws: &[Vec<f64>],
        mut streams: Option<&mut [Stream]>,
    ) -> Vec<Result<Predicted, Failure>> {
        let people: Vec<Vec<f64>> = draws.iter().map(|natural| self.prior.complete(natural)).collect();
        let empty =
            Predicted { ln_likelihood: vec![Vec::new(); self.terms.len()], drawn: vec![Vec::new(); self.terms.len()] };
        let mut found = vec![empty.clone(); draws.len()];
        let nothing: Vec<Memories> = self.terms.iter().map(|_| Memories::default()).collect();
        let mut memories: Vec<Vec<Memories>> = vec![nothing.clone(); draws.len()];
        let mut integrals = vec![vec![LnIntegral::<1>::default(); self.testing.len()]; draws.len()];
        let ensemble = Ensemble {
            program: &self.program,
            covariates: &self.covariates,
            schedule: &self.schedule,
            times: self.times(),
            settings: self.settings,
        };
        let failures = ensemble.run(workspace, &people, &mut |first, count, time, workspace| {
            if time == 0 {
                // A person who starts again alone starts with nothing.
                found[first..first + count].fill(empty.clone());
                memories[first..first + count].fill(nothing.clone());
                integrals[first..first + count].fill(vec![LnIntegral::default(); self.testing.len()]);
            }
            let weight = self.weights[time];
            for (number, testing) in self.testing.iter().enumerate().filter(|_| weight > 0.0) {
                let term = &self.terms[testing.term];
                workspace.observation(&self.program, term.observation);
                for lane in 0..count {
                    let argument = |index| workspace.argument(&self.program, term.observation, index).0[lane];
                    let noise = Noise { family: term.family, arguments: [argument(0), argument(1), 0.0] };
                    let person = first + lane;
                    let s = people[person][testing.parameter] / testing.per;
                    integrals[person][number].add(weight, Tilted::new(noise, s).ln_rate, &[0.0]);
                }
            }
            for (index, number) in self.taken(time) {
                let (term, reading) = (&self.terms[*index], self.terms[*index].readings[*number]);
                workspace.observation(&self.program, term.observation);
                for lane in 0..count {
                    let person = first + lane;
                    let mut noise = Noise { family: term.family, arguments: [0.0; 3] };
                    for argument in 0..Noise::arity(term.family) {
                        noise.arguments[argument] =
                            workspace.argument(&self.program, term.observation, argument).0[lane];
                    }
                    if term.family.correlated() {
                        let (measured, drawn) = &mut memories[person][*index];
                        let ln_density = measured.score(term.family, noise.arguments, reading);
                        found[person].ln_likelihood[*index].push(ln_density);
                        let value = streams.as_deref_mut().map(|streams| {
                            let normal = streams[person].sample(StandardNormal);
                            drawn.draw(term.family, noise.arguments, reading, normal)
                        });
                        found[person].drawn[*index].extend(value);
                        continue;
                    }
                    let s = self.tested(*index).map_or(0.0, |(_, by)| people[person][by.parameter] / by.per);
                    let tilted = Tilted::new(noise.widened(reading.sd, reading.value).0, s);
                    let scored = tilted.noise.score(reading.value, reading.censoring);
                    found[person].ln_likelihood[*index].push(scored.ln_density + tilted.ln_rate);
                    let value = streams.as_deref_mut().map(|streams| tilted.noise.draw(&mut streams[person]));
                    found[person].drawn[*index].extend(value);
                }
            }
        });
        for (predicted, integrals) in found.iter_mut().zip(&integrals) {
            for (integral, testing) in integrals.iter().zip(&self.testing) {
                let scores = &mut predicted.ln_likelihood[testing.term];
                scores.iter_mut().for_each(|ln_density| *ln_density -= integral.value());
            }
        }
        found.into_iter().zip(failures).map(|(predicted, failure)| failure.map_or(Ok(predicted), Err)).collect()
    }
}
