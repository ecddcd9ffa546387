//! Reads a patient bundle from disk into named covariates, exposures and observations; knows no model.
