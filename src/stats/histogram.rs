//! Histograms of draws and of the ranks of chains.

/// Densities over bins of equal width.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Lower end of the first bin.
    pub start: f64,
    /// Width of a bin; 0 if all values are the same.
    pub width: f64,
    /// One a bin; their sum times the width is 1.
    pub densities: Vec<f64>,
}

impl Histogram {
    /// Of the finite values, in bins as wide as Freedman and Diaconis (1981) advise, at most `most` of them.
    ///
    /// Equal values make one bin without width and with density 0; no value makes no bin.
    pub fn of(values: &[f64], most: usize) -> Self {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let (Some(&low), Some(&high)) = (sorted.first(), sorted.last()) else { return Self::default() };
        let count = sorted.len();
        let span = high - low;
        // A span of rounding errors is no span.
        if span <= 1e-12 * low.abs().max(high.abs()) {
            return Self { start: low, width: 0.0, densities: vec![0.0] };
        }
        let between = sorted[(3 * count / 4).min(count - 1)] - sorted[count / 4];
        let advised = 2.0 * between / (count as f64).cbrt();
        let bins = if advised > 0.0 { (span / advised).ceil() } else { f64::INFINITY };
        let bins = bins.clamp(1.0, most.max(1) as f64) as usize;
        let width = span / bins as f64;
        let mut densities = vec![0.0; bins];
        for value in sorted {
            densities[(((value - low) / width) as usize).min(bins - 1)] += 1.0 / (count as f64 * width);
        }
        Self { start: low, width, densities }
    }
}

/// How often each chain's draws have ranks in each of `bins` equal parts of all ranks (Vehtari et al. 2021):
/// `[chain][bin]`. Chains that agree fill all bins alike; ties share their mean rank.
pub fn rank_histograms(chains: &[Vec<f64>], bins: usize) -> Vec<Vec<usize>> {
    let mut all: Vec<(f64, usize)> =
        chains.iter().enumerate().flat_map(|(chain, draws)| draws.iter().map(move |value| (*value, chain))).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut counts = vec![vec![0; bins.max(1)]; chains.len()];
    let total = all.len() as f64;
    let mut first = 0;
    while first < all.len() {
        let equal = all[first..].iter().take_while(|(value, _)| value.total_cmp(&all[first].0).is_eq()).count();
        let rank = first as f64 + 0.5 * equal as f64;
        let bin = ((rank / total * bins.max(1) as f64) as usize).min(bins.max(1) - 1);
        for (_, chain) in &all[first..first + equal] {
            counts[*chain][bin] += 1;
        }
        first += equal;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_has_mass_one_and_survives_odd_values() {
        let values: Vec<f64> = (0..1000).map(|i| f64::from(i) / 1000.0).collect();
        let histogram = Histogram::of(&values, 40);
        let mass: f64 = histogram.densities.iter().sum::<f64>() * histogram.width;
        assert!((mass - 1.0).abs() < 1e-12);
        assert!(histogram.densities.iter().all(|density| (density - 1.0).abs() < 0.05), "{histogram:?}");
        assert_eq!(Histogram::of(&[3.0; 9], 40), Histogram { start: 3.0, width: 0.0, densities: vec![0.0] });
        assert_eq!(Histogram::of(&[f64::NAN], 40), Histogram::default());
        // Most values equal: the advised width is 0.
        assert_eq!(Histogram::of(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0], 10).densities.len(), 10);
    }

    #[test]
    fn ranks_are_spread_evenly_where_chains_agree() {
        let chains = vec![vec![0.0, 2.0, 4.0, 6.0], vec![1.0, 3.0, 5.0, 7.0]];
        assert_eq!(rank_histograms(&chains, 4), [[1, 1, 1, 1], [1, 1, 1, 1]]);
        let apart = vec![vec![0.0, 1.0], vec![2.0, 3.0]];
        assert_eq!(rank_histograms(&apart, 2), [[2, 0], [0, 2]]);
        assert_eq!(rank_histograms(&[vec![5.0; 3], vec![5.0; 3]], 4), [[0, 0, 3, 0], [0, 0, 3, 0]]);
        assert_eq!(rank_histograms(&[], 4).len(), 0);
    }
}
