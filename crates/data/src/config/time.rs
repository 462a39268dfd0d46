//! Times of rows: from the text of a cell to microseconds UTC. Days are those of the configured zone.

use super::TimeSection;
use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use twinspire_core::check::Faults;
use twinspire_core::interaction::NO_TIME;

/// How a time is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeFormat {
    /// A number of seconds, milliseconds or microseconds, by its size; else a date, with or without clock and offset.
    Auto,
    /// Units of so many microseconds since 1970-01-01 UTC; fractions are allowed.
    Epoch(i64),
    /// RFC 3339; a space in place of `T` is accepted.
    Rfc3339,
    /// Any integer; it only orders the rows.
    Order,
    /// A strptime pattern; without an offset in it, the zone decides.
    Pattern(String),
}

/// The checked time of a row.
#[derive(Debug, Clone)]
pub struct TimeSettings {
    column: String,
    format: TimeFormat,
    zone: TimeZone,
}

impl TimeFormat {
    /// Written form of [`TimeFormat::Order`].
    pub const ORDER: &'static str = "order";
}

impl TimeSettings {
    /// Checks the section, whose key is `key`; `None` after a fault.
    pub(crate) fn check(section: &TimeSection, key: &str, faults: &mut Faults) -> Option<Self> {
        faults.require(!section.column.is_empty(), &format!("{key}.column"), "", "a column name is needed");
        let format = parse_format(&section.format);
        if format.is_none() {
            let allowed =
                "allowed: auto, seconds, milliseconds, microseconds, rfc3339, order, or a strptime pattern with %";
            let hint = format!("twinspire config explain {key}.format");
            faults.push(format!("{key}.format"), &section.format, allowed, hint);
        }
        let zone = TimeZone::get(&section.zone);
        if zone.is_err() {
            let hint = "use `UTC` or a name such as `Europe/Berlin`";
            faults.push(format!("{key}.zone"), &section.zone, "not an IANA time zone", hint);
        }
        Some(Self { column: section.column.clone(), format: format?, zone: zone.ok()? })
    }

    /// The column.
    pub fn column(&self) -> &str {
        &self.column
    }

    /// How it is written.
    pub fn format(&self) -> &TimeFormat {
        &self.format
    }

    /// True when the values are real times, not only an order.
    pub fn has_days(&self) -> bool {
        self.format != TimeFormat::Order
    }

    /// The zone of days and of times without offset.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Microseconds UTC of a cell (`order`: the integer itself), or `None` when it is not a time.
    pub fn parse(&self, text: &str) -> Option<i64> {
        let text = text.trim();
        match &self.format {
            TimeFormat::Auto => self.parse_auto(text),
            TimeFormat::Epoch(unit) => parse_epoch(text, *unit),
            TimeFormat::Rfc3339 => text.parse::<Timestamp>().ok().map(Timestamp::as_microsecond),
            TimeFormat::Order => text.parse::<i64>().ok().filter(|&order| order != NO_TIME),
            TimeFormat::Pattern(pattern) => {
                let broken_down = strtime::parse(pattern, text).ok()?;
                if let Ok(timestamp) = broken_down.to_timestamp() {
                    return Some(timestamp.as_microsecond());
                }
                self.in_zone(broken_down.to_datetime().ok()?)
            }
        }
    }

    fn parse_auto(&self, text: &str) -> Option<i64> {
        if let Some(unit) = epoch_unit(text) {
            return parse_epoch(text, unit);
        }
        if let Ok(timestamp) = text.parse::<Timestamp>() {
            return Some(timestamp.as_microsecond());
        }
        self.in_zone(text.parse::<DateTime>().ok()?)
    }

    fn in_zone(&self, datetime: DateTime) -> Option<i64> {
        self.zone.to_timestamp(datetime).ok().map(Timestamp::as_microsecond)
    }
}

/// Microseconds UTC of the first moment of a day.
pub(crate) fn start_of_day(day: Date, zone: &TimeZone) -> Option<i64> {
    zone.to_timestamp(day.to_datetime(civil::Time::midnight())).ok().map(Timestamp::as_microsecond)
}

/// The day of a time.
pub(crate) fn day_of(micros: i64, zone: &TimeZone) -> Option<Date> {
    Timestamp::from_microsecond(micros).ok().map(|timestamp| zone.to_datetime(timestamp).date())
}

