//! Shows how far a check of calibration is: a bar on a terminal, elsewhere a plain line now and then.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use crate::twin::CheckProgress;

/// Between two plain lines, at least; what takes less needs none.
const BETWEEN: Duration = Duration::from_secs(10);

/// What shows the progress of a check.
pub(super) struct Shown {
    bar: ProgressBar,
    /// Where there is no terminal and nobody asked for silence.
    lines: Option<Mutex<Pace>>,
    begun: Instant,
}

impl Shown {
    /// Begins now; a program that reads JSON (`quiet`) is not to be bothered.
    pub fn new(simulations: usize, quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = if quiet || !terminal { ProgressBar::hidden() } else { ProgressBar::new(simulations as u64) };
        if !bar.is_hidden() {
            let style = "simulations {bar:30} {pos}/{len}  {msg}{elapsed} so far, {eta} left";
            if let Ok(style) = ProgressStyle::with_template(style) {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_secs(1));
        }
        let lines = (!quiet && !terminal).then(|| Mutex::new(Pace { last: Duration::ZERO }));
        Self { bar, lines, begun: Instant::now() }
    }

    pub fn show(&self, at: CheckProgress) {
        self.bar.set_position(at.done as u64);
        if at.without_ranks > 0 {
            self.bar.set_message(format!("{} without ranks, ", at.without_ranks));
        }
        if at.done == at.kept && at.kept > 0 {
            let resumed = format!("resumed: {} of {} simulations are kept and not computed again", at.kept, at.of);
            self.bar.println(&resumed);
            // What was kept says nothing of how long the others take.
            self.bar.reset_eta();
            if self.lines.is_some() {
                eprintln!("{resumed}");
            }
        }
        let Some(pace) = &self.lines else { return };
        let elapsed = self.begun.elapsed();
        if at.done < at.of && pace.lock().unwrap_or_else(PoisonError::into_inner).due(elapsed) {
            eprintln!("{}", line(at, elapsed));
        }
    }

    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// When lines were printed.
struct Pace {
    /// Since the begin.
    last: Duration,
}

impl Pace {
    /// Whether a line may be printed, which is then taken for printed.
    fn due(&mut self, elapsed: Duration) -> bool {
        let due = elapsed >= self.last + BETWEEN;
        if due {
            self.last = elapsed;
        }
        due
    }
}

/// How far a check is, in a line; what is left is judged by the simulations of this run.
fn line(at: CheckProgress, elapsed: Duration) -> String {
    let own = at.done.saturating_sub(at.kept);
    let left = match own {
        0 => "an unknown time".to_string(),
        own => format!("about {}", HumanDuration(elapsed.mul_f64(at.of.saturating_sub(at.done) as f64 / own as f64))),
    };
    format!(
        "{} of {} simulations done, {} without ranks; {} so far, {left} left",
        at.done,
        at.of,
        at.without_ranks,
        HumanDuration(elapsed)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_ten_seconds_apart_at_least() {
        let mut pace = Pace { last: Duration::ZERO };
        let printed: Vec<u64> = (0..40).filter(|at| pace.due(Duration::from_secs(*at))).collect();
        assert_eq!(printed, [10, 20, 30]);
        let mut pace = Pace { last: Duration::ZERO };
        let printed: Vec<u64> =
            [4, 17, 19, 26, 28].into_iter().filter(|at| pace.due(Duration::from_secs(*at))).collect();
        assert_eq!(printed, [17, 28]);
    }

    #[test]
    fn a_line_judges_what_is_left_by_what_this_run_did() {
        let at = CheckProgress { done: 50, of: 200, without_ranks: 2, kept: 40 };
        let told = "50 of 200 simulations done, 2 without ranks; 20 seconds so far, about 5 minutes left";
        assert_eq!(line(at, Duration::from_secs(20)), told);
        let none = line(CheckProgress { done: 40, ..at }, Duration::from_secs(20));
        assert!(none.ends_with("an unknown time left"), "{none}");
    }
}
