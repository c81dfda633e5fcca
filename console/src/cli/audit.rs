//! The arguments of `qadmin audit`.

use std::ffi::OsString;

use clap::Args;

/// Which entries of the audit stream.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// Only entries about this queue.
    #[arg(long, value_name = "QUEUE")]
    pub(crate) queue: Option<OsString>,
    /// Only entries of this Redis user.
    #[arg(long, visible_alias = "started-by", value_name = "NAME")]
    pub(crate) user: Option<OsString>,
    /// Only entries of this actor: who acted, as the record of the job says.
    #[arg(long, value_name = "NAME")]
    pub(crate) actor: Option<OsString>,
    /// Only entries of the last time, such as 90s, 30min, 2h or 7d, or since a day or a time of this machine: 2026-11-30,
    /// 2026-11-30T14:00.
    #[arg(long, value_name = "TIME", value_parser = since)]
    pub(crate) since: Option<Since>,
    /// Only these events, such as start, end, interrupted or show.
    #[arg(long, value_name = "EVENT", value_delimiter = ',')]
    pub(crate) event: Vec<String>,
    /// Maximum number of entries, 1 to 100,000.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) count: u32,
    /// Print CSV (RFC 4180) with all members. Texts that a spreadsheet would take for a formula begin with '.
    #[arg(long)]
    pub(crate) csv: bool,
}

/// The time of the first entry, Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Since(pub(crate) u64);

/// The time that a text means, such as 2h or 2026-11-30.
pub(crate) fn since(text: &str) -> Result<Since, String> {
    before(text, &jiff::ZonedDateTime::now())
}

/// The time that the text means at a moment.
fn before(text: &str, now: &jiff::ZonedDateTime) -> Result<Since, String> {
    let time = if let Ok(time) = text.parse::<jiff::Timestamp>() {
        Some(time)
    } else if let Ok(local) = text.parse::<jiff::civil::DateTime>() {
        local.to_zoned_datetime(now.time_zone().clone()).ok().map(|zoned| zoned.timestamp())
    } else {
        let span = text.parse::<jiff::Span>().ok().filter(jiff::Span::is_positive);
        span.and_then(|span| now.checked_sub(span).ok()).map(|zoned| zoned.timestamp())
    };
    let ms = time.and_then(|time| u64::try_from(time.as_millisecond()).ok());
    ms.map(Since).ok_or_else(|| "expected a span such as 2h or 7d, or a time such as 2026-11-30".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_days_and_times() {
        let now: jiff::ZonedDateTime = "2026-11-30T12:00:00[UTC]".parse().expect("a time");
        let at = |text: &str| before(text, &now).map(|since| since.0);
        let noon = 1_796_040_000_000;
        assert_eq!(at("90s"), Ok(noon - 90_000));
        assert_eq!(at("30min"), Ok(noon - 30 * 60_000));
        assert_eq!(at("2h"), Ok(noon - 7_200_000));
        assert_eq!(at("1h 30m"), Ok(noon - 5_400_000));
        assert_eq!(at("7d"), Ok(noon - 7 * 86_400_000));
        assert_eq!(at("2026-11-30"), Ok(noon - 43_200_000));
        assert_eq!(at("2026-11-30T11:00"), Ok(noon - 3_600_000));
        assert_eq!(at("2026-11-30T11:00:00+01:00"), Ok(noon - 7_200_000));
        for wrong in ["", "yesterday", "-2h", "2", "2026-13-01"] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
    }
}
