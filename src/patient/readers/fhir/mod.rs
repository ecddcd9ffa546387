//! FHIR R4: bundles and lines (bulk export) of resources; observations, doses, and who the person is.

mod medication;
mod observation;
mod persons;
mod resources;
mod timing;

use std::collections::{HashMap, HashSet};

use serde_json::Value as Json;

use self::persons::Person;
use self::resources::{Resource, Source};
use super::super::intake::Intake;
use super::super::vocabulary::Term;
use super::{Format, Head, Input, Item, Shape, Spot, Told, When};
use crate::units;

pub(super) const FORMAT: Format = Format {
    name: "fhir",
    about: "FHIR R4: a bundle (JSON) or one resource a line (NDJSON)",
    keys: &["patient", "take_requests"],
    recognises,
    read,
};

/// Code systems by their addresses, with the name under which the vocabulary has their codes.
const SYSTEMS: [(&str, &str); 8] = [
    ("http://loinc.org", "loinc"),
    ("urn:oid:2.16.840.1.113883.6.1", "loinc"),
    ("http://www.nlm.nih.gov/research/umls/rxnorm", "rxnorm"),
    ("urn:oid:2.16.840.1.113883.6.88", "rxnorm"),
    ("http://www.whocc.no/atc", "atc"),
    ("urn:oid:2.16.840.1.113883.6.73", "atc"),
    ("http://snomed.info/sct", "snomed"),
    ("urn:oid:2.16.840.1.113883.6.96", "snomed"),
];

/// How many different things that are left out are told apart.
const TOLD_APART: usize = 1000;

fn recognises(head: &Head) -> bool {
    let text = head.text();
    text.trim_start().starts_with('{') && text.contains("\"resourceType\"")
}

fn read(intake: &mut Intake, input: &Input) {
    let take_requests = match input.section.get("take_requests") {
        None => false,
        Some(value) => match value.get.as_bool() {
            Some(take) => take,
            None => {
                let finding = input.section.wrong_kind(&value, "true or false");
                intake.reader.findings.push(finding);
                return;
            }
        },
    };
    let wanted = intake.key(input.section, "patient").map(String::from);
    let Some(source) = Source::open(intake, input) else { return };
    let Some(person) = persons::choose(intake, &source, wanted.as_deref()) else { return };
    let mut reader =
        Reader { take_requests, medications: HashMap::new(), origins: HashMap::new(), told_apart: HashSet::new() };
    source.each(intake, false, &mut |_, resource| reader.remember(resource));
    if take_requests {
        source.each(intake, false, &mut |_, resource| reader.rank(resource, &person));
    }
    source.each(intake, true, &mut |intake, resource| reader.resource(intake, resource, &person));
}

/// What is known while the resources of a file are read.
struct Reader {
    /// Whether plans are read as doses.
    take_requests: bool,
    /// Medications by their references, as far as doses may name them.
    medications: HashMap<String, Json>,
    /// Where the doses of a code come from: what was administered comes before what was prescribed, and that before what is
    /// said to be taken, so that no dose is counted twice.
    origins: HashMap<(&'static str, String), u8>,
    /// What was left out so far, so that a hostile file cannot fill the list.
    told_apart: HashSet<String>,
}

/// A concept of which the vocabulary has a name.
struct Coded<'c, 'v> {
    system: &'static str,
    code: &'c str,
    term: Option<&'v Term>,
}

impl Reader {
    fn remember(&mut self, resource: &Resource) {
        if resource.kind() == "Medication" {
            for reference in [resource.json["id"].as_str(), resource.url].into_iter().flatten() {
                self.medications.insert(persons::last_part(reference).into(), resource.json.clone());
            }
        }
    }

    fn resource(&mut self, intake: &mut Intake, resource: &Resource, person: &Person) {
        let spot = Spot::Path(&resource.path);
        let kind = resource.kind();
        if !person.has(resource) {
            return self.leave_out(intake, kind, "it is of another person, or of none", spot);
        }
        match kind {
            "Observation" => self.observation(intake, resource),
            "Patient" => self.patient(intake, resource),
            "MedicationAdministration" => self.administration(intake, resource),
            "MedicationRequest" | "MedicationStatement" => self.plan(intake, resource),
            "Condition" => self.condition(intake, resource),
            "Medication" => {}
            "" => intake.wrong(spot, "this is no resource", "delete it, or export the file again"),
            _ => self.leave_out(intake, kind, "resources of this type are not read", spot),
        }
    }

