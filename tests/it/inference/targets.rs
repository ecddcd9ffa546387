//! Targets that every sampler shares, with a prior to start from and moments that are known exactly.

use homeostat::inference::{Draws, LogDensity, LogDensityGradient, Rejection, Target, Tempered};
use homeostat::stats::{Seed, Stream};
use nalgebra::{DMatrix, DVector};
use rand::RngExt;
use rand_distr::StandardNormal;
use std::f64::consts::{PI, TAU};

type Density = Box<dyn Fn(&[f64], &mut [f64]) -> Result<f64, Rejection> + Sync>;
type Functions = Box<dyn Fn(&[f64]) -> Vec<f64> + Sync>;

/// A posterior: a prior of independent normals around zero, and a likelihood that writes its gradient.
pub struct Posterior {
    pub name: &'static str,
    pub prior_sds: Vec<f64>,
    pub likelihood: Density,
    /// Functions of the parameters of which mean and sd are known.
    pub functions: Functions,
    pub means: Vec<f64>,
    pub sds: Vec<f64>,
    pub ln_evidence: f64,
}

pub fn normal_prior(sds: &[f64], at: &[f64], gradient: &mut [f64]) -> f64 {
    let mut density = 0.0;
    for ((slope, x), sd) in gradient.iter_mut().zip(at).zip(sds) {
        density -= 0.5 * (x / sd).powi(2) + sd.ln() + 0.5 * TAU.ln();
        *slope -= x / (sd * sd);
    }
    density
}

impl Target for Posterior {
    type Workspace = ();

    fn dimension(&self) -> usize {
        self.prior_sds.len()
    }

    fn workspace(&self) {}

    fn lanes(&self) -> usize {
        16
    }
}

impl Tempered for Posterior {
    fn draw(&self, stream: &mut Stream) -> Vec<f64> {
        self.prior_sds.iter().map(|sd| sd * stream.sample::<f64, _>(StandardNormal)).collect()
    }

    fn ln_prior_gradient(&self, at: &[f64], gradient: &mut [f64]) -> f64 {
        normal_prior(&self.prior_sds, at, gradient)
    }

    fn ln_likelihoods(&self, _: &mut (), points: &[Vec<f64>]) -> Vec<Result<f64, Rejection>> {
        points.iter().map(|at| (self.likelihood)(at, &mut vec![0.0; at.len()])).collect()
    }

    fn ln_likelihood_gradient(&self, _: &mut (), at: &[f64], gradient: &mut [f64]) -> Result<f64, Rejection> {
        (self.likelihood)(at, gradient)
    }
}

impl LogDensityGradient for Posterior {
    type Workspace = ();

    fn dimension(&self) -> usize {
        self.prior_sds.len()
    }

    fn workspace(&self) {}

    fn ln_density_gradient(&self, _: &mut (), at: &[f64], gradient: &mut [f64]) -> Result<f64, Rejection> {
        let likelihood = (self.likelihood)(at, gradient)?;
        Ok(likelihood + normal_prior(&self.prior_sds, at, gradient))
    }
}

impl LogDensity for Posterior {
    fn ln_densities(&self, _: &mut (), points: &[Vec<f64>]) -> Vec<Result<f64, Rejection>> {
        let density = |at: &Vec<f64>| self.ln_density_gradient(&mut (), at, &mut vec![0.0; at.len()]);
        points.iter().map(density).collect()
    }
}

impl Posterior {
    /// With the likelihood target / prior, so that the posterior is the (normalised) target and the evidence 1.
    fn bridged(
        name: &'static str,
        prior_sds: Vec<f64>,
        target: impl Fn(&[f64], &mut [f64]) -> f64 + Sync + 'static,
        functions: impl Fn(&[f64]) -> Vec<f64> + Sync + 'static,
        moments: &[(f64, f64)],
    ) -> Self {
        let sds = prior_sds.clone();
        let likelihood = move |at: &[f64], gradient: &mut [f64]| {
            let density = target(at, gradient);
            let mut prior = vec![0.0; at.len()];
            let ln_prior = normal_prior(&sds, at, &mut prior);
            gradient.iter_mut().zip(prior).for_each(|(slope, prior)| *slope -= prior);
            Ok(density - ln_prior)
        };
        Self {
            name,
            prior_sds,
            likelihood: Box::new(likelihood),
            functions: Box::new(functions),
            means: moments.iter().map(|moment| moment.0).collect(),
            sds: moments.iter().map(|moment| moment.1).collect(),
            ln_evidence: 0.0,
        }
    }

