//! One statement of a policy: an effect on some actions on some resources, under conditions.

use super::{
    action::{self, Action},
    condition::Condition,
    error::{PolicyError, Problem},
    json::Json,
    template::{Reading, Template},
    variable::Variable,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// A statement; `actions` is empty when it speaks of none that the broker asks about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    pub effect: Effect,
    pub actions: Vec<Action>,
    pub resources: Vec<Template>,
    pub conditions: Vec<Condition>,
}

impl Statement {
    pub(super) fn parse(json: &Json, path: &str, variables: bool) -> Result<Self, PolicyError> {
        let (mut effect, mut actions, mut resources) = (None, None, None);
        let mut conditions = Vec::new();
        for (name, value) in json.object(path)? {
            let path = &format!("{path}.{name}");
            match name.as_str() {
                "Sid" => drop(value.text(path)?),
                "Effect" => effect = Some(parse_effect(value.text(path)?, path)?),
                "Action" => actions = Some(parse_actions(value, path)?),
                "Resource" => resources = Some(parse_resources(value, path, variables)?),
                "Condition" => conditions = Condition::parse_all(value, path, variables)?,
                other => return Err(Problem::UnknownMember(other.to_owned()).at(path)),
            }
        }
        let missing = |name| move || Problem::Missing(name).at(path);
        Ok(Self {
            effect: effect.ok_or_else(missing("Effect"))?,
            actions: actions.ok_or_else(missing("Action"))?,
            resources: resources.ok_or_else(missing("Resource"))?,
            conditions,
        })
    }
}

impl Statement {
    /// The variables that it draws on.
    pub(super) fn variables(&self) -> impl Iterator<Item = &Variable> {
        let of_conditions = self.conditions.iter().flat_map(Condition::variables);
        self.resources.iter().flat_map(Template::variables).chain(of_conditions)
    }
}

fn parse_effect(text: &str, path: &str) -> Result<Effect, PolicyError> {
    match text {
        "Allow" => Ok(Effect::Allow),
        "Deny" => Ok(Effect::Deny),
        other => Err(Problem::Effect(other.to_owned()).at(path)),
    }
}

fn parse_actions(json: &Json, path: &str) -> Result<Vec<Action>, PolicyError> {
    let mut all = Vec::new();
    for (entry, path) in json.entries(path)? {
        let named = action::named_by(entry.text(&path)?).map_err(|problem| problem.at(&path))?;
        all.extend(named.into_iter().filter(|action| !all.contains(action)).collect::<Vec<_>>());
    }
    Ok(all)
}

fn parse_resources(json: &Json, path: &str, variables: bool) -> Result<Vec<Template>, PolicyError> {
    let reading = Reading { wildcards: true, variables };
    let parse = |(entry, path): (&Json, String)| {
        let text = entry.text(&path)?;
        if !(text.starts_with("arn:") || text.starts_with(['*', '?'])) {
            return Err(Problem::Resource(text.to_owned()).at(&path));
        }
        Template::parse(text, reading).map_err(|problem| problem.at(&path))
    };
    json.entries(path)?.into_iter().map(parse).collect()
}
