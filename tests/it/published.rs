//! Posteriors that others have published, from model files and bundles alone.

use std::path::Path;

use homeostat::inference::{NutsSettings, ess_bulk};
use homeostat::model::Library;
use homeostat::patient::Patient;
use homeostat::stats::Seed;
use homeostat::twin::{Calibration, calibrate};

/// Mean, sd, 5 % and 95 % quantile of 10,000 reference draws: posteriordb, `hudson_lynx_hare-lotka_volterra`.
const LYNX_HARE: [(&str, [f64; 4]); 8] = [
    ("alpha", [0.5468644997839307, 0.06305478942737451, 0.448215744145315, 0.655290959804446]),
    ("beta", [0.027747287767808097, 0.0041547179263138855, 0.0213780291472212, 0.0350303012975584]),
    ("gamma", [0.8000953602331221, 0.08937017721602424, 0.664228518634725, 0.957801240535589]),
    ("delta", [0.024085915253454496, 0.003528089690268071, 0.0188565526986444, 0.0303083686183525]),
    ("prey_start", [34.035222477046915, 2.916898849650093, 29.34429103859, 39.0378971733849]),
    ("predator_start", [5.9358971336806245, 0.53055204060614, 5.11490645582766, 6.83452120456222]),
    ("prey_error", [0.2480568632025201, 0.043262677159799645, 0.187811887880993, 0.327876651002776]),
    ("predator_error", [0.25101691458361786, 0.043590336855424794, 0.191075250825164, 0.331318652907832]),
];

#[test]
fn the_lynx_and_hare_posterior_is_the_published_one() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("patients/lynx_hare");
    let (patient, _) = Patient::load(&folder).unwrap();
    let (model, _) = Library::embedded().load("lotka_volterra").unwrap();
    let nuts = NutsSettings { warmup: 500, draws: 2000, ..NutsSettings::default() };
    let settings = Calibration { nuts, ..Calibration::default() };
    let (twin, _) = calibrate(model, &patient, &settings, Seed(4), &|_| {}).unwrap();
    assert!(twin.verdict.passed, "{:?}", twin.verdict.reasons);
    assert_eq!(twin.posterior.prior.dimension(), LYNX_HARE.len());
    for (index, (name, [mean, sd, low, high])) in LYNX_HARE.into_iter().enumerate() {
        assert_eq!(twin.posterior.prior.calibrated[index].name, name);
        let chains = twin.draws.parameter(index);
        assert!(ess_bulk(&chains) > 1500.0, "{name}");
        let mut all = chains.concat();
        all.sort_by(f64::total_cmp);
        let count = all.len() as f64;
        let found = all.iter().sum::<f64>() / count;
        let spread = (all.iter().map(|x| (x - found).powi(2)).sum::<f64>() / (count - 1.0)).sqrt();
        let quantile = |share: f64| all[(share * count) as usize];
        assert!((found - mean).abs() < 0.1 * sd, "{name}: mean {found}, reference {mean}");
        assert!((spread / sd - 1.0).abs() < 0.1, "{name}: sd {spread}, reference {sd}");
        for (share, reference) in [(0.05, low), (0.95, high)] {
            let found = quantile(share);
            assert!((found - reference).abs() < 0.15 * sd, "{name}: quantile {share} {found}, reference {reference}");
        }
    }
}
