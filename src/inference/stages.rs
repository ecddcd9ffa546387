//! What samplers that go from stage to stage share: their progress, and the check of a state to go on from.

use super::nuts::SampleError;

/// Where a run is; told after every temperature of [`smc`](super::smc()) and every generation of [`abc`](super::abc()).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StageProgress {
    pub run: usize,
    /// Stages done.
    pub stage: usize,
    /// The power of the likelihood, or the tolerance.
    pub level: f64,
    pub acceptance: f64,
    /// Points evaluated by this run so far.
    pub evaluations: u64,
}

/// Refuses a state to go on from that is not of these runs, particles and parameters; `found` has the parameters of every
/// particle of every run.
pub(super) fn check_kept(found: Vec<Vec<usize>>, [runs, particles, parameters]: [usize; 3]) -> Result<(), SampleError> {
    let fits = |run: &Vec<usize>| run.len() == particles && run.iter().all(|found| *found == parameters);
    if found.len() == runs && found.iter().all(fits) {
        return Ok(());
    }
    Err(SampleError::Settings("the state to go on from has other runs, particles or parameters".into()))
}
