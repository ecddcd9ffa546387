//! Priors that depend on what is known only as alternatives, as a genotype is: the exact mixture over all of them.

use serde::{Deserialize, Serialize};

use super::prior::{Calibrated, factor_of};
use crate::model::{Composed, ParameterValue, Symbol};
use crate::stats::{Distribution, ln_sum_exp};

/// At most so many combinations of alternatives are mixed; the least likely are left out beyond.
const MOST_CASES: usize = 400;

/// Something of which one of several cases is true, each with other values of the model's covariates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alternatives {
    pub name: String,
    pub cases: Vec<Alternative>,
}

/// One case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    pub name: String,
    /// Probability; those of all cases add up to 1.
    pub weight: f64,
    /// Covariates by name, in the model's units.
    pub covariates: Vec<(String, f64)>,
}

/// The joint prior of the parameters that depend on alternatives: a mixture of products.
#[derive(Clone, Debug)]
pub(super) struct Mixture {
    /// Numbers in the list of alternatives.
    of: Vec<usize>,
    /// Numbers in the list of calibrated parameters.
    pub members: Vec<usize>,
    pub cases: Vec<Case>,
}

#[derive(Clone, Debug)]
pub(super) struct Case {
    /// For each of `of`, the number of its case.
    which: Vec<usize>,
    ln_weight: f64,
    pub weight: f64,
    /// Of each member.
    pub distributions: Vec<Distribution>,
}

impl Mixture {
    /// The mixtures of a model's calibrated parameters; their own distributions become the marginals.
    pub(super) fn all(
        model: &Composed,
        covariates: &[f64],
        alternatives: &[Alternatives],
        calibrated: &mut [Calibrated],
    ) -> Vec<Self> {
        // Which alternatives move which parameter; those that share one are mixed together.
        let mut groups: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();
        for (index, c) in calibrated.iter().enumerate() {
            let Some(scales) = model.parameters[c.parameter].scales else { continue };
            let symbols = model.graph.symbols(&[scales]);
            let moves = |alternatives: &Alternatives| {
                alternatives.cases.len() > 1
                    && alternatives.cases.iter().flat_map(|case| &case.covariates).any(|(name, _)| {
                        let number = model.covariates.iter().position(|covariate| covariate.name == *name);
                        number.is_some_and(|number| symbols.contains(&Symbol::Covariate(number)))
                    })
            };
            let of: Vec<usize> = (0..alternatives.len()).filter(|index| moves(&alternatives[*index])).collect();
            if of.is_empty() {
                continue;
            }
            let (mut together, apart): (Vec<_>, Vec<_>) =
                groups.into_iter().partition(|(known, _)| known.iter().any(|one| of.contains(one)));
            let mut joined = (of, vec![index]);
            for (of, members) in together.drain(..) {
                joined.0.extend(of);
                joined.1.extend(members);
            }
            joined.0.sort_unstable();
            joined.0.dedup();
            joined.1.sort_unstable();
            groups = apart;
            groups.push(joined);
        }
        let mixtures = groups.into_iter().map(|(of, members)| {
            let mut whole: Vec<(Vec<usize>, f64)> = vec![(Vec::new(), 1.0)];
            for index in &of {
                let cases = &alternatives[*index].cases;
                whole = whole
                    .iter()
                    .flat_map(|(which, weight)| {
                        cases.iter().enumerate().map(move |(case, alternative)| {
                            (which.iter().copied().chain([case]).collect(), weight * alternative.weight)
                        })
                    })
                    .collect();
                whole.sort_by(|a, b| b.1.total_cmp(&a.1));
                whole.truncate(MOST_CASES);
            }
            let total: f64 = whole.iter().map(|(_, weight)| weight).sum();
            let cases = whole.into_iter().map(|(which, weight)| {
                let mut values = covariates.to_vec();
                for (index, case) in of.iter().zip(&which) {
                    for (name, value) in &alternatives[*index].cases[*case].covariates {
                        if let Some(number) = model.covariates.iter().position(|covariate| covariate.name == *name) {
                            values[number] = *value;
                        }
                    }
                }
                let distributions = members.iter().map(|member| {
                    let parameter = &model.parameters[calibrated[*member].parameter];
                    match &parameter.value {
                        ParameterValue::Prior(distribution) => {
                            let factor = factor_of(model, parameter, &values);
                            // A factor that is none would have been refused at the covariates' own values; in a case
                            // of little weight it changes nothing.
                            let factor = if factor > 0.0 && factor.is_finite() { factor } else { 1.0 };
                            distribution.scaled(factor)
                        }
                        ParameterValue::Fixed(_) => calibrated[*member].distribution.clone(),
                    }
                });
                let weight = weight / total;
                Case { which, weight, ln_weight: weight.ln(), distributions: distributions.collect() }
            });
            let cases: Vec<Case> = cases.collect();
            for (at, member) in members.iter().enumerate() {
                let parts = cases.iter().map(|case| (case.weight, case.distributions[at].clone()));
                calibrated[*member].distribution = Distribution::Mixture(parts.collect());
            }
            Self { of, members, cases }
        });
        mixtures.collect()
    }

    /// ln density of the members' natural values, and its derivative by each.
    pub(super) fn ln_density(&self, values: &[f64]) -> (f64, Vec<f64>) {
        let terms: Vec<f64> = self.terms(values);
        let total = ln_sum_exp(&terms);
        let slopes = (0..self.members.len()).map(|at| {
            let by_case = self.cases.iter().zip(&terms).map(|(case, term)| {
                let share = (term - total).exp();
                // A case that the value rules out has no slope, but no share either.
                if share > 0.0 { share * case.distributions[at].d_ln_density(values[at]) } else { 0.0 }
            });
            by_case.sum()
        });
        (total, slopes.collect())
    }

    /// Probability of each case of each of the alternatives that are mixed here, given the members' values.
    pub(super) fn probabilities(&self, values: &[f64], alternatives: &[Alternatives]) -> Vec<(usize, Vec<f64>)> {
        let terms = self.terms(values);
        let total = ln_sum_exp(&terms);
        let of = self.of.iter().enumerate().map(|(at, index)| {
            let mut probabilities = vec![0.0; alternatives[*index].cases.len()];
            for (case, term) in self.cases.iter().zip(&terms) {
                probabilities[case.which[at]] += (term - total).exp();
            }
            (*index, probabilities)
        });
        of.collect()
    }

    fn terms(&self, values: &[f64]) -> Vec<f64> {
        let of_case = |case: &Case| {
            let densities = case.distributions.iter().zip(values);
            case.ln_weight + densities.map(|(distribution, value)| distribution.ln_density(*value)).sum::<f64>()
        };
        self.cases.iter().map(of_case).collect()
    }
}
