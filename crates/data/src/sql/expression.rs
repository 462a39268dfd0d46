//! The values of a planned expression, for many rows at once.

use super::plan::{Planned, plan, shown};
use datafusion_common::arrow::array::{
    ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringArray, new_null_array,
};
use datafusion_common::arrow::compute::{can_cast_types, cast};
use datafusion_common::arrow::datatypes::{DataType, Schema};
use datafusion_common::{DataFusionError, Result as Evaluated};
use datafusion_physical_expr::PhysicalExpr;
use std::ops::Range;
use std::sync::Arc;

/// Rows that are evaluated at once.
const BLOCK: usize = 8_192;

/// Longest text of a computed cell.
const MOST_BYTES: usize = 4_096;

/// An expression that can be evaluated.
#[derive(Debug, Clone)]
pub(crate) struct Expression {
    columns: Vec<String>,
    schema: Arc<Schema>,
    expression: Arc<dyn PhysicalExpr>,
    result: DataType,
}

/// The cell of a column (a number of [`Expression::columns`]) in a row; `None` where it is empty.
type Cells<'c, 'a> = &'c dyn Fn(usize, usize) -> Option<&'a str>;

impl Expression {
    /// An expression that is true or false.
    ///
    /// # Errors
    /// Why the text is none, for people.
    pub fn predicate(text: &str) -> Result<Self, String> {
        let Planned { columns, schema, expression, result } = plan(text).map_err(|error| shown(&error))?;
        if result != DataType::Boolean {
            return Err(format!("it has the type {result}, and must be true or false"));
        }
        Ok(Self { columns, schema, expression, result })
    }

    /// An expression whose values are texts or numbers.
    ///
    /// # Errors
    /// Why the text is none, for people.
    pub fn value(text: &str) -> Result<Self, String> {
        let Planned { columns, schema, expression, result } = plan(text).map_err(|error| shown(&error))?;
        let is_plain = result.is_numeric()
            || result.is_temporal()
            || [DataType::Boolean, DataType::Utf8, DataType::Utf8View].contains(&result);
        if !is_plain || !can_cast_types(&result, &DataType::Utf8) {
            return Err(format!("it has the type {result}, which is no text and no number"));
        }
        Ok(Self { columns, schema, expression, result })
    }

    /// True where its values are numbers.
    pub fn is_number(&self) -> bool {
        self.result.is_numeric()
    }

    /// The columns that it names, each once.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// For each of `rows` rows, whether it is true; NULL and a failure are not.
    pub fn are_true<'a>(&self, rows: usize, cells: Cells<'_, 'a>) -> Vec<bool> {
        let mut all = Vec::with_capacity(rows);
        for start in (0..rows).step_by(BLOCK) {
            self.each(start..(start + BLOCK).min(rows), cells, &mut |values| {
                all.extend(values.as_boolean().iter().map(|value| value == Some(true)));
            });
        }
        all
    }

    /// For each of `rows` rows, its value as a cell: NULL, a failure, what is no finite number, and text that is empty or
    /// above 4 KiB are an empty cell.
    pub fn texts<'a>(&self, rows: usize, cells: Cells<'_, 'a>) -> Vec<Option<String>> {
        let mut all = Vec::with_capacity(rows);
        for start in (0..rows).step_by(BLOCK) {
            self.each(start..(start + BLOCK).min(rows), cells, &mut |values| {
                let texts = cast(values, &DataType::Utf8).expect("it was checked that values have texts");
                let is_number = self.is_number();
                let stays = |text: &&str| {
                    let fits = !text.is_empty() && text.len() <= MOST_BYTES;
                    fits && (!is_number || text.parse().is_ok_and(f64::is_finite))
                };
                all.extend(texts.as_string::<i32>().iter().map(|text| text.filter(stays).map(str::to_owned)));
            });
        }
        all
    }

    /// Hands on the values of a range of rows, in pieces. A row that fails has NULL.
    fn each<'a>(&self, rows: Range<usize>, cells: Cells<'_, 'a>, take: &mut dyn FnMut(&ArrayRef)) {
        match self.values(rows.clone(), cells) {
            Ok(values) => take(&values),
            Err(_) if rows.len() == 1 => take(&new_null_array(&self.result, 1)),
            Err(_) => {
                let middle = rows.start + rows.len() / 2;
                self.each(rows.start..middle, cells, take);
                self.each(middle..rows.end, cells, take);
            }
        }
    }

    fn values<'a>(&self, rows: Range<usize>, cells: Cells<'_, 'a>) -> Evaluated<ArrayRef> {
        let column = |number| Arc::new(rows.clone().map(|row| cells(number, row)).collect::<StringArray>()) as ArrayRef;
        let columns = (0..self.columns.len()).map(column).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map_err(DataFusionError::from)?;
        self.expression.evaluate(&batch)?.into_array(rows.len())
    }
}
