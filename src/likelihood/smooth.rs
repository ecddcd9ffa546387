//! Smooth correlated errors: a Matérn process of smoothness 3/2, exactly, for readings at any times.
//!
//! The error e and its slope ė are a Markov process (Hartikainen & Särkkä 2010, doi:10.1109/MLSP.2010.5589113): with
//! λ = √3 / time and x = λΔ, (e, ė) goes on by e^(−x) [[1 + x, Δ], [−λ²Δ, 1 − x]] and comes from a stationary covariance
//! diag(sd², λ²sd²). A reading says e exactly, so that all that is uncertain after it is the slope.

use std::ops::{Add, Div, Mul, Neg, Sub};

use pulp::{Simd, WithSimd};

use super::matching::TermReading;
use crate::patient::Censoring;
use crate::stats::normal_ln_cdf;

/// ½ ln 2π
const HALF_LN_TAU: f64 = 0.918_938_533_204_672_8;

/// Numbers that a density is computed with: plain ones, or ones with tangents.
pub(super) trait Number:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    fn constant(value: f64) -> Self;
    fn value(&self) -> f64;
    /// f(self), given its value and slope there.
    fn through(self, value: f64, slope: f64) -> Self;
}

impl Number for f64 {
    fn constant(value: f64) -> Self {
        value
    }

    fn value(&self) -> f64 {
        *self
    }

    fn through(self, value: f64, _: f64) -> Self {
        value
    }
}

/// A value in lane 0 with tangents in the others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dual<const W: usize>(pub [f64; W]);

impl<const W: usize> Dual<W> {
    /// `value` with `a · self + b · other` as tangents.
    // Compiled into its caller, and with it for the processor's widest registers.
    #[inline(always)]
    fn join(&self, other: &Self, value: f64, a: f64, b: f64) -> Self {
        let mut out = [0.0; W];
        for (lane, out) in out.iter_mut().enumerate() {
            *out = a * self.0[lane] + b * other.0[lane];
        }
        out[0] = value;
        Self(out)
    }
}

impl<const W: usize> Number for Dual<W> {
    #[inline(always)]
    fn constant(value: f64) -> Self {
        let mut out = [0.0; W];
        out[0] = value;
        Self(out)
    }

    #[inline(always)]
    fn value(&self) -> f64 {
        self.0[0]
    }

    #[inline(always)]
    fn through(self, value: f64, slope: f64) -> Self {
        self.join(&self, value, slope, 0.0)
    }
}

impl<const W: usize> Add for Dual<W> {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.join(&other, self.0[0] + other.0[0], 1.0, 1.0)
    }
}

impl<const W: usize> Sub for Dual<W> {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.join(&other, self.0[0] - other.0[0], 1.0, -1.0)
    }
}

impl<const W: usize> Mul for Dual<W> {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        let (a, b) = (self.0[0], other.0[0]);
        self.join(&other, a * b, b, a)
    }
}

impl<const W: usize> Div for Dual<W> {
    type Output = Self;

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        let (a, b) = (self.0[0], other.0[0]);
        self.join(&other, a / b, 1.0 / b, -a / (b * b))
    }
}

impl<const W: usize> Neg for Dual<W> {
    type Output = Self;

    #[inline(always)]
    fn neg(self) -> Self {
        self.through(-self.0[0], -1.0)
    }
}

/// What is known of the error after a reading.
#[derive(Clone, Copy, Debug)]
pub(super) struct Past<N> {
    /// When the reading was taken, in the model's time unit.
    time: f64,
    error: N,
    /// Mean and variance of the error's slope.
    slope: N,
    variance: N,
}

/// What is expected of the next reading.
pub(super) struct Expected<N> {
    centre: N,
    /// Mean, variance and slope as they will be before the reading is looked at.
    error: N,
    variance: N,
    slope: N,
    /// Covariance of error and slope, variance of the slope.
    covariance: N,
    slope_variance: N,
    time: f64,
}

