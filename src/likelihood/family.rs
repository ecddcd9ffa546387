//! Scores and draws measurements with independent errors: one object does both, so that predictive checks test what was
//! fitted.

use rand::RngExt;
use rand_distr::{Gamma, Poisson, StandardNormal, StudentT};
use statrs::function::beta::beta_reg;
use statrs::function::gamma::{digamma, ln_gamma};

use crate::model::ErrorFamily;
use crate::patient::Censoring;
use crate::stats::{Stream, normal_ln_cdf, student_t_ln_cdf, student_t_ln_density};

/// ½ ln 2π
const HALF_LN_TAU: f64 = 0.918_938_533_204_672_8;

/// A scored reading: ln density and its derivatives.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scored {
    pub ln_density: f64,
    /// By each argument of the family, in its order.
    pub by_argument: [f64; 3],
}

/// Scatter of one reading around the model: a family at the values of its arguments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    pub family: ErrorFamily,
    pub arguments: [f64; 3],
}

impl Noise {
    /// ln density of a reading (ln probability of a censored one); −∞ or NaN where it cannot be. NaN for correlated
    /// errors: they need the reading before, see `correlated`.
    pub fn score(&self, value: f64, censoring: Censoring) -> Scored {
        let [a, b, c] = self.arguments;
        match self.family {
            ErrorFamily::Normal => {
                let (ln_density, by_mean, by_sd) = normal(value, a, b, censoring);
                Scored { ln_density, by_argument: [by_mean, by_sd, 0.0] }
            }
            // No reading of this family is 0 or below; a limit may be 0.
            ErrorFamily::LogNormal if censoring == Censoring::None && value <= 0.0 => impossible(),
            ErrorFamily::LogNormal => {
                let (ln_density, by_mean, by_sigma) = normal(value.ln(), a.ln(), b, censoring);
                // A probability has no Jacobian.
                let jacobian = if censoring == Censoring::None { value.ln() } else { 0.0 };
                Scored { ln_density: ln_density - jacobian, by_argument: [by_mean / a, by_sigma, 0.0] }
            }
            ErrorFamily::StudentT => {
                let (ln_density, by_location, by_scale) = student_t(value, a, b, c, censoring);
                // The degrees of freedom are a constant of the model: see `ErrorFamily`.
                Scored { ln_density, by_argument: [0.0, by_location, by_scale] }
            }
            ErrorFamily::NegativeBinomial => counts(value, a, b, censoring),
            ErrorFamily::OrnsteinUhlenbeck | ErrorFamily::Matern => {
                Scored { ln_density: f64::NAN, ..Scored::default() }
            }
        }
    }

    /// A reading drawn around the model; NaN for correlated errors.
    pub fn draw(&self, stream: &mut Stream) -> f64 {
        let [a, b, c] = self.arguments;
        let mut normal = || -> f64 { stream.sample(StandardNormal) };
        match self.family {
            ErrorFamily::Normal => a + b * normal(),
            ErrorFamily::LogNormal => a * (b * normal()).exp(),
            // A Poisson count whose rate is spread like a gamma distribution.
            ErrorFamily::NegativeBinomial => {
                let rate = Gamma::new(b, a / b).map_or(f64::NAN, |gamma| stream.sample(gamma));
                if rate == 0.0 { 0.0 } else { Poisson::new(rate).map_or(f64::NAN, |poisson| stream.sample(poisson)) }
            }
            ErrorFamily::StudentT => StudentT::new(a).map_or(f64::NAN, |t| b + c * stream.sample(t)),
            ErrorFamily::OrnsteinUhlenbeck | ErrorFamily::Matern => f64::NAN,
        }
    }

    /// The same with a measurement's own error beside, and the factor on derivatives by the spread.
    ///
    /// `sd` is in the unit of the reading `value`; of log-normal errors it is taken relative to that. Correlated errors have it in
    /// what is known after a reading (`correlated`), and counts have none.
    pub fn widened(mut self, sd: f64, value: f64) -> (Self, f64) {
        let spread = match self.family {
            ErrorFamily::Normal | ErrorFamily::LogNormal => 1,
            ErrorFamily::StudentT => 2,
            ErrorFamily::NegativeBinomial | ErrorFamily::OrnsteinUhlenbeck | ErrorFamily::Matern => return (self, 1.0),
        };
        if sd <= 0.0 {
            return (self, 1.0);
        }
        let own = if self.family == ErrorFamily::LogNormal { sd / value.abs() } else { sd };
        let before = self.arguments[spread];
        self.arguments[spread] = before.hypot(own);
        (self, before / self.arguments[spread])
    }

