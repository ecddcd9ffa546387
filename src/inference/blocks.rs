//! Many points evaluated in blocks of lanes on all threads; what comes out does not depend on the threads.

use rayon::prelude::*;

use super::target::Rejection;

/// What `of` says of every item, in the order of the items.
///
/// A block always holds the same items, because what is computed in one lane may depend a little on the others.
pub(super) fn in_blocks<P: Sync, W: Send, R: Send>(
    items: &[P],
    lanes: usize,
    workspace: impl Fn() -> W + Sync + Send,
    of: impl Fn(&mut W, &[P]) -> Vec<R> + Sync + Send,
) -> Vec<R> {
    let blocks: Vec<Vec<R>> = items.par_chunks(lanes.max(1)).map_init(workspace, of).collect();
    blocks.into_iter().flatten().collect()
}

/// ln densities at points, by a function of a block; what is NaN or +∞ is a rejection, −∞ is not.
pub(super) fn ln_densities<W: Send>(
    points: &[Vec<f64>],
    lanes: usize,
    workspace: impl Fn() -> W + Sync + Send,
    of: impl Fn(&mut W, &[Vec<f64>]) -> Vec<Result<f64, Rejection>> + Sync + Send,
) -> Vec<Result<f64, Rejection>> {
    in_blocks(points, lanes, workspace, |workspace, block| {
        let mut found = of(workspace, block);
        found.resize(block.len(), Err(Rejection::new("the target says nothing of this point")));
        let legal = |density: f64| {
            if density.is_nan() || density == f64::INFINITY {
                return Err(Rejection::new("the density is not a finite number"));
            }
            Ok(density)
        };
        found.into_iter().map(|density| density.and_then(legal)).collect()
    })
}
