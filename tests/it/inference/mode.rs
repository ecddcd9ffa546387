//! Modes and normal approximations against closed forms.

use homeostat::inference::{LogDensityGradient, Mode, ModeSettings, Rejection, laplace, maximise, modes, modes_scaled};
use homeostat::stats::Seed;

use super::{Target, correlated_normal, standard_normal, starts};

#[test]
fn the_mode_of_a_correlated_normal_is_its_mean_and_its_laplace_is_itself() {
    for (dimension, condition) in [(2, 100.0), (20, 1e4)] {
        let (target, mean, covariance) = correlated_normal(dimension, condition);
        let mode = maximise(&target, &starts(3, dimension, 5.0), &ModeSettings::default()).unwrap();
        assert!(mode.converged && mode.gradient_norm < 1e-3, "{mode:?}");
        let approximation = laplace(&target, &mode.position, None);
        for i in 0..dimension {
            let sd = covariance[(i, i)].sqrt();
            assert!((mode.position[i] - mean[i]).abs() < 1e-4 * sd, "{i}: {} {}", mode.position[i], mean[i]);
            assert!((approximation.sd()[i] / sd - 1.0).abs() < 1e-6);
        }
        assert!((approximation.covariance() - &covariance).amax() < 1e-6 * covariance.amax());
        assert_eq!(approximation.repaired, 0);
        let there = approximation.position(&vec![0.7; dimension]);
        assert!(approximation.white(&there).iter().all(|white| (white - 0.7).abs() < 1e-9));
    }
}

#[test]
fn the_mode_of_a_gamma_on_the_log_scale() {
    // x = ln y, y ~ Gamma(shape 3, rate 2): ln density 3 x − 2 eˣ; mode ln 1.5, curvature 3.
    let target = Target {
        dimension: 1,
        density: |at: &[f64], gradient: &mut [f64]| {
            gradient[0] = 3.0 - 2.0 * at[0].exp();
            Ok(3.0 * at[0] - 2.0 * at[0].exp())
        },
    };
    let mode = maximise(&target, &[vec![-4.0], vec![3.0]], &ModeSettings::default()).unwrap();
    assert!(mode.converged && (mode.position[0] - 1.5f64.ln()).abs() < 1e-5, "{mode:?}");
    let approximation = laplace(&target, &mode.position, Some(&[1.0]));
    assert!((approximation.sd()[0] - 3f64.recip().sqrt()).abs() < 1e-3);
    let draws = approximation.draws(20_000, Seed(1));
    let mean = draws.iter().map(|draw| draw[0]).sum::<f64>() / 20_000.0;
    assert!((mean - 1.5f64.ln()).abs() < 4.0 * approximation.sd()[0] / 20_000f64.sqrt());
}

/// Rosenbrock's valley.
fn valley() -> impl LogDensityGradient {
    Target {
        dimension: 2,
        density: |at: &[f64], gradient: &mut [f64]| {
            let (a, b) = (1.0 - at[0], at[1] - at[0] * at[0]);
            gradient[0] = 2.0 * a + 400.0 * b * at[0];
            gradient[1] = -200.0 * b;
            Ok(-a * a - 100.0 * b * b)
        },
    }
}

#[test]
fn a_curved_valley_is_followed_to_its_end() {
    let mode = maximise(&valley(), &[vec![-1.2, 1.0]], &ModeSettings::default()).unwrap();
    assert!(
        mode.converged && (mode.position[0] - 1.0).abs() < 1e-4 && (mode.position[1] - 1.0).abs() < 2e-4,
        "{mode:?}"
    );
    assert!(mode.evaluations < 100, "{}", mode.evaluations);
}

#[test]
fn the_highest_of_several_modes_wins_and_rejected_starts_are_passed_over() {
    // Two wells at ±3, the right one deeper; nothing left of −5.
    let target = Target {
        dimension: 1,
        density: |at: &[f64], gradient: &mut [f64]| {
            if at[0] < -5.0 {
                return Err(Rejection::new("too far left"));
            }
            let well = |centre: f64, weight: f64| weight * (-0.5 * (at[0] - centre).powi(2)).exp();
            let (left, right) = (well(-3.0, 1.0), well(3.0, 2.0));
            gradient[0] = (-(at[0] + 3.0) * left - (at[0] - 3.0) * right) / (left + right);
            Ok((left + right).ln())
        },
    };
    let all = [vec![-9.0], vec![-4.0], vec![4.5]];
    let mode = maximise(&target, &all, &ModeSettings::default()).unwrap();
    assert!((mode.position[0] - 3.0).abs() < 1e-3, "{mode:?}");
    let each = modes(&target, &all, &ModeSettings::default());
    assert!(each[0].is_err() && (each[1].as_ref().unwrap().position[0] + 3.0).abs() < 1e-3);
    assert_eq!(maximise(&target, &all[..1], &ModeSettings::default()), Err(Rejection::new("too far left")));
    assert!(maximise(&target, &[], &ModeSettings::default()).is_err());
}

