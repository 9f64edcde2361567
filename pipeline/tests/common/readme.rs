//! The commands that the documentation shows, as a shell would split them.

use std::process::Command;

/// Every line of the code in README.md and docs/tutorial.md that calls `program`, in words; what a shell would do to them (quotes,
/// comments, variables) is done by one.
pub fn commands(program: &str) -> Vec<Vec<String>> {
    let pages = [
        include_str!("../../../README.md"),
        include_str!("../../../docs/tutorial.md"),
    ];
    let mut inside = false;
    let mut found = Vec::new();
    for line in pages.iter().flat_map(|page| page.lines()) {
        if line.starts_with("```") {
            inside = !inside;
        } else if inside && line.starts_with(&format!("{program} ")) {
            found.push(words(line));
        }
    }
    found
}

fn words(line: &str) -> Vec<String> {
    let line = line.split(" &").next().unwrap_or(line);
    let script = format!("printf '%s\\n' {line}");
    let output = Command::new("sh").args(["-c", &script]).output().expect("sh runs");
    assert!(output.status.success(), "{line}");
    let words = String::from_utf8(output.stdout).expect("is text");
    words.lines().map(String::from).collect()
}
