//! The normal and Student-t functions that likelihoods need, accurate in the tails.

use libm::erfc;
use statrs::function::beta::checked_beta_reg;
use statrs::function::erf::erfc_inv;
use statrs::function::gamma::ln_gamma;
use std::f64::consts::SQRT_2;

/// ½ ln 2π
const HALF_LN_TAU: f64 = 0.918_938_533_204_672_8;

/// ln density of a normal distribution.
pub fn normal_ln_density(x: f64, mean: f64, sd: f64) -> f64 {
    let z = (x - mean) / sd;
    -0.5 * z * z - sd.ln() - HALF_LN_TAU
}

/// Φ(z).
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * erfc(-z / SQRT_2)
}

/// Φ⁻¹(p).
pub fn normal_quantile(p: f64) -> f64 {
    // One Newton step on ln Φ takes the library's inverse to full accuracy in the lower tail.
    if p > 0.5 {
        return -normal_quantile(1.0 - p);
    }
    if p <= 0.0 {
        return if p == 0.0 { f64::NEG_INFINITY } else { f64::NAN };
    }
    let z = -SQRT_2 * erfc_inv(2.0 * p);
    let (ln_cdf, slope) = normal_ln_cdf(z);
    z - (ln_cdf - p.ln()) / slope
}

/// ln Φ(z) and its derivative φ(z)/Φ(z).
pub fn normal_ln_cdf(z: f64) -> (f64, f64) {
    if z.is_nan() {
        return (f64::NAN, f64::NAN);
    }
    let ln_density = -0.5 * z * z - HALF_LN_TAU;
    if z > -6.0 {
        let ln_cdf = if z > 5.0 { (-normal_cdf(-z)).ln_1p() } else { normal_cdf(z).ln() };
        return (ln_cdf, (ln_density - ln_cdf).exp());
    }
    // Mills' ratio Φ(z)/φ(z) by its continued fraction (Abramowitz and Stegun 26.2.14), from the far end.
    let x = -z;
    let mut tail = x;
    for k in (1..=60).rev() {
        tail = x + f64::from(k) / tail;
    }
    (ln_density - tail.ln(), tail)
}

/// A standard normal number that is known to lie below a bound: its mean and variance, and their slopes by the bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormalBelow {
    pub mean: f64,
    pub mean_slope: f64,
    pub variance: f64,
    pub variance_slope: f64,
}

/// Moments of a standard normal number below `z`: with λ = φ(z)/Φ(z) and u = z + λ, mean −λ and variance 1 − λu (Johnson, Kotz
/// & Balakrishnan 1994, Continuous Univariate Distributions 1, 13.10.1); NaN where `z` is.
pub fn normal_below(z: f64) -> NormalBelow {
    if z > -6.0 || z.is_nan() {
        let lambda = normal_ln_cdf(z).1;
        let u = z + lambda;
        return NormalBelow::of(lambda, u, 1.0 - lambda * u);
    }
    // u is the continued fraction of Mills' ratio without its first term, so that nothing cancels.
    let mut tail = -z;
    for k in (3..=60).rev() {
        tail = -z + f64::from(k) / tail;
    }
    let rest = 2.0 / tail;
    let u = 1.0 / (rest - z);
    NormalBelow::of(u - z, u, u * (rest - u))
}

impl NormalBelow {
    fn of(lambda: f64, u: f64, variance: f64) -> Self {
        Self { mean: -lambda, mean_slope: lambda * u, variance, variance_slope: lambda * (u * u - variance) }
    }
}

/// ln density of a Student-t distribution and its derivatives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StudentTScore {
    pub ln_density: f64,
    pub by_location: f64,
    pub by_scale: f64,
}

/// ln density of a Student-t distribution with `df` degrees of freedom, and its derivatives by location and scale.
pub fn student_t_ln_density(x: f64, df: f64, location: f64, scale: f64) -> StudentTScore {
    let z = (x - location) / scale;
    let ln_density = ln_gamma(0.5 * (df + 1.0))
        - ln_gamma(0.5 * df)
        - 0.5 * (df * std::f64::consts::PI).ln()
        - scale.ln()
        - 0.5 * (df + 1.0) * (z * z / df).ln_1p();
    let by_z = -(df + 1.0) * z / (df + z * z);
    StudentTScore { ln_density, by_location: -by_z / scale, by_scale: -(1.0 + by_z * z) / scale }
}