impl<N: Number> Expected<N> {
    /// `[mean, sd, time]` are the arguments of the family.
    #[inline(always)]
    pub fn new([centre, sd, correlation]: [N; 3], past: Option<&Past<N>>, time: f64) -> Self {
        let rate = N::constant(3f64.sqrt()) / correlation;
        let (square, rate2) = (sd * sd, rate * rate);
        let zero = N::constant(0.0);
        let Some(past) = past else {
            let slope_variance = rate2 * square;
            return Self { centre, error: zero, variance: square, slope: zero, covariance: zero, slope_variance, time };
        };
        let one = N::constant(1.0);
        let elapsed = N::constant(time - past.time);
        let x = rate * elapsed;
        let decay = (-x).through((-x.value()).exp(), (-x.value()).exp());
        let (stays, arrives) = (decay * (one + x), decay * elapsed);
        let (turns, slows) = (-(decay * rate * x), decay * (one - x));
        // Stationary covariance less what the step carries over, without cancellation for short steps: with y = 2x,
        // 1 − e^(−y)(1 + y + y²/2) = P(3, y) and 1 − e^(−y)(1 − y + y²/2) = P(3, y) + 2y e^(−y).
        let y = x + x;
        let (gamma, slope) = gamma_3(y.value());
        let gamma = y.through(gamma, slope);
        let decay2 = decay * decay;
        let new_variance = square * gamma;
        let new_covariance = square * rate * N::constant(0.5) * y * y * decay2;
        let new_slope_variance = square * rate2 * (gamma + N::constant(2.0) * y * decay2);
        Self {
            centre,
            error: stays * past.error + arrives * past.slope,
            variance: arrives * arrives * past.variance + new_variance,
            slope: turns * past.error + slows * past.slope,
            covariance: arrives * slows * past.variance + new_covariance,
            slope_variance: slows * slows * past.variance + new_slope_variance,
            time,
        }
    }

    /// ln density of a reading (ln probability of a censored one), and what is known after it.
    #[inline(always)]
    pub fn score(&self, value: f64, censoring: Censoring) -> (N, Past<N>) {
        let error = N::constant(value) - self.centre;
        let apart = error - self.error;
        let variance = self.variance.value();
        let past = self.after(error);
        if variance.is_nan() || variance <= 0.0 {
            return (N::constant(f64::NEG_INFINITY), past);
        }
        let sd = self.variance.through(variance.sqrt(), 0.5 / variance.sqrt());
        let z = apart / sd;
        let tail = |z: N| {
            let (ln_density, slope) = normal_ln_cdf(z.value());
            z.through(ln_density, slope)
        };
        let ln_density = match censoring {
            Censoring::None => {
                let ln_sd = sd.through(sd.value().ln(), 1.0 / sd.value());
                -(N::constant(0.5) * z * z) - ln_sd - N::constant(HALF_LN_TAU)
            }
            Censoring::Below => tail(z),
            Censoring::Above => tail(-z),
        };
        (ln_density, past)
    }

    #[inline(always)]
    fn after(&self, error: N) -> Past<N> {
        let gain = self.covariance / self.variance;
        Past {
            time: self.time,
            error,
            slope: self.slope + gain * (error - self.error),
            variance: self.slope_variance - gain * self.covariance,
        }
    }
}

/// The score of one reading, compiled for the processor's widest registers.
pub(super) struct Score<'a, const W: usize> {
    pub arguments: [Dual<W>; 3],
    pub last: Option<&'a Past<Dual<W>>>,
    pub reading: TermReading,
}

impl<const W: usize> WithSimd for Score<'_, W> {
    type Output = (Dual<W>, Past<Dual<W>>);

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Self::Output {
        let TermReading { value, censoring, time } = self.reading;
        Expected::new(self.arguments, self.last, time).score(value, censoring)
    }
}

impl Expected<f64> {
    /// A reading drawn by a standard normal number, and what is known after it.
    pub fn draw(&self, normal: f64) -> (f64, Past<f64>) {
        let error = self.error + self.variance.sqrt() * normal;
        (self.centre + error, self.after(error))
    }
}

