//! The values of one column of a batch, as text. In: an Arrow array as the Parquet reader makes it. Out: cells.

use crate::ingest::account::Kind;
use crate::ingest::named::NamedCells;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray};
use arrow_schema::{DataType, TimeUnit};
use jiff::civil::date;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use std::fmt::Write as _;

/// How a value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Bytes,
    Truth,
    Integer,
    Unsigned,
    Float,
    Double,
    Day,
    /// Nanoseconds of one unit; with an offset, or in the zone of the config.
    Moment {
        unit: i64,
        zoned: bool,
    },
    Decimal {
        scale: i8,
    },
}

/// A column of a batch.
pub(super) struct Values {
    form: Form,
    array: ArrayRef,
    /// Where the list of each row begins and ends, if values are lists.
    lists: Option<ArrayRef>,
}

fn form_of(data_type: &DataType) -> Option<Form> {
    let form = |known: &DataType, form: Form| (data_type == known).then_some(form);
    let unit = |unit: &TimeUnit| match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    };
    if let DataType::Timestamp(resolution, zone) = data_type {
        return Some(Form::Moment { unit: unit(resolution), zoned: zone.is_some() });
    }
    if let DataType::Decimal128(_, scale) = data_type {
        return Some(Form::Decimal { scale: *scale });
    }
    let integers = [DataType::Int8, DataType::Int16, DataType::Int32, DataType::Int64];
    let unsigned = [DataType::UInt8, DataType::UInt16, DataType::UInt32, DataType::UInt64];
    let plain = [
        (DataType::Utf8, Form::Text),
        (DataType::Binary, Form::Bytes),
        (DataType::Boolean, Form::Truth),
        (DataType::Float32, Form::Float),
        (DataType::Float64, Form::Double),
        (DataType::Date32, Form::Day),
    ];
    let integers = integers.into_iter().map(|known| (known, Form::Integer));
    let unsigned = unsigned.into_iter().map(|known| (known, Form::Unsigned));
    integers.chain(unsigned).chain(plain).find_map(|(known, read_as)| form(&known, read_as))
}

/// The type of the values: that of the elements, if they are lists.
fn value_type(data_type: &DataType) -> &DataType {
    if let DataType::List(element) = data_type { element.data_type() } else { data_type }
}

impl Values {
    /// True for columns whose values have a text.
    pub fn can_read(data_type: &DataType) -> bool {
        form_of(value_type(data_type)).is_some()
    }

    /// The values of a column that can be read.
    pub fn of(column: &ArrayRef) -> Self {
        let form = form_of(value_type(column.data_type())).expect("other columns are not read");
        let lists = column.as_list_opt::<i32>();
        let array = widened(lists.map_or(column, |lists| lists.values()), form);
        Self { form, array, lists: lists.map(|_| column.clone()) }
    }

    /// Sets the cell of a row; a null is an empty cell.
    pub fn write(&self, row: usize, number: usize, cells: &mut NamedCells) {
        let is_null = self.lists.as_ref().unwrap_or(&self.array).is_null(row);
        if is_null {
            return;
        }
        let fault = match &self.lists {
            None => {
                let mut sound = true;
                cells.set(number, |text| sound = self.push(row, text));
                (!sound).then_some(Kind::InvalidUtf8)
            }
            Some(lists) => self.write_list(lists, row, number, cells),
        };
        if let Some(kind) = fault {
            cells.blame(kind, number);
        }
    }

    fn write_list(&self, lists: &ArrayRef, row: usize, number: usize, cells: &mut NamedCells) -> Option<Kind> {
        let offsets = lists.as_list::<i32>().value_offsets();
        let mut fault = None;
        let mut list = cells.list(number);
        for at in offsets[row] as usize..offsets[row + 1] as usize {
            if self.array.is_null(at) {
                fault = Some(Kind::BadList);
                continue;
            }
            list.element(|text| {
                if !self.push(at, text) {
                    fault = Some(Kind::InvalidUtf8);
                }
            });
        }
        list.close();
        fault
    }

