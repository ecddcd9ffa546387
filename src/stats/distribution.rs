//! Distributions of one number: density and its slope, cumulative distribution, quantiles, draws.

use std::f64::consts::PI;
use std::fmt;

use rand::RngExt;
use rand_distr::Distribution as _;
use statrs::distribution::{Beta, ContinuousCDF, Gamma, StudentsT};
use statrs::function::gamma::ln_gamma;

use super::normal::{normal_cdf, normal_ln_density, normal_quantile, student_t_ln_density};
use super::seed::Stream;

/// A distribution of one number; make it with [`Distribution::new`], which checks the arguments.
#[derive(Clone, Debug, PartialEq)]
pub enum Distribution {
    Normal {
        mean: f64,
        sd: f64,
    },
    /// ln X is normal around ln median with sd sigma.
    LogNormal {
        median: f64,
        sigma: f64,
    },
    HalfNormal {
        sd: f64,
    },
    HalfCauchy {
        scale: f64,
    },
    Cauchy {
        location: f64,
        scale: f64,
    },
    StudentT {
        df: f64,
        location: f64,
        scale: f64,
    },
    Gamma {
        shape: f64,
        rate: f64,
    },
    /// On 0 to `scale`.
    Beta {
        alpha: f64,
        beta: f64,
        scale: f64,
    },
    Uniform {
        lower: f64,
        upper: f64,
    },
    Exponential {
        rate: f64,
    },
    /// Weights sum to 1.
    Mixture(Vec<(f64, Distribution)>),
    Truncated {
        inner: Box<Distribution>,
        lower: f64,
        upper: f64,
    },
}

use Distribution as D;

impl Distribution {
    /// ln density; −∞ outside the support, NaN at NaN.
    pub fn ln_density(&self, x: f64) -> f64 {
        if x.is_nan() {
            return x;
        }
        let (lower, upper) = self.support();
        if x < lower || x > upper {
            return f64::NEG_INFINITY;
        }
        match self {
            D::Normal { mean, sd } => normal_ln_density(x, *mean, *sd),
            D::LogNormal { median, sigma } if x > 0.0 => normal_ln_density(x.ln(), median.ln(), *sigma) - x.ln(),
            D::LogNormal { .. } => f64::NEG_INFINITY,
            D::HalfNormal { sd } => normal_ln_density(x, 0.0, *sd) + std::f64::consts::LN_2,
            D::HalfCauchy { scale } => (2.0 / (PI * scale)).ln() - (x / scale).powi(2).ln_1p(),
            D::Cauchy { location, scale } => -(PI * scale).ln() - ((x - location) / scale).powi(2).ln_1p(),
            D::StudentT { df, location, scale } => student_t_ln_density(x, *df, *location, *scale).ln_density,
            D::Gamma { shape, rate } => {
                let power = if *shape == 1.0 { 0.0 } else { (shape - 1.0) * x.ln() };
                shape * rate.ln() - ln_gamma(*shape) + power - rate * x
            }
            D::Beta { alpha, beta, scale } => {
                let (u, log) = (x / scale, |power: f64, ln: f64| if power == 0.0 { 0.0 } else { power * ln });
                ln_gamma(alpha + beta) - ln_gamma(*alpha) - ln_gamma(*beta)
                    + log(alpha - 1.0, u.ln())
                    + log(beta - 1.0, (-u).ln_1p())
                    - scale.ln()
            }
            D::Uniform { lower, upper } => -(upper - lower).ln(),
            D::Exponential { rate } => rate.ln() - rate * x,
            D::Mixture(parts) => {
                let terms: Vec<f64> = parts.iter().map(|(weight, part)| weight.ln() + part.ln_density(x)).collect();
                ln_sum_exp(&terms)
            }
            D::Truncated { inner, lower, upper } => inner.ln_density(x) - inner.mass(*lower, *upper).ln(),
        }
    }

    /// d ln density / dx inside the support.
    pub fn d_ln_density(&self, x: f64) -> f64 {
        match self {
            D::Normal { mean, sd } => (mean - x) / (sd * sd),
            D::LogNormal { median, sigma } => -(1.0 + (x / median).ln() / (sigma * sigma)) / x,
            D::HalfNormal { sd } => -x / (sd * sd),
            D::HalfCauchy { scale } => -2.0 * x / (scale * scale + x * x),
            D::Cauchy { location, scale } => {
                let away = x - location;
                -2.0 * away / (scale * scale + away * away)
            }
            D::StudentT { df, location, scale } => -student_t_ln_density(x, *df, *location, *scale).by_location,
            D::Gamma { shape, rate } => (shape - 1.0) / x - rate,
            D::Beta { alpha, beta, scale } => (alpha - 1.0) / x - (beta - 1.0) / (scale - x),
            D::Uniform { .. } => 0.0,
            D::Exponential { rate } => -rate,
            D::Mixture(parts) => {
                let whole = self.ln_density(x);
                parts
                    .iter()
                    .map(|(weight, part)| (weight.ln() + part.ln_density(x) - whole).exp() * part.d_ln_density(x))
                    .sum()
            }
            D::Truncated { inner, .. } => inner.d_ln_density(x),
        }
    }

