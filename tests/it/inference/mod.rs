//! Samplers, modes and diagnostics against targets whose answer is known.

mod abc;
mod diagnostics;
mod ensemble;
mod loo;
mod mode;
mod nuts;
mod power_scaling;
mod psis;
mod quick;
mod rank_check;
mod smc;
mod targets;

use homeostat::inference::{LogDensityGradient, Rejection};
use homeostat::stats::Seed;
use nalgebra::{DMatrix, DVector};
use rand::RngExt;
use rand_distr::StandardNormal;

/// A target given by a closure.
struct Target<F> {
    dimension: usize,
    density: F,
}

impl<F: Fn(&[f64], &mut [f64]) -> Result<f64, Rejection> + Sync> LogDensityGradient for Target<F> {
    type Workspace = ();

    fn dimension(&self) -> usize {
        self.dimension
    }

    fn workspace(&self) {}

    fn ln_density_gradient(&self, _: &mut (), at: &[f64], gradient: &mut [f64]) -> Result<f64, Rejection> {
        (self.density)(at, gradient)
    }
}

/// Uniforms on (0, 1) from the 64-bit congruential generator of Knuth's MMIX: x ← 6364136223846793005 x +
/// 1442695040888963407, u = ((x >> 11) + ½) / 2⁵³. Other programs make the same ones.
fn uniforms(seed: u64, count: usize) -> Vec<f64> {
    let mut x = seed;
    let mut next = || {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((x >> 11) as f64 + 0.5) / 2f64.powi(53)
    };
    (0..count).map(|_| next()).collect()
}

/// Whether two numbers are equal but for 1e-6 of the second, or both NaN, or the same infinity.
fn close(found: f64, expected: f64) -> bool {
    found == expected || found.is_nan() && expected.is_nan() || (found / expected - 1.0).abs() <= 1e-6
}

/// Starts drawn from independent normals.
fn starts(chains: usize, dimension: usize, sd: f64) -> Vec<Vec<f64>> {
    let mut stream = Seed(77).stream("test starts", 0);
    (0..chains).map(|_| (0..dimension).map(|_| sd * stream.sample::<f64, _>(StandardNormal)).collect()).collect()
}

fn standard_normal(dimension: usize) -> impl LogDensityGradient {
    Target {
        dimension,
        density: |at: &[f64], gradient: &mut [f64]| {
            for (gradient, x) in gradient.iter_mut().zip(at) {
                *gradient = -x;
            }
            Ok(-0.5 * at.iter().map(|x| x * x).sum::<f64>())
        },
    }
}

/// A normal whose covariance has the eigenvalues 1 … `condition` along axes that are those of no parameter; with its
/// mean and covariance.
fn correlated_normal(dimension: usize, condition: f64) -> (impl LogDensityGradient, Vec<f64>, DMatrix<f64>) {
    let mut stream = Seed(11).stream("test axes", dimension as u64);
    let axes = DMatrix::<f64>::from_fn(dimension, dimension, |_, _| stream.sample(StandardNormal)).qr().q();
    let eigenvalue = |i: usize| condition.powf(i as f64 / (dimension - 1) as f64);
    let diagonal = |power: i32| DMatrix::from_diagonal(&DVector::from_fn(dimension, |i, _| eigenvalue(i).powi(power)));
    let covariance = &axes * diagonal(1) * axes.transpose();
    let precision = &axes * diagonal(-1) * axes.transpose();
    let mean: Vec<f64> = (0..dimension).map(|i| i as f64 - 1.0).collect();
    let centre = DVector::from_vec(mean.clone());
    let density = move |at: &[f64], gradient: &mut [f64]| {
        let centred = DVector::from_column_slice(at) - &centre;
        let pull = &precision * &centred;
        gradient.copy_from_slice((-&pull).as_slice());
        Ok(-0.5 * centred.dot(&pull))
    };
    (Target { dimension, density }, mean, covariance)
}

/// Effects of coaching in eight schools and their standard errors (Rubin 1981).
const EFFECTS: [f64; 8] = [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0];
const ERRORS: [f64; 8] = [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0];

/// Eight schools, non-centred: θ = μ + τ η, parameters η₁ … η₈, μ ~ N(0, 5), ln τ with τ ~ HalfCauchy(5).
fn eight_schools() -> impl LogDensityGradient {
    let density = |at: &[f64], gradient: &mut [f64]| {
        let (mu, tau) = (at[8], at[9].exp());
        let far = (tau / 5.0).powi(2);
        let mut density = -0.5 * (mu / 5.0).powi(2) - far.ln_1p() + at[9];
        (gradient[8], gradient[9]) = (-mu / 25.0, 1.0 - 2.0 * far / (1.0 + far));
        for school in 0..8 {
            let residual = (EFFECTS[school] - mu - tau * at[school]) / ERRORS[school];
            density -= 0.5 * (residual * residual + at[school] * at[school]);
            let pull = residual / ERRORS[school];
            gradient[school] = pull * tau - at[school];
            gradient[8] += pull;
            gradient[9] += pull * tau * at[school];
        }
        Ok(density)
    };
    Target { dimension: 10, density }
}
