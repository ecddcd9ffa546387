//! The manifest of a synthetic person's bundle, and the tables of what acts on them.

use std::fmt::Write;

use super::design::Design;
use super::draw::Person;
use super::{BundleFile, unusable};
use crate::diagnostic::Diagnostics;
use crate::patient::{ExposureKind, Vocabulary};

/// `patient.toml`.
pub(super) fn manifest(
    design: &Design,
    person: &Person,
    model: &str,
    vocabulary: &Vocabulary,
) -> Result<Vec<u8>, Diagnostics> {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "name = {}\nabout = {}\nmodel = {}\nepoch = {}\n\n[covariates]\n",
        quoted(&person.patient.name),
        quoted(&format!("Synthetic, drawn by `homeostat synthesize`; nobody is described. {}", design.about)),
        quoted(model),
        quoted(&design.epoch)
    );
    // What the clinical record or the genome tells is not told twice.
    let in_record = design.observation.iter().any(|entry| entry.format == "fhir");
    for covariate in &person.patient.covariates {
        let told = (in_record && ["age", "sex"].contains(&covariate.name.as_str()))
            || person.of_genotype.contains(&covariate.name);
        if told {
            continue;
        }
        let value = match &covariate.category {
            Some(word) => word.clone(),
            None => format!("{} {}", covariate.value, covariate.unit),
        };
        let _ = writeln!(text, "{} = {}", covariate.name, quoted(&value));
    }
    for (entry, exposure) in design.exposure.iter().zip(&person.patient.exposures) {
        let key = if exposure.kind == ExposureKind::Series { "value" } else { "amount" };
        let _ = write!(
            text,
            "\n[[exposure]]\nname = {}\nfile = {}\ntime = \"time_h [h]\"\n{key} = {}\n",
            quoted(&entry.name),
            quoted(&entry.file),
            quoted(&format!("value [{}]", exposure.unit))
        );
    }
    let mut written: Vec<(&str, &str)> = Vec::new();
    for entry in &design.observation {
        let limits = [("lower_limit", &entry.lower_limit), ("upper_limit", &entry.upper_limit)];
        if entry.format == "csv" {
            let unit = vocabulary.term(&entry.name).map_or("1", |term| term.unit.text());
            let _ = write!(
                text,
                "\n[[observation]]\nname = {}\nfile = {}\ntime = \"time_h [h]\"\nvalue = {}\n",
                quoted(&entry.name),
                quoted(&entry.file),
                quoted(&format!("value [{unit}]"))
            );
            let device = [("device", &entry.device)];
            for (key, value) in device.into_iter().chain(limits).filter_map(|(key, value)| Some((key, value.as_ref()?)))
            {
                let _ = writeln!(text, "{key} = {}", quoted(value));
            }
            continue;
        }
        if written.contains(&(&entry.file, &entry.format)) {
            continue;
        }
        written.push((&entry.file, &entry.format));
        source(&mut text, &entry.file, &entry.format);
        if let Some(device) = &entry.device {
            let _ = writeln!(text, "device = {}", quoted(device));
        }
        if entry.format == "nifti" {
            let time = entry.at.first().ok_or_else(|| unusable(format!("the scan `{}` has no time", entry.file)))?;
            let _ = writeln!(text, "labels = \"totalsegmentator_total\"\ntime = {}", quoted(time));
        }
    }
    for entry in &design.genotype {
        if !written.contains(&(&entry.file, "vcf")) {
            written.push((&entry.file, "vcf"));
            source(&mut text, &entry.file, "vcf");
        }
    }
    Ok(text.into_bytes())
}

fn source(text: &mut String, file: &str, format: &str) {
    let _ = write!(text, "\n[[source]]\nfile = {}\nformat = {}\n", quoted(file), quoted(format));
}

/// The tables of exposures.
pub(super) fn exposures(design: &Design, person: &Person) -> Vec<BundleFile> {
    let all = design.exposure.iter().zip(&person.patient.exposures).zip(&person.known);
    all.map(|((entry, exposure), known)| {
        let rows = exposure.events.iter().zip(known).map(|(event, known)| {
            let value = if *known { event.value.to_string() } else { "?".into() };
            format!("{},{value}\n", event.time_h)
        });
        (entry.file.clone(), format!("time_h,value\n{}", rows.collect::<String>()).into_bytes())
    })
    .collect()
}

/// A text of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.into()).to_string()
}