    /// P(X ≤ x).
    pub fn cdf(&self, x: f64) -> f64 {
        let (lower, upper) = self.support();
        if x <= lower || x >= upper {
            return if x <= lower { 0.0 } else { 1.0 };
        }
        match self {
            D::Normal { mean, sd } => normal_cdf((x - mean) / sd),
            D::LogNormal { median, sigma } => normal_cdf((x / median).ln() / sigma),
            D::HalfNormal { sd } => 1.0 - 2.0 * normal_cdf(-x / sd),
            D::HalfCauchy { scale } => 2.0 / PI * (x / scale).atan(),
            D::Cauchy { location, scale } => 0.5 + ((x - location) / scale).atan() / PI,
            D::StudentT { df, location, scale } => {
                StudentsT::new(*location, *scale, *df).map_or(f64::NAN, |t| t.cdf(x))
            }
            D::Gamma { shape, rate } => Gamma::new(*shape, *rate).map_or(f64::NAN, |g| g.cdf(x)),
            D::Beta { alpha, beta, scale } => Beta::new(*alpha, *beta).map_or(f64::NAN, |b| b.cdf(x / scale)),
            D::Uniform { lower, upper } => (x - lower) / (upper - lower),
            D::Exponential { rate } => -(-rate * x).exp_m1(),
            D::Mixture(parts) => parts.iter().map(|(weight, part)| weight * part.cdf(x)).sum(),
            D::Truncated { inner, lower, upper } => inner.mass(*lower, x) / inner.mass(*lower, *upper),
        }
    }

    /// P(X > x), accurate where it is small.
    fn upper_tail(&self, x: f64) -> f64 {
        let (_, upper) = self.support();
        if x >= upper {
            return 0.0;
        }
        match self {
            D::Normal { mean, sd } => normal_cdf((mean - x) / sd),
            D::LogNormal { median, sigma } if x > 0.0 => normal_cdf(-(x / median).ln() / sigma),
            D::HalfNormal { sd } if x > 0.0 => 2.0 * normal_cdf(-x / sd),
            D::Cauchy { location, scale } => 0.5 - ((x - location) / scale).atan() / PI,
            D::Gamma { shape, rate } if x > 0.0 => Gamma::new(*shape, *rate).map_or(f64::NAN, |g| g.sf(x)),
            D::Exponential { rate } if x > 0.0 => (-rate * x).exp(),
            D::Mixture(parts) => parts.iter().map(|(weight, part)| weight * part.upper_tail(x)).sum(),
            _ => 1.0 - self.cdf(x),
        }
    }

    /// P(lower < X < upper), from the tail in which it loses least.
    pub(super) fn mass(&self, lower: f64, upper: f64) -> f64 {
        if self.cdf(lower) > 0.5 {
            self.upper_tail(lower) - self.upper_tail(upper)
        } else {
            self.cdf(upper) - self.cdf(lower)
        }
    }

    /// The value below which a share `p` lies; NaN outside 0 to 1.
    pub fn quantile(&self, p: f64) -> f64 {
        if !(0.0..=1.0).contains(&p) {
            return f64::NAN;
        }
        let (lower, upper) = self.support();
        if p == 0.0 || p == 1.0 {
            return if p == 0.0 { lower } else { upper };
        }
        match self {
            D::Normal { mean, sd } => mean + sd * normal_quantile(p),
            D::LogNormal { median, sigma } => median * (sigma * normal_quantile(p)).exp(),
            D::HalfNormal { sd } => -sd * normal_quantile(0.5 * (1.0 - p)),
            D::HalfCauchy { scale } => scale * (0.5 * PI * p).tan(),
            D::Cauchy { location, scale } => location + scale * (PI * (p - 0.5)).tan(),
            D::Uniform { lower, upper } => lower + p * (upper - lower),
            D::Exponential { rate } => -(-p).ln_1p() / rate,
            _ => self.bisect(p),
        }
    }

    /// The quantile by bisection on the cumulative distribution, to the last bit that it tells.
    fn bisect(&self, p: f64) -> f64 {
        let (lower, upper) = self.support();
        // Brackets grow from the typical size until they hold the quantile.
        let mut low = if lower.is_finite() { lower } else { -1.0 };
        let mut high = if upper.is_finite() { upper } else { low.abs().max(1.0) };
        while !lower.is_finite() && self.cdf(low) > p {
            low *= 2.0;
        }
        while !upper.is_finite() && self.cdf(high) < p && high < f64::MAX / 4.0 {
            high *= 2.0;
        }
        for _ in 0..2000 {
            let middle = low + 0.5 * (high - low);
            if middle <= low || middle >= high {
                break;
            }
            if self.cdf(middle) < p { low = middle } else { high = middle }
        }
        low + 0.5 * (high - low)
    }