/// The regularised lower incomplete gamma function P(3, y) = 1 − e^(−y)(1 + y + y²/2), and its slope y² e^(−y) / 2.
fn gamma_3(y: f64) -> (f64, f64) {
    let decay = (-y).exp();
    let value = if y < 1.0 {
        // The same as e^(−y) Σ y^k / k! from k = 3 on.
        let (mut term, mut sum) = (y * y * y / 6.0, 0.0);
        for k in 4..24 {
            sum += term;
            term *= y / f64::from(k);
        }
        decay * sum
    } else {
        1.0 - decay * (1.0 + y + 0.5 * y * y)
    };
    (value, 0.5 * y * y * decay)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ln density of a series by the steps above.
    fn by_steps<N: Number>(arguments: [N; 3], times: &[f64], values: &[f64]) -> N {
        let mut past = None;
        let mut sum = N::constant(0.0);
        for (time, value) in times.iter().zip(values) {
            let (ln_density, next) = Expected::new(arguments, past.as_ref(), *time).score(*value, Censoring::None);
            sum = sum + ln_density;
            past = Some(next);
        }
        sum
    }

    const TIMES: [f64; 5] = [0.0, 0.02, 2.0, 5.0, 25.0];
    const VALUES: [f64; 5] = [5.5, 5.51, 4.8, 6.1, 5.2];

    #[test]
    fn a_series_has_the_density_of_its_joint_normal() {
        let (mean, sd, time) = (5.0, 1.4, 6.0);
        let kernel = nalgebra::DMatrix::from_fn(5, 5, |i, j| {
            let x = 3f64.sqrt() * (TIMES[i] - TIMES[j]).abs() / time;
            sd * sd * (1.0 + x) * (-x).exp()
        });
        let e = nalgebra::DVector::from_iterator(5, VALUES.iter().map(|value| value - mean));
        let cholesky = kernel.cholesky().unwrap();
        let ln_det = 2.0 * cholesky.l().diagonal().iter().map(|d: &f64| d.ln()).sum::<f64>();
        let joint = -0.5 * e.dot(&cholesky.solve(&e)) - 0.5 * ln_det - 5.0 * HALF_LN_TAU;
        let sum = by_steps([mean, sd, time], &TIMES, &VALUES);
        assert!((sum - joint).abs() < 1e-8 * joint.abs(), "{sum} {joint}");
    }

    #[test]
    fn tangents_follow_differences() {
        let at = [5.0, 1.4, 6.0];
        let duals: [Dual<4>; 3] = std::array::from_fn(|i| {
            let mut dual = Dual::constant(at[i]);
            dual.0[i + 1] = 1.0;
            dual
        });
        let found = by_steps(duals, &TIMES, &VALUES);
        for i in 0..3 {
            let moved = |by: f64| {
                let mut moved = at;
                moved[i] += by;
                by_steps(moved, &TIMES, &VALUES)
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((found.0[i + 1] - slope).abs() < 1e-6 * slope.abs().max(1.0), "{i}: {} {slope}", found.0[i + 1]);
        }
    }

    #[test]
    fn censored_readings_have_the_probability_of_the_tail() {
        let expected = Expected::new([5.0, 2.0, 6.0], None, 0.0);
        let (below, _) = expected.score(3.0, Censoring::Below);
        let (above, _) = expected.score(3.0, Censoring::Above);
        assert!((below.exp() + above.exp() - 1.0).abs() < 1e-12);
        assert!((below.exp() - 0.158_655_253_931_457).abs() < 1e-12);
    }

    #[test]
    fn drawn_series_score_as_their_entropy() {
        use crate::stats::Seed;
        use rand::RngExt;
        use rand_distr::StandardNormal;
        let arguments = [0.0, 2.0, 15.0];
        let mut stream = Seed(3).stream("matern", 0);
        let n = 4000;
        let (mut past, mut total, mut entropy) = (None, 0.0, 0.0);
        for i in 0..n {
            let expected = Expected::new(arguments, past.as_ref(), 5.0 * f64::from(i));
            let (value, next) = expected.draw(stream.sample(StandardNormal));
            total += expected.score(value, Censoring::None).0;
            entropy += -0.5 * (expected.variance.ln() + 1.0) - HALF_LN_TAU;
            past = Some(next);
        }
        // The sum of z²/2 over n has a standard deviation of √(n/2).
        assert!((total - entropy).abs() < 4.0 * f64::from(n / 2).sqrt(), "{total} {entropy}");
    }
}
