//! What a series of measurements says, and what speaks against believing it.

/// One quantity, measured again and again, in the order it was measured.
#[derive(Clone, Default)]
pub struct Sample {
    pub in_order: Vec<f64>,
}

impl Sample {
    pub const fn new() -> Sample {
        Sample { in_order: Vec::new() }
    }

    pub fn push(&mut self, value: f64) {
        self.in_order.push(value);
    }

    /// The value below which the share `q` of the measurements lies (nearest rank); NaN without measurements.
    pub fn quantile(&self, q: f64) -> f64 {
        let mut sorted = self.in_order.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (q * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    }

    pub fn max(&self) -> f64 {
        self.quantile(1.0)
    }

    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The ratios round by round, whose median counts: what disturbs a round disturbs both of its measurements. When one
    /// series is longer, the quotient of the medians.
    pub fn ratios_to(&self, other: &Sample) -> Sample {
        if self.in_order.len() != other.in_order.len() {
            return Sample { in_order: vec![self.median() / other.median()] };
        }
        self.in_order.iter().zip(&other.in_order).map(|(ours, theirs)| ours / theirs).collect()
    }

    /// Why this series may mislead, as reason and extent; `step` is how far apart two looks at what is measured were.
    pub fn doubts(&self, step: f64) -> Vec<(&'static str, String)> {
        let (first, second) = self.in_order.split_at(self.in_order.len() / 2);
        let median = |half: &[f64]| half.iter().copied().collect::<Sample>().median();
        let drift = 100.0 * (median(second) / median(first) - 1.0);
        let spread = 100.0 * (self.quantile(0.75) - self.quantile(0.25)) / self.median();
        let is_long = second.len() >= 10; // of a few measurements the halves differ by chance
        let doubts = [
            (spread > 15.0, "quartiles over 15 % of the median apart", format!("{spread:.0} %")),
            (drift.abs() > 5.0 && is_long, "second half over 5 % off the first", format!("{drift:+.0} %")),
            (step > 0.02 * self.median(), "looked at in steps over 2 % of the median", format!("{step:.1}")),
        ];
        doubts.into_iter().filter(|(is_so, ..)| *is_so).map(|(_, reason, extent)| (reason, extent)).collect()
    }
}

impl FromIterator<f64> for Sample {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Sample {
        Sample { in_order: values.into_iter().collect() }
    }
}
