//! The posterior as samplers other than NUTS want it: by its values in lanes, tempered, or as a simulator of data.

use super::posterior::{Posterior, PosteriorWorkspace};
use crate::inference::{LogDensity, LogDensityGradient, Rejection, Simulator, Target, Tempered};
use crate::sim::{LANES, Workspace};
use crate::stats::Stream;

/// Memory for values in lanes and for gradients, each made when it is first wanted.
#[derive(Debug, Default)]
pub struct TargetWorkspace {
    lanes: Option<Workspace<LANES>>,
    gradient: Option<PosteriorWorkspace>,
}

impl Posterior {
    fn ln_likelihoods_of(&self, workspace: &mut TargetWorkspace, points: &[Vec<f64>]) -> Vec<Result<f64, Rejection>> {
        let lanes = workspace.lanes.get_or_insert_with(|| self.lanes());
        let mut found = Vec::with_capacity(points.len());
        for block in points.chunks(LANES) {
            let draws: Vec<Vec<f64>> = block.iter().map(|at| self.prior.natural(at)).collect();
            for scored in self.score(lanes, &draws) {
                found.push(match scored {
                    Ok(ln_likelihood) if ln_likelihood.is_nan() => Err(Rejection::new("the density is not a number")),
                    Ok(ln_likelihood) => Ok(ln_likelihood),
                    Err(failure) => Err(Rejection::new(failure.to_string())),
                });
            }
        }
        found
    }
}

impl Target for Posterior {
    type Workspace = TargetWorkspace;

    fn dimension(&self) -> usize {
        self.prior.dimension()
    }

    fn workspace(&self) -> TargetWorkspace {
        TargetWorkspace::default()
    }

    fn lanes(&self) -> usize {
        LANES
    }
}

impl LogDensity for Posterior {
    fn ln_densities(&self, workspace: &mut TargetWorkspace, points: &[Vec<f64>]) -> Vec<Result<f64, Rejection>> {
        let mut unused = vec![0.0; self.prior.dimension()];
        let scored = self.ln_likelihoods_of(workspace, points);
        let with_prior = |(at, scored): (&Vec<f64>, Result<f64, Rejection>)| {
            scored.map(|ln_likelihood| ln_likelihood + self.prior.ln_density_gradient(at, &mut unused))
        };
        points.iter().zip(scored).map(with_prior).collect()
    }
}

impl Tempered for Posterior {
    fn draw(&self, stream: &mut Stream) -> Vec<f64> {
        self.prior.draw(stream)
    }

    fn ln_prior_gradient(&self, at: &[f64], gradient: &mut [f64]) -> f64 {
        self.prior.ln_density_gradient(at, gradient)
    }

    fn ln_likelihoods(&self, workspace: &mut TargetWorkspace, points: &[Vec<f64>]) -> Vec<Result<f64, Rejection>> {
        self.ln_likelihoods_of(workspace, points)
    }

    fn ln_likelihood_gradient(
        &self,
        workspace: &mut TargetWorkspace,
        at: &[f64],
        gradient: &mut [f64],
    ) -> Result<f64, Rejection> {
        let own = workspace.gradient.get_or_insert_with(|| LogDensityGradient::workspace(self));
        let density = self.ln_density_gradient(own, at, gradient)?;
        let mut of_prior = vec![0.0; at.len()];
        let ln_prior = self.prior.ln_density_gradient(at, &mut of_prior);
        gradient.iter_mut().zip(of_prior).for_each(|(slope, prior)| *slope -= prior);
        Ok(density - ln_prior)
    }
}

impl Simulator for Posterior {
    fn draw(&self, stream: &mut Stream) -> Vec<f64> {
        self.prior.draw(stream)
    }

    fn ln_prior(&self, at: &[f64]) -> f64 {
        self.prior.ln_density_gradient(at, &mut vec![0.0; at.len()])
    }

    fn simulate(
        &self,
        workspace: &mut TargetWorkspace,
        points: &[Vec<f64>],
        streams: &mut [Stream],
    ) -> Vec<Result<Vec<f64>, Rejection>> {
        let lanes = workspace.lanes.get_or_insert_with(|| self.lanes());
        let mut found = Vec::with_capacity(points.len());
        for (block, streams) in points.chunks(LANES).zip(streams.chunks_mut(LANES)) {
            let draws: Vec<Vec<f64>> = block.iter().map(|at| self.prior.natural(at)).collect();
            for predicted in self.predict(lanes, &draws, streams) {
                found.push(match predicted {
                    Ok(predicted) => Ok(self.summarise(&predicted.drawn)),
                    Err(failure) => Err(Rejection::new(failure.to_string())),
                });
            }
        }
        found
    }

    fn observed(&self) -> Vec<f64> {
        let values: Vec<Vec<f64>> =
            self.terms.iter().map(|term| term.readings.iter().map(|reading| reading.value).collect()).collect();
        self.summarise(&values)
    }
}
