//! How large and how costly a rule may be.

/// The longest SQL statement, in bytes.
pub const MAX_SQL_LEN: usize = 16_384;
/// The longest parameter with substitution templates, in bytes.
pub const MAX_TEMPLATE_LEN: usize = 8_192;
/// The largest outgoing payload and the longest filled-in parameter, in bytes: a message's limit.
pub const MAX_OUTGOING_LEN: usize = 131_072;
/// How deep expressions and queries may be nested.
pub const MAX_NESTING: usize = 32;
/// The longest regular expression, in bytes.
pub const MAX_REGEX_LEN: usize = 1_024;
/// How large a regular expression may become when it is compiled, in bytes.
pub(super) const MAX_REGEX_SIZE: usize = 1 << 18;
/// How deep a payload's arrays and objects may be nested.
pub(super) const MAX_JSON_DEPTH: usize = 127;
/// How much work one message may cost one rule: an expression evaluated, an entry of an array
/// visited and eight bytes of text made are a step each.
pub(super) const MAX_STEPS: usize = 1_000_000;
/// What it costs to compile a regular expression that comes out of the message.
pub(super) const REGEX_STEPS: usize = 20_000;
