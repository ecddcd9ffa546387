//! The prior of one person's parameters given covariates: typical values, covariate effects, random effects.
