//! Diagnostics against ArviZ, and verdicts on draws that are known to be good or bad.

use homeostat::inference::{
    Chains, Draws, Verdict, diagnose, e_bfmi, ess_bulk, ess_mean, ess_quantile, mcse_mean, mcse_quantile, r_hat,
};
use homeostat::stats::Seed;
use rand::RngExt;
use rand_distr::StandardNormal;

use super::uniforms;

/// y ← φ y + u − ½, chain `c` from seed `c + 1`.
fn autoregressive(phi: f64) -> Vec<Vec<f64>> {
    let chain = |seed| {
        let mut y = 0.0;
        let step = |u: f64| {
            y = phi * y + (u - 0.5);
            y
        };
        uniforms(seed, 500).into_iter().map(step).collect()
    };
    (1..=4).map(chain).collect()
}

/// The last chain elsewhere.
fn shifted() -> Vec<Vec<f64>> {
    let mut chains = autoregressive(0.3);
    chains[3].iter_mut().for_each(|x| *x += 0.5);
    chains
}

/// The first chain three times as wide: only the folded R̂ sees it.
fn wide() -> Vec<Vec<f64>> {
    let mut chains = autoregressive(0.3);
    chains[0].iter_mut().for_each(|x| *x *= 3.0);
    chains
}

/// Tails like Cauchy's squared, an odd number of draws.
fn heavy() -> Vec<Vec<f64>> {
    let far = |u: f64| (u - 0.5) / (u * (1.0 - u)).powi(2);
    (1..=3).map(|seed| uniforms(seed, 501).into_iter().map(far).collect()).collect()
}

/// Eight values only.
fn ties() -> Vec<Vec<f64>> {
    (1..=2).map(|seed| uniforms(seed, 400).into_iter().map(|u| (8.0 * u).floor()).collect()).collect()
}

/// So few draws that tails are single ones.
fn short() -> Vec<Vec<f64>> {
    autoregressive(0.3).into_iter().map(|chain| chain[..11].to_vec()).collect()
}

fn with_energy(chains: &[Vec<f64>]) -> Draws {
    let (count, draws, all) = (chains.len(), chains[0].len(), chains.concat());
    Draws { chains: count, draws, dimension: 1, energy: all.clone(), values: all, ..Draws::default() }
}

/// R̂, bulk and tail ESS, ESS of the mean and its MCSE, then the E-BFMI of every chain.
type Golden = (&'static str, Vec<Vec<f64>>, [f64; 5], &'static [f64]);

#[test]
fn diagnostics_are_those_of_arviz() {
    // `rhat`, `ess(method="bulk"/"tail"/"mean")`, `mcse` and `bfmi` of ArviZ 0.23.4 (NumPy 2.4.6, SciPy 1.17.1) on the
    // same chains, made in Python by the recipes above.
    #[rustfmt::skip]
    let golden: [Golden; 7] = [
        ("ar", autoregressive(0.6), [1.002339311092e+00, 4.348612686961e+02, 7.695802323663e+02, 4.382597426649e+02, 1.712244814680e-02], &[9.296217505802e-01, 6.892701873154e-01, 7.236249057958e-01, 8.425752643602e-01]),
        ("slow", autoregressive(0.97), [1.054726586534e+00, 4.560010706835e+01, 3.603019481682e+01, 4.150736908188e+01, 1.881745731050e-01], &[1.204664237254e-01, 4.952325823533e-02, 8.117382988874e-02, 3.942377883523e-02]),
        ("anti", autoregressive(-0.5), [1.000571118997e+00, 5.804797036290e+03, 2.064830037838e+03, 5.688584724605e+03, 4.358417375478e-03], &[3.088562417927e+00, 2.914692883301e+00, 2.948068632351e+00, 3.015406648161e+00]),
        ("shifted", shifted(), [1.216550302677e+00, 1.357411542294e+01, 3.350043100634e+01, 1.267605773404e+01, 1.011783460093e-01], &[1.574273870362e+00, 1.291226062227e+00, 1.305030704337e+00, 1.488983309015e+00]),
        ("wide", wide(), [1.162599256180e+00, 1.066230743478e+03, 3.296972623231e+01, 1.102818051623e+03, 1.516366259739e-02], &[1.574273870362e+00, 1.291226062227e+00, 1.305030704337e+00, 1.488983309015e+00]),
        ("heavy", heavy(), [9.995238859464e-01, 1.455543416945e+03, 1.464280498748e+03, 1.512154902464e+03, 1.049702822037e+06], &[1.987322613795e+00, 2.004000195104e+00, 2.004540404316e+00]),
        ("ties", ties(), [1.005346135897e+00, 7.795945324563e+02, 5.386552441995e+02, 7.819266101358e+02, 8.086573909482e-02], &[2.163182574497e+00, 1.766588118566e+00]),
    ];
    let close = |found: f64, expected: f64| (found - expected).abs() <= 1e-9 * expected.abs();
    for (name, chains, expected, energies) in golden {
        let found = diagnose(&chains);
        let found = [found.r_hat, found.ess_bulk, found.ess_tail, ess_mean(&chains), found.mcse_mean];
        for (which, (found, expected)) in found.into_iter().zip(expected).enumerate() {
            assert!(close(found, expected), "{name}, number {which}: {found} against {expected}");
        }
        let found = e_bfmi(&with_energy(&chains));
        assert_eq!(found.len(), energies.len());
        for (found, expected) in found.into_iter().zip(energies) {
            assert!(close(found, *expected), "{name}: E-BFMI {found} against {expected}");
        }
    }
}

