//! Samplers, modes and diagnostics against targets whose answer is known.

mod diagnostics;
mod mode;

use homeostat::inference::{Draws, LogDensityGradient, NutsSettings, Rejection, nuts};
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

fn on_threads(threads: usize, sample: impl Fn() -> Draws + Send) -> Draws {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(sample)
}

#[test]
fn draws_do_not_depend_on_the_number_of_threads() {
    let target = standard_normal(5);
    let settings = NutsSettings { warmup: 200, draws: 100, ..NutsSettings::default() };
    let sample = || nuts(&target, &starts(4, 5, 1.0), &settings, Seed(3), &|_| ()).unwrap();
    let one = on_threads(1, sample);
    assert_eq!(one, on_threads(2, sample));
    assert_eq!((one.chains, one.draws, one.dimension), (4, 100, 5));
    assert_eq!(one.values.len(), 2000);
    assert!([one.energy.len(), one.acceptance.len(), one.step_size.len(), one.tree_depth.len()] == [400; 4]);
    let other = nuts(&target, &starts(4, 5, 1.0), &settings, Seed(4), &|_| ()).unwrap();
    assert_ne!(one.values, other.values);
}
