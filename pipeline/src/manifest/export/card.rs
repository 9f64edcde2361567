//! The dataset card: README.md with the front matter that Hugging Face reads.

use std::fmt::Write;

use dataset::manifest::Statistics;

use super::attribution::FILE;
use super::columns::{COLUMNS, Kind};
use super::{Contents, Form};
use crate::catalog::detections::HAND;

/// Artists that the card names; all are in the file.
const ARTISTS: usize = 30;

/// The card as Markdown.
pub(super) fn text(contents: &Contents<'_>) -> String {
    let mut card = front_matter(contents);
    intro(&mut card, contents);
    usage(&mut card, contents);
    origin(&mut card, contents);
    figures(&mut card, &contents.opened.body.statistics);
    columns(&mut card);
    attribution(&mut card, contents);
    card
}

/// Adds a line; a text takes whatever is written to it.
macro_rules! line {
    ($card:expr) => { $card.push('\n') };
    ($card:expr, $($argument:tt)*) => {{
        let _ = writeln!($card, $($argument)*);
    }};
}

fn heads(contents: &Contents<'_>) -> u64 {
    contents.splits.values().sum()
}

fn front_matter(contents: &Contents<'_>) -> String {
    let heads = heads(contents);
    let size = match heads {
        0..1_000 => "n<1K",
        1_000..10_000 => "1K<n<10K",
        10_000..100_000 => "10K<n<100K",
        100_000..1_000_000 => "100K<n<1M",
        _ => "1M<n<10M",
    };
    let mut card = format!(
        "---\npretty_name: \"Anime heads {}\"\nlicense: other\nlicense_name: works-of-their-artists\ntask_categories:\n\
         - unconditional-image-generation\nsize_categories:\n- {size}\ntags:\n- anime\n- illustration\n- heads\n- image\n\
         configs:\n- config_name: default\n  data_files:\n",
        contents.opened.name
    );
    for split in contents.splits.keys() {
        line!(
            card,
            "  - split: {split}\n    path: \"{}\"",
            files_of(contents.form, split)
        );
    }
    line!(card, "---");
    card
}

/// The files of a split, as a pattern.
pub(super) fn files_of(form: Form, split: &str) -> String {
    match form {
        Form::Imagefolder => format!("{split}/**"),
        Form::Webdataset => format!("{split}-*.tar"),
        Form::Parquet => format!("data/{split}-*.parquet"),
    }
}

fn intro(card: &mut String, contents: &Contents<'_>) {
    let opened = contents.opened;
    line!(card, "\n# {}: heads from illustrations\n", opened.name);
    if heads(contents) > 0 {
        line!(card, "![64 of the heads](sample.png)\n");
    }
    let splits: Vec<String> = contents
        .splits
        .iter()
        .map(|(split, heads)| format!("{heads} {split}"))
        .collect();
    let side = match contents.side {
        Some(side) => format!("resized to {side} x {side} pixels"),
        None => "at the resolution of their pictures".into(),
    };
    line!(
        card,
        "Heads: {} ({}), square, {side}. Each shows its face at about the same place and size. The version never changes; its id is \
         `{}`.\n",
        heads(contents),
        splits.join(", "),
        opened.id
    );
    if contents.purged > 0 {
        line!(
            card,
            "Taken out since it was frozen, at the wish of artists or owners: {}. The funnel and the figures below are those \
             of the day it was frozen.\n",
            contents.purged
        );
    }
}

fn usage(card: &mut String, contents: &Contents<'_>) {
    line!(card, "## Reading it\n\n```python");
    match contents.form {
        Form::Imagefolder | Form::Parquet => line!(
            card,
            "from datasets import load_dataset\n\nheads = load_dataset(\"DIR\", split=\"train\")  # DIR: this folder\nheads[0][\"image\"].show()"
        ),
        Form::Webdataset => line!(
            card,
            "import glob\nimport webdataset\n\nheads = webdataset.WebDataset(sorted(glob.glob(\"DIR/train-*.tar\")), shardshuffle=False)\nfor \
             picture, about in heads.shuffle(1000).decode(\"pil\").to_tuple(\"png\", \"json\"):\n    print(picture.size, about[\"artist\"])"
        ),
    }
    line!(card, "```\n");
}