/// Rank and folded R̂; MCSE of mean, sd, 5 %, 95 % and 50 % quantile; ESS of the 95 % quantile.
type Errors = (&'static str, Vec<Vec<f64>>, [f64; 8]);

#[test]
fn both_r_hats_and_all_standard_errors_are_those_of_arviz() {
    // ArviZ 0.23.4 as above: `mcse(method="mean"/"sd"/"quantile")`, `ess(method="quantile")`, and the two numbers of which
    // `rhat(method="rank")` takes the larger.
    #[rustfmt::skip]
    let golden: [Errors; 9] = [
        ("ar", autoregressive(0.6), [1.001345785556e+00, 1.002339311092e+00, 1.712244814680e-02, 7.927495165284e-03, 2.890696124685e-02, 1.681502837255e-02, 2.365100395347e-02, 8.486768034034e+02]),
        ("slow", autoregressive(0.97), [1.054726586534e+00, 1.033859982859e+00, 1.881745731050e-01, 1.623552443623e-01, 6.000064122953e-01, 2.915836828921e-01, 1.477335636402e-01, 5.251729510583e+01]),
        ("anti", autoregressive(-0.5), [9.983968807150e-01, 1.000571118997e+00, 4.358417375478e-03, 5.094353761494e-03, 1.304937981239e-02, 7.680784206885e-03, 7.094068143560e-03, 2.064830037838e+03]),
        ("shifted", shifted(), [1.216550302677e+00, 1.019285270348e+00, 1.011783460093e-01, 2.817393410400e-02, 2.028502373060e-02, 1.498478057729e-01, 1.031693050311e-01, 3.350043100634e+01]),
        ("wide", wide(), [9.989516134182e-01, 1.162599256180e+00, 1.516366259739e-02, 1.388775889918e-01, 2.776964493579e-01, 2.904999239687e-01, 1.586704896913e-02, 3.296972623231e+01]),
        ("heavy", heavy(), [9.982302181206e-01, 9.995238859464e-01, 1.049702822037e+06, 2.032064974017e+07, 4.169818022990e+01, 3.591862670795e+01, 2.610708144967e-01, 1.547945764062e+03]),
        ("ties", ties(), [9.986623106768e-01, 1.005346135897e+00, 8.086573909482e-02, 3.632133100330e-02, 0.000000000000e+00, 0.000000000000e+00, 5.000000000000e-01, 8.000000000000e+02]),
        ("short", short(), [9.433474928650e-01, 9.700450553024e-01, 3.547839055646e-02, 1.907540757432e-02, 6.482273600922e-02, 7.235934065265e-02, 5.598680802059e-02, 6.130030959752e+01]),
        ("one", autoregressive(0.6)[..1].to_vec(), [f64::NAN, f64::NAN, 2.795537318564e-02, 1.206439876958e-02, 4.067464203084e-02, 4.238628992780e-02, 3.613192930630e-02, 4.287078683923e+02]),
    ];
    for (name, chains, expected) in golden {
        let all = diagnose(&chains);
        let (median, ess) = (mcse_quantile(&chains, 0.5), ess_quantile(&chains, 0.95));
        let found =
            [all.r_hat_rank, all.r_hat_folded, all.mcse_mean, all.mcse_sd, all.mcse_q05, all.mcse_q95, median, ess];
        for (which, (found, expected)) in found.into_iter().zip(expected).enumerate() {
            assert!(super::close(found, expected), "{name}, number {which}: {found} against {expected}");
        }
    }
}

#[test]
fn what_cannot_be_judged_has_no_diagnostics() {
    let mut broken = autoregressive(0.3);
    broken[2][17] = f64::NAN;
    let mut infinite = autoregressive(0.3);
    infinite[2][17] = f64::INFINITY;
    let constant = vec![vec![1.5; 500]; 4];
    let short = vec![vec![1.0, 2.0, 3.0]; 4];
    for chains in [broken, infinite, constant, short, Vec::new(), vec![Vec::new(); 4]] {
        let found = diagnose(&chains);
        assert!(found.r_hat.is_nan() && found.ess_bulk.is_nan() && found.ess_tail.is_nan() && found.mcse_mean.is_nan());
        assert!(found.mcse_sd.is_nan() && found.mcse_q05.is_nan() && found.mcse_q95.is_nan());
    }
    // Chains that each stand still at another value disagree without bound.
    let stuck: Vec<Vec<f64>> = (0..4).map(|chain| vec![f64::from(chain); 500]).collect();
    assert!(r_hat(&stuck) > 1e3 && ess_bulk(&stuck) < 10.0);
    assert!(mcse_mean(&stuck) > 0.1);
    assert!(r_hat(&autoregressive(0.3)[..1]).is_nan());
}

/// Independent normal draws of `dimension` parameters.
fn independent(chains: usize, draws: usize, dimension: usize) -> Draws {
    let mut stream = Seed(5).stream("test draws", 0);
    let mut normal = |count: usize| -> Vec<f64> { (0..count).map(|_| stream.sample(StandardNormal)).collect() };
    let count = chains * draws;
    Draws {
        chains,
        draws,
        dimension,
        values: normal(count * dimension),
        energy: normal(count),
        divergent: vec![false; count],
        ..Draws::default()
    }
}

#[test]
fn draws_at_the_depth_limit_are_counted() {
    let mut draws =
        Draws { tree_depth: vec![3, 10, 10, 9], divergent: vec![true, false, true, false], ..Draws::default() };
    assert_eq!((draws.at_depth_limit(), draws.divergences()), (0, 2));
    draws.depth_limit = 10;
    assert_eq!(draws.at_depth_limit(), 2);
    assert_eq!(Verdict::of(&draws, &[]).at_depth_limit, 2);
}

fn names() -> Vec<String> {
    ["clearance", "volume"].map(String::from).to_vec()
}

#[test]
fn good_draws_pass_and_every_fault_is_named() {
    let good = independent(4, 500, 2);
    let verdict = Verdict::of(&good, &names());
    assert!(verdict.passed && verdict.reasons.is_empty(), "{verdict:?}");
    assert!(verdict.worst_r_hat < 1.01 && verdict.least_ess_bulk > 1000.0 && verdict.least_ess_tail > 1000.0);
    assert_eq!((verdict.divergences, verdict.parameters.len()), (0, 2));

    type Fault = (&'static str, &'static str, fn(&mut Draws));
    let faults: [Fault; 7] = [
        ("volume", "R̂ is", |draws| shift(draws, 1500, 1.0)),
        ("volume", "bulk effective sample size", slow_down),
        ("volume", "value 2 in every draw", |draws| draws.values.iter_mut().skip(1).step_by(2).for_each(|x| *x = 2.0)),
        ("not finite", "not finite", |draws| draws.values[77] = f64::NAN),
        ("1 of 2000 draws diverged", "target acceptance", |draws| draws.divergent[3] = true),
        ("E-BFMI of chain 3", "0.3", |draws| (1000..1500).for_each(|i| draws.energy[i] = (i as f64 / 50.0).sin())),
        ("E-BFMI of chain 1", "NaN", |draws| draws.energy[..500].fill(1.0)),
    ];
    for (what, why, spoil) in faults {
        let mut draws = good.clone();
        spoil(&mut draws);
        let verdict = Verdict::of(&draws, &names());
        assert!(!verdict.passed, "{what}");
        assert!(verdict.reasons.iter().any(|r| r.contains(what) && r.contains(why)), "{what}: {:?}", verdict.reasons);
        assert!(!verdict.reasons.iter().any(|reason| reason.contains("clearance")), "{:?}", verdict.reasons);
    }
    for draws in [Draws::default(), independent(1, 2000, 2), independent(4, 3, 2), independent(4, 20, 2)] {
        assert!(!Verdict::of(&draws, &names()).passed);
    }
}

/// Moves the second parameter from draw number `from` on.
fn shift(draws: &mut Draws, from: usize, by: f64) {
    draws.values.iter_mut().skip(1 + from * 2).step_by(2).for_each(|x| *x += by);
}

/// Makes the second parameter a slow walk.
fn slow_down(draws: &mut Draws) {
    let mut y = 0.0;
    for x in draws.values.iter_mut().skip(1).step_by(2) {
        y = 0.95 * y + *x;
        *x = y;
    }
}
