//! Interventions on a twin, outcomes, and paired contrasts against doing nothing.
