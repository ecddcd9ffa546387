//! The page of every diagnostic code, from the Markdown files beside this one.

/// One Markdown file a stage; in each, `## CODE Title` opens the page of a code.
const STAGES: [&str; 7] = [
    include_str!("pages/units.md"),
    include_str!("pages/model.md"),
    include_str!("pages/patient.md"),
    include_str!("pages/likelihood.md"),
    include_str!("pages/scenario.md"),
    include_str!("pages/twin.md"),
    include_str!("pages/command.md"),
];

/// The page of a code (any case), as Markdown, or `None` if there is no such code.
pub fn explain(code: &str) -> Option<String> {
    all_pages().into_iter().find(|(known, _)| known.eq_ignore_ascii_case(code)).map(|(_, page)| page)
}

/// Every code with its page, in the order of the stages.
pub fn all_pages() -> Vec<(String, String)> {
    let mut pages = Vec::new();
    for stage in STAGES {
        for section in stage.split("\n## ").skip(1) {
            let code = section.split_whitespace().next().unwrap_or("").to_string();
            pages.push((code, format!("{}\n", section.trim_end())));
        }
    }
    pages
}
