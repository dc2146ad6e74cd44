//! Policy variables by name, and the values a connection gives them.
//!
//! Source: AWS IoT developer guide, "Basic policy variables", "Thing policy variables" and
//! "X.509 certificate policy variables". `iot:DomainName`, `iot:CertificateId` and the issuer's
//! alternative names are not known here; a document that uses them is refused.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use super::subject::{CertificateFacts, Subject, ThingFacts};

/// A longer certificate value is never substituted ("String length").
const MAX_VALUE_CHARS: usize = 1024;
/// Further values of one certificate attribute are ignored ("Array fields").
const MAX_VALUES: usize = 5;

const NAME_ATTRIBUTES: [&str; 13] = [
    "DistinguishedNameQualifier",
    "Country",
    "Organization",
    "OrganizationalUnit",
    "State",
    "CommonName",
    "SerialNumber",
    "Title",
    "Surname",
    "GivenName",
    "Initials",
    "Pseudonym",
    "GenerationQualifier",
];

/// An alternative name's kind as AWS writes it, and another name it goes by.
const ALTERNATIVE_NAMES: [(&str, &str); 5] = [
    ("RFC822Name", "EmailAddress"),
    ("DNSName", "DNS"),
    ("DirectoryName", "DN"),
    ("UniformResourceIdentifier", "URI"),
    ("IPAddress", "IP"),
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Variable {
    ClientId,
    SourceIp,
    IsAttached,
    ThingName,
    ThingTypeName,
    BillingGroupName,
    ThingAttribute(String),
    SerialNumber,
    AvailableKeys,
    /// An attribute of the certificate, and which of its values.
    Certificate(Field, Pick),
}

/// A many-valued attribute of a certificate, by its place in the list of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Subject(usize),
    Issuer(usize),
    SubjectAlternativeName(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pick {
    Nth(usize),
    All,
}

impl Variable {
    /// The variable called `name`; `None` when there is none.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "iot:ClientId" => Self::ClientId,
            "aws:SourceIp" => Self::SourceIp,
            "iot:Certificate.SerialNumber" => Self::SerialNumber,
            "iot:Certificate.AvailableKeys" | "iot:Certificate.AvailableKeys.List" => {
                Self::AvailableKeys
            }
            other => match other.strip_prefix("iot:Connection.Thing.") {
                Some(fact) => thing(fact)?,
                None => certificate(other.strip_prefix("iot:Certificate.")?)?,
            },
        })
    }

    /// Whether it is a list rather than one text.
    pub(super) fn is_many_valued(&self) -> bool {
        matches!(self, Self::AvailableKeys | Self::Certificate(_, Pick::All))
    }

    /// Its values for `subject`; none when it is not set.
    pub(super) fn values<'s>(&self, subject: &'s Subject) -> Vec<Cow<'s, str>> {
        let attached = subject.thing.as_ref().filter(|thing| thing.is_attached);
        let one: Option<Cow<'s, str>> = match self {
            Self::AvailableKeys => return available_keys(&subject.certificate),
            Self::Certificate(field, pick) => return picked(*field, *pick, &subject.certificate),
            Self::ClientId => Some(subject.client_id.as_str().into()),
            Self::SourceIp => subject.source_ip.map(|ip| ip.to_canonical().to_string().into()),
            Self::IsAttached => Some(if attached.is_some() { "true" } else { "false" }.into()),
            Self::SerialNumber => Some(subject.certificate.serial_number.as_str().into()),
            Self::ThingName
            | Self::ThingTypeName
            | Self::BillingGroupName
            | Self::ThingAttribute(_) => attached.and_then(|thing| self.of_thing(thing)),
        };
        one.filter(|value| !value.is_empty()).into_iter().collect()
    }

    fn of_thing<'s>(&self, thing: &'s ThingFacts) -> Option<Cow<'s, str>> {
        let value = match self {
            Self::ThingName => Some(thing.name.as_str()),
            Self::ThingTypeName => thing.type_name.as_deref(),
            Self::BillingGroupName => thing.billing_group.as_deref(),
            Self::ThingAttribute(name) => thing.attributes.get(name).map(String::as_str),
            Self::ClientId
            | Self::SourceIp
            | Self::IsAttached
            | Self::SerialNumber
            | Self::AvailableKeys
            | Self::Certificate(..) => None,
        };
        value.map(Cow::Borrowed)
    }

    /// The text that stands for it in a pattern; `None` when there is none that may.
    ///
    /// MQTT's wildcards are refused in every value: `topicfilter/${iot:ClientId}` shall not let
    /// a client that calls itself `#` subscribe to everything.
    pub(super) fn substitute<'s>(&self, subject: &'s Subject) -> Option<Cow<'s, str>> {
        let of_certificate = matches!(self, Self::Certificate(..) | Self::SerialNumber);
        let value = self.values(subject).into_iter().next()?;
        let wild = if of_certificate { &['+', '#', '*', '?', '$'][..] } else { &['+', '#'][..] };
        let too_long = of_certificate && value.chars().count() > MAX_VALUE_CHARS;
        (!too_long && !value.contains(wild)).then_some(value)
    }
}

