//! The prior density of a model's calibrated parameters on the real line, given the person's covariates.

use thiserror::Error;

use crate::model::{Composed, ParameterValue, Symbol};
use crate::stats::{Distribution, Stream, Transform};
use crate::units::Unit;

/// The joint prior of the calibrated parameters of one person; positions are on the real line, values natural.
#[derive(Clone, Debug)]
pub struct Prior {
    pub calibrated: Vec<Calibrated>,
    /// Natural values of all parameters of the model, in its order; calibrated ones stand at their prior median.
    typical: Vec<f64>,
}

/// One calibrated parameter: its prior with the covariate effect applied, and its way to the real line.
#[derive(Clone, Debug)]
pub struct Calibrated {
    /// Number in the model's list of parameters.
    pub parameter: usize,
    pub name: String,
    pub unit: Unit,
    /// Distribution of the natural value, in `unit`.
    pub distribution: Distribution,
    pub transform: Transform,
}

/// Why a model has no prior for this person.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum PriorError {
    #[error("the covariate factor of `{parameter}` is {factor}: it must be a number above 0")]
    Factor { parameter: String, factor: f64 },
}

impl Prior {
    /// The prior given covariates, one a covariate of the model, in the model's units.
    pub fn new(model: &Composed, covariates: &[f64]) -> Result<Self, PriorError> {
        let mut prior = Self { calibrated: Vec::new(), typical: Vec::new() };
        for (index, parameter) in model.parameters.iter().enumerate() {
            let factor = parameter.scales.map_or(1.0, |scales| {
                model.graph.evaluate(scales, &|symbol| match symbol {
                    Symbol::Covariate(covariate) => covariates[covariate],
                    _ => f64::NAN,
                })
            });
            if !(factor > 0.0 && factor.is_finite()) {
                return Err(PriorError::Factor { parameter: parameter.name.clone(), factor });
            }
            match &parameter.value {
                ParameterValue::Fixed(value) => prior.typical.push(value * factor),
                ParameterValue::Prior(distribution) => {
                    let distribution = if factor == 1.0 { distribution.clone() } else { distribution.scaled(factor) };
                    prior.typical.push(distribution.median());
                    prior.calibrated.push(Calibrated {
                        parameter: index,
                        name: parameter.name.clone(),
                        unit: parameter.unit.clone(),
                        transform: Transform::for_support(distribution.support()),
                        distribution,
                    });
                }
            }
        }
        Ok(prior)
    }

    /// Number of calibrated parameters.
    pub fn dimension(&self) -> usize {
        self.calibrated.len()
    }

    /// Natural values of all parameters of the model at the prior medians.
    pub fn typical(&self) -> &[f64] {
        &self.typical
    }

    /// The position of the prior medians.
    pub fn centre(&self) -> Vec<f64> {
        self.calibrated.iter().map(|c| c.transform.to_real(c.distribution.median())).collect()
    }

    /// A position drawn from the prior.
    pub fn draw(&self, stream: &mut Stream) -> Vec<f64> {
        self.calibrated.iter().map(|c| c.transform.to_real(c.distribution.draw(stream))).collect()
    }

    /// Natural values of the calibrated parameters at a position.
    pub fn natural(&self, position: &[f64]) -> Vec<f64> {
        self.calibrated.iter().zip(position).map(|(c, z)| c.transform.from_real(*z)).collect()
    }

    /// Natural values of all parameters of the model, given those of the calibrated ones.
    pub fn complete(&self, natural: &[f64]) -> Vec<f64> {
        let mut all = self.typical.clone();
        for (c, value) in self.calibrated.iter().zip(natural) {
            all[c.parameter] = *value;
        }
        all
    }

    /// d natural value / d position of each calibrated parameter.
    pub fn slopes(&self, position: &[f64]) -> Vec<f64> {
        self.calibrated.iter().zip(position).map(|(c, z)| c.transform.d_from_real(*z)).collect()
    }

    /// ln prior density of a position, the Jacobian of the transforms included; adds its gradient to `gradient`.
    pub fn ln_density_gradient(&self, position: &[f64], gradient: &mut [f64]) -> f64 {
        let mut sum = 0.0;
        for ((c, z), gradient) in self.calibrated.iter().zip(position).zip(gradient) {
            let (value, slope) = (c.transform.from_real(*z), c.transform.d_from_real(*z));
            sum += c.distribution.ln_density(value) + c.transform.ln_jacobian(*z);
            *gradient += c.distribution.d_ln_density(value) * slope + c.transform.d_ln_jacobian(*z);
        }
        sum
    }
}
