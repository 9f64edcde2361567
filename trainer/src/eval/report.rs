//! A score in words.

use anyhow::Result;

use super::distance::Estimate;
use super::record::Score;

/// Prints a score as a table, or as one line of JSON.
///
/// # Errors
/// Where it cannot be written as JSON, which does not happen.
pub fn print(score: &Score, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string(score)?);
        return Ok(());
    }
    let conditions = &score.conditions;
    println!(
        "step {}: {} fakes against {} heads of the {} split at {} px",
        score.step, conditions.fakes, conditions.reals, conditions.split, conditions.side
    );
    for (name, value, note) in lines(score) {
        println!("{name:<22} {value:>16}  {note}");
    }
    Ok(())
}

/// A score as name, value and what it means.
pub fn lines(score: &Score) -> Vec<(&'static str, String, String)> {
    let (near, faces, reals) = (score.neighbourhoods, score.faces, score.faces_of_reals);
    let share = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.3}"));
    let thousand = |kid: Estimate| format!("{:.2} +- {:.2}", 1000.0 * kid.value, 1000.0 * kid.error);
    let training = score
        .kid_of_training
        .map(|kid| format!("; training heads get {}", thousand(kid)));
    let mut lines = vec![
        (
            "KID x 1000",
            thousand(score.kid),
            format!("lower is better{}", training.unwrap_or_default()),
        ),
        (
            "FID",
            format!("{:.2}", score.fid),
            "lower is better; falls as counts grow".into(),
        ),
        (
            "precision",
            format!("{:.3}", near.precision),
            "fakes among the reals, k = 3".into(),
        ),
        (
            "recall",
            format!("{:.3}", near.recall),
            "reals among the fakes, k = 3".into(),
        ),
        ("density", format!("{:.3}", near.density), "k = 5; can exceed 1".into()),
        (
            "coverage",
            format!("{:.3}", near.coverage),
            "reals with a fake near, k = 5".into(),
        ),
        (
            "faces found (AFD)",
            format!("{:.3}", faces.found),
            format!("reals {:.3}", reals.found),
        ),
        (
            "eye colour distance",
            share(faces.eye_distance),
            format!("median, a*b*; reals {}", share(reals.eye_distance)),
        ),
        (
            "eyes of two colours",
            share(faces.two_coloured),
            format!("of {} told; reals {}", faces.eyes_told, share(reals.two_coloured)),
        ),
    ];
    if let Some(found) = score.memorisation {
        lines.push((
            "nearest training head",
            format!("{:.2}", found.ratio()),
            format!(
                "median distance, of unseen heads 1; {:.1} % closer than the closest 1 % of these",
                100.0 * found.copies
            ),
        ));
    }
    if let Some(scores) = score.discriminator_scores {
        lines.push((
            "D of training heads",
            format!("{:.3}", scores.trained),
            format!(
                "of unseen ones {:.3} (the same where none is learned by heart), of fakes {:.3}",
                scores.unseen, scores.drawn
            ),
        ));
    }
    lines
}
