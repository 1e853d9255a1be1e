//! What a series of measurements says, and what speaks against believing it.

/// Quartiles further apart than this share of the median are worth a word.
const WIDE: f64 = 0.15;
/// Medians of the two halves of a series further apart than this are worth a word.
const DRIFTED: f64 = 0.05;
/// Steps of the measurement over this share of the median are worth a word.
const COARSE: f64 = 0.02;

/// One quantity, measured again and again, in the order it was measured.
#[derive(Clone, Default)]
pub struct Sample {
    in_order: Vec<f64>,
}

impl Sample {
    pub const fn new() -> Sample {
        Sample { in_order: Vec::new() }
    }

    pub fn push(&mut self, value: f64) {
        self.in_order.push(value);
    }

    pub fn is_empty(&self) -> bool {
        self.in_order.is_empty()
    }

    pub fn len(&self) -> usize {
        self.in_order.len()
    }

    /// The value below which the share `q` of the measurements lies (nearest rank, so always one that was measured);
    /// NaN without measurements.
    pub fn quantile(&self, q: f64) -> f64 {
        let mut sorted = self.in_order.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (q * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    }

    pub fn min(&self) -> f64 {
        self.quantile(0.0)
    }

    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// How far the quartiles are apart, as a share of the median.
    pub fn spread(&self) -> f64 {
        (self.quantile(0.75) - self.quantile(0.25)) / self.median()
    }

    /// How much the second half differs from the first, as a share.
    pub fn drift(&self) -> f64 {
        let (first, second) = self.in_order.split_at(self.in_order.len() / 2);
        Sample::from(second).median() / Sample::from(first).median() - 1.0
    }

    /// The median of the ratios round by round: what disturbs one round disturbs both of its measurements, so this holds
    /// still where the quotient of the medians does not. The quotient all the same when the series differ in length.
    pub fn ratio_to(&self, other: &Sample) -> f64 {
        if self.len() != other.len() {
            return self.median() / other.median();
        }
        let ratios: Vec<f64> =
            self.in_order.iter().zip(&other.in_order).map(|(ours, theirs)| ours / theirs).collect();
        Sample::from(ratios.as_slice()).median()
    }

    /// Why this series may mislead, if anything says so, as reason and extent; `step` is how far apart two looks at what
    /// is measured were, or the finest difference the clock could show.
    pub fn doubts(&self, step: f64) -> Vec<(&'static str, String)> {
        let mut doubts = Vec::new();
        if self.spread() > WIDE {
            doubts
                .push(("quartiles over 15 % of the median apart", format!("{:.0} %", 100.0 * self.spread())));
        }
        if self.len() >= 20 && self.drift().abs() > DRIFTED {
            doubts.push(("second half over 5 % off the first", format!("{:+.0} %", 100.0 * self.drift())));
        }
        if step > self.median() * COARSE {
            doubts.push(("looked at in steps over 2 % of the median", format!("{step:.1}")));
        }
        doubts
    }
}

impl From<&[f64]> for Sample {
    fn from(values: &[f64]) -> Sample {
        Sample { in_order: values.to_vec() }
    }
}
