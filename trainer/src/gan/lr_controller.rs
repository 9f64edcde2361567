//! The learning-rate controller: lowers a rate where the losses call for it, halves both after a rollback, and
//! warns of a collapse. A function of the lines of metrics and of a small state that checkpoints keep.

use dataset::train_settings::{Loss, Schedule, TrainConfig};
use serde::{Deserialize, Serialize};

use super::loss;
use super::lr_schedule::{self, Rates};
use super::metrics::Metrics;

/// Lines that are compared with as many before them; a line is 50 steps.
const SPAN: usize = 20;
/// Losses stand still where their mean moved by less than this share of their deviation.
const STILL: f64 = 0.1;
/// D(real) - D(fake) below which the discriminator has lost, and the share of its largest value above which
/// it wins.
const BALANCE: (f64, f64) = (0.02, 0.9);
/// Lowered no further than to this share of the start.
const LOWEST: f64 = 1.0 / 16.0;
/// Lines that a sign of collapse must last, and those between two warnings of it.
const LASTING: usize = 5;
const SILENT: usize = 100;
/// Lines at the start that no sign is looked for in: the generator draws one grey at first.
const YOUNG: usize = 20;
/// A discriminator with a loss below it has nothing left to tell.
const NO_LOSS: f64 = 0.01;
/// Generated heads that differ less than this share of real ones are a collapse.
const ALIKE: f64 = 0.25;
/// How many times its usual length a gradient explodes at, or the part that it vanishes at.
const EXPLODED: f64 = 100.0;

/// By how much the rates were lowered, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LrController {
    /// The generator's rate by its start.
    pub generator: f64,
    /// The discriminator's rate by its start.
    pub discriminator: f64,
    /// Lines since a rate was lowered.
    pub waited: usize,
    /// How often the run was rolled back.
    pub rollbacks: u32,
}

impl Default for LrController {
    fn default() -> Self {
        Self {
            generator: 1.0,
            discriminator: 1.0,
            waited: 0,
            rollbacks: 0,
        }
    }
}

impl LrController {
    /// The learning rates at an epoch (from 1) after so many images: the schedule's, as lowered.
    pub fn rates(&self, config: &TrainConfig, epoch: u64, images: u64) -> Rates {
        let rates = lr_schedule::rates(config, epoch, images);
        Rates {
            generator: rates.generator * self.generator,
            discriminator: rates.discriminator * self.discriminator,
        }
    }

    /// Halves both rates after a rollback.
    pub fn roll_back(&mut self) {
        self.rollbacks += 1;
        self.generator /= 2.0;
        self.discriminator /= 2.0;
        self.waited = 0;
    }

    /// Takes all lines, the newest of which is new, into account. Returns what it changed or warns of.
    pub fn update(&mut self, lines: &[Metrics], schedule: Schedule, loss: Loss) -> Vec<String> {
        self.waited += 1;
        let mut notes = collapses(lines, loss);
        if schedule == Schedule::Watch && self.waited >= 2 * SPAN && lines.len() >= 2 * SPAN {
            notes.extend(self.lower(&lines[lines.len() - 2 * SPAN..], loss));
        }
        notes
    }

    /// Lowers a rate where the lines call for it, and says why.
    fn lower(&mut self, lines: &[Metrics], loss: Loss) -> Option<String> {
        let balance = |line: &Metrics| Some(line.d_real? - line.d_fake?);
        let apart = mean(&values(&lines[SPAN..], balance))?;
        let (low, high) = match loss::largest_lead(loss) {
            Some(lead) => (BALANCE.0, BALANCE.1 * lead),
            None => (f64::NEG_INFINITY, f64::INFINITY),
        };
        let (places, why): (Vec<&mut f64>, String) = if apart > high {
            let why = format!("the discriminator wins (D(real) - D(fake) was {apart:.2}): its rate");
            (vec![&mut self.discriminator], why)
        } else if apart < low {
            let why = format!("the discriminator has lost (D(real) - D(fake) was {apart:.2}): the generator's rate");
            (vec![&mut self.generator], why)
        } else if still(lines, |line| line.loss_d) && still(lines, |line| line.loss_g) {
            let heads = lines[2 * SPAN - 1].images - lines[0].images;
            let why = format!("both losses stood still over {heads} heads: both rates");
            (vec![&mut self.generator, &mut self.discriminator], why)
        } else {
            return None;
        };
        let mut lowered = false;
        for place in places.into_iter().filter(|place| **place > LOWEST) {
            *place = (*place / 2.0).max(LOWEST);
            lowered = true;
        }
        self.waited = 0;
        lowered.then(|| format!("{why} halved"))
    }
}

