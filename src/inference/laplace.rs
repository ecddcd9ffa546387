//! The normal approximation at a mode, by central differences of gradients.

use nalgebra::{DMatrix, DVector, SymmetricEigen};
use rand::RngExt;
use rand_distr::StandardNormal;
use rayon::prelude::*;

use super::target::LogDensityGradient;
use crate::stats::Seed;

/// A normal distribution at a mode: `mean + scale · standard normal`.
#[derive(Clone, Debug, PartialEq)]
pub struct Laplace {
    pub mean: Vec<f64>,
    /// Any root of the covariance, `[parameter, axis]`; its columns are the principal axes, each one sd long.
    pub scale: DMatrix<f64>,
    /// The inverse of `scale`.
    inverse: DMatrix<f64>,
    /// Axes along which the density is not curved as at a mode, so that their length is a guess.
    pub repaired: usize,
    /// Gradients it took.
    pub evaluations: u64,
}

impl Laplace {
    pub fn dimension(&self) -> usize {
        self.mean.len()
    }

    /// `[parameter, parameter]`
    pub fn covariance(&self) -> DMatrix<f64> {
        &self.scale * self.scale.transpose()
    }

    /// The standard deviation of every parameter.
    pub fn sd(&self) -> Vec<f64> {
        self.scale.row_iter().map(|row| row.norm()).collect()
    }

    /// The point that `white`, a point in units of sds along the axes, stands for.
    pub fn position(&self, white: &[f64]) -> Vec<f64> {
        let moved = &self.scale * DVector::from_column_slice(white);
        moved.iter().zip(&self.mean).map(|(moved, mean)| moved + mean).collect()
    }

    /// The point in units of sds along the axes; the inverse of [`Self::position`].
    pub fn white(&self, position: &[f64]) -> Vec<f64> {
        let centred = DVector::from_iterator(position.len(), position.iter().zip(&self.mean).map(|(x, mean)| x - mean));
        (&self.inverse * centred).as_slice().to_vec()
    }

    /// Draws, `[draw][parameter]`.
    pub fn draws(&self, count: usize, seed: Seed) -> Vec<Vec<f64>> {
        let mut stream = seed.stream("laplace draws", 0);
        let mut white = || (0..self.dimension()).map(|_| stream.sample(StandardNormal)).collect::<Vec<f64>>();
        (0..count).map(|_| self.position(&white())).collect()
    }
}

/// Steps of the differences: in units of the caller's scales first, then in sds of the approximation before.
const STEPS: [f64; 3] = [1e-3, 0.1, 0.1];
/// Where both sides of a difference are rejected, it is tried this often with a quarter of the step.
const QUARTERS: i32 = 4;
/// Least curvature along an axis, in units of the caller's scales: an axis is at most twice as long as those.
const LEAST_CURVATURE: f64 = 0.25;
/// Least curvature relative to the largest, where the caller gives no scales.
const LEAST_RELATIVE_CURVATURE: f64 = 1e-8;

/// The normal distribution with the curvature that the target has at `mode`, six gradients a parameter, in parallel.
///
/// `scales` are sds that the parameters have at most (of the prior, for instance). Where the density is not curved as at
/// a mode, or hardly so, the absolute curvature is taken, and at most twice the scales; so there is always an answer.
pub fn laplace<T: LogDensityGradient>(target: &T, mode: &[f64], scales: Option<&[f64]>) -> Laplace {
    let dimension = mode.len();
    let unit = DVector::from_fn(dimension, |at, _| match scales.and_then(|scales| scales.get(at)) {
        Some(scale) if scale.is_finite() && *scale > 0.0 => *scale,
        _ => 1.0,
    });
    let mut repaired = 0;
    let mut evaluations = 0;
    // Axes in units of the scales, and their inverse.
    let (mut axes, mut inverse) = (DMatrix::identity(dimension, dimension), DMatrix::identity(dimension, dimension));
    for step in STEPS {
        let natural = DMatrix::from_diagonal(&unit) * &axes;
        let (along, count) = curvature(target, mode, &natural, step);
        evaluations += count;
        let curvature: DMatrix<f64> = inverse.transpose() * along * &inverse;
        let eigen = SymmetricEigen::new((&curvature + curvature.transpose()) * 0.5);
        let largest = eigen.eigenvalues.amax();
        let least = if scales.is_some() { LEAST_CURVATURE } else { LEAST_RELATIVE_CURVATURE * largest };
        let lengths = eigen.eigenvalues.map(|value| value.abs().max(least).max(f64::MIN_POSITIVE).sqrt().recip());
        repaired = eigen.eigenvalues.iter().filter(|value| **value < least).count();
        axes = &eigen.eigenvectors * DMatrix::from_diagonal(&lengths);
        inverse = DMatrix::from_diagonal(&lengths.map(f64::recip)) * eigen.eigenvectors.transpose();
    }
    Laplace {
        mean: mode.to_vec(),
        scale: DMatrix::from_diagonal(&unit) * axes,
        inverse: inverse * DMatrix::from_diagonal(&unit.map(f64::recip)),
        repaired,
        evaluations,
    }
}

/// −d² ln density along the axes, `[axis, axis]`, and the gradients it took; 1 along an axis of which nothing is known.
fn curvature<T: LogDensityGradient>(target: &T, mode: &[f64], axes: &DMatrix<f64>, step: f64) -> (DMatrix<f64>, u64) {
    let dimension = mode.len();
    let columns: Vec<(Option<DVector<f64>>, u64)> = (0..dimension)
        .into_par_iter()
        .map(|axis| {
            let mut workspace = target.workspace();
            let mut evaluations = 0;
            let mut gradient = |length: f64| {
                evaluations += 1;
                let at: Vec<f64> = mode.iter().zip(&axes.column(axis)).map(|(x, axis)| x + length * axis).collect();
                let mut gradient = vec![0.0; dimension];
                let density = target.ln_density_gradient(&mut workspace, &at, &mut gradient).ok()?;
                let finite = density.is_finite() && gradient.iter().all(|slope| slope.is_finite());
                finite.then(|| axes.tr_mul(&DVector::from_vec(gradient)))
            };
            let column = (0..=QUARTERS).find_map(|quarter| {
                let step = step * f64::powi(0.25, quarter);
                let column = match (gradient(step), gradient(-step)) {
                    (Some(up), Some(down)) => (down - up) / (2.0 * step),
                    (Some(up), None) => (gradient(0.0)? - up) / step,
                    (None, Some(down)) => (down - gradient(0.0)?) / step,
                    (None, None) => return None,
                };
                column.iter().all(|value| value.is_finite()).then_some(column)
            });
            (column, evaluations)
        })
        .collect();
    let mut curvature = DMatrix::zeros(dimension, dimension);
    let known = |axis: usize| columns[axis].0.is_some();
    for (axis, (column, _)) in columns.iter().enumerate() {
        match column {
            Some(column) => {
                for other in (0..dimension).filter(|other| known(*other)) {
                    curvature[(other, axis)] = column[other];
                }
            }
            None => curvature[(axis, axis)] = 1.0,
        }
    }
    ((&curvature + curvature.transpose()) * 0.5, columns.iter().map(|(_, count)| count).sum())
}
