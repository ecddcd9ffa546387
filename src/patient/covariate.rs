//! Covariates: one value a name, a quantity or a category.

use super::Covariate;
use super::files::listed;
use super::given::Content;
use super::load::Reader;
use super::section::Section;
use crate::diagnostic::{Diagnostic, nearest};
use crate::units::Unit;

impl Reader<'_> {
    pub(super) fn covariates(&mut self, section: &Section) -> Vec<Covariate> {
        section
            .values()
            .iter()
            .filter_map(|value| {
                let term = self.term(&value.key, section.place(value.key_span));
                let given = self.given(section, value, term)?;
                let origin = given.place.origin();
                let name = value.key.clone();
                let (number, from) = match given.content {
                    Content::Word(word) => {
                        let Some(number) = term.and_then(|term| term.categories.get(&word)).copied() else {
                            let known: Vec<&String> =
                                term.into_iter().flat_map(|term| term.categories.keys()).collect();
                            let near = nearest(&word, known.iter().map(|known| known.as_str()));
                            let finding = Diagnostic::error("P2010", format!("`{word}` is not a category of `{name}`"))
                                .at_location(given.place.location());
                            self.findings.push(match near {
                                Some(near) => finding.help(format!("did you mean `{near}`?")),
                                None => finding.help(format!("write one of {}", listed(&known))),
                            });
                            return None;
                        };
                        let (unit, declared) = (Unit::one(), String::new());
                        return Some(Covariate { name, value: number, unit, category: Some(word), declared, origin });
                    }
                    Content::Number(number, unit) => (number, unit),
                };
                let declared = from.text().to_string();
                let (unit, conversion) = self.stored(term, &from, &given.place)?;
                let value = conversion.apply(number);
                if let Some(term) = term {
                    self.check_range(term, &from, &conversion, &[(value, &given.place)]);
                }
                Some(Covariate { name, value, unit, category: None, declared, origin })
            })
            .collect()
    }
}
