//! Warm-up of what is worn: a new sensor reads wrongly for hours, and exports tell its start by a gap alone.

use super::check::digits;
use super::intake::{Gathered, Intake, Kind};
use super::section::Section;

impl Intake<'_, '_> {
    /// Says that the readings of a code, of the file that is being read, come from something worn: where the entry has a
    /// `warmup`, they are left out for so long after each start. A start is the first reading, and each after `gap` or,
    /// without that key, `gap_h`.
    pub(super) fn worn(&mut self, section: &Section, system: &'static str, code: &str, gap_h: f64) {
        let hour = self.reader.hour.clone();
        let Some(warmup_h) = self.reader.given_in(section, "warmup", &hour, None) else { return };
        let gap_h = self.reader.given_in(section, "gap", &hour, None).unwrap_or(gap_h);
        let Some(name) = self.name_of(system, code) else { return };
        let file = self.now.file.clone();
        for group in self.gathered.iter_mut().filter(|group| group.name == name && group.kind == Kind::Reading) {
            if group.files.iter().any(|(known, _)| *known == file) {
                group.worn = Some((warmup_h, gap_h));
            }
        }
    }

    /// Leaves out what something worn told in the first hours after it was put on: it starts with its first reading, and
    /// after each gap that is long enough.
    pub(super) fn warmed_up(&mut self, group: &mut Gathered) {
        let Some((warmup_h, gap_h)) = group.worn else { return };
        let (mut start, mut last) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
        let mut warm = Vec::with_capacity(group.kept.len());
        for one in &group.kept {
            if one.time_h - last >= gap_h {
                start = one.time_h;
            }
            last = one.time_h;
            warm.push(one.time_h - start >= warmup_h);
        }
        let why = format!("in the first {} h after its sensor's start", digits(warmup_h));
        for (one, _) in group.kept.iter().zip(&warm).filter(|(_, warm)| !**warm) {
            let origin = self.origin(group, one);
            self.reader.leave_out(&group.name, &why, origin);
        }
        let mut warm = warm.into_iter();
        group.kept.retain(|_| warm.next().unwrap_or(true));
    }
}