#[test]
fn an_approximation_exists_where_there_is_no_mode() {
    // Saddle, flat, and walled in: curvature −1, 0 and 1 with both sides of the third rejected.
    let target = Target {
        dimension: 3,
        density: |at: &[f64], gradient: &mut [f64]| {
            if at[2] != 0.0 {
                return Err(Rejection::new("only at zero"));
            }
            gradient.copy_from_slice(&[at[0], 0.0, 0.0]);
            Ok(0.5 * at[0] * at[0])
        },
    };
    let found = laplace(&target, &[0.0; 3], Some(&[1.0, 0.5, 2.0]));
    assert!(found.repaired >= 2);
    let sd = found.sd();
    assert!((sd[0] - 1.0).abs() < 1e-6 && (sd[1] - 1.0).abs() < 1e-6 && sd[2] <= 4.0 + 1e-9, "{sd:?}");
    assert!(found.scale.iter().all(|x| x.is_finite()));
    let found = laplace(&target, &[0.0; 3], None);
    assert!(found.scale.iter().all(|x| x.is_finite()) && found.sd().iter().all(|sd| *sd > 0.0));
    assert!((laplace(&standard_normal(1), &[0.3], None).sd()[0] - 1.0).abs() < 1e-9);
}

/// Parameters whose spreads differ two hundredfold and that depend on each other in pairs: where they are not told apart by
/// their spreads, a loose search stops far below the mode.
#[test]
fn known_scales_bring_a_loose_search_to_the_mode() {
    const SPREADS: [f64; 10] = [0.1, 20.0, 0.2, 1.0, 0.3, 0.1, 5.0, 0.5, 2.0, 0.15];
    let target = Target {
        dimension: 10,
        density: |at: &[f64], gradient: &mut [f64]| {
            let z: Vec<f64> = at.iter().zip(SPREADS).map(|(x, spread)| x / spread).collect();
            let mut slope = vec![0.0; 10];
            let mut density = 0.0;
            for i in 0..10 {
                density -= 0.5 * z[i] * z[i];
                slope[i] -= z[i];
                let (next, narrow) = ((i + 1) % 10, 0.05);
                let apart = (z[i] + z[next] - 1.0 + 0.3 * z[i] * z[next]) / narrow;
                density -= 0.5 * apart * apart;
                slope[i] -= apart * (1.0 + 0.3 * z[next]) / narrow;
                slope[next] -= apart * (1.0 + 0.3 * z[i]) / narrow;
            }
            gradient.iter_mut().zip(slope).zip(SPREADS).for_each(|((g, s), spread)| *g = s / spread);
            Ok(density)
        },
    };
    let starts: Vec<Vec<f64>> = starts(4, 10, 1.0)
        .iter()
        .map(|start| start.iter().zip(SPREADS).map(|(z, spread)| z * spread).collect())
        .collect();
    let loose = ModeSettings { tolerance: 1e-2, ..ModeSettings::default() };
    let exact = ModeSettings { iterations: 20_000, ..ModeSettings::default() };
    let reached = |modes: Vec<Result<Mode, Rejection>>| -> Vec<f64> {
        modes.into_iter().map(|mode| mode.unwrap().ln_density).collect()
    };
    let top = reached(modes(&target, &starts, &exact)).into_iter().fold(f64::NEG_INFINITY, f64::max);
    let plain = reached(modes(&target, &starts, &loose));
    let scaled = reached(modes_scaled(&target, &SPREADS, &starts, &loose));
    let below = |reached: &[f64]| reached.iter().map(|density| top - density).fold(0.0, f64::max);
    assert!(below(&scaled) < 1.0, "{top}: {scaled:?}");
    assert!(below(&plain) > 5.0, "{top}: {plain:?}");
}
