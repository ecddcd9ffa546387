//! Effective draws a second on a posterior that others have published and timed: lynx and hare, 4 × 1000 draws.

use std::path::Path;
use std::time::Instant;

use homeostat::inference::ess_bulk;
use homeostat::model::Library;
use homeostat::patient::Patient;
use homeostat::stats::Seed;
use homeostat::twin::{Calibration, calibrate};

const SEEDS: u64 = 5;

/// Least bulk effective sample size over the wall-clock time of the whole calibration (modes, warmup, draws, predictions),
/// the median of five seeds.
pub fn lynx_and_hare() -> f64 {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("patients/lynx_hare");
    let patient = Patient::load(&folder).expect("the bundle is in the repository").0;
    let mut rates: Vec<f64> = (1..=SEEDS)
        .map(|seed| {
            let model = Library::embedded().load("lotka_volterra").expect("the model is in the library").0;
            let begun = Instant::now();
            let calibrated = calibrate(model, &patient, &Calibration::default(), Seed(seed), &|_| ());
            let seconds = begun.elapsed().as_secs_f64();
            let draws = calibrated.expect("it can be calibrated").0.draws;
            let least =
                (0..draws.dimension).map(|index| ess_bulk(&draws.parameter(index))).fold(f64::INFINITY, f64::min);
            least / seconds
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
