//! Which of several devices is taken, where they count the same; and when a device was not worn.
//!
//! Not worn is, after Choi 2011 (doi:10.1249/MSS.0b013e318203c7c2: 90 min of zero counts of a movement sensor), a stretch in
//! which nothing moved *and* no pulse was told: zero counts alone are a night's sleep, too.

use std::collections::BTreeMap;

use super::intake::{Gathered, Intake, Kept, Kind};
use super::section::Section;
use super::vocabulary::Wear;
use crate::diagnostic::Diagnostic;
use crate::units::{Quantity, mismatch, unreadable};

/// Intervals that share less time [h] do not overlap: clocks tell seconds.
const TOUCHING_H: f64 = 1.5 / 3600.0;

impl Intake<'_, '_> {
    /// The key `only`: a device, or a table of names or codes with the device of each.
    pub(super) fn only(&mut self, section: &Section) -> Vec<(Option<String>, String)> {
        let Some(value) = section.get("only") else { return Vec::new() };
        if let Some(device) = value.get.as_str() {
            return vec![(None, plain(device))];
        }
        let Some(table) = value.get.as_table() else {
            let expected = "a device, or a table of names and devices, as in { step_rate = \"Watch\" }";
            self.reader.findings.push(section.wrong_kind(&value, expected));
            return Vec::new();
        };
        let inner = Section::new(&section.file, table, value.span, "the devices");
        let mut only = Vec::new();
        for pair in inner.values() {
            match pair.get.as_str() {
                Some(device) => only.push((Some(pair.key.clone()), plain(device))),
                None => self.reader.findings.push(inner.wrong_kind(&pair, "a device in quotation marks")),
            }
        }
        only
    }

    /// Whether what a device says of a name is taken.
    pub(super) fn chosen(&self, name: &str, code: &str, device: Option<&str>) -> bool {
        let only = &self.now.only;
        let own = only.iter().find(|(of, _)| of.as_deref().is_some_and(|of| of == name || of == code));
        let Some((_, wanted)) = own.or_else(|| only.iter().find(|(of, _)| of.is_none())) else { return true };
        // Where the file names no device there is nothing to choose.
        device.is_none_or(|device| plain(device).contains(wanted.as_str()))
    }

    /// The key `nonwear`, in hours.
    pub(super) fn nonwear(&mut self, section: &Section) -> Option<f64> {
        let (text, span) = section.text("nonwear", &mut self.reader.findings)?;
        let finding = match Quantity::parse(text) {
            Ok(time) => match time.unit.convert(time.value, &self.reader.hour) {
                Some(hours) if hours > 0.0 => return Some(hours),
                Some(_) => Diagnostic::error("P2006", "`nonwear` must be longer than nothing"),
                None => mismatch(&time.unit, &self.reader.hour),
            },
            Err(error) => unreadable(&error),
        };
        let finding = finding.at(&section.file.source, span);
        self.reader.findings.push(finding.help("90 min is usual: nonwear = \"90 min\""));
        None
    }

    /// P2040: two devices tell amounts of one name for the same time; added up they would be twice what was.
    pub(super) fn counted_once(&mut self, group: &Gathered) {
        if !matches!(group.kind, Kind::Amount | Kind::Rate) || group.devices.len() < 2 {
            return;
        }
        // The two devices whose intervals reach furthest: that of the latest end, and the latest of any other.
        let mut latest: [(u16, f64); 2] = [(u16::MAX, f64::NEG_INFINITY); 2];
        let mut overlapping = 0;
        let mut first: Option<Kept> = None;
        for one in group.kept.iter().filter(|kept| kept.value != 0.0) {
            let other = if latest[0].0 == one.device { latest[1] } else { latest[0] };
            let end = one.time_h + f64::from(one.duration_h);
            let at_once = one.duration_h == 0.0 && one.time_h == other.1;
            if at_once || one.time_h + TOUCHING_H < other.1 {
                overlapping += 1;
                first.get_or_insert(*one);
            }
            if latest[0].0 == one.device {
                latest[0].1 = latest[0].1.max(end);
            } else if end >= latest[0].1 {
                latest = [(one.device, end), latest[0]];
            } else if end > latest[1].1 {
                latest[1] = (one.device, end);
            }
        }
        let Some(first) = first else { return };
        let mut hours: BTreeMap<u16, (usize, f64)> = BTreeMap::new();
        for one in &group.kept {
            let told = hours.entry(one.device).or_default();
            *told = (told.0 + 1, told.1 + f64::from(one.duration_h));
        }
        let mut devices: Vec<(String, (usize, f64))> =
            hours.into_iter().map(|(device, told)| (group.devices[usize::from(device)].clone(), told)).collect();
        devices.sort_by(|a, b| b.1.1.total_cmp(&a.1.1));
        let told: Vec<String> = devices
            .iter()
            .map(|(device, (count, hours))| format!("`{device}` ({count} values, {hours:.1} h)"))
            .collect();
        let (name, count) = (&group.name, overlapping);
        let message = format!("`{name}` is counted by {} devices at the same time ({count} times)", devices.len());
        let finding = Diagnostic::error("P2040", message).at_location(self.place(group, &first));
        let finding = finding.label(format!("told by {}", told.join(", ")));
        self.reader.findings.push(finding.help(format!(
            "added up it would be twice what was; take one: only = {{ {name} = \"{}\" }}",
            devices[0].0
        )));
    }

