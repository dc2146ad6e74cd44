//! The parts of a CSR (RFC 2986 §4), borrowed from its octets.

use super::CsrError;
use crate::{
    der::{self, NotDer, Reader},
    public_key::{Hash, KeyAlgorithm},
};

/// What a CSR consists of.
pub(super) struct Fields<'a> {
    /// The CertificationRequestInfo, which is what the signature covers.
    pub(super) info: &'a [u8],
    /// The content of the subject Name.
    subject: &'a [u8],
    /// The SubjectPublicKeyInfo.
    pub(super) spki: &'a [u8],
    /// The content of the attributes.
    pub(super) attributes: &'a [u8],
    /// The content of the signature's AlgorithmIdentifier.
    signature_algorithm: &'a [u8],
    pub(super) signature: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn read(csr: &'a [u8]) -> Result<Self, CsrError> {
        let at = |at| move |NotDer| CsrError::Malformed { at };
        let mut csr = der::only(csr, der::SEQUENCE).map_err(at("the whole"))?.inside();
        let info = csr.expect(der::SEQUENCE).map_err(at("the request info"))?;
        let algorithm = csr.expect(der::SEQUENCE).map_err(at("the signature algorithm"))?;
        let signature = csr.whole_octet_bits().map_err(at("the signature"))?;
        csr.finish().map_err(at("the signature"))?;

        let mut parts = info.inside();
        let version = parts.expect(der::INTEGER).map_err(at("the version"))?;
        if version.content != [0] {
            return Err(CsrError::Malformed { at: "the version" });
        }
        let subject = parts.expect(der::SEQUENCE).map_err(at("the subject"))?;
        let spki = parts.expect(der::SEQUENCE).map_err(at("the public key"))?;
        let attributes = parts.expect(der::CONTEXT_0).map_err(at("the attributes"))?;
        parts.finish().map_err(at("the attributes"))?;
        Ok(Self {
            info: info.raw,
            subject: subject.content,
            spki: spki.raw,
            attributes: attributes.content,
            signature_algorithm: algorithm.content,
            signature,
        })
    }

    /// The hash of the signature's algorithm, when that algorithm is one for this kind of key.
    pub(super) fn hash(&self, key: KeyAlgorithm) -> Option<Hash> {
        let mut parts = Reader::new(self.signature_algorithm);
        let oid = parts.expect(der::OID).ok()?.content;
        let rsa = matches!(key, KeyAlgorithm::Rsa { .. });
        // RFC 4055 §5 wants NULL after an RSA algorithm, RFC 5758 §3.2 nothing after ECDSA.
        if rsa && !parts.expect(der::NULL).ok()?.content.is_empty() {
            return None;
        }
        parts.finish().ok()?;
        let known = if rsa { &RSA_HASHES } else { &ECDSA_HASHES };
        known.iter().find(|(known, _)| *known == oid).map(|(_, hash)| *hash)
    }

    /// Every common name of the subject.
    ///
    /// Only the ASCII-compatible string types are understood; another is not DER for us, since
    /// it could spell a name in a way that cannot be compared.
    pub(super) fn common_names(&self) -> Result<Vec<&'a [u8]>, NotDer> {
        let mut names = Vec::new();
        let mut rdns = Reader::new(self.subject);
        while !rdns.is_empty() {
            let mut attributes = rdns.expect(der::SET)?.inside();
            while !attributes.is_empty() {
                names.extend(common_name(attributes.expect(der::SEQUENCE)?.inside())?);
            }
        }
        Ok(names)
    }
}

const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const IA5_STRING: u8 = 0x16;
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

fn common_name<'a>(mut attribute: Reader<'a>) -> Result<Option<&'a [u8]>, NotDer> {
    let oid = attribute.expect(der::OID)?.content;
    let value = attribute.any()?;
    attribute.finish()?;
    match (oid, value.tag) {
        (COMMON_NAME, UTF8_STRING | PRINTABLE_STRING | IA5_STRING) => Ok(Some(value.content)),
        (COMMON_NAME, _) => Err(NotDer),
        _ => Ok(None),
    }
}

// RFC 5758 §3.2.
const ECDSA_HASHES: [(&[u8], Hash); 3] = [
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02], Hash::Sha256),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03], Hash::Sha384),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04], Hash::Sha512),
];
// RFC 4055 §5.
const RSA_HASHES: [(&[u8], Hash); 3] = [
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b], Hash::Sha256),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c], Hash::Sha384),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d], Hash::Sha512),
];