impl fmt::Display for Variable {
    /// The name that [`parse`](Self::parse) reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_thing = "iot:Connection.Thing";
        match self {
            Self::ClientId => f.write_str("iot:ClientId"),
            Self::SourceIp => f.write_str("aws:SourceIp"),
            Self::IsAttached => write!(f, "{of_thing}.IsAttached"),
            Self::ThingName => write!(f, "{of_thing}.ThingName"),
            Self::ThingTypeName => write!(f, "{of_thing}.ThingTypeName"),
            Self::BillingGroupName => write!(f, "{of_thing}.BillingGroupName"),
            Self::ThingAttribute(name) => write!(f, "{of_thing}.Attributes[{name}]"),
            Self::SerialNumber => f.write_str("iot:Certificate.SerialNumber"),
            Self::AvailableKeys => f.write_str("iot:Certificate.AvailableKeys"),
            Self::Certificate(field, Pick::Nth(0)) => f.write_str(&field.name()),
            Self::Certificate(field, Pick::Nth(n)) => write!(f, "{}.{n}", field.name()),
            Self::Certificate(field, Pick::All) => write!(f, "{}.List", field.name()),
        }
    }
}

fn thing(fact: &str) -> Option<Variable> {
    Some(match fact {
        "ThingName" => Variable::ThingName,
        "ThingTypeName" => Variable::ThingTypeName,
        "IsAttached" => Variable::IsAttached,
        "BillingGroupName" => Variable::BillingGroupName,
        other => {
            let name = other.strip_prefix("Attributes[")?.strip_suffix(']')?;
            Variable::ThingAttribute(Some(name).filter(|name| !name.is_empty())?.to_owned())
        }
    })
}

fn certificate(path: &str) -> Option<Variable> {
    let alternative = ["Subject.AlternativeName.", "SubjectAlternativeName."]
        .into_iter()
        .find_map(|prefix| path.strip_prefix(prefix));
    let (field, suffix) = if let Some(rest) = alternative {
        let (kind, suffix) = split_suffix(rest);
        let at = ALTERNATIVE_NAMES.iter().position(|(name, other)| [*name, *other].contains(&kind));
        (Field::SubjectAlternativeName(at?), suffix)
    } else {
        let (holder, rest) = path.split_once('.')?;
        let (attribute, suffix) = split_suffix(rest);
        let at = NAME_ATTRIBUTES.iter().position(|name| *name == attribute)?;
        match holder {
            "Subject" => (Field::Subject(at), suffix),
            "Issuer" => (Field::Issuer(at), suffix),
            _ => return None,
        }
    };
    Some(Variable::Certificate(field, pick(suffix)?))
}

