//! The manifest of a twin file: the SHA-256 of every file in it, in the format of `sha256sum`.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Where the manifest lies inside a twin file.
pub(super) const PATH: &str = "homeostat/manifest.sha256";

/// The first words of a manifest; `sha256sum -c` skips lines that begin with `#`.
const HEADER: &str = "# Homeostat twin file. Check by hand, inside it: sha256sum -c homeostat/manifest.sha256\n";
const SEAL: &str = "# SHA-256 of the lines above: ";

/// One line a file, given by path and SHA-256, in order, and a last line that seals the manifest itself.
pub(super) fn render(files: &[(String, String)]) -> Vec<u8> {
    let mut text = HEADER.to_string();
    for (path, digest) in files {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{digest}  {path}");
    }
    let seal = digest(text.as_bytes());
    let _ = writeln!(text, "{SEAL}{seal}");
    text.into_bytes()
}

/// The files listed, in order, with their SHA-256; `None` if the manifest is not as it was written.
pub(super) fn parse(manifest: &[u8]) -> Option<Vec<(String, String)>> {
    let text = str::from_utf8(manifest).ok()?;
    let (body, seal) = text.split_at_checked(text.rfind(SEAL)?)?;
    if seal.strip_prefix(SEAL)?.strip_suffix('\n')? != digest(body.as_bytes()) {
        return None;
    }
    listed(manifest).map(|entry| entry.filter(|(path, _)| is_relative(path))).collect()
}

/// The files listed in a manifest that may be damaged: lines that cannot be read are `None`.
pub(super) fn listed(manifest: &[u8]) -> impl Iterator<Item = Option<(String, String)>> {
    manifest.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && !line.starts_with(b"#")).map(|line| {
        let (hash, path) = str::from_utf8(line).ok()?.split_once("  ")?;
        Some((path.to_string(), hash.to_string()))
    })
}

/// Whether these bytes begin as a manifest does.
pub(super) fn is_manifest(bytes: &[u8]) -> bool {
    bytes.starts_with(HEADER.as_bytes())
}

/// The SHA-256 of bytes, in lower-case hexadecimal.
pub(super) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether a path stays inside the store and is the same on every system.
pub(super) fn is_relative(path: &str) -> bool {
    !path.contains(['\\', ':'])
        && !path.chars().any(char::is_control)
        && path.split('/').all(|part| !part.is_empty() && part != "." && part != ".." && part.trim() == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_is_that_of_fips_180() {
        // FIPS 180-4, example "abc".
        assert_eq!(digest(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn any_flipped_bit_breaks_the_seal() {
        let files = vec![("zarr.json".to_string(), digest(b"{}")), ("a/c/0".to_string(), digest(&[1, 2, 3]))];
        let manifest = render(&files);
        assert_eq!(parse(&manifest), Some(files));
        for at in 0..manifest.len() {
            let mut damaged = manifest.clone();
            damaged[at] ^= 1;
            assert_eq!(parse(&damaged), None, "byte {at}");
        }
        for length in 0..manifest.len() {
            assert_eq!(parse(&manifest[..length]), None, "cut at {length}");
        }
    }

    #[test]
    fn paths_that_leave_the_store_are_refused() {
        for path in ["", "/etc/x", "../x", "a/../x", "a//b", "a\nb", "a\\b", "C:x"] {
            assert!(!is_relative(path), "{path}");
        }
        assert!(is_relative("posterior/kp1.sigma/c/0/0"));
    }
}
