//! Probability distributions, transforms to the real line, and independent random streams from one seed.

mod distribution;
mod family;
mod histogram;
mod kolmogorov;
mod normal;
mod seed;
mod transform;

pub use distribution::Distribution;
pub(crate) use distribution::ln_sum_exp;
pub use family::{DistributionError, FAMILIES, Family, FamilyRow, log_sd_from_cv};
pub use histogram::{Histogram, rank_histograms};
pub use kolmogorov::uniform_p_value;
pub use normal::{
    StudentTScore, normal_below, normal_cdf, normal_ln_cdf, normal_ln_density, normal_quantile, student_t_ln_cdf,
    student_t_ln_density,
};
pub use seed::{Seed, Stream};
pub use transform::Transform;
