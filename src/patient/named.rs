//! What a code of a file is called: as the bundle says, or else the vocabulary.

use std::sync::Arc;

use super::intake::{Intake, NAMED};
use super::vocabulary::{Role, Term};

#[derive(Clone)]
pub(super) enum Known<'v> {
    /// The flag: whether the bundle names the code otherwise than the vocabulary.
    Name(Arc<str>, Option<&'v Term>, bool),
    /// With the reason.
    Ignored(String),
}

impl<'v> Intake<'_, 'v> {
    /// Codes of a system that the vocabulary names.
    pub(super) fn codes_of(&self, system: &str) -> impl Iterator<Item = &'v str> {
        let terms = self.reader.vocabulary.terms();
        let lists = terms.filter_map(move |term| term.codes.get(system)).collect::<Vec<_>>();
        lists.into_iter().flatten().map(String::as_str)
    }

    /// Whether a code has a name, and what values of it are for the person, where the vocabulary says so.
    pub(super) fn named(&mut self, system: &'static str, code: &str) -> Option<Option<Role>> {
        match self.known(system, code) {
            Known::Name(_, term, _) => Some(term.and_then(|term| term.role)),
            Known::Ignored(_) => None,
        }
    }

    /// The name of a code and what is known of it, or why an item of this code will be left out.
    pub(super) fn term_of(&mut self, system: &'static str, code: &str) -> Result<Option<&'v Term>, String> {
        match self.known(system, code) {
            Known::Name(_, term, _) => Ok(term),
            Known::Ignored(why) => Err(why),
        }
    }

    /// The name of a code, if it has one and the bundle does not ignore it.
    pub(super) fn name_of(&mut self, system: &'static str, code: &str) -> Option<Arc<str>> {
        match self.known(system, code) {
            Known::Name(name, ..) => Some(name),
            Known::Ignored(_) => None,
        }
    }

    /// The name of a code, as the bundle or else the vocabulary has it.
    pub(super) fn known(&mut self, system: &'static str, code: &str) -> Known<'v> {
        let key = (system, code.to_string());
        if let Some(known) = self.codes.get(&key) {
            return known.clone();
        }
        let vocabulary = self.reader.vocabulary;
        let named = system == NAMED;
        let term = if named { vocabulary.term(code) } else { vocabulary.by_code(system, code) };
        let own = if named { Some(code) } else { term.map(|term| term.name.as_str()) };
        let renamed = self.now.renamed.get(code).or_else(|| self.now.renamed.get(own?)).cloned();
        let ignored = self.now.ignored.contains(code) || own.is_some_and(|name| self.now.ignored.contains(name));
        let known = if ignored {
            Known::Ignored("the bundle ignores it".into())
        } else {
            match renamed.as_deref().or(own) {
                Some(name) => Known::Name(name.into(), vocabulary.term(name), renamed.is_some()),
                None => Known::Ignored(format!("the vocabulary has no name for this code ({system})")),
            }
        };
        self.codes.insert(key, known.clone());
        known
    }
}
