//! An action whose parameters were understood: from what a rule made of a message to what is to
//! be delivered.

use super::{
    Action, Delivery, File, Http, HttpHeader, Lambda, MAX_HTTP_HEADERS, MAX_URL_LEN, MessageFormat,
    Republish, Sns,
    delivery::{Batching, HttpPost, Payload, Republication, SigningRole},
    headers::ReadyHeaders,
};
use crate::rule::{Incoming, RuleInvalid, RunError, Template, failure::Failure};

/// The longest name of a file.
const MAX_NAME_LEN: usize = 128;
/// Fields that are the transport's own or the signature's.
const NOT_TO_BE_SET: [&str; 8] = [
    "host",
    "content-length",
    "connection",
    "transfer-encoding",
    "upgrade",
    "authorization",
    "te",
    "trailer",
];

/// An action, ready to be filled in.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::rule) enum ReadyAction {
    Republish {
        topic: Template,
        at_least_once: bool,
        headers: ReadyHeaders,
    },
    Http {
        url: Template,
        headers: Vec<(String, Template)>,
        signing: Option<SigningRole>,
        batching: Batching,
    },
    Sns {
        target_arn: Template,
        format: MessageFormat,
    },
    Lambda {
        function_arn: String,
    },
    File {
        name: Template,
    },
    Stdout,
}

