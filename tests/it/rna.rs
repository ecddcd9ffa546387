//! Reads of an enzyme's RNA against an independent integral: they move the enzyme weakly and the right way, as a share of their
//! library; without a read of the gene the prior stays.

use homeostat::inference::LogDensityGradient;
use homeostat::likelihood::Posterior;
use homeostat::model::Library;
use homeostat::patient::Patient;
use homeostat::twin::{CalibrateError, Calibration, meet};
use statrs::distribution::{Discrete, NegativeBinomial};

/// As the model files have them.
const CONTENT: f64 = 4.32;
const SHARE: f64 = 0.000_335;
const CORRELATION: f64 = 0.5;
const LABORATORY: f64 = 0.5;
const SIZE: f64 = 6.25;
/// Of the logarithm of the enzyme between people: a coefficient of variation of 41 %.
const SPREAD: f64 = 0.394;

/// A person with reads of a table of genes, a total of all reads, and the volume of the liver.
fn person(rows: &str, total: f64) -> Patient {
    let folder = tempfile::tempdir().unwrap();
    let toml = format!(
        r#"
name = "anna"
[covariates]
age = "40 a"
sex = "female"
height = "168 cm"
weight = "65 kg"
[[observation]]
name = "liver_volume"
readings = [{{ time = "0 h", value = "1.5 L" }}]
[[source]]
file = "liver.csv"
format = "rna_counts"
total = "{total}"
"#
    );
    std::fs::write(folder.path().join("patient.toml"), toml).unwrap();
    std::fs::write(folder.path().join("liver.csv"), format!("gene,count\nALB,400000\n{rows}")).unwrap();
    Patient::load(folder.path()).unwrap_or_else(|found| panic!("{found}")).0
}

fn posterior(patient: &Patient) -> std::sync::Arc<Posterior> {
    let (model, _) = Library::embedded().load("midazolam_rna").unwrap_or_else(|found| panic!("{found}"));
    meet(model, patient, Calibration::default().solver).unwrap_or_else(|_| panic!("no posterior")).0
}

/// Mean and standard deviation of the enzyme's logarithm over the typical, by a sum over a grid of it and of what else is in the
/// RNA, both in spreads; `ln_density` is of both.
fn moments(ln_density: &mut dyn FnMut(f64, f64) -> f64) -> (f64, f64) {
    const STEPS: i32 = 60;
    let grid = || (-STEPS..=STEPS).map(|step| 5.0 * f64::from(step) / f64::from(STEPS));
    let all: Vec<(f64, f64)> = grid().flat_map(|z| grid().map(move |apart| (z, apart))).collect();
    let densities: Vec<f64> = all.iter().map(|(z, apart)| ln_density(*z, *apart)).collect();
    let most = densities.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (mut total, mut first, mut second) = (0.0, 0.0, 0.0);
    for ((z, _), density) in all.iter().zip(densities) {
        let weight = (density - most).exp();
        total += weight;
        first += weight * z * SPREAD;
        second += weight * (z * SPREAD).powi(2);
    }
    (first / total, (second / total - (first / total).powi(2)).sqrt())
}

/// By the posterior of the library's model: all other parameters at their typical values, on which the two do not depend.
fn ours(posterior: &Posterior) -> (f64, f64) {
    let calibrated = &posterior.prior.calibrated;
    let place = |name: &str| calibrated.iter().position(|known| known.name == name).unwrap_or_else(|| panic!("{name}"));
    let (content, apart_at) = (place("CYP3A4_content"), place("rna.rna_apart"));
    let mut at = posterior.prior.centre();
    let (mut workspace, mut gradient) = (posterior.workspace(), vec![0.0; at.len()]);
    moments(&mut |z, apart| {
        at[content] = calibrated[content].transform.to_real(CONTENT * (SPREAD * z).exp());
        at[apart_at] = calibrated[apart_at].transform.to_real(apart);
        posterior.ln_density_gradient(&mut workspace, &at, &mut gradient).unwrap()
    })
}

/// By another implementation of the negative binomial distribution.
fn integral(count: u64, total: f64) -> (f64, f64) {
    let rest = (1.0 - CORRELATION * CORRELATION + LABORATORY * LABORATORY).sqrt();
    moments(&mut |z, apart| {
        let mean = total * SHARE * (CORRELATION * z + rest * apart).exp();
        let counts = NegativeBinomial::new(SIZE, SIZE / (SIZE + mean)).unwrap();
        counts.ln_pmf(count) - 0.5 * (z * z + apart * apart)
    })
}

