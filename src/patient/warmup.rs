//! Warm-up of what is worn: a new sensor reads wrongly for hours, and exports tell its start by a gap alone.

use super::check::digits;
use super::intake::{Gathered, Intake, Kind};
use super::section::Section;

/// When something worn was put on, and for how long nothing of it is taken then.
pub(super) struct Warmup {
    warmup_h: f64,
    /// In order of time.
    starts_h: Vec<f64>,
}

impl Intake<'_, '_> {
    /// Says that the readings of a code, of the file that is being read, come from something worn: where the entry has a
    /// `warmup`, they are left out for so long after each start. A start is the first reading of a device, and each after
    /// a gap of `gap` or, without that key, `gap_h`.
    pub(super) fn warms_up(&mut self, section: &Section, system: &'static str, code: &str, gap_h: f64) {
        let hour = self.reader.hour.clone();
        let Some(warmup_h) = self.reader.given_in(section, "warmup", &hour, None) else { return };
        let gap_h = self.reader.given_in(section, "gap", &hour, None).unwrap_or(gap_h);
        let Some(name) = self.name_of(system, code) else { return };
        let here = |group: &Gathered| {
            let named = group.name == name && group.kind == Kind::Reading;
            named && group.files.iter().any(|(known, _)| *known == self.now.file)
        };
        let worn: Vec<usize> = (0..self.gathered.len()).filter(|at| here(&self.gathered[*at])).collect();
        for at in worn {
            let mut times: Vec<f64> = self.gathered[at].kept.iter().map(|kept| kept.time_h).collect();
            times.sort_by(f64::total_cmp);
            let after_gap = times.windows(2).filter(|pair| pair[1] - pair[0] >= gap_h).map(|pair| pair[1]);
            let starts_h = times.first().copied().into_iter().chain(after_gap).collect();
            self.gathered[at].warmup = Some(Warmup { warmup_h, starts_h });
        }
    }

    /// Leaves out what something worn told in the first hours after it was put on.
    pub(super) fn warmed_up(&mut self, group: &mut Gathered) {
        let Some(worn) = group.warmup.take() else { return };
        let warm = |time_h: f64| {
            let before = worn.starts_h.partition_point(|start| *start <= time_h);
            let start = before.checked_sub(1).map_or(f64::NEG_INFINITY, |at| worn.starts_h[at]);
            time_h - start >= worn.warmup_h
        };
        let why = format!("in the first {} h after its sensor's start", digits(worn.warmup_h));
        for one in group.kept.iter().filter(|kept| !warm(kept.time_h)) {
            let origin = self.origin(group, one);
            self.reader.leave_out(&group.name, &why, origin);
        }
        group.kept.retain(|kept| warm(kept.time_h));
    }
}