    /// A draw.
    pub fn draw(&self, stream: &mut Stream) -> f64 {
        match self {
            D::Gamma { shape, rate } => {
                rand_distr::Gamma::new(*shape, 1.0 / rate).map_or(f64::NAN, |gamma| gamma.sample(stream))
            }
            D::Beta { alpha, beta, scale } => {
                rand_distr::Beta::new(*alpha, *beta).map_or(f64::NAN, |beta| scale * beta.sample(stream))
            }
            D::StudentT { df, location, scale } => {
                rand_distr::StudentT::new(*df).map_or(f64::NAN, |t| location + scale * t.sample(stream))
            }
            D::Mixture(parts) => {
                let mut left: f64 = stream.random();
                let mut chosen = &parts[parts.len() - 1].1;
                for (weight, part) in parts {
                    if left < *weight {
                        chosen = part;
                        break;
                    }
                    left -= weight;
                }
                chosen.draw(stream)
            }
            // Open on both sides, so that a draw never lies on a bound.
            _ => self.quantile(stream.sample::<f64, _>(rand_distr::Open01)),
        }
    }

    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The interval outside which the density is 0.
    pub fn support(&self) -> (f64, f64) {
        match self {
            D::Normal { .. } | D::Cauchy { .. } | D::StudentT { .. } => (f64::NEG_INFINITY, f64::INFINITY),
            D::LogNormal { .. }
            | D::HalfNormal { .. }
            | D::HalfCauchy { .. }
            | D::Gamma { .. }
            | D::Exponential { .. } => (0.0, f64::INFINITY),
            D::Beta { scale, .. } => (0.0, *scale),
            D::Uniform { lower, upper } | D::Truncated { lower, upper, .. } => (*lower, *upper),
            D::Mixture(parts) => parts[0].1.support(),
        }
    }

    /// The distribution of `factor` · X, for a factor above 0.
    pub fn scaled(&self, factor: f64) -> Self {
        match self {
            D::Normal { mean, sd } => D::Normal { mean: mean * factor, sd: sd * factor },
            D::LogNormal { median, sigma } => D::LogNormal { median: median * factor, sigma: *sigma },
            D::HalfNormal { sd } => D::HalfNormal { sd: sd * factor },
            D::HalfCauchy { scale } => D::HalfCauchy { scale: scale * factor },
            D::Cauchy { location, scale } => D::Cauchy { location: location * factor, scale: scale * factor },
            D::StudentT { df, location, scale } => {
                D::StudentT { df: *df, location: location * factor, scale: scale * factor }
            }
            D::Gamma { shape, rate } => D::Gamma { shape: *shape, rate: rate / factor },
            D::Beta { alpha, beta, scale } => D::Beta { alpha: *alpha, beta: *beta, scale: scale * factor },
            D::Uniform { lower, upper } => D::Uniform { lower: lower * factor, upper: upper * factor },
            D::Exponential { rate } => D::Exponential { rate: rate / factor },
            D::Mixture(parts) => D::Mixture(parts.iter().map(|(w, part)| (*w, part.scaled(factor))).collect()),
            D::Truncated { inner, lower, upper } => {
                D::Truncated { inner: Box::new(inner.scaled(factor)), lower: lower * factor, upper: upper * factor }
            }
        }
    }
}

/// ln Σ exp, without overflow; −∞ of none.
pub(crate) fn ln_sum_exp(terms: &[f64]) -> f64 {
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    largest + terms.iter().map(|term| (term - largest).exp()).sum::<f64>().ln()
}

impl fmt::Display for Distribution {
    /// As in a model file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            D::Normal { mean, sd } => write!(f, "Normal({mean}, {sd})"),
            D::LogNormal { median, sigma } => write!(f, "LogNormal({median}, {sigma})"),
            D::HalfNormal { sd } => write!(f, "HalfNormal({sd})"),
            D::HalfCauchy { scale } => write!(f, "HalfCauchy({scale})"),
            D::Cauchy { location, scale } => write!(f, "Cauchy({location}, {scale})"),
            D::StudentT { df, location, scale } => write!(f, "StudentT({df}, {location}, {scale})"),
            D::Gamma { shape, rate } => write!(f, "Gamma({shape}, {rate})"),
            D::Beta { alpha, beta, scale } if *scale == 1.0 => write!(f, "Beta({alpha}, {beta})"),
            D::Beta { alpha, beta, scale } => write!(f, "{scale} · Beta({alpha}, {beta})"),
            D::Uniform { lower, upper } => write!(f, "Uniform({lower}, {upper})"),
            D::Exponential { rate } => write!(f, "Exponential({rate})"),
            D::Mixture(parts) => {
                let parts: Vec<String> = parts.iter().map(|(weight, part)| format!("{weight}: {part}")).collect();
                write!(f, "Mixture({})", parts.join(", "))
            }
            D::Truncated { inner, lower, upper } => write!(f, "Truncated({inner}, {lower}, {upper})"),
        }
    }
}
