//! How sensitive a twin's parameters are to its prior and to its data, by power-scaling.

use crate::inference::{Chains, PowerScaling, Sensitivity, Statistic};

use super::Twin;

/// Sensitivities of every calibrated parameter; none where the draws do not say their density.
///
/// The whole prior is scaled, as a density of natural values, and the whole likelihood: what the ln density of a draw on
/// the real line has beside the prior there. All draws are used, not only those with predictions.
pub(super) fn sensitivities<D: Chains>(twin: &Twin<D>) -> Option<Vec<Sensitivity>> {
    let (draws, prior) = (&twin.draws, &twin.posterior.prior.calibrated);
    let [chains, length, dimension] = draws.shape();
    let ln_density = draws.statistic(Statistic::LnDensity).filter(|all| all.len() == chains * length)?;
    if dimension == 0 {
        return None;
    }
    // One parameter after another: all of them at once would be as large as the draws.
    let (mut natural, mut jacobian) = (vec![0.0; ln_density.len()], vec![0.0; ln_density.len()]);
    for (index, c) in prior.iter().enumerate() {
        let column = draws.column(index);
        let sums = natural.iter_mut().zip(&mut jacobian);
        for ((natural, jacobian), value) in sums.zip(column.iter().flatten()) {
            *natural += c.distribution.ln_density(*value);
            *jacobian += c.transform.ln_jacobian(c.transform.to_real(*value));
        }
    }
    let joint = twin.posterior.prior.mixed();
    if !joint.is_empty() {
        let columns: Vec<(usize, Vec<f64>)> =
            joint.into_iter().map(|index| (index, draws.column(index).into_iter().flatten().collect())).collect();
        for (draw, natural) in natural.iter_mut().enumerate() {
            let of =
                |index: usize| columns.iter().find(|(known, _)| *known == index).map_or(f64::NAN, |(_, all)| all[draw]);
            *natural += twin.posterior.prior.jointly(&of);
        }
    }
    let (mut used, mut ln_prior, mut ln_likelihood) = (Vec::new(), Vec::new(), Vec::new());
    for ((natural, jacobian), ln_density) in natural.into_iter().zip(jacobian).zip(ln_density) {
        // A value that was rounded onto the end of its support has no place on the real line.
        let usable = (natural + jacobian + ln_density).is_finite();
        used.push(usable);
        if usable {
            ln_prior.push(natural);
            ln_likelihood.push(ln_density - natural - jacobian);
        }
    }
    let (prior, likelihood) = (PowerScaling::new(&ln_prior), PowerScaling::new(&ln_likelihood));
    drop((ln_prior, ln_likelihood));
    let of_parameter = |index: usize| {
        let column = draws.column(index);
        let of_used = column.iter().flatten().zip(&used).filter(|(_, used)| **used);
        let values: Vec<f64> = of_used.map(|(value, _)| *value).collect();
        Sensitivity { prior: prior.sensitivity(&values), likelihood: likelihood.sensitivity(&values) }
    };
    Some((0..dimension).map(of_parameter).collect())
}
