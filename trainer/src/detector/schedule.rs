//! The learning rate and the side of the pictures of each step. Both follow from the step alone, so that a
//! resumed run takes and orders what an undisturbed one would.

/// Steps of linear warm-up.
const WARM_UP: u64 = 150;
/// Highest learning rate of a run from nothing …
const RATE: f64 = 1.5e-3;
/// … and of one that begins with a file's weights.
const FURTHER_RATE: f64 = 3e-4;

/// The usual highest learning rate of a run.
pub fn highest(further: bool) -> f64 {
    if further { FURTHER_RATE } else { RATE }
}

/// Learning rate of a step: a linear warm-up over 150 steps (a tenth of a short run), then half a cosine down to
/// a hundredth of `peak` at the last of `steps`.
pub fn learning_rate(peak: f64, step: u64, steps: u64) -> f64 {
    let warm_up = WARM_UP.min(steps / 10).max(1);
    let warmed = ((step + 1) as f64 / warm_up as f64).min(1.0);
    let progress = (step as f64 / steps as f64).clamp(0.0, 1.0);
    let cosine = 0.5 + 0.5 * (std::f64::consts::PI * progress).cos();
    peak * warmed * (0.01 + 0.99 * cosine)
}

/// Side of a step's pictures, pixels: small ones first, which cost a fifth, the full side for the last eighth;
/// among neighbours drawn by the step, so that the network sees several scales. A network that can find faces
/// already (`further`) gets all sides in turn, to the end.
pub fn side(step: u64, steps: u64, full: u32, further: bool) -> u32 {
    let shares: &[f64] = match step as f64 / steps as f64 {
        _ if further => &[0.4, 0.65, 0.5, 1.0, 0.45, 0.8],
        p if p < 0.35 => &[0.4, 0.5, 0.45],
        p if p < 0.65 => &[0.5, 0.65, 0.55, 0.4],
        p if p < 0.875 => &[0.65, 0.8, 0.5, 1.0, 0.55],
        _ => &[1.0],
    };
    let share = shares[(step % shares.len() as u64) as usize];
    ((f64::from(full) * share / 32.0).round() as u32 * 32).max(96)
}
