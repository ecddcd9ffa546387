//! The prior density of a model's calibrated parameters on the real line, given the person's covariates.

use thiserror::Error;

use super::mixture::{Alternatives, Mixture};
use crate::model::{Composed, Parameter, ParameterValue, Symbol};
use crate::stats::{Distribution, Stream, Transform};
use crate::units::Unit;

/// The joint prior of the calibrated parameters of one person; positions are on the real line, values natural.
#[derive(Clone, Debug)]
pub struct Prior {
    pub calibrated: Vec<Calibrated>,
    /// Natural values of all parameters of the model, in its order; calibrated ones stand at their prior median.
    typical: Vec<f64>,
    /// What is known only as alternatives.
    pub alternatives: Vec<Alternatives>,
    /// The joint priors of the parameters that depend on them.
    mixtures: Vec<Mixture>,
}

/// One calibrated parameter: its prior with the covariate effect applied, and its way to the real line.
#[derive(Clone, Debug)]
pub struct Calibrated {
    /// Number in the model's list of parameters.
    pub parameter: usize,
    pub name: String,
    pub unit: Unit,
    /// Distribution of the natural value, in `unit`; of one that depends on alternatives, the marginal.
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
        Self::among(model, covariates, Vec::new())
    }

    /// The prior given covariates of which some are known only as alternatives: the exact mixture over these.
    pub fn among(model: &Composed, covariates: &[f64], alternatives: Vec<Alternatives>) -> Result<Self, PriorError> {
        let (calibrated, typical, mixtures) = (Vec::new(), Vec::new(), Vec::new());
        let mut prior = Self { calibrated, typical, alternatives, mixtures };
        for (index, parameter) in model.parameters.iter().enumerate() {
            let factor = factor_of(model, parameter, covariates);
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
        prior.mixtures = Mixture::all(model, covariates, &prior.alternatives, &mut prior.calibrated);
        for c in prior.mixtures.iter().flat_map(|mixture| &mixture.members).map(|member| &prior.calibrated[*member]) {
            prior.typical[c.parameter] = c.distribution.median();
        }
        Ok(prior)
    }

    /// Probability of each case of each of the alternatives, given natural values of the calibrated parameters: `None`
    /// of those that no calibrated parameter depends on.
    pub fn probabilities(&self, natural: &[f64]) -> Vec<Option<Vec<f64>>> {
        let mut all = vec![None; self.alternatives.len()];
        for mixture in &self.mixtures {
            let values: Vec<f64> = mixture.members.iter().map(|member| natural[*member]).collect();
            for (index, probabilities) in mixture.probabilities(&values, &self.alternatives) {
                all[index] = Some(probabilities);
            }
        }
        all
    }

    /// Numbers of the calibrated parameters whose joint density is not the product of their own.
    pub fn mixed(&self) -> Vec<usize> {
        self.mixtures
            .iter()
            .filter(|mixture| mixture.members.len() > 1)
            .flat_map(|mixture| mixture.members.clone())
            .collect()
    }

    /// What the ln density of natural values has beside the sum of the parameters' own; only those of [`Self::mixed`] matter.
    pub fn jointly(&self, natural: &dyn Fn(usize) -> f64) -> f64 {
        let mixtures = self.mixtures.iter().filter(|mixture| mixture.members.len() > 1).map(|mixture| {
            let values: Vec<f64> = mixture.members.iter().map(|member| natural(*member)).collect();
            let own = mixture.members.iter().zip(&values);
            let own = own.map(|(member, value)| self.calibrated[*member].distribution.ln_density(*value));
            mixture.ln_density(&values).0 - own.sum::<f64>()
        });
        mixtures.sum()
    }

    /// ln prior density of natural values of the calibrated parameters.
    pub fn ln_density(&self, natural: &[f64]) -> f64 {
        let own = self.calibrated.iter().zip(natural).map(|(c, value)| c.distribution.ln_density(*value));
        own.sum::<f64>() + self.jointly(&|index| natural[index])
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
        let draw = |c: &Calibrated| c.transform.to_real(c.distribution.draw(stream));
        let mut position: Vec<f64> = self.calibrated.iter().map(draw).collect();
        for mixture in &self.mixtures {
            let weights = Distribution::Uniform { lower: 0.0, upper: 1.0 };
            let mut left = weights.draw(stream);
            let mut chosen = &mixture.cases[mixture.cases.len() - 1];
            for case in &mixture.cases {
                if left < case.weight {
                    chosen = case;
                    break;
                }
                left -= case.weight;
            }
            for (member, distribution) in mixture.members.iter().zip(&chosen.distributions) {
                position[*member] = self.calibrated[*member].transform.to_real(distribution.draw(stream));
            }
        }
        position
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
        let mixed = |index: usize| self.mixtures.iter().any(|mixture| mixture.members.contains(&index));
        for (index, (c, z)) in self.calibrated.iter().zip(position).enumerate() {
            let (value, slope) = (c.transform.from_real(*z), c.transform.d_from_real(*z));
            if mixed(index) {
                sum += c.transform.ln_jacobian(*z);
                gradient[index] += c.transform.d_ln_jacobian(*z);
            } else {
                sum += c.distribution.ln_density(value) + c.transform.ln_jacobian(*z);
                gradient[index] += c.distribution.d_ln_density(value) * slope + c.transform.d_ln_jacobian(*z);
            }
        }
        for mixture in &self.mixtures {
            let natural = |member: &usize| self.calibrated[*member].transform.from_real(position[*member]);
            let values: Vec<f64> = mixture.members.iter().map(natural).collect();
            let (ln_density, slopes) = mixture.ln_density(&values);
            sum += ln_density;
            for (member, by_value) in mixture.members.iter().zip(slopes) {
                gradient[*member] += by_value * self.calibrated[*member].transform.d_from_real(position[*member]);
            }
        }
        sum
    }
}

/// The covariate factor on a parameter's typical value.
pub(super) fn factor_of(model: &Composed, parameter: &Parameter, covariates: &[f64]) -> f64 {
    parameter.scales.map_or(1.0, |scales| {
        model.graph.evaluate(scales, &|symbol| match symbol {
            Symbol::Covariate(covariate) => covariates[covariate],
            _ => f64::NAN,
        })
    })
}
