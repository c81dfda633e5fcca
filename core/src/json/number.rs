//! Numbers as their decimal text. They are compared exactly at any size, without conversion and without
//! allocation.

use std::cmp::Ordering;

/// Returns whether `text` has the form `-?[0-9]+`.
fn is_integer(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// An integer of any size. Equal values compare equal: `007` is `7`, `-0` is `0`. The order serves binary
/// searches; it is not the numeric order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Integer<'a> {
    negative: bool,
    /// The digits without leading zeros; empty for zero.
    digits: &'a [u8],
}

impl<'a> Integer<'a> {
    /// Parses `-?[0-9]+`.
    pub(crate) fn parse(text: &'a [u8]) -> Option<Self> {
        if !is_integer(text) {
            return None;
        }
        let digits = text.strip_prefix(b"-").unwrap_or(text);
        let zeros = digits.iter().take_while(|&&b| b == b'0').count();
        let digits = &digits[zeros..];
        Some(Self { negative: text[0] == b'-' && !digits.is_empty(), digits })
    }

    /// Returns the shortest text of this value.
    pub(crate) fn canonical(self) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.digits.len() + 1);
        if self.negative {
            text.push(b'-');
        }
        text.extend_from_slice(if self.digits.is_empty() { b"0" } else { self.digits });
        text
    }
}

/// Larger magnitudes are clamped to this one. No text that fits in memory reaches it by digits alone.
const MAGNITUDE_MAX: i64 = 1 << 59;
/// Larger exponents are clamped to this one. It is twice the maximum above, so that the digits before or
/// after the point, which are added to the exponent or subtracted from it, cannot change the result where it
/// is clamped.
const EXPONENT_MAX: i64 = 1 << 60;

/// A decimal number of any size: 0.D1D2D3... * 10^magnitude, D1 not 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decimal<'a> {
    negative: bool,
    /// The digits before and after the point, without leading zeros; both are empty for zero.
    digits: (&'a [u8], &'a [u8]),
    magnitude: i64,
}

impl<'a> Decimal<'a> {
    /// Parses `-?[0-9]+(.[0-9]+)?([eE][+-]?[0-9]+)?` and nothing else, so neither `NaN` nor `Infinity`.
    pub(crate) fn parse(text: &'a [u8]) -> Option<Self> {
        let unsigned = text.strip_prefix(b"-").unwrap_or(text);
        let (mantissa, exponent) = match unsigned.iter().position(|&b| b == b'e' || b == b'E') {
            Some(e) => (&unsigned[..e], exponent(&unsigned[e + 1..])?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = match mantissa.iter().position(|&b| b == b'.') {
            Some(point) => (&mantissa[..point], all_digits(&mantissa[point + 1..])?),
            None => (mantissa, &mantissa[..0]),
        };
        let whole = strip_zeros(all_digits(whole)?);
        let fraction_zeros = if whole.is_empty() { fraction.len() - strip_zeros(fraction).len() } else { 0 };
        let fraction = &fraction[fraction_zeros..];
        if whole.is_empty() && fraction.is_empty() {
            return Some(Self { negative: false, digits: (&[], &[]), magnitude: 0 });
        }
        let length = |n: usize| i64::try_from(n).unwrap_or(EXPONENT_MAX);
        let magnitude = length(whole.len()) - length(fraction_zeros) + exponent;
        // The magnitude itself is clamped because the canonical text contains it and must parse as the same
        // number.
        let magnitude = magnitude.clamp(-MAGNITUDE_MAX, MAGNITUDE_MAX);
        Some(Self { negative: text[0] == b'-', digits: (whole, fraction), magnitude })
    }

    fn digits(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.digits.0.iter().chain(self.digits.1).copied()
    }

    fn is_zero(&self) -> bool {
        self.digits.0.is_empty() && self.digits.1.is_empty()
    }

    /// Compares the numeric values exactly.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        let sign = |d: &Self| if d.is_zero() { 0 } else { 1 - 2 * i8::from(d.negative) };
        sign(self).cmp(&sign(other)).then_with(|| {
            let size = self.magnitude.cmp(&other.magnitude).then_with(|| self.compare_digits(other));
            if self.negative { size.reverse() } else { size }
        })
    }

    fn compare_digits(&self, other: &Self) -> Ordering {
        let (mut a, mut b) = (self.digits(), other.digits());
        loop {
            match (a.next(), b.next()) {
                (None, None) => return Ordering::Equal,
                (x, y) => match x.unwrap_or(b'0').cmp(&y.unwrap_or(b'0')) {
                    Ordering::Equal => {}
                    decided => return decided,
                },
            }
        }
    }

    /// Returns this number times ten to the power of `places`.
    pub(crate) fn shifted(&self, places: i64) -> Self {
        let is_zero = self.is_zero();
        let magnitude = (self.magnitude + places).clamp(-MAGNITUDE_MAX, MAGNITUDE_MAX);
        Self { magnitude: if is_zero { 0 } else { magnitude }, ..*self }
    }

    /// Returns this number of seconds in whole microseconds, rounded towards zero; `None` beyond +-10^12
    /// seconds.
    pub(crate) fn micros(&self) -> Option<i64> {
        if self.magnitude > 12 {
            return None;
        }
        let wanted = usize::try_from(self.magnitude + 6).unwrap_or(0);
        let digits = self.digits().chain(std::iter::repeat(b'0')).take(wanted);
        let size = digits.fold(0_i64, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        Some(if self.negative { -size } else { size })
    }

    /// Returns one text for each value: the plain digits where that is short, otherwise
    /// `<digits>e<exponent>`.
    pub(crate) fn canonical(&self) -> Vec<u8> {
        let mut digits = [self.digits.0, self.digits.1].concat();
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        if digits.is_empty() {
            return b"0".to_vec();
        }
        let mut text = if self.negative { b"-".to_vec() } else { Vec::new() };
        let count = i64::try_from(digits.len()).unwrap_or(EXPONENT_MAX);
        // Longer runs of zeros than this are written as an exponent.
        const ZEROS_MAX: i64 = 20;
        if self.magnitude >= count && self.magnitude - count <= ZEROS_MAX {
            text.extend_from_slice(&digits);
            text.extend((count..self.magnitude).map(|_| b'0'));
        } else if self.magnitude > 0 && self.magnitude < count {
            let point = usize::try_from(self.magnitude).unwrap_or(0);
            text.extend_from_slice(&digits[..point]);
            text.push(b'.');
            text.extend_from_slice(&digits[point..]);
        } else if self.magnitude <= 0 && self.magnitude > -ZEROS_MAX {
            text.extend_from_slice(b"0.");
            text.extend((self.magnitude..0).map(|_| b'0'));
            text.extend_from_slice(&digits);
        } else {
            text.extend_from_slice(&digits);
            text.extend_from_slice(format!("e{}", self.magnitude - count).as_bytes());
        }
        text
    }
}

fn all_digits(text: &[u8]) -> Option<&[u8]> {
    (!text.is_empty() && text.iter().all(u8::is_ascii_digit)).then_some(text)
}

fn strip_zeros(digits: &[u8]) -> &[u8] {
    &digits[digits.iter().take_while(|&&b| b == b'0').count()..]
}

fn exponent(text: &[u8]) -> Option<i64> {
    let negative = text.first() == Some(&b'-');
    let digits = all_digits(text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text))?;
    let size = digits.iter().fold(0_i64, |sum, digit| {
        sum.saturating_mul(10).saturating_add(i64::from(digit - b'0')).min(EXPONENT_MAX)
    });
    Some(if negative { -size } else { size })
}
