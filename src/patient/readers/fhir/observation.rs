//! Observations: a value, or a value a component, with unit, time and what is known of its certainty.

use serde_json::Value as Json;

use super::super::super::Censoring;
use super::super::super::intake::Intake;
use super::super::super::vocabulary::{Role, Term};
use super::super::lab_units::ucum;
use super::super::{Item, Shape, Spot, Told, When};
use super::resources::Resource;
use super::{Coded, Reader, label};

/// A number as it is told.
struct Number<'a> {
    value: f64,
    unit: Option<&'a str>,
    censoring: Censoring,
}

impl Reader {
    pub(super) fn observation(&mut self, intake: &mut Intake, resource: &Resource) {
        let json = resource.json;
        let spot = Spot::Path(&resource.path);
        match json["status"].as_str() {
            Some("final" | "amended" | "corrected") => {}
            Some(status @ ("cancelled" | "entered-in-error" | "registered" | "unknown")) => {
                let why = format!("its status is `{status}`");
                return self.leave_out(intake, &label(&json["code"]), &why, spot);
            }
            status => {
                let status = status.unwrap_or("missing");
                let message = format!("{} may change: its status is `{status}`", label(&json["code"]));
                intake.doubtful("P2063", spot, &message, "it is read; export again when it is final");
            }
        }
        let components = json["component"].as_array();
        if components.is_none() || has_value(json) || !json["dataAbsentReason"].is_null() {
            self.part(intake, json, json, &resource.path);
        }
        for (at, component) in components.into_iter().flatten().enumerate() {
            self.part(intake, json, component, &format!("{}/component/{at}", resource.path));
        }
    }

    /// An observation's own value, or a component's.
    fn part(&mut self, intake: &mut Intake, whole: &Json, part: &Json, path: &str) {
        let Some(coded) = self.coded(intake, &part["code"], path) else { return };
        let label = || coded.term.map_or(coded.code, |term| term.name.as_str());
        let value = part.as_object().into_iter().flatten().find(|(key, _)| key.starts_with("value"));
        let Some((key, value)) = value else {
            let reason = &part["dataAbsentReason"];
            let reason = reason["coding"][0]["code"].as_str().or(reason["text"].as_str()).unwrap_or("no value");
            return self.leave_out(intake, label(), &format!("nothing was measured ({reason})"), Spot::Path(path));
        };
        let path = format!("{path}/{key}");
        let spot = Spot::Path(&path);
        let text = value.as_str();
        match key.as_str() {
            "valueQuantity" => match quantity(value) {
                Ok(number) => self.number(intake, whole, &coded, &number, &path),
                Err(message) => intake.wrong(spot, message, "delete this entry, or mend it"),
            },
            "valueInteger" | "valueDecimal" => match value.as_f64() {
                Some(value) => {
                    let number = Number { value, unit: None, censoring: Censoring::None };
                    self.number(intake, whole, &coded, &number, &path);
                }
                None => intake.wrong(spot, "the value is no number", "delete this entry, or mend it"),
            },
            "valueString" if has_words(coded.term) => self.word(intake, whole, &coded, text.unwrap_or(""), &path),
            "valueString" => match text.and_then(number_of) {
                Some(number) => self.number(intake, whole, &coded, &number, &path),
                None => {
                    let why =
                        format!("its value is a text: {}", text.unwrap_or("").chars().take(40).collect::<String>());
                    self.leave_out(intake, label(), &why, spot);
                }
            },
            "valueCodeableConcept" if has_words(coded.term) => {
                let word = known_word(coded.term, value);
                self.word(intake, whole, &coded, word, &path);
            }
            "valueBoolean" if has_words(coded.term) => {
                let word = if value.as_bool() == Some(true) { "yes" } else { "no" };
                self.word(intake, whole, &coded, word, &path);
            }
            _ => self.leave_out(intake, label(), &format!("its value is no number (`{key}`)"), spot),
        }
    }

