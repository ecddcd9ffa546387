//! Maps between a distribution's support and the real line, with their Jacobians.

/// A smooth, increasing (for an upper bound: decreasing) map between the real line and an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Transform {
    Identity,
    /// x = lower + eᶻ
    Log {
        lower: f64,
    },
    /// x = upper − eᶻ
    LogUpper {
        upper: f64,
    },
    /// x = lower + (upper − lower) / (1 + e⁻ᶻ)
    Logit {
        lower: f64,
        upper: f64,
    },
}

impl Transform {
    /// The map whose image is the open interval; infinite ends are open.
    pub fn for_support((lower, upper): (f64, f64)) -> Self {
        match (lower.is_finite(), upper.is_finite()) {
            (false, false) => Self::Identity,
            (true, false) => Self::Log { lower },
            (false, true) => Self::LogUpper { upper },
            (true, true) => Self::Logit { lower, upper },
        }
    }

    pub fn to_real(self, x: f64) -> f64 {
        match self {
            Self::Identity => x,
            Self::Log { lower } => (x - lower).ln(),
            Self::LogUpper { upper } => (upper - x).ln(),
            Self::Logit { lower, upper } => ((x - lower) / (upper - x)).ln(),
        }
    }

    pub fn from_real(self, z: f64) -> f64 {
        match self {
            Self::Identity => z,
            Self::Log { lower } => lower + z.exp(),
            Self::LogUpper { upper } => upper - z.exp(),
            Self::Logit { lower, upper } => lower + (upper - lower) * logistic(z),
        }
    }

    /// dx/dz
    pub fn d_from_real(self, z: f64) -> f64 {
        match self {
            Self::Identity => 1.0,
            Self::Log { .. } => z.exp(),
            Self::LogUpper { .. } => -z.exp(),
            Self::Logit { lower, upper } => (upper - lower) * logistic(z) * logistic(-z),
        }
    }

    /// ln |dx/dz|
    pub fn ln_jacobian(self, z: f64) -> f64 {
        match self {
            Self::Identity => 0.0,
            Self::Log { .. } | Self::LogUpper { .. } => z,
            Self::Logit { lower, upper } => (upper - lower).ln() - z.abs() - 2.0 * (-z.abs()).exp().ln_1p(),
        }
    }

    /// d ln |dx/dz| / dz
    pub fn d_ln_jacobian(self, z: f64) -> f64 {
        match self {
            Self::Identity => 0.0,
            Self::Log { .. } | Self::LogUpper { .. } => 1.0,
            Self::Logit { .. } => logistic(-z) - logistic(z),
        }
    }
}

fn logistic(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_there_and_back_with_the_slope_of_differences() {
        for support in [(f64::NEG_INFINITY, f64::INFINITY), (2.0, f64::INFINITY), (f64::NEG_INFINITY, 3.0), (-1.0, 4.0)]
        {
            let transform = Transform::for_support(support);
            for z in [-8.0, -1.3, 0.0, 0.4, 6.0] {
                let x = transform.from_real(z);
                assert!(x > support.0 && x < support.1);
                assert!((transform.to_real(x) - z).abs() < 1e-10, "{transform:?} {z}");
                let step = 1e-6;
                let slope = (transform.from_real(z + step) - transform.from_real(z - step)) / (2.0 * step);
                assert!((transform.d_from_real(z) - slope).abs() < 1e-7 * slope.abs().max(1.0));
                assert!((transform.ln_jacobian(z) - transform.d_from_real(z).abs().ln()).abs() < 1e-12);
                let curve = (transform.ln_jacobian(z + step) - transform.ln_jacobian(z - step)) / (2.0 * step);
                assert!((transform.d_ln_jacobian(z) - curve).abs() < 1e-7);
            }
        }
        assert!(Transform::for_support((0.0, 1.0)).ln_jacobian(-700.0).is_finite());
    }
}
