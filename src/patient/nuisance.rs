//! What a bundle says of how things were measured: devices that may read wrong, and times that follow from the state.

use super::load::Reader;
use super::section::Section;
use super::vocabulary::Conversion;
use crate::diagnostic::{Diagnostic, Location};
use crate::units::{Quantity, Unit, mismatch, unreadable};

const DEVICE_KEYS: [&str; 8] = ["observation", "device", "gain", "offset", "lag", "noise", "drift", "robust"];
const TESTED_KEYS: [&str; 2] = ["observation", "per"];

/// How a device may differ from the truth: each part is a number that is calibrated, with the spread given here.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// What it measures.
    pub observation: String,
    /// Which of those that measure it; `None` is all together.
    pub device: Option<String>,
    /// Standard deviation of the logarithm of a factor on what is measured.
    pub gain: Option<f64>,
    /// Standard deviation of what is added, in the vocabulary's unit of the observation.
    pub offset: Option<(f64, Unit)>,
    /// The usual time by which it follows `[h]`.
    pub lag_h: Option<f64>,
    /// Standard deviation of the logarithm of a factor on the errors.
    pub noise: Option<f64>,
    /// Standard deviation of the relative change of the factor in a day, since the device's first reading.
    pub drift: Option<f64>,
    /// Whether single readings may be far off.
    pub robust: bool,
    pub place: Location,
}

/// That how often something is measured depends on what it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Tested {
    pub observation: String,
    /// The difference that the rate of testing is calibrated for: in a unit of the observation, or a plain ratio above 1.
    pub per: (f64, Unit),
    pub place: Location,
}

impl Reader<'_> {
    /// The `[[device]]` entries.
    pub(super) fn devices(&mut self, sections: &[Section]) -> Vec<Device> {
        let mut all: Vec<Device> = Vec::new();
        for section in sections {
            section.only(&DEVICE_KEYS, &mut self.findings);
            let Some((name, span)) = section.required("observation", "observation = \"…\"", &mut self.findings)
            else {
                continue;
            };
            let place = section.file.source.locate(span);
            let device = section.text("device", &mut self.findings).map(|(device, _)| device.to_string());
            let mut spread = |key: &'static str| self.spread(section, key);
            let (gain, noise, drift) = (spread("gain"), spread("noise"), spread("drift"));
            let offset = self.offset(section, name);
            let hour = self.hour.clone();
            let lag_h = self.given_in(section, "lag", &hour, None).filter(|lag| {
                if *lag <= 0.0 {
                    self.findings.push(above_zero("lag").at_location(place.clone()));
                }
                *lag > 0.0
            });
            let robust = section.get("robust").is_some_and(|value| match value.get.as_bool() {
                Some(robust) => robust,
                None => {
                    self.findings.push(section.wrong_kind(&value, "true or false"));
                    false
                }
            });
            if all.iter().any(|known| known.observation == name && known.device == device) {
                let finding = unusable(&format!("this device of `{name}` is declared twice"));
                self.findings.push(finding.at_location(place).help("write one [[device]] entry for it"));
                continue;
            }
            let observation = name.to_string();
            all.push(Device { observation, device, gain, offset, lag_h, noise, drift, robust, place });
        }
        all
    }

    /// The `[[tested]]` entries.
    pub(super) fn tested(&mut self, sections: &[Section]) -> Vec<Tested> {
        let mut all: Vec<Tested> = Vec::new();
        for section in sections {
            section.only(&TESTED_KEYS, &mut self.findings);
            let name = section.required("observation", "observation = \"…\"", &mut self.findings);
            let per = section.required("per", "per = \"1 mg/dL\", or per = \"2\" for a doubling", &mut self.findings);
            let (Some((name, span)), Some((per, per_span))) = (name, per) else { continue };
            match Quantity::parse(per) {
                Ok(per) if per.value > 0.0 => {
                    let place = section.file.source.locate(span);
                    let per = (per.value, per.unit);
                    all.push(Tested { observation: name.to_string(), per, place });
                }
                Ok(_) => self.findings.push(above_zero("per").at(&section.file.source, per_span)),
                Err(error) => self.findings.push(unreadable(&error).at(&section.file.source, per_span)),
            }
        }
        all
    }

    /// A relative spread above 0, as a plain number: `"10 %"`.
    fn spread(&mut self, section: &Section, key: &'static str) -> Option<f64> {
        let (text, span) = section.text(key, &mut self.findings)?;
        let one = Unit::one();
        let finding = match Quantity::parse(text) {
            Ok(spread) => match spread.unit.convert(spread.value, &one) {
                Some(value) if value > 0.0 => return Some(value),
                Some(_) => above_zero(key),
                None => mismatch(&spread.unit, &one),
            },
            Err(error) => unreadable(&error),
        };
        self.findings.push(finding.at(&section.file.source, span));
        None
    }

    /// A spread above 0 in a unit of the observation.
    fn offset(&mut self, section: &Section, name: &str) -> Option<(f64, Unit)> {
        let (text, span) = section.text("offset", &mut self.findings)?;
        let finding = match Quantity::parse(text) {
            Ok(spread) if spread.value > 0.0 => {
                let Some(term) = self.vocabulary.term(name) else { return Some((spread.value, spread.unit)) };
                let equivalence = term.equivalence.as_ref();
                match Conversion::new(&spread.unit, &term.unit, equivalence) {
                    // A difference: the zero of the scale does not matter.
                    Some(conversion) => {
                        let value = conversion.apply(spread.value) - conversion.apply(0.0);
                        return Some((value, term.unit.clone()));
                    }
                    None => mismatch(&spread.unit, &term.unit),
                }
            }
            Ok(_) => above_zero("offset"),
            Err(error) => unreadable(&error),
        };
        self.findings.push(finding.at(&section.file.source, span));
        None
    }
}

fn above_zero(key: &str) -> Diagnostic {
    unusable(&format!("`{key}` must be above 0")).help("leave it out if there is none")
}

/// P2034: an entry on devices or testing that cannot be used.
fn unusable(message: &str) -> Diagnostic {
    Diagnostic::error("P2034", message)
}
