//! The fields of exports and their units, read from `models/fields.toml`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

type Fields = BTreeMap<String, BTreeMap<String, String>>;

/// The fields of a system of codes, each with its unit.
pub(super) fn fields(system: &str) -> Vec<(&'static str, &'static str)> {
    static READ: OnceLock<Fields> = OnceLock::new();
    let all = READ.get_or_init(|| toml::from_str(include_str!("../../../models/fields.toml")).unwrap_or_default());
    let of_system = all.get(system).into_iter().flatten();
    of_system.map(|(field, unit)| (field.as_str(), unit.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patient::Vocabulary;
    use crate::units::Unit;

    #[test]
    fn every_field_has_a_unit_and_the_vocabulary_a_name() {
        let vocabulary = Vocabulary::embedded().unwrap();
        for system in ["nightscout", "tidepool"] {
            assert!(fields(system).len() > 3);
            for (field, unit) in fields(system) {
                assert!(unit.is_empty() || Unit::parse(unit).is_ok(), "{field}: {unit}");
                let named = |code: &str| vocabulary.by_code(system, code).is_some();
                assert!(named(field) || named(&format!("{field}/rapid")), "{system}: {field}");
            }
        }
        assert!(fields("none").is_empty());
    }
}
