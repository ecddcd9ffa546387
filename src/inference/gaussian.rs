//! Normal distributions as proposals and scales: of weighted points, with density and draws.

use nalgebra::{DMatrix, DVector, SymmetricEigen};
use rand::RngExt;
use rand_distr::StandardNormal;

use crate::stats::Stream;

/// ½ ln 2π
const HALF_LN_TAU: f64 = 0.918_938_533_204_672_8;

/// `mean + scale · standard normal`, with a lower triangular scale.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Gaussian {
    pub mean: DVector<f64>,
    pub scale: DMatrix<f64>,
    /// Σ ln of the scale's diagonal.
    ln_volume: f64,
}

impl Gaussian {
    /// From a covariance; where it is not positive definite, its diagonal is raised until it is.
    pub fn new(mean: DVector<f64>, mut covariance: DMatrix<f64>) -> Self {
        let dimension = mean.len();
        let typical = (0..dimension).map(|i| covariance[(i, i)]).filter(|v| v.is_finite()).fold(0.0, f64::max);
        let floor = if typical > 0.0 { 1e-12 * typical } else { 1e-12 };
        let mut ridge = 0.0;
        loop {
            for i in 0..dimension {
                covariance[(i, i)] = covariance[(i, i)].max(floor) * (1.0 + ridge);
            }
            if let Some(cholesky) = covariance.clone().cholesky() {
                let scale = cholesky.l();
                let ln_volume = scale.diagonal().iter().map(|s| s.ln()).sum();
                return Self { mean, scale, ln_volume };
            }
            if ridge > 1.0 || !covariance.iter().all(|x| x.is_finite()) {
                let sds = covariance.diagonal().map(|v| if v.is_finite() { v.sqrt() } else { 1.0 });
                return Self { mean, ln_volume: sds.iter().map(|s| s.ln()).sum(), scale: DMatrix::from_diagonal(&sds) };
            }
            ridge = if ridge == 0.0 { 1e-10 } else { 10.0 * ridge };
        }
    }

    pub fn dimension(&self) -> usize {
        self.mean.len()
    }

    /// `scale · white`
    pub fn stretch(&self, white: &DVector<f64>) -> DVector<f64> {
        &self.scale * white
    }

    /// A draw around another centre, `factor` times as wide.
    pub fn draw_around(&self, centre: &[f64], factor: f64, stream: &mut Stream) -> Vec<f64> {
        let white = standard_normals(self.dimension(), stream);
        let moved = self.stretch(&white);
        centre.iter().zip(moved.iter()).map(|(x, moved)| x + factor * moved).collect()
    }

    /// Squared distance of two points in sds.
    pub fn squared_distance(&self, a: &[f64], b: impl IntoIterator<Item = f64>) -> f64 {
        let mut white = DVector::from_iterator(a.len(), a.iter().zip(b).map(|(a, b)| a - b));
        if self.scale.solve_lower_triangular_mut(&mut white) { white.norm_squared() } else { f64::INFINITY }
    }

    /// ln density, normalised, with `centre` for the mean.
    pub fn ln_density_around(&self, centre: &[f64], at: &[f64]) -> f64 {
        let distance = self.squared_distance(at, centre.iter().copied());
        -0.5 * distance - self.ln_volume - HALF_LN_TAU * self.dimension() as f64
    }

    /// The direction of the largest variance.
    pub fn principal_axis(&self) -> DVector<f64> {
        let eigen = SymmetricEigen::new(&self.scale * self.scale.transpose());
        eigen.eigenvectors.column(eigen.eigenvalues.imax()).into_owned()
    }

    /// ln of the volume of one sd: Σ ln of the scale's diagonal.
    pub fn ln_volume(&self) -> f64 {
        self.ln_volume
    }
}

pub(super) fn standard_normals(count: usize, stream: &mut Stream) -> DVector<f64> {
    DVector::from_fn(count, |_, _| stream.sample(StandardNormal))
}

/// Mean and covariance of weighted points; weights sum to 1.
pub(super) fn moments<'a>(
    points: impl Iterator<Item = &'a [f64]> + Clone,
    weights: &[f64],
    dimension: usize,
) -> (DVector<f64>, DMatrix<f64>) {
    let mut mean = DVector::zeros(dimension);
    for (point, weight) in points.clone().zip(weights) {
        mean.iter_mut().zip(point).for_each(|(mean, x)| *mean += weight * x);
    }
    let mut covariance = DMatrix::zeros(dimension, dimension);
    let mut centred = DVector::zeros(dimension);
    for (point, weight) in points.zip(weights).filter(|(_, weight)| **weight > 0.0) {
        centred.iter_mut().zip(point).zip(mean.iter()).for_each(|((c, x), mean): ((&mut f64, _), _)| *c = x - mean);
        covariance.ger(*weight, &centred, &centred, 1.0);
    }
    let squares: f64 = weights.iter().map(|weight| weight * weight).sum();
    if squares < 1.0 {
        covariance /= 1.0 - squares;
    }
    (mean, covariance)
}

/// The normal distribution of weighted points, with correlations as far as there are points to know them.
///
/// Correlations shrink by the fourth power of parameters over effective points: a covariance of twice as many points as
/// parameters is still worth more than its diagonal.
pub(super) fn of_points<'a>(
    points: impl Iterator<Item = &'a [f64]> + Clone,
    weights: &[f64],
    dimension: usize,
) -> Gaussian {
    let (mean, mut covariance) = moments(points, weights, dimension);
    let effective = 1.0 / weights.iter().map(|weight| weight * weight).sum::<f64>();
    let keep = 1.0 - (dimension as f64 / effective).powi(4).min(1.0);
    for i in 0..dimension {
        for j in 0..dimension {
            if i != j {
                covariance[(i, j)] *= keep;
            }
        }
    }
    Gaussian::new(mean, covariance)
}