    /// Leaves out the zero counts of stretches in which a device was not worn, where its entry has `nonwear`.
    pub(super) fn leave_out_unworn(&mut self) {
        let entries: BTreeMap<usize, f64> = self.nonwear.values().map(|(hours, entry)| (*entry, *hours)).collect();
        for (entry, hours) in entries {
            let mut gathered = std::mem::take(&mut self.gathered);
            self.leave_out_unworn_of(&mut gathered, entry, hours);
            self.gathered = gathered;
        }
    }

    fn leave_out_unworn_of(&mut self, gathered: &mut [Gathered], entry: usize, hours: f64) {
        let mut signs: Vec<(f64, f64)> = Vec::new();
        let mut has = [false, false];
        let (mut begin, mut end) = (f64::INFINITY, f64::NEG_INFINITY);
        for group in gathered.iter() {
            let Some(wear) = group.term.and_then(|term| term.wear) else { continue };
            let own = self.own(group, entry);
            let (low, high) = group.term.and_then(|term| term.range).unwrap_or((0.0, f64::INFINITY));
            for kept in group.kept.iter().filter(|kept| own[kept.file as usize]) {
                has[usize::from(wear == Wear::Pulse)] = true;
                let until = kept.time_h + f64::from(kept.duration_h);
                (begin, end) = (begin.min(kept.time_h), end.max(until));
                // A pulse that cannot be one is the sensor's on a table.
                if kept.value > 0.0 && (wear == Wear::Movement || (low..=high).contains(&kept.value)) {
                    signs.push((kept.time_h, until));
                }
            }
        }
        if has != [true, true] {
            let missing = if has[1] { "counts of movement" } else { "a pulse" };
            let message = format!("whether a device was worn cannot be told: its source has no {missing}");
            let file = self.nonwear.iter().filter(|(_, known)| known.1 == entry).map(|(file, _)| file.clone()).min();
            let path = file.map(|file| self.reader.files.path(&file)).unwrap_or_default();
            let finding = Diagnostic::warning("P2043", message).at_location(crate::diagnostic::Location::file(path));
            self.reader
                .findings
                .push(finding.help("it takes both, of one `[[source]]` (file = \"*.json\"), or delete `nonwear`"));
            return;
        }
        signs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut stretches = Vec::new();
        let mut reached = begin;
        for (from, until) in signs.into_iter().chain([(end, end)]) {
            if from - reached >= hours {
                stretches.push((reached, from));
            }
            reached = reached.max(until);
        }
        let why = format!("not worn: no movement and no pulse for {hours} h or longer");
        for group in gathered.iter_mut() {
            if group.term.and_then(|term| term.wear) != Some(Wear::Movement) {
                continue;
            }
            let own = self.own(group, entry);
            let unworn = |kept: &Kept| {
                let at = stretches.partition_point(|(from, _)| *from <= kept.time_h);
                own[kept.file as usize] && kept.value == 0.0 && at > 0 && kept.time_h < stretches[at - 1].1
            };
            for one in group.kept.iter().filter(|kept| unworn(kept)) {
                let origin = self.origin(group, one);
                self.reader.leave_out(&group.name, &why, origin);
            }
            group.kept.retain(|kept| !unworn(kept));
        }
    }

    /// Which of a group's files are of an entry.
    fn own(&self, group: &Gathered, entry: usize) -> Vec<bool> {
        group.files.iter().map(|(file, _)| self.nonwear.get(file).is_some_and(|known| known.1 == entry)).collect()
    }
}

/// A device's name for comparison: small letters, plain spaces and apostrophes.
fn plain(device: &str) -> String {
    device.to_lowercase().replace('\u{a0}', " ").replace('’', "'")
}
