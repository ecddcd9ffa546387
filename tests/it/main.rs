//! All integration tests in one binary; one module a layer.

mod sim;
mod stats;
mod store;
