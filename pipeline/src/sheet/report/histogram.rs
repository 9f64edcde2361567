//! Counts by value, of accepted and of refused heads.

/// What a histogram's bins are.
pub(super) struct Scale {
    /// Short word, the key of the chart in the page.
    pub(super) key: &'static str,
    pub(super) title: &'static str,
    /// What a reader should know of it.
    pub(super) about: String,
    /// Lower bounds of the bins, ascending; the last bin has no end.
    pub(super) edges: Vec<f64>,
    /// Digits after the point of a label.
    pub(super) digits: usize,
}

impl Scale {
    /// The bin of a value; what is below the first bound falls into the first.
    pub(super) fn bin(&self, value: f64) -> usize {
        self.edges.partition_point(|edge| *edge <= value).saturating_sub(1)
    }

    /// A bin's lower bound as text.
    pub(super) fn label(&self, bin: usize) -> String {
        let value = self.edges[bin];
        match value {
            // An end of nothing but digits reads better short.
            _ if value >= 1_000_000.0 && value % 1_000_000.0 == 0.0 => format!("{}M", value / 1_000_000.0),
            _ if value >= 10_000.0 && value % 1000.0 == 0.0 => format!("{}k", value / 1000.0),
            _ => format!("{value:.0$}", self.digits),
        }
    }

    /// A bin as a range.
    pub(super) fn range(&self, bin: usize) -> String {
        match bin + 1 < self.edges.len() {
            true => format!("{} to below {}", self.label(bin), self.label(bin + 1)),
            false => format!("{} and more", self.label(bin)),
        }
    }
}

/// 0, then 1, 2, 5, 10, 20 and so on: likes and views spread over orders of magnitude.
pub(super) fn orders(last: f64) -> Vec<f64> {
    let mut edges = vec![0.0];
    let mut power = 1.0;
    while power <= last {
        edges.extend(
            [1.0, 2.0, 5.0]
                .map(|digit| digit * power)
                .into_iter()
                .filter(|edge| *edge <= last),
        );
        power *= 10.0;
    }
    edges
}

/// `count` bins of equal width from `first` to `end`.
pub(super) fn equal(first: f64, end: f64, count: usize) -> Vec<f64> {
    (0..count)
        .map(|bin| first + (end - first) * bin as f64 / count as f64)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_bin() {
        let scale = Scale {
            key: "likes",
            title: "Likes",
            about: String::new(),
            edges: orders(1000.0),
            digits: 0,
        };
        assert_eq!(
            scale.edges,
            [0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0]
        );
        for (value, bin) in [(-3.0, 0), (0.0, 0), (1.0, 1), (4.9, 2), (999.0, 9), (1e9, 10)] {
            assert_eq!(scale.bin(value), bin, "{value}");
        }
        assert_eq!(scale.range(2), "2 to below 5");
        assert_eq!(scale.range(10), "1000 and more");
        let share = equal(0.0, 1.0, 20);
        assert_eq!((share.len(), share[19]), (20, 0.95));
    }
}