/// A parameter that comes out of a message as none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It could not be worked out.
    #[error(transparent)]
    Run(#[from] RunError),
    /// It was, and is not what it must be.
    #[error("{member}: {problem}")]
    Member {
        /// The action's member.
        member: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

impl Unusable {
    pub(super) const fn new(member: &'static str, problem: String) -> Self {
        Self::Member { member, problem }
    }
}

/// Understands the template that a member has.
pub(super) fn parsed(member: &str, text: &str) -> Result<Template, RuleInvalid> {
    Template::parse(text).map_err(|error| RuleInvalid::Template { member: member.into(), error })
}

/// A template's text for a message.
pub(super) fn filled(template: &Template, incoming: &Incoming<'_>) -> Result<String, Unusable> {
    Ok(template.fill(incoming)?)
}

impl ReadyAction {
    /// Understands an action.
    pub(in crate::rule) fn of(action: &Action) -> Result<Self, RuleInvalid> {
        match action {
            Action::Republish(it) => republish(it),
            Action::Http(it) => http(it),
            Action::Sns(Sns { target_arn, message_format, .. }) => Ok(Self::Sns {
                target_arn: parsed("sns.targetArn", target_arn)?,
                format: message_format.unwrap_or(MessageFormat::Raw),
            }),
            Action::Lambda(Lambda { function_arn }) => {
                check_function(function_arn)?;
                Ok(Self::Lambda { function_arn: function_arn.clone() })
            }
            Action::File(File { name }) => {
                let name = parsed("file.name", name)?;
                if let Some(fixed) = name.fixed() {
                    check_file_name(fixed).map_err(|it| RuleInvalid::Member(it.to_string()))?;
                }
                Ok(Self::File { name })
            }
            Action::Stdout(_) => Ok(Self::Stdout),
        }
    }

    /// The topic that it republishes to.
    pub(in crate::rule) const fn republishes_to(&self) -> Option<&Template> {
        match self {
            Self::Republish { topic, .. } => Some(topic),
            Self::Http { .. }
            | Self::Sns { .. }
            | Self::Lambda { .. }
            | Self::File { .. }
            | Self::Stdout => None,
        }
    }

    /// The ARN of the notice topic that it publishes to.
    pub(in crate::rule) const fn notifies(&self) -> Option<&Template> {
        match self {
            Self::Sns { target_arn, .. } => Some(target_arn),
            Self::Republish { .. }
            | Self::Http { .. }
            | Self::Lambda { .. }
            | Self::File { .. }
            | Self::Stdout => None,
        }
    }

    /// That it could not be filled in.
    pub(in crate::rule) fn failure(&self, why: &Unusable) -> Failure {
        let (failed_action, resource) = match self {
            Self::Republish { topic, .. } => ("RepublishAction", topic.to_string()),
            Self::Http { url, .. } => ("HttpAction", url.to_string()),
            Self::Sns { target_arn, .. } => ("SnsAction", target_arn.to_string()),
            Self::Lambda { function_arn } => ("LambdaAction", function_arn.clone()),
            Self::File { name } => ("FileAction", name.to_string()),
            Self::Stdout => ("StdoutAction", "stdout".to_owned()),
        };
        Failure { failed_action, failed_resource: resource, error_message: why.to_string() }
    }

    /// What is to be delivered of `payload`, which a rule made of `incoming`.
    ///
    /// # Errors
    /// [`Unusable`] when a parameter comes out as none.
    pub(in crate::rule) fn fill(
        &self,
        incoming: &Incoming<'_>,
        payload: &Payload,
    ) -> Result<Delivery, Unusable> {
        let payload = payload.clone();
        Ok(match self {
            Self::Republish { topic, at_least_once, headers } => {
                let (topic, headers) = (filled(topic, incoming)?, headers.fill(incoming)?);
                let topic = topic_of(topic)?;
                let at_least_once = *at_least_once;
                Delivery::Republish(Republication { topic, at_least_once, headers, payload })
            }
            Self::Http { url, headers, signing, batching } => {
                let field = |(name, value): &(String, Template)| {
                    Ok((name.clone(), filled(value, incoming)?))
                };
                let headers = headers.iter().map(field).collect::<Result<_, Unusable>>()?;
                let (url, signing) = (filled(url, incoming)?, signing.clone());
                let batching = *batching;
                Delivery::Http(HttpPost { url, headers, signing, batching, payload })
            }
            Self::Sns { target_arn, format } => {
                let target_arn = filled(target_arn, incoming)?;
                Delivery::Sns { target_arn, format: *format, payload }
            }
            Self::Lambda { function_arn } => {
                Delivery::Lambda { function_arn: function_arn.clone(), payload }
            }
            Self::File { name } => {
                let name = filled(name, incoming)?;
                check_file_name(&name)?;
                Delivery::File { name, payload }
            }
            Self::Stdout => Delivery::Stdout { payload },
        })
    }
}

fn republish(it: &Republish) -> Result<ReadyAction, RuleInvalid> {
    let topic = parsed("republish.topic", &it.topic)?;
    if let Some(fixed) = topic.fixed() {
        topic_of(fixed.to_owned()).map_err(|it| RuleInvalid::Member(it.to_string()))?;
    }
    let at_least_once = match it.qos {
        None | Some(0) => false,
        Some(1) => true,
        Some(other) => {
            return Err(RuleInvalid::Member(format!("republish.qos: {other} is neither 0 nor 1")));
        }
    };
    let headers = it.headers.as_ref().map(|it| it.ready()).transpose()?.unwrap_or_default();
    Ok(ReadyAction::Republish { topic, at_least_once, headers })
}

/// The topic that a filled-in text means.
fn topic_of(text: String) -> Result<String, Unusable> {
    let topic = text.strip_prefix('$').filter(|it| it.starts_with('$')).map(str::to_owned);
    let topic = topic.unwrap_or(text);
    let wrong = |error| Unusable::new("republish.topic", format!("{topic:?}: {error}"));
    crate::topic::check_name(&topic).map_err(wrong)?;
    Ok(topic)
}

fn http(it: &Http) -> Result<ReadyAction, RuleInvalid> {
    let invalid = |problem: String| Err(RuleInvalid::Member(problem));
    for (member, url) in [("url", it.url.as_str()), ("confirmationUrl", it.confirmation_url())] {
        if !url.starts_with("https://") || url.len() > MAX_URL_LEN {
            return invalid(format!(
                "http.{member}: it must begin with https:// and have at most {MAX_URL_LEN} bytes"
            ));
        }
    }
    if it.url.contains("${") && it.confirmation_url.is_none() {
        let problem = "http.confirmationUrl: it must be given when url has a template in it";
        return invalid(problem.to_owned());
    }
    if it.headers.len() > MAX_HTTP_HEADERS {
        return invalid(format!("http.headers: at most {MAX_HTTP_HEADERS}"));
    }
    let signing = it.auth.as_ref().map(|auth| SigningRole {
        region: auth.sigv4.signing_region.clone(),
        service: auth.sigv4.service_name.clone(),
        role_arn: auth.sigv4.role_arn.clone(),
    });
    let headers = it.headers.iter().map(field).collect::<Result<_, _>>()?;
    let batching = it.batching()?;
    Ok(ReadyAction::Http { url: parsed("http.url", &it.url)?, headers, signing, batching })
}

fn field(it: &HttpHeader) -> Result<(String, Template), RuleInvalid> {
    let name = it.key.to_ascii_lowercase();
    // RFC 9110 §5.6.2, token.
    let is_token = !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c));
    if !is_token {
        return Err(RuleInvalid::Member(format!("http.headers: {:?} is no field name", it.key)));
    }
    if NOT_TO_BE_SET.contains(&name.as_str()) || name.starts_with("x-amz-") {
        let problem = format!("http.headers: {:?} is set by the server itself", it.key);
        return Err(RuleInvalid::Member(problem));
    }
    Ok((name, parsed("http.headers", &it.value)?))
}

/// `arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME`, with `:VERSION` if need be.
fn check_function(arn: &str) -> Result<(), RuleInvalid> {
    let parts: Vec<&str> = arn.split(':').collect();
    let is_function = matches!(
        parts.as_slice(),
        ["arn", _, "lambda", _, _, "function", _] | ["arn", _, "lambda", _, _, "function", _, _]
    );
    let is_plain = |part: &&str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_$".contains(c))
    };
    if is_function && parts.iter().all(is_plain) && arn.len() <= 256 {
        return Ok(());
    }
    let problem = "lambda.functionArn: arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME, \
                   with :VERSION if need be, is expected";
    Err(RuleInvalid::Member(problem.to_owned()))
}

/// A name that leads nowhere else.
fn check_file_name(name: &str) -> Result<(), Unusable> {
    let fits = (1..=MAX_NAME_LEN).contains(&name.len())
        && !name.starts_with('.')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if fits {
        return Ok(());
    }
    let problem = format!(
        "{name:?}: use 1 to {MAX_NAME_LEN} letters, digits and any of . _ -, not beginning with ."
    );
    Err(Unusable::new("file.name", problem))
}