    fn number(&mut self, intake: &mut Intake, whole: &Json, coded: &Coded, number: &Number, path: &str) {
        let spot = Spot::Path(path);
        let Some(unit) = super::super::lab::unit_of(intake, coded.term, number.unit, spot) else { return };
        let Some(when) = self.when(intake, whole, path) else { return };
        let unit = ucum(unit, coded.term);
        let told = Told::Number { value: number.value, unit: &unit, censoring: number.censoring, sd: None };
        intake.item(&item(coded, told, when, whole["device"]["display"].as_str(), spot));
    }

    fn word(&mut self, intake: &mut Intake, whole: &Json, coded: &Coded, word: &str, path: &str) {
        let Some(when) = self.when(intake, whole, path) else { return };
        intake.item(&item(coded, Told::Word(word), when, None, Spot::Path(path)));
    }

    /// When it was measured: of a period the end.
    fn when(&self, intake: &mut Intake, whole: &Json, path: &str) -> Option<When> {
        let period = &whole["effectivePeriod"];
        let stamp = ["effectiveDateTime", "effectiveInstant"].iter().find_map(|key| whole[*key].as_str());
        self.moment(intake, stamp.or(period["end"].as_str()).or(period["start"].as_str()), path)
    }
}

fn item<'i>(coded: &Coded<'i, '_>, told: Told<'i>, when: When, device: Option<&'i str>, spot: Spot<'i>) -> Item<'i> {
    let fact = coded.term.is_some_and(|term| term.role == Some(Role::Covariate));
    let shape = if fact { Shape::Fact } else { Shape::Sample };
    Item { system: coded.system, code: coded.code, shape, told, when, device, limits: (None, None), spot }
}

fn has_value(json: &Json) -> bool {
    json.as_object().into_iter().flatten().any(|(key, _)| key.starts_with("value"))
}

fn has_words(term: Option<&Term>) -> bool {
    term.is_some_and(|term| !term.categories.is_empty())
}

/// The first of a concept's codes and words that is a category, else what it is called.
fn known_word<'j>(term: Option<&Term>, concept: &'j Json) -> &'j str {
    let codings = || concept["coding"].as_array().into_iter().flatten();
    let codes = codings().filter_map(|coding| coding["code"].as_str());
    let displays = codings().filter_map(|coding| coding["display"].as_str());
    let words: Vec<&str> = codes.chain(concept["text"].as_str()).chain(displays).collect();
    let known = |word: &&&str| {
        let word = word.to_lowercase();
        term.is_some_and(|term| term.answers.contains_key(&word) || term.categories.contains_key(&word))
    };
    let named = concept["text"].as_str().or(words.last().copied()).unwrap_or("nothing");
    words.iter().find(known).copied().unwrap_or(named)
}

/// A quantity: its code in UCUM comes before its unit for people.
fn quantity(value: &Json) -> Result<Number<'_>, &'static str> {
    let number = value["value"].as_f64().ok_or("the quantity has no number")?;
    let censoring = match value["comparator"].as_str() {
        None => Censoring::None,
        Some(sign) => super::super::lab::comparator(sign).ok_or("the comparator is none of <, <=, > and >=")?,
    };
    Ok(Number { value: number, unit: unit(value), censoring })
}

/// The unit of a quantity, if it has any.
pub(super) fn unit(value: &Json) -> Option<&str> {
    let filled = |key: &str| value[key].as_str().filter(|text| !text.trim().is_empty());
    let is_ucum =
        matches!(value["system"].as_str(), Some("http://unitsofmeasure.org" | "urn:oid:2.16.840.1.113883.6.8"));
    if is_ucum { filled("code").or(filled("unit")) } else { filled("unit").or(filled("code")) }
}

/// A number in a text, with a sign before it and a unit after it.
fn number_of(text: &str) -> Option<Number<'_>> {
    let text = text.trim();
    let digits = text.trim_start_matches(['<', '>', '=', '≤', '≥', ' ']);
    let sign = text[..text.len() - digits.len()].trim();
    let censoring = if sign.is_empty() { Censoring::None } else { super::super::lab::comparator(sign)? };
    let end = digits.find(|letter: char| !(letter.is_ascii_digit() || letter == '.' || letter == '-'));
    let (number, unit) = digits.split_at(end.unwrap_or(digits.len()));
    let unit = Some(unit.trim()).filter(|unit| !unit.is_empty());
    Some(Number { value: number.parse().ok()?, unit, censoring })
}