    pub fn starts(&self, count: usize) -> Vec<Vec<f64>> {
        (0..count).map(|index| self.draw(&mut Seed(78).stream("test starts", index as u64))).collect()
    }

    /// Every mean within four standard errors as `error` finds them, every sd within `share`.
    pub fn check(&self, draws: &Draws, error: impl Fn(&[Vec<f64>]) -> f64, share: f64) {
        let found: Vec<Vec<f64>> = draws.all().iter().map(|draw| (self.functions)(draw)).collect();
        for (at, (mean, sd)) in self.means.iter().zip(&self.sds).enumerate() {
            let chains: Vec<Vec<f64>> =
                found.chunks(draws.draws).map(|chain| chain.iter().map(|values| values[at]).collect()).collect();
            let (all, error) = (chains.concat(), error(&chains));
            let found = all.iter().sum::<f64>() / all.len() as f64;
            let name = self.name;
            assert!((found - mean).abs() <= 4.0 * error, "{name}: mean {at} is {found} ± {error}, not {mean}");
            assert!(error < 0.1 * sd, "{name}: mean {at} is known to ± {error} only, with sd {sd}");
            let variance = all.iter().map(|x| (x - found).powi(2)).sum::<f64>() / (all.len() - 1) as f64;
            assert!((variance.sqrt() / sd - 1.0).abs() <= share, "{name}: sd {at} is {}, not {sd}", variance.sqrt());
        }
    }
}

/// A normal prior and a normal likelihood whose covariance has the eigenvalues 1 … 100 along axes of no parameter.
pub fn conjugate(dimension: usize) -> Posterior {
    let mut stream = Seed(12).stream("test axes", dimension as u64);
    let axes = DMatrix::<f64>::from_fn(dimension, dimension, |_, _| stream.sample(StandardNormal)).qr().q();
    let eigenvalues = DVector::from_fn(dimension, |i, _| 100f64.powf(i as f64 / (dimension - 1) as f64));
    let noise = &axes * DMatrix::from_diagonal(&eigenvalues) * axes.transpose();
    let precision = &axes * DMatrix::from_diagonal(&eigenvalues.map(f64::recip)) * axes.transpose();
    let prior_sd = 10.0;
    let data = DVector::from_fn(dimension, |i, _| (i % 7) as f64 - 1.0);
    let covariance =
        (&precision + DMatrix::identity(dimension, dimension) / (prior_sd * prior_sd)).try_inverse().unwrap();
    let mean = &covariance * &precision * &data;
    // Data ~ N(0, noise + prior).
    let total = (noise + DMatrix::identity(dimension, dimension) * (prior_sd * prior_sd)).cholesky().unwrap();
    let ln_evidence = -0.5 * (data.dot(&total.solve(&data)) + total.ln_determinant() + dimension as f64 * TAU.ln());
    let ln_norm = -0.5 * (eigenvalues.map(f64::ln).sum() + dimension as f64 * TAU.ln());
    let likelihood = move |at: &[f64], gradient: &mut [f64]| {
        let centred = DVector::from_column_slice(at) - &data;
        let pull = &precision * &centred;
        gradient.copy_from_slice((-&pull).as_slice());
        Ok(ln_norm - 0.5 * centred.dot(&pull))
    };
    Posterior {
        name: "correlated normal",
        prior_sds: vec![prior_sd; dimension],
        likelihood: Box::new(likelihood),
        functions: Box::new(<[f64]>::to_vec),
        means: mean.as_slice().to_vec(),
        sds: (0..dimension).map(|i| covariance[(i, i)].sqrt()).collect(),
        ln_evidence,
    }
}

/// x₁ ~ N(0, 1), x₂ ~ N(x₁² − 1, 1), from a prior four times as wide.
pub fn banana() -> Posterior {
    let density = |at: &[f64], gradient: &mut [f64]| {
        let bend = at[1] - at[0] * at[0] + 1.0;
        gradient.copy_from_slice(&[-at[0] + 2.0 * bend * at[0], -bend]);
        -0.5 * (at[0] * at[0] + bend * bend) - TAU.ln()
    };
    Posterior::bridged("banana", vec![4.0, 6.0], density, <[f64]>::to_vec, &[(0.0, 1.0), (0.0, 3f64.sqrt())])
}

