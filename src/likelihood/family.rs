//! Scores and draws measurements: one object does both, so that predictive checks test what was fitted.

use rand::RngExt;
use rand_distr::{StandardNormal, StudentT};

use crate::model::ErrorFamily;
use crate::patient::Censoring;
use crate::stats::{Stream, normal_ln_cdf, student_t_ln_cdf, student_t_ln_density};

/// ½ ln 2π
const HALF_LN_TAU: f64 = 0.918_938_533_204_672_8;

/// The last residual of a correlated series, in the measurement's unit, and the time since it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Before {
    pub residual: f64,
    /// In the model's time unit.
    pub elapsed: f64,
}

/// A scored reading: ln density and its derivatives.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scored {
    pub ln_density: f64,
    /// By each argument of the family, in its order.
    pub by_argument: [f64; 3],
    /// By the residual before.
    pub by_before: f64,
}

/// Scatter of one reading around the model: a family at the values of its arguments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    pub family: ErrorFamily,
    pub arguments: [f64; 3],
}

impl Noise {
    /// ln density of a reading (ln probability of a censored one); −∞ or NaN where it cannot be.
    pub fn score(&self, value: f64, censoring: Censoring, before: Option<Before>) -> Scored {
        let [a, b, c] = self.arguments;
        match self.family {
            ErrorFamily::Normal => {
                let (ln_density, by_mean, by_sd) = normal(value, a, b, censoring);
                Scored { ln_density, by_argument: [by_mean, by_sd, 0.0], by_before: 0.0 }
            }
            // No reading of this family is 0 or below; a limit may be 0.
            ErrorFamily::LogNormal if censoring == Censoring::None && value <= 0.0 => impossible(),
            ErrorFamily::LogNormal => {
                let (ln_density, by_mean, by_sigma) = normal(value.ln(), a.ln(), b, censoring);
                // A probability has no Jacobian.
                let jacobian = if censoring == Censoring::None { value.ln() } else { 0.0 };
                Scored { ln_density: ln_density - jacobian, by_argument: [by_mean / a, by_sigma, 0.0], by_before: 0.0 }
            }
            ErrorFamily::StudentT => {
                let (ln_density, by_location, by_scale) = student_t(value, a, b, c, censoring);
                // The degrees of freedom are a constant of the model: see `ErrorFamily`.
                Scored { ln_density, by_argument: [0.0, by_location, by_scale], by_before: 0.0 }
            }
            ErrorFamily::OrnsteinUhlenbeck => ornstein_uhlenbeck(value, [a, b, c], censoring, before),
            // It needs more of the past than one residual: see `smooth`.
            ErrorFamily::Matern => Scored { ln_density: f64::NAN, ..Scored::default() },
        }
    }

    /// A reading drawn around the model.
    pub fn draw(&self, before: Option<Before>, stream: &mut Stream) -> f64 {
        let [a, b, c] = self.arguments;
        let mut normal = || -> f64 { stream.sample(StandardNormal) };
        match self.family {
            ErrorFamily::Normal => a + b * normal(),
            ErrorFamily::LogNormal => a * (b * normal()).exp(),
            ErrorFamily::StudentT => StudentT::new(a).map_or(f64::NAN, |t| b + c * stream.sample(t)),
            ErrorFamily::OrnsteinUhlenbeck => {
                let (correlation, residual) = before.map_or((0.0, 0.0), |b| ((-b.elapsed / c).exp(), b.residual));
                a + correlation * residual + b * (1.0 - correlation * correlation).sqrt() * normal()
            }
            ErrorFamily::Matern => f64::NAN,
        }
    }

    /// The model's value around which the reading scatters.
    pub fn centre(&self) -> f64 {
        match self.family {
            ErrorFamily::StudentT => self.arguments[1],
            _ => self.arguments[0],
        }
    }

