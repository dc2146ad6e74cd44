//! Calls of functions: that there is such a function, its arguments, and what is made of literal
//! ones once and for all.

use super::{
    super::{
        error::SqlError,
        function::{self, Function},
        statement::{Expression, Prepared, Regex},
        time::Layout,
    },
    Parser,
};

impl Parser<'_> {
    /// `name(…)`, from the name on.
    pub(super) fn call(&mut self, name: &str) -> Result<Expression, SqlError> {
        let Some(function) = Function::named(name) else {
            return Err(self.problem(match function::refusal(name) {
                Some(why) => format!("{name}() is not offered here: {why}"),
                None => format!("there is no function {name}()"),
            }));
        };
        let start = self.current.start;
        self.advance()?;
        self.symbol("(")?;
        let mut places = Vec::new();
        let arguments = self.list(")", |parser| {
            places.push(parser.current.start);
            parser.argument(function, places.len())
        })?;
        if !function.arity().contains(&arguments.len()) {
            let problem = format!("{} takes {}", function.name(), function.arguments());
            return Err(SqlError::at(self.text, start, problem));
        }
        let prepared = prepare(function, &arguments).map_err(|(argument, problem)| {
            SqlError::at(self.text, places.get(argument).copied().unwrap_or(start), problem)
        })?;
        Ok(Expression::Call { function, arguments, prepared })
    }

    fn argument(&mut self, function: Function, position: usize) -> Result<Expression, SqlError> {
        let may_be_everything = function.name() == "encode" && position == 1;
        if may_be_everything && self.skip("*")? {
            return Ok(Expression::Everything);
        }
        self.expression()
    }
}

/// What the literal arguments are made into, or which of them is wrong.
fn prepare(function: Function, arguments: &[Expression]) -> Result<Prepared, (usize, String)> {
    let literal = |index: usize| match arguments.get(index) {
        Some(Expression::Text(text)) => Some(text),
        _ => None,
    };
    match function.pattern() {
        Some(function::Pattern::Regex(index)) => {
            literal(index).map_or(Ok(Prepared::Nothing), |text| {
                let compiled = Regex::compile(text).map_err(|problem| (index, problem))?;
                Ok(Prepared::Regex(compiled))
            })
        }
        Some(function::Pattern::Layout(index, dialect)) => {
            literal(index).map_or(Ok(Prepared::Nothing), |text| {
                let layout = Layout::parse(text, dialect).map_err(|problem| (index, problem))?;
                Ok(Prepared::Layout(layout))
            })
        }
        Some(function::Pattern::Base64(index)) => {
            if literal(index).is_some_and(|scheme| scheme.eq_ignore_ascii_case("base64")) {
                return Ok(Prepared::Nothing);
            }
            Err((index, "expected 'base64', the only scheme there is".to_owned()))
        }
        None => Ok(Prepared::Nothing),
    }
}
