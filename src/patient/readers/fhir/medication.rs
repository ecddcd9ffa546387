//! Doses: what was administered, and, where the bundle asks for it, what was prescribed or is said to be taken.

use serde_json::Value as Json;

use super::super::super::Censoring;
use super::super::super::intake::Intake;
use super::super::lab_units::ucum;
use super::super::{Item, Shape, Spot, Told, When};
use super::observation::unit;
use super::persons::Person;
use super::resources::Resource;
use super::timing::{Plan, schedule};
use super::{Coded, Reader, codings, label};
use crate::units::Unit;

/// How much is given at once.
enum Dose<'d> {
    Known(f64, &'d str),
    /// So much a time, as long as it was given.
    Rate(f64, &'d str),
    /// Given, and how much is not known.
    Unknown,
}

/// Types of resources that doses come from, the surest first.
const ORIGINS: [&str; 3] = ["MedicationAdministration", "MedicationRequest", "MedicationStatement"];

impl Reader {
    /// Remembers the surest origin of doses of each code.
    pub(super) fn rank(&mut self, resource: &Resource, person: &Person) {
        let Some(rank) = ORIGINS.iter().position(|kind| *kind == resource.kind()) else { return };
        if !person.has(resource) || !is_given(resource) {
            return;
        }
        let medication = self.medication(resource.json);
        for (system, code) in codings(&medication["code"]) {
            let origin = self.origins.entry((system, code.into())).or_insert(rank as u8);
            *origin = (*origin).min(rank as u8);
        }
    }

    pub(super) fn administration(&mut self, intake: &mut Intake, resource: &Resource) {
        let json = resource.json;
        let spot = Spot::Path(&resource.path);
        let medication = self.medication(json);
        let status = json["status"].as_str().unwrap_or("missing");
        if !is_given(resource) {
            return self.leave_out(intake, &label(&medication["code"]), &format!("its status is `{status}`"), spot);
        }
        let Some(coded) = self.coded(intake, &medication["code"], &resource.path) else { return };
        let dosage = &json["dosage"];
        if !self.right_way(intake, &coded, &dosage["route"], &format!("{}/dosage", resource.path)) {
            return;
        }
        let period = &json["effectivePeriod"];
        let start = json["effectiveDateTime"].as_str().or(period["start"].as_str());
        let Some(when) = self.moment(intake, start, &resource.path) else { return };
        let duration_h = period["end"].as_str().and_then(|end| hours_between(start?, end)).unwrap_or(0.0);
        let path = format!("{}/dosage/dose", resource.path);
        let dose = match status {
            // Stopped before all of it was given.
            "stopped" => Dose::Unknown,
            _ if dosage["dose"].is_null() && duration_h > 0.0 => rate(&dosage["rateQuantity"]),
            _ => self.dose(intake, &coded, &medication, &dosage["dose"], &path),
        };
        give(intake, &coded, &dose, duration_h, when, spot);
    }

    /// A prescription or a statement: a plan of doses, taken only if the bundle says so.
    pub(super) fn plan(&mut self, intake: &mut Intake, resource: &Resource) {
        let json = resource.json;
        let spot = Spot::Path(&resource.path);
        let medication = self.medication(json);
        let what = label(&medication["code"]);
        if !self.take_requests {
            let why = "a plan, not a dose that was given (take_requests = true takes it)";
            return self.leave_out(intake, &what, why, spot);
        }
        let status = json["status"].as_str().unwrap_or("missing");
        let is_plan = ["proposal", "plan", "option"].contains(&json["intent"].as_str().unwrap_or("order"));
        if !is_given(resource) || is_plan {
            let why = if is_plan { "its intent is no order".into() } else { format!("its status is `{status}`") };
            return self.leave_out(intake, &what, &why, spot);
        }
        if json["doNotPerform"] == true {
            return self.leave_out(intake, &what, "it says not to give it", spot);
        }
        let Some(coded) = self.coded(intake, &medication["code"], &resource.path) else { return };
        let surest = self.origins.get(&(coded.system, coded.code.to_string())).map(|rank| ORIGINS[usize::from(*rank)]);
        if let Some(surer) = surest.filter(|surest| *surest != resource.kind()) {
            return self.leave_out(intake, &what, &format!("its doses are taken from the {surer}"), spot);
        }
        if coded.term.is_some_and(|term| !term.categories.is_empty()) {
            return give(intake, &coded, &Dose::Unknown, 0.0, When::Untold, spot);
        }
        let key = if resource.kind() == "MedicationRequest" { "dosageInstruction" } else { "dosage" };
        let instructions = json[key].as_array().map_or(&[][..], Vec::as_slice);
        if instructions.is_empty() {
            return unplaced(intake, spot, "it does not say when doses are taken");
        }
        for (at, instruction) in instructions.iter().enumerate() {
            let path = format!("{}/{key}/{at}", resource.path);
            if instruction["asNeededBoolean"] == true || !instruction["asNeededCodeableConcept"].is_null() {
                self.leave_out(intake, &what, "taken as needed: when is not known", Spot::Path(&path));
                continue;
            }
            if !self.right_way(intake, &coded, &instruction["route"], &path) {
                continue;
            }
            let dose = &instruction["doseAndRate"][0];
            if dose["doseQuantity"].is_null() && !dose["doseRange"].is_null() {
                unplaced(intake, Spot::Path(&path), "the dose is a range");
                continue;
            }
            // What has ended did so at a time of its own.
            let goes_on = ["active", "taken", "taking"].contains(&status);
            let end_h = intake.now.to_h.filter(|_| goes_on);
            let plan = Plan { whole: json, timing: &instruction["timing"], end_h };
            match schedule(&plan, &intake.reader.clock) {
                Ok(hours) => {
                    let at = format!("{path}/doseAndRate/0/doseQuantity");
                    let dose = self.dose(intake, &coded, &medication, &dose["doseQuantity"], &at);
                    for hour in hours {
                        give(intake, &coded, &dose, 0.0, When::Hours(hour), Spot::Path(&path));
                    }
                }
                Err(message) => unplaced(intake, Spot::Path(&path), message),
            }
        }
    }

    /// What is given, as a resource with a `code`: written in place, contained, or another resource of the file.
    fn medication(&self, json: &Json) -> Json {
        if !json["medicationCodeableConcept"].is_null() {
            return serde_json::json!({ "code": json["medicationCodeableConcept"] });
        }
        let reference = json["medicationReference"]["reference"].as_str().unwrap_or("");
        let contained = json["contained"].as_array().into_iter().flatten();
        let inside = reference.strip_prefix('#').and_then(|id| contained.into_iter().find(|inner| inner["id"] == id));
        let outside = || self.medications.get(super::persons::last_part(reference));
        let found = inside.or_else(outside).cloned();
        found.unwrap_or_else(|| serde_json::json!({ "code": { "text": json["medicationReference"]["display"] } }))
    }

    /// Whether the way of giving is the one of the name (P2067).
    fn right_way(&mut self, intake: &mut Intake, coded: &Coded, route: &Json, path: &str) -> bool {
        let Some(term) = coded.term.filter(|term| !term.routes.is_empty()) else { return true };
        let codings = route["coding"].as_array().into_iter().flatten();
        let words = codings.flat_map(|coding| [coding["code"].as_str(), coding["display"].as_str()]);
        let words: Vec<String> =
            words.chain([route["text"].as_str()]).flatten().map(|word| word.trim().to_lowercase()).collect();
        if words.iter().any(|word| term.routes.contains(word)) {
            return true;
        }
        let spot = Spot::Path(path);
        if words.is_empty() {
            let message = format!("it is not told how this was given: it is read as `{}`", term.name);
            intake.doubtful("P2067", spot, &message, "if it was given in another way, leave it out with `ignore`");
            return true;
        }
        self.leave_out(intake, &term.name, &format!("it was given in another way ({})", words.join(", ")), spot);
        false
    }

    /// A dose; of tablets and the like what one holds, where the file tells it (P2061, P2066).
    fn dose<'d>(
        &self,
        intake: &mut Intake,
        coded: &Coded,
        medication: &'d Json,
        dose: &'d Json,
        path: &str,
    ) -> Dose<'d> {
        let spot = Spot::Path(path);
        let Some(value) = dose["value"].as_f64() else { return Dose::Unknown };
        let Some(unit) = super::super::lab::unit_of(intake, coded.term, unit(dose), spot) else { return Dose::Unknown };
        let pieces = is_piece(unit) && coded.term.is_some_and(|term| !term.unit.is_dimensionless());
        if !pieces {
            return Dose::Known(value, unit);
        }
        let one = medication["ingredient"].as_array().filter(|ingredients| ingredients.len() == 1);
        let strength = one.map(|ingredients| &ingredients[0]["strength"]);
        let told = strength.and_then(|strength| {
            let (in_one, of) = (&strength["numerator"], &strength["denominator"]);
            let of = if of.is_null() { 1.0 } else { of["value"].as_f64().filter(|of| *of > 0.0)? };
            Some(Dose::Known(value * in_one["value"].as_f64()? / of, self::unit(in_one)?))
        });
        told.unwrap_or_else(|| {
            let message = format!("a dose of {value} {unit}: how much one of them holds is not told");
            let help = "it is read as a dose of unknown amount; write the amount in the file";
            intake.doubtful("P2066", spot, &message, help);
            Dose::Unknown
        })
    }
}

