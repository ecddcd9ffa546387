//! Sections of the bundle's TOML file: which codes their mistakes have, and how they are placed.

use std::rc::Rc;

use super::files::{Place, TextFile};
use crate::diagnostic::{self, Document, Source, Span};

pub(super) use crate::diagnostic::Value;

pub(super) type Section<'d> = diagnostic::Section<'d, Rc<TextFile>>;

impl Document for Rc<TextFile> {
    const SYNTAX: &'static str = "P2003";
    const UNKNOWN_KEY: &'static str = "P2004";
    const MISSING_KEY: &'static str = "P2005";
    const WRONG_KIND: &'static str = "P2006";

    fn source(&self) -> &Source {
        &self.source
    }
}

impl Section<'_> {
    pub(super) fn place(&self, span: Span) -> Place {
        Place::Text { file: self.file.clone(), span }
    }
}
