//! Power-scaling sensitivities against ArviZ, and the diagnoses they give.

use homeostat::inference::{PowerScaling, Sensitivity};

use super::close;
use super::loo::example;

/// Chains, draws, readings; sensitivities of μ, s, μ³ and ⌊4 μ⌋ to the prior and to the likelihood.
type Golden = (usize, usize, &'static [f64], [f64; 4], [f64; 4]);

#[test]
fn sensitivities_are_those_of_arviz() {
    // `arviz.psens(component="prior"/"likelihood")` of ArviZ 0.23.4 (NumPy 2.4.6, SciPy 1.17.1) on the same numbers, made
    // in Python; the ln prior is −½ (μ / 0.3)² − ½ (ln s / 0.4)².
    #[rustfmt::skip]
    let golden: [Golden; 3] = [
        (4, 250, &[0.4, -0.3, 1.2, 0.0, -1.5, 2.2, 0.8],
            [5.348739175760e-02, 6.320960869354e-02, 6.193066859346e-02, 5.128215074158e-02],
            [1.042486039994e-01, 3.903683777442e-01, 6.805412437843e-02, 1.217705753174e-01]),
        (3, 151, &[0.5, -2.5, 6.0],
            [4.574670416776e-02, 8.370612644535e-02, 4.870745686273e-02, 4.695323979165e-02],
            [3.185493306076e-01, 1.998543700394e+00, 1.662911199435e-01, 3.371520416369e-01]),
        (1, 400, &[0.1, -0.7],
            [6.009129822042e-02, 7.279673839484e-02, 7.396928071366e-02, 5.939262622618e-02],
            [3.450933461507e-02, 9.361177036628e-02, 3.332863627298e-02, 3.436653978906e-02]),
    ];
    for (chains, draws, readings, to_prior, to_likelihood) in golden {
        let example = example(chains, draws, readings);
        let [mu, s] = example.parameters.map(|chains| chains.concat());
        let ln_prior: Vec<f64> =
            mu.iter().zip(&s).map(|(mu, s)| -0.5 * (mu / 0.3).powi(2) - 0.5 * (s.ln() / 0.4).powi(2)).collect();
        let ln_likelihood: Vec<f64> =
            example.ln_likelihood.chunks(readings.len()).map(|draw| draw.iter().sum()).collect();
        let quantities =
            [mu.clone(), s, mu.iter().map(|x| x.powi(3)).collect(), mu.iter().map(|x| (4.0 * x).floor()).collect()];
        for (ln_component, expected) in [(ln_prior, to_prior), (ln_likelihood, to_likelihood)] {
            let scaling = PowerScaling::new(&ln_component);
            for (values, expected) in quantities.iter().zip(expected) {
                let found = scaling.sensitivity(values);
                assert!(close(found, expected), "{found} against {expected}");
            }
            assert!(scaling.sensitivity(&vec![1.0; mu.len()]).is_nan());
        }
    }
}

#[test]
fn a_conflict_needs_both() {
    let diagnosis = |prior, likelihood| Sensitivity { prior, likelihood }.diagnosis();
    assert_eq!(diagnosis(0.05, 0.3), Some("prior-data conflict"));
    assert_eq!(diagnosis(0.2, 0.04), Some("strong prior or weak likelihood"));
    assert_eq!((diagnosis(0.04, 0.3), diagnosis(f64::NAN, 0.3)), (None, None));
}

#[test]
fn a_component_that_is_broken_or_flat_has_its_answer() {
    let values: Vec<f64> = (0..100).map(f64::from).collect();
    assert!(PowerScaling::new(&vec![f64::NAN; 100]).sensitivity(&values).is_nan());
    assert!(PowerScaling::new(&[]).sensitivity(&values).is_nan());
    // A flat prior moves nothing.
    assert!(PowerScaling::new(&vec![-3.0; 100]).sensitivity(&values) < 1e-5);
}
