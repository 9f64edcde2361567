//! Cascades and pictures from a seed.

use std::fmt::Write;

use image::{Rgb, RgbImage};

/// A fixed sequence of numbers (Knuth's MMIX generator).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) % most
    }

    /// -1 to 1.
    fn weight(&mut self) -> f64 {
        self.below(2_000_001) as f64 / 1e6 - 1.0
    }
}

/// An LBP cascade of two stages of trees with `depth` questions on the longest way, through which a part
/// of all windows passes.
pub fn cascade(seed: u64, depth: usize) -> String {
    let mut dice = Dice(seed);
    let mut stages = String::new();
    for trees in [5, 9] {
        let mut all = String::new();
        for _ in 0..trees {
            let mut nodes = String::new();
            // Of two questions the second is asked where the first says no.
            for node in 0..depth {
                let (inside, outside) = (-(node as i64), if node + 1 < depth { 1 } else { -(depth as i64) });
                let _ = write!(nodes, "{inside} {outside} {} ", dice.below(40));
                for _ in 0..8 {
                    let _ = write!(
                        nodes,
                        "{} ",
                        dice.below(1 << 31) as i64 * 2 - (1 << 31) + dice.below(2) as i64
                    );
                }
            }
            let leaves: String = (0..=depth).map(|_| format!("{:.6} ", dice.weight())).collect();
            let _ = write!(
                all,
                "<_><internalNodes>{nodes}</internalNodes><leafValues>{leaves}</leafValues></_>"
            );
        }
        let _ = write!(
            stages,
            "<_><maxWeakCount>{trees}</maxWeakCount><stageThreshold>0.5</stageThreshold>\
             <weakClassifiers>{all}</weakClassifiers></_>"
        );
    }
    let features: String = (0..40)
        .map(|_| {
            let (width, height) = (1 + dice.below(7), 1 + dice.below(7));
            let (x, y) = (dice.below(25 - 3 * width), dice.below(25 - 3 * height));
            format!("<_><rect>{x} {y} {width} {height}</rect></_>")
        })
        .collect();
    format!(
        "<?xml version=\"1.0\"?><opencv_storage><cascade type_id=\"opencv-cascade-classifier\">\
         <stageType>BOOST</stageType><featureType>LBP</featureType><height>24</height><width>24</width>\
         <stageParams><maxDepth>{depth}</maxDepth><maxWeakCount>9</maxWeakCount></stageParams>\
         <featureParams><maxCatCount>256</maxCatCount><featSize>1</featSize></featureParams>\
         <stageNum>2</stageNum><stages>{stages}</stages><features>{features}</features></cascade></opencv_storage>"
    )
}

/// Noise, shapes on a gradient, and pictures of one pixel more or less than a window.
pub fn pictures(seed: u64) -> Vec<RgbImage> {
    let mut dice = Dice(seed + 100);
    let noise = RgbImage::from_fn(157, 121, |_, _| {
        Rgb([dice.below(256), dice.below(90), dice.below(256)].map(|v| v as u8))
    });
    let spots: Vec<(i64, i64, i64, [u8; 3])> = (0..30)
        .map(|_| {
            let colour = [dice.below(256), dice.below(256), dice.below(256)].map(|value| value as u8);
            (
                dice.below(301) as i64,
                dice.below(203) as i64,
                4 + dice.below(40) as i64,
                colour,
            )
        })
        .collect();
    let shapes = RgbImage::from_fn(301, 203, |x, y| {
        let inside = |spot: &&(i64, i64, i64, [u8; 3])| {
            let (across, down) = (i64::from(x) - spot.0, i64::from(y) - spot.1);
            across * across + down * down < spot.2 * spot.2
        };
        spots
            .iter()
            .find(inside)
            .map_or(Rgb([(x / 2) as u8, y as u8, 128]), |spot| Rgb(spot.3))
    });
    let mut small = |width: u32, height: u32| RgbImage::from_fn(width, height, |_, _| Rgb([dice.below(256) as u8; 3]));
    vec![small(24, 24), small(25, 60), small(61, 23), noise, shapes]
}