fn origin(card: &mut String, contents: &Contents<'_>) {
    let body = &contents.opened.body;
    line!(
        card,
        "## Where it comes from\n\n| source | heads | what its likes are |\n|---|---:|---|"
    );
    for source in &body.sources {
        let likes = body.popularity.get(source).map_or("", String::as_str);
        let heads = body.statistics.sources.get(source);
        let heads = heads.map_or(String::new(), u64::to_string);
        line!(card, "| {} | {heads} | {} |", plain(source), plain(likes));
    }
    line!(card, "\nSelected: {}\n", listed(&body.filters));
    line!(card, "| step | left |\n|---|---:|");
    for step in &body.funnel {
        line!(card, "| {} | {} |", plain(&step.step), step.count);
    }
    line!(card, "\n| made by | digest |\n|---|---|");
    for detector in &body.detectors {
        match detector.as_str() {
            HAND => line!(card, "| face boxes | by hand |"),
            detector => line!(card, "| face detector | `{detector}` |"),
        }
    }
    line!(card, "| crop rule | `{}` |\n| filters | `{}` |", body.crop, body.policy);
    if let Some(parent) = &body.parent {
        line!(card, "| version before | {} `{}` |", parent.name, parent.id);
    }
    if !body.settings.is_empty() {
        let settings: Vec<String> = body
            .settings
            .iter()
            .map(|(key, value)| format!("{key} = {value}"))
            .collect();
        line!(card, "\nSettings: {}", listed(&settings));
    }
    line!(
        card,
        "\nTrain and validation were drawn by groups of equal heads (seed {}, a share of {} for validation); a group never \
         moves between versions.\n",
        body.split.seed,
        body.split.validation
    );
}

fn figures(card: &mut String, figures: &Statistics) {
    line!(
        card,
        "## Figures\n\n| | least | quarter | half | three quarters | most |\n|---|---:|---:|---:|---:|---:|"
    );
    let score: Vec<String> = figures.score.iter().map(|score| format!("{score:.3}")).collect();
    let whole = |numbers: &[i64]| -> Vec<String> { numbers.iter().map(i64::to_string).collect() };
    for (name, quantiles) in [
        ("side, pixels", whole(&figures.side)),
        ("likes", whole(&figures.likes)),
        ("views", whole(&figures.views)),
        ("score of the face", score),
    ] {
        if !quantiles.is_empty() {
            line!(card, "| {name} | {} |", quantiles.join(" | "));
        }
    }
    line!(
        card,
        "\nPictures: {}; artists: {}. The face's centre stands {:.3} of the side from the top (standard deviation {:.4}), its \
         size varies by {:.4} of the side.\n",
        figures.pictures,
        figures.artists,
        figures.face_centre_y_mean,
        figures.face_centre_y_deviation,
        figures.face_scale_deviation
    );
    for (title, counts) in [("year of upload", &figures.years), ("rating", &figures.ratings)] {
        if counts.is_empty() {
            continue;
        }
        line!(card, "| {title} | heads |\n|---|---:|");
        for (word, heads) in counts {
            line!(card, "| {} | {heads} |", plain(word));
        }
        line!(card);
    }
}

fn columns(card: &mut String) {
    line!(
        card,
        "## Columns\n\n| column | type | what it is |\n|---|---|---|\n| image | picture | the head |"
    );
    for column in &COLUMNS {
        let kind = match column.kind {
            Kind::Text => "text",
            Kind::Whole => "whole number",
            Kind::Real => "number",
        };
        line!(card, "| {} | {kind} | {} |", column.name, column.about);
    }
    line!(card);
}

fn attribution(card: &mut String, contents: &Contents<'_>) {
    let (most, artists) = contents.attribution.most(ARTISTS);
    line!(
        card,
        "## Attribution\n\nThe pictures belong to their artists. `{FILE}` names artist, post and source of every head; whoever \
         uses the heads takes these along, and honours the wish of an artist to be left out.\n\nArtists: {artists}. Heads whose \
         artist no source told: {}.\n",
        contents.attribution.unknown()
    );
    if most.is_empty() {
        return;
    }
    line!(card, "| artist | heads |\n|---|---:|");
    for (artist, heads) in most {
        line!(card, "| {} | {heads} |", plain(artist));
    }
}

/// Words in code, commas between them.
fn listed(words: &[String]) -> String {
    match words.is_empty() {
        true => "everything".into(),
        false => words
            .iter()
            .map(|word| format!("`{}`", word.replace('`', "'")))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// A text of others without what Markdown or HTML would take for its own.
fn plain(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' => escaped.extend(['\\', letter]),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}
