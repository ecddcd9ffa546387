//! What was read, as rows that a command can print.

use super::{Censoring, ExposureKind, Genotype, Patient};

/// One name of a patient: what was read of it, and what was left out.
#[derive(Clone, Debug, PartialEq)]
pub struct SummaryRow {
    /// `covariate`, `genotype`, `exposure` (`amount`, `rate`, `held rate`, `series`), `observation`, or `left out`.
    pub role: &'static str,
    pub name: String,
    /// How many values; for what was left out, how many things.
    pub count: usize,
    /// Times of the first and the last value `[h]`; `None` where there are none.
    pub times_h: Option<(f64, f64)>,
    /// Unit of the values here.
    pub unit: String,
    /// Unit in the bundle, where it is another one.
    pub converted_from: Option<String>,
    /// Files of the bundle, each once.
    pub files: Vec<String>,
    /// Least, middle and greatest value.
    pub range: Option<(f64, f64, f64)>,
    /// What else is to be known: the category, the device, censoring, or why something was left out.
    pub note: String,
}

impl Patient {
    /// One row a covariate, exposure and observation, then one for everything left out.
    pub fn summary_rows(&self) -> Vec<SummaryRow> {
        let mut rows = Vec::new();
        for covariate in &self.covariates {
            let one = [(None, covariate.value, &covariate.origin.file)];
            let note = covariate.category.clone().unwrap_or_default();
            let unit = if covariate.category.is_some() { "" } else { covariate.unit.text() };
            rows.push(row("covariate", &covariate.name, unit, &covariate.declared, note, &one));
        }
        rows.extend(self.genotypes.iter().map(genotype_row));
        for exposure in &self.exposures {
            let note = match exposure.unknown.len() {
                0 => String::new(),
                count => format!("and {count} of unknown amount"),
            };
            let events = exposure.events.iter().map(|event| (Some(event.time_h), event.value, &event.origin.file));
            let role = match exposure.kind {
                ExposureKind::Bolus => "exposure, amount",
                ExposureKind::Rate => "exposure, rate",
                ExposureKind::Held => "exposure, held rate",
                ExposureKind::Series => "exposure, series",
            };
            let events: Vec<_> = events.collect();
            rows.push(row(role, &exposure.name, exposure.unit.text(), &exposure.declared, note, &events));
        }
        for observation in &self.observations {
            let readings = observation.readings.iter();
            let values: Vec<_> =
                readings.map(|reading| (Some(reading.time_h), reading.value, &reading.origin.file)).collect();
            let count =
                |censoring| observation.readings.iter().filter(|reading| reading.censoring == censoring).count();
            let mut notes: Vec<String> = observation.device.iter().map(|device| format!("by {device}")).collect();
            for (count, side) in [(count(Censoring::Below), "below"), (count(Censoring::Above), "above")] {
                if count > 0 {
                    notes.push(format!("{count} {side} the limit"));
                }
            }
            let unit = observation.unit.text();
            rows.push(row("observation", &observation.name, unit, &observation.declared, notes.join(", "), &values));
        }
        rows.extend(self.left_out.iter().map(|left_out| SummaryRow {
            role: "left out",
            name: left_out.what.clone(),
            count: left_out.count,
            times_h: None,
            unit: String::new(),
            converted_from: None,
            files: vec![left_out.origin.to_string()],
            range: None,
            note: left_out.why.clone(),
        }));
        rows
    }
}

fn genotype_row(genotype: &Genotype) -> SummaryRow {
    let shown = genotype.diplotypes.iter().take(3);
    let mut diplotypes: Vec<String> =
        shown.map(|diplotype| format!("{} {:.0} %", diplotype.name, 100.0 * diplotype.weight)).collect();
    match genotype.diplotypes.as_slice() {
        [only] => diplotypes = vec![only.name.clone()],
        all if all.len() > 3 => diplotypes.push(format!("and {} more", all.len() - 3)),
        _ => {}
    }
    SummaryRow {
        role: "genotype",
        name: genotype.gene.clone(),
        count: genotype.diplotypes.len(),
        times_h: None,
        unit: String::new(),
        converted_from: None,
        files: vec![genotype.origin.file.to_string()],
        range: None,
        note: diplotypes.join(", "),
    }
}

type Value<'p> = (Option<f64>, f64, &'p std::sync::Arc<str>);

fn row(role: &'static str, name: &str, unit: &str, declared: &str, note: String, values: &[Value]) -> SummaryRow {
    let mut files: Vec<String> = values.iter().map(|(.., file)| file.to_string()).collect();
    files.sort();
    files.dedup();
    let times = || values.iter().filter_map(|(time, ..)| *time);
    let mut sorted: Vec<f64> = values.iter().map(|(_, value, _)| *value).collect();
    sorted.sort_by(f64::total_cmp);
    let middle = |sorted: &[f64]| (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0;
    SummaryRow {
        role,
        name: name.into(),
        count: values.len(),
        times_h: times().reduce(f64::min).zip(times().reduce(f64::max)),
        unit: unit.into(),
        converted_from: (declared != unit && !declared.is_empty()).then(|| declared.into()),
        files,
        range: sorted.first().zip(sorted.last()).map(|(low, high)| (*low, middle(&sorted), *high)),
        note,
    }
}
