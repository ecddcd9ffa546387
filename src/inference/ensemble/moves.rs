//! Moves of one walker.

use rand::RngExt;

use super::EnsembleSettings;
use crate::stats::Stream;

/// Where a walker may go.
pub(super) struct Proposal {
    pub to: Vec<f64>,
    /// ln of what the acceptance is multiplied with, for the change of volume.
    pub ln_factor: f64,
    /// Uniform on (0, 1): the move is made if the acceptance is larger.
    pub level: f64,
    /// Whether its length is adapted.
    pub adapted: bool,
}

/// A stretch, a difference or a snooker move of a walker, by what the other half of the walkers is.
pub(super) fn propose(
    from: &[f64],
    others: &[&[f64]],
    settings: &EnsembleSettings,
    step_size: f64,
    stream: &mut Stream,
) -> Proposal {
    let dimension = from.len() as f64;
    let level: f64 = stream.random();
    let kind = stream.random::<f64>() * (settings.stretch + settings.difference + settings.snooker);
    let mut other = || others[stream.random_range(0..others.len())];
    let (first, second, third) = (other(), other(), other());
    if kind < settings.stretch {
        // z with density ∝ 1/√z on ½ to 2.
        let z = (stream.random::<f64>() + 1.0).powi(2) / 2.0;
        let to = from.iter().zip(first).map(|(x, other)| other + z * (x - other)).collect();
        return Proposal { to, ln_factor: (dimension - 1.0) * z.ln(), level, adapted: false };
    }
    if kind < settings.stretch + settings.difference {
        // One in ten is a whole difference, which leads from mode to mode.
        let adapted = stream.random::<f64>() >= 0.1;
        let length = if adapted { step_size * 2.38 / (2.0 * dimension).sqrt() } else { 1.0 };
        let length = length * stream.random_range(0.9..1.1);
        let to = from.iter().zip(first.iter().zip(second)).map(|(x, (a, b))| x + length * (a - b)).collect();
        return Proposal { to, ln_factor: 0.0, level, adapted };
    }
    // Along the line through a third walker, as far as two others differ along it.
    let line: Vec<f64> = from.iter().zip(third).map(|(x, anchor)| x - anchor).collect();
    let squared: f64 = line.iter().map(|x| x * x).sum();
    if squared == 0.0 {
        return Proposal { to: from.to_vec(), ln_factor: f64::NEG_INFINITY, level, adapted: false };
    }
    let along: f64 = line.iter().zip(first.iter().zip(second)).map(|(l, (a, b))| l * (a - b)).sum::<f64>() / squared;
    let length = 1.0 + stream.random_range(1.2..2.2) * along;
    let to = third.iter().zip(&line).map(|(anchor, line)| anchor + length * line).collect();
    Proposal { to, ln_factor: (dimension - 1.0) * length.abs().ln(), level, adapted: false }
}