fn split_suffix(rest: &str) -> (&str, Option<&str>) {
    rest.split_once('.').map_or((rest, None), |(name, suffix)| (name, Some(suffix)))
}

fn pick(suffix: Option<&str>) -> Option<Pick> {
    match suffix {
        None => Some(Pick::Nth(0)),
        Some("List") => Some(Pick::All),
        Some(digits) => digits
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then_some(())
            .and_then(|()| digits.parse().ok().map(Pick::Nth)),
    }
}

fn picked<'s>(field: Field, pick: Pick, facts: &'s CertificateFacts) -> Vec<Cow<'s, str>> {
    let values = field.values(facts).iter().take(MAX_VALUES).map(String::as_str);
    let set = |value: &&str| !value.is_empty();
    match pick {
        Pick::All => values.filter(set).map(Cow::Borrowed).collect(),
        Pick::Nth(n) => values.skip(n).take(1).filter(set).map(Cow::Borrowed).collect(),
    }
}

impl Field {
    fn values(self, facts: &CertificateFacts) -> &[String] {
        let named = |map: &'_ BTreeMap<String, Vec<String>>, name: &str| -> bool {
            map.get(name).is_some_and(|values| !values.is_empty())
        };
        let of = |map, at: usize| lookup(map, NAME_ATTRIBUTES.get(at).copied());
        match self {
            Self::Subject(at) => of(&facts.subject, at),
            Self::Issuer(at) => of(&facts.issuer, at),
            Self::SubjectAlternativeName(at) => {
                let map = &facts.subject_alternative_name;
                let names = ALTERNATIVE_NAMES.get(at);
                let kind = names.map(|(name, other)| if named(map, name) { name } else { other });
                lookup(map, kind.copied())
            }
        }
    }

    fn name(self) -> String {
        let of = |at: usize| NAME_ATTRIBUTES.get(at).copied().unwrap_or_default();
        match self {
            Self::Subject(at) => format!("iot:Certificate.Subject.{}", of(at)),
            Self::Issuer(at) => format!("iot:Certificate.Issuer.{}", of(at)),
            Self::SubjectAlternativeName(at) => {
                let kind = ALTERNATIVE_NAMES.get(at).map(|(name, _)| *name).unwrap_or_default();
                format!("iot:Certificate.Subject.AlternativeName.{kind}")
            }
        }
    }
}

fn lookup<'f>(map: &'f BTreeMap<String, Vec<String>>, name: Option<&str>) -> &'f [String] {
    name.and_then(|name| map.get(name)).map_or(&[], Vec::as_slice)
}

/// The names of the certificate's variables that have values.
fn available_keys(facts: &CertificateFacts) -> Vec<Cow<'static, str>> {
    let attributes = 0..NAME_ATTRIBUTES.len();
    let serial = (!facts.serial_number.is_empty()).then(|| "iot:Certificate.SerialNumber".into());
    (attributes.clone().map(Field::Subject))
        .chain(attributes.map(Field::Issuer))
        .chain((0..ALTERNATIVE_NAMES.len()).map(Field::SubjectAlternativeName))
        .filter(|field| !field.values(facts).is_empty())
        .map(|field| field.name().into())
        .chain(serial)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_called_as_it_is_read() {
        for name in [
            "iot:ClientId",
            "aws:SourceIp",
            "iot:Connection.Thing.IsAttached",
            "iot:Connection.Thing.ThingName",
            "iot:Connection.Thing.ThingTypeName",
            "iot:Connection.Thing.BillingGroupName",
            "iot:Connection.Thing.Attributes[site]",
            "iot:Certificate.SerialNumber",
            "iot:Certificate.AvailableKeys",
            "iot:Certificate.Subject.CommonName",
            "iot:Certificate.Subject.CommonName.3",
            "iot:Certificate.Issuer.Organization.List",
            "iot:Certificate.Subject.AlternativeName.DNSName",
        ] {
            assert_eq!(Variable::parse(name).unwrap().to_string(), name);
        }
    }
}
