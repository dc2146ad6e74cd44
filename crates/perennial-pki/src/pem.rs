//! PEM (RFC 7468), read strictly and written in lines of 64.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

/// Why a text is not the PEM it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// There is no `-----BEGIN …-----` line.
    #[error("there is no PEM block: a line -----BEGIN {wanted}----- is missing")]
    NoBlock {
        /// The label that was looked for.
        wanted: &'static str,
    },
    /// There are several blocks where one is wanted.
    #[error("there are several PEM blocks: send one {wanted} and nothing else")]
    SeveralBlocks {
        /// The label that was looked for.
        wanted: &'static str,
    },
    /// The block is something else.
    #[error("the PEM block is a {found:?}, not a {wanted}")]
    OtherLabel {
        /// The label that was looked for.
        wanted: &'static str,
        /// The label that was there, at most 40 characters of it.
        found: String,
    },
    /// The `-----END …-----` line is missing or names another label.
    #[error("the PEM block {label:?} has no -----END line of its own: is the text cut short?")]
    Unended {
        /// The block's label.
        label: String,
    },
    /// What is between the lines is not base64.
    #[error("the PEM block {label:?} holds something that is not base64")]
    NotBase64 {
        /// The block's label.
        label: String,
    },
}

/// One block.
pub(crate) struct Block<'a> {
    pub(crate) label: &'a str,
    pub(crate) contents: Zeroizing<Vec<u8>>,
}

/// The certificates in `text`, in their order; at least one.
///
/// # Errors
/// [`PemError`] when there is none, or a block that is no certificate.
pub fn certificates_from_pem(text: &str) -> Result<Vec<CertificateDer<'static>>, PemError> {
    const WANTED: &str = "CERTIFICATE";
    let mut certificates = Vec::new();
    for block in blocks(text)? {
        labelled(&block, &[WANTED], WANTED)?;
        certificates.push(CertificateDer::from(block.contents.to_vec()));
    }
    if certificates.is_empty() {
        return Err(PemError::NoBlock { wanted: WANTED });
    }
    Ok(certificates)
}

/// The one certificate in `text`, with nothing beside it.
///
/// # Errors
/// [`PemError`] when there is none, there are several, or a block is no certificate.
pub fn certificate_from_pem(text: &str) -> Result<CertificateDer<'static>, PemError> {
    let block = only_block(text, &["CERTIFICATE"], "CERTIFICATE")?;
    Ok(CertificateDer::from(block.contents.to_vec()))
}

/// A certificate's DER as PEM.
pub fn pem_of_certificate(der: &[u8]) -> String {
    encode("CERTIFICATE", der).to_string()
}

/// The one block of `text`, which must have one of `labels`, the first being its usual name.
pub(crate) fn only_block<'a>(
    text: &'a str,
    labels: &[&'static str],
    wanted: &'static str,
) -> Result<Block<'a>, PemError> {
    let mut blocks = blocks(text)?.into_iter();
    let block = blocks.next().ok_or(PemError::NoBlock { wanted })?;
    if blocks.next().is_some() {
        return Err(PemError::SeveralBlocks { wanted });
    }
    labelled(&block, labels, wanted)?;
    Ok(block)
}

fn labelled(block: &Block<'_>, labels: &[&str], wanted: &'static str) -> Result<(), PemError> {
    if labels.contains(&block.label) {
        return Ok(());
    }
    Err(PemError::OtherLabel { wanted, found: shown(block.label) })
}

/// Every block of `text`; what stands outside of blocks is explanation (RFC 7468 §5.2).
pub(crate) fn blocks(text: &str) -> Result<Vec<Block<'_>>, PemError> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().map(str::trim_end);
    while let Some(line) = lines.next() {
        if let Some(label) = boundary(line, "-----BEGIN ") {
            blocks.push(Block { label, contents: body(label, &mut lines)? });
        }
    }
    Ok(blocks)
}

fn body<'a>(
    label: &str,
    lines: &mut impl Iterator<Item = &'a str>,
) -> Result<Zeroizing<Vec<u8>>, PemError> {
    let mut digits = Zeroizing::new(Vec::with_capacity(2048));
    for line in lines {
        if line.starts_with("-----") {
            if boundary(line, "-----END ") != Some(label) {
                break;
            }
            let contents = STANDARD.decode(digits.as_slice()).map(Zeroizing::new);
            return contents.map_err(|_| PemError::NotBase64 { label: shown(label) });
        }
        digits.extend(line.bytes().filter(|byte| !byte.is_ascii_whitespace()));
    }
    Err(PemError::Unended { label: shown(label) })
}

fn boundary<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    line.strip_prefix(start)?.strip_suffix("-----")
}

/// At most 40 characters of what a stranger sent, to be shown in an error.
fn shown(label: &str) -> String {
    label.chars().take(40).collect()
}

/// `contents` as one block; wiped when dropped, since it may hold a key.
pub(crate) fn encode(label: &str, contents: &[u8]) -> Zeroizing<String> {
    let digits = Zeroizing::new(STANDARD.encode(contents));
    let mut text = String::with_capacity(digits.len() + digits.len() / 64 + 2 * label.len() + 40);
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    let mut rest = digits.as_str();
    while !rest.is_empty() {
        // Base64 is ASCII, so every index is a character's boundary.
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    Zeroizing::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_reads_back() {
        for len in [0, 1, 47, 48, 49, 500] {
            let contents = vec![7; len];

            let text = encode("CERTIFICATE", &contents);

            let block = only_block(&text, &["CERTIFICATE"], "CERTIFICATE").unwrap();
            assert_eq!(*block.contents, contents);
            assert!(text.lines().all(|line| line.len() <= 64));
        }
    }

    #[test]
    fn every_misshape_has_its_own_error() {
        let error = |text: &str| only_block(text, &["X"], "X").map(|_| ()).unwrap_err();

        assert!(matches!(error("hello"), PemError::NoBlock { .. }));
        assert!(matches!(error("-----BEGIN X-----\nAAAA"), PemError::Unended { .. }));
        assert!(matches!(
            error("-----BEGIN X-----\nAAAA\n-----END Y-----"),
            PemError::Unended { .. }
        ));
        assert!(matches!(
            error("-----BEGIN X-----\nA*AA\n-----END X-----"),
            PemError::NotBase64 { .. }
        ));
        assert!(matches!(
            error("-----BEGIN Y-----\nAAAA\n-----END Y-----"),
            PemError::OtherLabel { .. }
        ));
        let twice = "-----BEGIN X-----\nAAAA\n-----END X-----\n".repeat(2);
        assert!(matches!(error(&twice), PemError::SeveralBlocks { .. }));
    }
}
