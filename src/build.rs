//! Tells cargo to build again when a model file changes: the library is embedded in the program.

fn main() {
    println!("cargo::rerun-if-changed=models");
}
