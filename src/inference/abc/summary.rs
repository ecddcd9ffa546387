//! Summaries: their scales, the parameters that they predict, and the regression that adjusts particles to the data.

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use super::AbcRun;

/// Consistent with the sd of normal summaries, as usual for the median absolute deviation.
const MAD_TO_SD: f64 = 1.482_602_218_505_602;
/// … and for the mean absolute deviation, √(π/2).
const MEAN_TO_SD: f64 = 1.253_314_137_315_500_3;

/// The scale of each summary: its median absolute deviation; its mean absolute deviation where more than half of the
/// values are the same; 1 where all are.
pub(super) fn scales(simulated: &[Vec<f64>]) -> Vec<f64> {
    let scale = |summary: usize| {
        let values: Vec<f64> = simulated.iter().map(|all| all[summary]).collect();
        let middle = median(values.clone());
        let far: Vec<f64> = values.iter().map(|x| (x - middle).abs()).collect();
        let mean = far.iter().sum::<f64>() / far.len() as f64;
        let found = [MAD_TO_SD * median(far), MEAN_TO_SD * mean];
        found.into_iter().find(|scale| scale.is_finite() && *scale > 0.0).unwrap_or(1.0)
    };
    (0..simulated.first().map_or(0, Vec::len)).map(scale).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { 0.5 * (values[middle - 1] + values[middle]) }
}

/// Euclidean distance in scales.
pub(super) fn distance(summaries: &[f64], observed: &[f64], scales: &[f64]) -> f64 {
    let squares = summaries.iter().zip(observed).zip(scales).map(|((s, o), scale)| ((s - o) / scale).powi(2));
    squares.sum::<f64>().sqrt()
}

/// Summaries as linear predictions of the parameters (Fearnhead & Prangle 2012).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Projection {
    centre: Vec<f64>,
    /// `[parameter][summary]`
    slopes: Vec<Vec<f64>>,
}

impl Projection {
    /// Least squares of points by their summaries.
    pub(super) fn fit(points: &[Vec<f64>], summaries: &[Vec<f64>]) -> Option<Self> {
        let weights = vec![1.0; points.len()];
        let scales = scales(summaries);
        let centre: Vec<f64> =
            (0..scales.len()).map(|at| median(summaries.iter().map(|all| all[at]).collect())).collect();
        let slopes = slopes(points, summaries, &weights, &centre, &scales)?;
        Some(Self { centre, slopes: slopes.column_iter().map(|column| column.as_slice().to_vec()).collect() })
    }

    /// The predictions, up to a constant: `[parameter]`.
    pub fn of(&self, summaries: &[f64]) -> Vec<f64> {
        let predict = |slopes: &Vec<f64>| {
            slopes.iter().zip(summaries).zip(&self.centre).map(|((slope, s), centre)| slope * (s - centre)).sum()
        };
        self.slopes.iter().map(predict).collect()
    }
}

/// Particles moved along the regression of parameters on summaries to the observed ones, with Epanechnikov weights
/// (Beaumont, Zhang & Balding 2002); nothing where there are too few particles to fit it.
pub(super) fn adjusted(run: &AbcRun, observed: &[f64], dimension: usize) -> Option<(Vec<Vec<f64>>, Vec<f64>)> {
    let last = run.generations.last()?;
    let near = |distance: f64| if last.tolerance > 0.0 { 1.0 - (distance / last.tolerance).powi(2) } else { 1.0 };
    let mut weights: Vec<f64> =
        run.particles.iter().map(|particle| particle.weight * near(particle.distance).max(0.0)).collect();
    let sum: f64 = weights.iter().sum();
    let used = weights.iter().filter(|weight| **weight > 0.0).count();
    // An exact match needs no adjustment.
    if last.tolerance == 0.0 || used < 5 * (observed.len() + 1) || sum <= 0.0 {
        return None;
    }
    weights.iter_mut().for_each(|weight| *weight /= sum);
    let points: Vec<Vec<f64>> = run.particles.iter().map(|particle| particle.at.clone()).collect();
    let summaries: Vec<Vec<f64>> = run.particles.iter().map(|particle| particle.summaries.clone()).collect();
    let slopes = slopes(&points, &summaries, &weights, observed, &last.scales)?;
    let moved = |(point, summaries): (Vec<f64>, Vec<f64>)| -> Vec<f64> {
        let off = DVector::from_iterator(observed.len(), summaries.iter().zip(observed).map(|(s, o)| s - o));
        (0..dimension).map(|parameter| point[parameter] - slopes.column(parameter).dot(&off)).collect()
    };
    Some((points.into_iter().zip(summaries).map(moved).collect(), weights))
}

/// Weighted means, `[parameter]`; the weights sum to 1.
pub(super) fn means(points: &[Vec<f64>], weights: &[f64]) -> Vec<f64> {
    let mut means = vec![0.0; points.first().map_or(0, Vec::len)];
    for (point, weight) in points.iter().zip(weights) {
        means.iter_mut().zip(point).for_each(|(mean, x)| *mean += weight * x);
    }
    means
}

/// Slopes of the parameters by the summaries, `[summary, parameter]`, by weighted least squares with an intercept.
fn slopes(
    points: &[Vec<f64>],
    summaries: &[Vec<f64>],
    weights: &[f64],
    centre: &[f64],
    scales: &[f64],
) -> Option<DMatrix<f64>> {
    let (dimension, count) = (points.first()?.len(), centre.len());
    let mut normal = DMatrix::zeros(count + 1, count + 1);
    let mut right = DMatrix::zeros(count + 1, dimension);
    let mut row = DVector::from_element(count + 1, 1.0);
    for ((point, summaries), weight) in points.iter().zip(summaries).zip(weights).filter(|(_, weight)| **weight > 0.0) {
        for at in 0..count {
            row[at + 1] = (summaries[at] - centre[at]) / scales[at];
        }
        normal.ger(*weight, &row, &row, 1.0);
        right.ger(*weight, &row, &DVector::from_column_slice(point), 1.0);
    }
    // A little ridge: summaries may repeat each other.
    for at in 0..=count {
        normal[(at, at)] *= 1.0 + 1e-9;
        normal[(at, at)] += 1e-12 * normal[(0, 0)];
    }
    let solved = normal.cholesky()?.solve(&right);
    let found = DMatrix::from_fn(count, dimension, |at, parameter| solved[(at + 1, parameter)] / scales[at]);
    found.iter().all(|slope| slope.is_finite()).then_some(found)
}
