//! Tests that are the more frequent the higher, or lower, what they show: readings and their times scored together.
//!
//! With errors that are a person's own fluctuation around the model, normal with mean x(t) and standard deviation σ, and a rate
//! of testing proportional to e^(s·y) of what would be found, a test at time t finds y with the density
//! e^(s·y) N(y; x(t), σ) / ∫ e^(s·x + s²σ²/2) dt = e^(s·x + s²σ²/2) N(y; x(t) + sσ², σ) / ∫ …: what is found is on average
//! sσ² beyond what is (a log-linear preferential sampling, Diggle, Menezes & Su 2010,
//! doi:10.1111/j.1467-9876.2009.00701.x). The constant of the rate is left out by taking the number of tests as given. Of
//! log-normal errors y, x and σ are those of the logarithm.

use super::family::Noise;
use crate::model::ErrorFamily;

/// Pieces of the record over which the rate is integrated, by the trapezoidal rule.
pub(super) const PIECES: usize = 256;

/// A term whose times follow from the state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Testing {
    pub term: usize,
    /// Number of the parameter that gives the change of the ln rate per `per`.
    pub parameter: usize,
    pub per: f64,
}

/// The scatter of what tests find, and the part of the ln rate that comes with it, with derivatives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tilted {
    pub noise: Noise,
    /// The first argument by the first and second argument before, and by s.
    pub first_by: [f64; 3],
    /// ln of the mean rate, up to a constant: s·x + s²σ²/2.
    pub ln_rate: f64,
    /// By the first and second argument, and by s.
    pub rate_by: [f64; 3],
}

impl Tilted {
    /// Of errors that are normal or log-normal; others are left as they are.
    pub(super) fn new(noise: Noise, s: f64) -> Self {
        let [a, sigma, _] = noise.arguments;
        let shift = s * sigma * sigma;
        match noise.family {
            ErrorFamily::Normal => Self {
                noise: Noise { arguments: [a + shift, sigma, 0.0], ..noise },
                first_by: [1.0, 2.0 * s * sigma, sigma * sigma],
                ln_rate: s * a + 0.5 * s * shift,
                rate_by: [s, s * s * sigma, a + shift],
            },
            ErrorFamily::LogNormal => {
                let (moved, ln) = (a * shift.exp(), a.ln());
                Self {
                    noise: Noise { arguments: [moved, sigma, 0.0], ..noise },
                    first_by: [shift.exp(), 2.0 * moved * s * sigma, moved * sigma * sigma],
                    ln_rate: s * ln + 0.5 * s * shift,
                    rate_by: [s / a, s * s * sigma, ln + shift],
                }
            }
            _ => Self { noise, first_by: [1.0, 0.0, 0.0], ln_rate: 0.0, rate_by: [0.0; 3] },
        }
    }
}

/// ln Σ weight · e^value as terms come, with the derivatives of the sum.
#[derive(Clone, Debug)]
pub(super) struct LnIntegral<const W: usize> {
    largest: f64,
    sum: f64,
    slopes: [f64; W],
}

impl<const W: usize> Default for LnIntegral<W> {
    fn default() -> Self {
        Self { largest: f64::NEG_INFINITY, sum: 0.0, slopes: [0.0; W] }
    }
}

impl<const W: usize> LnIntegral<W> {
    pub(super) fn add(&mut self, weight: f64, value: f64, slopes: &[f64; W]) {
        if value > self.largest {
            let shrink = (self.largest - value).exp();
            self.sum *= shrink;
            self.slopes.iter_mut().for_each(|slope| *slope *= shrink);
            self.largest = value;
        }
        // A value that is not a number spoils the sum, as it must.
        let term = weight * (value - self.largest).exp();
        self.sum += term;
        for (slope, by) in self.slopes.iter_mut().zip(slopes) {
            *slope += term * by;
        }
    }

    pub(super) fn value(&self) -> f64 {
        self.largest + self.sum.ln()
    }

    pub(super) fn slope(&self, lane: usize) -> f64 {
        self.slopes[lane] / self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patient::Censoring;

    #[test]
    fn what_tests_find_is_the_tilted_density() {
        for family in [ErrorFamily::Normal, ErrorFamily::LogNormal] {
            let noise = Noise { family, arguments: [5.0, 0.4, 0.0] };
            let (s, y) = (0.7, 5.6_f64);
            let tilted = Tilted::new(noise, s);
            let seen = if family == ErrorFamily::Normal { y } else { y.ln() };
            let direct = s * seen + noise.score(y, Censoring::None).ln_density;
            let ours = tilted.ln_rate + tilted.noise.score(y, Censoring::None).ln_density;
            assert!((direct - ours).abs() < 1e-12, "{family:?}: {direct} {ours}");
            let step = 1e-6;
            let differences = |of: &dyn Fn(&Tilted) -> f64| {
                let at = |i: usize, by: f64| {
                    let mut arguments = noise.arguments;
                    if i < 2 {
                        arguments[i] += by;
                    }
                    of(&Tilted::new(Noise { family, arguments }, if i == 2 { s + by } else { s }))
                };
                [0, 1, 2].map(|i| (at(i, step) - at(i, -step)) / (2.0 * step))
            };
            let first = differences(&|tilted| tilted.noise.arguments[0]);
            let rate = differences(&|tilted| tilted.ln_rate);
            for i in 0..3 {
                assert!((first[i] - tilted.first_by[i]).abs() < 1e-7, "{family:?} {i}");
                assert!((rate[i] - tilted.rate_by[i]).abs() < 1e-7, "{family:?} {i}");
            }
        }
    }

    #[test]
    fn integrals_do_not_overflow() {
        let mut integral = LnIntegral::<2>::default();
        for (weight, value, slope) in [(0.5, 1000.0, 2.0), (1.0, 1001.0, 3.0), (0.5, 900.0, 5.0)] {
            integral.add(weight, value, &[0.0, slope]);
        }
        let sum = 0.5 * (-1.0_f64).exp() + 1.0;
        assert!((integral.value() - (1001.0 + sum.ln())).abs() < 1e-12);
        assert!((integral.slope(1) - (0.5 * (-1.0_f64).exp() * 2.0 + 3.0) / sum).abs() < 1e-12);
    }
}
