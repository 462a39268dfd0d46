//! The function `number(text)`: what implicit conversion of text means here. Text that is no finite number is NULL, so that
//! NaN comes from no cell.

use datafusion_common::Result;
use datafusion_common::arrow::array::{ArrayRef, AsArray, Float64Array};
use datafusion_common::arrow::datatypes::DataType;
use datafusion_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use std::sync::Arc;

/// The function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Number {
    signature: Signature,
}

impl Number {
    pub fn new() -> Self {
        Self { signature: Signature::exact(vec![DataType::Utf8], Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Number {
    fn name(&self) -> &str {
        "number"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [texts] = &ColumnarValue::values_to_arrays(&args.args)?[..] else { unreachable!("the signature has one") };
        let finite = |text: &str| text.trim().parse().ok().filter(|number: &f64| number.is_finite());
        let numbers: Float64Array = texts.as_string::<i32>().iter().map(|text| text.and_then(finite)).collect();
        Ok(ColumnarValue::Array(Arc::new(numbers) as ArrayRef))
    }
}