/// Neal's funnel, non-centred: v ~ N(0, 3), zᵢ ~ N(0, 1) nine times, xᵢ = exp(v / 2) zᵢ; from a wider prior.
pub fn funnel() -> Posterior {
    let density = |at: &[f64], gradient: &mut [f64]| {
        gradient.fill(0.0);
        let mut sds = vec![1.0; 10];
        sds[0] = 3.0;
        normal_prior(&sds, at, gradient)
    };
    // E ln|z| = −(γ + ln 2) / 2 and var ln|z| = π² / 8.
    let ln_z = -0.5 * (0.577_215_664_901_532_9 + 2f64.ln());
    let ln_x_sd = (9.0 / 4.0 + PI * PI / 8.0).sqrt();
    let mut prior = vec![2.0; 10];
    prior[0] = 6.0;
    let functions = |at: &[f64]| vec![at[0], at[0] / 2.0 + at[1].abs().ln()];
    Posterior::bridged("funnel", prior, density, functions, &[(0.0, 3.0), (ln_z, ln_x_sd)])
}

/// Two normals in two dimensions, six of their sds apart, the left one with three tenths of the mass.
pub fn two_modes() -> Posterior {
    let density = |at: &[f64], gradient: &mut [f64]| {
        let part = |centre: f64, weight: f64| {
            weight * (-0.5 * ((at[0] - centre).powi(2) + (at[1] - centre).powi(2))).exp() / TAU
        };
        let apart = 3.0 / 2f64.sqrt();
        let (left, right) = (part(-apart, 0.3), part(apart, 0.7));
        let sum = left + right;
        if sum == 0.0 {
            gradient.copy_from_slice(&[-at[0], -at[1]]);
            return -1e3;
        }
        for (slope, x) in gradient.iter_mut().zip(at) {
            *slope = (-(x + apart) * left - (x - apart) * right) / sum;
        }
        sum.ln()
    };
    let apart = 3.0 / 2f64.sqrt();
    let mean = 0.4 * apart;
    let sd = (1.0 + 4.0 * apart * apart * 0.3 * 0.7).sqrt();
    let functions = |at: &[f64]| vec![at[0], at[1], f64::from(u8::from(at[0] + at[1] < 0.0))];
    // Mass of the left part that lies right of the middle, and the other way round: Φ(−3).
    let left = 0.3 * (1.0 - 0.001_349_898) + 0.7 * 0.001_349_898;
    let moments = [(mean, sd), (mean, sd), (left, (left * (1.0f64 - left)).sqrt())];
    Posterior::bridged("two modes", vec![8.0, 8.0], density, functions, &moments)
}

/// Eight schools, non-centred, from a prior that is not the model's own: its evidence is not known.
pub fn schools(means: Vec<f64>, sds: Vec<f64>) -> Posterior {
    let target = super::eight_schools();
    let density = move |at: &[f64], gradient: &mut [f64]| {
        target.ln_density_gradient(&mut target.workspace(), at, gradient).unwrap_or(f64::NEG_INFINITY)
    };
    let functions = |at: &[f64]| {
        let (mu, tau) = (at[8], at[9].exp());
        let mut found: Vec<f64> = at[..8].iter().map(|eta| mu + tau * eta).collect();
        found.extend([mu, tau]);
        found
    };
    let mut prior = vec![1.5; 10];
    (prior[8], prior[9]) = (8.0, 4.0);
    let moments: Vec<(f64, f64)> = means.into_iter().zip(sds).collect();
    Posterior { ln_evidence: f64::NAN, ..Posterior::bridged("eight schools", prior, density, functions, &moments) }
}

/// A half plane without likelihood: a half normal in the first parameter, a normal in the second.
pub fn half_plane() -> Posterior {
    let likelihood = |at: &[f64], gradient: &mut [f64]| {
        if at[0] < 0.0 {
            return Err(Rejection::new("negative"));
        }
        gradient.fill(0.0);
        Ok(0.0)
    };
    let half: f64 = 2.0 / PI;
    Posterior {
        name: "half plane",
        prior_sds: vec![1.0, 1.0],
        likelihood: Box::new(likelihood),
        functions: Box::new(<[f64]>::to_vec),
        means: vec![half.sqrt(), 0.0],
        sds: vec![(1.0 - half).sqrt(), 1.0],
        ln_evidence: 0.5f64.ln(),
    }
}

/// Nothing has a likelihood.
pub fn nowhere() -> Posterior {
    let likelihood = |_: &[f64], _: &mut [f64]| Err(Rejection::new("no steady state"));
    Posterior { likelihood: Box::new(likelihood), ..half_plane() }
}

/// What `of` gives on one thread and on two.
pub fn on_one_and_two_threads<R: Send>(of: impl Fn() -> R + Sync) -> (R, R) {
    let on = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(&of);
    (on(1), on(2))
}
