//! Values on PostgreSQL's wire. The server says which type a parameter or column has; we meet it half way, so that one
//! SQL text gives the same values as on SQLite: truth values are 0 and 1, the `NUMERIC` of `SUM(bigint)` is an integer.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::Value;

/// A value and a type that do not meet.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Mismatch(String);

fn mismatch<T>(what: String) -> Result<T, Box<dyn Error + Sync + Send>> {
    Err(Box::new(Mismatch(what)))
}

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let refuse = || mismatch(format!("a parameter is {}, the database expects {ty}", self.kind()));
        match self {
            Self::Null => return Ok(IsNull::Yes),
            Self::Int(int) => match *ty {
                Type::INT8 => out.put_i64(*int),
                Type::INT4 => match i32::try_from(*int) {
                    Ok(int) => out.put_i32(int),
                    Err(_) => return refuse(),
                },
                Type::INT2 => match i16::try_from(*int) {
                    Ok(int) => out.put_i16(int),
                    Err(_) => return refuse(),
                },
                Type::BOOL if matches!(int, 0 | 1) => out.put_u8(u8::from(*int == 1)),
                #[expect(clippy::cast_precision_loss, reason = "the statement asked for a float")]
                Type::FLOAT8 => out.put_f64(*int as f64),
                _ => return refuse(),
            },
            Self::Float(float) => match *ty {
                Type::FLOAT8 => out.put_f64(*float),
                #[expect(clippy::cast_possible_truncation, reason = "the statement asked for the shorter float")]
                Type::FLOAT4 => out.put_f32(*float as f32),
                _ => return refuse(),
            },
            Self::Text(text) => match *ty {
                Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::JSON => {
                    out.put_slice(text.as_bytes());
                }
                _ => return refuse(),
            },
            Self::Bytes(bytes) => match *ty {
                Type::BYTEA => out.put_slice(bytes),
                _ => return refuse(),
            },
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl<'r> FromSql<'r> for Value {
    fn from_sql(ty: &Type, raw: &'r [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(match *ty {
            Type::INT8 => Self::Int(i64::from_sql(ty, raw)?),
            Type::INT4 => Self::Int(i32::from_sql(ty, raw)?.into()),
            Type::INT2 => Self::Int(i16::from_sql(ty, raw)?.into()),
            Type::BOOL => Self::Int(bool::from_sql(ty, raw)?.into()),
            Type::FLOAT8 => Self::Float(f64::from_sql(ty, raw)?),
            Type::FLOAT4 => Self::Float(f32::from_sql(ty, raw)?.into()),
            Type::BYTEA => Self::Bytes(raw.to_vec()),
            Type::NUMERIC => match numeric(raw) {
                Some(value) => value,
                None => return mismatch("a numeric column holds no finite number".to_owned()),
            },
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::JSON => {
                Self::Text(String::from_sql(&Type::TEXT, raw)?)
            }
            _ => return mismatch(format!("a column is {ty}, which the portable subset does not have")),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Reads a `NUMERIC`: big-endian 16-bit digit count, weight of the first digit, sign and display scale, then digits in
/// base 10,000. Whole numbers that fit become integers.
fn numeric(raw: &[u8]) -> Option<Value> {
    let words: Vec<u16> = raw.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    let [count, weight, sign, _scale, digits @ ..] = words.as_slice() else { return None };
    let negative = match sign {
        0x0000 => false,
        0x4000 => true,
        _ => return None,
    };
    if digits.len() != usize::from(*count) {
        return None;
    }
    let weight = i32::from(weight.cast_signed());
    let exponents = (0..).map(|position| weight - position);
    let mut whole = Some(0_i128);
    let mut float = 0_f64;
    for (digit, exponent) in digits.iter().zip(exponents) {
        float += f64::from(*digit) * 10_000_f64.powi(exponent);
        let scale = u32::try_from(exponent).ok().and_then(|exponent| 10_000_i128.checked_pow(exponent));
        let part = scale.and_then(|scale| scale.checked_mul(i128::from(*digit)));
        whole = whole.zip(part).and_then(|(sum, part)| sum.checked_add(part));
    }
    let whole = whole.map(|sum| if negative { -sum } else { sum }).and_then(|sum| i64::try_from(sum).ok());
    Some(match whole {
        Some(int) => Value::Int(int),
        None => Value::Float(if negative { -float } else { float }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(weight: i16, sign: u16, digits: &[u16]) -> Option<Value> {
        let mut raw = Vec::new();
        for word in [u16::try_from(digits.len()).unwrap(), weight.cast_unsigned(), sign, 0].iter().chain(digits) {
            raw.extend(word.to_be_bytes());
        }
        numeric(&raw)
    }

    #[test]
    fn numerics_become_integers_when_whole() {
        assert_eq!(decode(0, 0, &[]), Some(Value::Int(0)));
        assert_eq!(decode(0, 0, &[42]), Some(Value::Int(42)));
        assert_eq!(decode(1, 0x4000, &[1, 2]), Some(Value::Int(-10_002)));
        assert_eq!(decode(2, 0, &[7]), Some(Value::Int(700_000_000)), "trailing zero digits are not sent");
        assert_eq!(decode(4, 0x4000, &[922, 3372, 368, 5477, 5808]), Some(Value::Int(i64::MIN)));
    }

    #[test]
    fn other_numerics_become_floats_or_nothing() {
        assert_eq!(decode(0, 0, &[1, 5000]), Some(Value::Float(1.5)));
        assert_eq!(decode(-1, 0x4000, &[2500]), Some(Value::Float(-0.25)));
        assert!(matches!(decode(5, 0, &[1]), Some(Value::Float(_))), "above i64");
        assert_eq!(decode(0, 0xC000, &[]), None, "not a number");
        assert_eq!(numeric(&[0, 1, 0]), None, "cut short");
    }
}