    /// Number of arguments of a family.
    pub fn arity(family: ErrorFamily) -> usize {
        match family {
            ErrorFamily::Normal | ErrorFamily::LogNormal | ErrorFamily::NegativeBinomial => 2,
            ErrorFamily::StudentT | ErrorFamily::OrnsteinUhlenbeck | ErrorFamily::Matern => 3,
        }
    }
}

/// ln density (or tail probability) of a normal reading, and its derivatives by mean and sd.
fn normal(value: f64, mean: f64, sd: f64, censoring: Censoring) -> (f64, f64, f64) {
    if sd.is_nan() || sd <= 0.0 {
        return (f64::NEG_INFINITY, 0.0, 0.0);
    }
    let z = (value - mean) / sd;
    match censoring {
        Censoring::None => (-0.5 * z * z - sd.ln() - HALF_LN_TAU, z / sd, (z * z - 1.0) / sd),
        Censoring::Below => {
            let (ln_density, slope) = normal_ln_cdf(z);
            (ln_density, -slope / sd, -slope * z / sd)
        }
        Censoring::Above => {
            let (ln_density, slope) = normal_ln_cdf(-z);
            (ln_density, slope / sd, slope * z / sd)
        }
    }
}

/// As [`normal`], of a Student-t reading.
fn student_t(value: f64, df: f64, location: f64, scale: f64, censoring: Censoring) -> (f64, f64, f64) {
    if scale.is_nan() || scale <= 0.0 {
        return (f64::NEG_INFINITY, 0.0, 0.0);
    }
    let z = (value - location) / scale;
    match censoring {
        Censoring::None => {
            let scored = student_t_ln_density(value, df, location, scale);
            (scored.ln_density, scored.by_location, scored.by_scale)
        }
        Censoring::Below => {
            let (ln_density, slope) = student_t_ln_cdf(z, df);
            (ln_density, -slope / scale, -slope * z / scale)
        }
        Censoring::Above => {
            let (ln_density, slope) = student_t_ln_cdf(-z, df);
            (ln_density, slope / scale, slope * z / scale)
        }
    }
}

/// A negative binomial count around a mean, with variance mean + mean² / size; of a bound the probability of all counts on
/// its side.
fn counts(value: f64, mean: f64, size: f64, censoring: Censoring) -> Scored {
    let possible = value >= 0.0 && (value - value.round()).abs() < 1e-9;
    if !possible || mean.is_nan() || mean <= 0.0 || size.is_nan() || size <= 0.0 {
        return impossible();
    }
    let count = value.round();
    let exactly = |mean: f64, size: f64| {
        let share = size / (size + mean);
        ln_gamma(count + size) - ln_gamma(size) - ln_gamma(count + 1.0)
            + size * share.ln()
            + count * (mean / (size + mean)).ln()
    };
    // P(K ≤ k) = I_p(size, k + 1) with p = size / (size + mean), and P(K ≥ k) = I_q(k, size) with q = 1 − p.
    let at_most = |mean: f64, size: f64| beta_reg(size, count + 1.0, size / (size + mean)).ln();
    let at_least = |mean: f64, size: f64| match count {
        0.0 => 0.0,
        _ => beta_reg(count, size, mean / (size + mean)).ln(),
    };
    match censoring {
        Censoring::None => {
            let both = size + mean;
            let by_mean = count / mean - (count + size) / both;
            let by_size = digamma(count + size) - digamma(size) + (size / both).ln() + 1.0 - (count + size) / both;
            Scored { ln_density: exactly(mean, size), by_argument: [by_mean, by_size, 0.0] }
        }
        Censoring::Below => bound(&at_most, mean, size),
        Censoring::Above => bound(&at_least, mean, size),
    }
}