fn parse_format(text: &str) -> Option<TimeFormat> {
    Some(match text {
        "auto" => TimeFormat::Auto,
        "seconds" => TimeFormat::Epoch(1_000_000),
        "milliseconds" => TimeFormat::Epoch(1_000),
        "microseconds" => TimeFormat::Epoch(1),
        "rfc3339" => TimeFormat::Rfc3339,
        TimeFormat::ORDER => TimeFormat::Order,
        pattern if pattern.contains('%') => TimeFormat::Pattern(pattern.to_owned()),
        _ => return None,
    })
}

/// Microseconds in the unit of a number, by its digits before the point: up to 11 digits are seconds (year 5138), up
/// to 14 milliseconds, up to 17 microseconds. Eight digits or fewer, such as 20240131, are a date or nothing.
pub(crate) fn epoch_unit(text: &str) -> Option<i64> {
    let whole = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = whole.split_once('.').unwrap_or((whole, ""));
    let all_digits = whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    match whole.len() {
        9..=11 if all_digits => Some(1_000_000),
        12..=14 if all_digits => Some(1_000),
        15..=17 if all_digits => Some(1),
        _ => None,
    }
}

/// `unit` microseconds times the number; digits beyond the microsecond are cut off.
fn parse_epoch(text: &str, unit: i64) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let micros = whole.parse::<i64>().ok()?.checked_mul(unit)?;
    let mut parts = 0;
    let mut scale = unit;
    for byte in fraction.bytes() {
        if !byte.is_ascii_digit() {
            return None;
        }
        scale /= 10;
        parts += i64::from(byte - b'0') * scale;
    }
    let micros = micros.checked_add(if whole.starts_with('-') { -parts } else { parts })?;
    Timestamp::from_microsecond(micros).ok().map(Timestamp::as_microsecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(format: &str, zone: &str) -> TimeSettings {
        let section = TimeSection { column: "t".into(), format: format.into(), zone: zone.into() };
        TimeSettings::check(&section, "input.time", &mut Faults::default()).unwrap()
    }

    #[test]
    fn auto_reads_numbers_by_their_size() {
        let auto = times("auto", "UTC");
        for text in ["874724710", "874724710000", "874724710000000", " 874724710.0 "] {
            assert_eq!(auto.parse(text), Some(874_724_710_000_000), "{text}");
        }
        for text in ["", "12", "NaN", "8747247100000000000", "1e9", "874724710.x"] {
            assert_eq!(auto.parse(text), None, "{text}");
        }
    }

    #[test]
    fn auto_reads_dates_with_and_without_offset() {
        let shanghai = times("auto", "Asia/Shanghai");
        let midnight = 1_509_984_000_000_000;
        for text in
            ["2017-11-07 00:00:00", "2017-11-06T16:00:00Z", "2017-11-06 17:00:00.000+01:00", "2017-11-07", "20171107"]
        {
            assert_eq!(shanghai.parse(text), Some(midnight), "{text}");
        }
        assert_eq!(day_of(midnight, shanghai.zone()), Some(civil::date(2017, 11, 7)));
        assert_eq!(start_of_day(civil::date(2017, 11, 7), shanghai.zone()), Some(midnight));
        assert_eq!(shanghai.parse("2017-13-07 00:00:00"), None);
    }

    #[test]
    fn named_units_patterns_and_order() {
        assert_eq!(times("seconds", "UTC").parse("1.5"), Some(1_500_000));
        assert_eq!(times("seconds", "UTC").parse("-1.5"), Some(-1_500_000));
        assert_eq!(times("milliseconds", "UTC").parse("7"), Some(7_000));
        assert_eq!(times("seconds", "UTC").parse("9223372036854775807"), None);
        assert_eq!(times("%y%m%d%H", "UTC").parse("14102100"), Some(1_413_849_600_000_000));
        assert_eq!(times("%d.%m.%Y %H:%M %z", "UTC").parse("01.01.1970 01:00 +0100"), Some(0));
        assert_eq!(times("order", "UTC").parse("-3"), Some(-3));
        assert_eq!(times("order", "UTC").parse("1.5"), None);
        assert_eq!(times("rfc3339", "UTC").parse("1970-01-01T00:00:01Z"), Some(1_000_000));
        assert_eq!(times("rfc3339", "UTC").parse("1"), None);
    }
}
