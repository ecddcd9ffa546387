//! Integrates a program through a schedule: trajectories, sensitivities, ensembles.