/// The ln probability of a bound, with central differences: its derivative by the size has no closed form.
fn bound(ln_probability: &dyn Fn(f64, f64) -> f64, mean: f64, size: f64) -> Scored {
    let slope = |of: &dyn Fn(f64) -> f64, at: f64| {
        let step = 1e-5 * at;
        (of(at + step) - of(at - step)) / (2.0 * step)
    };
    let by_mean = slope(&|mean| ln_probability(mean, size), mean);
    let by_size = slope(&|size| ln_probability(mean, size), size);
    Scored { ln_density: ln_probability(mean, size), by_argument: [by_mean, by_size, 0.0] }
}

/// The score of a reading that cannot be.
fn impossible() -> Scored {
    Scored { ln_density: f64::NEG_INFINITY, ..Scored::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_follow_differences() {
        let cases = [
            (ErrorFamily::Normal, [5.0, 1.2, 0.0]),
            (ErrorFamily::LogNormal, [5.0, 0.3, 0.0]),
            (ErrorFamily::StudentT, [4.0, 5.0, 1.2]),
        ];
        for (family, arguments) in cases {
            for censoring in [Censoring::None, Censoring::Below, Censoring::Above] {
                let score = |arguments| Noise { family, arguments }.score(6.1, censoring);
                let found = score(arguments);
                let step = 1e-6;
                for i in usize::from(family == ErrorFamily::StudentT)..Noise::arity(family) {
                    let (mut up, mut down) = (arguments, arguments);
                    up[i] += step;
                    down[i] -= step;
                    let slope = (score(up).ln_density - score(down).ln_density) / (2.0 * step);
                    let ours = found.by_argument[i];
                    assert!(
                        (ours - slope).abs() < 1e-7 * slope.abs().max(1.0),
                        "{family:?} {censoring:?} {i}: {ours} {slope}"
                    );
                }
            }
        }
    }

    #[test]
    fn counts_are_those_of_a_negative_binomial() {
        use statrs::distribution::{Discrete, DiscreteCDF, NegativeBinomial};
        let noise = Noise { family: ErrorFamily::NegativeBinomial, arguments: [7.3, 2.1, 0.0] };
        let other = NegativeBinomial::new(2.1, 2.1 / (2.1 + 7.3)).unwrap();
        for count in [0u64, 1, 5, 12, 40] {
            let score = |censoring| noise.score(count as f64, censoring);
            assert!((score(Censoring::None).ln_density - other.ln_pmf(count)).abs() < 1e-9, "{count}");
            assert!((score(Censoring::Below).ln_density - other.cdf(count).ln()).abs() < 1e-9, "{count}");
            let above = if count == 0 { 1.0 } else { 1.0 - other.cdf(count - 1) };
            assert!((score(Censoring::Above).ln_density - above.ln()).abs() < 1e-8, "{count}");
            for censoring in [Censoring::None, Censoring::Below, Censoring::Above] {
                let found = noise.score(count as f64, censoring);
                for i in 0..2 {
                    let at = |by: f64| {
                        let mut arguments = noise.arguments;
                        arguments[i] += by;
                        Noise { arguments, ..noise }.score(count as f64, censoring).ln_density
                    };
                    let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
                    assert!((slope - found.by_argument[i]).abs() < 1e-6, "{count} {censoring:?} {i}");
                }
            }
        }
        assert_eq!(noise.score(2.5, Censoring::None).ln_density, f64::NEG_INFINITY);
        let mut stream = crate::stats::Seed(5).stream("counts", 0);
        let draws: Vec<f64> = (0..40_000).map(|_| noise.draw(&mut stream)).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        // Within five standard errors.
        assert!((mean - 7.3).abs() < 5.0 * (variance / 40_000.0).sqrt(), "{mean}");
        assert!((variance / (7.3 + 7.3 * 7.3 / 2.1) - 1.0).abs() < 0.08, "{variance}");
        assert!(draws.iter().all(|draw| draw.fract() == 0.0));
    }

    #[test]
    fn what_cannot_be_has_no_density() {
        for value in [0.0, -1.0] {
            let score = |family, arguments| Noise { family, arguments }.score(value, Censoring::None).ln_density;
            assert_eq!(score(ErrorFamily::LogNormal, [5.0, 0.3, 0.0]), f64::NEG_INFINITY);
            assert_eq!(score(ErrorFamily::Normal, [5.0, 0.0, 0.0]), f64::NEG_INFINITY);
            assert_eq!(score(ErrorFamily::StudentT, [4.0, 5.0, -1.0]), f64::NEG_INFINITY);
        }
    }
}