fn values(lines: &[Metrics], value: impl Fn(&Metrics) -> Option<f64>) -> Vec<f64> {
    lines.iter().filter_map(value).collect()
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Whether the mean of the later half of the lines is that of the earlier one.
fn still(lines: &[Metrics], value: impl Fn(&Metrics) -> Option<f64> + Copy) -> bool {
    let (earlier, later) = (values(&lines[..SPAN], value), values(&lines[SPAN..], value));
    let (Some(before), Some(after)) = (mean(&earlier), mean(&later)) else {
        return false;
    };
    let squares: Vec<f64> = later.iter().map(|value| (value - after).powi(2)).collect();
    let deviation = mean(&squares).unwrap_or(0.0).sqrt();
    (after - before).abs() <= STILL * deviation.max(1e-9)
}

/// Signs of a collapse in the newest lines, but those that were noted a short time ago.
fn collapses(lines: &[Metrics], loss: Loss) -> Vec<String> {
    if lines.len() < YOUNG {
        return Vec::new();
    }
    let newest = &lines[lines.len() - LASTING..];
    let lasts = |sign: &dyn Fn(&Metrics) -> Option<bool>| newest.iter().all(|line| sign(line) == Some(true));
    let usual = usual(lines);
    let mut signs = Vec::new();
    if loss::is_bounded(loss) && lasts(&|line| Some(line.loss_d? < NO_LOSS)) {
        signs.push("the discriminator's loss went to 0: the generator learns nothing more from it");
    }
    if lasts(&|line| Some(line.spread? < ALIKE * line.spread_real?)) {
        signs.push("the generated heads hardly differ (their spread is below a quarter of the real ones')");
    }
    if lasts(&|line| Some(line.gradient_g? < usual? / EXPLODED)) {
        signs.push("the generator's gradient vanished (a hundredth of its usual length)");
    }
    if lasts(&|line| Some(line.gradient_g? > usual? * EXPLODED)) {
        signs.push("the generator's gradient exploded (a hundred times its usual length)");
    }
    let recent = &lines[lines.len().saturating_sub(SILENT)..];
    let noted = |sign: &str| {
        recent
            .iter()
            .any(|line| line.notes.iter().any(|note| note.contains(sign)))
    };
    let signs = signs.into_iter().filter(|sign| !noted(sign));
    signs.map(|sign| format!("sign of collapse: {sign}")).collect()
}

/// The median length of the generator's gradient.
fn usual(lines: &[Metrics]) -> Option<f64> {
    let mut lengths = values(lines, |line| line.gradient_g);
    lengths.sort_by(f64::total_cmp);
    lengths.get(lengths.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: u64, change: impl Fn(u64, &mut Metrics)) -> Vec<Metrics> {
        let line = |number: u64| {
            // Both losses wander by a wave, and the generator's falls.
            let wave = (number as f64).sin() * 0.1;
            let mut line = Metrics::at(number * 50, 1, number * 1600);
            line.loss_d = Some(1.0 + wave);
            line.loss_g = Some(5.0 + wave - number as f64 * 0.02);
            line.d_real = Some(0.7);
            line.d_fake = Some(0.3);
            line.gradient_g = Some(0.5);
            line.spread = Some(0.4);
            line.spread_real = Some(0.5);
            change(number, &mut line);
            line
        };
        (1..=count).map(line).collect()
    }

    fn updated(lines: &[Metrics], schedule: Schedule) -> (LrController, Vec<String>) {
        let mut controller = LrController::default();
        let mut notes = Vec::new();
        for end in 1..=lines.len() {
            notes.extend(controller.update(&lines[..end], schedule, Loss::Bce));
        }
        (controller, notes)
    }

    #[test]
    fn a_run_in_balance_is_left_alone() {
        let (controller, notes) = updated(&lines(100, |_, _| ()), Schedule::Watch);
        assert_eq!(
            (controller.generator, controller.discriminator, notes.len()),
            (1.0, 1.0, 0)
        );
    }

    #[test]
    fn a_plateau_lowers_both_rates_and_an_imbalance_the_winners() {
        let (controller, notes) = updated(&lines(44, |_, line| line.loss_g = line.loss_d), Schedule::Watch);
        assert_eq!((controller.generator, controller.discriminator), (0.5, 0.5));
        assert!(
            notes[0].contains("both losses stood still over 62400 heads"),
            "{notes:?}"
        );
        let winning = lines(44, |_, line| {
            line.d_real = Some(0.99).filter(|_| line.d_fake.replace(0.01).is_some())
        });
        let (controller, notes) = updated(&winning, Schedule::Watch);
        assert_eq!((controller.generator, controller.discriminator), (1.0, 0.5));
        assert!(notes[0].contains("D(real) - D(fake) was 0.98"), "{notes:?}");
        let hinge = lines(44, |_, line| line.d_fake = Some(0.27));
        let mut controller = LrController::default();
        let notes: Vec<String> = (1..=hinge.len())
            .flat_map(|end| controller.update(&hinge[..end], Schedule::Watch, Loss::Hinge))
            .collect();
        assert_eq!(
            (controller.generator, controller.discriminator),
            (1.0, 0.5),
            "{notes:?}"
        );
        let (controller, notes) = updated(&winning, Schedule::Constant);
        assert_eq!((controller.discriminator, notes.len()), (1.0, 0));
    }

    #[test]
    fn rates_are_lowered_to_a_sixteenth_at_most() {
        let (controller, notes) = updated(&lines(1000, |_, line| line.d_fake = Some(0.69)), Schedule::Watch);
        assert_eq!((controller.generator, notes.len()), (LOWEST, 4));
    }

    #[test]
    fn each_sign_of_collapse_is_named_once_in_a_while() {
        type Change = fn(&mut Metrics);
        let cases: [(&str, Change); 4] = [
            ("loss went to 0", |line| line.loss_d = Some(0.001)),
            ("hardly differ", |line| line.spread = Some(0.05)),
            ("vanished", |line| line.gradient_g = Some(1e-6)),
            ("exploded", |line| line.gradient_g = Some(1e3)),
        ];
        for (name, change) in cases {
            let mut changed = lines(60, |number, line| {
                if number > 50 {
                    change(line);
                }
            });
            let mut notes = Vec::new();
            for end in 1..=changed.len() {
                let new = LrController::default().update(&changed[..end], Schedule::Constant, Loss::Hinge);
                changed[end - 1].notes = new.clone();
                notes.extend(new);
            }
            assert_eq!(notes.len(), 1, "{notes:?}");
            assert!(notes[0].contains(name), "{notes:?}");
        }
    }
}