    /// The first coding of a concept that has a name; else the concept is left out.
    fn coded<'c, 'v>(&mut self, intake: &mut Intake<'_, 'v>, concept: &'c Json, path: &str) -> Option<Coded<'c, 'v>> {
        let mut why = None;
        for (system, code) in codings(concept) {
            match intake.term_of(system, code) {
                Ok(term) => return Some(Coded { system, code, term }),
                Err(reason) => why = why.or(Some(reason)),
            }
        }
        let why = why.unwrap_or_else(|| "it has no code of a system that is known".into());
        self.leave_out(intake, &label(concept), &why, Spot::Path(path));
        None
    }

    fn leave_out(&mut self, intake: &mut Intake, what: &str, why: &str, spot: Spot) {
        let known = self.told_apart.contains(what);
        if !known && self.told_apart.len() >= TOLD_APART {
            return intake.leave_out("others", why, spot);
        }
        if !known {
            self.told_apart.insert(what.into());
        }
        intake.leave_out(what, why, spot);
    }

    /// A condition counts where the vocabulary has a category of its code.
    fn condition(&mut self, intake: &mut Intake, resource: &Resource) {
        let json = resource.json;
        let spot = Spot::Path(&resource.path);
        let concept = &json["code"];
        let coded = codings(concept)
            .find_map(|(system, code)| Some(Coded { system, code, term: intake.term_of(system, code).ok()? }));
        let status = |key: &str| json[key]["coding"][0]["code"].as_str().unwrap_or("");
        let holds = !["refuted", "entered-in-error"].contains(&status("verificationStatus"))
            && !["inactive", "remission", "resolved"].contains(&status("clinicalStatus"));
        match coded.filter(|coded| coded.term.is_some_and(|term| !term.categories.is_empty())) {
            Some(coded) if holds => intake.item(&Item {
                system: coded.system,
                code: coded.code,
                shape: Shape::Fact,
                told: Told::Word("yes"),
                when: When::Untold,
                device: None,
                limits: (None, None),
                spot,
            }),
            Some(_) => self.leave_out(intake, &label(concept), "the condition does not hold (any more)", spot),
            None => self.leave_out(intake, &label(concept), "a condition that no name is given to", spot),
        }
    }

    /// The time under a key; told where it is none (P2064). `Untold` where the bundle gives it.
    fn moment(&self, intake: &mut Intake, stamp: Option<&str>, path: &str) -> Option<When> {
        let spot = Spot::Path(path);
        if let Some(text) = stamp {
            if let Some(zoned) = units::instant(text) {
                return Some(When::Instant(zoned.timestamp()));
            }
            if let Some(local) = units::local(text) {
                if !text.contains(['T', ' ']) {
                    super::lab::midnight(intake, text, spot);
                }
                return Some(When::Local(local));
            }
        }
        // A year or a month is a date to FHIR, and no time.
        let partial =
            |text: &str| matches!(text.len(), 4 | 7) && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit());
        if stamp.is_none_or(partial) && intake.now.time_h.is_some() {
            return Some(When::Untold);
        }
        super::lab::untimed(intake, spot, stamp);
        None
    }
}

/// The codings of a concept that are of a known system.
fn codings(concept: &Json) -> impl Iterator<Item = (&'static str, &str)> {
    concept["coding"].as_array().into_iter().flatten().filter_map(|coding| {
        let system = coding["system"].as_str()?;
        let (_, system) = SYSTEMS.iter().find(|(address, _)| *address == system)?;
        Some((*system, coding["code"].as_str()?))
    })
}

/// What a concept is called, and its first code.
fn label(concept: &Json) -> String {
    let first = &concept["coding"][0];
    let text = concept["text"].as_str().or(first["display"].as_str());
    match (text, first["code"].as_str()) {
        (Some(text), Some(code)) => format!("{text} ({code})"),
        (Some(text), None) => text.into(),
        (None, Some(code)) => code.into(),
        (None, None) => "something without a code".into(),
    }
}
