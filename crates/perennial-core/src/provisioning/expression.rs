//! Expressions: texts that are made of parameters.

use std::collections::BTreeMap;

use super::{TemplateError, node::Node};

/// The most functions within functions.
const MAX_DEPTH: usize = 16;
/// The longest text that may come out, in bytes, so that doubling again and again comes to an end.
const MAX_TEXT: usize = 16 * 1024;

/// What expressions are made of.
pub(super) struct Scope<'a> {
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) mappings: Option<Node<'a>>,
}

impl Scope<'_> {
    /// The text that a node says, as it is or by a function.
    pub(super) fn text(&self, node: &Node<'_>) -> Result<String, TemplateError> {
        self.text_at(node, 0)
    }

    fn text_at(&self, node: &Node<'_>, depth: usize) -> Result<String, TemplateError> {
        if let Some(text) = node.value.as_str() {
            return Ok(text.to_owned());
        }
        if depth == MAX_DEPTH {
            return Err(node.wrong("there are too many functions within functions"));
        }
        let (name, argument) = function(node)?;
        let text = match name {
            "Ref" => self.parameter(&argument, argument.text()?)?,
            "Fn::Join" => self.join(&argument, depth + 1)?,
            "Fn::Select" => self.select(&argument, depth + 1)?,
            "Fn::Sub" => self.substitute(&argument, depth + 1)?,
            "Fn::FindInMap" => self.find(&argument, depth + 1)?,
            other => return Err(node.wrong(format!("there is no function {other} of a text"))),
        };
        if text.len() > MAX_TEXT {
            return Err(node.wrong(format!("it comes out longer than {MAX_TEXT} bytes")));
        }
        Ok(text)
    }

    fn parameter(&self, node: &Node<'_>, name: &str) -> Result<String, TemplateError> {
        let found = self.parameters.get(name).cloned();
        found.ok_or_else(|| node.wrong(format!("there is no parameter {name}")))
    }

    /// Texts: a list of expressions, or what is split.
    fn texts(&self, node: &Node<'_>, depth: usize) -> Result<Vec<String>, TemplateError> {
        if node.value.is_array() {
            return node.items()?.iter().map(|item| self.text_at(item, depth)).collect();
        }
        let ("Fn::Split", argument) = function(node)? else {
            return Err(node.wrong("a list, or Fn::Split, is expected"));
        };
        let [separator, text] = argument.exactly()?;
        let between = separator.text()?;
        if between.is_empty() {
            return Err(separator.wrong("nothing cannot be split at"));
        }
        let text = self.text_at(&text, depth)?;
        Ok(text.split(between).map(str::to_owned).collect())
    }

    fn join(&self, node: &Node<'_>, depth: usize) -> Result<String, TemplateError> {
        let [between, texts] = node.exactly()?;
        Ok(self.texts(&texts, depth)?.join(between.text()?))
    }

    fn select(&self, node: &Node<'_>, depth: usize) -> Result<String, TemplateError> {
        let [index, texts] = node.exactly()?;
        let number = match index.value.as_u64() {
            Some(number) => usize::try_from(number).ok(),
            None => self.text_at(&index, depth)?.parse().ok(),
        };
        let number = number.ok_or_else(|| index.wrong("an index, from 0 on, is expected"))?;
        let texts = self.texts(&texts, depth)?;
        let count = texts.len();
        let selected = texts.into_iter().nth(number);
        selected.ok_or_else(|| node.wrong(format!("there is no number {number} of {count}")))
    }

    fn find(&self, node: &Node<'_>, depth: usize) -> Result<String, TemplateError> {
        let keys: [Node<'_>; 3] = node.exactly()?;
        let none = || node.wrong("the template has no Mappings");
        let mut found = self.mappings.clone().ok_or_else(none)?;
        for key in keys {
            let name = self.text_at(&key, depth)?;
            found = found.needed(&name)?;
        }
        Ok(found.text()?.to_owned())
    }

    /// `${Name}` is a parameter, or a value of the second argument's; `${!Name}` is `${Name}`.
    fn substitute(&self, node: &Node<'_>, depth: usize) -> Result<String, TemplateError> {
        let (text, mut own) = (node.clone(), BTreeMap::new());
        let text = if node.value.is_array() {
            let [text, values] = node.exactly()?;
            for (name, value) in values.members()? {
                own.insert(name, self.text_at(&value, depth)?);
            }
            text
        } else {
            text
        };
        let (mut rest, mut out) = (text.text()?, String::new());
        while let Some((before, begun)) = rest.split_once("${") {
            out.push_str(before);
            let closed = begun.split_once('}');
            let (name, after) = closed.ok_or_else(|| text.wrong("`${` is not closed by `}`"))?;
            match (name.strip_prefix('!'), own.get(name)) {
                (Some(literal), _) => out.push_str(&format!("${{{literal}}}")),
                (None, Some(value)) => out.push_str(value),
                (None, None) => out.push_str(&self.parameter(&text, name)?),
            }
            if out.len() > MAX_TEXT {
                return Err(text.wrong(format!("it comes out longer than {MAX_TEXT} bytes")));
            }
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }
}

/// The one member of an object that stands for a function.
fn function<'a>(node: &Node<'a>) -> Result<(&'a str, Node<'a>), TemplateError> {
    let members = if node.value.is_object() { node.members()? } else { Vec::new() };
    let [one]: [_; 1] = members
        .try_into()
        .map_err(|_| node.wrong("a text, or one function such as Ref, is expected"))?;
    Ok(one)
}
