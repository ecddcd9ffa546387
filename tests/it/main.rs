//! All integration tests in one binary; one module a layer.

mod store;
