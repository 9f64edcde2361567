//! Learning-rate schedules.

use dataset::train_settings::{Schedule, TrainConfig};

/// The learning rates of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// The generator's.
    pub generator: f64,
    /// The discriminator's.
    pub discriminator: f64,
}

/// The report's table: last epoch (from 1) that each rate holds for; the last holds to the end.
const REPORT: [(u64, f64); 5] = [(10, 1e-3), (30, 5e-4), (50, 3e-4), (160, 2e-4), (290, 1e-4)];
/// Where a cosine ends, as a share of where it begins.
const COSINE_END: f64 = 0.05;

/// The rates at an epoch (from 1) after so many images.
pub fn rates(config: &TrainConfig, epoch: u64, images: u64) -> Rates {
    let factor = match config.schedule {
        Schedule::Table => {
            let row = REPORT.iter().find(|(until, _)| epoch <= *until).or(REPORT.last());
            let rate = row.map_or(0.0, |(_, rate)| *rate);
            return Rates {
                generator: rate,
                discriminator: rate,
            };
        }
        // What the controller lowered is the loop's to know.
        Schedule::Constant | Schedule::Watch => 1.0,
        Schedule::Cosine => {
            let share = (images as f64 / config.horizon.max(1) as f64).min(1.0);
            COSINE_END + (1.0 - COSINE_END) * (1.0 + (std::f64::consts::PI * share).cos()) / 2.0
        }
    };
    Rates {
        generator: config.rate_g * factor,
        discriminator: config.rate_d * factor,
    }
}

/// Epochs of the report's table.
pub fn table_epochs() -> u64 {
    REPORT[REPORT.len() - 1].0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gan::config::{complete, resolve};
    use dataset::train_settings::{Preset, TrainSettings};

    #[test]
    fn the_report_lowers_its_rate_by_its_table() {
        let settings = TrainSettings {
            preset: Some(Preset::Report),
            ..TrainSettings::default()
        };
        let config = resolve(&settings).expect("resolves");
        let expected = [
            (1, 1e-3),
            (10, 1e-3),
            (11, 5e-4),
            (30, 5e-4),
            (31, 3e-4),
            (50, 3e-4),
            (51, 2e-4),
            (160, 2e-4),
            (161, 1e-4),
            (290, 1e-4),
            (1000, 1e-4),
        ];
        for (epoch, rate) in expected {
            assert_eq!(rates(&config, epoch, 0).generator, rate, "epoch {epoch}");
        }
    }

    #[test]
    fn a_cosine_falls_to_a_twentieth_at_its_end() {
        let asked = TrainSettings {
            schedule: Some(Schedule::Cosine),
            ..TrainSettings::default()
        };
        let mut config = resolve(&asked).expect("resolves");
        assert!(complete(&mut config, &asked, 100, None).is_err());
        complete(&mut config, &asked, 100, Some(1000)).expect("has an end");
        let start = config.rate_g;
        let share = |images| rates(&config, 1, images).generator / start;
        assert!(
            (share(0) - 1.0).abs() < 1e-9 && (share(1000) - 0.05).abs() < 1e-9 && (share(9999) - 0.05).abs() < 1e-9
        );
        assert!((share(500) - 0.525).abs() < 1e-9);
    }
}