#[test]
fn reads_move_the_enzyme_weakly_and_the_right_way() {
    let total = 30e6;
    let typical = total * SHARE;
    for (count, total) in [(10_050, total), (30_150, total), (3350, total), (0, total), (30_150, 3.0 * total)] {
        let (mean, sd) = ours(&posterior(&person(&format!("CYP3A4,{count}\n"), total)));
        let (right_mean, right_sd) = integral(count, total);
        println!(
            "{count} reads of {total:.0}: ln of the enzyme {mean:.4} ± {sd:.4}, by the integral {right_mean:.4} ± {right_sd:.4}"
        );
        assert!((mean - right_mean).abs() < 1e-3 && (sd - right_sd).abs() < 1e-3, "{count}");
        // Weak: nine tenths of what was not known still is not.
        assert!(count == 0 || (sd > 0.88 * SPREAD && sd < 0.97 * SPREAD), "{count}: {sd}");
    }
    // Many reads are a normal measurement of their logarithm: z and ln(count / typical) have the covariance `CORRELATION`, and the
    // second a variance of 1 + 0.5² + that of a gamma distribution's logarithm, trigamma(6.25) = 0.1735.
    let (mean, _) = ours(&posterior(&person("CYP3A4,30150\n", total)));
    let bias = 6.25_f64.ln() - 1.750_5;
    let expected = SPREAD * CORRELATION * (3f64.ln() + bias) / (1.0 + 0.25 + 0.1735);
    assert!((30_150.0 / typical - 3.0).abs() < 1e-9);
    assert!((mean / expected - 1.0).abs() < 0.05, "{mean} {expected}");
    // The share is what tells, not the count.
    let (thrice, _) = ours(&posterior(&person("CYP3A4,30150\n", 3.0 * total)));
    let (usual, _) = ours(&posterior(&person("CYP3A4,10050\n", total)));
    assert!((thrice - usual).abs() < 1e-3, "{thrice} {usual}");
}

#[test]
fn without_a_read_of_the_gene_the_prior_stays() {
    let patient = person("CYP2D6,812\n", 30e6);
    assert_eq!(patient.covariate("rna_total").unwrap().value, 30e6);
    let (mean, sd) = ours(&posterior(&patient));
    assert!(mean.abs() < 1e-6 && (sd / SPREAD - 1.0).abs() < 1e-3, "{mean} {sd}");
}

#[test]
fn clearance_follows_the_enzyme_and_a_count_without_its_library_is_refused() {
    // The same model at twice the enzyme: the intrinsic clearance doubles, as nothing but CYP3A4 clears midazolam in the liver.
    let posterior = posterior(&person("CYP3A4,30150\n", 30e6));
    let model = &posterior.program.model;
    let output = model.outputs.iter().position(|output| output.name == "intrinsic_clearance").unwrap();
    let parameter = model.parameters.iter().position(|known| known.name == "CYP3A4_content").unwrap();
    let clearance = |factor: f64| {
        let mut person = posterior.prior.typical().to_vec();
        person[parameter] *= factor;
        let ensemble = homeostat::sim::Ensemble {
            program: &posterior.program,
            covariates: &posterior.covariates,
            schedule: &posterior.schedule,
            times: &[0.0],
            settings: posterior.settings,
        };
        let (mut workspace, mut found) = (ensemble.workspace(), f64::NAN);
        ensemble.run(&mut workspace, &[person], &mut |_, _, _, workspace| {
            found = workspace.output(&posterior.program, output).0[0];
        });
        found
    };
    assert!((clearance(2.0) / clearance(1.0) - 2.0).abs() < 1e-9);
    let mut patient = person("CYP3A4,30150\n", 30e6);
    patient.covariates.retain(|known| known.name != "rna_total");
    let (model, _) = Library::embedded().load("midazolam_rna").unwrap();
    let Err(CalibrateError::Files(found)) = meet(model, &patient, Calibration::default().solver) else {
        panic!("it met")
    };
    assert_eq!(found.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["L1001"]);
}

#[test]
fn what_is_no_count_is_refused() {
    let mut patient = person("CYP3A4,30150\n", 30e6);
    let reads = patient.observations.iter_mut().find(|observed| observed.name == "cyp3a4_rna").unwrap();
    reads.readings[0].value = 12.5;
    let (model, _) = Library::embedded().load("midazolam_rna").unwrap();
    let Err(CalibrateError::Files(found)) = meet(model, &patient, Calibration::default().solver) else {
        panic!("it met")
    };
    assert_eq!(found.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["L1012"]);
}
