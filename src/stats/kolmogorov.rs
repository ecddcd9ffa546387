//! Kolmogorov's test of whether numbers between 0 and 1 are uniform.

/// Two-sided p-value of Kolmogorov's test that `values` are independent draws from 0 to 1; NaN of none, or with a NaN.
///
/// The limit distribution of √n D (Kolmogorov 1933) with the correction for small n by Stephens 1970, J. R. Stat. Soc. B
/// 32(1): from five values on within 0.004 of exact p-values below 0.2, and within 0.03 of any.
pub fn uniform_p_value(values: &[f64]) -> f64 {
    if values.is_empty() || values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len() as f64;
    let away = |(below, value): (usize, &f64)| (value - below as f64 / count).max((below as f64 + 1.0) / count - value);
    let distance = sorted.iter().enumerate().map(away).fold(0.0, f64::max);
    let root = count.sqrt();
    kolmogorov_upper_tail((root + 0.12 + 0.11 / root) * distance)
}

/// P(K > x) of Kolmogorov's distribution, by the series that converges faster at x.
fn kolmogorov_upper_tail(x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    if x < 1.0 {
        let tau = std::f64::consts::TAU;
        let term = |k: i32| (-(f64::from(2 * k - 1) * std::f64::consts::PI / x).powi(2) / 8.0).exp();
        return 1.0 - tau.sqrt() / x * (1..=4).map(term).sum::<f64>();
    }
    let term = |k: i32| f64::from(1 - 2 * ((k + 1) % 2)) * (-2.0 * (f64::from(k) * x).powi(2)).exp();
    2.0 * (1..=6).map(term).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KOLMOGOROV: [(f64, f64); 6] = [
        (0.3, 0.9999906941986655),
        (0.6, 0.8642827790506042),
        (0.99, 0.2808738392255489),
        (1.01, 0.25943416909359746),
        (1.5, 0.022217962616525127),
        (2.5, 7.453306344157342e-06),
    ];
    const EXACT: [(i32, f64, f64); 8] = [
        (5, 1.0, 1.0),
        (5, 2.0, 0.46975),
        (11, 1.5, 0.7404208282586209),
        (11, 3.0, 0.023042860762967687),
        (40, 1.2, 0.9449824474619539),
        (40, 1.6, 0.1178068096886209),
        (288, 1.1, 0.8166999307522772),
        (288, 1.25, 0.03347810212363944),
    ];

    #[test]
    fn the_limit_distribution_has_the_published_values() {
        // SciPy 1.17.1, scipy.special.kolmogorov.
        for (x, expected) in KOLMOGOROV {
            assert!((kolmogorov_upper_tail(x) - expected).abs() < 1e-12, "{x}: {}", kolmogorov_upper_tail(x));
        }
    }

    #[test]
    fn p_values_are_near_the_exact_ones() {
        // SciPy 1.17.1, scipy.stats.kstest(x, "uniform", method="exact") of ((i + 1/2) / n) to a power.
        for (count, power, expected) in EXACT {
            let values: Vec<f64> = (0..count).map(|i| ((f64::from(i) + 0.5) / f64::from(count)).powf(power)).collect();
            let found = uniform_p_value(&values);
            assert!((found - expected).abs() < 0.03, "{count} {power}: {found} against {expected}");
        }
        assert!(uniform_p_value(&[]).is_nan() && uniform_p_value(&[0.5, f64::NAN]).is_nan());
    }
}
