//! `homeostat explain`: the page of a code.

use super::{Context, Done, Stop};
use crate::diagnostic::{all_pages, explain, nearest};

/// Explains the code of a message
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  homeostat explain L1001    the page of one code\n  homeostat explain          every code"
)]
pub(crate) struct Arguments {
    /// The code, as in `error[L1001]`; without one, every code is listed
    code: Option<String>,
}

pub(crate) fn run(_: &Context, arguments: Arguments) -> Done {
    let Some(code) = arguments.code else {
        for (_, page) in all_pages() {
            println!("{}", page.lines().next().unwrap_or_default());
        }
        return Ok(());
    };
    // As it stands in a message, brackets and all.
    let code = code.trim().trim_start_matches("error").trim_start_matches("warning").trim_matches(['[', ']']);
    match explain(code) {
        Some(page) => {
            print!("{page}");
            Ok(())
        }
        None => Err(Stop::Usage(unknown(code))),
    }
}

/// Says that there is no such code, and which there are near it.
fn unknown(code: &str) -> String {
    let pages = all_pages();
    let codes: Vec<&str> = pages.iter().map(|(code, _)| code.as_str()).collect();
    let start = code.chars().next().map(|letter| letter.to_ascii_uppercase());
    let stage: Vec<&str> = codes.iter().copied().filter(|known| known.chars().next() == start).collect();
    let help = match (nearest(code, codes.iter().copied()), stage.is_empty()) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, false) => format!("codes of this stage: {}", stage.join(", ")),
        (None, true) => "`homeostat explain` without a code lists all".to_string(),
    };
    format!("there is no code `{code}`\n  = help: {help}")
}
