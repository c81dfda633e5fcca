//! Medians of repeated measurements, and numbers that people can read.

/// Repeated measurements of one thing.
#[derive(Debug, Clone, Default)]
pub struct Series(Vec<f64>);

impl Series {
    /// Creates a series; sorts the values in ascending order.
    pub fn new(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// Returns the number of values.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether nothing was measured.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the value in the middle, or the lower one of an even number of values; 0 if nothing was
    /// measured.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// Returns the smallest value that at least this share (0 to 1) of all values does not exceed.
    pub fn quantile(&self, share: f64) -> f64 {
        let below = self.0.iter().enumerate().find(|(i, _)| (i + 1) as f64 >= share * self.0.len() as f64);
        below.map_or(0.0, |(_, value)| *value)
    }

    /// Returns the smallest value.
    pub fn min(&self) -> f64 {
        self.0.first().copied().unwrap_or(0.0)
    }

    /// Returns the largest value.
    pub fn max(&self) -> f64 {
        self.0.last().copied().unwrap_or(0.0)
    }
}

/// Returns a measured number without its fraction, with commas between groups of three digits.
pub fn rounded(n: f64) -> String {
    grouped(format!("{:.0}", n.max(0.0)).parse().unwrap_or(0))
}

/// Returns a whole number with commas between groups of three digits.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Series, grouped, rounded};

    #[test]
    fn the_median_is_a_measured_value() {
        let series = Series::new(vec![5.0, 1.0, 3.0]);
        assert_eq!((series.median(), series.min(), series.max()), (3.0, 1.0, 5.0));
        assert_eq!(Series::default().median(), 0.0);
    }

    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.0, 999.5, 1234.4, -3.0].map(rounded), ["0", "1,000", "1,234", "0"]);
    }
}
