//! Walls between the rooms of this crate, by what their sources name: the catalog knows no stage, no stage
//! knows another, and what decides is pure.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What commands do; what lies between them is the catalog.
const STAGES: [&str; 10] = [
    "crawl", "import", "crop", "curate", "manifest", "export", "sheet", "purge", "detect", "swap",
];

/// Rooms that know neither a stage nor what calls them.
const BELOW: [&str; 2] = ["catalog", "decide"];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let files = dataset::files::files_below(folder).expect("lists");
    let is_source = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "rs");
    files.into_iter().filter(is_source).collect()
}

/// The rooms that a source names as `crate::ROOM`, also in `use crate::{…}`; comments are none.
fn named(text: &str) -> BTreeSet<String> {
    let code: Vec<&str> = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect();
    let code = code.join("\n");
    let mut rooms = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let word = |text: &str| -> String {
            text.trim_start()
                .chars()
                .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
                .collect()
        };
        match rest.strip_prefix('{') {
            None => drop(rooms.insert(word(rest))),
            Some(list) => {
                let mut depth = 0;
                let mut start = true;
                for (at, letter) in list.char_indices() {
                    if start && depth == 0 && letter.is_alphabetic() {
                        rooms.insert(word(&list[at..]));
                        start = false;
                    }
                    match letter {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        _ => {}
                    }
                }
            }
        }
    }
    rooms
}

#[test]
fn no_stage_names_another_and_the_catalog_names_none() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut broken = BTreeSet::new();
    for room in STAGES.iter().chain(&BELOW) {
        let mut files = sources(&root.join(room));
        files.extend(Some(root.join(format!("{room}.rs"))).filter(|file| file.exists()));
        assert!(!files.is_empty(), "there is no room {room}");
        for file in files {
            let text = std::fs::read_to_string(&file).expect("reads");
            for other in named(&text) {
                if other != *room && STAGES.contains(&other.as_str()) {
                    broken.insert((room.to_string(), other, file.display().to_string()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "walls are broken: {broken:#?}");
}

#[test]
fn what_decides_reads_no_file_and_writes_no_row() {
    let decide = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/decide");
    for file in sources(&decide) {
        // Settings hash the files that they name.
        if file.ends_with("style_settings.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&file).expect("reads");
        for word in ["std::fs", "spawn", "StyleNet", "Detector", "Store", "Write"] {
            assert!(!text.contains(word), "{} has {word}", file.display());
        }
    }
}

#[test]
fn names_are_read_out_of_every_form() {
    let text = "use crate::catalog::{self, posts};\nuse crate::{crop, head::{A, B}, sheet};\n// crate::purge\ncrate::detect::run()";
    let rooms: Vec<String> = named(text).into_iter().collect();
    assert_eq!(rooms, ["catalog", "crop", "detect", "head", "sheet"]);
}
