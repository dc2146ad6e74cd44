//! What the operators with two operands make of them.

use std::cmp::Ordering;

use super::{
    super::{error::RunError, number::Number, statement::Operator, value::Value},
    Run,
};

impl Run<'_> {
    pub(super) fn apply(
        &self,
        operator: Operator,
        left: &Value,
        right: &Value,
    ) -> Result<Value, RunError> {
        Ok(match operator {
            Operator::Or => logical(left, right, |a, b| a || b),
            Operator::And => logical(left, right, |a, b| a && b),
            Operator::Equal => self.equal(left, right)?.into(),
            Operator::NotEqual => self.equal(left, right)?.map(|equal| !equal).into(),
            Operator::Less => ordered(left, right, Ordering::is_lt),
            Operator::LessOrEqual => ordered(left, right, Ordering::is_le),
            Operator::Greater => ordered(left, right, Ordering::is_gt),
            Operator::GreaterOrEqual => ordered(left, right, Ordering::is_ge),
            Operator::In => self.contained(left, right)?,
            Operator::Add => self.plus(left, right)?,
            Operator::Subtract => calculated(left, right, Number::subtract),
            Operator::Multiply => calculated(left, right, Number::multiply),
            Operator::Divide => calculated(left, right, Number::divide),
            Operator::Remainder => calculated(left, right, Number::remainder),
        })
    }

    /// Texts are joined, with whatever is beside them; numbers are added.
    fn plus(&self, left: &Value, right: &Value) -> Result<Value, RunError> {
        let sum = match (left, right) {
            (Value::Number(a), Value::Number(b)) => return Ok(a.add(b).into()),
            (Value::Text(_), _) | (_, Value::Text(_)) => self.text(left)?.zip(self.text(right)?),
            _ => None,
        };
        let Some((a, b)) = sum else { return Ok(Value::Undefined) };
        self.spend_bytes(a.len() + b.len())?;
        Ok([&*a, &*b].concat().into())
    }

    /// Whether both are the same; nothing when either is Undefined. What is of different types
    /// differs.
    fn equal(&self, left: &Value, right: &Value) -> Result<Option<bool>, RunError> {
        let defined = !left.is_undefined() && !right.is_undefined();
        defined.then(|| self.same(left, right)).transpose()
    }

    fn contained(&self, left: &Value, right: &Value) -> Result<Value, RunError> {
        let Value::Array(entries) = right else { return Ok(Value::Undefined) };
        if left.is_undefined() {
            return Ok(Value::Undefined);
        }
        for entry in entries.iter() {
            if self.same(left, entry)? {
                return Ok(true.into());
            }
        }
        Ok(false.into())
    }

    /// Whether both are the same in type and content; each part looked at counts.
    pub(super) fn same(&self, left: &Value, right: &Value) -> Result<bool, RunError> {
        self.spend(1)?;
        match (left, right) {
            (Value::Array(a), Value::Array(b)) => {
                Ok(a.len() == b.len() && self.all_same(a.iter().zip(b.iter()))?)
            }
            (Value::Object(a), Value::Object(b)) => {
                Ok(a.keys().eq(b.keys()) && self.all_same(a.values().zip(b.values()))?)
            }
            (Value::Text(a), Value::Text(b)) => {
                self.spend_bytes(a.len().min(b.len()))?;
                Ok(a == b)
            }
            _ => Ok(left == right),
        }
    }

    fn all_same<'v>(
        &self,
        pairs: impl Iterator<Item = (&'v Value, &'v Value)>,
    ) -> Result<bool, RunError> {
        for (a, b) in pairs {
            if !self.same(a, b)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn logical(left: &Value, right: &Value, join: fn(bool, bool) -> bool) -> Value {
    left.to_boolean().zip(right.to_boolean()).map(|(a, b)| join(a, b)).into()
}

fn ordered(left: &Value, right: &Value, wanted: fn(Ordering) -> bool) -> Value {
    let numbers = left.to_number().zip(right.to_number());
    numbers.and_then(|(a, b)| a.partial_cmp(&b)).map(wanted).into()
}

fn calculated(
    left: &Value,
    right: &Value,
    calculate: fn(&Number, &Number) -> Option<Number>,
) -> Value {
    left.to_number().zip(right.to_number()).and_then(|(a, b)| calculate(&a, &b)).into()
}