/// ln P(T ≤ z) of a standard Student-t with `df` degrees of freedom, and its derivative by z; NaN unless `df` is above 0.
///
/// The tail is half a regularised incomplete beta function (Abramowitz and Stegun 26.7.1).
pub fn student_t_ln_cdf(z: f64, df: f64) -> (f64, f64) {
    let share = df / (df + z * z);
    let beta = if share <= 1.0 { checked_beta_reg(0.5 * df, 0.5, share).ok() } else { None };
    let Some(tail) = beta.map(|beta| 0.5 * beta) else { return (f64::NAN, f64::NAN) };
    let ln_cdf = if z > 0.0 { (-tail).ln_1p() } else { tail.ln() };
    (ln_cdf, (student_t_ln_density(z, df, 0.0, 1.0).ln_density - ln_cdf).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_tails_have_the_published_values() {
        // mpmath 1.3, 40 digits: log(ncdf(z)).
        for (z, expected) in [
            (-40.0, -804.608_442_013_753_8),
            (-10.0, -53.231_285_150_512_47),
            (-6.0, -20.736_768_949_974_706),
            (-5.9, -20.125_799_580_203_17),
            (-1.0, -1.841_021_645_009_263_5),
            (0.0, -std::f64::consts::LN_2),
            (3.0, -0.001_350_809_964_748_193_8),
            (8.0, -6.220_960_574_271_786e-16),
        ] {
            let (found, slope) = normal_ln_cdf(z);
            assert!((found / expected - 1.0).abs() < 1e-9, "{z}: {found}");
            let step = 1e-5;
            let difference = (normal_ln_cdf(z + step).0 - normal_ln_cdf(z - step).0) / (2.0 * step);
            assert!((slope - difference).abs() < 1e-5 * slope.abs().max(1e-3), "{z}: {slope} {difference}");
        }
        for p in [1e-300, 1e-12, 0.01, 0.3, 0.5, 0.975, 0.999_999] {
            assert!((normal_cdf(normal_quantile(p)) / p - 1.0).abs() < 1e-9, "{p}");
        }
        assert!((normal_quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-12);
    }

    #[test]
    fn student_tails_have_their_closed_forms() {
        for z in [-1e6f64, -40.0, -3.0, -1.0, -0.1, 0.0, 0.5, 4.0, 1e3] {
            // One degree: ½ + atan(z)/π, which in the lower tail is atan(−1/z)/π; two: ½ + z/(2√(2 + z²)), there 1/(2 + z² − z√(2 + z²)).
            let one =
                if z < 0.0 { (-1.0 / z).atan() } else { std::f64::consts::FRAC_PI_2 + z.atan() } / std::f64::consts::PI;
            let root = (2.0 + z * z).sqrt();
            let two = if z < 0.0 { 1.0 / (2.0 + z * z - z * root) } else { 0.5 + 0.5 * z / root };
            for (df, expected) in [(1.0, one), (2.0, two)] {
                let (found, slope) = student_t_ln_cdf(z, df);
                assert!(
                    (found - expected.ln()).abs() < 1e-9 * expected.ln().abs().max(1e-3),
                    "{df} {z}: {found} {expected}"
                );
                let step = 1e-5 * z.abs().max(1.0);
                let difference = (student_t_ln_cdf(z + step, df).0 - student_t_ln_cdf(z - step, df).0) / (2.0 * step);
                assert!((slope - difference).abs() < 1e-5 * slope.abs().max(1e-4), "{df} {z}: {slope} {difference}");
            }
        }
        assert!((student_t_ln_cdf(-2.0, 1e7).0 - normal_ln_cdf(-2.0).0).abs() < 1e-6);
        assert!([0.0, -1.0, f64::NAN].iter().all(|df| student_t_ln_cdf(1.0, *df).0.is_nan()));
        assert!(student_t_ln_cdf(f64::NAN, 3.0).0.is_nan());
    }

    #[test]
    fn moments_below_a_bound_follow_quadrature_and_differences() {
        for z in [-30.0, -7.0, -6.0, -5.9, -2.0, 0.0, 1.5, 6.0] {
            // Simpson's rule over what carries the mass, relative to the density at its greatest.
            let (from, n) = (f64::min(z, 0.0) - 40.0 / f64::max(1.0, -z) - 8.0 * f64::from(u8::from(z > -2.0)), 20_000);
            let (step, top) = ((z - from) / f64::from(n), f64::min(z, 0.0));
            let mut sums = [0.0; 3];
            for i in 0..=n {
                let x = from + step * f64::from(i);
                let weight = if i == 0 || i == n { 1.0 } else { f64::from(2 + 2 * (i % 2)) };
                let density = weight * (0.5 * (top * top - x * x)).exp();
                sums.iter_mut().zip([1.0, x - top, (x - top).powi(2)]).for_each(|(sum, power)| *sum += density * power);
            }
            let (mean, square) = (sums[1] / sums[0], sums[2] / sums[0]);
            let found = normal_below(z);
            assert!(
                (found.mean - top - mean).abs() < 1e-9 * found.mean.abs() + 1e-12,
                "{z}: {} {}",
                found.mean,
                top + mean
            );
            let variance = square - mean * mean;
            assert!((found.variance / variance - 1.0).abs() < 1e-7, "{z}: {} {variance}", found.variance);
            let step = 1e-5 * f64::max(1.0, z.abs());
            let (up, down) = (normal_below(z + step), normal_below(z - step));
            let slope = (up.mean - down.mean) / (2.0 * step);
            assert!((found.mean_slope - slope).abs() < 1e-6 * slope.abs() + 1e-9, "{z}");
            let slope = (up.variance - down.variance) / (2.0 * step);
            assert!((found.variance_slope - slope).abs() < 1e-6 * slope.abs() + 1e-9, "{z}");
        }
        // Far down: variance 1/z² and mean z − 1/|z| but for terms of the order of z^(−4).
        let far = normal_below(-1e6);
        assert!((far.variance * 1e12 - 1.0).abs() < 1e-10 && (far.mean + 1e6 + 1e-6).abs() < 1e-9, "{far:?}");
        assert!(normal_below(f64::NAN).mean.is_nan() && normal_below(40.0).variance == 1.0);
    }
}
