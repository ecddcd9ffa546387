//! Figures and tables of twins and scenarios; computes nothing.
