//! Means of neighbouring readings, where a model asks for them: a watch may tell more than a model can use.

use super::{Censoring, Observation, Reading};

impl Observation {
    /// Readings averaged over spans of so many hours, counted from the epoch: each stands at the mean of its readings' times,
    /// with the sd of a mean of independent errors. A span with a reading at a limit has no mean: its readings stay single.
    pub fn averaged(&self, width_h: f64) -> Self {
        let span = |reading: &Reading| (reading.time_h / width_h).floor();
        let mut readings = Vec::new();
        for together in self.readings.chunk_by(|a, b| span(a) == span(b)) {
            if together.iter().any(|reading| reading.censoring != Censoring::None) {
                readings.extend_from_slice(together);
            } else {
                readings.push(mean(together));
            }
        }
        Self { readings, ..self.clone() }
    }
}

/// The mean of some readings; where it comes from is where the first of them does.
fn mean(together: &[Reading]) -> Reading {
    let mean = |of: fn(&Reading) -> f64| together.iter().map(of).sum::<f64>() / together.len() as f64;
    let variances: f64 = together.iter().map(|reading| reading.sd.unwrap_or(0.0).powi(2)).sum();
    let sd = (variances > 0.0).then(|| variances.sqrt() / together.len() as f64);
    Reading { time_h: mean(|reading| reading.time_h), value: mean(|reading| reading.value), sd, ..together[0].clone() }
}
