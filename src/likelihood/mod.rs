//! Joins a model and a patient by name into one posterior density.
