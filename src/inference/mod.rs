//! Samplers and their diagnostics for any target density; knows no physiology.