    /// Appends a value that is not null; false when it is no text.
    fn push(&self, at: usize, text: &mut String) -> bool {
        let array = &self.array;
        let written = match self.form {
            Form::Text => text.write_str(array.as_string::<i32>().value(at)),
            Form::Bytes => {
                let bytes = array.as_binary::<i32>().value(at);
                text.push_str(&String::from_utf8_lossy(bytes));
                return std::str::from_utf8(bytes).is_ok();
            }
            Form::Truth => write!(text, "{}", array.as_boolean().value(at)),
            Form::Integer => write!(text, "{}", array.as_primitive::<Int64Type>().value(at)),
            Form::Unsigned => write!(text, "{}", array.as_primitive::<UInt64Type>().value(at)),
            Form::Float => write!(text, "{}", array.as_primitive::<Float32Type>().value(at)),
            Form::Double => write!(text, "{}", array.as_primitive::<Float64Type>().value(at)),
            Form::Day => push_day(array.as_primitive::<Int64Type>().value(at), text),
            Form::Moment { unit, zoned } => push_moment(array.as_primitive::<Int64Type>().value(at), unit, zoned, text),
            Form::Decimal { scale } => push_decimal(array.as_primitive::<Decimal128Type>().value(at), scale, text),
        };
        written.expect("writing to a string does not fail");
        true
    }
}

fn as_signed<T: ArrowPrimitiveType>(array: &ArrayRef) -> Option<ArrayRef>
where
    i64: From<T::Native>,
{
    let values: &PrimitiveArray<T> = array.as_primitive_opt()?;
    Some(std::sync::Arc::new(values.unary::<_, Int64Type>(i64::from)))
}

fn as_unsigned<T: ArrowPrimitiveType>(array: &ArrayRef) -> Option<ArrayRef>
where
    u64: From<T::Native>,
{
    let values: &PrimitiveArray<T> = array.as_primitive_opt()?;
    Some(std::sync::Arc::new(values.unary::<_, UInt64Type>(u64::from)))
}

/// All whole numbers with 64 bits.
fn widened(array: &ArrayRef, form: Form) -> ArrayRef {
    let wide = match form {
        Form::Integer => as_signed::<Int8Type>(array)
            .or_else(|| as_signed::<Int16Type>(array))
            .or_else(|| as_signed::<Int32Type>(array)),
        Form::Unsigned => as_unsigned::<UInt8Type>(array)
            .or_else(|| as_unsigned::<UInt16Type>(array))
            .or_else(|| as_unsigned::<UInt32Type>(array)),
        Form::Day => as_signed::<Date32Type>(array),
        Form::Moment { .. } => as_signed::<TimestampMillisecondType>(array)
            .or_else(|| as_signed::<TimestampMicrosecondType>(array))
            .or_else(|| as_signed::<TimestampNanosecondType>(array)),
        Form::Text | Form::Bytes | Form::Truth | Form::Float | Form::Double | Form::Decimal { .. } => None,
    };
    wide.unwrap_or_else(|| array.clone())
}

/// Days since 1970 as `2026-11-20`; the number itself where there is no such day.
fn push_day(days: i64, text: &mut String) -> std::fmt::Result {
    match date(1970, 1, 1).checked_add(days.days()) {
        Ok(day) => write!(text, "{day}"),
        Err(_) => write!(text, "{days}"),
    }
}

/// RFC 3339, with `Z` if the column says that values are moments; the number itself where there is no such time.
fn push_moment(value: i64, unit: i64, zoned: bool, text: &mut String) -> std::fmt::Result {
    match Timestamp::from_nanosecond(i128::from(value) * i128::from(unit)) {
        Ok(moment) if zoned => write!(text, "{moment}"),
        Ok(moment) => write!(text, "{}", TimeZone::UTC.to_datetime(moment)),
        Err(_) => write!(text, "{value}"),
    }
}

fn push_decimal(value: i128, scale: i8, text: &mut String) -> std::fmt::Result {
    let Ok(places @ 1..) = usize::try_from(scale) else { return write!(text, "{value}") };
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    write!(text, "{}{whole}.{fraction}", if value < 0 { "-" } else { "" })
}