/// Whether the status of a resource says that doses were given or are to be.
fn is_given(resource: &Resource) -> bool {
    let status = resource.json["status"].as_str().unwrap_or("missing");
    match resource.kind() {
        "MedicationAdministration" => ["completed", "in-progress", "stopped"].contains(&status),
        _ => ["active", "completed", "taken", "taking", "stopped"].contains(&status),
    }
}

/// A rate of giving, where it is told with its unit.
fn rate(quantity: &Json) -> Dose<'_> {
    match (quantity["value"].as_f64(), unit(quantity)) {
        (Some(value), Some(unit)) => Dose::Rate(value, unit),
        _ => Dose::Unknown,
    }
}

/// Whether a unit counts pieces rather than measures.
fn is_piece(unit: &str) -> bool {
    const PIECES: [&str; 14] = [
        "tab", "tabs", "tablet", "tablets", "tbl", "cap", "caps", "capsule", "capsules", "each", "ea", "puff", "puffs",
        "patch",
    ];
    let word = unit.trim().trim_matches(['{', '}', '[', ']', '(', ')', '.']).to_lowercase();
    PIECES.contains(&word.as_str()) || Unit::parse(unit).is_ok_and(|unit| unit.is_dimensionless())
}

/// Gives a dose at a time; of what is only known as taken or not, that it is taken.
fn give(intake: &mut Intake, coded: &Coded, dose: &Dose, duration_h: f64, when: When, spot: Spot) {
    let words = coded.term.is_some_and(|term| !term.categories.is_empty());
    let fitted = match dose {
        Dose::Known(_, unit) | Dose::Rate(_, unit) => ucum(unit, coded.term),
        Dose::Unknown => "1".into(),
    };
    let (shape, told) = match dose {
        _ if words => (Shape::Fact, Told::Word("yes")),
        Dose::Known(value, _) => (
            Shape::Amount { duration_h },
            Told::Number { value: *value, unit: &fitted, censoring: Censoring::None, sd: None },
        ),
        Dose::Rate(value, _) => (
            Shape::Rate { duration_h: Some(duration_h) },
            Told::Number { value: *value, unit: &fitted, censoring: Censoring::None, sd: None },
        ),
        Dose::Unknown => (Shape::Amount { duration_h }, Told::Unknown),
    };
    let (system, code) = (coded.system, coded.code);
    intake.item(&Item { system, code, shape, told, when, device: None, limits: (None, None), spot });
}

/// P2068: a plan of doses that has no times.
fn unplaced(intake: &mut Intake, spot: Spot, message: &str) {
    let help = "write the doses as an [[exposure]], and leave this out with `ignore`";
    intake.wrong_as("P2068", spot, &format!("these doses have no times: {message}"), help);
}

/// Hours between two stamps, if both are moments or both local.
fn hours_between(start: &str, end: &str) -> Option<f64> {
    use crate::units::{instant, local};
    let seconds = match (instant(start), instant(end)) {
        (Some(start), Some(end)) => end.timestamp().duration_since(start.timestamp()).as_secs_f64(),
        _ => local(end)?.duration_since(local(start)?).as_secs_f64(),
    };
    (seconds > 0.0).then_some(seconds / 3600.0)
}
