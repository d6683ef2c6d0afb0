//! Reading the columns of a row. A missing column or another type than asked for is an error, never a panic.

use std::sync::Arc;

use crate::{StoreError, Value};

/// One row of an answer: values with shared column names.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    names: Arc<[String]>,
    values: Vec<Value>,
}

/// How a column is pointed at: by position (from 0) or by name.
pub trait ColumnRef: Copy + std::fmt::Display {
    /// Position of the column among `names`.
    fn position(self, names: &[String]) -> Option<usize>;
}

impl ColumnRef for usize {
    fn position(self, names: &[String]) -> Option<usize> {
        (self < names.len()).then_some(self)
    }
}

impl ColumnRef for &str {
    fn position(self, names: &[String]) -> Option<usize> {
        names.iter().position(|name| name == self)
    }
}

/// A Rust type that a column can be read as.
pub trait FromValue<'r>: Sized {
    /// What the type is called in an error message.
    const EXPECTED: &'static str;

    /// The value as this type, or `None` when it is of another kind.
    fn from_value(value: &'r Value) -> Option<Self>;
}

macro_rules! from_value {
    ($($to:ty, $expected:literal, $pattern:pat => $result:expr;)*) => {$(
        impl<'r> FromValue<'r> for $to {
            const EXPECTED: &'static str = $expected;
            fn from_value(value: &'r Value) -> Option<Self> {
                match value { $pattern => $result, _ => None }
            }
        }
    )*};
}

from_value! {
    &'r str, "text", Value::Text(text) => Some(text.as_str());
    String, "text", Value::Text(text) => Some(text.clone());
    &'r [u8], "bytes", Value::Bytes(bytes) => Some(bytes.as_slice());
    Vec<u8>, "bytes", Value::Bytes(bytes) => Some(bytes.clone());
    i64, "integer", Value::Int(int) => Some(*int);
    i32, "32-bit integer", Value::Int(int) => (*int).try_into().ok();
    u8, "integer from 0 to 255", Value::Int(int) => (*int).try_into().ok();
    u16, "integer from 0 to 65535", Value::Int(int) => (*int).try_into().ok();
    u32, "32-bit integer from 0", Value::Int(int) => (*int).try_into().ok();
    u64, "integer from 0", Value::Int(int) => (*int).try_into().ok();
    usize, "integer from 0", Value::Int(int) => (*int).try_into().ok();
}

impl FromValue<'_> for bool {
    const EXPECTED: &'static str = "0 or 1";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Int(0) => Some(false),
            Value::Int(1) => Some(true),
            _ => None,
        }
    }
}

impl FromValue<'_> for f64 {
    const EXPECTED: &'static str = "number";

    #[expect(clippy::cast_precision_loss, reason = "whoever reads an integer column as a float accepts rounding")]
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Float(float) => Some(*float),
            Value::Int(int) => Some(*int as Self),
            _ => None,
        }
    }
}

impl<'r, T: FromValue<'r>> FromValue<'r> for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_value(value: &'r Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            other => T::from_value(other).map(Some),
        }
    }
}

impl Row {
    pub(crate) fn new(names: Arc<[String]>, values: Vec<Value>) -> Self {
        Self { names, values }
    }

    /// The raw value of a column.
    ///
    /// # Errors
    /// [`StoreError::Type`] when the answer has no such column.
    pub fn value(&self, column: impl ColumnRef) -> Result<&Value, StoreError> {
        column
            .position(&self.names)
            .and_then(|position| self.values.get(position))
            .ok_or_else(|| StoreError::type_mismatch(format!("no column {column} among {:?}", self.names)))
    }

    /// A column as the type the caller asks for; `Option<T>` accepts `NULL`, `&str` and `&[u8]` borrow from the row.
    ///
    /// # Errors
    /// [`StoreError::Type`] when there is no such column or it holds another type.
    pub fn get<'r, T: FromValue<'r>>(&'r self, column: impl ColumnRef) -> Result<T, StoreError> {
        let value = self.value(column)?;
        T::from_value(value).ok_or_else(|| {
            StoreError::type_mismatch(format!("column {column} is {}, expected {}", value.kind(), T::EXPECTED))
        })
    }
}

macro_rules! shorthand {
    ($($(#[doc = $doc:literal])* $name:ident -> $type:ty;)*) => {
        /// Short names for the types in daily use; all fail with [`StoreError::Type`] as [`Row::get`] does.
        impl Row {$(
            $(#[doc = $doc])*
            ///
            /// # Errors
            /// [`StoreError::Type`].
            pub fn $name(&self, column: impl ColumnRef) -> Result<$type, StoreError> {
                self.get(column)
            }
        )*}
    };
}

shorthand! {
    /// A text column.
    text -> String;
    /// A text column or `NULL`.
    opt_text -> Option<String>;
    /// An integer column.
    int -> i64;
    /// An integer column or `NULL`.
    opt_int -> Option<i64>;
    /// An integer column that holds 0 or 1.
    bool -> bool;
    /// An integer column that holds 0, 1 or `NULL`.
    opt_bool -> Option<bool>;
    /// A number.
    float -> f64;
    /// A number or `NULL`.
    opt_float -> Option<f64>;
    /// A byte column.
    bytes -> Vec<u8>;
    /// A byte column or `NULL`.
    opt_bytes -> Option<Vec<u8>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        let names: Vec<String> = ["id", "name", "gone"].map(str::to_owned).into();
        Row::new(names.into(), vec![Value::Int(300), Value::Text("Hà Giang".into()), Value::Null])
    }

    #[test]
    fn columns_are_read_by_position_and_name() {
        assert_eq!(row().int(0).unwrap(), 300);
        assert_eq!(row().text("name").unwrap(), "Hà Giang");
        assert_eq!(row().get::<&str>(1).unwrap(), "Hà Giang");
        assert_eq!(row().opt_text("gone").unwrap(), None);
        assert_eq!(row().opt_int("id").unwrap(), Some(300));
        assert!((row().float("id").unwrap() - 300.0).abs() < f64::EPSILON);
    }

    #[test]
    fn wrong_columns_and_types_are_errors_that_hide_the_content() {
        assert!(matches!(row().int("missing"), Err(StoreError::Type { .. })));
        assert!(matches!(row().int(3), Err(StoreError::Type { .. })));
        assert!(matches!(row().get::<u8>("id"), Err(StoreError::Type { .. })), "300 is no u8");
        assert!(matches!(row().bool("id"), Err(StoreError::Type { .. })), "300 is no truth value");
        assert!(matches!(row().text("gone"), Err(StoreError::Type { .. })), "null is no text");
        let message = row().int("name").unwrap_err().to_string();
        assert_eq!(message, "type mismatch: column name is text, expected integer");
    }
}
