//! Model files to a checked, composed, compiled program.
