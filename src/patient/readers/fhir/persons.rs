//! Whose resources a file holds, and which person's are read.

use std::collections::{BTreeSet, HashMap};

use super::super::super::intake::Intake;
use super::super::lab::several;
use super::super::{Item, Shape, Spot, Told, When};
use super::Reader;
use super::resources::{Resource, Source};

/// Types of resources that are of a person and are read.
const PERSONAL: [&str; 5] =
    ["Observation", "MedicationAdministration", "MedicationRequest", "MedicationStatement", "Condition"];

/// The person whose resources are read.
pub(super) struct Person {
    /// `None` where no resource says whose it is.
    id: Option<String>,
    /// Other identifiers of the persons in the file, with the one under which each is known.
    also: HashMap<String, String>,
    /// Whether the file holds others, so that a resource must say whose it is.
    others: bool,
}

impl Person {
    pub(super) fn has(&self, resource: &Resource) -> bool {
        let of = if resource.kind() == "Patient" {
            resource.json["id"].as_str().or(resource.url).map(last_part)
        } else {
            subject(resource)
        };
        match (of, &self.id) {
            (Some(of), Some(id)) => self.also.get(of).map_or(of, String::as_str) == id,
            (Some(_), None) => true,
            // What belongs to nobody in particular (a medication, an organisation) is judged by its type.
            (None, _) => !self.others || !PERSONAL.contains(&resource.kind()),
        }
    }
}

/// The person that the bundle asks for, or the only one (P2060).
pub(super) fn choose(intake: &mut Intake, source: &Source, wanted: Option<&str>) -> Option<Person> {
    let mut also: HashMap<String, String> = HashMap::new();
    let mut named: BTreeSet<String> = BTreeSet::new();
    source.each(intake, false, &mut |_, resource| {
        if resource.kind() == "Patient" {
            let json = resource.json;
            let id = json["id"].as_str().or(resource.url).map(last_part).unwrap_or("the only one").to_string();
            let identifiers = json["identifier"].as_array().into_iter().flatten();
            let more = identifiers.filter_map(|identifier| identifier["value"].as_str());
            for other in more.chain(resource.url.map(last_part)) {
                also.insert(other.into(), id.clone());
            }
            named.insert(id);
        } else if PERSONAL.contains(&resource.kind())
            && let Some(subject) = subject(resource)
        {
            named.insert(subject.into());
        }
    });
    let persons: BTreeSet<&str> = named.iter().map(|id| also.get(id).unwrap_or(id).as_str()).collect();
    let others = persons.len() > 1;
    let id = match wanted {
        Some(wanted) => {
            let wanted = also.get(wanted).map_or(wanted, String::as_str);
            persons.contains(wanted).then(|| wanted.to_string())
        }
        None => persons.first().filter(|_| !others).map(|id| id.to_string()),
    };
    if id.is_none() && (others || wanted.is_some()) {
        let message = match wanted {
            Some(wanted) => format!("the file holds no person `{wanted}`"),
            None => format!("the file holds {} persons", persons.len()),
        };
        several(intake, &message, persons);
        return None;
    }
    Some(Person { id, also, others })
}

fn subject<'a>(resource: &Resource<'a>) -> Option<&'a str> {
    let json = resource.json;
    let reference = json["subject"]["reference"].as_str().or(json["patient"]["reference"].as_str())?;
    (!reference.starts_with('#')).then(|| last_part(reference))
}

/// The identifier in a reference: `Patient/12`, `urn:uuid:12`, `https://…/Patient/12/_history/3`, `Patient?identifier=…|12`.
pub(super) fn last_part(reference: &str) -> &str {
    let reference = reference.split("/_history/").next().unwrap_or(reference);
    reference.rsplit(['/', ':', '|', '=']).next().unwrap_or(reference)
}

impl Reader {
    /// Sex and age, and whether the person died.
    pub(super) fn patient(&mut self, intake: &mut Intake, resource: &Resource) {
        let json = resource.json;
        let start = When::Hours(intake.reader.start_h);
        let fact = |intake: &mut Intake, key: &'static str, told: Told| {
            let path = format!("{}/{key}", resource.path);
            intake.item(&Item {
                system: "fhir",
                code: key,
                shape: Shape::Fact,
                told,
                when: if matches!(told, Told::Born(_)) { start } else { When::Untold },
                device: None,
                limits: (None, None),
                spot: Spot::Path(&path),
            });
        };
        if let Some(gender) = json["gender"].as_str() {
            fact(intake, "gender", Told::Word(gender));
        }
        if let Some(text) = json["birthDate"].as_str() {
            let path = format!("{}/birthDate", resource.path);
            match birth(text) {
                Some((date, whole)) => {
                    if !whole {
                        let message = format!("`{text}` is only part of a birth date: {date} is taken");
                        let help = "if the model needs the age to the month, write it in [covariates]";
                        intake.doubtful("P2062", Spot::Path(&path), &message, help);
                    }
                    fact(intake, "birthDate", Told::Born(date));
                }
                None => intake.wrong(Spot::Path(&path), &format!("`{text}` is no date"), "write it as 1970-05-31"),
            }
        }
        let deceased = json["deceasedBoolean"].as_bool() == Some(true) || json["deceasedDateTime"].is_string();
        if deceased {
            let path = format!("{}/deceased", resource.path);
            self.leave_out(intake, "deceased", "that the person died is not read", Spot::Path(&path));
        }
    }
}

/// A date of birth, and whether it was whole: of a month the 16th, of a year the middle.
fn birth(text: &str) -> Option<(jiff::civil::Date, bool)> {
    let text = text.trim();
    let (filled, whole) = match text.len() {
        4 => (format!("{text}-07-02"), false),
        7 => (format!("{text}-16"), false),
        _ => (text.get(..10)?.to_string(), true),
    };
    Some((filled.parse().ok()?, whole))
}
