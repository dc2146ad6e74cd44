//! What a CSR asks for beyond a certificate (extensionRequest, RFC 2985 §5.4.2), and what of it
//! is refused.
//!
//! Refused: being an authority, signing certificates or CRLs, any purpose but client
//! authentication, another thing's URI. Everything else (key identifiers, alternative names,
//! other usages, challenge passwords) is let pass and ignored.

use super::{CsrError, Expectation, wrong_subject};
use crate::{
    der::{self, NotDer, Reader},
    profile::THING_URI_PREFIX,
};

const EXTENSION_REQUEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e];
/// Microsoft's own OID for the same thing, 1.3.6.1.4.1.311.2.1.14.
const EXTENSION_REQUEST_MS: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x0e];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const CLIENT_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02];
const URI_TAG: u8 = 0x86;

impl From<NotDer> for CsrError {
    fn from(_: NotDer) -> Self {
        Self::Malformed { at: "the attributes" }
    }
}

/// Checks the attributes, given their content.
pub(super) fn check(attributes: &[u8], expectation: &Expectation<'_>) -> Result<(), CsrError> {
    let mut attributes = Reader::new(attributes);
    while !attributes.is_empty() {
        let mut attribute = attributes.expect(der::SEQUENCE)?.inside();
        let oid = attribute.expect(der::OID)?.content;
        let mut values = attribute.expect(der::SET)?.inside();
        attribute.finish()?;
        if oid == EXTENSION_REQUEST || oid == EXTENSION_REQUEST_MS {
            let extensions = values.expect(der::SEQUENCE)?.inside();
            values.finish()?;
            check_extensions(extensions, expectation)?;
        }
    }
    Ok(())
}

fn check_extensions(mut all: Reader<'_>, expectation: &Expectation<'_>) -> Result<(), CsrError> {
    while !all.is_empty() {
        let mut extension = all.expect(der::SEQUENCE)?.inside();
        let oid = extension.expect(der::OID)?.content;
        extension.default_false()?;
        let value = extension.expect(der::OCTET_STRING)?.content;
        extension.finish()?;
        match oid {
            BASIC_CONSTRAINTS => check_constraints(value)?,
            KEY_USAGE => check_usage(value)?,
            EXTENDED_KEY_USAGE => check_purposes(value)?,
            SUBJECT_ALT_NAME => check_names(value, expectation)?,
            _ => {}
        }
    }
    Ok(())
}

fn check_constraints(value: &[u8]) -> Result<(), CsrError> {
    if der::only(value, der::SEQUENCE)?.inside().default_false()? {
        return Err(CsrError::ForbiddenRequest { what: "being an authority (CA:TRUE)" });
    }
    Ok(())
}

/// keyCertSign is bit 5 and cRLSign bit 6, counted from the first octet's top (RFC 5280 §4.2.1.3).
fn check_usage(value: &[u8]) -> Result<(), CsrError> {
    let bits = der::only(value, der::BIT_STRING)?.content;
    let usages = bits.get(1).copied().unwrap_or(0);
    if usages & 0b0000_0110 != 0 {
        return Err(CsrError::ForbiddenRequest {
            what: "signing certificates or CRLs (key usage)",
        });
    }
    Ok(())
}

fn check_purposes(value: &[u8]) -> Result<(), CsrError> {
    let mut purposes = der::only(value, der::SEQUENCE)?.inside();
    while !purposes.is_empty() {
        if purposes.expect(der::OID)?.content != CLIENT_AUTH {
            let what = "a purpose other than client authentication (extended key usage)";
            return Err(CsrError::ForbiddenRequest { what });
        }
    }
    Ok(())
}

fn check_names(value: &[u8], expectation: &Expectation<'_>) -> Result<(), CsrError> {
    let mut names = der::only(value, der::SEQUENCE)?.inside();
    while !names.is_empty() {
        let name = names.any()?;
        let thing = name.content.strip_prefix(THING_URI_PREFIX.as_bytes());
        if let (URI_TAG, Some(thing), Some(expected)) = (name.tag, thing, expectation.common_name)
            && thing != expected.as_bytes()
        {
            return Err(wrong_subject(thing, expected));
        }
    }
    Ok(())
}