    /// Number of arguments of a family.
    pub fn arity(family: ErrorFamily) -> usize {
        match family {
            ErrorFamily::Normal | ErrorFamily::LogNormal => 2,
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

/// The score of a reading that cannot be.
fn impossible() -> Scored {
    Scored { ln_density: f64::NEG_INFINITY, ..Scored::default() }
}

/// Exact density of an Ornstein–Uhlenbeck residual given the one before, for any spacing (Gillespie 1996,
/// doi:10.1103/PhysRevE.54.2084): mean ρ e₀, variance σ²(1 − ρ²), ρ = exp(−Δt/τ).
fn ornstein_uhlenbeck(value: f64, [mean, sd, time]: [f64; 3], censoring: Censoring, before: Option<Before>) -> Scored {
    let Some(before) = before else {
        let (ln_density, by_mean, by_sd) = normal(value, mean, sd, censoring);
        return Scored { ln_density, by_argument: [by_mean, by_sd, 0.0], by_before: 0.0 };
    };
    if time.is_nan() || time <= 0.0 {
        return impossible();
    }
    let correlation = (-before.elapsed / time).exp();
    // 1 − ρ² without cancellation for short gaps.
    let share = -(-2.0 * before.elapsed / time).exp_m1();
    let root = share.sqrt();
    let (ln_density, by_centre, by_spread) = normal(value, mean + correlation * before.residual, sd * root, censoring);
    let d_correlation = correlation * before.elapsed / (time * time);
    let d_root = -correlation * d_correlation / root;
    Scored {
        ln_density,
        by_argument: [
            by_centre,
            by_spread * root,
            by_centre * before.residual * d_correlation + by_spread * sd * d_root,
        ],
        by_before: by_centre * correlation,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Seed;

    const BEFORE: Option<Before> = Some(Before { residual: 1.3, elapsed: 4.0 });

    #[test]
    fn derivatives_follow_differences() {
        let cases = [
            (ErrorFamily::Normal, [5.0, 1.2, 0.0], None),
            (ErrorFamily::LogNormal, [5.0, 0.3, 0.0], None),
            (ErrorFamily::StudentT, [4.0, 5.0, 1.2], None),
            (ErrorFamily::OrnsteinUhlenbeck, [5.0, 1.2, 7.0], None),
            (ErrorFamily::OrnsteinUhlenbeck, [5.0, 1.2, 7.0], BEFORE),
        ];
        for (family, arguments, before) in cases {
            for censoring in [Censoring::None, Censoring::Below, Censoring::Above] {
                let score = |arguments, before| Noise { family, arguments }.score(6.1, censoring, before);
                let found = score(arguments, before);
                let step = 1e-6;
                for i in usize::from(family == ErrorFamily::StudentT)..Noise::arity(family) {
                    let (mut up, mut down) = (arguments, arguments);
                    up[i] += step;
                    down[i] -= step;
                    let slope = (score(up, before).ln_density - score(down, before).ln_density) / (2.0 * step);
                    let ours = found.by_argument[i];
                    assert!(
                        (ours - slope).abs() < 1e-7 * slope.abs().max(1.0),
                        "{family:?} {censoring:?} {i}: {ours} {slope}"
                    );
                }
                if let Some(b) = before {
                    let moved = |by: f64| Some(Before { residual: b.residual + by, ..b });
                    let slope = (score(arguments, moved(step)).ln_density - score(arguments, moved(-step)).ln_density)
                        / (2.0 * step);
                    assert!((found.by_before - slope).abs() < 1e-7, "{censoring:?}: {} {slope}", found.by_before);
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_has_no_density() {
        for value in [0.0, -1.0] {
            let score = |family, arguments| Noise { family, arguments }.score(value, Censoring::None, None).ln_density;
            assert_eq!(score(ErrorFamily::LogNormal, [5.0, 0.3, 0.0]), f64::NEG_INFINITY);
            assert_eq!(score(ErrorFamily::Normal, [5.0, 0.0, 0.0]), f64::NEG_INFINITY);
            assert_eq!(score(ErrorFamily::StudentT, [4.0, 5.0, -1.0]), f64::NEG_INFINITY);
        }
    }

    #[test]
    fn an_ornstein_uhlenbeck_series_has_the_density_of_its_joint_normal() {
        // Three residuals at times 0, 2, 5: ln density of N(0, K) with K = σ² exp(−|Δt|/τ), by the inverse of K.
        let (sd, time) = (1.4, 3.0);
        let (times, residuals) = ([0.0f64, 2.0, 5.0], [0.5, -0.2, 1.1]);
        let kernel = nalgebra::Matrix3::from_fn(|i, j| sd * sd * (-(times[i] - times[j]).abs() / time).exp());
        let e = nalgebra::Vector3::from(residuals);
        let inverse = kernel.try_inverse().unwrap();
        let joint = -0.5 * (e.transpose() * inverse * e)[0] - 0.5 * kernel.determinant().ln() - 3.0 * HALF_LN_TAU;
        let noise = Noise { family: ErrorFamily::OrnsteinUhlenbeck, arguments: [0.0, sd, time] };
        let mut sum = noise.score(residuals[0], Censoring::None, None).ln_density;
        for i in 1..3 {
            let before = Some(Before { residual: residuals[i - 1], elapsed: times[i] - times[i - 1] });
            sum += noise.score(residuals[i], Censoring::None, before).ln_density;
        }
        assert!((sum - joint).abs() < 1e-12, "{sum} {joint}");
    }

    #[test]
    fn draws_have_the_moments_of_what_is_scored() {
        let noise = Noise { family: ErrorFamily::OrnsteinUhlenbeck, arguments: [5.0, 1.2, 7.0] };
        let mut stream = Seed(1).stream("test", 0);
        let n = 40_000;
        let draws: Vec<f64> = (0..n).map(|_| noise.draw(BEFORE, &mut stream)).collect();
        let mean = draws.iter().sum::<f64>() / f64::from(n);
        let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / f64::from(n);
        let correlation = (-4.0f64 / 7.0).exp();
        assert!((mean - 5.0 - correlation * 1.3).abs() < 4.0 * 1.2 / f64::from(n).sqrt());
        assert!((variance / (1.44 * (1.0 - correlation * correlation)) - 1.0).abs() < 0.04);
    }
}
