//! The value of an expression.

use std::sync::Arc;

use super::{
    super::{
        error::RunError,
        function::{Call, Function, base64},
        number::Number,
        statement::{Expression, Prepared, Type},
        value::Value,
    },
    Run, Scope,
};

impl Run<'_> {
    pub(super) fn evaluate(
        &self,
        expression: &Expression,
        scope: &Scope<'_>,
    ) -> Result<Value, RunError> {
        self.spend(1)?;
        match expression {
            Expression::Null => Ok(Value::Null),
            Expression::Boolean(truth) => Ok((*truth).into()),
            Expression::Number(number) => Ok(number.clone().into()),
            Expression::Text(text) => Ok(Value::Text(Arc::clone(text))),
            Expression::Array(entries) => Ok(Value::array(self.all(entries, scope)?)),
            Expression::Object(members) => {
                let members = members
                    .iter()
                    .map(|(name, value)| Ok((Arc::clone(name), self.evaluate(value, scope)?)));
                Ok(Value::object(members.collect::<Result<Vec<_>, RunError>>()?))
            }
            Expression::Everything => Ok(scope.root.clone()),
            Expression::Name(name) => Ok(scope.lookup(name)),
            Expression::Path { of, names } => {
                let of = self.evaluate(of, scope)?;
                Ok(names.iter().fold(of, |value, name| value.member(name)))
            }
            Expression::Negated(of) => {
                let number = self.evaluate(of, scope)?.to_number();
                Ok(number.and_then(|number| Number::ZERO.subtract(&number)).into())
            }
            Expression::Not(of) => {
                Ok(self.evaluate(of, scope)?.to_boolean().map(|truth| !truth).into())
            }
            Expression::Chain { first, rest } => {
                let mut left = self.evaluate(first, scope)?;
                for (operator, operand) in rest {
                    let right = self.evaluate(operand, scope)?;
                    left = self.apply(*operator, &left, &right)?;
                }
                Ok(left)
            }
            Expression::Case { of, arms, otherwise } => {
                self.case(of, arms, otherwise.as_deref(), scope)
            }
            Expression::Cast { of, to } => {
                let of = self.evaluate(of, scope)?;
                if *to == Type::Text { Ok(self.text(&of)?.into()) } else { Ok(of.cast(*to)) }
            }
            Expression::Exists(query) => {
                let found = self.query(query, scope)?;
                Ok((!found.is_undefined() && found != Value::array(Vec::new())).into())
            }
            Expression::Query(query) => self.query(query, scope),
            Expression::Call { function, arguments, prepared } => {
                self.call(*function, arguments, prepared, scope)
            }
        }
    }

    fn all(&self, expressions: &[Expression], scope: &Scope<'_>) -> Result<Vec<Value>, RunError> {
        expressions.iter().map(|expression| self.evaluate(expression, scope)).collect()
    }

    fn case(
        &self,
        of: &Expression,
        arms: &[(Expression, Expression)],
        otherwise: Option<&Expression>,
        scope: &Scope<'_>,
    ) -> Result<Value, RunError> {
        let of = self.evaluate(of, scope)?;
        if of.is_undefined() {
            return Ok(Value::Undefined);
        }
        for (wanted, result) in arms {
            let wanted = self.evaluate(wanted, scope)?;
            if self.same(&wanted, &of)? {
                return self.evaluate(result, scope);
            }
        }
        otherwise.map_or(Ok(Value::Undefined), |result| self.evaluate(result, scope))
    }

    fn call(
        &self,
        function: Function,
        arguments: &[Expression],
        prepared: &Prepared,
        scope: &Scope<'_>,
    ) -> Result<Value, RunError> {
        // encode(*, …) of a message takes its payload whether or not it is JSON.
        if let (Some(Expression::Everything), None) = (arguments.first(), scope.outer) {
            let payload = self.message().payload;
            self.spend_bytes(payload.len())?;
            return Ok(base64(payload));
        }
        let arguments = self.all(arguments, scope)?;
        function.call(&Call { arguments: &arguments, prepared, run: self })
    }
}
